//! What the simulated vendor writes: every answer bears the id of its request, and errors say what and where.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

/// The id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-line-request-id");
/// The id of the request that was accepted before, under the same key.
const ACCEPTED_REQUEST_ID: HeaderName = HeaderName::from_static("x-line-accepted-request-id");

/// An error as the vendor words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The vendor's text.
    pub(super) message: &'static str,
    /// What is wrong, and with which property.
    pub(super) detail: Option<Detail>,
}

/// What is wrong with a property of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) message: &'static str,
    pub(super) property: String,
}

/// A message that was accepted.
#[derive(Clone)]
pub(super) struct Sent {
    /// The id of the request.
    pub(super) request_id: String,
    /// The id of each message.
    pub(super) ids: Vec<String>,
}

impl Refusal {
    /// An error without details.
    pub(super) const fn plain(status: StatusCode, message: &'static str) -> Self {
        Self {
            status,
            message,
            detail: None,
        }
    }

    /// A request with one mistake, in this property.
    pub(super) fn in_property(property: &str, message: &'static str) -> Self {
        let property = property.to_owned();
        Self {
            detail: Some(Detail { message, property }),
            ..Self::plain(StatusCode::BAD_REQUEST, "The request body has 1 error(s)")
        }
    }

    /// The answer to the request with this id.
    pub(super) fn answer(&self, request_id: &str) -> Response {
        let mut body = json!({ "message": self.message });
        if let Some(Detail { message, property }) = &self.detail {
            body["details"] = json!([{ "message": message, "property": property }]);
        }
        answer(self.status, request_id, &body)
    }
}

/// An answer to the request with this id.
pub(super) fn answer(status: StatusCode, request_id: &str, body: &Value) -> Response {
    let body = Json(body.clone());
    (status, [(REQUEST_ID, request_id.to_owned())], body).into_response()
}

/// The answer to a message that was accepted now.
pub(super) fn accepted(sent: &Sent) -> Response {
    let body = json!({ "sentMessages": list(sent) });
    answer(StatusCode::OK, &sent.request_id, &body)
}

/// The answer to a message that was accepted before.
pub(super) fn accepted_before(earlier: &Sent, request_id: &str) -> Response {
    let body = json!({
        "message": "The retry key is already accepted",
        "sentMessages": list(earlier),
    });
    let mut response = answer(StatusCode::CONFLICT, request_id, &body);
    if let Ok(id) = earlier.request_id.parse() {
        response.headers_mut().insert(ACCEPTED_REQUEST_ID, id);
    }
    response
}

fn list(sent: &Sent) -> Value {
    let ids = sent.ids.iter();
    let list: Vec<_> = ids
        .map(|id| json!({ "id": id, "quoteToken": format!("q{id}") }))
        .collect();
    list.into()
}
