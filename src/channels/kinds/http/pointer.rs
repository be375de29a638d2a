//! Where something is in an answer: a JSON pointer, in which `*` stands for every item of a list.

use std::borrow::Cow;

use serde_json::Value;

/// Stands for every item.
const EVERY: &str = "*";

/// A place in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a pointer such as `/messages/*/status`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let steps = text.strip_prefix('/');
        let steps = steps.ok_or("is no JSON pointer such as /messages/0/status")?;
        let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
        Ok(Self(steps.split('/').map(plain).collect()))
    }

    /// Every text found there, in order. What has parts, or is nothing, has no text.
    pub(super) fn texts<'a>(&self, body: &'a Value) -> Vec<Cow<'a, str>> {
        let mut found = vec![body];
        for step in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| below(value, step))
                .collect();
        }
        found.into_iter().filter_map(text).collect()
    }

    /// The first of them.
    pub(super) fn text<'a>(&self, body: &'a Value) -> Option<Cow<'a, str>> {
        self.texts(body).into_iter().next()
    }
}

fn below<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) if step == EVERY => items.iter().collect(),
        Value::Array(items) => {
            let item = step.parse().ok().and_then(|at: usize| items.get(at));
            item.into_iter().collect()
        }
        Value::Object(fields) => fields.get(step).into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_found_whatever_their_type() {
        let body = json!({
            "id": 7, "ok": true, "nothing": null, "a/b": "c", "*": "star",
            "messages": [{ "status": "0" }, { "status": 9 }, { "status": {} }, 3],
        });
        let check = |pointer: &str, expect: &[&str]| {
            let found = Pointer::parse(pointer).unwrap().texts(&body);
            assert_eq!(found, expect, "{pointer}");
        };
        check("/id", &["7"]);
        check("/ok", &["true"]);
        check("/a~1b", &["c"]);
        check("/*", &["star"]);
        check("/messages/0/status", &["0"]);
        check("/messages/*/status", &["0", "9"]);
        check("/messages/*", &["3"]);
        for nothing in [
            "/nothing",
            "/messages",
            "/messages/9/status",
            "/id/x",
            "/",
            "/x/*/y",
        ] {
            check(nothing, &[]);
        }
        assert!(Pointer::parse("id").is_err() && Pointer::parse("").is_err());
    }
}
