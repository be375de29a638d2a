//! A WhatsApp message as JSON of the Messages API: by an approved template, or as text inside an open session.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::senders;
use crate::channels::{
    by_country::{self, ByCountry},
    by_locale,
    kind::BuildError,
    provider::{Message, SendError},
    whatsapp::{Mode, Policy, Template, Wording},
};

/// What is told of WhatsApp.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Who the message comes from, by country of the recipient, and `default` for all others: the number of a WhatsApp
    /// sender (`+447700900001`).
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// How messages are worded: `template` or `session_text`.
    #[serde(default)]
    pub(super) mode: Mode,
    /// The authentication template by language, and `default` for all others.
    #[serde(default)]
    #[schemars(transform = by_locale::keys)]
    pub(super) templates: BTreeMap<String, Template>,
}

/// An account's WhatsApp.
pub(super) struct Whatsapp {
    pub(super) senders: ByCountry<String>,
    wording: Wording<Template>,
}

impl Whatsapp {
    /// Reads the settings.
    pub(super) fn parse(told: &Settings) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let senders = ByCountry::parse("whatsapp.senders", &told.senders, senders::number);
        let senders = problems.merge(senders);
        let wording = Wording::parse("whatsapp.", told.mode, &told.templates, Template::parse);
        let wording = problems.merge(wording);
        match (senders, wording) {
            (Some(senders), Some(wording)) => Ok(Self { senders, wording }),
            (_, _) => Err(problems),
        }
    }

    /// The body. A template with a button is no kind of template that Vonage knows, and goes through as it is.
    pub(super) fn body(&self, message: &Message, sender: &str) -> Result<Value, SendError> {
        let mut body = json!({
            "channel": "whatsapp",
            "to": message.to.expose_e164().trim_start_matches('+'),
            "from": sender,
            "client_ref": message.attempt.to_string(),
        });
        if let Some(template) = self.wording.template(message)? {
            let template = template.filled(&message.code, Some(Policy::Deterministic))?;
            body["message_type"] = json!("custom");
            body["custom"] = json!({ "type": "template", "template": template });
        } else {
            body["message_type"] = json!("text");
            body["text"] = json!(message.text.expose());
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    fn body(settings: Value) -> Value {
        let settings = serde_json::from_value(settings).unwrap();
        let whatsapp = Whatsapp::parse(&settings).unwrap();
        let message = fixture::message(Channel::Whatsapp, "+447400123456", "Your \"code\": 482913");
        let sender = whatsapp.senders.of(None).unwrap();
        whatsapp.body(&message, sender).unwrap()
    }

    #[test]
    fn a_template_with_its_button_goes_through_as_it_is() {
        let body = body(json!({
            "senders": { "default": "+447700900001" },
            "templates": { "default": { "name": "verification_code", "language": "en" } },
        }));
        insta::assert_snapshot!(format!("{body:#}"), @r#"
        {
          "channel": "whatsapp",
          "client_ref": "att_07070707070707070707070707070707-1",
          "custom": {
            "template": {
              "components": [
                {
                  "parameters": [
                    {
                      "text": "482913",
                      "type": "text"
                    }
                  ],
                  "type": "body"
                },
                {
                  "index": "0",
                  "parameters": [
                    {
                      "text": "482913",
                      "type": "text"
                    }
                  ],
                  "sub_type": "url",
                  "type": "button"
                }
              ],
              "language": {
                "code": "en",
                "policy": "deterministic"
              },
              "name": "verification_code"
            },
            "type": "template"
          },
          "from": "447700900001",
          "message_type": "custom",
          "to": "447400123456"
        }
        "#);
    }

    #[test]
    fn an_open_session_takes_the_text() {
        let senders = json!({ "default": "+447700900001" });
        let body = body(json!({ "senders": senders, "mode": "session_text" }));
        insta::assert_snapshot!(format!("{body:#}"), @r#"
        {
          "channel": "whatsapp",
          "client_ref": "att_07070707070707070707070707070707-1",
          "from": "447700900001",
          "message_type": "text",
          "text": "Your \"code\": 482913",
          "to": "447400123456"
        }
        "#);
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let told = json!({
            "senders": { "default": "ACME" },
            "templates": { "default": { "name": "", "language": "en" } },
        });
        let problems = Whatsapp::parse(&serde_json::from_value(told).unwrap())
            .err()
            .unwrap();
        let problems = problems.into_problems();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            ["whatsapp.senders.default", "whatsapp.templates.default"]
        );
    }
}
