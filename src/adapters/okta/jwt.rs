//! Okta's bearer tokens: what one must say, and when.

use serde::Deserialize;

use crate::config::tenants::OktaOauth;

/// How far the clocks of the token server and ours may be apart, in seconds.
const LEEWAY: f64 = 60.0;

/// Longer than any token in use; a longer one is not looked at.
const MAX_TOKEN: usize = 8 * 1024;

/// What a token says, as far as it matters here. Servers differ in where they write lists and where text.
#[derive(Debug, Deserialize)]
pub struct Claims {
    iss: String,
    aud: OneOrMany,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    scp: OneOrMany,
    #[serde(alias = "client_id")]
    cid: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn contains(&self, word: &str) -> bool {
        match self {
            Self::One(one) => one == word,
            Self::Many(many) => many.iter().any(|one| one == word),
        }
    }

    fn contains_scope(&self, scope: &str) -> bool {
        match self {
            Self::One(list) => list.split(' ').any(|one| one == scope),
            Self::Many(many) => many.iter().any(|one| one == scope),
        }
    }
}

/// What the tokens of one org must say.
#[derive(Clone, Debug)]
pub struct Expected {
    issuer: String,
    audience: String,
    scope: String,
    client_id: String,
}

impl Expected {
    /// From the configuration.
    pub fn new(oauth: &OktaOauth) -> Self {
        Self {
            issuer: oauth.issuer.clone(),
            audience: oauth.audience.clone(),
            scope: oauth.scope.clone(),
            client_id: oauth.client_id.clone(),
        }
    }

    /// Whether these claims, of a token whose signature is right, let the caller in at this time.
    pub fn admits(&self, claims: &Claims, unix_seconds: f64) -> bool {
        let latest = unix_seconds + LEEWAY;
        claims.iss == self.issuer
            && claims.aud.contains(&self.audience)
            && claims.scp.contains_scope(&self.scope)
            && claims.cid == self.client_id
            && claims.exp > unix_seconds - LEEWAY
            && claims.nbf.is_none_or(|from| from <= latest)
            && claims.iat.is_none_or(|issued| issued <= latest)
    }
}

/// The id of the key that signed a token, as far as the token is to be believed; `None` for what is no token, names no
/// key, or must not be read without an extension that nobody here knows.
pub fn key_id(token: &str) -> Option<String> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    header.crit.is_none().then_some(header.kid)?
}

/// The token of an `authorization` header.
pub fn bearer(header: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(header).ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: f64 = 1_700_000_000.0;

    fn admits(change: Value) -> bool {
        let expected = Expected {
            issuer: "https://acme.okta.example/oauth2/default".to_owned(),
            audience: "api://default".to_owned(),
            scope: "otp".to_owned(),
            client_id: "0oa1".to_owned(),
        };
        let mut claims = json!({
            "iss": "https://acme.okta.example/oauth2/default", "aud": "api://default",
            "exp": NOW + 300.0, "iat": NOW, "nbf": NOW, "scp": ["mail", "otp"], "cid": "0oa1",
        });
        let (Value::Object(claims_map), Value::Object(change)) = (&mut claims, change) else {
            panic!("both are objects");
        };
        for (name, value) in change {
            if value.is_null() {
                claims_map.remove(&name);
            } else {
                claims_map.insert(name, value);
            }
        }
        serde_json::from_value(claims).is_ok_and(|claims| expected.admits(&claims, NOW))
    }

    #[test]
    fn a_token_must_say_everything() {
        assert!(admits(json!({})));
        for gone in ["iss", "aud", "exp", "scp", "cid"] {
            assert!(!admits(json!({ gone: null })), "{gone}");
        }
        assert!(!admits(json!({"iss": "https://evil.example"})));
        assert!(!admits(json!({"aud": "api://other"})));
        assert!(!admits(json!({"aud": ["api://other"]})));
        assert!(!admits(json!({"scp": ["mail"]})));
        assert!(!admits(json!({"scp": "mail otpx"})));
        assert!(!admits(json!({"cid": "0oa2"})));
    }

    #[test]
    fn other_spellings_say_the_same() {
        assert!(admits(json!({"aud": ["api://other", "api://default"]})));
        assert!(admits(json!({"scp": "mail otp"})));
        assert!(admits(json!({"cid": null, "client_id": "0oa1"})));
        assert!(admits(json!({"iat": null, "nbf": null})));
    }

    #[test]
    fn a_minute_is_forgiven_and_no_more() {
        assert!(admits(json!({"exp": NOW - 59.0})));
        assert!(!admits(json!({"exp": NOW - 60.0})));
        assert!(!admits(json!({"exp": "soon"})));
        assert!(admits(json!({"nbf": NOW + 60.0, "iat": NOW + 60.0})));
        assert!(!admits(json!({"nbf": NOW + 61.0})));
        assert!(!admits(json!({"iat": NOW + 61.0})));
    }

    #[test]
    fn a_bearer_is_found_in_its_header() {
        assert_eq!(bearer(b"Bearer abc"), Some("abc"));
        assert_eq!(bearer(b"bEARER  abc "), Some("abc"));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bearer"), None);
        assert_eq!(bearer(b"Bearer \xff"), None);
    }
}
