//! Proofs of possession (DPoP): each request is signed by the key to which the token is bound.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use jsonwebtoken::{Algorithm, jwk::ThumbprintHash};
use sha2::{Digest, Sha256};

use crate::sandbox::{
    jwt::{self, Claims},
    memory::Memory,
};

/// Seconds for which a proof is fresh.
const FRESH: u64 = 300;
/// Proofs that are remembered, so that each is used once.
const REMEMBERED: usize = 10_000;

const HEADER: &str = "dpop";
const TYPE: &str = "dpop+jwt";
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// A good proof.
pub(super) struct Proof {
    /// The fingerprint of the key that signed it.
    pub(super) key: String,
    claims: Claims,
}

impl Proof {
    /// The nonce that it repeats.
    pub(super) fn nonce(&self) -> Option<&str> {
        self.claims.text("nonce")
    }

    /// Whether it was made for this token.
    pub(super) fn is_of(&self, token: &str) -> bool {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        self.claims.text("ath") == Some(&hash)
    }
}

/// The proofs that were seen.
pub(super) struct Proofs(Memory<()>);

impl Proofs {
    pub(super) fn new() -> Self {
        Self(Memory::new(REMEMBERED))
    }

    /// Checks the proof of a request to `url`, at `now_ms` milliseconds since 1970.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        method: &str,
        url: &str,
        now_ms: u64,
    ) -> Option<Proof> {
        let mut given = headers.get_all(HEADER).iter();
        let (Some(token), None) = (given.next(), given.next()) else {
            return None;
        };
        let token = token.to_str().ok()?;
        let head = jwt::head(token)?;
        let key = head.jwk.filter(|_| head.typ.as_deref() == Some(TYPE))?;
        let claims = jwt::read(token, &key, ALGORITHMS)?;
        let here = claims.text("htm") == Some(method) && claims.text("htu") == Some(url);
        let fresh = claims.is_fresh(now_ms / 1000, FRESH);
        (here && fresh).then_some(())?;
        let until = now_ms + 2 * FRESH * 1000;
        let first = self.0.keep(claims.text("jti")?, (), now_ms, until);
        first.ok()?;
        Some(Proof {
            key: key.thumbprint(ThumbprintHash::SHA256).ok()?,
            claims,
        })
    }
}

/// Whether a request brings a proof at all.
pub(super) fn is_brought(headers: &HeaderMap) -> bool {
    headers.contains_key(HEADER)
}
