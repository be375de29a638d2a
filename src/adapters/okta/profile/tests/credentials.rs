//! What Okta is shown: access tokens of a service app, with and without proofs, fetched and renewed in time.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::decode_header;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use super::{
    Desk,
    org::{Act, Asked, Org},
    wants_whatsapp,
};

const TOKEN_LINE: &str = "POST /oauth2/v1/token";

fn service_app(org: &Org, dpop: bool) -> Desk {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let auth = json!({ "service_app": {
        "client_id": "0oa1", "key": { "env": "APP_KEY" }, "key_id": "kid-1", "dpop": dpop,
    }});
    let variables = HashMap::from([("APP_KEY", key.serialize_pem())]);
    Desk::open_with(org, &auth, &json!({}), variables)
}

fn token(value: &str, kind: &str) -> Act {
    let scope = "okta.users.read";
    let body = json!({
        "access_token": value, "token_type": kind, "expires_in": 3600, "scope": scope,
    });
    Act::json(200, &body)
}

fn nonce() -> Act {
    Act::json(400, &json!({ "error": "use_dpop_nonce" })).with("dpop-nonce", &"n-1")
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("a token has three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}

fn form(asked: &Asked) -> HashMap<String, String> {
    form_urlencoded::parse(asked.body.as_bytes())
        .into_owned()
        .collect()
}

#[tokio::test]
async fn a_service_app_shows_a_bearer_token() {
    let org = Org::start([
        token("token-1", "Bearer"),
        Act::user("00u1", &wants_whatsapp()),
        Act::user("00u2", &wants_whatsapp()),
    ])
    .await;
    let desk = service_app(&org, false);
    assert!(desk.find("00u1").await.is_some());
    assert!(desk.find("00u2").await.is_some());
    let asked = org.asked();
    assert_eq!(asked[0].line, TOKEN_LINE);
    let said = form(&asked[0]);
    assert_eq!(said["grant_type"], "client_credentials");
    assert_eq!(said["scope"], "okta.users.read");
    let assertion = claims(&said["client_assertion"]);
    assert_eq!(assertion["iss"], "0oa1");
    assert_eq!(assertion["aud"], format!("{}/oauth2/v1/token", org.url));
    assert!(asked[0].header("dpop").is_empty());
    for asked in &asked[1..] {
        assert_eq!(asked.header("authorization"), "Bearer token-1");
        assert!(asked.header("dpop").is_empty());
    }
    desk.close().await;
}

#[tokio::test]
async fn a_service_app_with_dpop_proves_each_request() {
    let org = Org::start([
        nonce(),
        token("token-1", "DPoP"),
        Act::user("00u1", &wants_whatsapp()),
    ])
    .await;
    let desk = service_app(&org, true);
    assert!(desk.find("00u1").await.is_some());
    let asked = org.asked();
    let proofs: Vec<_> = asked
        .iter()
        .map(|asked| claims(asked.header("dpop")))
        .collect();
    assert!(proofs[0]["nonce"].is_null());
    assert_eq!(proofs[1]["nonce"], "n-1");
    assert_eq!(proofs[1]["htm"], "POST");
    assert_ne!(proofs[0]["jti"], proofs[1]["jti"]);
    assert_eq!(proofs[2]["htm"], "GET");
    assert_eq!(proofs[2]["htu"], format!("{}/api/v1/users/00u1", org.url));
    assert!(proofs[2]["ath"].is_string() && proofs[2]["nonce"].is_null());
    assert_eq!(asked[2].header("authorization"), "DPoP token-1");
    let keys = asked
        .iter()
        .map(|asked| decode_header(asked.header("dpop")));
    let keys: Vec<_> = keys.map(|header| header.expect("a header").jwk).collect();
    assert!(keys[0].is_some() && keys.iter().all(|key| *key == keys[0]));
    desk.close().await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_at_once() {
    let org = Org::start([
        token("token-1", "Bearer"),
        Act::status(401),
        token("token-2", "Bearer"),
        Act::user("00u1", &wants_whatsapp()),
    ])
    .await;
    let desk = service_app(&org, false);
    assert!(desk.find("00u1").await.is_some());
    let asked = org.asked();
    assert_eq!(asked[1].header("authorization"), "Bearer token-1");
    assert_eq!(asked[3].header("authorization"), "Bearer token-2");
    assert_eq!(desk.counted(), ["found"]);
    desk.close().await;
}

#[tokio::test]
async fn hooks_do_not_wait_for_a_token_longer_than_for_a_profile() {
    let org = Org::start([Act::json(401, &json!({ "error": "invalid_client" }))]).await;
    let desk = service_app(&org, false);
    let found = desk.find_within("00u1", Duration::from_millis(1120)).await;
    assert!(found.is_none());
    assert_eq!(desk.counted(), ["late"]);
    desk.close().await;
    assert!(org.asked().iter().all(|asked| asked.line == TOKEN_LINE));
}

#[tokio::test]
async fn a_refused_credential_is_not_shown_again_at_once() {
    let org = Org::start([Act::status(401)]).await;
    let desk = Desk::open(&org, &json!({}));
    assert!(desk.find("00u1").await.is_none());
    assert!(desk.find("00u2").await.is_none());
    assert_eq!(desk.counted(), ["failed", "failed"]);
    desk.time.advance(Duration::from_secs(10));
    org.expect(Act::user("00u2", &wants_whatsapp()));
    assert!(desk.find("00u2").await.is_some());
    desk.close().await;
}
