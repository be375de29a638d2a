//! Requests on the wire, and messages that cannot become one.

use serde_json::{Value, json};

use super::{build, message, plain, told, wire, with};
use crate::{
    channels::{
        kinds::contract::fixture::message as message_on,
        provider::{Message, Provider, SendError},
    },
    domain::{channel::Channel, failure::Failure, phone::Country},
    outbound::WriteGate,
};

#[tokio::test]
async fn every_part_of_a_request_is_filled_in_where_it_stands() {
    let settings = told(json!({
        "channels": ["sms"],
        "method": "PUT",
        "path": "/a/{{ sender }}/{{ to | national }}",
        "query": { "t&": "{{ text }}", "c": "{{ country }}" },
        "headers": { "X-Attempt": "{{ attempt }}", "accept": "text/plain" },
        "auth": { "header": { "name": "x-key", "prefix": "Key ", "value": { "env": "KEY" } } },
        "senders": { "default": "A&B/c?d" },
        "body": { "json": {
            "n": 1, "list": ["{{ seconds }}", true], "life": "{{ seconds }}s",
            "nested": { "variables": "{\"1\":{{ code | json }}}" },
        } },
    }));
    insta::assert_snapshot!(wire(settings, &message("a b\"\r\n{{ to }}")).await, @r#"
    PUT /base/a/A%26B%2Fc%3Fd/7400123456?c=GB&t%26=a+b%22%0D%0A%7B%7B+to+%7D%7D HTTP/1.1
    accept: text/plain
    content-type: application/json
    x-attempt: att_07070707070707070707070707070707-1
    x-key: Key value-of-KEY
    content-length: 83

    {"life":"299s","list":[299,true],"n":1,"nested":{"variables":"{\"1\":\"482913\"}"}}
    "#);
}

#[tokio::test]
async fn a_form_repeats_a_field_and_escapes_what_is_nested() {
    let settings = told(json!({
        "channels": ["voice"],
        "path": "/calls",
        "auth": { "basic": { "user": "AC1", "password": { "env": "TOKEN" } } },
        "body": { "form": {
            "script": "<Response><Say language=\"{{ language | xml }}\">{{ text | xml }}</Say></Response>",
            "event": ["initiated", "completed"],
        } },
    }));
    let message = message_on(Channel::Voice, "+447400123456", "4 & \"8\"");
    insta::assert_snapshot!(wire(settings, &message).await, @r"
    POST /base/calls HTTP/1.1
    accept: application/json
    content-type: application/x-www-form-urlencoded
    authorization: Basic QUMxOnZhbHVlLW9mLVRPS0VO
    content-length: 147

    event=initiated&event=completed&script=%3CResponse%3E%3CSay+language%3D%22en-US%22%3E4+%26amp%3B+%26quot%3B8%26quot%3B%3C%2FSay%3E%3C%2FResponse%3E
    ");
}

#[tokio::test]
async fn a_document_is_escaped_by_what_it_is_written_in() {
    let document = |kind: &str, text: &str| {
        let raw = json!({ "content_type": kind, "text": text });
        with(plain(), json!({ "body": { "raw": raw } }))
    };
    let body = async |kind: &str, text: &str| {
        let call = wire(document(kind, text), &message("</t>&\"'\n")).await;
        assert!(call.contains(&format!("content-type: {kind}\n")), "{call}");
        call.split_once("\n\n").unwrap().1.to_owned()
    };
    let xml = body("application/soap+xml; charset=utf-8", "<t>{{ text }}</t>").await;
    assert_eq!(xml, "<t>&lt;/t&gt;&amp;&quot;&apos;&#10;</t>");
    let json = body("application/vnd.api+json", "{\"t\":\"{{ text }}\"}").await;
    assert_eq!(json, "{\"t\":\"</t>&\\\"'\\n\"}");
    let form = body("application/x-www-form-urlencoded", "t={{ text }}&x=1").await;
    assert_eq!(form, "t=%3C%2Ft%3E%26%22%27%0A&x=1");
    assert_eq!(body("text/plain", "t={{ text }}").await, "t=</t>&\"'\n");
}

#[tokio::test]
async fn a_query_alone_is_a_request_too() {
    let settings = told(json!({
        "channels": ["sms"],
        "method": "GET",
        "query": { "to": "{{ to }}", "text": "{{ text }}" },
    }));
    insta::assert_snapshot!(wire(settings, &message("a&b")).await, @r"
    GET /base?text=a%26b&to=%2B447400123456 HTTP/1.1
    accept: application/json
    ");
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_asked() {
    let check = async |changes: Value, message: &Message, failure: Failure, code: &str| {
        let gate = WriteGate::default();
        let http = build(with(plain(), changes)).unwrap();
        let problem = http.send(message, &gate).await;
        assert_eq!(problem, Err(SendError::new(failure, code)));
        assert!(!gate.written());
    };
    let body = |text: &str| json!({ "json": { "x": text } });
    let senders = json!({ "senders": { "US": "ACME" }, "body": body("{{ sender }}") });
    check(senders, &message("x"), Failure::Request, "no_sender").await;
    let templates = json!({ "templates": { "ja": "t" }, "body": body("{{ template }}") });
    check(templates, &message("x"), Failure::Request, "no_template").await;
    let mut nobody = message_on(Channel::Line, "+447400123456", "x");
    nobody.line_user = None;
    let line = json!({ "channels": ["line"], "body": body("{{ line_user }}") });
    check(line, &nobody, Failure::Recipient, "no_line_user").await;
    // A line end would begin another header.
    let header = json!({ "headers": { "x-text": "{{ text }}" } });
    let split = message("a\r\nx-other: b");
    check(header, &split, Failure::Request, "not_rendered").await;
    let climb = json!({ "path": "/a/{{ text }}/b" });
    check(climb, &message(".."), Failure::Request, "not_rendered").await;
}

#[tokio::test]
async fn the_language_and_the_country_choose() {
    let settings = with(
        plain(),
        json!({
            "senders": { "default": "ACME", "GB": "ACME UK" },
            "templates": { "default": "en", "ja": "ja" },
            "body": { "json": ["{{ sender }}", "{{ template }}"] },
        }),
    );
    let mut message = message("x");
    message.locale = "ja-JP".to_owned();
    let call = wire(settings.clone(), &message).await;
    assert!(call.ends_with("[\"ACME UK\",\"ja\"]"), "{call}");
    let http = build(settings).unwrap();
    let of = |country: &str| http.sender(Channel::Sms, Country::parse(country));
    assert_eq!((of("GB"), of("FR")), (Some("ACME UK"), Some("ACME")));
    assert_eq!(build(plain()).unwrap().sender(Channel::Sms, None), None);
}
