//! Signing keys of an OAuth server: read from a JWK once, ready to verify tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::jwt::Claims;

/// Most keys kept of one server; real ones publish a handful.
const MAX_KEYS: usize = 32;

/// A public key with the algorithms for which it may be used.
pub struct Key {
    id: String,
    material: DecodingKey,
    validation: Validation,
}

/// The keys of one server.
#[derive(Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads a JWK set. Keys that are not for RSA or elliptic-curve signatures are left out; `None` when no key is left
    /// or this is no JWK set.
    pub fn read(json: &[u8]) -> Option<Self> {
        let set: JwkSet = serde_json::from_slice(json).ok()?;
        let keys = set.keys.into_iter().filter_map(Key::read).take(MAX_KEYS);
        let keys: Vec<_> = keys.collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The key of this id.
    pub fn get(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl Key {
    /// What a token says; `None` when this key did not sign it.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let read = jsonwebtoken::decode(token, &self.material, &self.validation);
        read.ok().map(|read| read.claims)
    }

    fn read(jwk: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        if jwk.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        // The algorithm follows from the kind of key and never from the token, so that a public key is never taken
        // for a shared secret.
        let (mut algorithms, material) = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("RSA", _) => (
                vec![Algorithm::RS256, Algorithm::RS384, Algorithm::RS512],
                DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?).ok()?,
            ),
            ("EC", Some("P-256")) => (
                vec![Algorithm::ES256],
                DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?,
            ),
            ("EC", Some("P-384")) => (
                vec![Algorithm::ES384],
                DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?,
            ),
            _ => return None,
        };
        if let Some(named) = jwk.alg {
            let named = named.parse().ok()?;
            algorithms.retain(|algorithm| *algorithm == named);
        }
        Some(Self {
            id: jwk.kid?,
            material,
            validation: signature_only(algorithms)?,
        })
    }
}

/// Only the signature is checked there: what the claims must say, and what time it is, is decided in `jwt`.
fn signature_only(algorithms: Vec<Algorithm>) -> Option<Validation> {
    let mut validation = Validation::new(*algorithms.first()?);
    validation.algorithms = algorithms;
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    Some(validation)
}

#[derive(Deserialize)]
struct JwkSet {
    // Read one by one: a kind of key that is new to us must not cost us the others.
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(json: &str) -> Option<Vec<String>> {
        Keys::read(json.as_bytes()).map(|keys| keys.0.into_iter().map(|key| key.id).collect())
    }

    #[test]
    fn only_signature_keys_with_an_id_are_kept() {
        let set = r#"{"keys":[
            {"kty":"RSA","kid":"rsa","use":"sig","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"enc","use":"enc","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"pss","alg":"PS256","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"secret","alg":"HS256","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"half","n":"AQAB"},
            {"kty":"oct","kid":"oct","k":"AQAB"},
            {"kty":"EC","kid":"ec","crv":"P-256","x":"AQAB","y":"AQAB"},
            {"kty":"EC","kid":"other","crv":"secp256k1","x":"AQAB","y":"AQAB"},
            {"kty":"OKP","kid":"ed","crv":"Ed25519","x":"AQAB"},
            "nonsense", null, {"kty":7}
        ]}"#;
        assert_eq!(ids(set), Some(vec!["rsa".to_owned(), "ec".to_owned()]));
    }

    #[test]
    fn no_key_is_no_set() {
        for bad in ["", "null", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[{}]}"#] {
            assert_eq!(ids(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_server_cannot_fill_our_memory_with_keys() {
        let one = |id| format!(r#"{{"kty":"RSA","kid":"{id}","n":"AQAB","e":"AQAB"}}"#);
        let many: Vec<_> = (0..500).map(one).collect();
        let set = format!(r#"{{"keys":[{}]}}"#, many.join(","));
        assert_eq!(ids(&set).map(|ids| ids.len()), Some(MAX_KEYS));
    }
}
