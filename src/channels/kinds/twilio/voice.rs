//! A call as a form of Twilio's Calls API: a voice that speaks our sentence, and hangs up.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use url::form_urlencoded;

use super::senders::Sender;
use crate::{
    channels::{
        by_country::{self, ByCountry},
        by_locale::{self, ByLocale},
        calls,
        kind::BuildError,
        provider::Message,
        xml,
    },
    config::values::Span,
};

/// The longest that Twilio lets a phone ring.
const LONGEST_RING: Duration = Duration::from_mins(10);

/// The longest that Twilio lets a call last.
const LONGEST_CALL: Duration = Duration::from_hours(24);

/// What Twilio calls otherwise than others do.
const LANGUAGES: &[(&str, &str)] = &[("zh", "zh-CN")];

/// What is told of calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Who calls, by country of the recipient, and `default` for all others: a number of the account, or one that it
    /// has verified.
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// Who speaks, by language of the sentence, and `default` for all others; Twilio's own choice where left out.
    #[serde(default)]
    #[schemars(transform = by_locale::keys)]
    pub(super) voices: BTreeMap<String, Speaker>,
    /// How long the phone rings.
    #[serde(default = "calls::ring_timeout")]
    pub(super) ring_timeout: Span,
    /// When the call is ended, whatever it is doing.
    #[serde(default = "calls::longest_call")]
    pub(super) longest_call: Span,
}

/// Who speaks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::channels::kinds) struct Speaker {
    /// A voice by Twilio's name, such as `Polly.Takumi`; its own choice for the language where left empty.
    pub(super) voice: String,
    /// What Twilio calls the language, such as `ja-JP`; the sentence's own where left empty.
    pub(super) language: String,
}

/// An account's calls.
pub(super) struct Voice {
    pub(super) senders: ByCountry<Sender>,
    voices: ByLocale<Speaker>,
    ring_timeout: Duration,
    longest_call: Duration,
}

impl Voice {
    /// Reads the settings.
    pub(super) fn parse(told: &Settings) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let senders = ByCountry::parse("voice.senders", &told.senders, Sender::of_calls);
        let senders = problems.merge(senders);
        let own = |speaker: &Speaker| Ok::<_, &str>(speaker.clone());
        let voices = problems.merge(ByLocale::parse("voice.voices", &told.voices, own));
        let ring = calls::within(told.ring_timeout, LONGEST_RING);
        let ring = problems.keep("voice.ring_timeout", ring);
        let call = calls::within(told.longest_call, LONGEST_CALL);
        let call = problems.keep("voice.longest_call", call);
        let (Some(senders), Some(voices), Some(ring_timeout), Some(longest_call)) =
            (senders, voices, ring, call)
        else {
            return Err(problems);
        };
        Ok(Self {
            senders,
            voices,
            ring_timeout,
            longest_call,
        })
    }

    /// The form.
    pub(super) fn form(&self, message: &Message, sender: &Sender) -> String {
        let spoken = self.document(message);
        form_urlencoded::Serializer::new(String::with_capacity(192 + 2 * spoken.len()))
            .append_pair("To", &message.to.expose_e164())
            .append_pair(sender.field(), sender.value())
            .append_pair("Twiml", &spoken)
            .append_pair("Timeout", &self.ring_timeout.as_secs().to_string())
            .append_pair("TimeLimit", &self.longest_call.as_secs().to_string())
            .finish()
    }

    /// What the call does: it waits until the phone is at the ear, and speaks.
    fn document(&self, message: &Message) -> String {
        let speaker = self.voices.of(&message.language);
        let told = speaker.map(|speaker| speaker.language.as_str());
        let language = told
            .filter(|told| !told.is_empty())
            .unwrap_or_else(|| calls::language(&message.language, LANGUAGES));
        let voice = speaker.map_or("", |speaker| speaker.voice.as_str());
        let mut says = String::new();
        for (name, value) in [("language", language), ("voice", voice)] {
            if !value.is_empty() {
                says = format!("{says} {name}=\"{}\"", xml::escape(value));
            }
        }
        let text = xml::escape(message.text.expose());
        format!("<Response><Pause length=\"1\"/><Say{says}>{text}</Say></Response>")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        channels::kinds::contract::fixture,
        domain::{channel::Channel, privacy::Private},
    };

    fn parse(settings: Value) -> Result<Voice, BuildError> {
        Voice::parse(&serde_json::from_value(settings).unwrap())
    }

    fn message(language: &str, text: &str) -> Message {
        let mut message = fixture::message(Channel::Voice, "+14155552671", text);
        message.language = language.to_owned();
        message
    }

    #[test]
    fn a_call_is_a_form_with_its_document() {
        let settings = json!({ "senders": { "default": "+15005550006" }, "ring_timeout": "25s" });
        let voice = parse(settings).unwrap();
        let message = message("en-US", "Your code is 4, 8. Again: 4, 8.");
        let sender = voice.senders.of(None).unwrap();
        insta::assert_snapshot!(voice.form(&message, sender), @"To=%2B14155552671&From=%2B15005550006&Twiml=%3CResponse%3E%3CPause+length%3D%221%22%2F%3E%3CSay+language%3D%22en-US%22%3EYour+code+is+4%2C+8.+Again%3A+4%2C+8.%3C%2FSay%3E%3C%2FResponse%3E&Timeout=25&TimeLimit=120");
    }

    #[test]
    fn the_language_chooses_who_speaks() {
        let settings = json!({
            "senders": { "default": "+15005550006" },
            "voices": {
                "ja": { "voice": "Polly.Takumi" },
                "pt": { "language": "pt-PT" },
                "fr-CA": { "voice": "\"<&>", "language": "fr-CA\n" },
            },
        });
        let voice = parse(settings).unwrap();
        let says = |language: &str| {
            let document = voice.document(&message(language, "x"));
            let (_, says) = document.split_once("<Say").unwrap();
            says.split_once(">x<").unwrap().0.trim().to_owned()
        };
        assert_eq!(says("ja"), r#"language="ja-JP" voice="Polly.Takumi""#);
        assert_eq!(says("ja-JP"), r#"language="ja-JP" voice="Polly.Takumi""#);
        assert_eq!(says("pt"), r#"language="pt-PT""#);
        assert_eq!(says("pt-BR"), r#"language="pt-PT""#);
        assert_eq!(says("de"), r#"language="de-DE""#);
        assert_eq!(says("de-AT"), r#"language="de-AT""#);
        assert_eq!(says(""), "");
        let odd = r#"language="fr-CA&#10;" voice="&quot;&lt;&amp;&gt;""#;
        assert_eq!(says("fr-CA"), odd);
    }

    #[test]
    fn no_text_ends_its_sentence() {
        let voice = parse(json!({ "senders": { "default": "+15005550006" } })).unwrap();
        let mut message = message("en", "");
        message.text = Private::new("</Say><Dial>+1</Dial> \"Jo\" & 'Al' 🔑\r\n");
        insta::assert_snapshot!(voice.document(&message), @r#"
        <Response><Pause length="1"/><Say language="en-US">&lt;/Say&gt;&lt;Dial&gt;+1&lt;/Dial&gt; &quot;Jo&quot; &amp; &apos;Al&apos; 🔑&#13;&#10;</Say></Response>
        "#);
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let check = |settings: Value, expect: &[&str]| {
            let problems = parse(settings).err().map(BuildError::into_problems);
            let problems = problems.unwrap_or_default();
            let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, expect, "{problems:?}");
        };
        let senders = json!({ "default": "+15005550006" });
        check(
            json!({ "senders": { "default": "ACME", "GB": "12345" } }),
            &["voice.senders.GB", "voice.senders.default"],
        );
        check(json!({ "senders": {} }), &["voice.senders"]);
        let times = json!({ "senders": senders, "ring_timeout": "0s", "longest_call": "25h" });
        check(times, &["voice.ring_timeout", "voice.longest_call"]);
        check(
            json!({ "senders": senders, "ring_timeout": "601s" }),
            &["voice.ring_timeout"],
        );
        check(
            json!({ "senders": senders, "voices": { "j": {} } }),
            &["voice.voices.j"],
        );
    }
}
