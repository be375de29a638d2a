//! What kinds that make calls have in common: how long a call may ring and last, and what a language is called.

use std::time::Duration;

use crate::config::values::Span;

/// Voices speak a language as it is spoken in a country. Where none was named, it is this one.
const LANGUAGES: &[(&str, &str)] = &[
    ("da", "da-DK"),
    ("de", "de-DE"),
    ("en", "en-US"),
    ("es", "es-ES"),
    ("fi", "fi-FI"),
    ("fr", "fr-FR"),
    ("it", "it-IT"),
    ("ja", "ja-JP"),
    ("ko", "ko-KR"),
    ("nb", "nb-NO"),
    ("nl", "nl-NL"),
    ("pl", "pl-PL"),
    ("pt", "pt-BR"),
    ("ru", "ru-RU"),
    ("sv", "sv-SE"),
];

/// How long a phone rings where nothing is said.
pub const fn ring_timeout() -> Span {
    Span::seconds(30)
}

/// When a call is ended where nothing is said.
pub const fn longest_call() -> Span {
    Span::seconds(120)
}

/// A length of time that a vendor takes: at least a second, and at most this one.
pub fn within(told: Span, longest: Duration) -> Result<Duration, String> {
    let good = (Duration::from_secs(1)..=longest).contains(&told.0);
    let longest = Span(longest);
    good.then_some(told.0)
        .ok_or_else(|| format!("must be from 1s to {longest}"))
}

/// What a vendor calls a language, given as a BCP 47 tag. `own` is what it calls otherwise than others do; a tag with a
/// country is else taken as it is.
pub fn language<'a>(tag: &'a str, own: &[(&str, &'a str)]) -> &'a str {
    let named = own.iter().chain(LANGUAGES);
    let named = named
        .copied()
        .find(|(one, _)| one.eq_ignore_ascii_case(tag));
    named.map_or(tag, |(_, full)| full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_without_a_country_gets_one() {
        let own = [("zh", "cmn-CN"), ("pt", "pt-PT"), ("zh-CN", "cmn-CN")];
        let check = |tag: &str, expect: &str| assert_eq!(language(tag, &own), expect);
        check("ja", "ja-JP");
        check("JA", "ja-JP");
        check("ja-JP", "ja-JP");
        check("de-AT", "de-AT");
        check("pt", "pt-PT");
        check("zh-cn", "cmn-CN");
        check("tlh", "tlh");
        check("", "");
    }

    #[test]
    fn times_have_bounds() {
        let longest = Duration::from_mins(2);
        let check = |told: Span, good: bool| {
            assert_eq!(within(told, longest).is_ok(), good, "{told}");
        };
        check(ring_timeout(), true);
        check(longest_call(), true);
        check(Span::millis(999), false);
        check(Span::seconds(121), false);
    }
}
