//! What a service app shows Okta: assertions signed by its own key, and DPoP proofs by a key of this process.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::clock::Clock;

/// Seconds for which an assertion is valid; Okta takes an hour at most.
const ASSERTION_LIFE: u64 = 300;

/// The algorithms that Okta takes and we can sign with, by kind of key.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384];

/// The private key of a service app.
pub(super) struct AppKey {
    key: EncodingKey,
    algorithm: Algorithm,
}

impl AppKey {
    /// Reads a private key, RSA or EC, as PEM.
    pub(super) fn read(pem: &str) -> Option<Self> {
        let pem = pem.as_bytes();
        let key = EncodingKey::from_rsa_pem(pem);
        let key = key.or_else(|_| EncodingKey::from_ec_pem(pem)).ok()?;
        // Only signing shows which curve it is.
        let fits =
            |algorithm: &Algorithm| encode(&Header::new(*algorithm), &json!({}), &key).is_ok();
        let algorithm = ALGORITHMS.into_iter().find(fits)?;
        Some(Self { key, algorithm })
    }

    /// Says to the token endpoint that we are this app; `None` where the library refuses.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        key_id: &str,
        endpoint: &Url,
        clock: &Clock,
    ) -> Option<String> {
        let mut header = Header::new(self.algorithm);
        header.kid = (!key_id.is_empty()).then(|| key_id.to_owned());
        let now = clock.unix_ms() / 1000;
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": endpoint.as_str(),
            "iat": now, "exp": now + ASSERTION_LIFE, "jti": unique(clock),
        });
        encode(&header, &claims, &self.key).ok()
    }
}

/// The key to which access tokens are bound. It lives and dies with the process.
pub(super) struct ProofKey {
    key: EncodingKey,
    public: Jwk,
}

impl ProofKey {
    /// Makes a key; `None` where the library refuses.
    pub(super) fn generate() -> Option<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let key = EncodingKey::from_ec_der(pair.ok()?.as_ref());
        let public = Jwk::from_encoding_key(&key, Algorithm::ES256).ok()?;
        Some(Self { key, public })
    }

    /// Proves that whoever makes this request has the key. `token` is the access token that is shown with it, `nonce`
    /// what the endpoint wants to see in it.
    pub(super) fn proof(
        &self,
        method: &Method,
        url: &Url,
        token: Option<&str>,
        nonce: Option<&str>,
        clock: &Clock,
    ) -> Option<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(self.public.clone());
        let mut claims = json!({
            "htm": method.as_str(), "htu": url.as_str(),
            "iat": clock.unix_ms() / 1000, "jti": unique(clock),
        });
        if let Some(token) = token {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
            claims["ath"] = Value::String(hash);
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = Value::String(nonce.to_owned());
        }
        encode(&header, &claims, &self.key).ok()
    }
}

fn unique(clock: &Clock) -> String {
    format!("{:032x}", clock.random())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};

    use super::*;

    fn read(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Value {
        let mut expected = Validation::new(algorithm);
        expected.required_spec_claims.clear();
        expected.validate_aud = false;
        decode(token, key, &expected)
            .expect("it is signed by this key")
            .claims
    }

    #[test]
    fn every_kind_of_key_signs_assertions() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/oauth/signing-key.pem"
        );
        let rsa = std::fs::read_to_string(path).expect("the file is there");
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .expect("a key")
            .serialize_pem();
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)
            .expect("a key")
            .serialize_pem();
        let clock = Clock::system();
        let url = Url::parse("https://acme.okta.example/oauth2/v1/token").expect("a URL");
        for (pem, algorithm) in ALGORITHMS
            .iter()
            .enumerate()
            .map(|(at, a)| ([&rsa, &p256, &p384][at], a))
        {
            let key = AppKey::read(pem).expect("a key");
            let token = key
                .assertion("0oa1", "kid-1", &url, &clock)
                .expect("an assertion");
            let header = decode_header(&token).expect("a header");
            assert_eq!(header.alg, *algorithm);
            assert_eq!(header.kid.as_deref(), Some("kid-1"));
        }
        for bad in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "key",
        ] {
            assert!(AppKey::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_assertion_says_who_for_whom_and_how_long() {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let key = AppKey::read(&pair.serialize_pem()).expect("a key");
        let url = Url::parse("https://acme.okta.example/oauth2/v1/token").expect("a URL");
        let clock = Clock::from_source(crate::clock::Manual::at(1_700_000_000_000));
        let token = key
            .assertion("0oa1", "", &url, &clock)
            .expect("an assertion");
        let public = DecodingKey::from_jwk(
            &Jwk::from_encoding_key(&key.key, Algorithm::ES256).expect("a public key"),
        );
        let mut expected = Validation::new(Algorithm::ES256);
        expected.validate_exp = false;
        expected.validate_aud = false;
        let claims = decode::<Value>(&token, &public.expect("a key"), &expected);
        let claims = claims.expect("it is signed by this key").claims;
        let id = format!("{:032x}", 1);
        let wanted = json!({
            "iss": "0oa1", "sub": "0oa1", "aud": url.as_str(), "iat": 1_700_000_000_u64,
            "exp": 1_700_000_300_u64, "jti": id,
        });
        assert_eq!(claims, wanted);
        assert!(decode_header(&token).expect("a header").kid.is_none());
    }

    #[test]
    fn a_proof_is_of_one_request_one_token_and_one_nonce() {
        let key = ProofKey::generate().expect("a key");
        let clock = Clock::system();
        let url = Url::parse("https://acme.okta.example/api/v1/users/00u1").expect("a URL");
        let proof = key.proof(&Method::GET, &url, Some("token"), Some("n-1"), &clock);
        let proof = proof.expect("a proof");
        let header = decode_header(&proof).expect("a header");
        assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
        let public = header.jwk.expect("the public key is shown");
        let shown = serde_json::to_value(&public).expect("JSON");
        assert!(shown["d"].is_null() && shown["x"].is_string());
        let public = DecodingKey::from_jwk(&public).expect("a key");
        let claims = read(&proof, &public, Algorithm::ES256);
        assert_eq!(claims["htm"], "GET");
        assert_eq!(claims["htu"], url.as_str());
        assert_eq!(claims["nonce"], "n-1");
        // The SHA-256 of `token`.
        assert_eq!(claims["ath"], "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A");
        let other = key
            .proof(&Method::GET, &url, None, None, &clock)
            .expect("a proof");
        let other = read(&other, &public, Algorithm::ES256);
        assert_ne!(claims["jti"], other["jti"]);
        assert!(other["ath"].is_null() && other["nonce"].is_null());
    }
}
