//! What a request asks of the simulated vendor, checked as the vendor checks it.

use serde_json::Value;

use super::{Settings, answer::Refusal};
use crate::sandbox::{
    reading::is_international,
    whatsapp::{self, Filled, Flaw},
};

/// The longest text that comes back in receipts.
const MAX_OPAQUE: usize = 512;

const NO_PRODUCT: Refusal =
    Refusal::bad_request(100, "The parameter messaging_product is required.");
const BAD_RECIPIENT_TYPE: Refusal =
    Refusal::bad_request(100, "Param recipient_type must be one of {individual}.");
const NO_RECIPIENT: Refusal = Refusal::bad_request(100, "The parameter to is required.");
const BAD_OPAQUE: Refusal = Refusal::bad_request(
    100,
    "Param biz_opaque_callback_data must be a short string.",
);
const BAD_RECIPIENT: Refusal = Refusal::bad_request(131_009, "Parameter value is not valid.");
const OUTSIDE_WINDOW: Refusal = Refusal::bad_request(131_047, "Re-engagement message.");
const UNKNOWN_TYPE: Refusal = Refusal::bad_request(131_051, "Unsupported message type.");

/// A message to send.
#[derive(Debug)]
pub(super) struct Order {
    /// The destination, digits only.
    pub(super) to: String,
    /// The template, filled in.
    pub(super) filled: Filled,
}

impl Order {
    /// Reads the JSON of a request.
    pub(super) fn read(body: &Value, settings: &Settings) -> Result<Self, Refusal> {
        if body["messaging_product"] != "whatsapp" {
            return Err(NO_PRODUCT);
        }
        let individual = |kind: &Value| kind == "individual";
        if !body.get("recipient_type").is_none_or(individual) {
            return Err(BAD_RECIPIENT_TYPE);
        }
        let short = |text: &Value| text.as_str().is_some_and(|text| text.len() <= MAX_OPAQUE);
        if !body.get("biz_opaque_callback_data").is_none_or(short) {
            return Err(BAD_OPAQUE);
        }
        let to = body["to"].as_str().ok_or(NO_RECIPIENT)?;
        if !is_international(to) {
            return Err(BAD_RECIPIENT);
        }
        // Without a type it is a text, and no conversation is ever open here.
        match body.get("type").map(Value::as_str) {
            Some(Some("template")) => {}
            None | Some(Some("text")) => return Err(OUTSIDE_WINDOW),
            Some(_) => return Err(UNKNOWN_TYPE),
        }
        let filled = whatsapp::fill(&settings.templates, &body["template"]).map_err(refusal)?;
        Ok(Self {
            to: to.to_owned(),
            filled,
        })
    }
}

fn refusal(flaw: Flaw) -> Refusal {
    let (code, message) = match flaw {
        Flaw::Required(_) => (131_008, "Required parameter is missing."),
        Flaw::Count => (
            132_000,
            "Number of parameters does not match the expected number of params.",
        ),
        Flaw::NoTemplate => (132_001, "Template name does not exist in the translation."),
        Flaw::TooLong => (132_005, "Translated text too long."),
        Flaw::Format => (
            132_012,
            "Parameter format does not match format in the created template.",
        ),
    };
    Refusal::bad_request(code, message)
}
