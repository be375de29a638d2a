//! What Okta is told when the gateway answers, refuses, hangs, is gone or breaks off; always in time.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::time::Instant;
use tonic::Code;

use super::support::{SECRET, Script, TestDoor, acme, fixture, patient, post};
use crate::{
    adapters::okta::{answer::Class, ending::Ending},
    error::{
        Reason,
        fault::{DECISION_ID, Fault},
    },
};

async fn told(door: &TestDoor, script: Script) -> String {
    door.gateway.play(script);
    door.hook(fixture("hook.json")).await.told()
}

#[tokio::test]
async fn every_reason_of_the_gateway_has_its_answer() {
    for reason in Reason::ALL {
        let fault = || Fault::new(*reason).with(DECISION_ID, "dec_1");
        let class = Ending::from(*reason).class();
        let open = TestDoor::open();
        let enabled = told(&open, Script::Refuse(fault())).await;
        let counted = open.counted.take();
        assert_eq!(counted.len(), 1);
        assert!(
            counted[0].starts_with(&format!("acme {} ", class.as_str())),
            "{counted:?}"
        );
        let closed = TestDoor::with(json!({ "failover": "disabled" }));
        let disabled = told(&closed, Script::Refuse(fault())).await;
        let success = "SUCCESSFUL dec_1";
        match class {
            Class::Accepted | Class::Unconfirmed => {
                assert_eq!((&*enabled, &*disabled), (success, success));
            }
            Class::Limited | Class::Refused => {
                assert_eq!(enabled, success, "{reason:?}");
                assert_ne!(disabled, success, "{reason:?}");
            }
            Class::Undeliverable => {
                assert_eq!(enabled, disabled);
                assert!(!enabled.starts_with("SUCC"), "{reason:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_may_be_chosen() {
    let answers =
        json!({ "accepted": "pending", "undeliverable": "failed", "unconfirmed": "error" });
    let door = TestDoor::with(json!({ "answers": answers }));
    assert_eq!(told(&door, Script::Accept).await, "PENDING dlv_1");
    assert_eq!(told(&door, Script::Doubt).await, "DELIVERY_UNCONFIRMED");
    assert!(told(&door, Script::Gone).await.starts_with("FAILED req_"));
}

#[tokio::test]
async fn a_limit_says_when_to_try_again() {
    let door = TestDoor::with(json!({ "failover": "disabled" }));
    let after = Some(Duration::from_secs(230));
    door.gateway.play(Script::Refuse(
        Fault::new(Reason::RateLimited).retry_after(after),
    ));
    let reply = door.hook(fixture("hook.json")).await;
    let summary = &reply.json()["error"]["errorSummary"];
    assert_eq!(
        summary,
        "Too many codes were requested. Try again in 4 minutes."
    );
}

#[tokio::test]
async fn a_broken_way_to_the_gateway_is_judged_by_what_was_written() {
    let door = TestDoor::open();
    assert_eq!(told(&door, Script::Doubt).await, "SUCCESSFUL dlv_1");
    assert_eq!(told(&door, Script::Gone).await, "DELIVERY_FAILED");
    assert!(
        told(&door, Script::Lost)
            .await
            .starts_with("SUCCESSFUL req_")
    );
    assert!(
        told(&door, Script::Panic)
            .await
            .starts_with("SUCCESSFUL req_")
    );
    let counted = door.counted.take();
    assert_eq!(
        counted,
        [
            "acme unconfirmed Successful",
            "acme undeliverable Error",
            "acme unconfirmed Successful",
            "acme unconfirmed Successful",
        ]
    );
}

#[tokio::test]
async fn a_status_that_is_not_ours_is_a_refusal_or_a_loss() {
    let door = TestDoor::open();
    for code in [
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::Unimplemented,
    ] {
        assert_eq!(
            told(&door, Script::Status(code)).await,
            "DELIVERY_FAILED",
            "{code:?}"
        );
    }
    for code in [
        Code::Unavailable,
        Code::Internal,
        Code::Cancelled,
        Code::DeadlineExceeded,
    ] {
        let told = told(&door, Script::Status(code)).await;
        assert!(told.starts_with("SUCCESSFUL req_"), "{code:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_hangs_does_not_keep_okta_waiting() {
    let door = TestDoor::open();
    let start = Instant::now();
    let lost = told(&door, Script::Hang).await;
    assert!(lost.starts_with("SUCCESSFUL req_"), "{lost}");
    assert_eq!(start.elapsed().as_millis() / 10, 238);
    assert_eq!(door.gateway.deadline().as_deref(), Some("2380000u"));
    let start = Instant::now();
    assert_eq!(told(&door, Script::HangBefore).await, "DELIVERY_FAILED");
    assert_eq!(start.elapsed().as_millis() / 10, 238);
    let door = TestDoor::with(json!({ "answer_within": "1s" }));
    let start = Instant::now();
    told(&door, Script::Hang).await;
    assert_eq!(start.elapsed().as_millis() / 10, 98);
    // Less time than an answer takes to write: nothing is asked.
    let door = TestDoor::with(json!({ "answer_within": "20ms" }));
    assert_eq!(told(&door, Script::Accept).await, "DELIVERY_FAILED");
    assert!(door.gateway.asked().is_empty());
}

#[tokio::test]
async fn a_crowd_is_turned_away_after_it_showed_who_it_is() {
    let tenants = json!({
        "acme": acme(json!({ "answer_within": "60s" })),
        "emca": acme(json!({ "auth": { "secrets": [{ "env": "EMCA" }] } })),
    });
    let door = TestDoor::of(&tenants, patient(), |public| public.max_in_flight = 1);
    door.gateway.play(Script::Hang);
    let first = door.hook(fixture("hook.json"));
    tokio::pin!(first);
    tokio::select! {
        _ = &mut first => panic!("the gateway hangs"),
        () = door.gateway.arrival() => {}
    }
    let second = door.hook(fixture("hook.json")).await;
    assert_eq!(
        (second.status, &*second.told()),
        (StatusCode::OK, "DELIVERY_FAILED")
    );
    assert_eq!(
        door.counted.take(),
        ["acme shed", "acme undeliverable Error"]
    );
    let stranger = post("acme", ("authorization", "wrong"), "{}");
    assert_eq!(door.ask(stranger).await.status, StatusCode::UNAUTHORIZED);
    door.gateway.play(Script::Accept);
    // A tenant that has nothing under way is not kept out by one that has.
    let other = post(
        "emca",
        ("authorization", "emca-secret-9876543210"),
        fixture("hook.json"),
    );
    assert_eq!(door.ask(other).await.told(), "SUCCESSFUL dlv_1");
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_its_place() {
    let tenants = json!({ "acme": acme(json!({ "answer_within": "60s" })) });
    let door = TestDoor::of(&tenants, patient(), |public| public.max_in_flight = 1);
    door.gateway.play(Script::Hang);
    {
        let first = door.hook(fixture("hook.json"));
        tokio::pin!(first);
        tokio::select! {
            _ = &mut first => panic!("the gateway hangs"),
            () = door.gateway.arrival() => {}
        }
    }
    assert_eq!(door.gateway.asked().len(), 1);
    assert_eq!(told(&door, Script::Accept).await, "SUCCESSFUL dlv_1");
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let door = TestDoor::open();
    let mut ids = Vec::new();
    for script in [Script::Accept, Script::Gone] {
        door.gateway.play(script);
        let request = post("acme", ("authorization", SECRET), fixture("hook.json"));
        ids.push(door.ask(request).await.headers["x-request-id"].clone());
    }
    ids.push(door.hook("nonsense").await.headers["x-request-id"].clone());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
