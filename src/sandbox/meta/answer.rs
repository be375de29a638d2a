//! What the simulated vendor writes: the answer to a message, and its errors.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

/// An error as the vendor words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The vendor's code, by which callers decide.
    pub(super) code: u32,
    /// The vendor's text.
    pub(super) message: &'static str,
}

impl Refusal {
    /// An error with HTTP 400.
    pub(super) const fn bad_request(code: u32, message: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            status,
            code,
            message,
        } = self;
        let body = json!({
            "error": {
                "message": format!("(#{code}) {message}"),
                "type": "OAuthException",
                "code": code,
                "error_data": { "messaging_product": "whatsapp", "details": message },
                "is_transient": false,
                "fbtrace_id": "AsandboxTraceId0",
            }
        });
        (status, Json(body)).into_response()
    }
}

/// The answer to a message that was taken; without an id, nothing is named.
pub(super) fn accepted(to: &str, id: Option<&str>) -> Value {
    let contacts = id.map(|_| json!({ "input": to, "wa_id": to }));
    let messages = id.map(|id| json!({ "id": id, "message_status": "accepted" }));
    json!({
        "messaging_product": "whatsapp",
        "contacts": Vec::from_iter(contacts),
        "messages": Vec::from_iter(messages),
    })
}
