//! Checks the tree against the schema, and says in sentences what does not fit it.

use serde_json::Value;

use super::{
    misfit::{Judge, Lack, Misfit},
    path::{Path, Shortened},
    problem::Problem,
    suggest::{did_you_mean, nearest},
    tree::Tree,
    values,
};

/// A schema ready to check trees.
pub(super) struct Shape<'a>(Judge<'a>);

impl<'a> Shape<'a> {
    /// Makes a schema ready; the error says what is wrong with the schema.
    pub(super) fn new(schema: &'a Value) -> Result<Self, String> {
        Judge::new(schema).map(Self)
    }

    /// Settles what can be meant in one way only: a known key without a value is left out, and a variable's digits are
    /// a text where a text is wanted. Then names every misfit that is left.
    pub(super) fn check(&self, tree: &mut Tree) -> Vec<Problem> {
        let mut misfits = self.0.misfits(&tree.root);
        while settle(tree, &misfits) {
            misfits = self.0.misfits(&tree.root);
        }
        let problems = misfits.iter().map(|misfit| explain(tree, misfit));
        problems.collect()
    }
}

fn settle(tree: &mut Tree, misfits: &[Misfit<'_>]) -> bool {
    let mut settled = false;
    for misfit in misfits {
        let is_null = tree.get(&misfit.path).is_some_and(Value::is_null);
        let wants_text = misfit
            .schema
            .get("type")
            .is_some_and(|wanted| wanted == "string");
        settled |=
            is_null && tree.remove(&misfit.path) || wants_text && tree.take_literally(&misfit.path);
    }
    settled
}

fn explain(tree: &Tree, misfit: &Misfit<'_>) -> Problem {
    let Misfit { path, schema, lack } = misfit;
    if is_choice(schema) && *lack != Lack::Keyword("type") {
        let wanted = title(schema).unwrap_or("one of its keys");
        return tree.problem(path, format!("expected {wanted}"));
    }
    match lack {
        Lack::Unknown(key) => tree.problem_with_key(&path.key(key), unknown_key(schema, key)),
        Lack::Name(key, names) => {
            let wanted = title(names).unwrap_or("another name");
            tree.problem_with_key(&path.key(key), format!("expected {wanted}"))
        }
        Lack::Missing(key) => tree.problem_with_key(path, format!("the key \"{key}\" is missing")),
        Lack::Keyword(keyword) => {
            let found = tree.get(path).unwrap_or(&Value::Null);
            tree.problem(path, sentence(keyword, schema, found, may_show(path)))
        }
    }
}

/// Accounts' settings may hold a secret that was pasted into the wrong place; no value of theirs is shown.
fn may_show(path: &Path) -> bool {
    !path.is_within(&Path::default().key("providers"))
}

/// Whether a mapping has the choice between keys, as a secret's has. An unknown key in it is not named, as a pasted secret
/// can look like one.
fn is_choice(schema: &Value) -> bool {
    schema.get("maxProperties").is_some()
}

fn title(schema: &Value) -> Option<&str> {
    schema.get("title").and_then(Value::as_str)
}

fn unknown_key(schema: &Value, key: &str) -> String {
    let known = schema.get("properties").and_then(Value::as_object);
    let known = known
        .into_iter()
        .flat_map(|map| map.keys().map(String::as_str));
    format!("unknown key{}", did_you_mean(key, known))
}

/// What is wrong with one value.
fn sentence(keyword: &str, schema: &Value, found: &Value, may_show: bool) -> String {
    let limit = || &schema[keyword];
    match keyword {
        "minimum" => format!("must be at least {}", limit()),
        "maximum" => format!("must be at most {}", limit()),
        "minItems" | "minLength" | "minProperties" if limit() == 1 => {
            "must not be empty".to_owned()
        }
        "minItems" => format!("must have at least {} items", limit()),
        "minLength" => format!("must have at least {} characters", limit()),
        "maxItems" => format!("must have at most {} items", limit()),
        "maxLength" => format!("must have at most {} characters", limit()),
        "pattern" if title(schema).is_none() => {
            format!("must match {}", limit().as_str().unwrap_or_default())
        }
        "uniqueItems" => "names one thing twice".to_owned(),
        _ => match words(schema) {
            Some(words) => wrong_word(&words, found, may_show),
            None => wrong_value(keyword, schema, found, may_show),
        },
    }
}

/// The words between which a schema gives the choice.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(Value::Array(words)) = schema.get("enum") {
        return words.iter().map(Value::as_str).collect();
    }
    if let Some(word) = schema.get("const") {
        return Some(vec![word.as_str()?]);
    }
    let forms = schema
        .get("oneOf")
        .or_else(|| schema.get("anyOf"))?
        .as_array()?;
    let words: Option<Vec<_>> = forms.iter().map(words).collect();
    words.map(|words| words.concat())
}

fn wrong_word(words: &[&str], found: &Value, may_show: bool) -> String {
    let wanted = match words {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    let Value::String(found) = found else {
        return format!("expected {wanted}, found {}", type_of(found));
    };
    match nearest(found, words.iter().copied()) {
        Some(nearest) => format!("expected {wanted} (did you mean \"{nearest}\"?)"),
        None if may_show => format!("expected {wanted}, found {}", Shortened(found)),
        None => format!("expected {wanted}"),
    }
}

fn wrong_value(keyword: &str, schema: &Value, found: &Value, may_show: bool) -> String {
    let wanted = title(schema).or_else(|| type_wanted(schema));
    let Some(wanted) = wanted else {
        return format!("does not fit the schema ({keyword})");
    };
    let format = schema.get("format").and_then(Value::as_str);
    let hint = norway(format, found);
    if keyword == "type" {
        let quotes = if wanted == "a text" && !found.is_array() && !found.is_object() {
            "; put it in quotes"
        } else {
            ""
        };
        return format!("expected {wanted}, found {}{hint}{quotes}", type_of(found));
    }
    let is_ours = values::FORMATS.iter().any(|(name, _)| format == Some(name));
    match found {
        Value::String(text) if is_ours && may_show => {
            format!("expected {wanted}, found {}{hint}", Shortened(text))
        }
        _ if title(schema).is_some() => format!("expected {wanted}"),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            format!("does not fit the schema ({keyword})")
        }
    }
}

/// Norway is the one country whose code is a word of YAML 1.1.
fn norway(format: Option<&str>, found: &Value) -> &'static str {
    let is_norway = match found {
        Value::Bool(found) => !found,
        Value::String(found) => found.eq_ignore_ascii_case("no"),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if format == Some(values::COUNTRY) && is_norway {
        "; YAML 1.1 reads an unquoted NO as false: write \"NO\" for Norway"
    } else {
        ""
    }
}

fn type_wanted(schema: &Value) -> Option<&str> {
    let wanted = schema.get("type")?.as_str()?;
    Some(match wanted {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        other => other,
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::problems;

    /// Checks the problems of a text in which every secret is called hunter2.
    fn snapshot(name: &str, text: &str) {
        let problems = problems(text);
        assert!(!problems.contains("hunter2"), "{problems}");
        assert!(!problems.contains("more problems"), "{problems}");
        insta::assert_snapshot!(name, problems);
    }

    #[test]
    fn every_mistake_in_a_section_has_its_sentence() {
        let text = r#"
public: { listen: nowhere, max_in_flight: 0, read_timeout: 0s, colour: red, url: "http://otp.acme.example" }
grpc:
  listen: 0.0.0.0:50051
  clients:
    - { name: A B, token: hunter2, tenants: [], methods: [Send] }
    - { name: billing, token: { hunter2 }, tenants: [acmee], methods: [SendOtp, SendOtp] }
    - { name: billing, token: { env: "hunter2!" }, tenants: ["*"], methods: [] }
gateway: { url: "https://user:hunter2@gateway" }
ledger: { url: "postgres://user:hunter2@db", keep_days: 1.5, spool: 5000000000, intent_within: 1 }
privacy: { keys: [ { id: a, secret: { env: X, file: x } }, { id: a, secret: [] }, { secret: { env: } } ] }
outbound: { linger: 1000days, connect_timeout: soon, idle_timeout: { s: 1 } }
guard: { limits: [ { name: a, key: sender, count: 0, per: 0s, mode: shaddow } ], number_types: [mobile, mobile] }
log: { level: loud, format: 5 }
drain: [ 2s ]
allow_test_providers: "false"
log: { level: info }
tenants: { acme: { countries: { allow: [US] } } }
routes: [ { channel: sms, try: [a] } ]
providers: { a: { kind: twilio, account_sid: AC1, auth_token: { env: X } } }
"#;
        snapshot("sections", text);
    }

    #[test]
    fn every_mistake_in_an_account_or_a_tenant_has_its_sentence() {
        let text = r#"
providers:
  Twilio: { kind: twillio }
  none: {}
  stubby: { kind: stub }
  near: { kind: twilio, account_sid: AC1, auth_token: { env: X }, base_url: "http://127.1:80" }
  all: { kind: twilio, account_sid: 5, auth_token: hunter2, region: hunter2, timeout: hunter2, senders: [] }
  norway: { kind: twilio, account_sid: hunter2, auth_token: [], senders: { NO: ACME, SE: No, DK: 1 } }
tenants:
  acme:
    countries: { allow: [NO, no, XQ, us, 7, false, US, US], default: NO }
    channels: { default: [voice] }
    okta: { auth: {}, answer_within: 3s, failover: maybe, preview: yes, answers: { acepted: failed } }
  other:
    brand: &acme Yes
  third:
    countries: { allow: [] }
    okta:
      auth: { header: "a b", oauth: { issuer: "http://acme.okta.com", audience: "", scope: 1, jwks_url: "ftp://x" } }
routes:
  - { channel: sms, countries: [SE], try: [], pick: weight }
  - { channel: fax, try: [al] }
"#;
        snapshot("accounts", text);
    }
}
