//! What the contract is asked with: the kinds, their fixtures, and a house to build them in.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answers::Case;
use crate::{
    channels::{
        directory::{Directory, Problems},
        kind::{Kind, Site},
        kinds::{self, KINDS},
        provider::Message,
    },
    clock::{Clock, Manual},
    config::{
        Config, load::Source, outbound, providers, secret::Secrets, values::Span,
        variables::Variables,
    },
    domain::{
        channel::Channel,
        id::{AttemptId, DeliveryId},
        passcode::Passcode,
        phone::PhoneNumber,
        privacy::Private,
    },
    outbound::Outbound,
};

/// Far beyond what any question needs; only a paused clock ever gets there.
pub(in crate::channels) const NEVER: Duration = Duration::from_hours(1);

/// A key that can sign, for every secret whose name ends in `PRIVATE_KEY`.
const PRIVATE_KEY: &str = include_str!("../../../../tests/fixtures/oauth/signing-key.pem");

/// What every provider is built with.
pub(in crate::channels) struct House {
    outbound: Outbound,
    secrets: Secrets,
    clock: Clock,
    pub(in crate::channels) allow_test_providers: bool,
}

impl Default for House {
    fn default() -> Self {
        Self::with_environment(|name| {
            let is_key = name.ends_with("PRIVATE_KEY");
            Some(if is_key {
                PRIVATE_KEY.to_owned()
            } else {
                format!("value-of-{name}")
            })
        })
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
    /// The folder of its fixtures below `tests/fixtures`.
    pub(in crate::channels) name: String,
    pub(in crate::channels) kind: &'static Kind,
    pub(in crate::channels) about: About,
    channel: Channel,
    settings: Map<String, Value>,
}

/// What `subject.json` says of a subject, where there is one.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::channels) struct About {
    /// The channel it is asked on; SMS where left out.
    channel: Option<String>,
    /// The folder whose answers it shares, with what that one says of `never`; its own where left out.
    answers: Option<String>,
    /// What cannot be asked of its vendor, each with the reason.
    pub(in crate::channels) never: BTreeMap<String, String>,
    /// How often the code stands by itself in a request, where the vendor words the message and our text is not sent.
    pub(in crate::channels) code_places: Option<usize>,
    /// Somebody whose sender has characters that must be escaped.
    pub(in crate::channels) odd_sender: Option<OddSender>,
    /// A configuration that we ship, whose one provider it is: the settings, in place of `settings.json`.
    pub(in crate::channels) shipped: Option<String>,
    /// Why it has no `base_url`, and so is not asked over HTTP; every other subject is.
    pub(in crate::channels) no_base_url: Option<String>,
    /// Settings that have keys of the operator's choosing, such as `whatsapp.templates`.
    pub(in crate::channels) any_key: Vec<String>,
}

/// A recipient, and who a message to that one comes from as it stands on the wire.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::channels) struct OddSender {
    pub(in crate::channels) to: String,
    pub(in crate::channels) sender: String,
}

/// Every kind, in each way in which it has fixtures; a kind without any fails.
pub(in crate::channels) fn subjects() -> Vec<Subject> {
    KINDS.iter().flat_map(subjects_of).collect()
}

/// The folder of the kind, and those in it, as far as they have settings.
fn subjects_of(kind: &'static Kind) -> Vec<Subject> {
    let own = root().join(kind.name);
    let folders = fs::read_dir(&own).unwrap_or_else(|e| panic!("{}: {e}", own.display()));
    let folders = folders.map(|folder| folder.unwrap().file_name());
    let names = folders.map(|name| format!("{}/{}", kind.name, name.display()));
    let mut names: Vec<_> = names.chain([kind.name.to_owned()]).collect();
    names.retain(|name| {
        let told = root().join(name).join("settings.json").exists();
        told || About::read(name).shipped.is_some()
    });
    names.sort();
    assert!(!names.is_empty(), "{}: no fixtures", kind.name);
    let subject = |name| Subject::read(kind, name);
    names.into_iter().map(subject).collect()
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

    fn read(kind: &'static Kind, name: String) -> Self {
        let mut about = About::read(&name);
        let settings = about.shipped.as_deref().map(|file| shipped(kind, file));
        let settings = settings.unwrap_or_else(|| {
            let file = root().join(&name).join("settings.json");
            serde_json::from_value(read(&file)).unwrap()
        });
        if let Some(answers) = &about.answers {
            about.never.extend(About::read(answers).never);
        }
        let channel = about.channel.as_deref().unwrap_or("sms");
        Self {
            channel: Channel::from_name(channel).unwrap_or_else(|| panic!("{name}: {channel}")),
            name,
            kind,
            about,
            settings,
        }
    }

    /// A message that it can send.
    pub(in crate::channels) fn message(&self, text: &str) -> Message {
        self.message_to("+14155552671", text)
    }

    /// The same to somebody else.
    pub(in crate::channels) fn message_to(&self, to: &str, text: &str) -> Message {
        message(self.channel, to, text)
    }

    pub(super) fn speaks_http(&self) -> bool {
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
        let mut names = Vec::new();
        for value in self.settings.values() {
            collect_variables(value, &mut names);
        }
        names
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
        let folder = self.about.answers.as_deref().unwrap_or(&self.name);
        let folder = root().join(folder).join("answers");
        let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        let case = |path: &PathBuf| {
            Case::read(
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                &read(path),
            )
        };
        paths.iter().map(case).collect()
    }
}

impl About {
    fn read(name: &str) -> Self {
        let file = root().join(name).join("subject.json");
        if !file.exists() {
            return Self::default();
        }
        serde_json::from_value(read(&file)).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }
}

/// The settings in a configuration that we ship, with the bounds that every subject has.
fn shipped(kind: &Kind, file: &str) -> Map<String, Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
    let config = Config::load(&Source {
        name: file,
        text: &text,
        variables: &Variables::default(),
        kinds: &kinds::schemas(),
        sandbox: false,
    });
    let mut providers = config
        .unwrap_or_else(|e| panic!("{e}"))
        .providers
        .into_values();
    let (provider, others) = (providers.next().unwrap(), providers.next());
    assert!(
        provider.kind == kind.name && others.is_none(),
        "{file}: one provider"
    );
    let bounds = [("timeout", json!("1s")), ("concurrency", json!(4))];
    let bounds = bounds.map(|(key, value)| (key.to_owned(), value));
    provider.settings.into_iter().chain(bounds).collect()
}

fn collect_variables(value: &Value, names: &mut Vec<String>) {
    let Some(fields) = value.as_object() else {
        return;
    };
    if let (Some(name), 1) = (fields.get("env"), fields.len()) {
        names.push(name.as_str().unwrap().to_owned());
    }
    for below in fields.values() {
        collect_variables(below, names);
    }
}

/// A message with a code of five minutes, which lost a moment on its way.
pub(in crate::channels) fn message(channel: Channel, to: &str, text: &str) -> Message {
    let attempt = AttemptId {
        delivery: DeliveryId::from_bytes([7; 16]),
        ordinal: 1,
    };
    Message {
        attempt,
        first_attempt: attempt,
        channel,
        to: PhoneNumber::parse(to).unwrap(),
        line_user: Some(Private::new("U0123456789abcdef0123456789abcdef")),
        code: Passcode::parse("482913").unwrap(),
        text: Private::new(text),
        locale: "en-US".to_owned(),
        language: "en-US".to_owned(),
        valid_for: Duration::from_millis(299_900),
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &PathBuf) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
