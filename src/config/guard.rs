//! `guard`: what may refuse a send.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::values::{self, Country, NumberTypeName, Price, PurposeName, Span};
use crate::domain::address;

/// What may refuse a send. Every rule has a mode; `modes` changes it for single purposes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// How the block list acts. The allow list always holds.
    pub lists: Mode,
    /// Rate limits; every one that applies must have room.
    pub limits: Vec<Limit>,
    /// How many times as much a limit of a destination or user leaves to a destination that has been verified, when it
    /// signs in.
    #[schemars(range(min = 1, max = 100))]
    pub verified_times: u32,
    /// Types of numbers that may get messages.
    pub number_types: Vec<NumberTypeName>,
    /// Types of numbers that may get calls.
    pub voice_number_types: Vec<NumberTypeName>,
    /// How the number policy (type and country) acts.
    pub number_policy: Mode,
    /// What may be sent to strangers and not be verified.
    pub budgets: Budgets,
    /// What a day may cost.
    pub money: Money,
    /// What is offered in place of an SMS or a call that a budget forbids.
    pub deflect: Deflect,
    /// Networks that many people share, such as an office's own: `203.0.113.0/24`, or one address.
    pub shared_networks: Vec<Network>,
    /// Days for which a verified destination is remembered.
    #[schemars(range(min = 1, max = 3650))]
    pub verified_days: u16,
    /// Other modes for single rules or purposes; the first that fits decides, a tenant's own before these.
    pub modes: Vec<RuleMode>,
}

impl Default for Guard {
    fn default() -> Self {
        let mobile = [NumberTypeName::Mobile, NumberTypeName::FixedLineOrMobile];
        Self {
            lists: Mode::Enforce,
            limits: vec![
                Limit::new("destination_10m", LimitKey::Destination, 6, 600),
                Limit::new("destination_day", LimitKey::Destination, 20, 86_400),
                Limit::new("user_10m", LimitKey::User, 8, 600),
            ],
            verified_times: 3,
            number_types: mobile.to_vec(),
            voice_number_types: [&mobile[..], &[NumberTypeName::FixedLine]].concat(),
            number_policy: Mode::Enforce,
            budgets: Budgets::default(),
            money: Money::default(),
            deflect: Deflect::default(),
            shared_networks: Vec::new(),
            verified_days: 180,
            modes: Vec::new(),
        }
    }
}

/// What differs for one tenant. What is left out is as in `guard`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantGuard {
    /// Its limits: one takes the place of that of the same name in `guard.limits`, others are added.
    pub limits: Vec<Limit>,
    /// Its budgets, all of them.
    pub budgets: Option<Budgets>,
    /// What its day may cost.
    pub money: Option<Money>,
    /// What is offered in place of an SMS or a call.
    pub deflect: Option<Deflect>,
    /// Its own networks that many people share, beside those of all.
    pub shared_networks: Vec<Network>,
    /// Other modes for single rules or purposes; the first that fits decides.
    pub modes: Vec<RuleMode>,
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

/// What may be sent to strangers by SMS and voice and not be verified, by range of numbers, country, network and tenant.
/// A range holds what was sent to it and not yet verified; it runs out of that slowly. Over its budget it is closed for
/// a while.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// How they act.
    pub mode: Mode,
    /// Numbers that differ in their last four digits only.
    pub range_10k: Budget,
    /// Numbers that differ in their last six digits only.
    pub range_1m: Budget,
    /// Numbers of one country.
    pub country: Budget,
    /// Devices behind one IPv4 address, or in one IPv6 network of 64 bits.
    pub network: Budget,
    /// The same for `guard.shared_networks`.
    pub shared_network: Budget,
    /// All of the tenant's.
    pub tenant: Budget,
    /// In how long a range runs out of what was never verified, all but a third of it.
    pub leak: Span,
    /// How long a range is closed that goes over its budget for the first time; twice as long each time it happens again.
    pub first_pause: Span,
    /// How long a range of 10,000 or a network is closed at most.
    pub longest_pause: Span,
    /// How long a range of 1,000,000, a country or the tenant is closed at most.
    pub longest_wide_pause: Span,
    /// Whether a sign-in is exempt, as the identity provider had its phone proven at enrolment.
    pub exempt_sign_in: bool,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            range_10k: Budget::new(6, 1.0),
            range_1m: Budget::new(100, 1.0),
            country: Budget::new(120, 1.0),
            network: Budget::new(40, 2.0),
            shared_network: Budget::new(500, 2.0),
            tenant: Budget::new(500, 1.0),
            leak: Span::seconds(3600),
            first_pause: Span::seconds(600),
            longest_pause: Span::seconds(86_400),
            longest_wide_pause: Span::seconds(1200),
            exempt_sign_in: true,
        }
    }
}

/// One budget: the floor, and more for what was verified.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Unverified messages that a range may hold of which nothing else is known.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub floor: u32,
    /// How many more for each message that was verified within about an hour, or in the best hour of two weeks: 1 stands
    /// for half of all messages being verified, 2 for a third.
    #[serde(default = "Budget::one")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub share: f64,
}

impl Budget {
    fn new(floor: u32, share: f64) -> Self {
        Self { floor, share }
    }

    fn one() -> f64 {
        1.0
    }
}

/// What a day may cost, in the currency of `providers.*.prices`. A day is one of UTC.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Money {
    /// How the caps act.
    pub mode: Mode,
    /// All of a tenant's messages; no cap when left out.
    pub per_day: Option<Price>,
    /// A tenant's messages to one country that is not named below; no cap when left out.
    pub per_country_day: Option<Price>,
    /// By country.
    pub countries: BTreeMap<Country, Price>,
    /// What a message costs whose price is not known.
    pub unknown_price: Price,
}

/// What is offered in place of an SMS or a call that a budget forbids.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Deflect {
    /// To whom WhatsApp is offered.
    pub whatsapp: DeflectTo,
    /// To whom LINE is offered.
    pub line: DeflectTo,
}

impl Default for Deflect {
    fn default() -> Self {
        Self {
            whatsapp: DeflectTo::OptedIn,
            // Whom it can reach is known by their LINE user id, or by LINE itself.
            line: DeflectTo::All,
        }
    }
}

/// To whom a channel is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeflectTo {
    /// To those who opted in: it stands in their stored preference or profile.
    #[default]
    OptedIn,
    /// To everybody.
    All,
    /// To nobody.
    Nobody,
}

/// A mode for single rules or purposes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleMode {
    /// The rules, by their names in decisions; all when left out.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The purposes; all when left out.
    #[serde(default)]
    pub purposes: Vec<PurposeName>,
    /// How they act then.
    pub mode: Mode,
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

/// A network by its address and length, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub ipnet::IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let network = address::network(&text).map(Self);
        network.ok_or_else(|| de::Error::custom("no network"))
    }
}

impl JsonSchema for Network {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "a network such as 203.0.113.0/24 or 2001:db8::/48, or one address",
            "type": "string",
            "format": values::NETWORK,
        })
    }
}
