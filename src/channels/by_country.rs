//! What there is for each country, such as who messages to it come from, and a default for all others.

use std::{collections::BTreeMap, fmt::Display};

use schemars::Schema;
use serde_json::json;

use super::kind::BuildError;
use crate::domain::phone::Country;

/// The key of what serves every other country.
const DEFAULT: &str = "default";

/// One value for each country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByCountry<T> {
    default: Option<T>,
    by_country: BTreeMap<Country, T>,
}

impl<T> ByCountry<T> {
    /// Reads the setting at `path`: countries in capitals and `default`, each value by `read`. Names every problem at
    /// once; no value at all is one.
    pub fn parse<E: Display>(
        path: &str,
        told: &BTreeMap<String, String>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let (mut default, mut by_country) = (None, BTreeMap::new());
        for (place, value) in told {
            let path = format!("{path}.{place}");
            let value = problems.keep(&path, read(value));
            if place == DEFAULT {
                default = value;
                continue;
            }
            let country = Country::parse(place).filter(|country| country.as_str() == place);
            let country = country.ok_or("is no country in capitals, nor `default`");
            if let (Some(country), Some(value)) = (problems.keep(&path, country), value) {
                by_country.insert(country, value);
            }
        }
        if told.is_empty() {
            problems.keep(path, Err::<(), _>("must not be empty"));
        }
        let read_all = Self {
            default,
            by_country,
        };
        problems.is_empty().then_some(read_all).ok_or(problems)
    }

    /// What serves a recipient there; `None` when that country has nothing of its own and there is no default.
    pub fn of(&self, country: Option<Country>) -> Option<&T> {
        let own = country.and_then(|country| self.by_country.get(&country));
        own.or(self.default.as_ref())
    }
}

/// Says in a setting's schema what its keys are (`#[schemars(transform = by_country::keys)]`).
pub fn keys(schema: &mut Schema) {
    let name = json!({
        "title": "a country in capitals, or `default`",
        "pattern": "^(default|[A-Z]{2})$",
    });
    schema.insert("propertyNames".to_owned(), name);
    schema.insert("minProperties".to_owned(), json!(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(told: &[(&str, &str)]) -> Result<ByCountry<String>, BuildError> {
        let own = |(place, value): &(&str, &str)| ((*place).to_owned(), (*value).to_owned());
        ByCountry::parse("senders", &told.iter().map(own).collect(), |text| {
            let good = !text.is_empty();
            good.then(|| text.to_owned()).ok_or("is empty")
        })
    }

    #[test]
    fn the_country_decides_then_the_default() {
        let of = |all: &ByCountry<String>, country| all.of(Country::parse(country)).cloned();
        let all = parse(&[("default", "+15005550006"), ("GB", "ACME")]).unwrap();
        assert_eq!(of(&all, "GB").as_deref(), Some("ACME"));
        assert_eq!(of(&all, "JP").as_deref(), Some("+15005550006"));
        assert_eq!(all.of(None).map(String::as_str), Some("+15005550006"));
        let only = parse(&[("GB", "ACME")]).unwrap();
        assert_eq!(of(&only, "JP"), None);
        assert_eq!(only.of(None), None);
    }

    #[test]
    fn every_problem_is_named() {
        let problems = parse(&[("default", ""), ("XX", "ACME"), ("gb", "")]);
        let problems = problems.unwrap_err().into_problems();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        let expect = ["senders.XX", "senders.default", "senders.gb", "senders.gb"];
        assert_eq!(paths, expect);
        assert_eq!(parse(&[]).unwrap_err().into_problems()[0].0, "senders");
    }
}
