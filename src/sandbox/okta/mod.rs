//! Plays the part of an Okta org: it gives its hooks OAuth tokens, lists the keys that sign them, and answers service apps
//! that ask for its users.

mod denial;
mod dpop;
mod service;
#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod tests;
pub mod users;
#[cfg(test)]
mod users_tests;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{StatusCode, header};
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value, json};

use self::{
    denial::Denial,
    service::Services,
    users::{Mood, User, Users},
};
use super::{
    keys::RsaKey,
    reading::Form,
    server::{Bound, Server},
};
use crate::clock::Clock;

/// Seconds for which a token is valid.
const TOKEN_LIFE: u64 = 3600;

/// Who may ask for tokens and for users, and what they get.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen: loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `aud` of the hooks' tokens.
    pub audience: String,
    /// Their only scope.
    pub scope: String,
    /// The only client that gets them.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// A service app that may read users.
    pub service_id: String,
    /// Another one, whose every request must prove that it holds its key (DPoP).
    pub dpop_service_id: String,
    /// The public key with which both sign in; without one they cannot.
    pub service_key: Option<Jwk>,
    /// An administrator's token (SSWS), which may read users too.
    pub api_token: String,
    /// Most reads of users in a minute.
    pub reads_per_minute: u32,
    /// The users.
    pub users: Vec<User>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            audience: "api://default".to_owned(),
            scope: "telephony.send".to_owned(),
            client_id: "0oa0sandbox0000hook1".to_owned(),
            client_secret: "sandbox-client-secret".to_owned(),
            service_id: "0oa0sandbox0profile1".to_owned(),
            dpop_service_id: "0oa0sandbox0profile2".to_owned(),
            service_key: None,
            api_token: "sandbox-okta-api-token".to_owned(),
            reads_per_minute: 600,
            users: Vec::new(),
        }
    }
}

/// The running simulator.
#[derive(Debug)]
pub struct Okta {
    server: Server,
    org: Arc<Org>,
}

impl Okta {
    /// Makes a signing key and starts. Fails when the address is not loopback or is taken.
    pub async fn start(settings: Settings, clock: Clock) -> io::Result<Self> {
        let key = RsaKey::generate(&clock).await?;
        let bound = Bound::new(settings.listen).await?;
        let url = bound.url();
        let org = Arc::new(Org {
            issuer: format!("{url}/oauth2/default"),
            services: Services::new(&clock),
            users: Users::new(settings.users.clone()),
            url,
            settings,
            clock,
            keys: Mutex::new(vec![key]),
            keys_away: AtomicBool::new(false),
            key_fetches: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
        });
        let server = bound.serve(router(org.clone()));
        Ok(Self { server, org })
    }

    /// The org's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.org.url
    }

    /// `iss` of the tokens; keys and tokens are below it.
    pub fn issuer(&self) -> &str {
        &self.org.issuer
    }

    /// Where tokens are given.
    pub fn token_url(&self) -> String {
        format!("{}/v1/token", self.issuer())
    }

    /// Where the public keys are.
    pub fn keys_url(&self) -> String {
        format!("{}/v1/keys", self.issuer())
    }

    /// What it was started with.
    pub fn settings(&self) -> &Settings {
        &self.org.settings
    }

    /// How often the keys were asked for, refused requests included.
    pub fn key_fetches(&self) -> u64 {
        self.org.key_fetches.load(Ordering::Relaxed)
    }

    /// How many tokens were given.
    pub fn tokens(&self) -> u64 {
        self.org.tokens.load(Ordering::Relaxed)
    }

    /// Signs with a new key from now on. The old ones stay listed, or are gone at once.
    pub async fn rotate(&self, keep_old: bool) -> io::Result<()> {
        let key = RsaKey::generate(&self.org.clock).await?;
        let mut keys = self.org.keys();
        if !keep_old {
            keys.clear();
        }
        keys.push(key);
        Ok(())
    }

    /// Answers requests for keys with 503 for as long as this is set.
    pub fn set_keys_away(&self, away: bool) {
        self.org.keys_away.store(away, Ordering::Relaxed);
    }

    /// Adds a user, or changes the one with this id.
    pub fn set_user(&self, user: User) {
        self.org.users.set(user);
    }

    /// How requests for users are answered from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.org.users.set_mood(mood);
    }

    /// How often a user was asked for, refused requests included.
    pub fn user_reads(&self) -> u64 {
        self.org.users.reads()
    }

    /// Lets every token of the service apps lapse, as if its time were over.
    pub fn lapse_service_tokens(&self) {
        self.org.services.lapse();
    }

    /// How many tokens were given to service apps.
    pub fn service_tokens(&self) -> u64 {
        self.org.services.given()
    }

    /// The claims of a good token made now; tests change one and [`Okta::sign`] the rest.
    pub fn claims(&self) -> Value {
        self.org.claims()
    }

    /// Signs any claims with the present key.
    pub fn sign(&self, claims: &Value) -> io::Result<String> {
        self.org.sign(claims)
    }

    /// Goes away: later requests find nobody listening.
    pub async fn stop(&self) {
        self.server.stop().await;
    }
}

struct Org {
    url: String,
    issuer: String,
    settings: Settings,
    clock: Clock,
    services: Services,
    users: Users,
    /// The last one signs.
    keys: Mutex<Vec<RsaKey>>,
    keys_away: AtomicBool,
    key_fetches: AtomicU64,
    tokens: AtomicU64,
}

impl std::fmt::Debug for Org {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Org")
    }
}

impl Org {
    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<RsaKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> Value {
        let now = self.clock.unix_ms() / 1000;
        let Settings {
            audience,
            scope,
            client_id,
            ..
        } = &self.settings;
        json!({
            "ver": 1,
            "jti": format!("AT.{:032x}", self.clock.random()),
            "iss": self.issuer,
            "aud": audience,
            "iat": now,
            "exp": now + TOKEN_LIFE,
            "cid": client_id,
            "scp": [scope],
            "sub": client_id,
        })
    }

    fn sign(&self, claims: &Value) -> io::Result<String> {
        let keys = self.keys();
        let key = keys.last().ok_or(io::ErrorKind::NotFound)?;
        key.sign(&key.head(), claims)
    }

    fn grant(&self, form: &Form) -> Result<String, Denial> {
        if form.get("grant_type") != Some("client_credentials") {
            return Err(Denial::GRANT);
        }
        let Settings {
            scope,
            client_id,
            client_secret,
            ..
        } = &self.settings;
        let id = form.get("client_id") == Some(client_id);
        if !id || form.get("client_secret") != Some(client_secret) {
            return Err(Denial::CLIENT);
        }
        if form.get("scope") != Some(scope) {
            return Err(Denial::SCOPE);
        }
        let token = self.sign(&self.claims());
        token.map_err(|_| Denial::BROKEN)
    }
}

fn router(org: Arc<Org>) -> Router {
    Router::new()
        .route("/oauth2/default/v1/token", post(token))
        .route("/oauth2/default/v1/keys", get(keys))
        .route("/oauth2/v1/token", post(service::token))
        .route("/api/v1/users/{id}", get(users::read))
        .with_state(org)
}

async fn keys(State(org): State<Arc<Org>>) -> Response {
    org.key_fetches.fetch_add(1, Ordering::Relaxed);
    if org.keys_away.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let keys: Vec<_> = org.keys().iter().map(RsaKey::public).collect();
    Json(json!({ "keys": keys })).into_response()
}

async fn token(State(org): State<Arc<Org>>, body: Bytes) -> Response {
    match org.grant(&Form::read(&body)) {
        Ok(token) => {
            org.tokens.fetch_add(1, Ordering::Relaxed);
            let body = json!({
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFE,
                "access_token": token,
                "scope": org.settings.scope,
            });
            ([(header::CACHE_CONTROL, "no-cache, no-store")], Json(body)).into_response()
        }
        Err(denial) => denial.into_response(),
    }
}
