//! The contract: the same questions to every kind, over real HTTP where it speaks any. A kind's own knowledge stands in
//! `tests/fixtures/KIND/`, and in folders below it for each API that it speaks: good settings, and answers of its vendor
//! with what they must mean. `fixture::About` says what else may be told there.

mod answers;
pub(in crate::channels) mod fixture;
mod wire;

use std::time::Duration;

use serde_json::{Map, Value, json};

use self::fixture::{House, NEVER, Subject, subjects, vendors};
use crate::{
    channels::provider::{Accepted, Message, SendError},
    domain::failure::Failure,
    outbound::{
        WriteGate,
        vendor::{Call, Reply, Vendor},
    },
};

const NASTY: &str = "\"it's\" <b>&amp;</b> 100%+1=2;\r\n\t🔑 \u{202e}شفرة ${x} {{y}} \\n ";

/// What a subject has, or has not, beside answers.
const ODD_SENDER: &str = "odd_sender";

async fn ask(subject: &Subject, vendor: &Vendor) -> Result<Accepted, SendError> {
    let directory = subject.build(&House::default(), &vendor.url()).unwrap();
    let provider = &directory.get(Subject::NAME).unwrap().provider;
    let message = subject.message("Your code is 482913");
    provider.send(&message, &WriteGate::default()).await
}

#[test]
fn every_question_has_an_answer_or_a_reason_why_there_is_none() {
    for subject in vendors() {
        let (name, never) = (&subject.name, &subject.about.never);
        let cases = subject.cases();
        for question in answers::questions() {
            let asked = cases.iter().any(|case| case.name == question);
            let told = never.contains_key(question);
            assert!(asked || told, "{name}: no answer to {question:?}");
            assert!(!(asked && told), "{name}: {question:?} does have an answer");
        }
        let odd = subject.about.odd_sender.is_some() != never.contains_key(ODD_SENDER);
        assert!(
            odd,
            "{name}: either an odd sender, or a reason why none is odd"
        );
        for (question, reason) in never {
            let known = answers::questions().any(|known| known == question);
            assert!(known || question == ODD_SENDER, "{name}: {question}");
            assert!(reason.split(' ').count() > 2, "{name}: {question}: why?");
        }
    }
}

#[test]
fn who_is_not_asked_over_http_says_why() {
    for subject in subjects() {
        let (name, reason) = (&subject.name, &subject.about.no_base_url);
        assert_ne!(subject.speaks_http(), reason.is_some(), "{name}");
        let told = reason.as_ref().is_none_or(|why| why.split(' ').count() > 2);
        assert!(told, "{name}: why?");
    }
}

#[tokio::test]
async fn each_answer_means_what_the_vendor_says() {
    for subject in vendors() {
        let cases = subject.cases();
        for case in &cases {
            let before = cases
                .iter()
                .find(|one| Some(&one.name) == case.after.as_ref());
            assert_eq!(before.is_some(), case.after.is_some(), "{}", case.name);
            let replies = before.into_iter().chain([case]);
            let vendor = Vendor::start(replies.clone().map(|one| one.reply.clone())).await;
            let directory = subject.build(&House::default(), &vendor.url()).unwrap();
            let provider = &directory.get(Subject::NAME).unwrap().provider;
            for one in replies {
                let message = subject.message("Your code is 482913");
                let result = provider.send(&message, &WriteGate::default()).await;
                assert_eq!(result, one.expect, "{}: {}", subject.name, one.name);
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_a_doubt() {
    let doubt = |code: &str| Err(SendError::new(Failure::Ambiguous, code));
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
    let fault = |code: &str| Err(SendError::new(Failure::Transient, code));
    for subject in vendors() {
        let house = House::default();
        let send = async |url: &str, gate: WriteGate| {
            let directory = subject.build(&house, url).unwrap();
            let provider = &directory.get(Subject::NAME).unwrap().provider;
            let message = subject.message("Your code is 482913");
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
        let mut message = subject.message(NASTY);
        message.locale = NASTY.to_owned();
        let call = taken(&subject, &message).await;
        let texts = wire::texts(&call);
        let code = message.code.expose();
        match subject.about.code_places {
            None => assert!(texts.iter().any(|text| text == NASTY), "{call:?}"),
            Some(places) => {
                let codes = texts.iter().filter(|text| *text == code);
                assert_eq!(codes.count(), places, "{}: {call:?}", subject.name);
                let leaks = texts.iter().any(|text| text.contains("it's"));
                assert!(!leaks, "{}: {call:?}", subject.name);
            }
        }
        assert!(!call.head.contains(code), "{call:?}");
    }
}

#[tokio::test]
async fn an_odd_sender_stays_in_its_place() {
    for subject in vendors() {
        let Some(odd) = &subject.about.odd_sender else {
            continue;
        };
        let call = taken(&subject, &subject.message_to(&odd.to, "x")).await;
        let texts = wire::texts(&call);
        assert!(texts.contains(&odd.sender), "{}: {call:?}", subject.name);
    }
}

/// The request for a message that the vendor takes.
async fn taken(subject: &Subject, message: &Message) -> Call {
    let cases = subject.cases().into_iter();
    let accepted = cases.filter(|case| case.name == "accepted");
    let vendor = Vendor::start(accepted.map(|case| case.reply)).await;
    let directory = subject.build(&House::default(), &vendor.url()).unwrap();
    let provider = &directory.get(Subject::NAME).unwrap().provider;
    provider.send(message, &WriteGate::default()).await.unwrap();
    vendor.calls().remove(0)
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
        assert!(problems.is_empty(), "{}: {problems:?}", subject.name);
    }
}

#[test]
fn a_misspelt_setting_is_named() {
    for subject in subjects() {
        for path in paths(&subject.settings("https://vendor.example"), &[]) {
            let (key, above) = path.split_last().unwrap();
            if subject.about.any_key.contains(&above.join(".")) {
                continue;
            }
            let misspelt = format!("{key}z");
            let problems = subject.build_with(&House::default(), |settings| {
                let settings = above.iter().fold(settings, |settings, key| {
                    settings
                        .get_mut(key)
                        .and_then(Value::as_object_mut)
                        .unwrap()
                });
                let value = settings.remove(key).unwrap();
                settings.insert(misspelt.clone(), value);
            });
            let problems = problems.err().unwrap_or_default();
            let named = problems.iter().any(|(path, text)| {
                assert!(path.starts_with("providers.acme"), "{path}");
                text.contains(&format!("`{misspelt}`")) || path.ends_with(&format!(".{misspelt}"))
            });
            assert!(
                named,
                "{}: {above:?} {misspelt}: {problems:?}",
                subject.name
            );
        }
    }
}

/// Every key of the settings, and of the mappings in them, with those above it.
fn paths(settings: &Map<String, Value>, above: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (key, value) in settings {
        let path = [above, std::slice::from_ref(key)].concat();
        found.extend(
            value
                .as_object()
                .map(|below| paths(below, &path))
                .unwrap_or_default(),
        );
        found.push(path);
    }
    found
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
                assert!(named, "{}: {problems:?}", subject.name);
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
