//! Events at the door: who may bring them, what they are answered, and what the gateway hears of them.

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::support::{Reply, SECRET, Script, TestDoor, acme, never_ending, patient};
use crate::{
    adapters::okta::events::door::MAX_BODY,
    error::{Reason, fault::Fault},
    pb::v1::{self, ReportOutcomeRequest},
};

/// An event that says of a code by SMS whether it was right.
fn event(uuid: &str, result: &str) -> Value {
    json!({
        "uuid": uuid,
        "published": "2026-03-02T09:16:02.000Z",
        "eventType": "user.authentication.auth_via_mfa",
        "actor": { "id": "00u1", "type": "User" },
        "outcome": { "result": result },
        "debugContext": { "debugData": { "factor": "SMS_FACTOR" } },
    })
}

fn body(events: &[Value]) -> String {
    json!({ "eventId": "e1", "data": { "events": events } }).to_string()
}

fn post(tenant: &str, secret: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("/okta/{tenant}/events"))
        .header("authorization", secret)
        .body(body.into())
        .expect("a request")
}

fn challenge(tenant: &str, value: &[u8]) -> Request<Body> {
    Request::get(format!("/okta/{tenant}/events"))
        .header("x-okta-verification-challenge", value)
        .body(Body::empty())
        .expect("a request")
}

async fn send(door: &TestDoor, events: &[Value]) -> Reply {
    door.ask(post("acme", SECRET, body(events))).await
}

fn taken(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert!(reply.body.is_empty());
    assert!(reply.headers.contains_key("x-request-id"));
}

/// What was reported once this much was.
async fn reported(door: &TestDoor, count: usize) -> Vec<ReportOutcomeRequest> {
    let wait = async {
        while door.gateway.reported().len() < count {
            door.gateway.arrival().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(30), wait).await;
    waited.expect("it is reported");
    door.gateway.reported()
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_echoed_alike_for_every_tenant() {
    let door = TestDoor::open();
    let reply = door.ask(challenge("acme", b"4b5e<script>\"")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json(), json!({ "verification": "4b5e<script>\"" }));
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    for tenant in ["nobody", "ACME", "%FF", "a%2Fb"] {
        let other = door.ask(challenge(tenant, b"4b5e<script>\"")).await;
        assert_eq!(other, reply, "{tenant}");
    }
    let longest = [b'x'; 1024];
    let reply = door.ask(challenge("acme", &longest)).await;
    assert_eq!(reply.status, StatusCode::OK);
    for bad in [&[b'x'; 1025][..], b"", b"\xff\xfe"] {
        let known = door.ask(challenge("acme", bad)).await;
        assert_eq!(known.status, StatusCode::BAD_REQUEST);
        assert_eq!(known.headers["x-content-type-options"], "nosniff");
        assert!(known.body.len() < 100);
        assert_eq!(door.ask(challenge("nobody", bad)).await, known);
    }
    assert!(door.counted.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_become_reports() {
    let door = TestDoor::open();
    let other = json!({ "uuid": "3", "eventType": "user.session.start", "outcome": { "result": "SUCCESS" } });
    let events = [event("1", "SUCCESS"), event("2", "FAILURE"), other];
    taken(&send(&door, &events).await);
    let mut found = reported(&door, 2).await;
    found.sort_by(|one, other| one.idempotency_key.cmp(&other.idempotency_key));
    let expect = ReportOutcomeRequest {
        tenant: "acme".to_owned(),
        idempotency_key: "1".to_owned(),
        outcome: v1::Outcome::Verified.into(),
        user_id: "00u1".to_owned(),
        family: v1::Family::Message.into(),
        occurred_at: Some(prost_types::Timestamp {
            seconds: 1_772_442_962,
            nanos: 0,
        }),
        ..ReportOutcomeRequest::default()
    };
    assert!(found[0] == expect);
    assert_eq!(found[1].outcome(), v1::Outcome::Failed);
    assert_eq!(
        door.counted.take(),
        ["acme 1 verified", "acme 1 failed", "acme 1 other"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_copy_of_an_event_is_nothing_new() {
    let door = TestDoor::open();
    let unnamed = || {
        let mut event = event("", "FAILURE");
        event["actor"]["id"] = json!("00u2");
        event
    };
    taken(
        &send(
            &door,
            &[event("1", "SUCCESS"), event("1", "SUCCESS"), unnamed()],
        )
        .await,
    );
    taken(
        &send(
            &door,
            &[unnamed(), event("1", "SUCCESS"), event("2", "SUCCESS")],
        )
        .await,
    );
    assert_eq!(reported(&door, 3).await.len(), 3);
    door.shut().await;
    assert_eq!(door.gateway.reported().len(), 3);
    let counted = door.counted.take();
    let copies = counted.iter().filter(|line| line.ends_with("duplicate"));
    assert_eq!(
        copies.collect::<Vec<_>>(),
        ["acme 1 duplicate", "acme 2 duplicate"]
    );
}

#[tokio::test(start_paused = true)]
async fn strangers_and_unknown_tenants_get_one_answer() {
    let door = TestDoor::open();
    let hook = door
        .ask(super::support::post(
            "acme",
            ("authorization", "wrong"),
            "{}",
        ))
        .await;
    let long = body(&[event("1", "SUCCESS")]);
    for (tenant, secret) in [
        ("acme", "wrong"),
        ("nobody", SECRET),
        ("acme", ""),
        ("%FF", SECRET),
    ] {
        let reply = door.ask(post(tenant, secret, long.clone())).await;
        assert_eq!(reply, hook, "{tenant} {secret}");
    }
    door.shut().await;
    assert!(door.gateway.reported().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_refused_or_passed_over() {
    let door = TestDoor::open();
    for (body, status) in [
        (String::new(), 400),
        ("code=482913".to_owned(), 400),
        ("[]".to_owned(), 400),
        ("{}".to_owned(), 204),
        (r#"{"data":{"events":"x"}}"#.to_owned(), 204),
        (body(&[json!(1), json!(null), json!([])]), 204),
        (format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BODY)), 413),
        ("x".repeat(3 * 1024 * 1024), 413),
    ] {
        let shown = body.chars().take(30).collect::<String>();
        let reply = door.ask(post("acme", SECRET, body)).await;
        assert_eq!(reply.status, status, "{shown}");
    }
    let slow = door.ask(post("acme", SECRET, never_ending("{"))).await;
    assert_eq!(slow.status, StatusCode::REQUEST_TIMEOUT);
    let wide = body(&[
        json!({ "a": "x".repeat(MAX_BODY - 1000) }),
        event("1", "SUCCESS"),
    ]);
    taken(&door.ask(post("acme", SECRET, wide)).await);
    assert_eq!(reported(&door, 1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_away_is_told_later() {
    let door = TestDoor::open();
    door.gateway.play(Script::Gone);
    taken(&send(&door, &[event("1", "SUCCESS"), event("2", "SUCCESS")]).await);
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(door.gateway.reported().is_empty());
    door.gateway.play(Script::Accept);
    assert_eq!(reported(&door, 2).await.len(), 2);
    door.shut().await;
    assert_eq!(door.gateway.reported().len(), 2);
    assert_eq!(door.counted.take(), ["acme 2 verified"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_given_up_has_another_chance() {
    for script in [
        Script::Gone,
        Script::Hang,
        Script::Refuse(Reason::NotAllowed.into()),
        Script::Refuse(Fault::new(Reason::LedgerUnavailable)),
        Script::Status(tonic::Code::Unimplemented),
        Script::Status(tonic::Code::Unavailable),
        Script::Panic,
    ] {
        let door = TestDoor::open();
        door.gateway.play(script.clone());
        taken(&send(&door, &[event("1", "SUCCESS")]).await);
        tokio::time::sleep(Duration::from_mins(11)).await;
        assert_eq!(
            door.counted.take(),
            ["acme 1 verified", "acme 1 lost"],
            "{script:?}"
        );
        let before = door.gateway.reported().len();
        door.gateway.play(Script::Accept);
        taken(&send(&door, &[event("1", "SUCCESS")]).await);
        assert_eq!(reported(&door, before + 1).await.len(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_sent_again() {
    let door = TestDoor::open();
    door.gateway.play(Script::Gone);
    let mut sent = 0;
    let mut many = |count: u32| {
        let events = (sent..sent + count).map(|number| event(&number.to_string(), "SUCCESS"));
        sent += count;
        events.collect::<Vec<_>>()
    };
    // A tenant's share is half of what there is.
    for _ in 0..4 {
        taken(&send(&door, &many(2000)).await);
    }
    let last = many(2000);
    let reply = send(&door, &last).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let few = many(10);
    taken(&send(&door, &few).await);
    door.gateway.play(Script::Accept);
    reported(&door, 8010).await;
    taken(&send(&door, &last).await);
    assert_eq!(reported(&door, 10_010).await.len(), 10_010);
    let counted = door.counted.take();
    assert!(counted.contains(&"acme 2000 deferred".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_tenants_flood_leaves_room_for_the_others() {
    let tenants = json!({ "acme": acme(json!({})), "quiet": acme(json!({})) });
    let door = TestDoor::of(&tenants, patient(), |_| ());
    door.gateway.play(Script::Gone);
    let short = |number: usize| {
        json!({
            "uuid": number.to_string(),
            "eventType": "user.account.unlock",
            "actor": { "id": "u" },
            "outcome": { "result": "SUCCESS" },
        })
    };
    let many = |from: usize, count| {
        let events: Vec<_> = (from..from + count).map(short).collect();
        body(&events)
    };
    let bring = async |tenant: &str, body: String| door.ask(post(tenant, SECRET, body)).await;
    // Who holds nothing may bring more than its share: here about as much as a body has room for.
    let largest = many(0, 9500);
    assert!((900_000..MAX_BODY).contains(&largest.len()));
    taken(&bring("acme", largest).await);
    for count in [1, 100] {
        let reply = bring("acme", many(20_000, count)).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    for part in 0..3 {
        taken(&bring("quiet", many(part * 2000, 2000)).await);
    }
    door.gateway.play(Script::Accept);
    reported(&door, 15_500).await;
    taken(&bring("acme", many(20_000, 100)).await);
    reported(&door, 15_600).await;
}

/// What cannot be told before the end is counted, and nothing waits for longer than one try.
#[tokio::test(start_paused = true)]
async fn at_the_end_what_cannot_be_told_is_lost_in_time_and_counted() {
    for script in [
        Script::Hang,
        Script::Gone,
        Script::Refuse(Reason::NotAllowed.into()),
    ] {
        let door = TestDoor::open();
        door.gateway.play(Script::Gone);
        let events: Vec<_> = (0..1000)
            .map(|number| event(&number.to_string(), "SUCCESS"))
            .collect();
        taken(&send(&door, &events).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        door.gateway.play(script.clone());
        let before = tokio::time::Instant::now();
        door.shut().await;
        assert!(
            before.elapsed() <= Duration::from_millis(5001),
            "{script:?}: {:?}",
            before.elapsed()
        );
        assert_eq!(
            door.counted.take(),
            ["acme 1000 verified", "acme 1000 lost"],
            "{script:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_waits_is_tried_once_more() {
    let door = TestDoor::open();
    door.gateway.play(Script::Gone);
    let events: Vec<_> = (0..100)
        .map(|number| event(&number.to_string(), "SUCCESS"))
        .collect();
    taken(&send(&door, &events).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    door.gateway.play(Script::Accept);
    door.shut().await;
    assert_eq!(door.gateway.reported().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn too_many_at_once_are_turned_away_and_take_no_room_from_hooks() {
    let tenants = json!({ "acme": acme(json!({})), "quiet": acme(json!({})) });
    let door = TestDoor::of(&tenants, patient(), |public| public.max_in_flight = 2);
    let slow = async || door.ask(post("acme", SECRET, never_ending("{"))).await;
    let crowd = futures_util::future::join_all((0..4).map(|_| slow()));
    let later = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        door.hook(super::support::fixture("hook.json")).await
    };
    let (crowd, hook) = tokio::join!(crowd, later);
    let shed = crowd
        .iter()
        .filter(|reply| reply.status == StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shed.count(), 2);
    assert_eq!(hook.told(), "SUCCESSFUL dlv_1");
}
