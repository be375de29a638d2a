//! Errors of the Messages and Voice APIs: a problem whose type ends in the code.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// An error as the vendor words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    /// The page of the code, below the vendor's list of errors: its fragment is the code.
    page: &'static str,
    title: &'static str,
    /// The parameter that is wrong, and why.
    parameter: Option<(String, &'static str)>,
}

impl Problem {
    /// An error of no particular parameter.
    pub(super) const fn new(status: StatusCode, page: &'static str, title: &'static str) -> Self {
        Self {
            status,
            page,
            title,
            parameter: None,
        }
    }

    /// A message that cannot be sent, for this reason.
    pub(super) const fn unsendable(page: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, page, title)
    }

    /// A parameter that is missing or wrong.
    pub(super) fn parameter(
        status: StatusCode,
        page: &'static str,
        name: &str,
        reason: &'static str,
    ) -> Self {
        Self {
            parameter: Some((name.to_owned(), reason)),
            ..Self::new(status, page, "Invalid params")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("https://developer.vonage.com/api-errors{}", self.page),
            "title": self.title,
            "detail": self.title,
            "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
        });
        if let Some((name, reason)) = self.parameter {
            body["invalid_parameters"] = json!([{ "name": name, "reason": reason }]);
        }
        let mut response = (self.status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
