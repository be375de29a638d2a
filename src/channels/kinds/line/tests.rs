//! What LINE is asked, byte by byte, and how tokens come and go.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{BY_NUMBER, Line};
use crate::{
    channels::{
        kind::{BuildContext, BuildError, ProviderKind},
        kinds::contract::fixture::{House, message as message_on},
        provider::{Message, Provider, SendError},
    },
    domain::{channel::Channel, failure::Failure, passcode::Passcode, phone::Country},
    outbound::{
        WriteGate,
        vendor::{Call, Reply, Vendor},
    },
};

const TEXT: &str = "Your code is 482913";

fn push() -> Map<String, Value> {
    told(json!({ "channel_access_token": { "env": "TOKEN" } }))
}

fn stateless() -> Map<String, Value> {
    let stateless = json!({ "channel_id": "1234567890", "channel_secret": { "env": "SECRET" } });
    told(json!({ "stateless": stateless }))
}

fn template() -> Map<String, Value> {
    told(json!({
        "message": "template",
        "channel_access_token": { "env": "TOKEN" },
        "templates": {
            "default": {
                "key": "verification_en",
                "code_item": "code",
                "items": { "expiry": "{{ minutes }} min" },
                "buttons": { "help": "https://acme.example/help" },
            },
            "ja": { "key": "verification_ja", "code_item": "code" },
        },
    }))
}

fn told(settings: Value) -> Map<String, Value> {
    serde_json::from_value(settings).unwrap()
}

fn build(settings: Map<String, Value>) -> Result<Line, Vec<(String, String)>> {
    let house = House::default();
    let ctx = BuildContext {
        name: "acme",
        site: house.site(),
    };
    let settings = serde_json::from_value(Value::Object(settings)).unwrap();
    Line::build(settings, &ctx).map_err(BuildError::into_problems)
}

fn message() -> Message {
    message_on(Channel::Line, "+818000001234", TEXT)
}

fn at(vendor: &Vendor, mut settings: Map<String, Value>) -> Line {
    settings.insert("base_url".to_owned(), vendor.url().into());
    build(settings).unwrap()
}

/// A request as it arrived, less the headers that differ between runs and versions.
fn shown(call: &Call) -> String {
    let same = |line: &&str| !line.starts_with("host: ") && !line.starts_with("user-agent: ");
    let head: Vec<_> = call.head.lines().filter(same).collect();
    format!("{}\n\n{}", head.join("\n"), call.body)
}

async fn wire(settings: Map<String, Value>, message: &Message) -> String {
    let vendor = Vendor::start([Reply::answer(200, &[], "{}")]).await;
    let line = at(&vendor, settings);
    line.send(message, &WriteGate::default()).await.unwrap();
    shown(&vendor.calls()[0])
}

#[tokio::test]
async fn a_push_on_the_wire() {
    insta::assert_snapshot!(wire(push(), &message()).await, @r#"
    POST /v2/bot/message/push HTTP/1.1
    accept: application/json
    content-type: application/json
    x-line-retry-key: 0a381bea-824e-5e88-ad68-c23379762e44
    authorization: Bearer value-of-TOKEN
    content-length: 100

    {"to":"U0123456789abcdef0123456789abcdef","messages":[{"type":"text","text":"Your code is 482913"}]}
    "#);
}

#[tokio::test]
async fn a_template_on_the_wire() {
    let mut message = message();
    insta::assert_snapshot!(wire(template(), &message).await, @r#"
    POST /v2/bot/message/pnp/templated/push HTTP/1.1
    accept: application/json
    content-type: application/json
    x-line-delivery-tag: att_07070707070707070707070707070707-1
    authorization: Bearer value-of-TOKEN
    content-length: 285

    {"to":"d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c","templateKey":"verification_en","body":{"emphasizedItem":{"itemKey":"code","content":"482913"},"items":[{"itemKey":"expiry","content":"5 min"}],"buttons":[{"buttonKey":"help","url":"https://acme.example/help"}]}}
    "#);
    message.locale = "ja-JP".to_owned();
    insta::assert_snapshot!(wire(template(), &message).await, @r#"
    POST /v2/bot/message/pnp/templated/push HTTP/1.1
    accept: application/json
    content-type: application/json
    x-line-delivery-tag: att_07070707070707070707070707070707-1
    authorization: Bearer value-of-TOKEN
    content-length: 169

    {"to":"d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c","templateKey":"verification_ja","body":{"emphasizedItem":{"itemKey":"code","content":"482913"}}}
    "#);
}

#[tokio::test]
async fn a_flexible_notification_on_the_wire() {
    let mut settings = push();
    settings.insert("message".to_owned(), "flexible".into());
    insta::assert_snapshot!(wire(settings, &message()).await, @r#"
    POST /bot/pnp/push HTTP/1.1
    accept: application/json
    content-type: application/json
    x-line-delivery-tag: att_07070707070707070707070707070707-1
    authorization: Bearer value-of-TOKEN
    content-length: 131

    {"to":"d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c","messages":[{"type":"text","text":"Your code is 482913"}]}
    "#);
}

#[test]
fn a_number_is_told_as_lines_own_pages_hash_it() {
    let mut settings = push();
    settings.insert("message".to_owned(), "flexible".into());
    let line = build(settings).unwrap();
    let check = |number: &str, hash: &str| {
        let request = line
            .request(&message_on(Channel::Line, number, "x"))
            .unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["to"], hash);
    };
    let japan = "d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c";
    check("+818000001234", japan);
    let thailand = "7fc93a279e8accbc8e77df576f2f1806df2b9cbff068711f3de71108184e6bb2";
    check("+66812345678", thailand);
}

#[test]
fn what_it_can_do_follows_from_what_it_sends() {
    let push = build(push()).unwrap().capability();
    assert!(push.idempotent && push.by_line_user && push.countries.is_empty());
    let notification = build(template()).unwrap().capability();
    assert!(!notification.idempotent && !notification.by_line_user);
    let countries: Vec<_> = notification.countries.iter().map(Country::as_str).collect();
    assert_eq!(countries, BY_NUMBER);
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_asked() {
    let check = async |settings, message: &Message, failure: Failure, code: &str| {
        let gate = WriteGate::default();
        let problem = build(settings).unwrap().send(message, &gate).await;
        assert_eq!(problem, Err(SendError::new(failure, code)));
        assert!(!gate.written());
    };
    let nobody = Message {
        line_user: None,
        ..message()
    };
    check(push(), &nobody, Failure::Recipient, "no_line_user").await;
    // Nor is a token asked for.
    check(stateless(), &nobody, Failure::Recipient, "no_line_user").await;
    let mut long = message();
    long.code = Passcode::parse("1234567890123456").unwrap();
    check(template(), &long, Failure::Request, "code_too_long").await;
    let mut japanese = template();
    japanese["templates"]
        .as_object_mut()
        .unwrap()
        .remove("default");
    check(japanese, &message(), Failure::Request, "no_template").await;
}

#[tokio::test]
async fn a_repeat_bears_the_key_of_the_first_attempt() {
    let taken = Reply::answer(200, &[], "{}");
    let vendor = Vendor::start([taken.clone(), taken.clone(), taken]).await;
    let line = at(&vendor, push());
    let (first, mut again, mut other) = (message(), message(), message());
    again.attempt.ordinal = 2;
    other.first_attempt.ordinal = 2;
    for message in [&first, &again, &other] {
        line.send(message, &WriteGate::default()).await.unwrap();
    }
    let calls = vendor.calls();
    let keys: Vec<_> = calls
        .iter()
        .map(|call| call.header("x-line-retry-key").unwrap())
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    assert_eq!(calls[0].body, calls[1].body);
}

fn token(name: &str) -> Reply {
    let body = json!({ "token_type": "Bearer", "access_token": name, "expires_in": 899 });
    Reply::answer(200, &[], &body.to_string())
}

#[tokio::test]
async fn an_expired_token_is_replaced_on_the_next_attempt() {
    let stale = Reply::answer(
        401,
        &[],
        r#"{"message":"Authentication failed due to ..."}"#,
    );
    let taken = Reply::answer(200, &[], "{}");
    let script = [
        token("first"),
        taken.clone(),
        stale,
        token("second"),
        taken.clone(),
        taken,
    ];
    let vendor = Vendor::start(script).await;
    let line = at(&vendor, stateless());
    line.send(&message(), &WriteGate::default()).await.unwrap();
    let problem = line
        .send(&message(), &WriteGate::default())
        .await
        .unwrap_err();
    assert_eq!(problem.failure, Failure::CredentialStale);
    for _ in 0..2 {
        line.send(&message(), &WriteGate::default()).await.unwrap();
    }
    let calls = vendor.calls();
    let bearers: Vec<_> = calls
        .iter()
        .map(|call| call.header("authorization"))
        .collect();
    let (first, second) = (Some("Bearer first"), Some("Bearer second"));
    assert_eq!(bearers, [None, first, first, None, second, second]);
}

#[tokio::test]
async fn a_token_refused_when_it_is_new_is_the_accounts_fault() {
    let vendor = Vendor::start([token("first"), Reply::answer(401, &[], "")]).await;
    let line = at(&vendor, stateless());
    let problem = line.send(&message(), &WriteGate::default()).await;
    assert_eq!(problem, Err(SendError::new(Failure::Account, "http_401")));
}

#[tokio::test]
async fn no_token_is_no_doubt() {
    let check = async |reply: Reply, failure: Failure, code: &str| {
        let vendor = Vendor::start([reply]).await;
        let line = at(&vendor, stateless());
        let gate = WriteGate::default();
        let problem = line.send(&message(), &gate).await;
        assert_eq!(problem, Err(SendError::new(failure, code)));
        assert!(!gate.written());
    };
    let refusal = r#"{"error":"invalid_client","error_description":"+818000001234"}"#;
    let refusal = Reply::answer(400, &[], refusal);
    check(refusal, Failure::Account, "token_invalid_client").await;
    check(
        Reply::answer(503, &[], ""),
        Failure::Transient,
        "token_http_503",
    )
    .await;
    check(Reply::cut(), Failure::Transient, "token_connection").await;
}

/// The claims of the assertion in a form.
fn claims(call: &Call) -> Value {
    let pairs = form_urlencoded::parse(call.body.as_bytes());
    let assertion = pairs
        .into_owned()
        .find(|(name, _)| name == "client_assertion");
    let assertion = assertion.unwrap().1;
    let parts: Vec<_> = assertion.split('.').take(2).collect();
    let [head, claims] = parts[..] else {
        panic!("two parts before the signature");
    };
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    json!({ "head": read(head), "claims": read(claims) })
}

#[tokio::test]
async fn each_way_to_a_token_on_the_wire() {
    let key = json!({ "id": "kid-1", "private_key": { "env": "LINE_PRIVATE_KEY" } });
    let signed = json!({ "channel_id": "1234567890", "assertion_key": key });
    let asked = async |settings: Map<String, Value>| {
        let vendor = Vendor::start([token("first"), Reply::answer(200, &[], "{}")]).await;
        let line = at(&vendor, settings);
        line.send(&message(), &WriteGate::default()).await.unwrap();
        vendor.calls().remove(0)
    };
    let call = asked(stateless()).await;
    insta::assert_snapshot!(shown(&call), @r"
    POST /oauth2/v3/token HTTP/1.1
    accept: application/json
    content-type: application/x-www-form-urlencoded
    content-length: 80

    grant_type=client_credentials&client_id=1234567890&client_secret=value-of-SECRET
    ");

    let call = asked(told(json!({ "stateless": signed }))).await;
    assert!(call.head.starts_with("POST /oauth2/v3/token "), "{call:?}");
    insta::assert_snapshot!(claims(&call), @r#"{"claims":{"aud":"https://api.line.me/","exp":1700000300,"iss":"1234567890","sub":"1234567890"},"head":{"alg":"RS256","kid":"kid-1","typ":"JWT"}}"#);

    let call = asked(told(json!({ "v2_1": signed }))).await;
    assert!(
        call.head.starts_with("POST /oauth2/v2.1/token "),
        "{call:?}"
    );
    insta::assert_snapshot!(claims(&call), @r#"{"claims":{"aud":"https://api.line.me/","exp":1700000300,"iss":"1234567890","sub":"1234567890","token_exp":3600},"head":{"alg":"RS256","kid":"kid-1","typ":"JWT"}}"#);
}

#[test]
fn every_wrong_setting_is_named() {
    let check = |settings: Map<String, Value>, changes: Value, expect: &[&str]| {
        let mut settings = settings;
        for (key, value) in changes.as_object().unwrap() {
            settings.insert(key.clone(), value.clone());
        }
        settings.retain(|_, value| !value.is_null());
        let problems = build(settings).err().unwrap_or_default();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, expect, "{problems:?}");
    };
    check(push(), json!({}), &[]);
    check(push(), json!({ "channel_access_token": null }), &[""]);
    check(
        push(),
        json!({ "stateless": stateless()["stateless"] }),
        &[""],
    );
    check(
        push(),
        json!({ "base_url": "ftp://a.example" }),
        &["base_url"],
    );
    check(
        push(),
        json!({ "templates": template()["templates"] }),
        &["templates"],
    );
    check(template(), json!({ "templates": null }), &["templates"]);
    let bare = json!({ "channel_id": "1" });
    check(
        told(json!({ "stateless": bare })),
        json!({}),
        &["stateless"],
    );
    let key = json!({ "id": "kid", "private_key": { "env": "NO_KEY" } });
    let signed = json!({ "v2_1": { "channel_id": "1", "assertion_key": key } });
    check(told(signed), json!({}), &["v2_1.assertion_key.private_key"]);
    let odd = json!({ "key": "k", "code_item": "c", "items": { "a": "{{ nobody }}" } });
    let many: Map<_, _> = (0..3)
        .map(|n| (n.to_string(), json!("https://a.example")))
        .collect();
    let many = json!({ "key": "k", "code_item": "c", "buttons": many });
    let odd = json!({ "templates": { "default": odd, "ja": many } });
    check(template(), odd, &["templates.default", "templates.ja"]);
}
