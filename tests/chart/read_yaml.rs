//! Reads YAML as Kubernetes' tools do: by the words of YAML 1.1, with anchors, and with no key twice.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Number, Value};

/// The documents of a text that hold something.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
    };
    let mut found = Vec::new();
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok(found),
            Event::DocumentStart(_) => {
                let event = reader.next()?;
                let value = reader.value(event)?;
                if !value.is_null() {
                    found.push(value);
                }
            }
            Event::StreamStart
            | Event::Nothing
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd => {}
        }
    }
}

/// The one document of a text.
pub(crate) fn document(text: &str) -> Result<Value, String> {
    let mut found = documents(text)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (None, _) => Ok(Value::Null),
        (Some(_), Some(_)) => Err("more than one document".to_owned()),
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Value>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'a>) -> Result<Value, String> {
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(anchor, _) => (self.list()?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping()?, anchor),
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                return known.ok_or_else(|| "an alias of nothing".to_owned());
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err("a value is missing".to_owned()),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            items.push(self.value(event)?);
        }
    }

    fn mapping(&mut self) -> Result<Value, String> {
        let mut map = Map::new();
        let mut merged = Map::new();
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.value(event)?;
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            let event = self.next()?;
            match (key.as_str(), self.value(event)?) {
                ("<<", Value::Object(base)) => merged.extend(base),
                (_, value) => {
                    if map.insert(key.clone(), value).is_some() {
                        return Err(format!("the key {key} is there twice"));
                    }
                }
            }
        }
        for (key, value) in merged {
            map.entry(key).or_insert(value);
        }
        Ok(Value::Object(map))
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text.to_lowercase().as_str() {
        "" | "~" | "null" => return Value::Null,
        "true" | "yes" | "on" => return Value::Bool(true),
        "false" | "no" | "off" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let octal = text.strip_prefix('0').filter(|rest| !rest.is_empty());
    if let Some(octal) = octal
        && let Ok(value) = u64::from_str_radix(octal, 8)
    {
        return Some(value.into());
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(value.into());
    }
    let looks_like_one = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    let value = looks_like_one.then(|| text.parse::<f64>().ok()).flatten()?;
    Number::from_f64(value)
}

#[test]
fn words_are_those_of_kubernetes_tools() {
    let check = |text: &str, expect: Value| assert_eq!(document(text), Ok(expect), "{text}");
    check("a: NO", serde_json::json!({ "a": false }));
    check("a: 'NO'", serde_json::json!({ "a": "NO" }));
    check("a: 0440", serde_json::json!({ "a": 288 }));
    check("a: 1e-06", serde_json::json!({ "a": 1e-06 }));
    check(
        "a: [1, 1m, 25%]",
        serde_json::json!({ "a": [1, "1m", "25%"] }),
    );
    check(
        "a: &x { b: 1 }\nc: { <<: *x, d: 2 }",
        serde_json::json!({ "a": { "b": 1 }, "c": { "b": 1, "d": 2 } }),
    );
    assert_eq!(
        document("a: 1\na: 2"),
        Err("the key a is there twice".to_owned())
    );
}
