//! The simulated org's users, asked for over HTTP as its documentation asks.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    service_tests::{NOW, World, start},
    users::{Mood, User},
};
use crate::sandbox::asking::{Answered, Asking};

const MINA: &str = "00u0000000000000001";

fn asking(world: &World, name: &str, authorization: &str) -> Asking {
    let url = format!("{}/api/v1/users/{name}", world.okta.url());
    Asking::new(Method::GET, &url).with("authorization", authorization)
}

fn by_api_token(world: &World, name: &str) -> Asking {
    asking(world, name, "SSWS sandbox-okta-api-token")
}

fn limits(answer: &Answered) -> [u64; 3] {
    ["limit", "remaining", "reset"].map(|name| {
        let value = answer.headers.get(format!("x-rate-limit-{name}"));
        let value = value.expect("a limit").to_str().expect("text");
        value.parse().expect("a number")
    })
}

#[tokio::test]
async fn a_user_is_found_by_id_and_login() {
    let world = start().await;
    let by_id = by_api_token(&world, MINA)
        .with(
            "content-type",
            "application/json; okta-response=\"omitCredentials,omitCredentialsLinks\"",
        )
        .json()
        .await;
    assert_eq!((by_id.status, &by_id.body["id"]), (200, &json!(MINA)));
    assert_eq!(by_id.body["status"], "ACTIVE");
    assert_eq!(by_id.body["profile"]["whatsappOptIn"], true);
    assert_eq!(by_id.body.get("credentials"), None);
    let by_login = by_api_token(&world, "mina.sato%40acme.example")
        .json()
        .await;
    assert_eq!(by_login.body["id"], MINA);
    assert!(by_login.body["credentials"].is_object());
    let nobody = by_api_token(&world, "00u0000000000000009").json().await;
    assert_eq!(
        (nobody.status, &nobody.body["errorCode"]),
        (404, &json!("E0000007"))
    );
    world.okta.set_user(User::new(
        MINA,
        "mina.sato@acme.example",
        json!({ "locale": "ja_JP" }),
    ));
    let changed = by_api_token(&world, MINA).json().await;
    assert_eq!(changed.body["profile"]["locale"], "ja_JP");
    assert_eq!(changed.body["profile"].get("whatsappOptIn"), None);
    assert_eq!(world.okta.user_reads(), 4);
}

#[tokio::test]
async fn too_many_reads_wait_for_the_next_minute() {
    let world = start().await;
    for left in (0..5).rev() {
        let answer = by_api_token(&world, MINA).json().await;
        assert_eq!((answer.status, limits(&answer)), (200, [5, left, NOW + 60]));
    }
    let refused = by_api_token(&world, MINA).json().await;
    assert_eq!((refused.status, limits(&refused)), (429, [5, 0, NOW + 60]));
    assert_eq!(refused.body["errorCode"], "E0000047");
}

#[tokio::test]
async fn only_who_may_reads() {
    let world = start().await;
    let token = world.plain_token().await;
    let good = asking(&world, MINA, &format!("Bearer {token}"))
        .json()
        .await;
    assert_eq!(good.status, 200);
    for bad in [
        "SSWS other",
        "Bearer other",
        &format!("DPoP {token}"),
        "Basic YTpi",
    ] {
        let refused = asking(&world, MINA, bad).json().await;
        assert_eq!(
            (refused.status, &refused.body["errorCode"]),
            (401, &json!("E0000011"))
        );
    }
    world.okta.lapse_service_tokens();
    let lapsed = asking(&world, MINA, &format!("Bearer {token}"))
        .json()
        .await;
    assert_eq!(lapsed.status, 401);
}

#[tokio::test]
async fn a_bound_token_wants_a_proof_with_each_read() {
    let world = start().await;
    let token = world.bound_token().await;
    let bare = asking(&world, MINA, &format!("Bearer {token}"))
        .json()
        .await;
    assert_eq!(bare.status, 401);
    let good = json!({
        "htm": "GET", "htu": format!("{}/api/v1/users/{MINA}", world.okta.url()), "iat": NOW, "jti": "read-1",
        "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(&token)),
    });
    let read = async |claims: &serde_json::Value| {
        let asking = asking(&world, MINA, &format!("DPoP {token}"));
        asking
            .with("dpop", &world.proof(claims))
            .json()
            .await
            .status
    };
    assert_eq!(read(&good).await, 200);
    // The same proof again.
    assert_eq!(read(&good).await, 401);
    for (name, value) in [
        ("htm", json!("POST")),
        (
            "htu",
            json!(format!("{}/api/v1/users/me", world.okta.url())),
        ),
        ("ath", json!("AAAA")),
        ("ath", json!(null)),
    ] {
        let mut bad = good.clone();
        bad["jti"] = json!(format!("{name}{value}"));
        bad[name] = value;
        assert_eq!(read(&bad).await, 401, "{name}");
    }
    let other = start().await;
    let mut foreign = good.clone();
    foreign["jti"] = json!("read-2");
    let foreign =
        asking(&world, MINA, &format!("DPoP {token}")).with("dpop", &other.proof(&foreign));
    assert_eq!(foreign.json().await.status, 401);
}

#[tokio::test]
async fn the_org_has_moods() {
    let world = start().await;
    world.okta.set_mood(Mood::Crowded);
    let crowded = by_api_token(&world, MINA).json().await;
    assert_eq!((crowded.status, limits(&crowded)), (429, [0, 0, NOW + 60]));
    world.okta.set_mood(Mood::Outage);
    let outage = by_api_token(&world, MINA).call().await.expect("an answer");
    assert_eq!(outage.status, 503);
    world.okta.set_mood(Mood::Slow(Duration::from_millis(1)));
    assert_eq!(by_api_token(&world, MINA).json().await.status, 200);
    world.okta.set_mood(Mood::Hang);
    let arrived = async {
        while world.okta.user_reads() < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = by_api_token(&world, MINA).call() => panic!("{answer:?}"),
        () = arrived => {}
    }
}
