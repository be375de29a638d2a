//! Codes go only to countries that the tenant serves, each in its own way.

use crate::{
    domain::{phone::Country, verdict::Refusal},
    error::Reason,
};

/// The rule's name.
pub const RULE: &str = "country";

/// How a country is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountryMode {
    /// Codes are sent.
    Allow,
    /// Codes are sent, and each leaves a decision.
    Monitor,
    /// Codes are sent to destinations that were verified before.
    VerifiedOnly,
    /// No code is sent.
    Block,
}

impl CountryMode {
    /// The mode of a country: what is said of it, else whether it is in the list of those that are served. A number of no
    /// country is in no list.
    pub fn of(country: Option<Country>, said: Option<Self>, allowed: &[Country]) -> Self {
        let listed = country.is_some_and(|country| allowed.contains(&country));
        said.unwrap_or(if listed { Self::Allow } else { Self::Block })
    }

    /// The name used in decisions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Monitor => "monitor",
            Self::VerifiedOnly => "verified_only",
            Self::Block => "block",
        }
    }
}

/// What a country's mode says to a number.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// It may pass.
    Pass,
    /// It may pass, and is to be seen.
    Seen(Refusal),
    /// It may not pass.
    Refuse(Refusal),
}

/// Checks a number's country; `verified` where the destination was verified before.
pub fn check(
    country: Option<Country>,
    mode: CountryMode,
    verified: bool,
    allowed: &[Country],
) -> Found {
    let refusal = || Refusal {
        rule: RULE.into(),
        reason: Reason::CountryNotAllowed,
        key: "country",
        level: country.map_or_else(|| "none".to_owned(), |country| country.to_string()),
        threshold: threshold(mode, allowed),
        retry_after: None,
    };
    match mode {
        CountryMode::Allow => Found::Pass,
        CountryMode::VerifiedOnly if verified => Found::Pass,
        CountryMode::Monitor => Found::Seen(refusal()),
        CountryMode::VerifiedOnly | CountryMode::Block => Found::Refuse(refusal()),
    }
}

fn threshold(mode: CountryMode, allowed: &[Country]) -> String {
    match mode {
        CountryMode::Allow | CountryMode::Block => {
            let names: Vec<_> = allowed.iter().map(Country::as_str).collect();
            names.join(", ")
        }
        CountryMode::Monitor | CountryMode::VerifiedOnly => mode.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(name: &str) -> Country {
        Country::parse(name).expect("a country")
    }

    #[test]
    fn each_mode_lets_its_own_pass() {
        let us = country("US");
        let check = |mode, verified, passes: bool, seen: bool| {
            let found = check(Some(us), mode, verified, &[]);
            assert_eq!(!matches!(found, Found::Refuse(_)), passes, "{mode:?}");
            assert_eq!(matches!(found, Found::Seen(_)), seen, "{mode:?}");
        };
        check(CountryMode::Allow, false, true, false);
        check(CountryMode::Monitor, false, true, true);
        check(CountryMode::Monitor, true, true, true);
        check(CountryMode::VerifiedOnly, true, true, false);
        check(CountryMode::VerifiedOnly, false, false, false);
        check(CountryMode::Block, true, false, false);
    }

    #[test]
    fn only_listed_countries_are_served() {
        let (us, gb) = (country("US"), country("GB"));
        let check = |of, said, expect| {
            assert_eq!(CountryMode::of(of, said, &[us]), expect, "{of:?}");
        };
        check(Some(us), None, CountryMode::Allow);
        check(Some(gb), None, CountryMode::Block);
        check(None, None, CountryMode::Block);
        check(Some(gb), Some(CountryMode::Monitor), CountryMode::Monitor);
        check(Some(us), Some(CountryMode::Block), CountryMode::Block);
        let Found::Refuse(refusal) = super::check(Some(gb), CountryMode::Block, false, &[us])
        else {
            panic!("it is not served");
        };
        assert_eq!(
            (refusal.level.as_str(), refusal.threshold.as_str()),
            ("GB", "US")
        );
    }
}
