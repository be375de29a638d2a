//! Requests that are no hooks, and hooks that name nobody or nothing to send.

use http::Method;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tollgate::pb::v1::DeliveryState;

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::in_time,
    plan::{HOOK_SECRET, TENANT},
};

in_both_modes!(
    what_is_no_hook_is_turned_away,
    a_body_may_be_strange_and_is_still_answered,
    a_hook_that_cannot_be_sent_says_why,
    an_expired_code_is_recorded_and_not_sent,
    a_clock_that_is_off_changes_nothing,
    a_client_that_stalls_is_cut,
);

const PHONE: &str = "+819012345678";

async fn what_is_no_hook_is_turned_away(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::to(PHONE);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let url = gateway.hook_url(TENANT);
        let call = gateway
            .http
            .call(method, &url, hook.headers.clone(), hook.bytes());
        assert_eq!(call.await.unwrap().status, 405);
    }
    let elsewhere = hook.clone().of("acme/voice");
    assert_eq!(gateway.knock(&elsewhere).await.status, 404);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in ["", "no JSON", "{", "[]", "7", "\u{feff}{}", &deep] {
        let reply = gateway.knock_with(&hook, body.to_owned()).await;
        assert_eq!(reply.status, 400, "{body:.9}");
    }
    let mebibyte = format!("{{\"eventId\":\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(gateway.knock_with(&hook, mebibyte).await.status, 413);
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    assert!(gateway.hook(&hook).await.is_delivered());
}

async fn a_body_may_be_strange_and_is_still_answered(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let mut nested = json!("deep");
    for _ in 0..100 {
        nested = json!({ "n": nested });
    }
    let strange = [
        Hook::to("+14155550101").with("/data/new", nested),
        Hook::to("+14155550102").with("/data/userProfile", Value::Null),
        Hook::to("+14155550103").with("/data/context", json!(["no", "object"])),
        Hook::to("+14155550104").with("/eventTime", json!({ "seconds": 7 })),
        Hook::to("+14155550105").with("/eventId", json!("e".repeat(5000))),
        Hook::to("+14155550106").with("/requestType", json!("com.okta.user.telephony.new")),
        Hook::to("+14155550107").profile("deliveryChannel", json!("pigeon")),
        Hook::to("+14155550108").profile("locale", json!("\u{0}\r\n")),
    ];
    for hook in &strange {
        assert!(gateway.hook(hook).await.is_delivered(), "{}", hook.body);
        assert_eq!(gateway.twilio().inbox().to(&hook.phone()).len(), 1);
    }
}

async fn a_hook_that_cannot_be_sent_says_why(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let with = |field: &str, value: Value| Hook::to(PHONE).profile(field, value);
    let without_code = with("otpCode", Value::Null);
    let without_code = without_code.profile("msgTemplate", json!("Hello."));
    for (hook, reason) in [
        (with("phoneNumber", Value::Null), "INVALID_REQUEST"),
        (with("phoneNumber", json!("")), "INVALID_REQUEST"),
        (
            with("phoneNumber", json!("call me")),
            "INVALID_PHONE_NUMBER",
        ),
        (with("phoneNumber", json!("+1")), "INVALID_PHONE_NUMBER"),
        (
            with("phoneNumber", json!("+999123456789")),
            "INVALID_PHONE_NUMBER",
        ),
        (
            with("phoneNumber", json!("9".repeat(10_000))),
            "INVALID_PHONE_NUMBER",
        ),
        (without_code, "INVALID_REQUEST"),
        (with("otpCode", json!("4 8 2")), "INVALID_REQUEST"),
        (
            Hook::to(PHONE).with("/data", json!("none")),
            "INVALID_REQUEST",
        ),
    ] {
        let answer = gateway.hook(&hook).await;
        assert_eq!(answer.reason(), reason, "{}", hook.body);
    }
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn an_expired_code_is_recorded_and_not_sent(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let expires = json!("2026-03-02T09:15:29.999Z");
    let hook = Hook::to(PHONE).profile("otpExpires", expires);
    let answer = gateway.hook(&hook).await;
    assert_eq!(answer.reason(), "CODE_EXPIRED");
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Expired).await;
    assert_eq!(delivery.reason, "code_expired");
    assert!(delivery.attempts.is_empty());
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn a_clock_that_is_off_changes_nothing(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    for (minutes, phone) in [(-10, "+14155550101"), (10, "+14155550102")] {
        let sent = Timestamp::now() + minutes.minutes();
        let hook = Hook::to(phone)
            .with("/eventTime", json!(sent.to_string()))
            .profile("otpExpires", json!((sent + 5.minutes()).to_string()));
        assert!(gateway.hook(&hook).await.is_delivered(), "{minutes}");
        let message = gateway.twilio().inbox().to(phone).pop().unwrap();
        let validity = message.validity.unwrap();
        assert!((295..=300).contains(&validity), "{validity}");
    }
}

async fn a_client_that_stalls_is_cut(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let gateway = plan
        .with("public.read_timeout", json!("200ms"))
        .start()
        .await;
    let door = gateway.front.addresses.public.unwrap();
    let head = format!(
        "POST /okta/{TENANT}/telephony HTTP/1.1\r\nhost: x\r\nauthorization: {HOOK_SECRET}\r\ncontent-length: 999\r\n\r\n{{"
    );
    // One says nothing, one stops within the head, one within the body.
    for (said, answer) in [("", ""), ("POST /okta", ""), (&head, "HTTP/1.1 408 ")] {
        let mut stream = TcpStream::connect(door).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut said_back = vec![0; answer.len()];
        if answer.is_empty() {
            let mut rest = Vec::new();
            let end = in_time("the end", stream.read_to_end(&mut rest)).await;
            assert!(end.is_err() || rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"));
        } else {
            in_time("an answer", stream.read_exact(&mut said_back))
                .await
                .unwrap();
        }
        assert_eq!(String::from_utf8(said_back).unwrap(), answer);
    }
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
}
