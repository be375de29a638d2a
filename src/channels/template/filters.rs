//! What a template may do with a value: other writings of a number, and escapes that chain.

use minijinja::{Environment, Error, ErrorKind, Output, value::Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::{Document, Place};
use crate::{
    channels::xml,
    domain::{gsm7, phone::PhoneNumber},
};

/// All but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a filter escapes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Url,
    Xml,
    Json,
}

impl Syntax {
    /// Whether a text that was escaped for this has nothing left that could leave the place. In any other it is a text like
    /// any, and is escaped once more: so do escapes chain.
    const fn suffices(self, place: Place) -> bool {
        matches!(
            (self, place),
            (Self::Url, Place::Path | Place::Document(Document::Form))
                | (Self::Xml, Place::Document(Document::Xml))
                | (Self::Json, Place::Document(Document::Json))
        )
    }
}

/// Adds our filters, and the test whether a text can be sent in the GSM alphabet. A filter that escapes for the syntax of
/// its place gives a text that the place does not escape once more. No other can: whatever a template says, a text stays
/// where it was put.
pub(super) fn install(environment: &mut Environment<'static>, place: Place) {
    for theirs in ["e", "escape", "safe", "tojson"] {
        environment.remove_filter(theirs);
    }
    let escaped = move |text: String, syntax: Syntax| {
        if syntax.suffices(place) {
            Value::from_safe_string(text)
        } else {
            Value::from(text)
        }
    };
    environment.add_filter("digits", |text: String| digits(&text));
    environment.add_filter("e164", |text: String| {
        number(&text).map(|n| n.expose_e164())
    });
    environment.add_filter("national", |text: String| {
        number(&text).map(|n| n.expose_national())
    });
    environment.add_filter("calling_code", |text: String| {
        number(&text).map(|n| n.calling_code().to_string())
    });
    environment.add_filter("sha256", |text: String| hex::encode(Sha256::digest(text)));
    environment.add_filter("urlencode", move |text: String| {
        escaped(percent(&text), Syntax::Url)
    });
    environment.add_filter("form", move |text: String| {
        escaped(form(&text), Syntax::Url)
    });
    environment.add_filter("xml", move |text: String| {
        escaped(xml::escape(&text), Syntax::Xml)
    });
    environment.add_filter("json", move |value: Value| {
        json(&value).map(|text| escaped(text, Syntax::Json))
    });
    environment.add_test("gsm7", |text: String| gsm7::carries(&text));
}

/// Writes a value where its place wants it, so that it cannot leave it.
pub(super) fn escape_into(out: &mut Output<'_>, place: Place, value: &Value) -> Result<(), Error> {
    if place == Place::JsonValue {
        return Ok(out.write_str(&json(value)?)?);
    }
    let text = value.to_string();
    // Dots alone would climb out of their part of a path, and cannot be escaped.
    if place == Place::Path && matches!(text.as_str(), "." | "..") {
        return Err(refused("dots are no part of a path"));
    }
    let text = match place {
        _ if value.is_safe() => text,
        Place::Whole | Place::JsonValue | Place::Document(Document::Plain) => text,
        Place::Path => percent(&text),
        Place::Document(Document::Xml) => xml::escape(&text),
        Place::Document(Document::Form) => form(&text),
        Place::Document(Document::Json) => within_quotes(&text),
    };
    Ok(out.write_str(&text)?)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn number(text: &str) -> Result<PhoneNumber, Error> {
    PhoneNumber::parse(text).ok_or_else(|| refused("this filter wants a phone number with +"))
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| refused("this is no value of JSON"))
}

/// A text as it stands between the quotes of a JSON text.
fn within_quotes(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
