//! `values.schema.json`: made from the part that is written by hand and from the schema of Tollgate's own configuration.

use std::{collections::BTreeSet, process::Command};

use serde_json::{Map, Value, json};

use super::helm::{CHART, repository, text_of};

/// The part that is written by hand.
const OWN: &str = "tests/chart/schema/values.json";

/// What the chart sets itself: a value there is refused by a template, which says what to do instead.
const OWNED: [&str; 7] = [
    "admin",
    "gateway",
    "Public.listen",
    "Public.tls",
    "Grpc.listen",
    "Grpc.tls",
    "Grpc.plaintext",
];
const OWNED_LEDGER: &str = "Ledger.url";

/// Names below which texts stand by names of the user's own, and no reference to a secret: `tollgate.references` in the
/// templates passes over them.
const TEXTS: [&str; 10] = [
    "headers",
    "query",
    "form",
    "json",
    "parameters",
    "senders",
    "templates",
    "buttons",
    "items",
    "voices",
];

/// The schema as it must stand beside `values.yaml`.
fn generate() -> String {
    let mut schema: Value = serde_json::from_str(&text_of(OWN)).unwrap();
    let mut config = printed();
    for path in OWNED.into_iter().chain([OWNED_LEDGER]) {
        *owned(&mut config, path) = json!({ "description": "The chart sets this itself." });
    }
    accept_old_booleans(&mut config);
    let mut definitions = config["$defs"].take();
    let config = config.as_object_mut().unwrap();
    for key in ["$defs", "$schema", "title"] {
        config.remove(key);
    }
    let target = schema["$defs"].as_object_mut().unwrap();
    let mut config = Value::Object(config.clone());
    rename(&mut config);
    let mut reached = BTreeSet::new();
    reach(&config, &definitions, &mut reached);
    target.insert("config".to_owned(), config);
    for name in reached {
        let mut definition = definitions[&name].take();
        rename(&mut definition);
        target.insert(format!("config.{name}"), definition);
    }
    format!("{:#}\n", sorted(schema))
}

/// The schema that Tollgate prints.
fn printed() -> Value {
    let ended = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["check-config", "--print-schema"])
        .output()
        .unwrap();
    serde_json::from_slice(&ended.stdout).unwrap()
}

fn owned<'a>(config: &'a mut Value, path: &str) -> &'a mut Value {
    let pointer = match path.split_once('.') {
        None => format!("/properties/{path}"),
        Some((section, key)) => format!("/$defs/{section}/properties/{key}"),
    };
    let found = config.pointer_mut(&pointer);
    found.unwrap_or_else(|| panic!("Tollgate has no {path}"))
}

/// Where a country or a language may stand, Helm may have read `NO` as false: a template says so, better than the schema.
fn accept_old_booleans(schema: &mut Value) {
    if let Value::Object(map) = schema {
        let pattern = map.get("pattern").and_then(Value::as_str);
        let pattern = pattern.unwrap_or_default().to_owned();
        let is_word =
            map.get("format") == Some(&json!("country")) || pattern.starts_with("^[A-Za-z]{2,3}(-");
        if is_word {
            map.insert("type".to_owned(), json!(["string", "boolean"]));
        }
        if pattern == "^(default|[A-Z]{2})$" {
            map.insert(
                "pattern".to_owned(),
                json!("^(default|[A-Z]{2}|true|false)$"),
            );
        }
        if let Some(Value::Object(patterns)) = map.get_mut("patternProperties")
            && let Some(countries) = patterns.remove("^[A-Z]{2}$")
        {
            patterns.insert("^([A-Z]{2}|true|false)$".to_owned(), countries);
        }
        map.values_mut().for_each(accept_old_booleans);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(accept_old_booleans);
    }
}

/// Definitions of the configuration stand beside those of the chart, under names of their own.
fn rename(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/$defs/", "#/$defs/config.");
            }
            map.values_mut().for_each(rename);
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The definitions that are still referred to.
fn reach(schema: &Value, definitions: &Value, reached: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            let name = map.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|it| it.rsplit_once("$defs/"));
            if let Some((_, name)) = name {
                let name = name.strip_prefix("config.").unwrap_or(name);
                if reached.insert(name.to_owned()) {
                    reach(&definitions[name], definitions, reached);
                }
            }
            for below in map.values() {
                reach(below, definitions, reached);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|below| reach(below, definitions, reached)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Holds a file of the chart against what it must be. `make chart` writes it anew.
pub(crate) fn keep_up(file: &str, wanted: &str) {
    let update = tollgate::config::environment().environment()("UPDATE_CHART");
    if update.is_some() {
        std::fs::write(repository(file), wanted).unwrap();
    }
    let found = std::fs::read_to_string(repository(file)).unwrap_or_default();
    assert!(found == wanted, "{file} is out of date; run: make chart");
}

#[test]
fn the_schema_is_up_to_date() {
    keep_up(&format!("{CHART}/values.schema.json"), &generate());
}

#[test]
fn the_schema_stands_by_itself() {
    fn look(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|below| look(below, found));
            }
            Value::Array(items) => items.iter().for_each(|below| look(below, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let schema: Value = serde_json::from_str(&generate()).unwrap();
    let mut found = Vec::new();
    look(&schema, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let pointer = reference
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{reference} is elsewhere"));
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
    jsonschema::meta::validate(&schema).unwrap();
}

/// Every mapping whose keys are known admits no others; `global` is shared with other charts.
#[test]
fn the_schema_is_closed() {
    fn look(schema: &Value, path: &str, open: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                if map.contains_key("properties")
                    && map.get("type") == Some(&json!("object"))
                    && map.get("additionalProperties").is_none()
                {
                    open.push(path.to_owned());
                }
                for (key, below) in map {
                    look(below, &format!("{path}/{key}"), open);
                }
            }
            Value::Array(items) => items.iter().for_each(|below| look(below, path, open)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let schema: Value = serde_json::from_str(&generate()).unwrap();
    let mut open = Vec::new();
    look(&schema, "", &mut open);
    // A provider is closed by the settings of its kind.
    assert_eq!(open, ["/$defs/config.Provider", "/properties/global"]);
}

#[test]
fn every_value_has_its_place_in_the_schema() {
    fn look(value: &Value, schema: &Value, root: &Value, path: &str, lost: &mut Vec<String>) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(&reference[1..]).unwrap(),
            None => schema,
        };
        let (Some(values), Some(known)) = (value.as_object(), schema["properties"].as_object())
        else {
            return;
        };
        for (key, below) in values {
            let path = format!("{path}.{key}");
            match known.get(key) {
                Some(schema) => look(below, schema, root, &path, lost),
                None => lost.push(path),
            }
        }
    }
    let schema: Value = serde_json::from_str(&generate()).unwrap();
    let values = super::read_yaml::document(&text_of(&format!("{CHART}/values.yaml"))).unwrap();
    let mut lost = Vec::new();
    look(&values, &schema, &schema, "", &mut lost);
    assert!(lost.is_empty(), "{lost:?}");
    let known = schema["properties"].as_object().unwrap().keys();
    let missing: Vec<_> = known
        .filter(|key| values.get(key.as_str()).is_none())
        .collect();
    assert!(missing.is_empty(), "values.yaml lacks {missing:?}");
}

/// The templates find references to secrets by their form, so texts of the user's own that have it must be passed over; and
/// nothing else may be.
#[test]
fn references_are_where_the_templates_look() {
    fn look(
        schema: &Value,
        root: &Value,
        path: &[&str],
        seen: &mut Vec<String>,
        wrong: &mut Vec<String>,
    ) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => {
                let first = !seen.contains(&reference.to_owned());
                seen.push(reference.to_owned());
                if !first {
                    return;
                }
                root.pointer(&reference[1..]).unwrap()
            }
            None => schema,
        };
        let passed_over = path.iter().any(|key| TEXTS.contains(key));
        let keys = &schema["properties"];
        if keys.get("file").is_some() && keys.get("env").is_some() {
            if passed_over {
                wrong.push(format!("{}: a reference is passed over", path.join(".")));
            }
            return;
        }
        if schema["additionalProperties"]["type"] == "string" && !passed_over {
            wrong.push(format!("{}: texts are looked at", path.join(".")));
        }
        for (key, below) in keys.as_object().into_iter().flatten() {
            look(below, root, &[path, &[key]].concat(), seen, wrong);
        }
        for key in ["items", "additionalProperties", "then"] {
            if schema.get(key).is_some_and(Value::is_object) {
                look(&schema[key], root, &[path, &["*"]].concat(), seen, wrong);
            }
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for below in schema[key].as_array().into_iter().flatten() {
                look(below, root, path, seen, wrong);
            }
        }
    }
    let schema = printed();
    let mut wrong = Vec::new();
    // Every kind's settings are looked at, although they share definitions.
    look(&schema, &schema, &[], &mut Vec::new(), &mut wrong);
    for (name, kind) in schema["$defs"].as_object().unwrap() {
        if name.starts_with("kind.") {
            look(kind, &schema, &[], &mut Vec::new(), &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let template = text_of(&format!("{CHART}/templates/_config.tpl"));
    let words = TEXTS.map(|word| format!("{word:?}")).join(" ");
    assert!(template.contains(&format!("(list {words})")), "{words}");
}
