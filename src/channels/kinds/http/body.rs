//! The body of a request: a form, JSON or a document, each with places to fill in.

use bytes::Bytes;
use http::HeaderValue;
use minijinja::Value as Facts;
use serde_json::Value;
use url::form_urlencoded;

use super::settings::{BodyForms, Field, Raw};
use crate::channels::{
    kind::BuildError,
    template::{Document, NotRendered, Place, Template},
};

/// A body with places.
#[derive(Debug)]
pub(super) enum Body {
    None,
    Form(Vec<(String, Template)>),
    Json(Vec<Piece>),
    Raw(HeaderValue, Box<Template>),
}

/// A piece of JSON.
#[derive(Debug)]
pub(super) enum Piece {
    /// As it stands.
    Literal(String),
    /// A text that will get its quotes.
    Text(Template),
    /// A value that brings its own.
    Value(Template),
}

impl Body {
    /// Reads `body`. Names every problem at once.
    pub(super) fn parse(told: &BodyForms, secrets: &[&str]) -> Result<Self, BuildError> {
        match (told.form.is_empty(), &told.json, &told.raw) {
            (true, None, None) => Ok(Self::None),
            (false, None, None) => form(told, secrets),
            (true, Some(json), None) => {
                let mut pieces = Pieces::new(secrets);
                pieces.add(json, "body.json");
                pieces.finish().map(Self::Json)
            }
            (true, None, Some(raw)) => document(raw, secrets),
            (_, _, _) => {
                let text = "has more than one of `form`, `json` and `raw`";
                Err(BuildError::at("body", text))
            }
        }
    }

    /// Every template in it.
    pub(super) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::None => Vec::new(),
            Self::Form(fields) => fields.iter().map(|(_, template)| template).collect(),
            Self::Json(pieces) => pieces.iter().filter_map(Piece::template).collect(),
            Self::Raw(_, template) => vec![template.as_ref()],
        }
    }

    /// Its media type.
    pub(super) fn content_type(&self) -> Option<HeaderValue> {
        let form = "application/x-www-form-urlencoded";
        match self {
            Self::None => None,
            Self::Form(_) => Some(HeaderValue::from_static(form)),
            Self::Json(_) => Some(HeaderValue::from_static("application/json")),
            Self::Raw(kind, _) => Some(kind.clone()),
        }
    }

    /// The body for a message.
    pub(super) fn render(&self, facts: &Facts) -> Result<Bytes, NotRendered> {
        let text = match self {
            Self::None => String::new(),
            Self::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, template) in fields {
                    form.append_pair(name, &template.render(facts)?);
                }
                form.finish()
            }
            Self::Json(pieces) => {
                let pieces = pieces.iter().map(|piece| piece.render(facts));
                pieces.collect::<Result<_, _>>()?
            }
            Self::Raw(_, template) => template.render(facts)?,
        };
        Ok(text.into())
    }
}

impl Piece {
    const fn template(&self) -> Option<&Template> {
        match self {
            Self::Literal(_) => None,
            Self::Text(template) | Self::Value(template) => Some(template),
        }
    }

    fn render(&self, facts: &Facts) -> Result<String, NotRendered> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Text(template) => template.render(facts).map(|text| quoted(&text)),
            Self::Value(template) => template.render(facts),
        }
    }
}

fn form(told: &BodyForms, secrets: &[&str]) -> Result<Body, BuildError> {
    let mut problems = BuildError::default();
    let mut fields = Vec::new();
    for (name, field) in &told.form {
        let texts = match field {
            Field::One(text) => std::slice::from_ref(text),
            Field::Several(texts) => texts.as_slice(),
        };
        for text in texts {
            let template = Template::parse(text, Place::Whole, secrets);
            let template = problems.keep(&format!("body.form.{name}"), template);
            fields.extend(template.map(|template| (name.clone(), template)));
        }
    }
    let body = Body::Form(fields);
    problems.is_empty().then_some(body).ok_or(problems)
}

fn document(told: &Raw, secrets: &[&str]) -> Result<Body, BuildError> {
    let mut problems = BuildError::default();
    let place = Place::Document(written_in(&told.content_type));
    let kind = HeaderValue::from_str(&told.content_type).map_err(|_| "is no media type");
    let kind = kind.and_then(|kind| {
        // Nothing that is filled in could be kept from ending a part.
        let text = "may not be multipart";
        (!is_multipart(&told.content_type))
            .then_some(kind)
            .ok_or(text)
    });
    let kind = problems.keep("body.raw.content_type", kind);
    let text = Template::parse(&told.text, place, secrets);
    let text = problems.keep("body.raw.text", text);
    let body = kind.zip(text);
    let body = body.map(|(kind, text)| Body::Raw(kind, Box::new(text)));
    body.ok_or(problems)
}

fn is_multipart(content_type: &str) -> bool {
    let kind = content_type.split('/').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart")
}

fn written_in(content_type: &str) -> Document {
    let kind = content_type.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    match kind.rsplit(['/', '+']).next() {
        Some("xml") => Document::Xml,
        Some("json") => Document::Json,
        Some("x-www-form-urlencoded") => Document::Form,
        Some(_) | None => Document::Plain,
    }
}

/// Takes JSON apart: what stands there as it is, and what is filled in.
struct Pieces<'a> {
    secrets: &'a [&'a str],
    done: Vec<Piece>,
    literal: String,
    problems: BuildError,
}

impl<'a> Pieces<'a> {
    fn new(secrets: &'a [&'a str]) -> Self {
        Self {
            secrets,
            done: Vec::new(),
            literal: String::new(),
            problems: BuildError::default(),
        }
    }

    fn add(&mut self, value: &Value, path: &str) {
        match value {
            Value::String(text) if text.contains("{{") || text.contains("{%") => {
                self.add_template(text, path);
            }
            Value::Array(items) => {
                self.literal.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.separate(at);
                    self.add(item, &format!("{path}.{at}"));
                }
                self.literal.push(']');
            }
            Value::Object(fields) => {
                self.literal.push('{');
                for (at, (name, field)) in fields.iter().enumerate() {
                    self.separate(at);
                    self.literal.push_str(&quoted(name));
                    self.literal.push(':');
                    self.add(field, &format!("{path}.{name}"));
                }
                self.literal.push('}');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.literal.push_str(&value.to_string());
            }
        }
    }

    fn separate(&mut self, at: usize) {
        if at > 0 {
            self.literal.push(',');
        }
    }

    fn add_template(&mut self, text: &str, path: &str) {
        let alone = is_one_expression(text);
        let place = if alone {
            Place::JsonValue
        } else {
            Place::Whole
        };
        let text = if alone { text.trim() } else { text };
        let template = Template::parse(text, place, self.secrets);
        let Some(template) = self.problems.keep(path, template) else {
            return;
        };
        let literal = std::mem::take(&mut self.literal);
        self.done.push(Piece::Literal(literal));
        self.done.push(if alone {
            Piece::Value(template)
        } else {
            Piece::Text(template)
        });
    }

    fn finish(mut self) -> Result<Vec<Piece>, BuildError> {
        self.done.push(Piece::Literal(self.literal));
        let good = self.problems.is_empty();
        good.then_some(self.done).ok_or(self.problems)
    }
}

/// Whether a text is one `{{ … }}` and nothing else.
fn is_one_expression(text: &str) -> bool {
    let inside = text.trim().strip_prefix("{{");
    let inside = inside.and_then(|text| text.strip_suffix("}}"));
    inside.is_some_and(|inside| !["{{", "}}", "{%", "{#"].iter().any(|m| inside.contains(m)))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
