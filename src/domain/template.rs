//! A message template: a text with places for the code and for what is known about it, compiled once and bounded in
//! what it may do.

use std::{fmt, sync::Arc};

use minijinja::{
    Environment, Error, UndefinedBehavior,
    value::{Object, Value},
};

use super::{attributes::Attributes, purpose::Purpose};

/// What a template may name.
pub const VARIABLES: [&str; 6] = [
    "attributes",
    "brand",
    "code",
    "locale",
    "minutes",
    "purpose",
];

/// Most characters of a text that a template makes: as many as a provider takes.
pub const LONGEST: usize = 1600;

/// Most characters of an attribute that are shown. Attributes are written by people about themselves, also by those who
/// ask for a code to somebody else's number.
const LONGEST_ATTRIBUTE: usize = 64;

/// Steps after which a template is stopped, so that none runs for ever.
const MOST_STEPS: u64 = 10_000;

/// The name of the one template of each engine.
const NAME: &str = "message";

/// A code for trials, with letters, as codes may have some.
const SAMPLE_CODE: &str = "Z8Q4X7";

/// Why a template cannot be used. Says nothing of a person: only samples were put into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It cannot be read.
    #[error("{detail}, in line {line} of the template")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// It names what is not there.
    #[error("there is no variable {0}; there are {known}", known = VARIABLES.join(", "))]
    Unknown(String),
    /// It fails when it is filled.
    #[error("it fails: {0}")]
    Fails(String),
    /// It makes a message without the code.
    #[error("the code is not in its text for purpose {0}: write {{{{ code }}}} where it belongs")]
    LacksCode(&'static str),
    /// It makes a text that no provider takes.
    #[error("it makes more than {LONGEST} characters")]
    TooLong,
}

/// Why a template that passed its trial made no text for a person; in words that say nothing of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfilled(String);

/// What a template is filled with.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The code, as it is to be read or heard.
    pub code: &'a str,
    /// Whole minutes that the code lives; 0 when it is less than one.
    pub minutes: u64,
    /// The tenant's brand; may be empty.
    pub brand: &'a str,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// The recipient's language tag; may be empty.
    pub locale: &'a str,
    /// What else is known of the person.
    pub attributes: &'a Attributes,
}

/// A compiled template. Two of the same source are equal; clones share what was compiled.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    engine: Arc<Environment<'static>>,
    /// Its pieces, where it is so plain that the engine need not be asked; such a one never runs long.
    plain: Option<Arc<[Piece]>>,
}

/// A piece of a plain template.
enum Piece {
    Text(Box<str>),
    Code,
    Minutes,
    Brand,
    Purpose,
    Locale,
}

impl Piece {
    fn named(name: &str) -> Option<Self> {
        match name {
            "code" => Some(Self::Code),
            "minutes" => Some(Self::Minutes),
            "brand" => Some(Self::Brand),
            "purpose" => Some(Self::Purpose),
            "locale" => Some(Self::Locale),
            _ => None,
        }
    }
}

impl Template {
    /// Compiles a template. Only the listed variables may be named, wherever they stand.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(MOST_STEPS));
        engine
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| TemplateError::Syntax {
                line: error.line().unwrap_or(1),
                detail: told(&error),
            })?;
        let template = Self {
            source: source.into(),
            engine: Arc::new(engine),
            plain: pieces(source).map(Arc::from),
        };
        let named = template.compiled().undeclared_variables(false);
        let mut unknown: Vec<_> = named
            .into_iter()
            .filter(|name| !VARIABLES.contains(&name.as_str()))
            .collect();
        unknown.sort();
        match unknown.into_iter().next() {
            Some(name) => Err(TemplateError::Unknown(name)),
            None => Ok(template),
        }
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Fills it for one person. Missing attributes are empty, so that nobody is left without a code for want of a name.
    pub fn fill(&self, places: &Places<'_>) -> Result<String, Unfilled> {
        let known = Known::Of(places.attributes.clone());
        // The details of the library's error may repeat a value.
        let text = self.render(places, known).map_err(|error| {
            let line = error.line().unwrap_or(0);
            Unfilled(format!("{} in line {line}", error.kind()))
        })?;
        if !text.contains(places.code) {
            return Err(Unfilled("the code is not in its text".to_owned()));
        }
        let fits = text.len() <= LONGEST || text.chars().count() <= LONGEST;
        fits.then_some(text)
            .ok_or_else(|| Unfilled("too long".to_owned()))
    }

    /// Fills it with samples of everything that it may meet: each of these purposes (all when empty), with attributes
    /// and without, and codes about to die.
    pub fn try_out(
        &self,
        brand: &str,
        purposes: &[Purpose],
        locale: &str,
    ) -> Result<(), TemplateError> {
        let purposes = if purposes.is_empty() {
            &Purpose::ALL
        } else {
            purposes
        };
        for purpose in purposes {
            for minutes in [0, 1, 5] {
                for known in [Known::Nothing, Known::Everything] {
                    self.try_with(brand, *purpose, locale, minutes, known)?;
                }
            }
        }
        Ok(())
    }

    /// Its text for a sample person with this code, of whom everything is known; `None` where it fails.
    pub fn sample(
        &self,
        code: &str,
        brand: &str,
        purpose: Purpose,
        locale: &str,
    ) -> Option<String> {
        let places = Places {
            code,
            minutes: 5,
            brand,
            purpose,
            locale,
            attributes: &Attributes::default(),
        };
        self.render(&places, Known::Everything).ok()
    }

    fn try_with(
        &self,
        brand: &str,
        purpose: Purpose,
        locale: &str,
        minutes: u64,
        known: Known,
    ) -> Result<(), TemplateError> {
        let places = Places {
            code: SAMPLE_CODE,
            minutes,
            brand,
            purpose,
            locale,
            attributes: &Attributes::default(),
        };
        let text = self.render(&places, known);
        let text = text.map_err(|error| TemplateError::Fails(told(&error)))?;
        if !text.contains(SAMPLE_CODE) {
            return Err(TemplateError::LacksCode(purpose.as_str()));
        }
        let fits = text.chars().count() <= LONGEST;
        fits.then_some(()).ok_or(TemplateError::TooLong)
    }

    fn render(&self, places: &Places<'_>, known: Known) -> Result<String, Error> {
        match &self.plain {
            Some(pieces) => Ok(joined(pieces, places)),
            None => self.rendered(places, known),
        }
    }

    fn rendered(&self, places: &Places<'_>, known: Known) -> Result<String, Error> {
        let values = Values {
            code: Value::from(places.code),
            minutes: places.minutes,
            brand: Value::from(places.brand),
            purpose: places.purpose.as_str(),
            locale: Value::from(places.locale),
            attributes: Value::from_object(known),
        };
        self.compiled().render(Value::from_object(values))
    }

    fn compiled(&self) -> minijinja::Template<'_, '_> {
        self.engine
            .get_template(NAME)
            .expect("the engine was made with this template")
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}

/// The pieces of a template of text and bare names, which is what most are; `None` where there is anything else in it.
fn pieces(source: &str) -> Option<Vec<Piece>> {
    // The engine takes the last line's end away, too.
    let source = source.strip_suffix('\n').unwrap_or(source);
    let mut rest = source.strip_suffix('\r').unwrap_or(source);
    let mut pieces = Vec::new();
    while let Some((text, place)) = rest.split_once("{{") {
        let (name, after) = place.split_once("}}")?;
        pieces.push(Piece::Text(text.into()));
        pieces.push(Piece::named(name.trim())?);
        rest = after;
    }
    pieces.push(Piece::Text(rest.into()));
    let has_statement = ["{%", "{#"].iter().any(|mark| source.contains(mark));
    (!has_statement).then_some(pieces)
}

fn joined(pieces: &[Piece], places: &Places<'_>) -> String {
    let mut text = String::with_capacity(160);
    for piece in pieces {
        match piece {
            Piece::Text(written) => text.push_str(written),
            Piece::Code => text.push_str(places.code),
            Piece::Minutes => text.push_str(itoa::Buffer::new().format(places.minutes)),
            Piece::Brand => text.push_str(places.brand),
            Piece::Purpose => text.push_str(places.purpose.as_str()),
            Piece::Locale => text.push_str(places.locale),
        }
    }
    text
}

/// What the library says is wrong.
fn told(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// The variables of one rendering.
struct Values {
    code: Value,
    minutes: u64,
    brand: Value,
    purpose: &'static str,
    locale: Value,
    attributes: Value,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values")
    }
}

impl Object for Values {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        match name {
            "attributes" => Some(self.attributes.clone()),
            "brand" => Some(self.brand.clone()),
            "code" => Some(self.code.clone()),
            "locale" => Some(self.locale.clone()),
            "minutes" => Some(Value::from(self.minutes)),
            "purpose" => Some(Value::from(self.purpose)),
            _ => None,
        }
    }
}

/// What is known of a person.
enum Known {
    /// What their caller said.
    Of(Attributes),
    /// Every attribute is missing.
    Nothing,
    /// Every attribute is there.
    Everything,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

impl Object for Known {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        Some(match &**self {
            Self::Of(attributes) => {
                Value::from(on_one_line(attributes.expose(name).unwrap_or_default()))
            }
            Self::Nothing => Value::from(""),
            Self::Everything => Value::from("Alexandra"),
        })
    }
}

/// The beginning of an attribute, on one line and in one direction: what a person writes about themselves makes no line
/// of its own and does not turn the text around.
fn on_one_line(text: &str) -> String {
    let breaks = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .take(LONGEST_ATTRIBUTE)
        .map(|c| if breaks(c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn fill(source: &str, attributes: &[(&str, &str)]) -> Result<String, String> {
        let attributes = attributes.iter();
        let attributes = attributes.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let template = Template::compile(source).unwrap();
        let filled = template.fill(&Places {
            code: "482913",
            minutes: 5,
            brand: "Acme",
            purpose: Purpose::SignIn,
            locale: "ja-JP",
            attributes: &Attributes::new(attributes.collect::<HashMap<_, _>>()),
        });
        filled.map_err(|problem| problem.to_string())
    }

    #[test]
    fn every_variable_has_its_value() {
        let source = "{{ brand }} {{ code }} {{ minutes }} {{ purpose }} {{ locale }} {{ attributes.firstName }}";
        let text = fill(source, &[("firstName", "<Zoë & \"Bob\">")]).unwrap();
        assert_eq!(text, "Acme 482913 5 sign_in ja-JP <Zoë & \"Bob\">");
        for name in VARIABLES {
            assert!(source.contains(&format!("{{{{ {name}")), "{name}");
        }
    }

    #[test]
    fn only_text_and_bare_names_are_plain() {
        let is_plain = |source: &str| Template::compile(source).unwrap().plain.is_some();
        for source in ["{{ brand }}: {{code}}\n{{\tminutes }} min }} {\n", "x"] {
            assert!(is_plain(source), "{source:?}");
        }
        for source in [
            "{{ code }} {{ attributes.a }}",
            "{{ code }}{% if brand %}{{ brand }}{% endif %}",
            "{{ code }}{# said in private #}",
            "a {{- code }}",
            "{{ code | upper }}",
        ] {
            assert!(!is_plain(source), "{source:?}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_template_says_what_the_engine_says(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{{ code }}", "{{brand}}", "{{\tminutes\n}}", "{{\u{a0}minutes}}", "{{ purpose }}", "{{ locale }}", "{{- code }}",
                "{{ code -}}", "{{+ code }}", "{{ code | upper }}", "{{ attributes.a }}", "{% if code %}", "{% endif %}",
                "{# ", " #}", "{% raw %}", "{% endraw %}", "{{", "{", "}", "}}", "%}", "\n", "\r\n", "\r", " ", "é", "code",
            ]), 0..8),
            minutes: u64,
        ) {
            let Ok(template) = Template::compile(&parts.concat()) else { return Ok(()) };
            let Some(pieces) = &template.plain else { return Ok(()) };
            let places = Places {
                code: "<482913>",
                minutes,
                brand: "Acme & {{ code }}",
                purpose: Purpose::SignIn,
                locale: "ja-JP",
                attributes: &Attributes::default(),
            };
            prop_assert_eq!(joined(pieces, &places), template.rendered(&places, Known::Nothing).unwrap());
        }
    }

    #[test]
    fn a_missing_attribute_is_empty() {
        let greeting =
            "{% if attributes.firstName %}{{ attributes.firstName }}, {% endif %}{{ code }}";
        assert_eq!(fill(greeting, &[]).unwrap(), "482913");
        assert_eq!(
            fill(greeting, &[("firstName", "Zoë")]).unwrap(),
            "Zoë, 482913"
        );
        let other = "{{ attributes.firstName or 'there' }} {{ attributes['x y'] }}{{ code }}";
        assert_eq!(fill(other, &[]).unwrap(), "there 482913");
    }

    #[test]
    fn an_attribute_makes_no_line_and_no_long_text() {
        let attack = "\n\n@evil.example #482913\u{202e}\u{2028}x";
        let text = fill("{{ attributes.a }} {{ code }}", &[("a", attack)]).unwrap();
        assert_eq!(text, "  @evil.example #482913  x 482913");
        let text = fill("{{ attributes.a }}{{ code }}", &[("a", &"x".repeat(1024))]).unwrap();
        assert_eq!(text.len(), LONGEST_ATTRIBUTE + 6);
        // What an attribute says is text, not a template.
        let text = fill(
            "{{ attributes.a }} {{ code }}",
            &[("a", "{{ code }}{% raw %}")],
        );
        assert_eq!(text.unwrap(), "{{ code }}{% raw %} 482913");
    }

    #[test]
    fn what_fails_for_a_person_says_nothing_of_them() {
        let check = |source: &str, attributes: &[(&str, &str)], expect: &str| {
            assert_eq!(fill(source, attributes), Err(expect.to_owned()), "{source}");
        };
        let secret = [("a", "hunter2")];
        check(
            "{{ code }} {{ attributes.a | int }}",
            &secret,
            "invalid operation in line 1",
        );
        check(
            "{% if attributes.a %}x{% else %}{{ code }}{% endif %}",
            &secret,
            "the code is not in its text",
        );
        let long = "{{ code }}{% for c in attributes.a %}{{ attributes.a }}{% endfor %}";
        check(long, &[("a", &"é".repeat(64))], "too long");
    }

    #[test]
    fn a_loop_without_end_is_stopped() {
        let spin = "{{ code }}{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}";
        let problem = fill(spin, &[]).unwrap_err();
        assert!(problem.contains("fuel"), "{problem}");
        let problem = try_out(spin).unwrap_err().to_string();
        assert!(problem.contains("fuel"), "{problem}");
    }

    fn try_out(source: &str) -> Result<(), TemplateError> {
        Template::compile(source)?.try_out("Acme", &[], "")
    }

    #[test]
    fn mistakes_are_found_before_anybody_needs_a_code() {
        let check = |source: &str, expect: &str| {
            let problem = try_out(source).unwrap_err().to_string();
            assert_eq!(problem, expect, "{source}");
        };
        let known = "there are attributes, brand, code, locale, minutes, purpose";
        check("{{ kode }}", &format!("there is no variable kode; {known}"));
        // Also where no trial comes by.
        check(
            "{{ code }}{% if minutes > 99 %}{{ nope }}{% endif %}",
            &format!("there is no variable nope; {known}"),
        );
        check(
            "{{ code }}{% for i in range(9) %}{% endfor %}",
            &format!("there is no variable range; {known}"),
        );
        check(
            "{{ code }}\n{% if %}",
            "syntax error: unexpected end of block, in line 2 of the template",
        );
        check(
            "{{ code | shout }}",
            "it fails: unknown filter: filter shout is unknown",
        );
        check(
            "Hello",
            "the code is not in its text for purpose enrollment: write {{ code }} where it belongs",
        );
        check(
            "{% if purpose == 'sign_in' or purpose == 'enrollment' %}{{ code }}{% endif %}",
            "the code is not in its text for purpose account_unlock: write {{ code }} where it belongs",
        );
        check(
            "{{ code | lower }}",
            "the code is not in its text for purpose enrollment: write {{ code }} where it belongs",
        );
        check(
            &format!("{{{{ code }}}}{}", "x".repeat(LONGEST)),
            "it makes more than 1600 characters",
        );
        assert_eq!(
            try_out("{{ code }}{% if minutes > 1 %} ({{ minutes }} min){% endif %}"),
            Ok(())
        );
    }

    #[test]
    fn only_the_purposes_that_it_serves_are_tried() {
        let template = Template::compile("{% if purpose == 'sign_in' %}{{ code }}{% endif %}");
        let template = template.unwrap();
        assert_eq!(template.try_out("", &[Purpose::SignIn], ""), Ok(()));
        assert!(template.try_out("", &[Purpose::Other], "").is_err());
    }

    #[test]
    fn templates_of_one_source_are_equal() {
        let compile = |source: &str| Template::compile(source).unwrap();
        assert_eq!(compile("{{ code }}"), compile("{{ code }}"));
        assert_ne!(compile("{{ code }}"), compile("{{code}}"));
        assert_eq!(
            format!("{:?}", compile("{{ code }}")),
            "Template(\"{{ code }}\")"
        );
    }
}
