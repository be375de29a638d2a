//! Key pairs of the sandbox: a simulated org signs its tokens with one, and a gateway signs in to simulated vendors with
//! another.

use std::io;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value, json};

use crate::clock::Clock;

/// Characters on a line of PEM.
const PEM_LINE: usize = 64;

/// An RSA key pair of 2048 bits, and its id.
#[derive(Debug)]
pub struct RsaKey {
    id: String,
    pair: KeyPair,
}

impl RsaKey {
    /// Makes a new one.
    pub async fn generate(clock: &Clock) -> io::Result<Self> {
        let id = URL_SAFE_NO_PAD.encode(clock.random().to_be_bytes());
        // Finding two large primes takes long enough to hold up every other task of this thread.
        let made = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048)).await?;
        let pair = made.map_err(refused)?;
        Ok(Self { id, pair })
    }

    /// `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public part as a server lists it (JWK).
    pub fn public(&self) -> Value {
        let public = self.pair.public_key();
        let modulus = public.modulus();
        let exponent = public.exponent();
        json!({
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(modulus.big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(exponent.big_endian_without_leading_zero()),
        })
    }

    /// The public part as a simulator is told it.
    pub fn jwk(&self) -> io::Result<Jwk> {
        serde_json::from_value(self.public()).map_err(io::Error::other)
    }

    /// The private part, PEM (PKCS #8).
    pub fn private_pem(&self) -> io::Result<String> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(refused)?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        let mut rest = &*text;
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// The head of a token that names this key.
    pub fn head(&self) -> Value {
        json!({ "kid": self.id, "alg": "RS256" })
    }

    /// Signs a token: a head, and claims.
    pub fn sign(&self, head: &Value, claims: &Value) -> io::Result<String> {
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let text = signed.as_bytes();
        let done = self
            .pair
            .sign(&RSA_PKCS1_SHA256, &random, text, &mut signature);
        done.map_err(refused)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn refused(_: Unspecified) -> io::Error {
    io::Error::other("the cryptographic library refused")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

    use super::*;
    use crate::sandbox::jwt;

    #[tokio::test]
    async fn what_the_private_part_signs_the_public_part_verifies() {
        let key = RsaKey::generate(&Clock::system()).await.expect("a key");
        let pem = key.private_pem().expect("PEM");
        assert!(pem.lines().all(|line| line.len() <= PEM_LINE));
        // Signed by another implementation, from the PEM alone.
        let elsewhere = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a private key");
        let claims = json!({ "iss": "me" });
        let token = encode(&Header::new(Algorithm::RS256), &claims, &elsewhere).expect("a token");
        let read = jwt::read(&token, &key.jwk().expect("a JWK"), &[Algorithm::RS256]);
        assert_eq!(read.expect("verified").text("iss"), Some("me"));
    }
}
