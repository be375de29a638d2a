//! An SMS, as a form of the SMS API or as JSON of the Messages API.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    channels::{by_country, provider::Message},
    domain::gsm7,
};

/// How long Vonage may be told to keep a message that it could not hand on yet, in milliseconds.
const VALIDITY: (u128, u128) = (20_000, 604_800_000);

/// What is told of SMS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Who the message comes from, by country of the recipient, and `default` for all others: a number
    /// (`+447700900001`), a short code (`12345`) or a sender name (`ACME`).
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// Which of Vonage's APIs sends it: `sms` or `messages`.
    #[serde(default)]
    pub(super) api: SmsApi,
}

/// Which of Vonage's APIs sends an SMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::channels::kinds) enum SmsApi {
    /// The SMS API, with the account's key and secret.
    #[default]
    Sms,
    /// The Messages API, as an application or with the account's key and secret.
    Messages,
}

/// The form of the SMS API, which carries the credentials.
pub(super) fn form(
    message: &Message,
    sender: &str,
    (key, secret): (&str, &SecretString),
) -> String {
    let text = message.text.expose();
    let coding = if gsm7::carries(text) {
        "text"
    } else {
        "unicode"
    };
    form_urlencoded::Serializer::new(String::with_capacity(256 + 2 * text.len()))
        .append_pair("api_key", key)
        .append_pair("api_secret", secret.expose_secret())
        .append_pair("from", sender)
        .append_pair("to", message.to.expose_e164().trim_start_matches('+'))
        .append_pair("text", text)
        .append_pair("type", coding)
        .append_pair("ttl", &validity(message).to_string())
        .append_pair("client-ref", &message.attempt.to_string())
        .finish()
}

/// The same for the Messages API, which counts in seconds.
pub(super) fn body(message: &Message, sender: &str) -> Value {
    json!({
        "channel": "sms",
        "message_type": "text",
        "to": message.to.expose_e164().trim_start_matches('+'),
        "from": sender,
        "text": message.text.expose(),
        "client_ref": message.attempt.to_string(),
        "ttl": u64::try_from(validity(message) / 1000).unwrap_or(u64::MAX),
        "sms": { "encoding_type": "auto" },
    })
}

/// A message that would arrive after its code has expired is not to be sent at all; Vonage wants to keep it a while.
fn validity(message: &Message) -> u128 {
    let (least, most) = VALIDITY;
    message.valid_for.as_millis().clamp(least, most)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    fn message(text: &str) -> Message {
        fixture::message(Channel::Sms, "+447400123456", text)
    }

    fn form_of(message: &Message) -> String {
        let secret = SecretString::from("s3cr&t");
        form(message, "A&B", ("abcd1234", &secret))
    }

    #[test]
    fn a_form_carries_credentials_and_text() {
        insta::assert_snapshot!(form_of(&message("Your <code> & 482913")), @"api_key=abcd1234&api_secret=s3cr%26t&from=A%26B&to=447400123456&text=Your+%3Ccode%3E+%26+482913&type=text&ttl=299900&client-ref=att_07070707070707070707070707070707-1");
    }

    #[test]
    fn a_text_outside_the_gsm_alphabet_says_so() {
        assert!(form_of(&message("Ihr Code für €: 482913")).contains("&type=text&"));
        assert!(form_of(&message("確認コード 482913")).contains("&type=unicode&"));
    }

    #[test]
    fn a_message_is_not_kept_beyond_its_code() {
        let check = |life: Duration, millis: &str, seconds: u64| {
            let mut message = message("x");
            message.valid_for = life;
            assert!(form_of(&message).contains(&format!("&ttl={millis}&")));
            assert_eq!(body(&message, "ACME")["ttl"], seconds);
        };
        check(Duration::ZERO, "20000", 20);
        check(Duration::from_millis(299_900), "299900", 299);
        check(Duration::MAX, "604800000", 604_800);
    }

    #[test]
    fn a_body_of_the_messages_api() {
        let body = body(&message("Your \"code\": 482913"), "447700900001");
        insta::assert_snapshot!(format!("{body:#}"), @r#"
        {
          "channel": "sms",
          "client_ref": "att_07070707070707070707070707070707-1",
          "from": "447700900001",
          "message_type": "text",
          "sms": {
            "encoding_type": "auto"
          },
          "text": "Your \"code\": 482913",
          "to": "447400123456",
          "ttl": 299
        }
        "#);
    }
}
