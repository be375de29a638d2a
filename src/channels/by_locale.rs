//! What there is for each language, and which of it serves a person: for `ja-JP` that of `ja-JP`, else that of `ja`,
//! else the default.

use std::{collections::BTreeMap, fmt::Display};

use schemars::Schema;
use serde_json::json;

use super::kind::BuildError;

/// The key of what serves everybody else.
const DEFAULT: &str = "default";

/// One value for each language, such as the approved template in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByLocale<T> {
    default: Option<T>,
    by_tag: Vec<(String, T)>,
}

impl<T> ByLocale<T> {
    /// Reads the setting at `path`: language tags and `default`, each value by `read`. Names every problem at once.
    pub fn parse<S, E: Display>(
        path: &str,
        told: &BTreeMap<String, S>,
        read: impl Fn(&S) -> Result<T, E>,
    ) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let mut read_all = Self::none();
        for (tag, value) in told {
            let path = format!("{path}.{tag}");
            let known = read_all.by_tag.iter().any(|(known, _)| same(known, tag));
            let tag = match (is_tag(tag), known) {
                (true, false) => Ok(tag),
                (true, true) => Err("stands there in another writing too"),
                (false, _) => Err("is no language such as ja or ja-JP, nor `default`"),
            };
            let (tag, value) = (problems.keep(&path, tag), problems.keep(&path, read(value)));
            match (tag.map(String::as_str), value) {
                (Some(DEFAULT), value) => read_all.default = value,
                (Some(tag), Some(value)) => read_all.by_tag.push((tag.to_owned(), value)),
                (_, _) => {}
            }
        }
        problems.is_empty().then_some(read_all).ok_or(problems)
    }

    /// Nothing for any language.
    pub const fn none() -> Self {
        Self {
            default: None,
            by_tag: Vec::new(),
        }
    }

    /// What serves a BCP 47 tag, in either case and with `-` or `_`; `None` where not even a default does.
    pub fn of(&self, locale: &str) -> Option<&T> {
        let mut tag = locale;
        loop {
            let found = self.by_tag.iter().find(|(known, _)| same(known, tag));
            match (found, tag.rfind(['-', '_'])) {
                (Some((_, value)), _) => return Some(value),
                (None, Some(end)) => tag = &tag[..end],
                (None, None) => return self.default.as_ref(),
            }
        }
    }
}

/// Says in a setting's schema what its keys are (`#[schemars(transform = by_locale::keys)]`).
pub fn keys(schema: &mut Schema) {
    let name = json!({
        "title": "a language such as ja or ja-JP, or `default`",
        "pattern": "^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$",
    });
    schema.insert("propertyNames".to_owned(), name);
    schema.insert("minProperties".to_owned(), json!(1));
}

/// Whether two tags are one. Case and separator do not matter.
fn same(one: &str, other: &str) -> bool {
    let plain = |byte: u8| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    };
    one.len() == other.len() && one.bytes().map(plain).eq(other.bytes().map(plain))
}

/// Whether a text has the form of a language tag, as `default` has by chance.
fn is_tag(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    let letters = language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    letters && (2..=8).contains(&language.len()) && parts.all(subtag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(told: &[(&str, &str)]) -> Result<ByLocale<String>, BuildError> {
        let own = |(tag, value): &(&str, &str)| ((*tag).to_owned(), (*value).to_owned());
        ByLocale::parse("templates", &told.iter().map(own).collect(), |text| {
            let good = !text.is_empty();
            good.then(|| text.clone()).ok_or("is empty")
        })
    }

    #[test]
    fn the_nearest_serves_and_then_the_default() {
        let all = [
            ("default", "d"),
            ("ja", "j"),
            ("zh-Hant-HK", "h"),
            ("pt_BR", "b"),
        ];
        let (all, bare) = (parse(&all).unwrap(), parse(&all[1..]).unwrap());
        let check = |locale: &str, nearest: Option<&str>| {
            let found = bare.of(locale).map(String::as_str);
            assert_eq!(found, nearest, "{locale:?}");
            let found = all.of(locale).map(String::as_str);
            assert_eq!(found, nearest.or(Some("d")), "{locale:?}");
        };
        check("ja", Some("j"));
        check("ja-JP", Some("j"));
        check("JA_jp-x", Some("j"));
        check("zh-hant-hk", Some("h"));
        check("pt-br", Some("b"));
        for stranger in [
            "",
            "-",
            "_",
            "jap",
            "j",
            "zh-Hant",
            "zh",
            "pt",
            "pt-PT",
            "ja\u{301}",
            "\"<&",
        ] {
            check(stranger, None);
        }
        assert_eq!(ByLocale::<String>::none().of("ja"), None);
    }

    #[test]
    fn every_problem_is_named() {
        let told = [
            ("default", ""),
            ("ja_JP", "a"),
            ("ja-jp", "b"),
            ("j", "c"),
            ("日本", ""),
            ("en-", "d"),
            ("en-toolongtag", "e"),
        ];
        let problems = parse(&told).unwrap_err().into_problems();
        let mut paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        let expect = [
            "templates.default",
            "templates.en-",
            "templates.en-toolongtag",
            "templates.j",
            "templates.ja_JP",
            "templates.日本",
            "templates.日本",
        ];
        assert_eq!(paths, expect);
    }
}
