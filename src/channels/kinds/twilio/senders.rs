//! Who a message comes from: by the recipient's country, in the four forms that Twilio knows.

use std::collections::BTreeMap;

use super::settings::is_sid;
use crate::{channels::kind::BuildError, domain::phone::Country};

/// A number, short code, sender name or messaging service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// One number, code or name.
    From(String),
    /// A service that picks one.
    Service(String),
}

impl Sender {
    /// Reads a sender in any of its forms.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if is_sid(text, "MG") {
            return Ok(Self::Service(text.to_owned()));
        }
        (is_number(text) || is_short_code(text) || is_name(text))
            .then(|| Self::From(text.to_owned()))
            .ok_or(
                "is no number (+15005550006), short code, sender name (at most 11 letters, digits, spaces or & + - _, \
                 one of them a letter) or messaging service (MG and 32 hexadecimal digits)",
            )
    }

    /// The form field that carries it.
    pub(super) const fn field(&self) -> &'static str {
        match self {
            Self::From(_) => "From",
            Self::Service(_) => "MessagingServiceSid",
        }
    }

    /// Its value.
    pub(super) fn value(&self) -> &str {
        match self {
            Self::From(value) | Self::Service(value) => value,
        }
    }
}

/// The senders of an account.
#[derive(Clone, Debug)]
pub(super) struct Senders {
    default: Option<Sender>,
    by_country: BTreeMap<Country, Sender>,
}

impl Senders {
    /// Reads `senders`.
    pub(super) fn parse(told: &BTreeMap<String, String>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let (mut default, mut by_country) = (None, BTreeMap::new());
        for (place, sender) in told {
            let path = format!("senders.{place}");
            let sender = problems.keep(&path, Sender::parse(sender));
            if place == "default" {
                default = sender;
                continue;
            }
            let country = Country::parse(place).filter(|country| country.as_str() == place);
            let country = country.ok_or("is no country in capitals, nor `default`");
            if let (Some(country), Some(sender)) = (problems.keep(&path, country), sender) {
                by_country.insert(country, sender);
            }
        }
        if told.is_empty() {
            problems.keep("senders", Err::<(), _>("names no sender"));
        }
        let senders = Self {
            default,
            by_country,
        };
        problems.is_empty().then_some(senders).ok_or(problems)
    }

    /// The sender for a recipient there; `None` when that country has none and there is no default.
    pub(super) fn of(&self, country: Option<Country>) -> Option<&Sender> {
        let own = country.and_then(|country| self.by_country.get(&country));
        own.or(self.default.as_ref())
    }
}

/// E.164: up to 15 digits after the plus, the first not zero.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| is_digits(digits, 7, 15) && !digits.starts_with('0'))
}

fn is_short_code(text: &str) -> bool {
    is_digits(text, 3, 8)
}

fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An alphanumeric sender id. Without a letter it would be mistaken for a number.
fn is_name(text: &str) -> bool {
    let fits = text.len() <= 11 && text.trim() == text;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" &+-_".contains(&byte);
    fits && text.bytes().all(allowed) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_have_four_forms() {
        let check = |text: &str, field: Option<&str>| {
            let sender = Sender::parse(text);
            assert_eq!(sender.as_ref().map(Sender::field).ok(), field, "{text:?}");
            assert!(sender.is_err() || sender.unwrap().value() == text);
        };
        check("+15005550006", Some("From"));
        check("12345", Some("From"));
        check("ACME", Some("From"));
        check("A&B +-_ c9", Some("From"));
        check("Elevenchars", Some("From"));
        check(
            "MG0123456789abcdef0123456789ABCDEF",
            Some("MessagingServiceSid"),
        );
        // Too short for a service, but a fair name.
        check("MG01", Some("From"));
        for bad in [
            "",
            " ",
            "+",
            "+0123456789",
            "+1500555",
            "+1234567890123456",
            "12",
            "123456789",
            "Twelve chars",
            "MG0123456789abcdef0123456789abcdeg",
            "Ünal",
            "a\nb",
            "<b>",
            " ACME",
            "++--",
        ] {
            check(bad, (bad == "+1500555").then_some("From"));
        }
    }

    fn parse(told: &[(&str, &str)]) -> Result<Senders, BuildError> {
        let told = told
            .iter()
            .map(|(place, text)| ((*place).to_owned(), (*text).to_owned()));
        Senders::parse(&told.collect())
    }

    #[test]
    fn the_country_decides_then_the_default() {
        let senders = parse(&[("default", "+15005550006"), ("GB", "ACME")]).unwrap();
        let of = |senders: &Senders, country: &str| {
            let sender = senders.of(Country::parse(country)).cloned();
            sender.map(|sender| sender.value().to_owned())
        };
        assert_eq!(of(&senders, "GB").as_deref(), Some("ACME"));
        assert_eq!(of(&senders, "JP").as_deref(), Some("+15005550006"));
        assert_eq!(senders.of(None).map(Sender::value), Some("+15005550006"));
        let only = parse(&[("GB", "ACME")]).unwrap();
        assert_eq!(of(&only, "JP"), None);
        assert_eq!(only.of(None), None);
    }

    #[test]
    fn every_problem_is_named() {
        let problems = parse(&[("default", "?"), ("XX", "ACME"), ("gb", "")]);
        let problems = problems.unwrap_err().into_problems();
        let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            ["senders.XX", "senders.default", "senders.gb", "senders.gb"]
        );
        assert_eq!(parse(&[]).unwrap_err().into_problems()[0].0, "senders");
    }
}
