//! What a kind of provider is: its name, the settings it reads, and how an account of it is made.

use std::{fmt::Display, sync::Arc};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{bounds::Bounds, provider::Provider};
use crate::{clock::Clock, config::secret::Secrets, outbound::Outbound};

/// The code that speaks one vendor's API.
pub trait ProviderKind: Provider + Sized + 'static {
    /// The name by which the configuration asks for it.
    const NAME: &'static str;

    /// Whether it is no vendor, and must be allowed by `allow_test_providers`.
    const TEST_ONLY: bool = false;

    /// What it is told of one account. Unknown keys are refused; a kind that speaks HTTP has a `base_url`.
    type Settings: DeserializeOwned + JsonSchema;

    /// Makes an account ready to send; touches no network. Names every problem at once.
    fn build(settings: Self::Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError>;
}

/// What the house gives to every provider.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The HTTP client.
    pub outbound: &'a Outbound,
    /// Where secrets are resolved.
    pub secrets: &'a Secrets,
    /// Time and chance.
    pub clock: &'a Clock,
    /// `public.url`, where vendors reach us; empty when there is none.
    pub public_url: &'a str,
    /// Whether providers that are no real vendor may be built.
    pub allow_test_providers: bool,
}

/// What one account is made with.
#[derive(Clone, Copy, Debug)]
pub struct BuildContext<'a> {
    /// The operator's name for it.
    pub name: &'a str,
    /// What the house gives to every provider.
    pub site: Site<'a>,
}

/// What is wrong with a provider's settings: each problem with its path below the provider. Says nothing of a secret.
#[derive(Debug, Default)]
pub struct BuildError(Vec<(String, String)>);

impl BuildError {
    /// One problem.
    pub fn at(path: &str, text: impl Display) -> Self {
        Self(vec![(path.to_owned(), text.to_string())])
    }

    /// Keeps a problem and goes on, so that all of them are told at once.
    pub fn keep<T>(&mut self, path: &str, result: Result<T, impl Display>) -> Option<T> {
        let kept = result.map_err(|text| self.0.push((path.to_owned(), text.to_string())));
        kept.ok()
    }

    /// Keeps the problems of a part.
    pub fn merge<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|part| self.0.extend(part.0)).ok()
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems as `(path, text)`.
    pub fn into_problems(self) -> Vec<(String, String)> {
        self.0
    }
}

type Build = fn(Map<String, Value>, &BuildContext<'_>) -> Result<Arc<dyn Provider>, BuildError>;

/// A kind in the registry, its types erased.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name by which the configuration asks for it.
    pub name: &'static str,
    /// Whether it must be allowed by `allow_test_providers`.
    pub test_only: bool,
    settings: fn() -> Schema,
    build: Build,
}

impl Kind {
    /// The entry of a kind.
    pub const fn of<K: ProviderKind>() -> Self {
        Self {
            name: K::NAME,
            test_only: K::TEST_ONLY,
            settings: schema_of::<K::Settings>,
            build: build::<K>,
        }
    }

    /// The schema of a whole entry under `providers`: the kind's own settings, those that all share, and its name. It
    /// has no references, so that it can stand anywhere.
    pub fn schema(&self) -> Schema {
        let mut schema = (self.settings)();
        let entry = schema.ensure_object();
        let properties = entry.entry("properties").or_insert_with(|| json!({}));
        if let (Value::Object(own), Some(Value::Object(shared))) =
            (properties, schema_of::<Bounds>().remove("properties"))
        {
            own.extend(shared);
            own.insert("kind".to_owned(), json!({ "const": self.name }));
        }
        let required = entry.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(required) = required {
            required.push(json!("kind"));
        }
        schema
    }

    /// Reads the kind's own settings and makes the account.
    pub fn build(
        &self,
        settings: Map<String, Value>,
        ctx: &BuildContext<'_>,
    ) -> Result<Arc<dyn Provider>, BuildError> {
        (self.build)(settings, ctx)
    }
}

/// Reads settings; the problem names the setting.
pub(super) fn read<T: DeserializeOwned>(settings: Map<String, Value>) -> Result<T, BuildError> {
    serde_path_to_error::deserialize(Value::Object(settings)).map_err(|problem| {
        let path = problem.path().to_string();
        let path = if path == "." { "" } else { &path };
        BuildError::at(path, problem.inner())
    })
}

fn build<K: ProviderKind>(
    settings: Map<String, Value>,
    ctx: &BuildContext<'_>,
) -> Result<Arc<dyn Provider>, BuildError> {
    Ok(Arc::new(K::build(read(settings)?, ctx)?))
}

fn schema_of<T: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>()
}
