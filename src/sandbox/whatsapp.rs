//! Approved WhatsApp templates, and the request that fills one in: what WhatsApp's own API and those who pass it on have
//! in common.

use serde_json::Value;

/// The name under which the sandbox's templates were approved.
pub const NAME: &str = "login_code";

/// The longest code.
const MAX_CODE: usize = 15;
/// Where the code stands in a wording.
const PLACE: &str = "{{1}}";

/// The sandbox's approved wordings, each with its language.
const WORDINGS: [(&str, &str); 7] = [
    ("en_US", "{{1}} is your verification code."),
    ("en", "{{1}} is your verification code."),
    ("ja", "認証コードは{{1}}です。"),
    ("pt_BR", "{{1}} é o seu código de verificação."),
    ("es", "{{1}} es tu código de verificación."),
    ("fr", "{{1}} est votre code de vérification."),
    ("de", "{{1}} ist dein Bestätigungscode."),
];

/// An approved template in one language.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name, the same in every language.
    pub name: String,
    /// Its language, for example `pt_BR`.
    pub language: String,
    /// The approved text with `{{1}}` for the code.
    pub wording: String,
}

impl Template {
    /// The sandbox's templates.
    pub fn approved() -> Vec<Self> {
        let templates = WORDINGS.map(|(language, wording)| Self {
            name: NAME.to_owned(),
            language: language.to_owned(),
            wording: wording.to_owned(),
        });
        templates.into()
    }

    /// What the person sees: the wording with the code in it, and below it the button that copies the other code.
    pub(super) fn read(&self, body: &str, button: &str) -> String {
        let text = self.wording.replace(PLACE, body);
        format!("{text}\n▸ Copy {button}")
    }
}

/// A template that was filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled {
    /// What the person sees.
    pub(super) text: String,
    /// The language of the template.
    pub(super) language: String,
}

/// What is wrong with a request for a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Something must be there and is not.
    Required(&'static str),
    /// Nothing of this name is approved in this language.
    NoTemplate,
    /// There are more or fewer parameters than places.
    Count,
    /// A parameter is not what its place wants.
    Format,
    /// The code is too long.
    TooLong,
}

/// Fills in the template that `order` asks for: its `name`, its `language`, and its `components`.
pub(super) fn fill(templates: &[Template], order: &Value) -> Result<Filled, Flaw> {
    let name = order["name"].as_str().ok_or(Flaw::Required("name"))?;
    let language = order["language"]["code"].as_str();
    let language = language.ok_or(Flaw::Required("language"))?;
    let mut known = templates.iter();
    let template = known.find(|one| one.name == name && one.language == language);
    let template = template.ok_or(Flaw::NoTemplate)?;
    let components = order["components"].as_array();
    let components = components.ok_or(Flaw::Required("components"))?;
    let body = component(components, "body").ok_or(Flaw::Required("body"))?;
    let body = parameter(body)?;
    let button = component(components, "button").ok_or(Flaw::Required("button"))?;
    if button["sub_type"] != "url" || button["index"] != "0" {
        return Err(Flaw::Format);
    }
    Ok(Filled {
        text: template.read(body, parameter(button)?),
        language: language.to_owned(),
    })
}

fn component<'a>(components: &'a [Value], kind: &str) -> Option<&'a Value> {
    let mut components = components.iter();
    components.find(|component| component["type"] == kind)
}

/// The only parameter of a component.
fn parameter(component: &Value) -> Result<&str, Flaw> {
    let parameters = component["parameters"].as_array();
    let [parameter] = parameters.map(Vec::as_slice).unwrap_or_default() else {
        return Err(Flaw::Count);
    };
    let text = parameter["text"].as_str().filter(|text| !text.is_empty());
    match text {
        Some(text) if parameter["type"] == "text" => {
            if text.chars().count() > MAX_CODE {
                return Err(Flaw::TooLong);
            }
            Ok(text)
        }
        _ => Err(Flaw::Format),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A request as it is documented.
    fn order() -> Value {
        let code = json!([{ "type": "text", "text": "123456" }]);
        json!({
            "name": NAME,
            "language": { "code": "en_US" },
            "components": [
                { "type": "body", "parameters": code },
                { "type": "button", "sub_type": "url", "index": "0", "parameters": code },
            ],
        })
    }

    fn filled(order: &Value) -> Result<Filled, Flaw> {
        fill(&Template::approved(), order)
    }

    #[test]
    fn the_code_stands_in_the_wording_and_on_the_button() {
        let mut order = order();
        let filled_in = filled(&order).expect("filled");
        assert_eq!(
            filled_in.text,
            "123456 is your verification code.\n▸ Copy 123456"
        );
        order["language"]["code"] = json!("ja");
        let filled_in = filled(&order).expect("filled");
        assert_eq!(filled_in.language, "ja");
        assert!(filled_in.text.starts_with("認証コードは123456です。"));
    }

    #[test]
    fn each_flaw_is_told() {
        let check = |pointer: &str, value: Value, flaw: Flaw| {
            let mut order = order();
            *order.pointer_mut(pointer).expect(pointer) = value;
            assert_eq!(filled(&order), Err(flaw), "{pointer}");
        };
        check("/name", json!(null), Flaw::Required("name"));
        check("/name", json!("other"), Flaw::NoTemplate);
        check("/language", json!("en_US"), Flaw::Required("language"));
        check("/language/code", json!("en_us"), Flaw::NoTemplate);
        check("/language/code", json!("sw"), Flaw::NoTemplate);
        check("/components", json!(null), Flaw::Required("components"));
        check(
            "/components/0/type",
            json!("header"),
            Flaw::Required("body"),
        );
        check(
            "/components/1/type",
            json!("footer"),
            Flaw::Required("button"),
        );
        check("/components/1/index", json!(0), Flaw::Format);
        check("/components/1/sub_type", json!("copy"), Flaw::Format);
        check("/components/0/parameters", json!([]), Flaw::Count);
        check("/components/1/parameters", json!([1, 2]), Flaw::Count);
        let parameter = "/components/0/parameters/0";
        check(&format!("{parameter}/type"), json!("date"), Flaw::Format);
        check(&format!("{parameter}/text"), json!(123_456), Flaw::Format);
        check(&format!("{parameter}/text"), json!(""), Flaw::Format);
        let long = "1".repeat(16);
        check(&format!("{parameter}/text"), json!(long), Flaw::TooLong);
    }
}
