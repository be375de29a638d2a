//! A call as JSON of the Voice API: a voice that speaks our sentence once, and hangs up.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::senders;
use crate::{
    channels::{
        by_country::{self, ByCountry},
        by_locale::{self, ByLocale},
        calls,
        kind::BuildError,
        provider::Message,
    },
    config::values::Span,
};

/// The longest that Vonage lets a phone ring.
const LONGEST_RING: Duration = Duration::from_mins(2);

/// The longest that Vonage lets a call last.
const LONGEST_CALL: Duration = Duration::from_hours(2);

/// What Vonage calls otherwise than others do.
const LANGUAGES: &[(&str, &str)] = &[("zh", "cmn-CN"), ("zh-CN", "cmn-CN"), ("zh-TW", "cmn-TW")];

/// What is told of calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Who calls, by country of the recipient, and `default` for all others: a number (`+447700900001`).
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// Who speaks, by language of the sentence, and `default` for all others; Vonage's own choice where left out.
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
    /// What Vonage calls the language, such as `ja-JP`; the sentence's own where left empty.
    pub(super) language: String,
    /// Which of the language's voices speaks.
    pub(super) style: u16,
    /// Whether it is the premium version of that voice.
    pub(super) premium: bool,
}

/// An account's calls.
pub(super) struct Voice {
    pub(super) senders: ByCountry<String>,
    voices: ByLocale<Speaker>,
    ring_timeout: Duration,
    longest_call: Duration,
}

impl Voice {
    /// Reads the settings.
    pub(super) fn parse(told: &Settings) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let senders = ByCountry::parse("voice.senders", &told.senders, senders::number);
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

    /// The body.
    pub(super) fn body(&self, message: &Message, sender: &str) -> Value {
        json!({
            "to": [{ "type": "phone", "number": message.to.expose_e164().trim_start_matches('+') }],
            "from": { "type": "phone", "number": sender },
            "ncco": [self.talk(message)],
            "ringing_timer": self.ring_timeout.as_secs(),
            "length_timer": self.longest_call.as_secs(),
        })
    }

    fn talk(&self, message: &Message) -> Value {
        // The sentence says the code twice already; no loop at all would be for ever.
        let mut talk = json!({ "action": "talk", "text": message.text.expose(), "loop": 1 });
        let speaker = self.voices.of(&message.language);
        let told = speaker.map(|speaker| speaker.language.as_str());
        let language = told
            .filter(|told| !told.is_empty())
            .unwrap_or_else(|| calls::language(&message.language, LANGUAGES));
        if !language.is_empty() {
            talk["language"] = json!(language);
        }
        if let Some(speaker) = speaker {
            talk["style"] = json!(speaker.style);
            talk["premium"] = json!(speaker.premium);
        }
        talk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    fn parse(settings: Value) -> Result<Voice, BuildError> {
        Voice::parse(&serde_json::from_value(settings).unwrap())
    }

    #[test]
    fn a_call_speaks_once_and_hangs_up() {
        let voice = parse(json!({ "senders": { "default": "+447700900001" } })).unwrap();
        let message = fixture::message(
            Channel::Voice,
            "+447400123456",
            "Your code is 4, 8. Again: 4, 8.",
        );
        let body = voice.body(&message, voice.senders.of(None).unwrap());
        insta::assert_snapshot!(format!("{body:#}"), @r#"
        {
          "from": {
            "number": "447700900001",
            "type": "phone"
          },
          "length_timer": 120,
          "ncco": [
            {
              "action": "talk",
              "language": "en-US",
              "loop": 1,
              "text": "Your code is 4, 8. Again: 4, 8."
            }
          ],
          "ringing_timer": 30,
          "to": [
            {
              "number": "447400123456",
              "type": "phone"
            }
          ]
        }
        "#);
    }

    #[test]
    fn the_language_chooses_who_speaks() {
        let settings = json!({
            "senders": { "default": "+447700900001" },
            "voices": { "ja": { "style": 2, "premium": true }, "pt": { "language": "pt-PT" } },
        });
        let voice = parse(settings).unwrap();
        let check = |language: &str, expect: Value| {
            let mut message = fixture::message(Channel::Voice, "+447400123456", "x");
            message.language = language.to_owned();
            let mut talk = voice.talk(&message);
            assert_eq!(talk["loop"], 1);
            talk.as_object_mut()
                .unwrap()
                .retain(|key, _| !matches!(key.as_str(), "action" | "text" | "loop"));
            assert_eq!(talk, expect, "{language}");
        };
        check(
            "ja",
            json!({ "language": "ja-JP", "style": 2, "premium": true }),
        );
        check(
            "pt-BR",
            json!({ "language": "pt-PT", "style": 0, "premium": false }),
        );
        check("zh", json!({ "language": "cmn-CN" }));
        check("zh-cn", json!({ "language": "cmn-CN" }));
        check("en-GB", json!({ "language": "en-GB" }));
        check("", json!({}));
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let told = json!({
            "senders": { "default": "ACME" },
            "voices": { "j": {} },
            "ring_timeout": "121s",
            "longest_call": "0s",
        });
        let problems = parse(told).err().unwrap().into_problems();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        let expect = [
            "voice.senders.default",
            "voice.voices.j",
            "voice.ring_timeout",
            "voice.longest_call",
        ];
        assert_eq!(paths, expect);
    }
}
