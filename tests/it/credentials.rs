//! Who may make a hook: nobody learns more than that it was not them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, header};
use serde_json::{Value, json};
use tollgate::sandbox::okta::Okta;

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    http::Reply,
    mode::{Mode, in_both_modes},
    plan::{BILLING, HOOK_SECRET, OAUTH_TENANT, OPERATOR, TENANT},
};

in_both_modes!(
    strangers_get_one_and_the_same_answer,
    both_secrets_are_good_during_a_rotation,
    a_good_token_opens_its_tenant_only,
    a_token_that_is_not_for_us_is_no_token,
    unknown_keys_do_not_make_us_ask_for_keys,
);

const PHONE: &str = "+819012345678";

async fn strangers_get_one_and_the_same_answer(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::to(PHONE);
    let authorization = |value: &str| hook.clone().showing(header::AUTHORIZATION, value);
    let strangers = [
        authorization(""),
        authorization("wrong-secret-0123456789"),
        authorization(&format!("{HOOK_SECRET}0")),
        authorization(&format!("Bearer {HOOK_SECRET}")),
        authorization("").showing("x-key".parse().unwrap(), HOOK_SECRET),
        hook.clone().of("nobody"),
        hook.clone().of("nobody").showing(header::AUTHORIZATION, ""),
        hook.clone().of("ACME"),
        hook.clone().of("%FF"),
    ];
    let mut answers = Vec::new();
    for stranger in &strangers {
        answers.push(seen(gateway.knock(stranger).await));
    }
    // What stands in the body is not looked at before that either.
    for body in ["", "no JSON"] {
        answers.push(seen(gateway.knock_with(&strangers[1], body).await));
    }
    assert_eq!(answers[0].0, 401);
    for answer in &answers {
        assert_eq!(*answer, answers[0]);
    }
    let refused = gateway.counted("otp_okta_hook_unauthenticated_total", &[]);
    assert_eq!(refused, 11);
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    assert!(gateway.hook(&hook).await.is_delivered());
}

async fn both_secrets_are_good_during_a_rotation(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let auth = json!({ "header": "X-Hook-Key", "secrets": [{ "env": "HOOK_SECRET" }, { "env": "BILLING_TOKEN" }] });
    let gateway = plan.with("tenants.acme.okta.auth", auth).start().await;
    let showing = |secret| {
        let hook = Hook::to(PHONE).showing(header::AUTHORIZATION, "");
        hook.showing("x-hook-key".parse().unwrap(), secret)
    };
    for secret in [HOOK_SECRET, BILLING] {
        assert!(gateway.hook(&showing(secret)).await.is_delivered());
    }
    let other = showing(OPERATOR);
    assert_eq!(gateway.knock(&other).await.status, 401);
}

async fn a_good_token_opens_its_tenant_only(mode: Mode) {
    let gateway = TestGateway::plan(mode)
        .await
        .with_okta()
        .await
        .start()
        .await;
    let okta = gateway.world().okta();
    let token = okta.sign(&okta.claims()).unwrap();
    let hook = Hook::to(PHONE).bearing(&token);
    assert!(
        gateway
            .hook(&hook.clone().of(OAUTH_TENANT))
            .await
            .is_delivered()
    );
    assert_eq!(gateway.knock(&hook.of(TENANT)).await.status, 401);
    // The secret of one tenant is nothing to another.
    let secret = Hook::to(PHONE).of(OAUTH_TENANT);
    assert_eq!(gateway.knock(&secret).await.status, 401);
    // A new key of the org is learnt by the first token that it signs.
    okta.rotate(true).await.unwrap();
    let token = okta.sign(&okta.claims()).unwrap();
    let hook = Hook::to(PHONE).of(OAUTH_TENANT).bearing(&token);
    assert!(gateway.hook(&hook).await.is_delivered());
}

async fn a_token_that_is_not_for_us_is_no_token(mode: Mode) {
    let gateway = TestGateway::plan(mode)
        .await
        .with_okta()
        .await
        .start()
        .await;
    let okta = gateway.world().okta();
    let hook = Hook::to(PHONE).of(OAUTH_TENANT);
    let good = okta.sign(&okta.claims()).unwrap();
    let without = hook.clone().showing(header::AUTHORIZATION, "");
    let refused = seen(gateway.knock(&without).await);
    assert_eq!(refused.0, 401);
    for (what, token) in bad_tokens(okta, &good) {
        let answer = seen(gateway.knock(&hook.clone().bearing(&token)).await);
        assert_eq!(answer, refused, "{what}");
    }
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    assert!(gateway.hook(&hook.bearing(&good)).await.is_delivered());
}

async fn unknown_keys_do_not_make_us_ask_for_keys(mode: Mode) {
    let gateway = TestGateway::plan(mode)
        .await
        .with_okta()
        .await
        .start()
        .await;
    let okta = gateway.world().okta();
    let good = okta.sign(&okta.claims()).unwrap();
    let hook = Hook::to(PHONE).of(OAUTH_TENANT);
    let flood = stream::iter(0..300).map(|number| {
        let head = json!({ "alg": "RS256", "kid": format!("unknown-{number}") });
        let hook = hook.clone().bearing(&with_head(&good, &head));
        let gateway = &gateway;
        async move { gateway.knock(&hook).await.status }
    });
    let answers: Vec<_> = flood.buffer_unordered(50).collect().await;
    assert_eq!(answers, [401; 300]);
    // The one at the start, the one that the first unknown key asked for, and one more should the flood last ten seconds.
    let fetches = okta.key_fetches();
    assert!((1..=3).contains(&fetches), "{fetches}");
    assert!(gateway.hook(&hook.bearing(&good)).await.is_delivered());
}

/// What a stranger sees; only the clock may differ.
fn seen(reply: Reply) -> (u16, HeaderMap, Bytes) {
    let mut headers = reply.headers;
    headers.remove(header::DATE);
    (reply.status, headers, reply.body)
}

fn bad_tokens(okta: &Okta, good: &str) -> Vec<(&'static str, String)> {
    let changed = |claim: &str, value: Value| {
        let mut claims = okta.claims();
        claims[claim] = value;
        okta.sign(&claims).unwrap()
    };
    let hour_ago = okta.claims()["iat"].as_u64().unwrap() - 3600;
    let mut unsigned = good.split('.').collect::<Vec<_>>();
    unsigned[2] = "";
    let (head, _) = good.split_once('.').unwrap();
    let other = okta.sign(&json!({ "sub": "somebody" })).unwrap();
    let swapped = format!(
        "{head}.{}",
        other.split_once('.').unwrap().1.replace('.', "x.")
    );
    let none = json!({ "alg": "none", "kid": "x" });
    vec![
        ("expired", changed("exp", json!(hour_ago))),
        ("from the future", changed("nbf", json!(hour_ago + 7200))),
        ("of another audience", changed("aud", json!("api://other"))),
        (
            "of another issuer",
            changed("iss", json!("https://other.example")),
        ),
        ("of another client", changed("cid", json!("0oa-other"))),
        ("of another scope", changed("scp", json!(["other.scope"]))),
        ("without an expiry", changed("exp", Value::Null)),
        ("unsigned", unsigned.join(".")),
        ("with other claims", swapped),
        ("without an algorithm", with_head(good, &none)),
        ("no token", "a.b.c".to_owned()),
    ]
}

/// The token with another head.
fn with_head(token: &str, head: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(head.to_string()))
}
