//! The configured providers by name, ready to send, and what of them outlives a reload.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::{
    bounds::Bounds,
    kind::{BuildContext, BuildError, Kind, Site},
    kinds::KINDS,
    provider::Provider,
};
use crate::{
    config::providers,
    domain::{
        channel::Channel,
        phone::Country,
        price::{Price, Prices},
    },
};

/// What is wrong with the configured providers: each problem with its path in the file.
pub type Problems = Vec<(String, String)>;

/// A provider with the bounds within which it is asked.
pub struct Configured {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// The name of its kind.
    pub kind: &'static str,
    /// The account.
    pub provider: Arc<dyn Provider>,
    /// How long an attempt waits for it.
    pub timeout: Duration,
    /// One permit for each request that may be under way; held until the request has ended, not the waiting.
    pub slots: Arc<Semaphore>,
    /// How many requests may begin in a second; no bound where `None`.
    pub per_second: Option<NonZeroU32>,
    /// What its messages cost, by channel.
    pub prices: Vec<(Channel, Prices)>,
}

impl Configured {
    /// What its messages on this channel cost.
    pub fn prices(&self, channel: Channel) -> Prices {
        let own = self.prices.iter().find(|(of, _)| *of == channel);
        own.map(|(_, prices)| prices.clone()).unwrap_or_default()
    }

    /// What one message on this channel to this country costs, where that is known.
    pub fn price(&self, channel: Channel, country: Option<Country>) -> Option<Price> {
        let own = self.prices.iter().find(|(of, _)| *of == channel);
        own.and_then(|(_, prices)| prices.of(country))
    }
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Configured({}: {})", self.name, self.kind)
    }
}

/// The configured providers.
#[derive(Debug, Default)]
pub struct Directory {
    entries: BTreeMap<String, Entry>,
    allow_test_providers: bool,
}

struct Entry {
    settings: Map<String, Value>,
    configured: Arc<Configured>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.configured, f)
    }
}

impl Directory {
    /// Makes every configured provider, or names all that is wrong with them.
    pub fn build(
        providers: &BTreeMap<String, providers::Provider>,
        site: Site<'_>,
    ) -> Result<Self, Problems> {
        Self::default().rebuild(providers, site)
    }

    /// The directory after a reload. A provider whose kind and settings did not change is kept as it is, with its
    /// requests under way, its slots and its connections.
    pub fn rebuild(
        &self,
        providers: &BTreeMap<String, providers::Provider>,
        site: Site<'_>,
    ) -> Result<Self, Problems> {
        let mut entries = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, told) in providers {
            let configured = self.unchanged(name, told, site).map_or_else(
                || make(told, &BuildContext { name, site }).map(Arc::new),
                Ok,
            );
            match configured {
                Ok(configured) => {
                    let settings = told.settings.clone();
                    let entry = Entry {
                        settings,
                        configured,
                    };
                    entries.insert(name.clone(), entry);
                }
                Err(problem) => problems.extend(located(name, problem)),
            }
        }
        let allow_test_providers = site.allow_test_providers;
        let directory = Self {
            entries,
            allow_test_providers,
        };
        problems.is_empty().then_some(directory).ok_or(problems)
    }

    /// A directory of providers that a test has made.
    #[cfg(test)]
    pub(crate) fn of(providers: impl IntoIterator<Item = Configured>) -> Self {
        let entry = |configured: Configured| {
            let name = configured.name.to_string();
            let entry = Entry {
                settings: Map::new(),
                configured: Arc::new(configured),
            };
            (name, entry)
        };
        Self {
            entries: providers.into_iter().map(entry).collect(),
            allow_test_providers: true,
        }
    }

    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Configured>> {
        self.entries.get(name).map(|entry| &entry.configured)
    }

    /// Every provider, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Configured>> {
        self.entries.values().map(|entry| &entry.configured)
    }

    fn unchanged(
        &self,
        name: &str,
        told: &providers::Provider,
        site: Site<'_>,
    ) -> Option<Arc<Configured>> {
        let entry = self.entries.get(name)?;
        let same = entry.configured.kind == told.kind
            && entry.settings == told.settings
            && self.allow_test_providers == site.allow_test_providers;
        same.then(|| Arc::clone(&entry.configured))
    }
}

fn make(told: &providers::Provider, ctx: &BuildContext<'_>) -> Result<Configured, BuildError> {
    let kind = kind_of(&told.kind, ctx.site)?;
    let mut settings = told.settings.clone();
    let mut problems = BuildError::default();
    let bounds = problems.merge(Bounds::take(&mut settings));
    let prices = bounds.as_ref().map(Bounds::read_prices);
    let prices = prices.and_then(|prices| problems.merge(prices));
    let provider = problems.merge(kind.build(settings, ctx));
    let (Some(bounds), Some(prices), Some(provider)) = (bounds, prices, provider) else {
        return Err(problems);
    };
    Ok(Configured {
        name: ctx.name.into(),
        kind: kind.name,
        provider,
        timeout: bounds.timeout.0,
        slots: Arc::new(Semaphore::new(bounds.concurrency.get().into())),
        per_second: bounds.per_second,
        prices,
    })
}

fn kind_of(name: &str, site: Site<'_>) -> Result<&'static Kind, BuildError> {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let known = known.join(", ");
        let text = format_args!("there is no kind {name:?}; there are: {known}").to_string();
        return Err(BuildError::at("kind", text));
    };
    if kind.test_only && !site.allow_test_providers {
        let text = "is no vendor, which `allow_test_providers: true` must allow";
        return Err(BuildError::at("kind", text));
    }
    Ok(kind)
}

fn located(name: &str, problem: BuildError) -> impl Iterator<Item = (String, String)> {
    let problems = problem.into_problems().into_iter();
    problems.map(move |(path, text)| {
        let dot = if path.is_empty() { "" } else { "." };
        (format!("providers.{name}{dot}{path}"), text)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::channels::kinds::contract::fixture::House;

    fn told(providers: Value) -> BTreeMap<String, providers::Provider> {
        serde_json::from_value(providers).unwrap()
    }

    fn twilio(sender: &str) -> Value {
        json!({
            "kind": "twilio",
            "account_sid": "AC00000000000000000000000000000001",
            "auth_token": { "env": "TOKEN" },
            "senders": { "default": sender },
        })
    }

    #[test]
    fn all_problems_of_all_providers_are_told_at_once() {
        let house = House::with_environment(|name| (name == "EMPTY").then(String::new));
        let mut one = twilio("?");
        one["timeout"] = json!("0s");
        let providers = told(json!({
            "one": one,
            "three": { "kind": "stub", "anser": "accepted" },
            "two": { "kind": "twillio" },
        }));
        let problems = Directory::build(&providers, house.site()).unwrap_err();
        let lines: Vec<_> = problems
            .iter()
            .map(|(path, text)| format!("{path}: {text}"))
            .collect();
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let lines = lines.join("\n").replace(&known.join(", "), "[every kind]");
        insta::assert_snapshot!(lines, @r#"
        providers.one.timeout: must be longer than nothing
        providers.one.auth_token: environment variable TOKEN is not set or cannot be read
        providers.one.senders.default: is no number (+15005550006), short code, sender name (at most 11 letters, digits, spaces or & + - _, one of them a letter) or messaging service (MG and 32 hexadecimal digits)
        providers.three.anser: unknown field `anser`, expected one of `answer`, `delay`, `channels`
        providers.two.kind: there is no kind "twillio"; there are: [every kind]
        "#);
    }

    #[test]
    fn a_reload_keeps_what_did_not_change() {
        let house = House::default();
        let before = told(
            json!({ "a": twilio("+15005550006"), "b": twilio("ACME"), "c": { "kind": "stub" } }),
        );
        let after = told(
            json!({ "a": twilio("+15005550006"), "b": twilio("ACME2"), "d": { "kind": "stub" } }),
        );
        let before = Directory::build(&before, house.site()).unwrap();
        let busy = Arc::clone(&before.get("a").unwrap().slots).try_acquire_owned();
        let after = before.rebuild(&after, house.site()).unwrap();
        let same = |name: &str| Arc::ptr_eq(before.get(name).unwrap(), after.get(name).unwrap());
        assert!(same("a") && !same("b"));
        assert_eq!(after.get("a").unwrap().slots.available_permits(), 63);
        assert!(after.get("c").is_none());
        let names: Vec<_> = after.iter().map(|one| one.name.to_string()).collect();
        assert_eq!(names, ["a", "b", "d"]);
        drop(busy);
    }

    #[test]
    fn a_bad_reload_leaves_the_old_directory_alone() {
        let house = House::default();
        let before =
            Directory::build(&told(json!({ "a": { "kind": "stub" } })), house.site()).unwrap();
        let bad = told(json!({ "a": { "kind": "stub" }, "b": { "kind": "" } }));
        assert!(before.rebuild(&bad, house.site()).is_err());
        assert!(before.get("a").is_some());
    }

    #[test]
    fn a_test_provider_does_not_outlive_its_permission() {
        let mut house = House::default();
        let providers = told(json!({ "a": { "kind": "stub" } }));
        let before = Directory::build(&providers, house.site()).unwrap();
        house.allow_test_providers = false;
        let problems = before.rebuild(&providers, house.site()).unwrap_err();
        assert_eq!(problems[0].0, "providers.a.kind");
    }

    #[test]
    fn nothing_private_is_shown() {
        let house = House::default();
        let directory = Directory::build(&told(json!({ "a": twilio("ACME") })), house.site());
        let shown = format!("{:?}", directory.unwrap());
        assert!(shown.contains("Configured(a: twilio)"), "{shown}");
        assert!(
            !shown.contains("TOKEN") && !shown.contains("ACME"),
            "{shown}"
        );
    }
}
