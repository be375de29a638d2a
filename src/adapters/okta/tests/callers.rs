//! Who is let in by a header secret, and what everybody else gets: the same answer, byte for byte.

use http::{Request, StatusCode};
use serde_json::json;

use super::support::{Reply, SECRET, TestDoor, acme, fixture, patient, post};

async fn with_header(door: &TestDoor, tenant: &str, name: &str, value: &str) -> Reply {
    door.ask(post(tenant, (name, value), fixture("hook.json")))
        .await
}

#[tokio::test]
async fn strangers_all_get_the_same_answer() {
    let tenants = json!({
        "acme": acme(json!({})),
        "billing": { "countries": { "allow": ["US"] } },
    });
    let door = TestDoor::of(&tenants, patient(), |_| ());
    let nothing = Request::post("/okta/acme/telephony").body(fixture("hook.json").into());
    let expect = door.ask(nothing.expect("a request")).await;
    assert_eq!(expect.status, StatusCode::UNAUTHORIZED);
    assert_eq!(expect.json()["error"]["reason"], "unauthenticated");
    for (tenant, value) in [
        ("acme", "wrong"),
        ("acme", ""),
        ("acme", "acme-secret-012345678"),
        ("acme", "acme-secret-01234567890"),
        ("acme", "ACME-SECRET-0123456789"),
        ("acme", "Bearer acme-secret-0123456789"),
        ("acme", "Bearer a.b.c"),
        ("ACME", SECRET),
        ("nobody", SECRET),
        ("billing", SECRET),
        ("%ff", SECRET),
        ("%2e%2e", SECRET),
    ] {
        let reply = with_header(&door, tenant, "authorization", value).await;
        assert_eq!(reply, expect, "{tenant} {value}");
    }
    assert_eq!(with_header(&door, "acme", "x-key", SECRET).await, expect);
    assert!(door.gateway.asked().is_empty());
    assert_eq!(door.counted.take(), vec!["unauthenticated"; 14]);
}

#[tokio::test]
async fn a_secret_may_come_in_any_header_and_several_are_valid() {
    let auth = json!({
        "header": "X-Telephony-Key", "secrets": [{ "env": "ACME_NEXT" }, { "env": "ACME" }],
    });
    let door = TestDoor::with(json!({ "auth": auth }));
    for secret in [SECRET, "acme-secret-of-tomorrow"] {
        let reply = with_header(&door, "acme", "x-telephony-KEY", secret).await;
        assert_eq!(reply.told(), "SUCCESSFUL dlv_1");
    }
    let reply = with_header(&door, "acme", "authorization", SECRET).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_tenant_cannot_use_the_secret_of_another() {
    let tenants = json!({
        "acme": acme(json!({})),
        "emca": acme(json!({ "auth": { "secrets": [{ "env": "EMCA" }] } })),
    });
    let door = TestDoor::of(&tenants, patient(), |_| ());
    let reply = with_header(&door, "emca", "authorization", SECRET).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let reply = with_header(&door, "emca", "authorization", "emca-secret-9876543210").await;
    assert_eq!(reply.told(), "SUCCESSFUL dlv_1");
    assert_eq!(door.gateway.asked()[0].tenant, "emca");
}

#[tokio::test]
async fn a_reload_changes_who_is_let_in() {
    let door = TestDoor::open();
    let next = json!({ "auth": { "secrets": [{ "env": "ACME_NEXT" }] } });
    door.reconfigure(&json!({ "acme": acme(next), "new": acme(json!({})) }));
    let reply = with_header(&door, "acme", "authorization", SECRET).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let reply = with_header(&door, "acme", "authorization", "acme-secret-of-tomorrow").await;
    assert_eq!(reply.told(), "SUCCESSFUL dlv_1");
    let reply = with_header(&door, "new", "authorization", SECRET).await;
    assert_eq!(reply.told(), "SUCCESSFUL dlv_1");
}
