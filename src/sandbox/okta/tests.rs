//! The simulated org's token server, asked over HTTP.

use http::{HeaderMap, Method, StatusCode};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};

use serde_json::{Value, json};

use super::{Okta, Settings};
use crate::{
    clock::Clock,
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
