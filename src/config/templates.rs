//! `tenants.*.templates`: messages in the tenant's own words, each tried before it is used.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::{
    path::Path,
    problem::Problem,
    tree::Tree,
    values::{ChannelName, DOMAIN, PurposeName},
};
use crate::domain::{purpose::Purpose, template};

/// A message in the tenant's own words. Of those whose locale fits best, the first that matches wins.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The channels it serves; all that carry text when left out. A call must be asked for, in a template with a locale.
    #[serde(default)]
    pub channels: Vec<ChannelName>,
    /// The purposes it serves; all when left out.
    #[serde(default)]
    pub purposes: Vec<PurposeName>,
    /// The language it is written in, for example `ja` or `pt-BR`; left out, it serves whoever has no better one.
    #[serde(default)]
    #[schemars(schema_with = "language_tag")]
    pub locale: String,
    /// The text, with `{{ code }}` where the code belongs.
    pub text: Text,
}

/// The text of a template, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Text(pub template::Template);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let source = String::deserialize(from)?;
        let compiled = template::Template::compile(&source);
        compiled.map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TemplateText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A minijinja template of code, minutes, brand, purpose, locale and attributes.",
            "type": "string",
            "minLength": 1,
            "maxLength": 4000,
        })
    }
}

fn language_tag(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "a language tag such as ja or pt-BR",
        "type": "string",
        "pattern": "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$",
    })
}

/// The schema of a domain to which a browser binds a code.
pub(super) fn domain_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "a domain name in small letters such as acme.example",
        "type": "string",
        "format": DOMAIN,
    })
}

/// Whether a text is the name of a domain on the internet, in the form in which a browser compares it.
pub(super) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let edges = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && edges && label.bytes().all(inner)
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_name = last.bytes().any(|byte| byte.is_ascii_lowercase());
    text.len() <= 253 && text.contains('.') && is_name && text.split('.').all(label)
}

/// Names every template that cannot be used.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let templates = tree.paths("tenants/*/templates/*").into_iter();
    templates.flat_map(|path| problems(tree, &path)).collect()
}

fn problems(tree: &Tree, path: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    let channels: Vec<ChannelName> = tree.read(&path.key("channels")).unwrap_or_default();
    let locale: String = tree.read(&path.key("locale")).unwrap_or_default();
    if channels.contains(&ChannelName::Voice) && locale.is_empty() {
        let message = "needs a locale, as a voice must know which language it reads";
        problems.push(tree.problem_with_key(path, message));
    }
    let text = path.key("text");
    let source = tree.read::<String>(&text);
    if let Some(source) = source.filter(|source| !source.is_empty()) {
        let tried = template::Template::compile(&source).and_then(|template| {
            template.try_out(&brand(tree, path), &purposes(tree, path), &locale)
        });
        problems.extend(
            tried
                .err()
                .map(|problem| tree.problem(&text, problem.to_string())),
        );
    }
    problems
}

fn purposes(tree: &Tree, path: &Path) -> Vec<Purpose> {
    let purposes: Vec<PurposeName> = tree.read(&path.key("purposes")).unwrap_or_default();
    purposes.into_iter().map(Purpose::from).collect()
}

/// The brand of the tenant whose template it is.
fn brand(tree: &Tree, path: &Path) -> String {
    let tenant = path.parent().and_then(|list| list.parent());
    let brand = tenant.and_then(|tenant| tree.read(&tenant.key("brand")));
    brand.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sample::{load, problems};

    fn tenant(lines: &str) -> String {
        format!(
            "
providers: {{ t: {{ kind: stub }} }}
allow_test_providers: true
routes: [{{ channel: sms, try: [t] }}]
tenants:
  acme:
    countries: {{ allow: [US] }}
    brand: Acme
    {lines}
"
        )
    }

    fn check(lines: &str, expect: &str) {
        let found = problems(&tenant(lines));
        let found = found.replace("c.yaml:", "");
        assert_eq!(found, expect, "{lines}");
    }

    #[test]
    fn each_mistake_is_named_at_its_place() {
        let text = "templates:
      - { text: '{{ code }} for {{ name }}' }
      - { text: 'no code' }
      - { text: '{{ code' }
      - { channels: [voice], text: '{{ code }}' }
      - { locale: japanese!, text: '{{ code }}', chanels: [sms] }
      - { purposes: [sign_in, sign_in], text: '' }
      - { text: '{{ code | upper | shout }}', purposes: [sign_in] }";
        let found = problems(&tenant(text));
        insta::assert_snapshot!(found);
    }

    #[test]
    fn good_templates_are_compiled() {
        let text = tenant(
            "templates: [{ channels: [sms], purposes: [], locale: ja, text: '{{ brand }} {{ code }}' }, { text: '{{ code }}' }]",
        );
        let config = load(&text, &[]).unwrap();
        let templates = &config.tenants["acme"].templates;
        assert_eq!(templates[0].text.0.source(), "{{ brand }} {{ code }}");
        assert_eq!((&*templates[0].locale, &*templates[1].locale), ("ja", ""));
        assert_eq!(templates[0].channels, [ChannelName::Sms]);
    }

    #[test]
    fn a_code_is_bound_to_a_domain_and_nothing_else() {
        for good in [
            "acme.example",
            "login.acme.co.uk",
            "xn--bcher-kva.example",
            "1.a1",
        ] {
            check(&format!("autofill_domain: {good}"), "");
        }
        for bad in [
            "acme",
            "https://acme.example",
            "acme.example:443",
            "acme.example/x",
            "Acme.example",
            "bücher.example",
            "-a.example",
            "a..example",
            "acme.example.",
            "127.0.0.1",
            "a b.example",
        ] {
            let found = problems(&tenant(&format!("autofill_domain: '{bad}'")));
            let expect = "tenants.acme.autofill_domain: expected a domain name in small letters such as acme.example";
            assert!(found.contains(expect), "{bad}: {found}");
        }
    }
}
