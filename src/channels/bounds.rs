//! What every provider may be told beside its kind's own settings: how long one attempt waits for it, how many may wait at
//! once and begin in a second, and what its messages cost.

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::kind::{self, BuildError};
use crate::{
    config::values::{ChannelName, Price, Span},
    domain::{channel::Channel, phone::Country, price::Prices},
};

/// The settings that all kinds share. They are taken out before a kind reads the rest, so that no kind repeats them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// How long an attempt waits for an answer before the next step begins. The request itself may live on, and its
    /// late answer is recorded.
    pub timeout: Span,
    /// How many requests may be under way at once.
    pub concurrency: NonZeroU16,
    /// How many requests may begin in a second; no bound when left out.
    pub per_second: Option<NonZeroU32>,
    /// What a message costs: by channel, then by country of the recipient, and `default` for all others.
    pub prices: BTreeMap<ChannelName, BTreeMap<String, Price>>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            timeout: Span::millis(1500),
            concurrency: NonZeroU16::new(64).expect("64 is not zero"),
            per_second: None,
            prices: BTreeMap::new(),
        }
    }
}

impl Bounds {
    const KEYS: [&str; 4] = ["concurrency", "per_second", "prices", "timeout"];

    /// Takes the shared settings out of a provider's, and leaves those that its kind reads.
    pub fn take(settings: &mut Map<String, Value>) -> Result<Self, BuildError> {
        let shared = Self::KEYS
            .iter()
            .filter_map(|key| settings.remove_entry(*key));
        let bounds: Self = kind::read(shared.collect())?;
        if bounds.timeout.0 == Duration::ZERO {
            return Err(BuildError::at("timeout", "must be longer than nothing"));
        }
        Ok(bounds)
    }

    /// The prices of each channel that has any.
    pub fn read_prices(&self) -> Result<Vec<(Channel, Prices)>, BuildError> {
        let mut problems = BuildError::default();
        let mut all = Vec::new();
        for (channel, told) in &self.prices {
            let channel = Channel::from(*channel);
            let mut prices = Prices::default();
            for (place, price) in told {
                if place == "default" {
                    prices.default = Some(price.0);
                    continue;
                }
                let country = Country::parse(place).filter(|known| known.as_str() == place);
                let country = country.ok_or("is no country in capitals, nor `default`");
                let path = format!("prices.{}.{place}", channel.as_str());
                let country = problems.keep(&path, country);
                prices.by_country.extend(country.map(|of| (of, price.0)));
            }
            all.push((channel, prices));
        }
        problems.is_empty().then_some(all).ok_or(problems)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The bounds, or the path of the first problem; and the settings that are left.
    fn take(settings: Value) -> (Result<Bounds, String>, Vec<String>) {
        let mut settings: Map<_, _> = serde_json::from_value(settings).unwrap();
        let bounds = Bounds::take(&mut settings);
        let bounds = bounds.map_err(|problem| problem.into_problems().remove(0).0);
        (bounds, settings.keys().cloned().collect())
    }

    #[test]
    fn every_shared_setting_is_taken_out() {
        let schema = schemars::schema_for!(Bounds);
        let known = schema.get("properties").and_then(Value::as_object).unwrap();
        assert!(known.keys().eq(Bounds::KEYS.iter()));
        let (bounds, rest) = take(json!({ "base_url": "x", "timeout": "2s", "concurrency": 3 }));
        let bounds = bounds.unwrap();
        assert_eq!(
            (bounds.timeout, bounds.concurrency.get()),
            (Span::seconds(2), 3)
        );
        assert_eq!(rest, ["base_url"]);
        assert_eq!(take(json!({})).0, Ok(Bounds::default()));
    }

    #[test]
    fn nonsense_is_named() {
        let check = |settings: Value, path: &str| {
            assert_eq!(take(settings).0, Err(path.to_owned()));
        };
        check(json!({ "timeout": "0s" }), "timeout");
        check(json!({ "timeout": 1500 }), "timeout");
        check(json!({ "concurrency": 0 }), "concurrency");
        check(json!({ "concurrency": 70_000 }), "concurrency");
        check(json!({ "per_second": 0 }), "per_second");
        check(
            json!({ "prices": { "sms": { "US": "cheap" } } }),
            "prices.?.US",
        );
        check(json!({ "prices": { "fax": {} } }), "prices.?");
    }

    #[test]
    fn prices_are_by_channel_and_country() {
        let told = json!({ "prices": { "sms": { "default": 0.05, "US": "0.0079" }, "voice": {} } });
        let prices = take(told).0.unwrap().read_prices().unwrap();
        let of = |channel: usize, country: &str| {
            let price = prices[channel].1.of(Country::parse(country));
            price.map(|price| price.to_string())
        };
        assert_eq!(of(0, "US").as_deref(), Some("0.0079"));
        assert_eq!(of(0, "GB").as_deref(), Some("0.05"));
        assert_eq!(of(1, "GB"), None);
        let wrong = take(json!({ "prices": { "sms": { "us": 1, "XX": 1 } } }));
        let problems = wrong.0.unwrap().read_prices().unwrap_err().into_problems();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["prices.sms.XX", "prices.sms.us"]);
    }
}
