//! The Messages API: SMS as text, and WhatsApp by a template that has a button.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Settings, desk::Vendor, problem::Problem};
use crate::{
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::Message,
        reading::{is_international, is_sender_name},
        triggers::{self, Grounds},
        whatsapp::{self, Filled, Flaw},
    },
};

/// The longest text.
const MAX_TEXT: usize = 1000;
/// The longest reference that comes back in receipts.
const MAX_REFERENCE: usize = 100;
/// Most seconds for which delivery may be tried.
const MAX_LIFE: u64 = 604_800;

/// The page of a parameter that is wrong.
const BAD_PARAMETER: &str = "/messages#1150";

const BAD_SENDER: Problem =
    Problem::unsendable("/messages#1120", "Illegal Sender Address - rejected");
const BAD_LIFE: Problem = Problem::unsendable("/messages#1130", "Invalid TTL");
const LONG_TEXT: Problem = Problem::unsendable("/messages#1090", "Message too long");
const OUTSIDE_WINDOW: Problem = Problem::unsendable("/messages#1340", "Outside Allowed Window");
const BAD_TEMPLATE: Problem = Problem::unsendable("/messages#1022", "Invalid template");

/// A message to send.
#[derive(Debug)]
pub(super) struct Order {
    channel: Channel,
    to: String,
    from: String,
    text: String,
    language: Option<String>,
    life: Option<u32>,
}

impl Order {
    /// Reads the JSON of a request.
    pub(super) fn read(body: &Value, settings: &Settings) -> Result<Self, Problem> {
        let to = required(body, "to")?;
        if !is_international(to) {
            return Err(wrong("to", "must be digits in international form"));
        }
        let reference = body.get("client_ref").map(Value::as_str);
        if reference.is_some_and(|text| text.is_none_or(|text| text.len() > MAX_REFERENCE)) {
            return Err(wrong("client_ref", "must be at most 100 characters"));
        }
        let from = required(body, "from")?;
        let (channel, text, language) = match required(body, "channel")? {
            "sms" => (Channel::Sms, sms(body, from)?, None),
            "whatsapp" => {
                let (text, language) = whatsapp(body, from, settings)?;
                (Channel::Whatsapp, text, language)
            }
            _ => return Err(wrong("channel", "must be a supported channel")),
        };
        Ok(Self {
            channel,
            to: to.to_owned(),
            from: from.to_owned(),
            text,
            language,
            life: body.get("ttl").map(life).transpose()?,
        })
    }

    /// Sends it.
    pub(super) async fn send(&self, vendor: &Vendor) -> Response {
        let mishap = triggers::of(&self.to);
        carry(&Messaging(vendor, self), mishap, vendor.settings.slow).await
    }
}

fn sms(body: &Value, from: &str) -> Result<String, Problem> {
    if required(body, "message_type")? != "text" {
        return Err(wrong("message_type", "must be text on this channel"));
    }
    if !(is_international(from) || is_sender_name(from)) {
        return Err(BAD_SENDER);
    }
    text(body)
}

fn text(body: &Value) -> Result<String, Problem> {
    let text = required(body, "text")?;
    if text.chars().count() > MAX_TEXT {
        return Err(LONG_TEXT);
    }
    Ok(text.to_owned())
}

/// The text of a message on WhatsApp, and the language of its template. Templates for codes have a button, and so must go
/// as `custom`.
fn whatsapp(
    body: &Value,
    from: &str,
    settings: &Settings,
) -> Result<(String, Option<String>), Problem> {
    let in_conversation = from == settings.whatsapp_sandbox;
    if !in_conversation && from != settings.whatsapp_sender {
        return Err(BAD_SENDER);
    }
    match required(body, "message_type")? {
        "custom" => {
            let filled = template(body, settings)?;
            Ok((filled.text, Some(filled.language)))
        }
        "text" if in_conversation => Ok((text(body)?, None)),
        "text" => Err(OUTSIDE_WINDOW),
        "template" => Err(BAD_TEMPLATE),
        _ => Err(wrong("message_type", "must be custom or text")),
    }
}

fn template(body: &Value, settings: &Settings) -> Result<Filled, Problem> {
    let custom = &body["custom"];
    if custom["type"] != "template" {
        return Err(wrong("custom.type", "must be template"));
    }
    whatsapp::fill(&settings.templates, &custom["template"]).map_err(|flaw| match flaw {
        Flaw::Required(name) => wrong(&format!("custom.template.{name}"), "is required"),
        Flaw::NoTemplate | Flaw::Count | Flaw::Format => BAD_TEMPLATE,
        Flaw::TooLong => LONG_TEXT,
    })
}

fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, Problem> {
    let text = body[name].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| wrong(name, "is required"))
}

fn wrong(name: &str, reason: &'static str) -> Problem {
    Problem::parameter(
        StatusCode::UNPROCESSABLE_ENTITY,
        BAD_PARAMETER,
        name,
        reason,
    )
}

fn life(seconds: &Value) -> Result<u32, Problem> {
    let seconds = seconds.as_u64();
    let seconds = seconds.filter(|seconds| (1..=MAX_LIFE).contains(seconds));
    let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok());
    seconds.ok_or(BAD_LIFE)
}

/// A message that was ordered.
struct Messaging<'a>(&'a Vendor, &'a Order);

impl Carrier for Messaging<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let whatsapp = self.1.channel == Channel::Whatsapp;
        let problem = match grounds {
            Grounds::NotThere if !whatsapp => return None,
            Grounds::Invalid | Grounds::NotThere => {
                Problem::unsendable("/messages#1040", "Unroutable message - rejected")
            }
            Grounds::OptedOut => Problem::unsendable("/messages#1050", "Number barred"),
            Grounds::Throttled => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "#rate-limit",
                "Please wait, then retry your request",
            ),
            Grounds::Country => {
                Problem::unsendable("/messages#1160", "Non White-listed Destination - rejected")
            }
            Grounds::Fraud | Grounds::FirstThrottled => return None,
        };
        Some(problem.into_response())
    }

    fn deliver(&self) -> Response {
        let Self(vendor, order) = self;
        let id = vendor.uuid();
        vendor.inbox.take(Message {
            sid: id.clone(),
            channel: order.channel,
            to: format!("+{}", order.to),
            from: order.from.clone(),
            body: order.text.clone(),
            language: order.language.clone(),
            validity: order.life,
            received_at: vendor.clock.unix_ms(),
        });
        (StatusCode::ACCEPTED, Json(json!({ "message_uuid": id }))).into_response()
    }

    fn nameless(&self) -> Response {
        (StatusCode::ACCEPTED, Json(json!({}))).into_response()
    }
}
