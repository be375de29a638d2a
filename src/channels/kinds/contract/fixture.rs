//! What the contract is asked with: the kinds, their fixtures, and a house to build them in.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use crate::{
    channels::{
        directory::{Directory, Problems},
        kind::{Kind, Site},
        kinds::KINDS,
        provider::{Accepted, Message, Provider, SendError},
    },
    clock::{Clock, Manual},
    config::{outbound, providers, secret::Secrets, values::Span},
    domain::{
        channel::Channel,
        failure::Failure,
        id::{AttemptId, DeliveryId},
        passcode::Passcode,
        phone::PhoneNumber,
        privacy::Private,
    },
    outbound::{Outbound, vendor::Reply},
};

/// Far beyond what any question needs; only a paused clock ever gets there.
pub(in crate::channels) const NEVER: Duration = Duration::from_hours(1);

/// What every vendor has an answer to; a kind may have more.
pub(in crate::channels) const QUESTIONS: &[&str] = &[
    "accepted",
    "accepted_without_id",
    "throttled",
    "throttled_with_delay",
    "transient",
    "ambiguous",
    "recipient",
    "request",
    "account",
    "fraud_block",
    "bad_credential",
    "unknown_code",
    "outage",
    "garbage",
    "empty",
    "huge",
    "wrong_content_type",
];

/// What every provider is built with.
pub(in crate::channels) struct House {
    outbound: Outbound,
    secrets: Secrets,
    clock: Clock,
    pub(in crate::channels) allow_test_providers: bool,
}

impl Default for House {
    fn default() -> Self {
        Self::with_environment(|name| Some(format!("value-of-{name}")))
    }
}

impl House {
    pub(in crate::channels) fn with_environment(
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let settings = outbound::Outbound {
            linger: Span(NEVER),
            connect_timeout: Span(NEVER / 2),
            ..outbound::Outbound::default()
        };
        Self {
            outbound: Outbound::new(&settings, None).unwrap(),
            secrets: Secrets::new(Arc::new(environment)),
            clock: Clock::from_source(Manual::at(1_700_000_000_000)),
            allow_test_providers: true,
        }
    }

    /// A directory of one provider, named [`Subject::NAME`].
    pub(in crate::channels) fn build_one(
        &self,
        kind: &str,
        settings: Map<String, Value>,
    ) -> Result<Directory, Problems> {
        let kind = kind.to_owned();
        let told = providers::Provider { kind, settings };
        let name = Subject::NAME.to_owned();
        Directory::build(&BTreeMap::from([(name, told)]), self.site())
    }

    pub(in crate::channels) fn site(&self) -> Site<'_> {
        Site {
            outbound: &self.outbound,
            secrets: &self.secrets,
            clock: &self.clock,
            public_url: "https://otp.acme.example",
            allow_test_providers: self.allow_test_providers,
        }
    }
}

/// A kind under question.
pub(in crate::channels) struct Subject {
    pub(in crate::channels) kind: &'static Kind,
    settings: Map<String, Value>,
}

/// An answer of a vendor, and what it must mean.
pub(in crate::channels) struct Case {
    pub(in crate::channels) name: String,
    pub(in crate::channels) reply: Reply,
    pub(in crate::channels) expect: Result<Accepted, SendError>,
}

/// Every kind; a kind without fixtures fails every question.
pub(in crate::channels) fn subjects() -> Vec<Subject> {
    let subject = |kind: &'static Kind| {
        let settings = read(&folder(kind).join("settings.json"));
        let settings = serde_json::from_value(settings).unwrap();
        Subject { kind, settings }
    };
    KINDS.iter().map(subject).collect()
}

/// The kinds that speak HTTP.
pub(in crate::channels) fn vendors() -> Vec<Subject> {
    let mut vendors = subjects();
    vendors.retain(Subject::speaks_http);
    assert!(!vendors.is_empty(), "somebody must be asked");
    vendors
}

impl Subject {
    /// The operator's name for it.
    pub(in crate::channels) const NAME: &'static str = "acme";

    fn speaks_http(&self) -> bool {
        let schema = self.kind.schema();
        schema.pointer("/properties/base_url").is_some()
    }

    /// Good settings, with the vendor at `base_url`.
    pub(in crate::channels) fn settings(&self, base_url: &str) -> Map<String, Value> {
        let mut settings = self.settings.clone();
        if self.speaks_http() {
            settings.insert("base_url".to_owned(), base_url.into());
        }
        settings
    }

    /// The environment variables that its settings name.
    pub(in crate::channels) fn variables(&self) -> Vec<String> {
        let refs = self.settings.values().filter_map(|value| value.get("env"));
        refs.map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    pub(in crate::channels) fn build(
        &self,
        house: &House,
        base_url: &str,
    ) -> Result<Directory, Problems> {
        self.build_with(house, |settings| *settings = self.settings(base_url))
    }

    pub(in crate::channels) fn build_with(
        &self,
        house: &House,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Directory, Problems> {
        let mut settings = self.settings("https://vendor.example");
        change(&mut settings);
        house.build_one(self.kind.name, settings)
    }

    /// The answers of its vendor, by name.
    pub(in crate::channels) fn cases(&self) -> Vec<Case> {
        let files = fs::read_dir(folder(self.kind).join("answers")).unwrap();
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        let case = |path: &PathBuf| {
            let fixture = read(path);
            Case {
                name: path.file_stem().unwrap().to_string_lossy().into_owned(),
                reply: reply(&fixture["answer"]),
                expect: expectation(&fixture["expect"]),
            }
        };
        paths.iter().map(case).collect()
    }
}

/// A message on a channel that the provider speaks.
pub(in crate::channels) fn message_for(provider: &dyn Provider, text: &str) -> Message {
    let channels = provider.capability().channels;
    let mut spoken = Channel::ALL.into_iter();
    let channel = spoken.find(|channel| channels.contains(*channel));
    message(channel.unwrap(), "+14155552671", text)
}

/// A message with a code of five minutes, which lost a moment on its way.
pub(in crate::channels) fn message(channel: Channel, to: &str, text: &str) -> Message {
    Message {
        attempt: AttemptId {
            delivery: DeliveryId::from_bytes([7; 16]),
            ordinal: 1,
        },
        channel,
        to: PhoneNumber::parse(to).unwrap(),
        code: Passcode::parse("482913").unwrap(),
        text: Private::new(text),
        locale: "en-US".to_owned(),
        valid_for: Duration::from_millis(299_900),
    }
}

fn folder(kind: &Kind) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures").join(kind.name)
}

fn read(path: &PathBuf) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `status`, `headers`, and a `body` that is text or JSON, made longer by `padded_to`.
fn reply(answer: &Value) -> Reply {
    let headers = answer["headers"].as_object().unwrap().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let body = &answer["body"];
    let mut body = body
        .as_str()
        .map_or_else(|| body.to_string(), str::to_owned);
    let length = answer["padded_to"].as_u64().unwrap_or(0);
    let missing = usize::try_from(length).unwrap().saturating_sub(body.len());
    body.push_str(&"x".repeat(missing));
    let status = answer["status"].as_u64().unwrap();
    Reply::answer(status.try_into().unwrap(), &headers, &body)
}

/// `accepted` with the id, or `failure` with its `code` and perhaps `delay_seconds`.
fn expectation(expect: &Value) -> Result<Accepted, SendError> {
    if let Some(id) = expect.get("accepted") {
        let message_id = id.as_str().map(str::to_owned);
        return Ok(Accepted { message_id });
    }
    let mut failure = Failure::from_name(expect["failure"].as_str().unwrap()).unwrap();
    if let Failure::Throttled { delay } = &mut failure {
        *delay = expect["delay_seconds"].as_u64().map(Duration::from_secs);
    }
    let code = expect["code"].as_str().unwrap().to_owned();
    Err(SendError { failure, code })
}
