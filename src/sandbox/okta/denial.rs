//! Why the simulated org gives no token.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

/// An error of a token server: status, name, and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denial(StatusCode, &'static str, &'static str);

impl Denial {
    pub(super) const GRANT: Self = Self(
        StatusCode::BAD_REQUEST,
        "unsupported_grant_type",
        "The authorization grant type is not supported by the authorization server.",
    );
    pub(super) const CLIENT: Self = Self(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "The client id or the client secret is not valid.",
    );
    pub(super) const ASSERTION: Self = Self(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "The client_assertion is not valid.",
    );
    pub(super) const SCOPE: Self = Self(
        StatusCode::BAD_REQUEST,
        "invalid_scope",
        "One or more scopes are not configured for the authorization server.",
    );
    pub(super) const PROOF: Self = Self(
        StatusCode::BAD_REQUEST,
        "invalid_dpop_proof",
        "The DPoP proof JWT is missing or not valid.",
    );
    pub(super) const NONCE: Self = Self(
        StatusCode::BAD_REQUEST,
        "use_dpop_nonce",
        "The authorization server requires a nonce in the DPoP proof.",
    );
    pub(super) const BROKEN: Self = Self(
        StatusCode::INTERNAL_SERVER_ERROR,
        "server_error",
        "The token could not be signed.",
    );
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let Self(status, error, text) = self;
        let body = json!({ "error": error, "error_description": text });
        (status, Json(body)).into_response()
    }
}
