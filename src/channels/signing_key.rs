//! A private RSA key whose assertions (JWT by RS256) follow its secret.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use crate::config::secret::Secret;

/// The secret holds no private RSA key in PEM that can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("holds no private RSA key in PEM (PKCS#1 or PKCS#8)")]
pub struct BadKey;

/// A key that signs.
pub struct SigningKey {
    pem: Secret,
    read: ArcSwap<Read>,
}

/// A key, and the text it was read from.
struct Read {
    pem: Arc<SecretString>,
    key: Arc<EncodingKey>,
}

/// Which key signed: two signatures with the same mark are of the same key.
#[derive(Clone)]
pub struct Mark(Arc<EncodingKey>);

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl SigningKey {
    /// The key that a secret holds. It is tried, so that a key that cannot sign is found now.
    pub fn new(pem: Secret) -> Result<Self, BadKey> {
        let text = pem.load();
        let key = Arc::new(key_of(&text)?);
        let read = ArcSwap::from_pointee(Read { pem: text, key });
        Ok(Self { pem, read })
    }

    /// Which key would sign now.
    pub fn mark(&self) -> Mark {
        Mark(self.key())
    }

    /// An assertion of these claims, with the key's id in its header where it has one.
    pub fn sign(&self, key_id: Option<&str>, claims: &impl Serialize) -> Result<String, BadKey> {
        sign(&self.key(), key_id, claims)
    }

    /// The present key. While its file holds none, it is the last good one.
    fn key(&self) -> Arc<EncodingKey> {
        let pem = self.pem.load();
        let read = self.read.load();
        // What was read holds on to its text, so no later one can have the same address.
        if Arc::ptr_eq(&read.pem, &pem) {
            return Arc::clone(&read.key);
        }
        let key = key_of(&pem).map_or_else(|_| Arc::clone(&read.key), Arc::new);
        let read = Read {
            pem,
            key: Arc::clone(&key),
        };
        self.read.store(Arc::new(read));
        key
    }
}

fn key_of(pem: &SecretString) -> Result<EncodingKey, BadKey> {
    let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_| BadKey)?;
    sign(&key, None, &json!({}))?;
    Ok(key)
}

fn sign(
    key: &EncodingKey,
    key_id: Option<&str>,
    claims: &impl Serialize,
) -> Result<String, BadKey> {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = key_id.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, key).map_err(|_| BadKey)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jsonwebtoken::{DecodingKey, Validation, jwk::Jwk};
    use serde_json::Value;

    use super::*;
    use crate::config::secret::{SecretRef, Secrets};

    const PEM: &str = include_str!("../../tests/fixtures/oauth/signing-key.pem");
    const JWK: &str = include_str!("../../tests/fixtures/oauth/signing-key.jwk.json");

    /// What the vendor reads in an assertion, once it has checked the signature.
    fn checked(assertion: &str) -> (Header, Value) {
        let jwk: Jwk = serde_json::from_str(JWK).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let read = jsonwebtoken::decode::<Value>(assertion, &key, &validation).unwrap();
        (read.header, read.claims)
    }

    #[test]
    fn an_assertion_bears_its_claims_and_its_key() {
        let key = SigningKey::new(Secret::fixed(PEM)).unwrap();
        let claims = json!({ "iss": "1234567890", "sub": "\"<&🔑" });
        let (header, read) = checked(&key.sign(Some("rsa-1"), &claims).unwrap());
        assert_eq!(read, claims);
        assert_eq!(header.kid.as_deref(), Some("rsa-1"));
        assert_eq!(checked(&key.sign(None, &claims).unwrap()).0.kid, None);
        assert!(!format!("{key:?}").contains("MII"));
    }

    #[test]
    fn what_is_no_key_is_told_at_once() {
        let public = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
        for bad in ["x", "", public, &PEM[..PEM.len() / 2]] {
            let key = SigningKey::new(Secret::fixed(bad));
            assert_eq!(key.unwrap_err(), BadKey, "{} bytes", bad.len());
        }
    }

    #[test]
    fn a_new_key_signs_at_once_and_a_broken_file_keeps_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        fs::write(&file, PEM).unwrap();
        let secrets = Secrets::new(Arc::new(|_| None));
        let pem = secrets.resolve(&SecretRef::File(file.clone())).unwrap();
        let key = SigningKey::new(pem).unwrap();
        let first = key.mark();
        assert!(first == key.mark());
        fs::write(&file, "half a k").unwrap();
        assert_eq!(secrets.refresh().0, 1);
        assert!(first == key.mark());
        checked(&key.sign(None, &json!({})).unwrap());
        fs::write(&file, PEM).unwrap();
        assert_eq!(secrets.refresh().0, 1);
        assert!(first != key.mark());
        checked(&key.sign(None, &json!({})).unwrap());
    }
}
