//! What a provider can do by its settings, and settings that cannot be right.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use super::{build, plain, with};
use crate::{
    channels::{kinds::contract::fixture, provider::Provider},
    domain::channel::Channel,
};

#[test]
fn what_it_can_do_is_what_it_was_told() {
    let line = json!({
        "channels": ["line"],
        "headers": { "x-key": "{{ key }}" },
        "body": { "json": { "to": "{{ line_user }}" } },
        "countries": ["JP", "TH"],
        "safe_to_retry": true,
    });
    let capability = build(with(plain(), line)).unwrap().capability();
    assert!(capability.idempotent && capability.by_line_user);
    assert_eq!(capability.countries.len(), 2);
    assert!(capability.channels.contains(Channel::Line));
    let capability = build(plain()).unwrap().capability();
    assert!(!capability.idempotent && !capability.by_line_user);
    assert!(capability.countries.is_empty());
}

#[test]
fn every_wrong_setting_is_named() {
    let check = |changes: Value, expect: &[&str]| {
        let problems = build(with(plain(), changes)).err().unwrap_or_default();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, expect, "{problems:?}");
    };
    let secret = json!({ "env": "SECRET" });
    check(json!({}), &[]);
    check(json!({ "channels": [] }), &["channels"]);
    for path in ["send", "/a b", "/a?b", "/a#b", "/../a", "/{{ nobody }}"] {
        check(json!({ "path": path }), &["path"]);
    }
    check(json!({ "query": { "a": "{{" } }), &["query.a"]);
    check(
        json!({ "headers": { "a b": "x", "host": "y" } }),
        &["headers.a b", "headers.host"],
    );
    let both = json!({ "form": { "a": "b" }, "json": {} });
    check(json!({ "body": both }), &["body"]);
    check(
        json!({ "body": { "form": { "a": "{{ nobody }}" } } }),
        &["body.form.a"],
    );
    let deep = json!({ "a": [{ "b": "{{ nobody }}" }], "c": "{% if %}" });
    check(
        json!({ "body": { "json": deep } }),
        &["body.json.a.0.b", "body.json.c"],
    );
    let raw = json!({ "content_type": "a\n", "text": "{{ nobody }}" });
    check(
        json!({ "body": { "raw": raw } }),
        &["body.raw.content_type", "body.raw.text"],
    );
    for kind in ["multipart/form-data; boundary=b", "Multipart/Mixed"] {
        let raw = json!({ "content_type": kind, "text": "{{ text }}" });
        check(
            json!({ "body": { "raw": raw } }),
            &["body.raw.content_type"],
        );
    }
    let two = json!({ "bearer": secret, "basic": { "user": "u", "password": secret } });
    check(json!({ "auth": two }), &["auth"]);
    let odd = json!({ "header": { "name": "a b", "value": secret } });
    check(json!({ "auth": odd }), &["auth.header.name"]);
    let twice = json!({ "auth": { "bearer": secret }, "headers": { "Authorization": "x" } });
    check(twice, &["headers"]);
    let plaintext = json!({ "token_url": "ftp://a.example", "client_id": "c" });
    check(
        json!({ "auth": { "oauth": plaintext } }),
        &["auth.oauth.token_url", "auth.oauth"],
    );
    check(json!({ "senders": { "default": "A" } }), &["senders"]);
    check(json!({ "templates": { "default": "A" } }), &["templates"]);
    let names = json!({ "json": ["{{ sender }}", "{{ template }}"] });
    check(json!({ "body": names }), &["senders", "templates"]);
    check(
        json!({ "body": { "json": "{{ line_user }}" } }),
        &["channels"],
    );
    check(json!({ "safe_to_retry": true }), &["safe_to_retry"]);
    let before = json!({ "duplicates": [409] });
    check(json!({ "success": before }), &["success.duplicates"]);
    let key = json!({ "x-key": "{{ key }}" });
    check(json!({ "success": before, "headers": key }), &[]);
    check(
        json!({ "success": { "statuses": [7] } }),
        &["success.statuses"],
    );
    let said = json!({ "pointer": "x", "one_of": ["0"] });
    check(
        json!({ "success": { "body": said } }),
        &["success.body.pointer"],
    );
    check(
        json!({ "message_id": [{ "header": "a b" }] }),
        &["message_id"],
    );
    check(
        json!({ "errors": { "statuses": { "4xx": "account" } } }),
        &["errors.statuses.4xx"],
    );
    let delay = json!({ "pointer": "x", "pattern": "[0-9]+", "unit": "seconds" });
    let paths = ["errors.delay.pointer", "errors.delay.pattern"];
    check(json!({ "errors": { "delay": delay } }), &paths);
}

#[test]
fn every_configuration_that_is_shipped_is_asked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/providers");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let files = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let asked = fixture::subjects().into_iter().filter_map(|subject| {
        let file = subject.about.shipped?;
        Some(Path::new(&file).file_stem()?.to_str()?.to_owned())
    });
    let (files, asked): (BTreeSet<_>, BTreeSet<_>) = (files.collect(), asked.collect());
    assert_eq!(files, asked);
    assert_eq!(files.len(), 6);
}
