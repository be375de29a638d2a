//! A right file and two made-up kinds, for the tests of this folder.

use std::collections::BTreeMap;

use schemars::json_schema;

use super::{
    Config, load::Source, problem::Problems, providers::KindSchemas, schema, secret::SecretRef,
    values::Span,
};

/// A file with nothing wrong.
pub(super) const RIGHT: &str = r#"
providers:
  twilio-us: { kind: twilio, account_sid: AC1, auth_token: { env: TOKEN }, senders: { default: "+15005550006" } }
tenants:
  acme:
    countries: { allow: [US, "NO"] }
    okta:
      auth: { secrets: [ { env: HOOK } ] }
routes:
  - { channel: sms, try: [twilio-us] }
"#;

/// Two kinds as their authors would describe them.
pub(super) fn kinds() -> KindSchemas {
    let duration = schema::of::<Span>();
    let secret = schema::of::<SecretRef>();
    let twilio = json_schema!({
        "type": "object",
        "required": ["account_sid", "auth_token"],
        "properties": {
            "account_sid": { "type": "string", "pattern": "^AC" },
            "auth_token": { "$ref": "#/$defs/SecretRef" },
            "senders": { "type": "object", "additionalProperties": { "type": "string" } },
            "region": { "type": "string", "enum": ["us1", "ie1"] },
            "timeout": { "$ref": "#/$defs/Duration" },
            "concurrency": { "type": "integer" },
            "per_second": { "type": "integer" },
            "prices": { "type": "object" },
            "base_url": { "type": "string" },
        },
        "$defs": { "Duration": duration.to_value(), "SecretRef": secret.to_value() },
    });
    BTreeMap::from([
        ("twilio", twilio),
        ("stub", json_schema!({ "type": "object" })),
    ])
}

/// Loads a text outside the sandbox.
pub(super) fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    Config::load(&Source {
        name: "c.yaml",
        text,
        variables: &variables.iter().copied().collect(),
        kinds: &kinds(),
        sandbox: false,
    })
}

/// What is wrong with a text, line by line; empty where nothing is.
pub(super) fn problems(text: &str) -> String {
    load(text, &[])
        .err()
        .map_or_else(String::new, |problems| problems.to_string())
}

/// Checks what is wrong with the right file and these lines.
pub(super) fn check(lines: &str, expect: &str) {
    let found = problems(&format!("{RIGHT}{lines}\n"));
    // The place is the parser's business.
    let messages: Vec<_> = found
        .lines()
        .filter_map(|line| line.splitn(4, ':').nth(3))
        .map(str::trim)
        .collect();
    assert_eq!(messages.join("\n"), expect, "{lines}");
}
