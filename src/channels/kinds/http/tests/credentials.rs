//! Who asks: tokens that come and go, and secrets that change.

use std::fs;

use serde_json::{Map, Value, json};

use super::{build_in, message, plain, with};
use crate::{
    channels::{
        kinds::contract::fixture::House,
        provider::{Provider, SendError},
    },
    domain::failure::Failure,
    outbound::{
        WriteGate,
        vendor::{Call, Reply, Vendor},
    },
};

fn oauth() -> Map<String, Value> {
    let oauth = json!({
        "token_url": "https://login.vendor.example/token",
        "client_id": "client",
        "client_secret": { "env": "SECRET" },
        "parameters": { "scope": "sms" },
    });
    with(plain(), json!({ "auth": { "oauth": oauth } }))
}

/// The calls to a vendor that is its own token server.
async fn minting(
    mut settings: Map<String, Value>,
    script: Vec<Reply>,
    messages: usize,
) -> (Vec<Call>, Vec<Failure>) {
    let vendor = Vendor::start(script).await;
    settings["auth"]["oauth"]["token_url"] = format!("{}/token", vendor.url()).into();
    let settings = with(settings, json!({ "base_url": vendor.url() }));
    let http = build_in(&House::default(), settings).unwrap();
    let mut failures = Vec::new();
    for _ in 0..messages {
        let result = http.send(&message("x"), &WriteGate::default()).await;
        failures.extend(result.err().map(|problem| problem.failure));
    }
    (vendor.calls(), failures)
}

fn token(name: &str) -> Reply {
    let body = json!({ "access_token": name, "expires_in": 3600 });
    Reply::answer(200, &[], &body.to_string())
}

#[tokio::test]
async fn a_minted_token_that_has_expired_is_replaced() {
    let (stale, taken) = (Reply::answer(401, &[], ""), Reply::answer(200, &[], ""));
    let script = vec![
        token("first"),
        taken.clone(),
        stale.clone(),
        token("second"),
        taken,
        stale,
    ];
    let (calls, failures) = minting(oauth(), script, 4).await;
    assert_eq!(
        failures,
        [Failure::CredentialStale, Failure::CredentialStale]
    );
    let bearer = calls.iter().map(|call| call.header("authorization"));
    let bearer: Vec<_> = bearer.collect();
    let (first, second) = (Some("Bearer first"), Some("Bearer second"));
    assert_eq!(bearer, [None, first, first, None, second, second]);
    insta::assert_snapshot!(calls[0].body, @"grant_type=client_credentials&client_id=client&client_secret=value-of-SECRET&scope=sms");
}

#[tokio::test]
async fn a_token_refused_when_it_is_new_is_the_accounts_fault() {
    let script = vec![token("first"), Reply::answer(401, &[], "")];
    let (_, failures) = minting(oauth(), script, 1).await;
    assert_eq!(failures, [Failure::Account]);
}

#[tokio::test]
async fn a_client_shows_itself_in_three_ways() {
    let asked = async |changes: Value| {
        let mut settings = oauth();
        let own = settings["auth"]["oauth"].as_object_mut().unwrap();
        *own = with(own.clone(), changes);
        let taken = Reply::answer(200, &[], "");
        minting(settings, vec![token("first"), taken], 1)
            .await
            .0
            .remove(0)
    };
    let call = asked(json!({ "credentials_in": "header" })).await;
    let basic = "Basic Y2xpZW50OnZhbHVlLW9mLVNFQ1JFVA==";
    assert_eq!(call.header("authorization"), Some(basic));
    assert!(!call.body.contains("SECRET"), "{call:?}");
    let assertion = json!({ "private_key": { "env": "PRIVATE_KEY" }, "key_id": "kid" });
    let call = asked(json!({ "client_secret": null, "assertion": assertion })).await;
    let jwt =
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    assert!(call.body.contains(jwt), "{call:?}");
    assert!(call.body.contains("&client_assertion=eyJ"), "{call:?}");
}

#[tokio::test]
async fn a_new_secret_is_used_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let told = json!({ "file": file });
    let settings = with(
        plain(),
        json!({
            "secrets": { "key": told },
            "auth": { "header": { "value": told } },
            "body": { "form": { "key": "{{ secrets.key }}" } },
        }),
    );
    let taken = Reply::answer(200, &[], "");
    let vendor = Vendor::start([taken.clone(), taken]).await;
    let house = House::default();
    fs::write(&file, "first").unwrap();
    let http = build_in(&house, with(settings, json!({ "base_url": vendor.url() }))).unwrap();
    for secret in ["first", "second"] {
        fs::write(&file, secret).unwrap();
        house.site().secrets.refresh();
        http.send(&message("x"), &WriteGate::default())
            .await
            .unwrap();
        let call = vendor.calls().pop().unwrap();
        assert_eq!(call.header("authorization"), Some(secret));
        assert_eq!(call.body, format!("key={secret}"));
    }
    fs::write(&file, "not\na header").unwrap();
    house.site().secrets.refresh();
    let problem = http.send(&message("x"), &WriteGate::default()).await;
    let expect = SendError::new(Failure::Account, "credential");
    assert_eq!(problem, Err(expect));
}
