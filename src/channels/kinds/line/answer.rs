//! From LINE's answers to our words.

use http::StatusCode;
use serde_json::Value;

use crate::{
    channels::{
        provider::{Accepted, Message, SendError},
        vendor_word,
    },
    domain::failure::Failure,
    outbound::Answer,
};

/// Where an answer names the request that it belongs to, or that took the message before.
const REQUEST_IDS: [&str; 2] = ["x-line-accepted-request-id", "x-line-request-id"];

/// What LINE's sentences begin with, within a range of statuses, and what they mean. It has no codes; the last part is
/// our word for the ledger.
const SENTENCES: &[(u16, u16, &str, Failure, &str)] = &[
    // No such user, a wrong country, a user who refused or never agreed to the policy.
    (
        400,
        499,
        "Failed to send messages",
        Failure::Recipient,
        "failed_to_send",
    ),
    (
        429,
        429,
        "You have reached your monthly limit.",
        Failure::Account,
        "monthly_limit",
    ),
];

/// What a sentence about the recipient's property begins with.
const INVALID_RECIPIENT: &str = "The property, 'to', in the request body is invalid";

/// The property whose value is the recipient.
const RECIPIENT: &str = "to";

/// What was asked, as far as the answer's meaning depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) message: &'a Message,
    /// Whether the request was a push to a user id, which bears a retry key.
    pub(super) repeatable: bool,
    /// Whether its token was minted for an earlier message, and so may have expired.
    pub(super) expirable: bool,
}

/// What became of a message. Any 2xx means that LINE took it, whatever else it says.
pub(super) fn read(answer: &Answer, asked: Asked<'_>, now_ms: u64) -> Result<Accepted, SendError> {
    // A proxy may answer in HTML, or nothing at all: then the status alone speaks.
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (status, message) = (answer.status, asked.message);
    // It had this very request before, and took it then.
    let repeated = status == StatusCode::CONFLICT && asked.repeatable;
    if status.is_success() || repeated {
        return Ok(Accepted {
            message_id: id(answer, &body, message),
        });
    }
    let by_status = SendError::by_status(status, answer.retry_after(now_ms));
    Err(match status {
        StatusCode::UNAUTHORIZED if asked.expirable => SendError {
            failure: Failure::CredentialStale,
            ..by_status
        },
        _ => by_sentence(status, &body, asked).unwrap_or(by_status),
    })
}

fn by_sentence(status: StatusCode, body: &Value, asked: Asked<'_>) -> Option<SendError> {
    let told = body["message"].as_str().unwrap_or_default();
    let sentence = SENTENCES.iter().find(|(first, last, begins, ..)| {
        (*first..=*last).contains(&status.as_u16()) && told.starts_with(begins)
    });
    if let Some((.., failure, code)) = sentence {
        return Some(SendError::new(*failure, *code));
    }
    let mut details = body["details"].as_array().into_iter().flatten();
    let about_recipient = status == StatusCode::BAD_REQUEST
        && (told.starts_with(INVALID_RECIPIENT)
            || details.any(|detail| detail["property"] == RECIPIENT));
    let failure = if asked.repeatable {
        Failure::Recipient
    } else {
        // A notification's is of our making: if one is wrong, all of them are.
        Failure::Request
    };
    about_recipient.then(|| SendError::new(failure, "invalid_to"))
}

/// The message's id, or that of the request where LINE gives no other.
fn id(answer: &Answer, body: &Value, message: &Message) -> Option<String> {
    let sent = body["sentMessages"][0]["id"].as_str();
    let sent = sent.and_then(|id| vendor_word::id(id, message));
    let mut headers = REQUEST_IDS.iter().filter_map(|name| {
        let value = answer.headers.get(*name)?.to_str().ok()?;
        vendor_word::id(value, message)
    });
    sent.or_else(|| headers.next()).map(str::to_owned)
}
