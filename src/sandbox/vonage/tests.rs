//! The simulated Vonage, asked over HTTP as its documentation asks.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Settings, Vonage};
use crate::{
    clock::{Clock, Manual},
    domain::channel::Channel,
    outbound::CallError,
    sandbox::{asking::Asking, inbox::Counts, keys::RsaKey},
};

const NOW_MS: u64 = 1_772_442_930_000;
const APPLICATION: &str = "5a4d0000-0000-4000-8000-000000000001";
/// `5a4d0001:sandbox-vonage-secret`.
const BASIC: &str = "Basic NWE0ZDAwMDE6c2FuZGJveC12b25hZ2Utc2VjcmV0";

struct World {
    vonage: Vonage,
    key: RsaKey,
}

async fn start() -> World {
    let key = RsaKey::generate(&Clock::system()).await.expect("a key");
    let settings = Settings {
        slow: Duration::from_millis(30),
        key: Some(key.jwk().expect("a JWK")),
        ..Settings::default()
    };
    let clock = Clock::from_source(Manual::at(NOW_MS));
    let vonage = Vonage::start(settings, clock).await.expect("a free port");
    World { vonage, key }
}

fn claims() -> Value {
    let now = NOW_MS / 1000;
    json!({ "application_id": APPLICATION, "iat": now, "exp": now + 900, "jti": "aaaaaaaa-1" })
}

impl World {
    fn bearer(&self, claims: &Value) -> String {
        let head = json!({ "alg": "RS256", "typ": "JWT" });
        let token = self.key.sign(&head, claims).expect("a token");
        format!("Bearer {token}")
    }

    fn asking(&self, path: &str, body: &Value) -> Asking {
        Asking::new(Method::POST, &format!("{}{path}", self.vonage.url()))
            .with("authorization", &self.bearer(&claims()))
            .with("content-type", "application/json")
            .body(&body.to_string())
    }

    fn sms(&self, to: &str, text: &str) -> Asking {
        let url = format!("{}/sms/json", self.vonage.url());
        Asking::new(Method::POST, &url).form(&[
            ("api_key", "5a4d0001"),
            ("api_secret", "sandbox-vonage-secret"),
            ("from", "Acme"),
            ("to", to),
            ("text", text),
            ("type", "text"),
            ("ttl", "300000"),
            ("status-report-req", "1"),
            ("client-ref", "attempt-01J8Z3"),
        ])
    }

    fn taken(&self) -> u64 {
        self.vonage.inbox().counts().taken
    }
}

/// The status of a problem, and its code.
async fn refused(asking: Asking) -> (u16, String) {
    let answer = asking.json().await;
    let kind = answer.headers.get("content-type").expect("a content type");
    assert_eq!(kind, "application/problem+json");
    let page = answer.body["type"].as_str().expect("a type");
    let (_, code) = page.split_once('#').expect("a fragment");
    (answer.status, code.to_owned())
}

fn message() -> Value {
    json!({
        "channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme",
        "text": "Your code is 482913", "client_ref": "attempt-01J8Z3", "ttl": 300,
        "sms": { "encoding_type": "auto" },
    })
}

fn template() -> Value {
    let code = json!([{ "type": "text", "text": "482913" }]);
    json!({
        "channel": "whatsapp", "message_type": "custom", "to": "447700900000", "from": "447700900002",
        "custom": { "type": "template", "template": {
            "name": "login_code",
            "language": { "policy": "deterministic", "code": "en" },
            "components": [
                { "type": "body", "parameters": code },
                { "type": "button", "sub_type": "url", "index": "0", "parameters": code },
            ],
        } },
    })
}

fn call() -> Value {
    json!({
        "to": [{ "type": "phone", "number": "447700900000" }],
        "from": { "type": "phone", "number": "447700900001" },
        "ncco": [{ "action": "talk", "text": "Your code is 1, 2, 3, 4, 5, 6.", "language": "en-GB", "loop": 2 }],
        "event_url": ["https://otp.example.com/events"], "ringing_timer": 30, "length_timer": 120,
    })
}

#[tokio::test]
async fn an_sms_is_sent_in_as_many_parts_as_it_takes() {
    let world = start().await;
    let answer = world
        .sms("447700900000", "Your code is 482913")
        .json()
        .await;
    assert_eq!(
        (answer.status, &answer.body["message-count"]),
        (200, &json!("1"))
    );
    let part = &answer.body["messages"][0];
    assert_eq!(
        (&part["status"], &part["to"]),
        (&json!("0"), &json!("447700900000"))
    );
    let arrived = world.vonage.inbox().arrival("+447700900000").await;
    assert_eq!(part["message-id"], arrived.sid);
    assert_eq!(
        (arrived.channel, arrived.from.as_str()),
        (Channel::Sms, "Acme")
    );
    assert_eq!(arrived.body, "Your code is 482913");
    assert_eq!(arrived.validity, Some(300));
    let long = world.sms("447700900000", &"a".repeat(161)).json().await;
    assert_eq!(long.body["message-count"], "2");
    assert_eq!(long.body["messages"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.taken(), 2);
}

#[tokio::test]
async fn sms_fails_with_200_and_a_status() {
    let world = start().await;
    for (to, status) in [
        ("447700900001", "6"),
        ("447700900002", "7"),
        ("447700900003", "1"),
        ("447700900004", "29"),
        ("+447700900000", "3"),
    ] {
        let answer = world.sms(to, "x").json().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["messages"][0]["status"], status, "{to}");
    }
    let json = world
        .sms("447700900000", "x")
        .with("content-type", "application/json");
    let json = json.json().await;
    assert_eq!(json.body["messages"][0]["error-text"], "Missing api_key");
    assert_eq!(world.taken(), 0);
}

#[tokio::test]
async fn messages_go_by_sms_and_whatsapp() {
    let world = start().await;
    let answer = world.asking("/v1/messages", &message()).json().await;
    assert_eq!(answer.status, 202);
    let arrived = world.vonage.inbox().arrival("+447700900000").await;
    assert_eq!(answer.body["message_uuid"], arrived.sid);
    assert_eq!(
        (arrived.channel, arrived.validity),
        (Channel::Sms, Some(300))
    );

    let basic = world
        .asking("/v1/messages", &template())
        .with("authorization", BASIC);
    assert_eq!(basic.json().await.status, 202);
    let arrived = world.vonage.inbox().arrival("+447700900000").await;
    assert_eq!(arrived.channel, Channel::Whatsapp);
    assert_eq!(
        arrived.body,
        "482913 is your verification code.\n▸ Copy 482913"
    );
    assert_eq!(arrived.language.as_deref(), Some("en"));

    // Text needs a conversation, which the vendor's own sandbox number always has.
    let mut text = message();
    text["channel"] = json!("whatsapp");
    text["from"] = json!("447700900002");
    let refused = refused(world.asking("/v1/messages", &text)).await;
    assert_eq!(refused, (422, "1340".to_owned()));
    text["from"] = json!("14157386102");
    assert_eq!(world.asking("/v1/messages", &text).json().await.status, 202);
    let arrived = world.vonage.inbox().arrival("+447700900000").await;
    assert_eq!(arrived.channel, Channel::Whatsapp);
    assert_eq!(arrived.body, "Your code is 482913");
}

#[tokio::test]
async fn each_mistake_of_a_message_has_its_code() {
    let world = start().await;
    let check = async |mut body: Value, pointer: &str, value: Value, code: &str| {
        *body.pointer_mut(pointer).expect(pointer) = value;
        let refused = refused(world.asking("/v1/messages", &body)).await;
        assert_eq!(refused, (422, code.to_owned()), "{pointer}");
    };
    check(message(), "/to", json!("+447700900000"), "1150").await;
    check(message(), "/from", json!(""), "1150").await;
    check(message(), "/from", json!("TWELVELETTER"), "1120").await;
    check(message(), "/channel", json!("pigeon"), "1150").await;
    check(message(), "/message_type", json!("image"), "1150").await;
    check(message(), "/text", json!("a".repeat(1001)), "1090").await;
    check(message(), "/ttl", json!(0), "1130").await;
    check(message(), "/client_ref", json!("a".repeat(101)), "1150").await;
    check(template(), "/from", json!("447700900009"), "1120").await;
    check(template(), "/message_type", json!("template"), "1022").await;
    check(template(), "/custom/type", json!("text"), "1150").await;
    check(template(), "/custom/template/name", json!("other"), "1022").await;
    check(
        template(),
        "/custom/template/language/code",
        json!("sw"),
        "1022",
    )
    .await;
    check(template(), "/custom/template/components", json!([]), "1150").await;
    assert_eq!(world.taken(), 0);
}

#[tokio::test]
async fn a_call_speaks() {
    let world = start().await;
    let answer = world.asking("/v1/calls", &call()).json().await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (201, &json!("started"))
    );
    let arrived = world.vonage.inbox().arrival("+447700900000").await;
    assert_eq!(answer.body["uuid"], arrived.sid);
    assert_eq!(arrived.channel, Channel::Voice);
    assert_eq!(arrived.from, "447700900001");
    assert_eq!(arrived.language.as_deref(), Some("en-GB"));
    let line = "Your code is 1, 2, 3, 4, 5, 6.";
    assert_eq!(arrived.body, format!("{line}\n{line}"));

    let mut ssml = call();
    ssml["ncco"][0] = json!({ "action": "talk", "text": "<speak>A &amp; <break/>B</speak>" });
    assert_eq!(world.asking("/v1/calls", &ssml).json().await.status, 201);
    let arrived = world.vonage.inbox().arrival("+447700900000").await;
    assert_eq!(arrived.body, "A & B");
}

#[tokio::test]
async fn each_mistake_of_a_call_is_told() {
    let world = start().await;
    for (pointer, value) in [
        ("/to/0/number", json!("+447700900000")),
        ("/to/0/type", json!("sip")),
        ("/to", json!([])),
        ("/from/number", json!("Acme")),
        ("/ncco", json!([])),
        ("/ncco/0/text", json!("")),
        ("/ncco/0/text", json!("a".repeat(1501))),
        ("/ncco/0/text", json!("<speak>A & B</speak>")),
        ("/ncco/0/language", json!("en_GB")),
        ("/ncco/0/loop", json!("2")),
        ("/ncco/0/action", json!(null)),
        ("/ringing_timer", json!(0)),
        ("/ringing_timer", json!(121)),
        ("/length_timer", json!("120")),
    ] {
        let mut body = call();
        *body.pointer_mut(pointer).expect(pointer) = value;
        let refused = refused(world.asking("/v1/calls", &body)).await;
        assert_eq!(refused, (400, "invalid-params".to_owned()), "{pointer}");
    }
    for (name, value) in [
        ("answer_url", json!(["https://otp.example.com/answer"])),
        ("random_from_number", json!(true)),
    ] {
        let mut body = call();
        body[name] = value;
        assert_eq!(
            refused(world.asking("/v1/calls", &body)).await.0,
            400,
            "{name}"
        );
    }
    assert_eq!(world.taken(), 0);
}

#[tokio::test]
async fn only_the_application_and_for_messages_the_account_may_ask() {
    let world = start().await;
    let with = |claims: &Value| {
        world
            .asking("/v1/calls", &call())
            .with("authorization", &world.bearer(claims))
    };
    let now = NOW_MS / 1000;
    for (name, value, code) in [
        (
            "application_id",
            json!("5a4d0000-0000-4000-8000-000000000002"),
            "unauthorized",
        ),
        ("jti", json!(null), "unauthorized"),
        ("iat", json!(null), "unauthorized"),
        ("iat", json!(now + 3600), "unauthorized"),
        ("exp", json!(null), "unauthorized"),
        ("exp", json!(now + 90_000), "unauthorized"),
        ("exp", json!(now - 1), "jwt-expired"),
    ] {
        let mut bad = claims();
        bad[name] = value;
        assert_eq!(refused(with(&bad)).await, (401, code.to_owned()), "{name}");
    }
    let basic = world
        .asking("/v1/calls", &call())
        .with("authorization", BASIC);
    assert_eq!(refused(basic).await.0, 401);
    let nobody = world
        .asking("/v1/messages", &message())
        .without("authorization");
    assert_eq!(refused(nobody).await.0, 401);
    let wrong = world
        .asking("/v1/messages", &message())
        .with("authorization", "Basic YTpi");
    assert_eq!(refused(wrong).await.0, 401);
    let other = RsaKey::generate(&Clock::system()).await.expect("a key");
    let forged = other
        .sign(&json!({ "alg": "RS256" }), &claims())
        .expect("a token");
    let forged = world
        .asking("/v1/calls", &call())
        .with("authorization", &format!("Bearer {forged}"));
    assert_eq!(refused(forged).await.0, 401);
    let garbage = world.asking("/v1/messages", &message()).body("{");
    assert_eq!(refused(garbage).await.0, 400);
    let lost = world.asking("/v1/faxes", &message());
    assert_eq!(refused(lost).await, (404, "not-found".to_owned()));
    assert_eq!(world.vonage.inbox().counts(), Counts { seen: 12, taken: 0 });
}

#[tokio::test]
async fn some_numbers_fail() {
    let world = start().await;
    let to = |mut body: Value, pointer: &str, suffix: &str| {
        *body.pointer_mut(pointer).expect(pointer) = json!(format!("44770090{suffix}"));
        body
    };
    for (suffix, status, code) in [
        ("0001", 422, "1040"),
        ("0002", 422, "1050"),
        ("0003", 429, "rate-limit"),
        ("0004", 422, "1160"),
        ("0013", 422, "1040"),
    ] {
        let asked = world.asking("/v1/messages", &to(template(), "/to", suffix));
        assert_eq!(refused(asked).await, (status, code.to_owned()), "{suffix}");
    }
    for (suffix, status, code) in [
        ("0001", 400, "invalid-params"),
        ("0003", 429, "rate-limit"),
        ("0004", 403, "forbidden"),
        ("0014", 429, "rate-limit"),
    ] {
        let asked = world.asking("/v1/calls", &to(call(), "/to/0/number", suffix));
        assert_eq!(refused(asked).await, (status, code.to_owned()), "{suffix}");
    }
    assert_eq!(world.taken(), 0);
    let sms = world.asking("/v1/messages", &to(message(), "/to", "0013"));
    assert_eq!(sms.json().await.status, 202);
    let nameless = world.asking("/v1/calls", &to(call(), "/to/0/number", "0010"));
    assert_eq!(nameless.json().await.body.get("uuid"), None);
    let lost = world.asking("/v1/calls", &to(call(), "/to/0/number", "0008"));
    let lost = lost.call().await.expect_err("no answer");
    assert_eq!(lost, CallError::Unanswered("connection"));
    assert_eq!(world.taken(), 3);
}
