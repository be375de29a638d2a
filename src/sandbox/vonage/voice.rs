//! The Voice API: a call that speaks what its list of actions (NCCO) says.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use roxmltree::Document;
use serde_json::{Value, json};

use super::{desk::Vendor, problem::Problem};
use crate::{
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::Message,
        reading::{is_international, is_language},
        triggers::{self, Grounds},
    },
};

/// The longest text of an action.
const MAX_TEXT: usize = 1500;
/// Most times that a text is repeated here; the vendor itself would go on for ever.
const MAX_LOOPS: u64 = 10;

/// The page of a parameter that is wrong.
const BAD_PARAMETER: &str = "#invalid-params";

/// A call to make.
#[derive(Debug)]
pub(super) struct Call {
    to: String,
    from: String,
    text: String,
    language: Option<String>,
}

impl Call {
    /// Reads the JSON of a request.
    pub(super) fn read(body: &Value) -> Result<Self, Problem> {
        let to = endpoint(&body["to"][0], "to[0]")?;
        let from = match (body.get("from"), &body["random_from_number"]) {
            (Some(from), Value::Null | Value::Bool(false)) => endpoint(from, "from")?,
            (None, Value::Bool(true)) => "random",
            _ => {
                return Err(wrong(
                    "from",
                    "either this or random_from_number is required",
                ));
            }
        };
        within(body, "ringing_timer", 1..=120)?;
        within(body, "length_timer", 1..=7200)?;
        let (text, language) = match (body.get("ncco"), body.get("answer_url")) {
            (Some(actions), None) => spoken(actions)?,
            // What would have to be fetched says nothing here.
            (None, Some(_)) => (String::new(), None),
            _ => return Err(wrong("ncco", "either this or answer_url is required")),
        };
        Ok(Self {
            to: to.to_owned(),
            from: from.to_owned(),
            text,
            language,
        })
    }

    /// Makes it.
    pub(super) async fn make(&self, vendor: &Vendor) -> Response {
        let mishap = triggers::of(&self.to);
        carry(&Calling(vendor, self), mishap, vendor.settings.slow).await
    }
}

fn wrong(name: &str, reason: &'static str) -> Problem {
    Problem::parameter(StatusCode::BAD_REQUEST, BAD_PARAMETER, name, reason)
}

fn endpoint<'a>(endpoint: &'a Value, name: &str) -> Result<&'a str, Problem> {
    if endpoint["type"] != "phone" {
        return Err(wrong(&format!("{name}.type"), "must be phone"));
    }
    let number = endpoint["number"].as_str();
    let number = number.filter(|number| is_international(number));
    number.ok_or_else(|| {
        wrong(
            &format!("{name}.number"),
            "must be digits in international form",
        )
    })
}

fn within(body: &Value, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<(), Problem> {
    let fits = |seconds: &Value| {
        seconds
            .as_u64()
            .is_some_and(|number| range.contains(&number))
    };
    let fits = body.get(name).is_none_or(fits);
    fits.then_some(())
        .ok_or_else(|| wrong(name, "is out of range"))
}

/// What the actions say, a line for each time, and the language of the first one.
fn spoken(actions: &Value) -> Result<(String, Option<String>), Problem> {
    let actions = actions.as_array().filter(|actions| !actions.is_empty());
    let actions = actions.ok_or_else(|| wrong("ncco", "must be a list of actions"))?;
    let mut lines = Vec::new();
    let mut language = None;
    for action in actions {
        match action["action"].as_str() {
            Some("talk") => {
                let (text, times) = talk(action)?;
                lines.extend(std::iter::repeat_n(text, times));
                let spoken = action["language"].as_str().map(str::to_owned);
                language = language.or(spoken);
            }
            Some(_) => {}
            None => return Err(wrong("ncco.action", "is required")),
        }
    }
    Ok((lines.join("\n"), language))
}

fn talk(action: &Value) -> Result<(String, usize), Problem> {
    let text = action["text"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| wrong("ncco.text", "is required"))?;
    if text.chars().count() > MAX_TEXT {
        return Err(wrong("ncco.text", "must be at most 1500 characters"));
    }
    let language = action.get("language").map(Value::as_str);
    if language.is_some_and(|tag| !tag.is_some_and(is_language)) {
        return Err(wrong("ncco.language", "must be a supported language"));
    }
    let loops = match action.get("loop").map(Value::as_u64) {
        None => 1,
        Some(Some(0)) => MAX_LOOPS,
        Some(Some(loops)) => MAX_LOOPS.min(loops),
        Some(None) => return Err(wrong("ncco.loop", "must be a number")),
    };
    let text = without_marks(text).ok_or_else(|| wrong("ncco.text", "must be valid SSML"))?;
    Ok((text, usize::try_from(loops).unwrap_or(1)))
}

/// The text of a `<speak>` document; any other text is itself.
fn without_marks(text: &str) -> Option<String> {
    if !text.trim_start().starts_with("<speak") {
        return Some(text.to_owned());
    }
    let document = Document::parse(text).ok()?;
    let texts = document.descendants().filter_map(|node| {
        let text = node.is_text().then(|| node.text())?;
        text.map(str::to_owned)
    });
    Some(texts.collect())
}

/// A call that was ordered.
struct Calling<'a>(&'a Vendor, &'a Call);

impl Carrier for Calling<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let problem = match grounds {
            Grounds::Invalid => wrong("to[0].number", "is not a valid number"),
            Grounds::Throttled | Grounds::FirstThrottled => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "#rate-limit",
                "Please wait, then retry your request",
            ),
            Grounds::Country => Problem::new(
                StatusCode::FORBIDDEN,
                "#forbidden",
                "Your account does not have permission to perform this action.",
            ),
            Grounds::OptedOut | Grounds::Fraud | Grounds::NotThere => return None,
        };
        Some(problem.into_response())
    }

    fn deliver(&self) -> Response {
        let Self(vendor, call) = self;
        let id = vendor.uuid();
        vendor.inbox.take(Message {
            sid: id.clone(),
            channel: Channel::Voice,
            to: format!("+{}", call.to),
            from: call.from.clone(),
            body: call.text.clone(),
            language: call.language.clone(),
            validity: None,
            received_at: vendor.clock.unix_ms(),
        });
        let body = json!({
            "uuid": id,
            "status": "started",
            "direction": "outbound",
            "conversation_uuid": format!("CON-{}", vendor.uuid()),
        });
        (StatusCode::CREATED, Json(body)).into_response()
    }

    fn nameless(&self) -> Response {
        let body = json!({ "status": "started", "direction": "outbound" });
        (StatusCode::CREATED, Json(body)).into_response()
    }
}
