//! What a configured provider is asked, what it makes of answers, and what of its configuration cannot be right.

mod credentials;
mod requests;
mod settings;

use serde_json::{Map, Value, json};

use super::Http;
use crate::{
    channels::{
        kind::{BuildContext, BuildError, ProviderKind},
        kinds::contract::fixture::{House, message as message_on},
        provider::{Accepted, Message, Provider, SendError},
    },
    domain::{channel::Channel, failure::Failure},
    outbound::{
        WriteGate,
        vendor::{Call, Reply, Vendor},
    },
};

/// Settings that name nothing a message might lack.
fn plain() -> Map<String, Value> {
    told(json!({
        "channels": ["sms"],
        "path": "/send",
        "body": { "json": { "to": "{{ to }}", "text": "{{ text }}" } },
    }))
}

fn told(settings: Value) -> Map<String, Value> {
    serde_json::from_value(settings).unwrap()
}

fn with(mut settings: Map<String, Value>, changes: Value) -> Map<String, Value> {
    settings.extend(told(changes));
    settings.retain(|_, value| !value.is_null());
    settings
}

fn build_in(house: &House, settings: Map<String, Value>) -> Result<Http, Vec<(String, String)>> {
    let ctx = BuildContext {
        name: "acme",
        site: house.site(),
    };
    let settings = serde_json::from_value(Value::Object(settings)).unwrap();
    Http::build(settings, &ctx).map_err(BuildError::into_problems)
}

fn build(settings: Map<String, Value>) -> Result<Http, Vec<(String, String)>> {
    let base = json!({ "base_url": "https://vendor.example" });
    build_in(&House::default(), with(settings, base))
}

fn message(text: &str) -> Message {
    message_on(Channel::Sms, "+447400123456", text)
}

fn shown(call: &Call) -> String {
    let same = |line: &&str| !line.starts_with("host: ") && !line.starts_with("user-agent: ");
    let head: Vec<_> = call.head.lines().filter(same).collect();
    format!("{}\n\n{}", head.join("\n"), call.body)
}

/// What is asked, and what is made of the reply.
async fn ask(
    settings: Map<String, Value>,
    message: &Message,
    reply: Reply,
) -> (String, Result<Accepted, SendError>) {
    let vendor = Vendor::start([reply]).await;
    let base = format!("{}/base/", vendor.url());
    let http = build_in(
        &House::default(),
        with(settings, json!({ "base_url": base })),
    )
    .unwrap();
    let result = http.send(message, &WriteGate::default()).await;
    (shown(&vendor.calls()[0]), result)
}

async fn wire(settings: Map<String, Value>, message: &Message) -> String {
    let (call, result) = ask(settings, message, Reply::answer(200, &[], "{}")).await;
    assert!(result.is_ok(), "{result:?}");
    call
}

#[tokio::test]
async fn the_ledger_gets_no_word_about_a_person() {
    let settings = with(
        plain(),
        json!({
            "success": { "statuses": [201] },
            "message_id": [{ "pointer": "/id" }, { "header": "x-id" }],
            "errors": { "code": ["/code", "/reason"], "codes": {
                "to +447400123456 failed": "recipient",
                "named": { "class": "account", "as": "no_money" },
            } },
        }),
    );
    let check = async |status: u16, body: &str, expect: Result<Option<&str>, (Failure, &str)>| {
        let reply = Reply::answer(status, &[("x-id", "from-header")], body);
        let (_, result) = ask(settings.clone(), &message("x"), reply).await;
        let expect = expect
            .map(|id| Accepted {
                message_id: id.map(str::to_owned),
            })
            .map_err(|(failure, code)| SendError::new(failure, code));
        assert_eq!(result, expect, "{body}");
    };
    let (recipient, request) = (Failure::Recipient, Failure::Request);
    check(201, r#"{"id":"id-1"}"#, Ok(Some("id-1"))).await;
    check(201, r#"{"id":"447400123456"}"#, Ok(Some("from-header"))).await;
    check(201, r#"{"id":"code-482913"}"#, Ok(Some("from-header"))).await;
    let echo = r#"{"code":"to +447400123456 failed"}"#;
    check(400, echo, Err((recipient, "http_400"))).await;
    check(400, r#"{"code":"482913"}"#, Err((request, "http_400"))).await;
    let both = r#"{"code":"x y","reason":"E7"}"#;
    check(400, both, Err((request, "E7"))).await;
    let named = r#"{"code":"E7","reason":"named"}"#;
    check(400, named, Err((Failure::Account, "no_money"))).await;
    let doubt = Failure::Ambiguous;
    check(200, "{}", Err((doubt, "http_200"))).await;
}

#[tokio::test]
async fn a_success_that_is_not_understood_is_a_doubt() {
    let settings = with(
        plain(),
        json!({
            "success": { "statuses": [200], "body": { "pointer": "/state", "one_of": ["sent"] } },
            "errors": { "code": ["/state"], "codes": { "refused": "request" }, "statuses": { "203": "account" } },
        }),
    );
    let check = async |status: u16, body: &str, failure: Failure, code: &str| {
        let (_, result) = ask(
            settings.clone(),
            &message("x"),
            Reply::answer(status, &[], body),
        )
        .await;
        assert_eq!(
            result,
            Err(SendError::new(failure, code)),
            "{status} {body}"
        );
    };
    check(
        200,
        r#"{"state":"tomorrow"}"#,
        Failure::Ambiguous,
        "tomorrow",
    )
    .await;
    check(202, r#"{"state":"sent"}"#, Failure::Ambiguous, "http_202").await;
    check(204, "", Failure::Ambiguous, "http_204").await;
    // What was told of stands.
    check(200, r#"{"state":"refused"}"#, Failure::Request, "refused").await;
    check(203, r#"{"state":"sent"}"#, Failure::Account, "http_203").await;
}
