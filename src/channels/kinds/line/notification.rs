//! Notification messages by template: the approved templates, and the code in the one of the recipient's language.

use std::collections::BTreeMap;

use minijinja::Value;
use serde::Serialize;

use super::settings;
use crate::{
    channels::{
        by_locale::ByLocale,
        kind::BuildError,
        provider::{Message, SendError},
        template::{Place, Template, facts::Facts},
    },
    domain::failure::Failure,
};

/// Most characters of an emphasized item, which is what shows the code.
const LONGEST_CODE: usize = 15;

/// Most characters of any other item.
const LONGEST_ITEM: usize = 300;

const MOST_ITEMS: usize = 15;
const MOST_BUTTONS: usize = 2;

/// The approved templates by language.
#[derive(Debug)]
pub(super) struct Approved(ByLocale<Form>);

/// An approved template, ready to be filled in.
#[derive(Debug)]
struct Form {
    key: String,
    code_item: String,
    items: Vec<(String, Template)>,
    buttons: BTreeMap<String, String>,
}

/// What a template is filled in with, as LINE takes it.
#[derive(Serialize)]
pub(super) struct Filled<'a> {
    #[serde(rename = "templateKey")]
    template_key: &'a str,
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    emphasized_item: Item<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    buttons: Vec<Button<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    item_key: &'a str,
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Button<'a> {
    button_key: &'a str,
    url: &'a str,
}

impl Approved {
    /// Reads `templates`.
    pub(super) fn parse(told: &BTreeMap<String, settings::Template>) -> Result<Self, BuildError> {
        if told.is_empty() {
            return Err(BuildError::at("templates", "names no template"));
        }
        ByLocale::parse("templates", told, Form::parse).map(Self)
    }

    /// The template of the recipient's language with the code in it; a failure where there is none, or the code does
    /// not fit.
    pub(super) fn fill_in(&self, message: &Message) -> Result<Filled<'_>, SendError> {
        let refused = |code: &str| SendError::new(Failure::Request, code);
        let form = self.0.of(&message.locale);
        let form = form.ok_or_else(|| refused("no_template"))?;
        let code = message.code.expose();
        if code.len() > LONGEST_CODE {
            return Err(refused("code_too_long"));
        }
        let emphasized_item = Item {
            item_key: &form.code_item,
            content: code.to_owned(),
        };
        let items = form.items(&Facts::of(message).value());
        let body = Body {
            emphasized_item,
            items: items.ok_or_else(|| refused("item"))?,
            buttons: form.buttons().collect(),
        };
        Ok(Filled {
            template_key: &form.key,
            body,
        })
    }
}

impl Form {
    fn parse(told: &settings::Template) -> Result<Self, String> {
        if told.items.len() > MOST_ITEMS || told.buttons.len() > MOST_BUTTONS {
            return Err(format!(
                "has more than {MOST_ITEMS} items or {MOST_BUTTONS} buttons"
            ));
        }
        let item = |(key, text): (&String, &String)| {
            let template = Template::parse(text, Place::Whole, &[]);
            let template = template.map_err(|problem| format!("item {key} {problem}"))?;
            Ok::<_, String>((key.clone(), template))
        };
        Ok(Self {
            key: told.key.clone(),
            code_item: told.code_item.clone(),
            items: told.items.iter().map(item).collect::<Result<_, _>>()?,
            buttons: told.buttons.clone(),
        })
    }

    /// Every item with its text; `None` where one cannot be filled in or is too long for LINE.
    fn items(&self, facts: &Value) -> Option<Vec<Item<'_>>> {
        let filled = self.items.iter().map(|(item_key, template)| {
            let content = template.render(facts).ok()?;
            let fits = content.chars().count() <= LONGEST_ITEM;
            fits.then_some(Item { item_key, content })
        });
        filled.collect()
    }

    fn buttons(&self) -> impl Iterator<Item = Button<'_>> {
        let buttons = self.buttons.iter();
        buttons.map(|(button_key, url)| Button { button_key, url })
    }
}
