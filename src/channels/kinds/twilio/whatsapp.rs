//! A WhatsApp message as a form of Twilio's Messages API: by content template, or as text inside an open session.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::{senders::Sender, settings::is_sid};
use crate::channels::{
    by_country::{self, ByCountry},
    by_locale,
    kind::BuildError,
    provider::{Message, SendError},
    whatsapp::{Mode, Wording},
};

/// What is told of WhatsApp.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Who the message comes from, by country of the recipient, and `default` for all others: the number of a WhatsApp
    /// sender (`+15005550006`) or a messaging service (`MG…`).
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// How messages are worded: `template` or `session_text`.
    #[serde(default)]
    pub(super) mode: Mode,
    /// The content template by language, and `default` for all others: `HX` and 32 hexadecimal digits. Its one variable
    /// is the code.
    #[serde(default)]
    #[schemars(transform = by_locale::keys)]
    pub(super) templates: BTreeMap<String, String>,
}

/// An account's WhatsApp.
pub(super) struct Whatsapp {
    pub(super) senders: ByCountry<Sender>,
    wording: Wording<String>,
}

impl Whatsapp {
    /// Reads the settings.
    pub(super) fn parse(told: &Settings) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let senders = ByCountry::parse("whatsapp.senders", &told.senders, Sender::of_whatsapp);
        let senders = problems.merge(senders);
        let wording = Wording::parse("whatsapp.", told.mode, &told.templates, |text| {
            template(text)
        });
        let wording = problems.merge(wording);
        match (senders, wording) {
            (Some(senders), Some(wording)) => Ok(Self { senders, wording }),
            (_, _) => Err(problems),
        }
    }

    /// The form.
    pub(super) fn form(&self, message: &Message, sender: &Sender) -> Result<String, SendError> {
        let template = self.wording.template(message)?;
        let text = message.text.expose();
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(192 + text.len()));
        form.append_pair("To", &address(&message.to.expose_e164()));
        match sender {
            Sender::From(number) => form.append_pair(sender.field(), &address(number)),
            Sender::Service(service) => form.append_pair(sender.field(), service),
        };
        match template {
            None => form.append_pair("Body", text),
            Some(template) => {
                let variables = json!({ "1": message.code.expose() }).to_string();
                form.append_pair("ContentSid", template)
                    .append_pair("ContentVariables", &variables)
            }
        };
        Ok(form.finish())
    }
}

/// A number as an address on WhatsApp.
fn address(number: &str) -> String {
    format!("whatsapp:{number}")
}

fn template(text: &str) -> Result<String, &'static str> {
    let good = is_sid(text, "HX");
    good.then(|| text.to_owned())
        .ok_or("is no content template: HX and 32 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    const DEFAULT: &str = "HX00000000000000000000000000000001";
    const JAPANESE: &str = "HX00000000000000000000000000000002";
    const SERVICE: &str = "MG00000000000000000000000000000003";

    fn parse(settings: Value) -> Result<Whatsapp, BuildError> {
        Whatsapp::parse(&serde_json::from_value(settings).unwrap())
    }

    fn form(settings: Value, to: &str, locale: &str) -> Result<String, SendError> {
        let whatsapp = parse(settings).unwrap();
        let mut message = fixture::message(Channel::Whatsapp, to, "Ihr <Code> & 482913");
        message.locale = locale.to_owned();
        let sender = whatsapp.senders.of(message.to.country()).unwrap();
        whatsapp.form(&message, sender)
    }

    #[test]
    fn a_template_carries_the_code_in_its_one_variable() {
        let settings = json!({
            "senders": { "default": "+14155238886", "JP": SERVICE },
            "templates": { "default": DEFAULT, "ja": JAPANESE },
        });
        let form = |to, locale| form(settings.clone(), to, locale).unwrap();
        insta::assert_snapshot!(form("+14155552671", "de-CH"), @"To=whatsapp%3A%2B14155552671&From=whatsapp%3A%2B14155238886&ContentSid=HX00000000000000000000000000000001&ContentVariables=%7B%221%22%3A%22482913%22%7D");
        insta::assert_snapshot!(form("+819012345678", "ja-JP"), @"To=whatsapp%3A%2B819012345678&MessagingServiceSid=MG00000000000000000000000000000003&ContentSid=HX00000000000000000000000000000002&ContentVariables=%7B%221%22%3A%22482913%22%7D");
    }

    #[test]
    fn an_open_session_takes_the_text() {
        let settings = json!({ "senders": { "default": "+14155238886" }, "mode": "session_text" });
        let form = form(settings, "+14155552671", "de").unwrap();
        insta::assert_snapshot!(form, @"To=whatsapp%3A%2B14155552671&From=whatsapp%3A%2B14155238886&Body=Ihr+%3CCode%3E+%26+482913");
    }

    #[test]
    fn a_language_without_a_template_is_not_asked_for() {
        let settings =
            json!({ "senders": { "default": SERVICE }, "templates": { "ja": JAPANESE } });
        assert!(form(settings.clone(), "+14155552671", "ja").is_ok());
        let problem = form(settings, "+14155552671", "de").unwrap_err();
        assert_eq!(problem.code, "no_template");
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let check = |settings: Value, expect: &[&str]| {
            let problems = parse(settings).err().map(BuildError::into_problems);
            let problems = problems.unwrap_or_default();
            let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, expect, "{problems:?}");
        };
        let (senders, templates) = ("whatsapp.senders.default", "whatsapp.templates");
        check(
            json!({ "senders": { "default": "ACME" } }),
            &[senders, templates],
        );
        check(
            json!({ "senders": { "default": "whatsapp:+14155238886" } }),
            &[senders, templates],
        );
        let wrong =
            json!({ "senders": { "default": SERVICE }, "templates": { "default": SERVICE } });
        check(wrong, &["whatsapp.templates.default"]);
        let both = json!({
            "senders": {},
            "mode": "session_text",
            "templates": { "default": DEFAULT },
        });
        check(both, &["whatsapp.senders", templates]);
    }
}
