//! What kinds that speak WhatsApp have in common: how a message is worded, and the approved templates that carry a code.

use std::{collections::BTreeMap, fmt::Display};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    by_locale::ByLocale,
    kind::BuildError,
    provider::{Message, SendError},
};
use crate::domain::{failure::Failure, passcode::Passcode};

/// Most characters of a code in an authentication template.
const LONGEST_CODE: usize = 15;

/// How a message is worded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By an approved authentication template, which can be sent at any time.
    #[default]
    Template,
    /// By our own text, which arrives only while the person has written to the sender within a day; what sandboxes take.
    SessionText,
}

/// What words the messages of one account.
#[derive(Clone, Debug)]
pub enum Wording<T> {
    /// The template of a language.
    Templates(ByLocale<T>),
    /// Our own text.
    SessionText,
}

impl<T> Wording<T> {
    /// Reads the settings `mode` and `templates` below `path`; each template by `read`.
    pub fn parse<S, E: Display>(
        path: &str,
        mode: Mode,
        templates: &BTreeMap<String, S>,
        read: impl Fn(&S) -> Result<T, E>,
    ) -> Result<Self, BuildError> {
        let at = format!("{path}templates");
        match (mode, templates.is_empty()) {
            (Mode::SessionText, true) => Ok(Self::SessionText),
            (Mode::SessionText, false) => Err(BuildError::at(&at, "is for `mode: template` only")),
            (Mode::Template, true) => {
                let text = "must name a template, unless `mode: session_text`";
                Err(BuildError::at(&at, text))
            }
            (Mode::Template, false) => ByLocale::parse(&at, templates, read).map(Self::Templates),
        }
    }

    /// The template for a message; `None` where its text is sent. A language without a template, and no default, is a
    /// fault of ours.
    pub fn template(&self, message: &Message) -> Result<Option<&T>, SendError> {
        match self {
            Self::SessionText => Ok(None),
            Self::Templates(templates) => {
                let template = templates.of(&message.locale);
                let missing = || SendError::new(Failure::Request, "no_template");
                template.map(Some).ok_or_else(missing)
            }
        }
    }
}

/// An approved authentication template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name, as it was approved.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its language, exactly as it was approved: `en_US`, `ja`.
    #[schemars(length(min = 1))]
    pub language: String,
}

/// How a template's language is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// This language and no other. Some vendors want it said.
    Deterministic,
}

impl Template {
    /// Reads a template's settings.
    pub fn parse(told: &Self) -> Result<Self, &'static str> {
        let full = !told.name.trim().is_empty() && !told.language.trim().is_empty();
        full.then(|| told.clone())
            .ok_or("must have a name and a language")
    }

    /// The template with a code, in WhatsApp's own JSON. The code stands twice: in the text, and in the button that
    /// copies it.
    pub fn filled(&self, code: &Passcode, policy: Option<Policy>) -> Result<Value, SendError> {
        let code = code.expose();
        if code.len() > LONGEST_CODE {
            return Err(SendError::new(Failure::Request, "code_too_long"));
        }
        let parameters = json!([{ "type": "text", "text": code }]);
        let mut language = json!({ "code": self.language });
        if let Some(policy) = policy {
            language["policy"] = json!(policy);
        }
        Ok(json!({
            "name": self.name,
            "language": language,
            "components": [
                { "type": "body", "parameters": parameters },
                { "type": "button", "sub_type": "url", "index": "0", "parameters": parameters },
            ],
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    fn filled(code: &str, policy: Option<Policy>) -> Result<Value, SendError> {
        let template = Template {
            name: "verification_code".to_owned(),
            language: "en_US".to_owned(),
        };
        template.filled(&Passcode::parse(code).unwrap(), policy)
    }

    #[test]
    fn the_code_stands_in_the_text_and_in_the_button() {
        let parameters = json!([{ "type": "text", "text": "482913" }]);
        let expect = json!({
            "name": "verification_code",
            "language": { "code": "en_US" },
            "components": [
                { "type": "body", "parameters": parameters },
                { "type": "button", "sub_type": "url", "index": "0", "parameters": parameters },
            ],
        });
        assert_eq!(filled("482913", None), Ok(expect));
        let strict = filled("482913", Some(Policy::Deterministic)).unwrap();
        let language = json!({ "code": "en_US", "policy": "deterministic" });
        assert_eq!(strict["language"], language);
    }

    #[test]
    fn a_code_has_at_most_fifteen_characters() {
        assert!(filled(&"9".repeat(15), None).is_ok());
        let problem = filled(&"9".repeat(16), None).unwrap_err();
        assert_eq!(problem, SendError::new(Failure::Request, "code_too_long"));
    }

    #[test]
    fn the_language_chooses_the_template() {
        let check = |tags: &[&str], locale: &str, expect: Result<Option<&str>, &str>| {
            let told = tags
                .iter()
                .map(|tag| ((*tag).to_owned(), (*tag).to_owned()));
            let told: BTreeMap<_, _> = told.collect();
            let own = |text: &String| Ok::<_, &str>(text.clone());
            let wording = Wording::parse("", Mode::Template, &told, own).unwrap();
            let mut message = fixture::message(Channel::Whatsapp, "+14155552671", "x");
            message.locale = locale.to_owned();
            let found = wording.template(&message);
            let found = found.map(|template| template.map(String::as_str));
            let expect = expect.map_err(|code| SendError::new(Failure::Request, code));
            assert_eq!(found, expect, "{locale}");
        };
        check(&["default", "ja"], "ja-JP", Ok(Some("ja")));
        check(&["default", "ja"], "", Ok(Some("default")));
        check(&["ja"], "de", Err("no_template"));
    }

    #[test]
    fn templates_and_text_exclude_each_other() {
        let check = |mode: Mode, templates: &[&str]| {
            let told = templates.iter().map(|tag| ((*tag).to_owned(), ()));
            let read = Wording::parse("whatsapp.", mode, &told.collect(), |()| Ok::<_, &str>(()));
            let problems = read.err().map(BuildError::into_problems);
            problems.unwrap_or_default().pop().map(|(path, _)| path)
        };
        let templates = Some("whatsapp.templates".to_owned());
        assert_eq!(check(Mode::Template, &["default"]), None);
        assert_eq!(check(Mode::SessionText, &[]), None);
        assert_eq!(check(Mode::Template, &[]), templates);
        assert_eq!(check(Mode::SessionText, &["default"]), templates);
        let empty = Template {
            name: "a".to_owned(),
            language: " ".to_owned(),
        };
        assert!(Template::parse(&empty).is_err());
    }
}
