//! Every keyword against a validator of the whole standard.

use proptest::{
    prelude::{Just, Strategy, any, prop, prop_oneof, proptest},
    sample::select,
};
use serde_json::{Value, json};

use super::{Judge, Lack};
use crate::config::{
    path::Step,
    sample::{RIGHT, kinds},
    schema, values, yaml,
};

/// Where what is wrong and by which keyword, as one text each and in order.
fn ours(schema: &Value, value: &Value) -> Vec<String> {
    let misfits = Judge::new(schema).unwrap().misfits(value);
    let mut told: Vec<_> = misfits
        .iter()
        .map(|misfit| {
            let keyword = match &misfit.lack {
                Lack::Unknown(_) => "additionalProperties",
                Lack::Name(..) => "propertyNames",
                Lack::Missing(_) => "required",
                Lack::Keyword(keyword) => keyword,
            };
            let steps = misfit.path.steps().iter();
            let steps = steps.map(|step| match step {
                Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => format!("/{index}"),
            });
            format!("{} {keyword}", steps.collect::<String>())
        })
        .collect();
    told.sort();
    told.dedup();
    told
}

/// The same, as a validator of the whole standard says it.
fn theirs(schema: &Value, value: &Value) -> Vec<String> {
    let options = values::FORMATS
        .iter()
        .fold(jsonschema::options(), |options, (name, check)| {
            options.with_format(*name, check)
        });
    let validator = options.should_validate_formats(true).build(schema).unwrap();
    let errors = validator.iter_errors(value);
    let mut told: Vec<_> = errors
        .map(|error| match error.kind().keyword() {
            "falseSchema" => format!("{} false", error.instance_path()),
            keyword => format!("{} {keyword}", error.instance_path()),
        })
        .collect();
    told.sort();
    told.dedup();
    told
}

fn agree(schema: &Value, value: &Value) {
    assert_eq!(
        ours(schema, value),
        theirs(schema, value),
        "{schema} of {value}"
    );
}

#[test]
fn each_keyword_means_what_the_standard_says() {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(2.0),
        json!(2.5),
        json!(-7),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("US"),
        json!("äöü"),
        json!("12:34"),
        json!([]),
        json!([1, 1]),
        json!([1, "a", null]),
        json!({}),
        json!({ "a": 1 }),
        json!({ "a": "x", "b": {} }),
        json!({ "A b": null, "c/d~e": [] }),
    ];
    let schemas = [
        json!(true),
        json!(false),
        json!({ "type": "integer", "minimum": 1, "maximum": 5 }),
        json!({ "type": ["string", "null"] }),
        json!({ "type": "number", "minimum": -6.5 }),
        json!({ "maximum": u64::MAX - 1 }),
        json!({ "type": "boolean" }),
        json!({ "type": "array", "items": { "type": "integer" }, "minItems": 1, "maxItems": 2 }),
        json!({ "uniqueItems": true }),
        json!({ "minLength": 2, "maxLength": 3, "pattern": "^[a-zäöü]*$" }),
        json!({ "format": values::COUNTRY }),
        json!({ "enum": ["a", 1, null] }),
        json!({ "const": "US" }),
        json!({ "properties": { "a": { "type": "integer" } }, "required": ["a", "b"] }),
        json!({ "patternProperties": { "^a": { "type": "string" } }, "additionalProperties": false }),
        json!({ "additionalProperties": { "type": "object" }, "minProperties": 1, "maxProperties": 1 }),
        json!({ "propertyNames": { "pattern": "^[a-z]$" } }),
        json!({ "properties": { "c/d~e": false, "a": false } }),
        json!({ "anyOf": [{ "type": "string" }, { "required": ["a"] }] }),
        json!({ "oneOf": [{ "type": "integer" }, { "type": "number" }, { "const": "a" }] }),
        json!({ "allOf": [{ "type": "object" }, { "$ref": "#/$defs/x" }], "$defs": { "x": { "required": ["a"] } } }),
        json!({ "if": { "type": "object" }, "then": { "required": ["z"] } }),
    ];
    for schema in &schemas {
        for value in &values {
            agree(schema, value);
        }
    }
}

#[test]
fn a_long_list_is_looked_through_once() {
    let schema = json!({ "uniqueItems": true });
    let mut items: Vec<_> = (0..200_000).map(Value::from).collect();
    assert_eq!(ours(&schema, &Value::Array(items.clone())), [""; 0]);
    items.push(json!(7));
    assert_eq!(ours(&schema, &Value::Array(items)), [" uniqueItems"]);
}

#[test]
fn what_is_not_understood_is_refused() {
    for (schema, why) in [
        (
            json!({ "$defs": [] }),
            "the keyword $defs with [] is not understood",
        ),
        (
            json!({ "not": {} }),
            "the keyword not with {} is not understood",
        ),
        (
            json!({ "properties": { "a": { "else": {} } } }),
            "the keyword else with {} is not understood",
        ),
        (
            json!({ "format": "uri" }),
            "the keyword format with \"uri\" is not understood",
        ),
        (
            json!({ "$ref": "#/$defs/x" }),
            "the keyword $ref with \"#/$defs/x\" is not understood",
        ),
        (
            json!({ "minItems": -1 }),
            "the keyword minItems with -1 is not understood",
        ),
        (json!({ "items": [] }), "[] is no schema"),
    ] {
        assert_eq!(Judge::new(&schema).unwrap_err(), why);
    }
    let unread = json!({ "patternProperties": { "(": true } });
    assert!(Judge::new(&unread).unwrap_err().contains("unclosed group"));
}

const WORDS: &[&str] = &[
    "", "US", "no", "sms", "1s", "0s", "twilio", "a", "A b", "AC1", "acme",
];
const KEYS: &[&str] = &[
    "env",
    "file",
    "kind",
    "allow",
    "countries",
    "default",
    "x",
    "A b",
];

/// Values as they may stand anywhere in a file.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..70_000).prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let mapping = prop::collection::btree_map(select(KEYS), inner.clone(), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
            mapping.prop_map(|map| {
                let entries = map.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(entries.collect())
            }),
        ]
    })
}

/// Every value within, with the way to it.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| places(value, &format!("{at}/{key}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| places(item, &format!("{at}/{index}"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    /// A right file with something else in some of its places, or with keys added there.
    #[test]
    fn broken_files_are_broken_in_the_same_places(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value(), any::<bool>()), 1..4)
    ) {
        let schema = schema::compose(&kinds());
        let mut value = yaml::read(RIGHT).0.unwrap().root;
        for (place, new, add) in changes {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let place: &String = place.get(&all);
            let target = value.pointer_mut(place).unwrap();
            match (target, new) {
                (Value::Object(map), Value::Object(more)) if add => map.extend(more),
                (target, new) => *target = new,
            }
        }
        agree(&schema, &value);
    }
}
