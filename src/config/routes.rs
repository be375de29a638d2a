//! `routes`: which providers are tried for what.

use std::{collections::BTreeMap, num::NonZeroU16};

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{ChannelName, Country, PurposeName, name_schema};

/// A rule: what it applies to, and the providers it tries. The first rule that matches wins.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The channel it serves.
    pub channel: ChannelName,
    /// The countries it serves; all when left out.
    #[serde(default)]
    pub countries: Vec<Country>,
    /// The purposes it serves; all when left out.
    #[serde(default)]
    pub purposes: Vec<PurposeName>,
    /// The tenants it serves; all when left out. Not for routes that stand under a tenant.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Names of providers.
    #[serde(rename = "try")]
    #[schemars(length(min = 1))]
    pub providers: Vec<String>,
    /// How one is picked.
    #[serde(default)]
    pub pick: Pick,
    /// With `pick: weight`: how often each provider is picked beside the others; 1 where left out.
    #[serde(default)]
    #[schemars(extend("propertyNames" = name_schema()))]
    pub weights: BTreeMap<String, NonZeroU16>,
}

/// How a provider is picked from a rule's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// As listed.
    #[default]
    Order,
    /// By chance, each as often as its weight says.
    Weight,
    /// The cheapest first, by the providers' `prices`; those without a price after them.
    Cost,
}
