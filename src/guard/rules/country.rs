//! Codes go only to countries that the tenant serves.

use crate::{
    domain::{phone::Country, verdict::Refusal},
    error::Reason,
};

/// Passes a number of a country in the list; a number of no country is in no list.
pub fn check(country: Option<Country>, allowed: &[Country]) -> Result<(), Refusal> {
    if country.is_some_and(|country| allowed.contains(&country)) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().map(Country::as_str).collect();
    Err(Refusal {
        rule: "country".into(),
        reason: Reason::CountryNotAllowed,
        key: "country",
        level: country.map_or_else(|| "none".to_owned(), |country| country.to_string()),
        threshold: names.join(", "),
        retry_after: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_countries_pass() {
        let us = Country::parse("US").expect("a country");
        let gb = Country::parse("GB").expect("a country");
        assert!(check(Some(us), &[gb, us]).is_ok());
        assert!(check(None, &[us]).is_err());
        let refusal = check(Some(gb), &[us]).expect_err("not served");
        assert_eq!(
            (refusal.level.as_str(), refusal.threshold.as_str()),
            ("GB", "US")
        );
    }
}
