//! Finds what in a tree does not fit a JSON schema. It knows the keywords that our schemas use, and refuses a schema with
//! any other, so that no rule is passed over; the libraries that know all drafts of all keywords have the size of a tenth
//! of the program.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
};

use regex::Regex;
use serde_json::{Map, Number, Value};

use super::{path::Path, values};

/// What tells people about a schema and asks nothing of a value.
const NOTES: [&str; 7] = [
    "$id",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "title",
];

/// Formats that only say how large a number is; a `minimum` and a `maximum` beside them ask for it.
const SIZES: [&str; 5] = ["double", "uint16", "uint32", "uint64", "uint8"];

/// A value that does not fit, or a key.
#[derive(Debug)]
pub(super) struct Misfit<'s> {
    /// Where the value is; for a key, where its mapping is.
    pub(super) path: Path,
    /// The schema with the keyword.
    pub(super) schema: &'s Value,
    /// What the schema asks for in vain.
    pub(super) lack: Lack<'s>,
}

/// What a schema asks for in vain.
#[derive(Debug, PartialEq)]
pub(super) enum Lack<'s> {
    /// A key that it does not know is there.
    Unknown(String),
    /// A key has another name than this schema allows.
    Name(String, &'s Value),
    /// A key is missing.
    Missing(&'s str),
    /// What the keyword says of the value.
    Keyword(&'static str),
}

/// A schema that is ready to judge trees.
#[derive(Debug)]
pub(super) struct Judge<'s> {
    root: &'s Value,
    patterns: HashMap<&'s str, Regex>,
}

impl<'s> Judge<'s> {
    /// Makes a schema ready; the error says what in it is not understood.
    pub(super) fn new(root: &'s Value) -> Result<Self, String> {
        let mut judge = Self {
            root,
            patterns: HashMap::new(),
        };
        judge.prepare(root)?;
        Ok(judge)
    }

    /// Everything that does not fit. Where a value may have one of several forms and has none, that is one misfit.
    pub(super) fn misfits(&self, value: &Value) -> Vec<Misfit<'s>> {
        let mut found = Vec::new();
        self.judge(self.root, value, &Path::default(), &mut found);
        found
    }

    /// Looks at a schema and all within it once, so that judging cannot fail.
    fn prepare(&mut self, schema: &'s Value) -> Result<(), String> {
        let Value::Object(rules) = schema else {
            let known = schema.is_boolean();
            return known
                .then_some(())
                .ok_or_else(|| format!("{schema} is no schema"));
        };
        for (keyword, rule) in rules {
            let understood = match (keyword.as_str(), rule) {
                ("pattern", Value::String(pattern)) => self.prepare_pattern(pattern)?,
                ("$ref", Value::String(_)) => self.target(rule).is_some(),
                ("format", Value::String(format)) => {
                    SIZES.contains(&format.as_str()) || check_of(format).is_some()
                }
                ("patternProperties", Value::Object(schemas)) => {
                    for (pattern, schema) in schemas {
                        self.prepare_pattern(pattern)?;
                        self.prepare(schema)?;
                    }
                    true
                }
                ("$defs" | "properties", Value::Object(schemas)) => {
                    schemas
                        .values()
                        .try_for_each(|schema| self.prepare(schema))?;
                    true
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    schemas.iter().try_for_each(|schema| self.prepare(schema))?;
                    true
                }
                ("additionalProperties" | "if" | "items" | "propertyNames" | "then", schema) => {
                    self.prepare(schema)?;
                    true
                }
                ("const", _)
                | ("enum" | "required", Value::Array(_))
                | ("type", Value::String(_) | Value::Array(_))
                | ("uniqueItems", Value::Bool(_))
                | ("maximum" | "minimum", Value::Number(_)) => true,
                (
                    "maxItems" | "maxLength" | "maxProperties" | "minItems" | "minLength"
                    | "minProperties",
                    Value::Number(number),
                ) => number.is_u64(),
                (note, _) => NOTES.contains(&note),
            };
            if !understood {
                return Err(format!(
                    "the keyword {keyword} with {rule} is not understood"
                ));
            }
        }
        Ok(())
    }

    fn prepare_pattern(&mut self, pattern: &'s str) -> Result<bool, String> {
        let read = Regex::new(pattern).map_err(|error| error.to_string())?;
        self.patterns.insert(pattern, read);
        Ok(true)
    }

    fn fits(&self, schema: &'s Value, value: &Value) -> bool {
        let mut found = Vec::new();
        self.judge(schema, value, &Path::default(), &mut found);
        found.is_empty()
    }

    fn judge(&self, schema: &'s Value, value: &Value, path: &Path, found: &mut Vec<Misfit<'s>>) {
        let Value::Object(rules) = schema else {
            if schema == &Value::Bool(false) {
                found.push(Misfit {
                    path: path.clone(),
                    schema,
                    lack: Lack::Keyword("false"),
                });
            }
            return;
        };
        let mut lacks = Vec::new();
        self.judge_any(rules, value, path, &mut lacks, found);
        match value {
            Value::Object(map) => self.judge_mapping(rules, map, path, &mut lacks, found),
            Value::Array(items) => self.judge_list(rules, items, path, &mut lacks, found),
            Value::String(text) => self.judge_text(rules, text, &mut lacks),
            Value::Number(number) => judge_number(rules, number, &mut lacks),
            Value::Null | Value::Bool(_) => {}
        }
        found.extend(lacks.into_iter().map(|lack| Misfit {
            path: path.clone(),
            schema,
            lack,
        }));
    }

    /// What may be asked of every value.
    fn judge_any(
        &self,
        rules: &'s Map<String, Value>,
        value: &Value,
        path: &Path,
        lacks: &mut Vec<Lack<'s>>,
        found: &mut Vec<Misfit<'s>>,
    ) {
        let fits = |schema: &&'s Value| self.fits(schema, value);
        if let Some(target) = rules.get("$ref").and_then(|rule| self.target(rule)) {
            self.judge(target, value, path, found);
        }
        for schema in list(rules, "allOf") {
            self.judge(schema, value, path, found);
        }
        if let (Some(case), Some(then)) = (rules.get("if"), rules.get("then"))
            && fits(&case)
        {
            self.judge(then, value, path, found);
        }
        let mut ask = |keyword, fits: bool| {
            if !fits {
                lacks.push(Lack::Keyword(keyword));
            }
        };
        if let Some(wanted) = rules.get("type") {
            ask("type", has_type(wanted, value));
        }
        if let Some(wanted) = rules.get("const") {
            ask("const", wanted == value);
        }
        if let Some(Value::Array(words)) = rules.get("enum") {
            ask("enum", words.contains(value));
        }
        if rules.contains_key("anyOf") {
            ask("anyOf", list(rules, "anyOf").any(|schema| fits(&schema)));
        }
        if rules.contains_key("oneOf") {
            ask("oneOf", list(rules, "oneOf").filter(fits).count() == 1);
        }
    }

    fn judge_mapping(
        &self,
        rules: &'s Map<String, Value>,
        map: &Map<String, Value>,
        path: &Path,
        lacks: &mut Vec<Lack<'s>>,
        found: &mut Vec<Misfit<'s>>,
    ) {
        for (key, value) in map {
            let mut known = false;
            let own = rules.get("properties").and_then(|own| own.get(key));
            let by_pattern = mapping(rules, "patternProperties")
                .filter(|(pattern, _)| self.patterns[pattern.as_str()].is_match(key))
                .map(|(_, schema)| schema);
            for schema in own.into_iter().chain(by_pattern) {
                known = true;
                self.judge(schema, value, &path.key(key), found);
            }
            match rules.get("additionalProperties") {
                Some(Value::Bool(false)) if !known => lacks.push(Lack::Unknown(key.clone())),
                Some(schema) if !known => self.judge(schema, value, &path.key(key), found),
                Some(_) | None => {}
            }
            if let Some(names) = rules.get("propertyNames")
                && !self.fits(names, &Value::String(key.clone()))
            {
                lacks.push(Lack::Name(key.clone(), names));
            }
        }
        let missing = list(rules, "required")
            .filter_map(Value::as_str)
            .filter(|key| !map.contains_key(*key));
        lacks.extend(missing.map(Lack::Missing));
        judge_count(rules, map.len(), ["minProperties", "maxProperties"], lacks);
    }

    fn judge_list(
        &self,
        rules: &'s Map<String, Value>,
        items: &[Value],
        path: &Path,
        lacks: &mut Vec<Lack<'s>>,
        found: &mut Vec<Misfit<'s>>,
    ) {
        if let Some(schema) = rules.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.judge(schema, item, &path.index(index), found);
            }
        }
        judge_count(rules, items.len(), ["minItems", "maxItems"], lacks);
        let mut seen = HashSet::new();
        if rules.get("uniqueItems") == Some(&Value::Bool(true))
            && !items.iter().all(|item| seen.insert(item))
        {
            lacks.push(Lack::Keyword("uniqueItems"));
        }
    }

    fn judge_text(&self, rules: &'s Map<String, Value>, text: &str, lacks: &mut Vec<Lack<'s>>) {
        judge_count(
            rules,
            text.chars().count(),
            ["minLength", "maxLength"],
            lacks,
        );
        if let Some(Value::String(pattern)) = rules.get("pattern")
            && !self.patterns[pattern.as_str()].is_match(text)
        {
            lacks.push(Lack::Keyword("pattern"));
        }
        if let Some(Value::String(format)) = rules.get("format")
            && check_of(format).is_some_and(|has| !has(text))
        {
            lacks.push(Lack::Keyword("format"));
        }
    }

    /// The schema that a `$ref` within this one names.
    fn target(&self, rule: &Value) -> Option<&'s Value> {
        self.root.pointer(rule.as_str()?.strip_prefix('#')?)
    }
}

fn judge_number(rules: &Map<String, Value>, number: &Number, lacks: &mut Vec<Lack<'_>>) {
    for (keyword, beyond) in [("minimum", Ordering::Less), ("maximum", Ordering::Greater)] {
        if let Some(Value::Number(limit)) = rules.get(keyword)
            && compare(number, limit) == Some(beyond)
        {
            lacks.push(Lack::Keyword(keyword));
        }
    }
}

fn judge_count(
    rules: &Map<String, Value>,
    count: usize,
    [least, most]: [&'static str; 2],
    lacks: &mut Vec<Lack<'_>>,
) {
    let limit = |keyword| rules.get(keyword).and_then(Value::as_u64);
    let count = count as u64;
    if limit(least).is_some_and(|limit| count < limit) {
        lacks.push(Lack::Keyword(least));
    }
    if limit(most).is_some_and(|limit| count > limit) {
        lacks.push(Lack::Keyword(most));
    }
}

/// Whole numbers are compared as such, since a fraction cannot tell large ones apart.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::Array(any) => any.iter().any(|wanted| has_type(wanted, value)),
        Value::String(wanted) => match value {
            Value::Null => wanted == "null",
            Value::Bool(_) => wanted == "boolean",
            Value::Number(number) => {
                let is_whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
                wanted == "number" || wanted == "integer" && is_whole
            }
            Value::String(_) => wanted == "string",
            Value::Array(_) => wanted == "array",
            Value::Object(_) => wanted == "object",
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// How one of our own formats is told.
fn check_of(format: &str) -> Option<fn(&str) -> bool> {
    let known = values::FORMATS.iter().find(|(name, _)| *name == format);
    known.map(|(_, check)| *check)
}

fn list<'s>(rules: &'s Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'s Value> {
    let rule = rules.get(keyword).and_then(Value::as_array);
    rule.into_iter().flatten()
}

fn mapping<'s>(
    rules: &'s Map<String, Value>,
    keyword: &str,
) -> impl Iterator<Item = (&'s String, &'s Value)> {
    let rule = rules.get(keyword).and_then(Value::as_object);
    rule.into_iter().flatten()
}

#[cfg(test)]
mod tests;
