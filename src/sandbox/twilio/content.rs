//! Content templates: texts that were approved for WhatsApp, each with an id of its own per language.

use serde_json::Value;

use super::answer::Refusal;
use crate::sandbox::{reading::Form, whatsapp::Template};

const NO_TEMPLATE: Refusal =
    Refusal::bad_request(63027, "Template does not exist for a language and locale.");
const BAD_VARIABLES: Refusal = Refusal::bad_request(
    63028,
    "Number of parameters provided does not match the expected number of parameters.",
);

/// A template for codes (`whatsapp/authentication`): its only variable is the code.
#[derive(Clone, Debug)]
pub struct Content {
    /// `HX` and 32 hex digits.
    pub sid: String,
    /// Its text and language.
    pub template: Template,
}

impl Content {
    /// The sandbox's templates, numbered from one in the order of [`Template::approved`].
    pub fn approved() -> Vec<Self> {
        let templates = Template::approved().into_iter().enumerate();
        let contents = templates.map(|(index, template)| Self {
            sid: format!("HX5a4d{:028x}", index + 1),
            template,
        });
        contents.collect()
    }
}

/// What a person reads, and in which language.
pub(super) struct Read {
    pub(super) text: String,
    pub(super) language: String,
}

/// Fills in the template of this id with the variables of a request.
pub(super) fn fill(contents: &[Content], sid: &str, form: &Form) -> Result<Read, Refusal> {
    let content = contents.iter().find(|content| content.sid == sid);
    let template = &content.ok_or(NO_TEMPLATE)?.template;
    let code = form.get("ContentVariables").and_then(only_variable);
    let code = code.ok_or(BAD_VARIABLES)?;
    Ok(Read {
        text: template.read(&code, &code),
        language: template.language.clone(),
    })
}

/// The variable of `{"1":"123456"}`.
fn only_variable(text: &str) -> Option<String> {
    let variables: Value = serde_json::from_str(text).ok()?;
    let variables = variables.as_object()?;
    let value = variables.get("1")?.as_str()?;
    (variables.len() == 1 && !value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(sid: &str, variables: &str) -> Result<Read, u32> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("ContentVariables", variables);
        let form = Form::read(form.finish().as_bytes());
        fill(&Content::approved(), sid, &form).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_template_is_filled_in() {
        let sid = Content::approved()[2].sid.clone();
        assert_eq!(sid, "HX5a4d0000000000000000000000000003");
        let read = filled(&sid, r#"{"1":"123456"}"#).expect("filled");
        assert_eq!(read.language, "ja");
        assert_eq!(read.text, "認証コードは123456です。\n▸ Copy 123456");
    }

    #[test]
    fn each_flaw_has_its_code() {
        let sid = Content::approved()[0].sid.clone();
        let check = |sid: &str, variables: &str, code: u32| {
            assert_eq!(filled(sid, variables).err(), Some(code), "{variables}");
        };
        check("HX1", r#"{"1":"123456"}"#, 63027);
        for bad in [
            "",
            "123456",
            r#"["123456"]"#,
            r#"{"1":123456}"#,
            r#"{"1":""}"#,
            r#"{"2":"123456"}"#,
            r#"{"1":"123456","2":"5"}"#,
            r#"{"1":"12"3456"}"#,
        ] {
            check(&sid, bad, 63028);
        }
    }
}
