//! The JSON Schema of the whole file: the sections' types, with each kind's settings put in.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Config, providers::KindSchemas};

/// Where definitions are kept.
const DEFINITIONS: &str = "$defs";

/// The schema of one type, for example of a kind's settings, as `compose` wants it.
pub fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
}

/// The schema of a configuration whose providers are of these kinds. It is complete in itself: no reference leaves it.
pub fn compose(kinds: &KindSchemas) -> Value {
    let mut schema = of::<Config>().to_value();
    refine(&mut schema);
    schema["title"] = json!("the configuration of Tollgate");
    let mut definitions = match schema.get_mut(DEFINITIONS).map(Value::take) {
        Some(Value::Object(definitions)) => definitions,
        Some(_) | None => Map::new(),
    };
    for (name, settings) in kinds {
        let settings = adopt(name, settings.clone().to_value(), &mut definitions);
        definitions.insert(definition_of(name), settings);
    }
    definitions.insert("Provider".to_owned(), provider(kinds));
    schema[DEFINITIONS] = Value::Object(definitions);
    schema
}

/// The composed schema as text, the same for the same kinds.
pub fn print(kinds: &KindSchemas) -> String {
    let mut text = format!("{:#}", sorted(compose(kinds)));
    text.push('\n');
    text
}

fn definition_of(kind: &str) -> String {
    format!("kind.{kind}")
}

/// A provider is what its kind says.
fn provider(kinds: &KindSchemas) -> Value {
    let branch = |kind: &&str| {
        json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "$ref": format!("#/{DEFINITIONS}/{}", definition_of(kind)) },
        })
    };
    let names: Vec<_> = kinds.keys().collect();
    let mut schema = json!({
        "description": "An account at a provider: its kind, and that kind's settings.",
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": { "description": "The code that speaks this vendor's API.", "type": "string", "enum": names },
        },
    });
    // An empty list would be no valid `allOf`.
    if !kinds.is_empty() {
        schema["allOf"] = kinds.keys().map(branch).collect();
    }
    schema
}

/// Makes a kind's settings a definition of the whole: closed, with `kind` among the keys, and its own definitions moved
/// beside ours.
fn adopt(kind: &str, mut settings: Value, definitions: &mut Map<String, Value>) -> Value {
    refine(&mut settings);
    let Some(object) = settings.as_object_mut() else {
        return settings;
    };
    object.remove("$schema");
    object.remove("title");
    object.insert("additionalProperties".to_owned(), json!(false));
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    properties["kind"] = json!({ "const": kind });
    let own = object.remove(DEFINITIONS);
    let own = own
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let own: Vec<_> = own
        .filter(|(name, schema)| definitions.get(*name) != Some(schema))
        .collect();
    let renamed = |name: &str| own.iter().any(|(own, _)| *own == name);
    let rename = |reference: &str| {
        let name = reference
            .strip_prefix("#/$defs/")
            .filter(|name| renamed(name))?;
        Some(format!("#/{DEFINITIONS}/{}.{name}", definition_of(kind)))
    };
    for (name, schema) in &own {
        let mut schema = (*schema).clone();
        rewrite_references(&mut schema, &rename);
        definitions.insert(format!("{}.{name}", definition_of(kind)), schema);
    }
    rewrite_references(&mut settings, &rename);
    settings
}

fn rewrite_references(schema: &mut Value, rename: &impl Fn(&str) -> Option<String>) {
    if let Some(Value::String(reference)) = schema.get_mut("$ref")
        && let Some(renamed) = rename(reference)
    {
        *reference = renamed;
    }
    for below in children(schema) {
        rewrite_references(below, rename);
    }
}

/// Says what the derived schema leaves unsaid. A key without a value counts as left out, so `null` is no value of ours;
/// and a whole number must fit the type that will hold it.
fn refine(schema: &mut Value) {
    drop_null(schema);
    if let Some(object) = schema.as_object_mut() {
        let largest = match object.get("format").and_then(Value::as_str) {
            Some("uint8") => Some(json!(u8::MAX)),
            Some("uint16") => Some(json!(u16::MAX)),
            Some("uint32") => Some(json!(u32::MAX)),
            Some("uint" | "uint64") => Some(json!(u64::MAX)),
            Some(_) | None => None,
        };
        if let Some(largest) = largest {
            object.entry("maximum").or_insert(largest);
        }
    }
    for below in children(schema) {
        refine(below);
    }
}

fn drop_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    let Some(Value::Array(forms)) = object.get_mut("anyOf") else {
        return;
    };
    forms.retain(|form| form != &json!({ "type": "null" }));
    if let [Value::Object(one)] = forms.as_slice() {
        let one = one.clone();
        object.remove("anyOf");
        for (key, value) in one {
            object.entry(key).or_insert(value);
        }
    }
}

fn children(schema: &mut Value) -> Vec<&mut Value> {
    match schema {
        Value::Object(map) => map.values_mut().collect(),
        Value::Array(items) => items.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// `serde_json` keeps keys sorted only while no crate of the build asks for their order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::config::{secret::SecretRef, values::Span};

    /// A pigeon loft.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Pigeons {
        /// Where the loft is.
        base_url: Option<String>,
        /// What the pigeons obey.
        whistle: SecretRef,
        /// How long one may fly.
        timeout: Option<Span>,
        /// One may have a definition of the same name as ours.
        grain: Grain,
        birds: Vec<u8>,
    }

    /// Not the words of ours.
    #[derive(Deserialize, JsonSchema)]
    #[schemars(rename = "Mode")]
    #[serde(rename_all = "snake_case")]
    enum Grain {
        Barley,
        Corn,
    }

    fn kinds() -> KindSchemas {
        BTreeMap::from([
            ("pigeon", of::<Pigeons>()),
            ("stub", of::<BTreeMap<String, String>>()),
        ])
    }

    #[test]
    fn the_schema_of_the_whole() {
        insta::assert_snapshot!("composed", print(&kinds()));
    }

    #[test]
    fn no_reference_leaves_the_schema_or_leads_nowhere() {
        fn references(schema: &Value, found: &mut Vec<String>) {
            match schema {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|below| references(below, found));
                }
                Value::Array(items) => items.iter().for_each(|below| references(below, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let schema = compose(&kinds());
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.len() > 50, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_mapping_is_closed() {
        let schema = compose(&kinds());
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            if definition["type"] == "object" && name != "Provider" {
                assert_eq!(definition["additionalProperties"], false, "{name}");
            }
        }
        assert_eq!(schema["additionalProperties"], false);
        jsonschema::meta::validate(&schema).unwrap();
    }
}
