//! What a template may say of a message, by name, and worked out only when it is asked for.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use minijinja::value::{Object, Value};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::{
    channels::provider::Message,
    config::secret::Secret,
    domain::{
        channel::Channel,
        id::{AttemptId, DeliveryId},
        passcode::Passcode,
        phone::PhoneNumber,
        privacy::Private,
    },
};

/// Under this name stand the secrets that a provider was given, each by its own name.
pub const SECRETS: &str = "secrets";

/// The space of our repeat keys among all UUIDs. It must never change: a key must be the same after a restart.
const REPEATS: Uuid = Uuid::from_u128(0x0d5b_8a2e_57c1_4f6e_9a40_6b1f_2c93_e7d8);

/// Secrets by name.
pub type Secrets = Arc<BTreeMap<String, Secret>>;

/// The key under which a vendor knows a request again that it has had before: the same for every repeat of an attempt,
/// also after a restart, and for no other.
pub fn repeat_key(message: &Message) -> Uuid {
    let attempt = message.first_attempt.to_string();
    Uuid::new_v5(&REPEATS, attempt.as_bytes())
}

/// Declares the names a template may use.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:literal => |$facts:ident| $value:expr;)*) => {
        /// What a template may name, beside the secrets.
        pub const NAMES: &[&str] = &[$($name),*];

        impl Facts {
            fn named(&self, name: &str) -> Option<Value> {
                match name {
                    $($name => { let $facts = self; Some($value) })*
                    SECRETS => Some(Value::from_object(Vault(Arc::clone(&self.secrets)))),
                    _ => None,
                }
            }
        }
    };
}

names! {
    /// Our id of the attempt.
    "attempt" => |facts| text(facts.message.attempt.to_string());
    /// The channel.
    "channel" => |facts| text(facts.message.channel.as_str());
    /// The code.
    "code" => |facts| text(facts.message.code.expose());
    /// The recipient's country in capitals; empty for numbers of none.
    "country" => |facts| text(facts.message.to.country().map_or_else(String::new, |c| c.to_string()));
    /// What tells a vendor that it has had this very request before.
    "key" => |facts| text(repeat_key(&facts.message).hyphenated().to_string());
    /// The language of the text.
    "language" => |facts| text(facts.message.language.as_str());
    /// The recipient's LINE user id.
    "line_user" => |facts| facts.message.line_user.as_ref().map_or(Value::UNDEFINED, |id| text(id.expose()));
    /// The recipient's language; empty where unknown.
    "locale" => |facts| text(facts.message.locale.as_str());
    /// How much longer the code lives, in thousandths of a second.
    "milliseconds" => |facts| number(facts.message.valid_for.as_millis());
    /// The same in minutes, the last one begun counted whole.
    "minutes" => |facts| number(facts.message.valid_for.as_millis().div_ceil(60_000).max(1));
    /// The same in seconds.
    "seconds" => |facts| number(u128::from(facts.message.valid_for.as_secs()).max(1));
    /// Who the message comes from.
    "sender" => |facts| facts.sender.as_deref().map_or(Value::UNDEFINED, text);
    /// What is approved for the recipient's language.
    "template" => |facts| facts.template.as_deref().map_or(Value::UNDEFINED, text);
    /// The whole text.
    "text" => |facts| text(facts.message.text.expose());
    /// The recipient's number as E.164 with `+`.
    "to" => |facts| text(facts.message.to.expose_e164());
}

/// A message with what its provider adds to it. It prints nothing of either.
#[derive(Clone)]
pub struct Facts {
    message: Message,
    sender: Option<String>,
    template: Option<String>,
    secrets: Secrets,
}

impl Facts {
    /// What is known of a message alone.
    pub fn of(message: &Message) -> Self {
        Self {
            message: message.clone(),
            sender: None,
            template: None,
            secrets: Secrets::default(),
        }
    }

    /// With who it comes from.
    #[must_use]
    pub fn with_sender(self, sender: &str) -> Self {
        let sender = Some(sender.to_owned());
        Self { sender, ..self }
    }

    /// With what is approved for the recipient's language.
    #[must_use]
    pub fn with_template(self, template: &str) -> Self {
        let template = Some(template.to_owned());
        Self { template, ..self }
    }

    /// With a provider's secrets.
    #[must_use]
    pub fn with_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// As templates take it.
    pub fn value(self) -> Value {
        Value::from_object(self)
    }

    /// A made-up message that has everything, to try templates with.
    pub fn trial(secrets: &[&str]) -> Value {
        let attempt = AttemptId {
            delivery: DeliveryId::from_bytes([0; 16]),
            ordinal: 1,
        };
        let message = Message {
            attempt,
            first_attempt: attempt,
            channel: Channel::Sms,
            to: PhoneNumber::parse("+12025550123").expect("it is a number of the US"),
            line_user: Some(Private::new("U00000000000000000000000000000000")),
            code: Passcode::parse("123456").expect("digits are a code"),
            text: Private::new("Your code is 123456"),
            locale: "en-US".to_owned(),
            language: "en".to_owned(),
            valid_for: Duration::from_mins(5),
        };
        let secret = |name: &&str| ((*name).to_owned(), Secret::fixed("secret"));
        Self::of(&message)
            .with_sender("ACME")
            .with_template("template")
            .with_secrets(Arc::new(secrets.iter().map(secret).collect()))
            .value()
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::from(text.into())
}

fn number(number: u128) -> Value {
    Value::from(u64::try_from(number).unwrap_or(u64::MAX))
}

impl Object for Facts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.named(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.named(key)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

/// A provider's secrets, each read when it is named, so that a new one is used at once.
struct Vault(Secrets);

impl Object for Vault {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let secret = self.0.get(key.as_str()?)?.load();
        Some(text(secret.expose_secret()))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::kinds::contract::fixture;

    #[test]
    fn every_name_stands_for_something() {
        let trial = Facts::trial(&["token"]);
        for name in NAMES {
            let value = trial.get_attr(name).unwrap();
            assert!(!value.is_undefined(), "{name}");
        }
        let secrets = trial.get_attr(SECRETS).unwrap();
        assert_eq!(secrets.get_attr("token").unwrap().as_str(), Some("secret"));
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn a_repeat_has_the_key_of_the_first_attempt() {
        let first = fixture::message(Channel::Line, "+819012345678", "x");
        let mut again = first.clone();
        again.attempt.ordinal = 2;
        assert_eq!(repeat_key(&first), repeat_key(&again));
        let mut other = first.clone();
        other.first_attempt.ordinal = 2;
        assert_ne!(repeat_key(&first), repeat_key(&other));
        // A restart must not change it, so it is written down here.
        insta::assert_snapshot!(repeat_key(&first), @"0a381bea-824e-5e88-ad68-c23379762e44");
        assert_eq!(repeat_key(&first).get_version_num(), 5);
    }

    #[test]
    fn a_life_is_never_told_as_nothing() {
        let mut message = fixture::message(Channel::Sms, "+819012345678", "x");
        let check = |message: &Message, expect: [u64; 2]| {
            let facts = Facts::of(message).value();
            let told = ["seconds", "minutes"];
            let told = told.map(|name| facts.get_attr(name).unwrap().to_string());
            assert_eq!(told, expect.map(|number| number.to_string()));
        };
        check(&message, [299, 5]);
        message.valid_for = Duration::ZERO;
        check(&message, [1, 1]);
        message.valid_for = Duration::from_mins(1);
        check(&message, [60, 1]);
    }
}
