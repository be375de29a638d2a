//! `guard`: what may refuse a send.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{self, NumberTypeName, PurposeName, Span};

/// What may refuse a send.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Rate limits; every one that applies must have room.
    pub limits: Vec<Limit>,
    /// Types of numbers that may get messages.
    pub number_types: Vec<NumberTypeName>,
    /// Types of numbers that may get calls.
    pub voice_number_types: Vec<NumberTypeName>,
    /// How the number policy (type and country) acts.
    pub number_policy: Mode,
}

impl Default for Guard {
    fn default() -> Self {
        let mobile = [NumberTypeName::Mobile, NumberTypeName::FixedLineOrMobile];
        Self {
            limits: vec![
                Limit::new("destination_10m", LimitKey::Destination, 6, 600),
                Limit::new("destination_day", LimitKey::Destination, 20, 86_400),
                Limit::new("user_10m", LimitKey::User, 8, 600),
            ],
            number_types: mobile.to_vec(),
            voice_number_types: [&mobile[..], &[NumberTypeName::FixedLine]].concat(),
            number_policy: Mode::Enforce,
        }
    }
}

/// One rate limit: `count` sends per `per`, as a burst of `count` that comes back one every `per / count`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Its name in decisions and metrics; also what keeps its counters over a reload.
    #[schemars(schema_with = "values::name")]
    pub name: String,
    /// What is counted.
    pub key: LimitKey,
    /// How many, at least 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: u32,
    /// In how long.
    pub per: Span,
    /// The purposes it applies to; all when left out.
    #[serde(default)]
    pub purposes: Vec<PurposeName>,
    /// How it acts.
    #[serde(default)]
    pub mode: Mode,
}

impl Limit {
    fn new(name: &str, key: LimitKey, count: u32, seconds: u64) -> Self {
        Self {
            name: name.to_owned(),
            key,
            count,
            per: Span::seconds(seconds),
            purposes: Vec::new(),
            mode: Mode::Enforce,
        }
    }
}

/// What a rate limit counts. Every key carries the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitKey {
    /// Sends to one number.
    Destination,
    /// Sends for one user id.
    User,
    /// Sends to one country.
    Country,
    /// All sends.
    Tenant,
}

/// How a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It refuses.
    #[default]
    Enforce,
    /// It counts and records what it would have refused, and lets it pass.
    Shadow,
    /// It is not asked.
    Disabled,
}
