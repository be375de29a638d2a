//! Hooks in every spelling, and what is no hook.

use std::fmt::Write as _;

use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::support::{Log, SECRET, Script, TestDoor, changed, fixture, never_ending, post};
use crate::pb::v1::SendOtpRequest;

/// Every field of a request that was sent to the gateway.
fn shown(request: &SendOtpRequest) -> String {
    let recipient = request.recipient.clone().unwrap_or_default();
    let passcode = request.passcode.clone().unwrap_or_default();
    let mut attributes: Vec<_> = request.attributes.iter().collect();
    attributes.sort();
    format!(
        "tenant={} key={} reference={} phone={} user={} code={} valid_for={:?} message={:?} locale={} purpose={:?} \
         family={:?} channels={:?} ip={} attributes={attributes:?} dry_run={}",
        request.tenant,
        request.idempotency_key,
        request.reference,
        recipient.phone_number,
        recipient.user_id,
        passcode.code,
        passcode.valid_for,
        request.message,
        request.locale,
        request.purpose(),
        request.requested_family(),
        request.channels,
        request.client_ip,
        request.dry_run,
    )
}

#[tokio::test]
async fn every_body_of_okta_is_understood() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/okta");
    let entries = std::fs::read_dir(folder).expect("the fixtures are there");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| name.starts_with("hook"))
        .collect();
    names.sort();
    assert!(names.len() >= 7, "{names:?}");
    let mut text = String::new();
    for name in names {
        let door = TestDoor::open();
        let reply = door.hook(fixture(&name)).await;
        let asked: Vec<_> = door.gateway.asked().iter().map(shown).collect();
        let counted = door.counted.take();
        writeln!(
            text,
            "{name}\n  {}\n  {counted:?}\n  {asked:#?}",
            reply.told()
        )
        .expect("a String takes any text");
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_preview_is_sent_when_told_to() {
    let door = TestDoor::with(json!({ "preview": "send" }));
    let reply = door.hook(fixture("hook-preview.json")).await;
    assert_eq!(reply.told(), "SUCCESSFUL dlv_1");
    let asked = door.gateway.asked();
    let number = asked[0]
        .recipient
        .as_ref()
        .map(|to| to.phone_number.as_str());
    assert_eq!(number, Some("+819012345678"));
}

#[tokio::test]
async fn a_hook_that_names_no_channel_takes_the_usual_one() {
    let door = TestDoor::with(json!({ "unknown_channel": "voice" }));
    let body = changed("/data/messageProfile/deliveryChannel", json!("pigeon"));
    assert_eq!(door.hook(body).await.told(), "SUCCESSFUL dlv_1");
    let family = door.gateway.asked()[0].requested_family();
    assert_eq!(family, crate::pb::v1::Family::Voice);
    assert_eq!(
        door.counted.take(),
        ["unknown channel", "acme accepted Successful"]
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_and_never_reaches_the_gateway() {
    let check = async |pointer: &str, value: Value, expect: &str| {
        let door = TestDoor::open();
        let reply = door.hook(changed(pointer, value)).await;
        assert_eq!(reply.told(), expect, "{pointer}");
        assert!(door.gateway.asked().is_empty(), "{pointer}");
        let counted = door.counted.take();
        assert_eq!(
            counted.last().map(String::as_str),
            Some("acme undeliverable Error")
        );
    };
    let phone = "/data/messageProfile/phoneNumber";
    check(phone, Value::Null, "INVALID_REQUEST").await;
    check(phone, json!(""), "INVALID_REQUEST").await;
    check(phone, json!("nonsense"), "INVALID_PHONE_NUMBER").await;
    check(phone, json!("+999123456789"), "INVALID_PHONE_NUMBER").await;
    check("/data/messageProfile", json!([1, 2]), "INVALID_REQUEST").await;
    check(
        "/data/messageProfile/otpCode",
        json!("1-2"),
        "INVALID_REQUEST",
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_is_off_still_sends_and_an_expired_code_says_so() {
    let door = TestDoor::open();
    // Ten minutes ahead of us or behind us, or a year: only the two times of the body matter.
    for (sent, expires) in [
        ("2026-03-02T09:25:30.000Z", "2026-03-02T09:30:25.057Z"),
        ("2026-03-02T09:05:30.000Z", "2026-03-02T09:10:25.057Z"),
        ("2036-03-02T09:05:30.000Z", "2036-03-02T09:10:25.057Z"),
    ] {
        let body = changed("/data/messageProfile/otpExpires", json!(expires));
        let mut body: Value = serde_json::from_str(&body).expect("JSON");
        body["eventTime"] = json!(sent);
        assert_eq!(door.hook(body.to_string()).await.told(), "SUCCESSFUL dlv_1");
    }
    let expired = changed(
        "/data/messageProfile/otpExpires",
        json!("2026-03-02T09:15:00Z"),
    );
    door.hook(expired).await;
    let lives: Vec<_> = door
        .gateway
        .asked()
        .iter()
        .map(|request| {
            let life = request.passcode.as_ref().and_then(|code| code.valid_for);
            life.map(|life| life.seconds)
        })
        .collect();
    assert_eq!(lives, [Some(295), Some(295), Some(295), Some(0)]);
}

#[tokio::test]
async fn what_is_no_json_object_is_a_bad_request() {
    let deep = format!(
        r#"{{"data":{}1{}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "otp=482913".to_owned(),
        "<otp>482913</otp>".to_owned(),
        fixture("hook.json").replace("482913\",", "482913\""),
        "[".repeat(60_000),
        deep,
    ] {
        let door = TestDoor::open();
        let reply = door.hook(body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.json()["error"]["reason"], "invalid_request");
        assert!(!String::from_utf8_lossy(&reply.body).contains("4829"));
        assert!(door.gateway.asked().is_empty());
        assert_eq!(door.counted.take(), ["acme unreadable"]);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_cut_off() {
    let door = TestDoor::open();
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(1024 * 1024));
    let reply = door.hook(large.clone()).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.json()["error"]["reason"], "body_too_large");
    // The same without a length in its head, and one that never ends.
    let pieces = std::iter::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 4096]));
    let stream = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    assert_eq!(
        door.hook(stream).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // Strangers learn nothing of it.
    let stranger = post("acme", ("authorization", "wrong"), large);
    assert_eq!(door.ask(stranger).await.status, StatusCode::UNAUTHORIZED);
    // The largest that fits.
    let body = fixture("hook.json");
    let fill = " ".repeat(super::super::door::MAX_BODY - body.len());
    assert_eq!(door.hook(body + &fill).await.told(), "SUCCESSFUL dlv_1");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_a_while() {
    let door = TestDoor::open();
    let start = Instant::now();
    let reply = door.hook(never_ending("{\"eventId\":")).await;
    assert_eq!(reply.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(start.elapsed().as_millis() / 10, 100);
    // And never beyond the time in which Okta must have its answer.
    let door = TestDoor::with(json!({ "answer_within": "300ms" }));
    let start = Instant::now();
    let reply = door.hook(never_ending("")).await;
    assert_eq!(reply.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(start.elapsed().as_millis() / 10, 28);
}

/// Everything that the door logs.
async fn talk() {
    let door = TestDoor::open();
    for script in [Script::Accept, Script::Gone, Script::Lost, Script::Panic] {
        door.gateway.play(script);
        door.hook(fixture("hook.json")).await;
    }
    let torn = fixture("hook.json").replace("482913\",", "482913\"");
    door.hook(torn).await;
    let phone = "/data/messageProfile/phoneNumber";
    door.hook(changed(phone, json!("+0819012345678"))).await;
    let channel = "/data/messageProfile/deliveryChannel";
    door.hook(changed(channel, json!("482913"))).await;
    door.ask(post("nobody", ("authorization", SECRET), "{}"))
        .await;
}

#[tokio::test]
async fn the_log_is_fit_for_a_public_screen() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _quiet = tracing::subscriber::set_default(subscriber);
    // What a test beside this one logs first at a place may be found uninteresting there for good: so all of it is
    // logged once, looked at anew, and then logged again.
    talk().await;
    tracing::callsite::rebuild_interest_cache();
    log.clear();
    talk().await;
    let log = log.text();
    assert_eq!(log.matches("okta hook answered").count(), 6, "{log}");
    for private in ["482913", "9012345678", "Mina", "mina.sato", "00u0", SECRET] {
        assert!(!log.contains(private), "{private} in {log}");
    }
}

#[tokio::test]
async fn a_wrong_method_or_path_is_nobodys() {
    let door = TestDoor::open();
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let request = Request::builder()
            .method(method)
            .uri("/okta/acme/telephony")
            .header("authorization", SECRET)
            .body(axum::body::Body::empty())
            .expect("a request");
        let reply = door.ask(request).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let request = Request::post("/okta/acme/nothing").body(axum::body::Body::empty());
    let reply = door.ask(request.expect("a request")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}
