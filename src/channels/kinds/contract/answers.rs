//! What every vendor is asked, and the answers that its fixtures have: what it says, and what that must mean.

use std::time::Duration;

use serde_json::Value;

use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::{Failure, Scope},
    outbound::vendor::Reply,
};

/// What every vendor has an answer to beside one of each class of failure; it may have more. A vendor that cannot be asked says
/// why under `never` of its `subject.json`.
const QUESTIONS: &[&str] = &[
    "accepted",
    "accepted_without_id",
    "throttled_with_delay",
    "bad_credential",
    "unknown_code",
    "outage",
    "garbage",
    "empty",
    "huge",
    "wrong_content_type",
];

/// Every question by name.
pub(super) fn questions() -> impl Iterator<Item = &'static str> {
    let classes = Failure::CLASSES.iter().map(|class| class.as_str());
    QUESTIONS.iter().copied().chain(classes)
}

/// An answer of a vendor, and what it must mean.
#[derive(Clone, Debug)]
pub(in crate::channels) struct Case {
    pub(in crate::channels) name: String,
    /// The case that went before it, where the answer means something else to a stranger.
    pub(in crate::channels) after: Option<String>,
    pub(in crate::channels) reply: Reply,
    pub(in crate::channels) expect: Result<Accepted, SendError>,
}

impl Case {
    /// Reads `answer`, `expect`, and perhaps `after`.
    pub(super) fn read(name: String, fixture: &Value) -> Self {
        let case = Self {
            name,
            after: fixture["after"].as_str().map(str::to_owned),
            reply: reply(&fixture["answer"]),
            expect: expectation(&fixture["expect"]),
        };
        // What is called after a class is an example of it.
        if let (Some(class), Err(problem)) = (Failure::from_name(&case.name), &case.expect) {
            assert_eq!(problem.failure.as_str(), class.as_str(), "{}", case.name);
        }
        case
    }
}

/// `status`, `headers`, and a `body` that is text or JSON, made longer by `padded_to`.
fn reply(answer: &Value) -> Reply {
    let headers = answer["headers"].as_object().unwrap().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let body = &answer["body"];
    let mut body = body
        .as_str()
        .map_or_else(|| body.to_string(), str::to_owned);
    let length = answer["padded_to"].as_u64().unwrap_or(0);
    let missing = usize::try_from(length).unwrap().saturating_sub(body.len());
    body.push_str(&"x".repeat(missing));
    let status = answer["status"].as_u64().unwrap();
    Reply::answer(status.try_into().unwrap(), &headers, &body)
}

/// `accepted` with the id, or `failure` with its `code` and perhaps `delay_seconds`, `delay_ms` and `scope`.
fn expectation(expect: &Value) -> Result<Accepted, SendError> {
    if let Some(id) = expect.get("accepted") {
        let message_id = id.as_str().map(str::to_owned);
        return Ok(Accepted { message_id });
    }
    let mut failure = Failure::from_name(expect["failure"].as_str().unwrap()).unwrap();
    if let Failure::Throttled { delay } = &mut failure {
        let seconds = expect["delay_seconds"].as_u64().map(Duration::from_secs);
        let millis = expect["delay_ms"].as_u64().map(Duration::from_millis);
        *delay = seconds.or(millis);
    }
    let scope = expect.get("scope").map_or(Scope::Provider, |scope| {
        Scope::from_name(scope.as_str().unwrap()).unwrap()
    });
    let code = expect["code"].as_str().unwrap();
    Err(SendError::new(failure, code).within(scope))
}
