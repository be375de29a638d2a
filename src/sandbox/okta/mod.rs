//! Plays the part of an Okta org that gives its hooks OAuth tokens: a token endpoint, and the keys that sign them.

mod key;

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
use serde_json::{Value, json};

use self::key::SigningKey;
use super::server::{Bound, Server};
use crate::clock::Clock;

/// Seconds for which a token is valid.
const TOKEN_LIFE: u64 = 3600;

/// The client that may ask for tokens, and what they say.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen: loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `aud` of the tokens.
    pub audience: String,
    /// The only scope there is.
    pub scope: String,
    /// The only client there is.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            audience: "api://default".to_owned(),
            scope: "telephony.send".to_owned(),
            client_id: "0oa0sandbox0000hook1".to_owned(),
            client_secret: "sandbox-client-secret".to_owned(),
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
        let key = SigningKey::generate(&clock).await?;
        let bound = Bound::new(settings.listen).await?;
        let org = Arc::new(Org {
            issuer: format!("{}/oauth2/default", bound.url()),
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
        let key = SigningKey::generate(&self.org.clock).await?;
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
    issuer: String,
    settings: Settings,
    clock: Clock,
    /// The last one signs.
    keys: Mutex<Vec<SigningKey>>,
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
    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<SigningKey>> {
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
        key.sign(claims)
    }

    fn grant(&self, form: &Form) -> Result<String, Denial> {
        if form.get("grant_type") != Some("client_credentials") {
            return Err(BAD_GRANT);
        }
        let Settings {
            scope,
            client_id,
            client_secret,
            ..
        } = &self.settings;
        let id = form.get("client_id") == Some(client_id);
        if !id || form.get("client_secret") != Some(client_secret) {
            return Err(BAD_CLIENT);
        }
        if form.get("scope") != Some(scope) {
            return Err(BAD_SCOPE);
        }
        let token = self.sign(&self.claims());
        token.map_err(|_| BROKEN)
    }
}

fn router(org: Arc<Org>) -> Router {
    Router::new()
        .route("/oauth2/default/v1/token", post(token))
        .route("/oauth2/default/v1/keys", get(keys))
        .with_state(org)
}

async fn keys(State(org): State<Arc<Org>>) -> Response {
    org.key_fetches.fetch_add(1, Ordering::Relaxed);
    if org.keys_away.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let keys: Vec<_> = org.keys().iter().map(SigningKey::public).collect();
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

struct Form(Vec<(String, String)>);

impl Form {
    fn read(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Why no token is given.
struct Denial(StatusCode, &'static str, &'static str);

const BAD_GRANT: Denial = Denial(
    StatusCode::BAD_REQUEST,
    "unsupported_grant_type",
    "The authorization grant type is not supported by the authorization server.",
);
const BAD_CLIENT: Denial = Denial(
    StatusCode::UNAUTHORIZED,
    "invalid_client",
    "The client id or the client secret is not valid.",
);
const BAD_SCOPE: Denial = Denial(
    StatusCode::BAD_REQUEST,
    "invalid_scope",
    "One or more scopes are not configured for the authorization server.",
);
const BROKEN: Denial = Denial(
    StatusCode::INTERNAL_SERVER_ERROR,
    "server_error",
    "The token could not be signed.",
);

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let Self(status, error, text) = self;
        let body = json!({ "error": error, "error_description": text });
        (status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};

    use super::*;
    use crate::{
        config::outbound,
        outbound::{Answer, Outbound, Request, WriteGate},
    };

    const GOOD: [(&str, &str); 4] = [
        ("grant_type", "client_credentials"),
        ("client_id", "0oa0sandbox0000hook1"),
        ("client_secret", "sandbox-client-secret"),
        ("scope", "telephony.send"),
    ];

    async fn start() -> Okta {
        let started = Okta::start(Settings::default(), Clock::system()).await;
        started.expect("a free port")
    }

    async fn call(method: Method, url: &str, body: String) -> Answer {
        let outbound = Outbound::new(&outbound::Outbound::default(), None).expect("a client");
        let request = Request {
            method,
            url: url.parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        let called = outbound.call(request, &WriteGate::default()).await;
        called.expect("an answer")
    }

    async fn ask(okta: &Okta, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let answer = call(Method::POST, &okta.token_url(), form.finish()).await;
        let body = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status.as_u16(), body)
    }

    async fn listed(okta: &Okta) -> JwkSet {
        let answer = call(Method::GET, &okta.keys_url(), String::new()).await;
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_slice(&answer.body).expect("a key set")
    }

    /// Reads a token as its receiver must, by another implementation than the one that signs.
    fn verify(okta: &Okta, keys: &JwkSet, token: &str) -> Option<Value> {
        let head = decode_header(token).expect("a head");
        let key = keys.find(&head.kid.expect("a kid"))?;
        let key = DecodingKey::from_jwk(key).expect("a usable key");
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[okta.issuer()]);
        rules.set_audience(&["api://default"]);
        decode::<Value>(token, &key, &rules).ok().map(|t| t.claims)
    }

    #[tokio::test]
    async fn a_token_verifies_against_the_listed_key() {
        let okta = start().await;
        let (status, answer) = ask(&okta, &GOOD).await;
        assert_eq!(status, 200);
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 3600);
        let token = answer["access_token"].as_str().expect("a token");
        let claims = verify(&okta, &listed(&okta).await, token).expect("a good token");
        assert_eq!(claims["cid"], "0oa0sandbox0000hook1");
        assert_eq!(claims["scp"], json!(["telephony.send"]));
        assert_eq!((okta.tokens(), okta.key_fetches()), (1, 1));
    }

    #[tokio::test]
    async fn whoever_asks_wrongly_gets_none() {
        let okta = start().await;
        for (field, value, status, error) in [
            ("grant_type", "password", 400, "unsupported_grant_type"),
            ("client_id", "0oa0other", 401, "invalid_client"),
            ("client_secret", "wrong", 401, "invalid_client"),
            ("scope", "okta.users.read", 400, "invalid_scope"),
        ] {
            let changed = GOOD.map(|(f, v)| (f, if f == field { value } else { v }));
            let (got, answer) = ask(&okta, &changed).await;
            assert_eq!((got, &answer["error"]), (status, &json!(error)), "{field}");
        }
        assert_eq!(ask(&okta, &[]).await.0, 400);
        assert_eq!(okta.tokens(), 0);
    }

    #[tokio::test]
    async fn keys_rotate_with_and_without_the_old() {
        let okta = start().await;
        let sign = |okta: &Okta| okta.sign(&okta.claims()).expect("a token");
        let first = sign(&okta);
        okta.rotate(true).await.expect("a second key");
        let (second, keys) = (sign(&okta), listed(&okta).await);
        assert_eq!(keys.keys.len(), 2);
        assert!(verify(&okta, &keys, &first).is_some());
        assert!(verify(&okta, &keys, &second).is_some());
        okta.rotate(false).await.expect("a third key");
        let keys = listed(&okta).await;
        assert_eq!(keys.keys.len(), 1);
        assert!(verify(&okta, &keys, &first).is_none());
        assert!(verify(&okta, &keys, &sign(&okta)).is_some());
    }

    #[tokio::test]
    async fn keys_can_be_away_and_tokens_be_bad() {
        let okta = start().await;
        let keys = listed(&okta).await;
        let mut claims = okta.claims();
        claims["exp"] = json!(1_000_000);
        let expired = okta.sign(&claims).expect("a token");
        assert!(verify(&okta, &keys, &expired).is_none());
        okta.set_keys_away(true);
        let away = call(Method::GET, &okta.keys_url(), String::new()).await;
        assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(okta.key_fetches(), 2);
    }
}
