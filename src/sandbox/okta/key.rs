//! A key that signs the simulated org's tokens.

use std::io;

use aws_lc_rs::{
    error::Unspecified,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::clock::Clock;

/// A key of the org and its id.
#[derive(Debug)]
pub(super) struct SigningKey {
    id: String,
    pair: KeyPair,
}

impl SigningKey {
    /// Makes a new key.
    pub(super) async fn generate(clock: &Clock) -> io::Result<Self> {
        let id = URL_SAFE_NO_PAD.encode(clock.random().to_be_bytes());
        // Finding two large primes takes long enough to hold up every other task of this thread.
        let made = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048)).await?;
        let pair = made.map_err(refused)?;
        Ok(Self { id, pair })
    }

    /// The public part as the org lists it.
    pub(super) fn public(&self) -> Value {
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

    /// Signs claims; the token names the key.
    pub(super) fn sign(&self, claims: &Value) -> io::Result<String> {
        let head = json!({ "kid": self.id, "alg": "RS256" });
        let [head, claims] = [&head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
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
