//! What simulated vendors read in any request: credentials, forms, JSON, and the form of numbers.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use serde_json::Value;

/// The content type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
/// The content type of JSON.
pub(super) const JSON: &str = "application/json";

/// What stands behind this scheme in the `Authorization` header.
pub(super) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (given, credentials) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then_some(credentials)
}

/// User and password of basic authentication, with a colon between them.
pub(super) fn basic(headers: &HeaderMap) -> Option<String> {
    let decoded = STANDARD.decode(credentials(headers, "basic")?).ok()?;
    String::from_utf8(decoded).ok()
}

/// A header that is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the body is of this content type, whatever its parameters.
pub(super) fn is(headers: &HeaderMap, kind: &str) -> bool {
    let given = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(kind)
}

/// The JSON object of a request; none where it is not sent as one.
pub(super) fn json(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    is(headers, JSON).then_some(())?;
    let value: Value = serde_json::from_slice(body).ok()?;
    value.is_object().then_some(value)
}

/// The fields of a request; an empty one is as good as none.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The form of a request. What does not come as one has no parameters, however well it is written.
    pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        Self::read(if is(headers, FORM) { body } else { b"" })
    }

    /// The first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(field, value)| field == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

/// `+`, a country code without a leading zero, at most 15 digits in all.
pub(super) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(is_international)
}

/// The same without the `+`.
pub(super) fn is_international(text: &str) -> bool {
    (8..=15).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name as a sender of text messages: up to 11 letters, digits and spaces with a letter among them.
pub(super) fn is_sender_name(text: &str) -> bool {
    text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
}

/// A tag such as `en-GB` or `cmn-Hans-CN`: the form only.
pub(super) fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn credentials_are_read_by_scheme() {
        let basic_headers = headers(header::AUTHORIZATION, "Basic YTpi");
        assert_eq!(basic(&basic_headers).as_deref(), Some("a:b"));
        assert_eq!(credentials(&basic_headers, "bearer"), None);
        let bearer = headers(header::AUTHORIZATION, "bearer abc");
        assert_eq!(credentials(&bearer, "Bearer"), Some("abc"));
        assert_eq!(basic(&HeaderMap::new()), None);
    }

    #[test]
    fn bodies_are_what_their_headers_say() {
        let form = headers(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let json_headers = headers(header::CONTENT_TYPE, "application/json; charset=utf-8");
        assert_eq!(Form::of(&form, b"a=1&b=").get("a"), Some("1"));
        assert_eq!(Form::of(&form, b"a=1&b=").get("b"), None);
        assert_eq!(Form::of(&json_headers, b"a=1").get("a"), None);
        assert!(json(&json_headers, b"{}").is_some());
        assert!(json(&form, b"{}").is_none());
        for bad in [&b"[]"[..], b"1", b"{", b""] {
            assert!(json(&json_headers, bad).is_none());
        }
    }

    #[test]
    fn numbers_names_and_languages_have_a_form() {
        for good in ["+14155550123", "+818000001234"] {
            assert!(is_e164(good) && !is_international(good), "{good}");
        }
        for bad in ["14155550123", "+1415", "+0415555012", "+1 415 555 0123"] {
            assert!(!is_e164(bad), "{bad}");
        }
        assert!(is_sender_name("Acme 24") && !is_sender_name("TWELVELETTER"));
        for good in ["en", "en-GB", "cmn-CN", "es-419", "zh-Hant-TW"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "e", "en_GB", "english", "en-"] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
