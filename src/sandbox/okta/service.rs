//! Service apps: they sign in with their key (`private_key_jwt`), and get tokens for the org's own API.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Org,
    denial::Denial,
    dpop::{self, Proofs},
};
use crate::{
    clock::Clock,
    sandbox::{jwt, memory::Memory, reading::Form},
};

/// The scope that reads users.
pub(super) const SCOPE: &str = "okta.users.read";

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead, in seconds, an assertion may end.
const LONGEST_ASSERTION: u64 = 3600;
/// Seconds for which a token is valid.
const TOKEN_LIFE: u64 = 3600;
/// Tokens that are valid at once; older ones lapse.
const TOKENS: usize = 1000;

const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// What a token is worth without a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// Everything.
    Free,
    /// Nothing: requests must be signed by the key with this fingerprint.
    Key(String),
}

/// What the org remembers of its service apps.
pub(super) struct Services {
    /// Each token with what it is bound to.
    tokens: Memory<Binding>,
    pub(super) proofs: Proofs,
    nonce: String,
    given: AtomicU64,
}

impl Binding {
    /// The claim that names the key.
    fn confirmation(&self) -> Option<Value> {
        match self {
            Self::Free => None,
            Self::Key(key) => Some(json!({ "jkt": key })),
        }
    }
}

impl Services {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            tokens: Memory::new(TOKENS),
            proofs: Proofs::new(),
            nonce: format!("{:032x}", clock.random()),
            given: AtomicU64::new(0),
        }
    }

    /// What a token is bound to; `None` where the token is not good.
    pub(super) fn binding(&self, token: &str, now_ms: u64) -> Option<Binding> {
        self.tokens.get(token, now_ms)
    }

    pub(super) fn lapse(&self) {
        self.tokens.clear();
    }

    pub(super) fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }
}

/// Answers `POST /oauth2/v1/token`.
pub(super) async fn token(
    State(org): State<Arc<Org>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match org.serve(&headers, &Form::of(&headers, &body)) {
        Ok(answer) => answer,
        Err(denial) => {
            let mut response = denial.into_response();
            if denial == Denial::NONCE
                && let Ok(nonce) = HeaderValue::from_str(&org.services.nonce)
            {
                response.headers_mut().insert("dpop-nonce", nonce);
            }
            response
        }
    }
}

impl Org {
    fn serve(&self, headers: &HeaderMap, form: &Form) -> Result<Response, Denial> {
        if form.get("grant_type") != Some("client_credentials") {
            return Err(Denial::GRANT);
        }
        let client = self.signed_in(form).ok_or(Denial::ASSERTION)?;
        if form.get("scope") != Some(SCOPE) {
            return Err(Denial::SCOPE);
        }
        let binding = self.proven(headers, &client)?;
        let now = self.clock.unix_ms();
        let token = self.sign(&json!({
            "ver": 1,
            "jti": format!("AT.{:032x}", self.clock.random()),
            "iss": self.url,
            "aud": self.url,
            "iat": now / 1000,
            "exp": now / 1000 + TOKEN_LIFE,
            "cid": client,
            "scp": [SCOPE],
            "sub": client,
            "cnf": binding.confirmation(),
        }));
        let token = token.map_err(|_| Denial::BROKEN)?;
        let kind = match binding {
            Binding::Free => "Bearer",
            Binding::Key(_) => "DPoP",
        };
        // Tokens do not meet: each has its own id.
        let _ = self
            .services
            .tokens
            .keep(&token, binding, now, now + TOKEN_LIFE * 1000);
        self.services.given.fetch_add(1, Ordering::Relaxed);
        let body = json!({
            "token_type": kind,
            "expires_in": TOKEN_LIFE,
            "access_token": token,
            "scope": SCOPE,
        });
        Ok(([(header::CACHE_CONTROL, "no-cache, no-store")], Json(body)).into_response())
    }

    /// The app that signed the assertion.
    fn signed_in(&self, form: &Form) -> Option<String> {
        (form.get("client_assertion_type")? == ASSERTION_TYPE).then_some(())?;
        let assertion = form.get("client_assertion")?;
        let settings = &self.settings;
        let key = settings.service_key.as_ref()?;
        // An app with one key need not say which.
        let named = jwt::head(assertion)?.kid;
        (named.is_none() || named == key.common.key_id).then_some(())?;
        let claims = jwt::read(assertion, key, ALGORITHMS)?;
        let client = claims.text("sub")?;
        let known = [&settings.service_id, &settings.dpop_service_id];
        let known = known.into_iter().any(|id| id == client);
        let now = self.clock.unix_ms() / 1000;
        let good = known
            && claims.text("iss") == Some(client)
            && claims.is_for(&format!("{}/oauth2/v1/token", self.url))
            && claims.timely(now, LONGEST_ASSERTION).is_ok();
        good.then(|| client.to_owned())
    }

    /// Binds a token to the key that the request proves to hold. One app must prove one; the other may.
    fn proven(&self, headers: &HeaderMap, client: &str) -> Result<Binding, Denial> {
        if !dpop::is_brought(headers) && client != self.settings.dpop_service_id {
            return Ok(Binding::Free);
        }
        let url = format!("{}/oauth2/v1/token", self.url);
        let now = self.clock.unix_ms();
        let proof = self.services.proofs.check(headers, "POST", &url, now);
        let proof = proof.ok_or(Denial::PROOF)?;
        if proof.nonce() != Some(&self.services.nonce) {
            return Err(Denial::NONCE);
        }
        Ok(Binding::Key(proof.key))
    }
}
