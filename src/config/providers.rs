//! `providers`: accounts at vendors. Their settings stay raw here; the kind reads its own.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

/// One account: its kind, and the settings which that kind will read.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// The kind's name, for example `twilio`.
    pub kind: String,
    /// Everything beside `kind`.
    pub settings: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut settings = Map::deserialize(from)?;
        match settings.remove("kind") {
            Some(Value::String(kind)) => Ok(Self { kind, settings }),
            Some(_) | None => Err(de::Error::missing_field("kind")),
        }
    }
}

impl JsonSchema for Provider {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Provider".into()
    }

    /// Only the part that every kind shares; `app` adds each kind's own settings from the registry.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "An account at a provider: its kind, and that kind's settings.",
            "required": ["kind"],
            "properties": { "kind": { "type": "string", "description": "The code that speaks this vendor's API." } },
        })
    }
}

/// The kinds' settings schemas by kind name, put into the schema of the whole.
pub type KindSchemas = BTreeMap<&'static str, Schema>;
