//! From Vonage's answers to our words. The SMS API says what became of each part inside an HTTP 200; the others answer
//! as the web does.

mod parts;
mod whole;

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::{Failure, Scope},
    outbound::Answer,
};

/// Which of Vonage's APIs answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// A status for each part of a text.
    Sms,
    /// An id, or a problem with a type.
    Messages,
    /// The same, for calls.
    Calls,
}

const THROTTLED: Failure = Failure::Throttled { delay: None };

/// The type of the problem that a token was good too long ago.
const EXPIRED: &str = "jwt-expired";

type Class = (Failure, Scope);

const fn all(failure: Failure) -> Class {
    (failure, Scope::Provider)
}

/// What became of a message.
pub(super) fn read(api: Api, answer: &Answer, now_ms: u64) -> Result<Accepted, SendError> {
    match api {
        Api::Sms => parts::read(answer, now_ms),
        Api::Messages | Api::Calls => whole::read(answer, now_ms),
    }
}

/// Whether a problem is about who asked.
pub(super) fn blames_token(answer: &Answer, problem: &SendError) -> bool {
    answer.status == StatusCode::UNAUTHORIZED || problem.code == EXPIRED
}

fn accepted(id: &Value) -> Accepted {
    let message_id = id.as_str().filter(|id| is_id(id)).map(str::to_owned);
    Accepted { message_id }
}

fn refused((failure, scope): Class, delay: Option<Duration>, code: String) -> SendError {
    let throttled = matches!(failure, Failure::Throttled { .. });
    let failure = if throttled {
        Failure::Throttled { delay }
    } else {
        failure
    };
    SendError::new(failure, code).within(scope)
}

/// Whether a text is an id of Vonage's, and not something that it echoed: longer than any number.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (16..=64).contains(&id.len()) && id.bytes().all(plain)
}
