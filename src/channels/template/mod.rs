//! Texts with places for what a message says, written by an operator and checked when a provider is made. Whatever is put
//! into such a place stays in it: how it is escaped follows from where the text will stand.

pub mod facts;
mod filters;

use std::fmt;

use minijinja::{Environment, UndefinedBehavior, value::Value};

use self::{
    facts::{Facts, SECRETS},
    filters::{escape_into, install},
};

/// Most steps that one rendering may take; ours need some tens. A loop without end is a mistake, not a message.
const FUEL: u64 = 20_000;

/// The one name that each template's own environment knows.
const NAME: &str = "text";

/// Where a rendered text will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Somewhere that will escape the text as a whole: a field of a form, a text in JSON.
    Whole,
    /// In the path of a URL.
    Path,
    /// In a document of this kind, as its operator wrote it.
    Document(Document),
    /// In JSON as a value of its own: a number stays a number, a text gets its quotes.
    JsonValue,
}

/// What a document is written in, and so what must be escaped in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// Plain text, in which nothing has to be.
    Plain,
    /// XML: between tags or in an attribute's quotes.
    Xml,
    /// JSON: within quotes.
    Json,
    /// A form: keys and values.
    Form,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is no template.
    #[error("is no template: {0}")]
    Syntax(String),
    /// It names something that no message has.
    #[error("names `{0}`, which there is not; there are: {1}")]
    Unknown(String, String),
    /// Filled in with a made-up message, it fails.
    #[error("cannot be filled in: {0}")]
    Trial(String),
}

/// A template could not be filled in for this message. It does not say more: what it says might be private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRendered;

/// A template that has been read and tried.
pub struct Template {
    environment: Environment<'static>,
    names: Vec<String>,
}

impl Template {
    /// Reads a template. `secrets` are the names that it may use as `secrets.NAME`.
    pub fn parse(text: &str, place: Place, secrets: &[&str]) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(move |out, _, value| escape_into(out, place, value));
        install(&mut environment, place);
        environment
            .add_template_owned(NAME, text.to_owned())
            .map_err(|problem| TemplateError::Syntax(problem.to_string()))?;
        let mut template = Self {
            environment,
            names: Vec::new(),
        };
        template.names = template.check_names(secrets)?;
        let trial = Facts::trial(secrets);
        let trial = template.fill_in(&trial);
        trial.map_err(|problem| TemplateError::Trial(problem.to_string()))?;
        Ok(template)
    }

    /// Whether it uses this name.
    pub fn uses(&self, name: &str) -> bool {
        self.names.iter().any(|used| used == name)
    }

    /// The text for a message.
    pub fn render(&self, facts: &Value) -> Result<String, NotRendered> {
        self.fill_in(facts).map_err(|_| NotRendered)
    }

    fn fill_in(&self, facts: &Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(NAME)?.render(facts)
    }

    fn check_names(&self, secrets: &[&str]) -> Result<Vec<String>, TemplateError> {
        let template = self.environment.get_template(NAME);
        let template = template.map_err(|problem| TemplateError::Syntax(problem.to_string()))?;
        let globals = |name: &str| self.environment.globals().any(|(global, _)| global == name);
        let mut names: Vec<_> = template.undeclared_variables(true).into_iter().collect();
        names.sort();
        names.retain(|name| !globals(name));
        for name in &names {
            if !is_known(name, secrets) {
                return Err(TemplateError::Unknown(name.clone(), known(secrets)));
            }
        }
        Ok(names)
    }
}

fn is_known(name: &str, secrets: &[&str]) -> bool {
    match name.split_once('.') {
        Some((SECRETS, secret)) => secrets.contains(&secret),
        // All secrets at once have no text; and what a message has, has no parts.
        Some(_) | None => facts::NAMES.contains(&name),
    }
}

fn known(secrets: &[&str]) -> String {
    let secrets = secrets.iter().map(|name| format!("{SECRETS}.{name}"));
    let names = facts::NAMES.iter().map(|name| (*name).to_owned());
    names.chain(secrets).collect::<Vec<_>>().join(", ")
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    const NASTY: &str = "a\"b' &<c>+d/e?f=g%20\r\n\\ é🔑";

    fn nasty() -> Value {
        let message = fixture::message(Channel::Sms, "+447400123456", NASTY);
        Facts::of(&message).with_sender("A&B").value()
    }

    fn render(text: &str, place: Place) -> String {
        let template = Template::parse(text, place, &[]).unwrap();
        template.render(&nasty()).unwrap()
    }

    #[test]
    fn the_place_decides_what_is_escaped() {
        let check = |place: Place, text: &str, expect: &str| {
            assert_eq!(render(text, place), expect, "{place:?} {text}");
        };
        check(Place::Whole, "<{{ text }}>", &format!("<{NASTY}>"));
        let encoded = "a%22b%27%20%26%3Cc%3E%2Bd%2Fe%3Ff%3Dg%2520%0D%0A%5C%20%C3%A9%F0%9F%94%91";
        check(Place::Path, "/a/{{ text }}", &format!("/a/{encoded}"));
        let xml = Place::Document(Document::Xml);
        check(xml, "<a b=\"{{ sender }}\"/>", "<a b=\"A&amp;B\"/>");
        check(xml, "<a>{{ sender | xml }}</a>", "<a>A&amp;B</a>");
        check(Place::Document(Document::Plain), "{{ text }}", NASTY);
        let form = Place::Document(Document::Form);
        check(
            form,
            "a={{ sender }}&b={{ to }}",
            "a=A%26B&b=%2B447400123456",
        );
        let json = render("{\"a\":\"{{ text }}\"}", Place::Document(Document::Json));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["a"], NASTY);
    }

    #[test]
    fn an_escape_for_another_syntax_leaves_nothing_bare() {
        let form = Place::Document(Document::Form);
        let sent = render("Speech={{ text | xml }}&b=1", form);
        let read: Vec<_> = url::form_urlencoded::parse(sent.as_bytes()).collect();
        let spoken = crate::channels::xml::escape(NASTY);
        assert_eq!(
            read,
            [("Speech".into(), spoken.into()), ("b".into(), "1".into())]
        );

        let sent = render(
            "{\"a\":\"{{ text | xml }}\"}",
            Place::Document(Document::Json),
        );
        let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(sent["a"], crate::channels::xml::escape(NASTY));

        let path = render("/a/{{ text | xml }}/b", Place::Path);
        assert_eq!(path.matches('/').count(), 3, "{path}");
        // Escaped for its own place it is not escaped once more.
        assert_eq!(render("{{ sender | form }}", form), "A%26B");
        assert_eq!(render("{{ sender | xml | form }}", form), "A%26amp%3BB");
    }

    #[test]
    fn no_template_can_switch_the_escape_off() {
        for filter in ["safe", "escape", "e", "tojson"] {
            let text = format!("{{{{ text | {filter} }}}}");
            let place = Place::Document(Document::Form);
            assert!(Template::parse(&text, place, &[]).is_err(), "{filter}");
        }
    }

    #[test]
    fn a_json_value_keeps_its_type() {
        let check = |text: &str, expect: &str| {
            assert_eq!(render(text, Place::JsonValue), expect, "{text}");
        };
        check("{{ seconds }}", "299");
        check("{{ seconds | string }}", "\"299\"");
        check("{{ sender }}", "\"A&B\"");
        check("{{ code | json }}", "\"\\\"482913\\\"\"");
        check(
            "{{ [to, to | digits] }}",
            "[\"+447400123456\",\"447400123456\"]",
        );
        check("{{ seconds > 3 }}", "true");
    }

    #[test]
    fn filters_chain() {
        let check = |text: &str, expect: &str| {
            assert_eq!(render(text, Place::Whole), expect, "{text}");
        };
        check("{{ to | digits }}", "447400123456");
        check("{{ to | national }}", "7400123456");
        check("{{ to | calling_code }}", "44");
        check("{{ to | digits | sha256 | upper | length }}", "64");
        check("{{ ('+' ~ (to | digits)) | e164 }}", "+447400123456");
        check("{{ sender | xml | form }}", "A%26amp%3BB");
        check("{{ sender | urlencode | json }}", "\"A%26B\"");
        check("{\"1\":{{ code | json }}}", "{\"1\":\"482913\"}");
        check("{{ minutes }} {{ milliseconds }}", "5 299900");
        check("{{ 'text' if sender is gsm7 else 'unicode' }}", "text");
        check("{{ 'text' if text is gsm7 else 'unicode' }}", "unicode");
        // Of the number in the reference of LINE.
        let japan = fixture::message(Channel::Line, "+819012345678", "x");
        let template = Template::parse("{{ to | sha256 }}", Place::Whole, &[]).unwrap();
        let hash = template.render(&Facts::of(&japan).value()).unwrap();
        assert_eq!(hash.len(), 64);
        assert!(
            hash.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
    }

    #[test]
    fn what_cannot_work_is_told_before_it_is_used() {
        let check = |text: &str, expect: &str| {
            let problem = Template::parse(text, Place::Whole, &["key"]).unwrap_err();
            assert!(problem.to_string().starts_with(expect), "{problem}");
        };
        check("{{ text", "is no template: ");
        check(
            "{{ txet }}",
            "names `txet`, which there is not; there are: ",
        );
        check("{% if x %}{{ text }}{% endif %}", "names `x`");
        check("{{ secrets.kez }}", "names `secrets.kez`");
        check("{{ secrets }}", "names `secrets`");
        check("{{ text | unknown }}", "cannot be filled in: ");
        check("{{ sender | national }}", "cannot be filled in: ");
        check("{{ text.nothing }}", "names `text.nothing`");
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        check(endless, "cannot be filled in: ");
        assert!(Template::parse("{{ secrets.key }}", Place::Whole, &["key"]).is_ok());
    }

    #[test]
    fn a_failure_does_not_tell_what_it_was_about() {
        let template = Template::parse("{{ sender }}", Place::Whole, &[]).unwrap();
        let message = fixture::message(Channel::Sms, "+447400123456", NASTY);
        let facts = Facts::of(&message).value();
        assert_eq!(template.render(&facts), Err(NotRendered));
        let shown = format!("{template:?} {facts:?} {facts}");
        assert!(
            !shown.contains("7400123456") && !shown.contains("482913"),
            "{shown}"
        );
    }

    #[test]
    fn a_path_cannot_be_climbed() {
        for dots in [".", ".."] {
            let message = fixture::message(Channel::Sms, "+447400123456", dots);
            let template = Template::parse("/a/{{ text }}", Place::Path, &[]).unwrap();
            let result = template.render(&Facts::of(&message).value());
            assert_eq!(result, Err(NotRendered));
        }
    }

    #[test]
    fn what_it_uses_is_known() {
        let template = Template::parse("{{ line_user }}{{ key }}", Place::Whole, &[]).unwrap();
        assert!(template.uses("line_user") && template.uses("key") && !template.uses("to"));
    }
}
