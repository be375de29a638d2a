//! What stands on the wire: every text of a request, as whoever receives it reads it.

use serde_json::Value;
use url::form_urlencoded;
use xml::{EventReader, reader::XmlEvent};

use crate::outbound::vendor::Call;

/// Every text in a request's body, whether form, JSON or plain; texts that are JSON or XML themselves are read too.
pub(super) fn texts(call: &Call) -> Vec<String> {
    let kind = call.header("content-type").unwrap_or_default();
    let texts: Vec<_> = if kind.starts_with("application/json") {
        leaves(&serde_json::from_str(&call.body).unwrap())
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        let pairs = form_urlencoded::parse(call.body.as_bytes());
        pairs.map(|(_, value)| value.into_owned()).collect()
    } else {
        vec![call.body.clone()]
    };
    let within: Vec<_> = texts.iter().flat_map(|text| opened(text)).collect();
    [texts, within].concat()
}

/// The texts within a text.
fn opened(text: &str) -> Vec<String> {
    match text.chars().next() {
        Some('{') => serde_json::from_str(text).map_or_else(|_| Vec::new(), |value| leaves(&value)),
        Some('<') => marked(text),
        Some(_) | None => Vec::new(),
    }
}

fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The attributes' values and the texts between the tags of an XML document; one that is not well formed fails.
fn marked(document: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for event in EventReader::from_str(document) {
        match event.unwrap_or_else(|e| panic!("{document}: {e}")) {
            XmlEvent::StartElement { attributes, .. } => {
                found.extend(attributes.into_iter().map(|attribute| attribute.value));
                found.push(String::new());
            }
            XmlEvent::EndElement { .. } => found.push(String::new()),
            XmlEvent::Characters(text) | XmlEvent::Whitespace(text) | XmlEvent::CData(text) => {
                found.last_mut().unwrap().push_str(&text);
            }
            XmlEvent::StartDocument { .. }
            | XmlEvent::EndDocument
            | XmlEvent::ProcessingInstruction { .. }
            | XmlEvent::Comment(_)
            | XmlEvent::Doctype { .. } => {}
        }
    }
    found
}
