//! Money: what a message costs, in millionths of the currency in which the operator counts.

use std::fmt;

use super::phone::Country;

/// An amount of money, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u64);

/// Digits after the point.
const PLACES: usize = 6;

impl Price {
    /// Reads a decimal amount such as `0.0079`: digits, and after a point at most six more.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > PLACES {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let part: u64 = format!("{part:0<PLACES$}").parse().ok()?;
        let millionths = whole.checked_mul(1_000_000)?.checked_add(part)?;
        Some(Self(millionths))
    }

    /// An amount of this many millionths.
    pub const fn from_millionths(count: u64) -> Self {
        Self(count)
    }

    /// The amount in millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let part = format!("{part:0PLACES$}");
        let kept = part.trim_end_matches('0');
        write!(f, "{whole}.{kept:0<2}")
    }
}

/// Prices by country.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Where no other is named.
    pub default: Option<Price>,
    /// By country.
    pub by_country: Vec<(Country, Price)>,
}

impl Prices {
    /// The price of a message to this country; `None` where it is not known.
    pub fn of(&self, country: Option<Country>) -> Option<Price> {
        let own = self.by_country.iter().find(|(of, _)| Some(*of) == country);
        own.map(|(_, price)| *price).or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let check = |text: &str, millionths: Option<u64>, shown: &str| {
            let price = Price::parse(text);
            assert_eq!(price.map(Price::millionths), millionths, "{text}");
            assert_eq!(
                price.map(|price| price.to_string()).unwrap_or_default(),
                shown
            );
        };
        check("0", Some(0), "0.00");
        check("0.0079", Some(7_900), "0.0079");
        check("12", Some(12_000_000), "12.00");
        check("1.5", Some(1_500_000), "1.50");
        check("0.000001", Some(1), "0.000001");
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "0.0000001",
            "1,5",
            "18446744073710",
        ] {
            check(bad, None, "");
        }
    }

    #[test]
    fn a_price_is_the_countrys_own_or_the_default() {
        let country = |name: &str| Country::parse(name);
        let cent = Price::parse("0.01");
        let prices = Prices {
            default: cent,
            by_country: vec![(country("JP").unwrap(), Price::parse("0.07").unwrap())],
        };
        assert_eq!(prices.of(country("JP")), Price::parse("0.07"));
        assert_eq!(prices.of(country("US")), cent);
        assert_eq!(prices.of(None), cent);
        assert_eq!(Prices::default().of(country("JP")), None);
    }
}
