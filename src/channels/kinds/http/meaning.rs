//! What a code or status means: a class alone, or a class with how far it reaches and a word for the ledger.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::domain::failure::{Failure, Scope};

/// Most bytes of a word for the ledger.
const LONGEST_WORD: usize = 64;

/// What a failure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::channels::kinds) struct Meaning {
    /// Its class; a delay is found elsewhere.
    pub(super) failure: Failure,
    /// Who else would meet it.
    pub(super) scope: Scope,
    /// What the ledger calls it, where that is not the vendor's code.
    pub(super) word: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Told {
    /// Its class.
    class: ClassName,
    /// Who else would meet it.
    #[serde(default = "everything")]
    scope: ScopeName,
    /// What the ledger calls it; the vendor's code when left out.
    #[serde(default, rename = "as")]
    word: Option<String>,
}

/// Declares names in the configuration for values of the domain.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident => $domain:ty { $($(#[$text:meta])* $word:ident = $value:expr),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        enum $name {
            $($(#[$text])* $word,)*
        }

        impl $name {
            const fn value(self) -> $domain {
                match self { $(Self::$word => $value,)* }
            }
        })*
    };
}

names! {
    /// A class of failure.
    ClassName => Failure {
        /// Certainly not taken; later it may be.
        Throttled = Failure::Throttled { delay: None },
        /// The vendor's fault; probably not taken.
        Transient = Failure::Transient,
        /// It may have been sent.
        Ambiguous = Failure::Ambiguous,
        /// This recipient cannot be reached so.
        Recipient = Failure::Recipient,
        /// Our request is wrong.
        Request = Failure::Request,
        /// Credentials, balance, quota, permission.
        Account = Failure::Account,
        /// Blocked as fraud.
        FraudBlock = Failure::FraudBlock,
    }
    /// How far a failure reaches.
    ScopeName => Scope {
        /// Everything this provider sends.
        Provider = Scope::Provider,
        /// What it sends to the recipient's country.
        Country = Scope::Country,
        /// What it sends from the same sender.
        Sender = Scope::Sender,
        /// This recipient alone.
        Recipient = Scope::Recipient,
    }
}

impl<'de> Deserialize<'de> for Meaning {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

/// Takes either writing and tells what is wrong with it, which an untagged enum would not.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Meaning;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a class, or { class, scope, as }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Meaning, E> {
        let class = ClassName::deserialize(de::value::StrDeserializer::new(name))?;
        Ok(Meaning {
            failure: class.value(),
            scope: Scope::Provider,
            word: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Meaning, A::Error> {
        let told = Told::deserialize(MapAccessDeserializer::new(map))?;
        if !told.word.as_deref().is_none_or(is_word) {
            let text = "`as` is no word of small letters, digits and underscores";
            return Err(de::Error::custom(text));
        }
        Ok(Meaning {
            failure: told.class.value(),
            scope: told.scope.value(),
            word: told.word,
        })
    }
}

const fn everything() -> ScopeName {
    ScopeName::Provider
}

fn is_word(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LONGEST_WORD).contains(&text.len()) && text.bytes().all(letter)
}

impl JsonSchema for Meaning {
    fn schema_name() -> Cow<'static, str> {
        "Meaning".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "a class, or { class, scope, as }",
            "anyOf": [
                generator.subschema_for::<ClassName>(),
                generator.subschema_for::<Told>(),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn it_is_told_in_two_writings() {
        let check = |told: Value, failure: Failure, scope: Scope, word: Option<&str>| {
            let read: Meaning = serde_json::from_value(told).unwrap();
            let word = word.map(str::to_owned);
            let expect = Meaning {
                failure,
                scope,
                word,
            };
            assert_eq!(read, expect);
        };
        for class in Failure::CLASSES {
            if class != Failure::CredentialStale {
                check(json!(class.as_str()), class, Scope::Provider, None);
            }
        }
        let full = json!({ "class": "account", "scope": "country", "as": "no_permission" });
        let word = Some("no_permission");
        check(full, Failure::Account, Scope::Country, word);
        for scope in [Scope::Provider, Scope::Sender, Scope::Recipient] {
            let told = json!({ "class": "throttled", "scope": scope.as_str() });
            check(told, Failure::Throttled { delay: None }, scope, None);
        }
    }

    #[test]
    fn nonsense_is_named() {
        let check = |told: Value, expect: &str| {
            let problem = serde_json::from_value::<Meaning>(told).unwrap_err();
            assert!(problem.to_string().contains(expect), "{problem}");
        };
        check(json!("acount"), "`acount`");
        check(json!({ "clas": "account" }), "`clas`");
        check(json!({ "class": "account", "as": "+1 415" }), "`as`");
        check(json!({ "class": "account", "scope": "all" }), "`all`");
        check(json!(7), "a class, or { class, scope, as }");
    }
}
