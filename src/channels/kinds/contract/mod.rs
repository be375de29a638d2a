//! The contract: the same questions to every kind, over real HTTP where it speaks any. A kind's own knowledge stands in
//! `tests/fixtures/KIND/`: good settings, and answers of its vendor with what they must mean.

pub(in crate::channels) mod fixture;

use std::time::Duration;

use serde_json::{Value, json};
use url::form_urlencoded;

use self::fixture::{House, NEVER, QUESTIONS, Subject, message_for, subjects, vendors};
use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::Failure,
    outbound::{
        WriteGate,
        vendor::{Reply, Vendor},
    },
};

const NASTY: &str = "\"it's\" <b>&amp;</b> 100%+1=2;\r\n\t🔑 \u{202e}شفرة ${x} {{y}} \\n ";

async fn ask(subject: &Subject, vendor: &Vendor) -> Result<Accepted, SendError> {
    let directory = subject.build(&House::default(), &vendor.url()).unwrap();
    let provider = &directory.get(Subject::NAME).unwrap().provider;
    let message = message_for(provider.as_ref(), "Your code is 482913");
    provider.send(&message, &WriteGate::default()).await
}

#[tokio::test]
async fn each_answer_means_what_the_vendor_says() {
    for subject in vendors() {
        let cases = subject.cases();
        for question in QUESTIONS {
            let asked = cases.iter().any(|case| case.name == *question);
            assert!(asked, "{}: no answer to {question:?}", subject.kind.name);
        }
        for case in cases {
            let vendor = Vendor::start([case.reply]).await;
            let result = ask(&subject, &vendor).await;
            assert_eq!(result, case.expect, "{}: {}", subject.kind.name, case.name);
            assert_eq!(vendor.calls().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_a_doubt() {
    let doubt = |code: &str| {
        Err(SendError {
            failure: Failure::Ambiguous,
            code: code.to_owned(),
        })
    };
    for subject in vendors() {
        let vendor = Vendor::start([Reply::cut()]).await;
        assert_eq!(ask(&subject, &vendor).await, doubt("connection"));

        let vendor = Vendor::start([Reply::silence()]).await;
        let hang = async {
            vendor.called(1).await;
            tokio::time::pause();
            tokio::time::advance(NEVER).await;
        };
        let (result, ()) = tokio::join!(ask(&subject, &vendor), hang);
        tokio::time::resume();
        assert_eq!(result, doubt("timeout"));
    }
}

#[tokio::test]
async fn what_was_not_written_is_no_doubt() {
    let fault = |code: &str| {
        Err(SendError {
            failure: Failure::Transient,
            code: code.to_owned(),
        })
    };
    for subject in vendors() {
        let house = House::default();
        let send = async |url: &str, gate: WriteGate| {
            let directory = subject.build(&house, url).unwrap();
            let provider = &directory.get(Subject::NAME).unwrap().provider;
            let message = message_for(provider.as_ref(), "Your code is 482913");
            provider.send(&message, &gate).await
        };
        let open = WriteGate::default;
        assert_eq!(send("http://127.0.0.1:1", open()).await, fault("connect"));

        // It takes the connection and never answers the TLS greeting.
        let vendor = Vendor::start([]).await;
        let url = vendor.url().replace("http:", "https:");
        let hang = async {
            vendor.connected(1).await;
            tokio::time::pause();
            tokio::time::advance(NEVER).await;
        };
        let (result, ()) = tokio::join!(send(&url, open()), hang);
        tokio::time::resume();
        assert_eq!(result, fault("timeout"));

        let shut = open();
        assert!(shut.shut());
        assert_eq!(send(&vendor.url(), shut).await, fault("called_back"));
        assert_eq!(vendor.calls(), []);
    }
}

#[tokio::test]
async fn no_text_breaks_out_of_its_place() {
    for subject in vendors() {
        let accepted = subject
            .cases()
            .into_iter()
            .find(|case| case.name == "accepted");
        let vendor = Vendor::start([accepted.unwrap().reply]).await;
        let directory = subject.build(&House::default(), &vendor.url()).unwrap();
        let provider = &directory.get(Subject::NAME).unwrap().provider;
        let message = message_for(provider.as_ref(), NASTY);
        provider
            .send(&message, &WriteGate::default())
            .await
            .unwrap();

        let [call] = &vendor.calls()[..] else {
            panic!("{}: one call", subject.kind.name);
        };
        let values = if call.header("content-type") == Some("application/json") {
            leaves(&serde_json::from_str(&call.body).unwrap())
        } else {
            let pairs = form_urlencoded::parse(call.body.as_bytes());
            pairs.map(|(_, value)| value.into_owned()).collect()
        };
        assert!(values.iter().any(|value| value == NASTY), "{call:?}");
        assert!(!call.head.contains(message.code.expose()), "{call:?}");
    }
}

fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[test]
fn good_settings_are_taken_and_keep_to_the_schema() {
    for subject in subjects() {
        let directory = subject
            .build(&House::default(), "https://vendor.example")
            .unwrap();
        let configured = directory.get(Subject::NAME).unwrap();
        assert!(!configured.provider.capability().channels.is_empty());
        assert_eq!(configured.timeout, Duration::from_secs(1));
        assert_eq!(configured.slots.available_permits(), 4);

        let schema = jsonschema::validator_for(subject.kind.schema().as_value()).unwrap();
        let mut entry = Value::Object(subject.settings("https://vendor.example"));
        assert!(!schema.is_valid(&entry), "`kind` is required");
        entry["kind"] = json!(subject.kind.name);
        let problems: Vec<_> = schema.iter_errors(&entry).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", subject.kind.name);
    }
}

#[test]
fn a_misspelt_setting_is_named() {
    for subject in subjects() {
        for key in subject.settings("https://vendor.example").keys() {
            let misspelt = format!("{key}z");
            let problems = subject.build_with(&House::default(), |settings| {
                let value = settings.remove(key).unwrap();
                settings.insert(misspelt.clone(), value);
            });
            let problems = problems.unwrap_err();
            let named = problems.iter().any(|(path, text)| {
                assert!(path.starts_with("providers.acme"), "{path}");
                text.contains(&format!("`{misspelt}`"))
            });
            assert!(named, "{}: {misspelt}: {problems:?}", subject.kind.name);
        }
    }
}

#[test]
fn a_secret_that_is_unset_or_empty_is_named() {
    for subject in subjects() {
        for name in subject.variables() {
            for (value, text) in [(None, "is not set"), (Some(""), "is empty")] {
                let house = House::with_environment(move |_| value.map(str::to_owned));
                let problems = subject.build(&house, "https://vendor.example").unwrap_err();
                let named = problems
                    .iter()
                    .any(|(_, told)| told.contains(&name) && told.contains(text));
                assert!(named, "{}: {problems:?}", subject.kind.name);
            }
        }
    }
}

#[test]
fn what_is_no_vendor_must_be_allowed() {
    let mut house = House::default();
    house.allow_test_providers = false;
    for subject in subjects() {
        let refused = |base: &str, path: &str| {
            let problems = subject.build(&house, base).unwrap_err();
            assert_eq!(problems[0].0, path, "{problems:?}");
        };
        if subject.kind.test_only {
            refused("https://vendor.example", "providers.acme.kind");
        } else {
            assert!(subject.build(&house, "https://vendor.example").is_ok());
        }
    }
    for subject in vendors() {
        for base in [
            "http://127.0.0.1:9",
            "https://localhost",
            "http://vendor.example",
        ] {
            let problems = subject.build(&house, base).unwrap_err();
            assert_eq!(problems[0].0, "providers.acme.base_url", "{base}");
        }
    }
}
