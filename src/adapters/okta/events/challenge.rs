//! Okta's one-time question whether an event hook's address is ours: answered without a credential, as Okta shows none, and
//! alike whatever tenant is named.

use axum::response::Response;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS},
};
use serde_json::json;

use crate::{
    adapters::okta::exchange::{json, refusal},
    error::Reason,
};

/// The header that carries the challenge.
const CHALLENGE: HeaderName = HeaderName::from_static("x-okta-verification-challenge");

/// Most bytes of a challenge that is echoed.
const MOST: usize = 1024;

/// The echo of a challenge, or a word that there is none. What strangers send is never taken for a page by a browser.
pub(in crate::adapters::okta) async fn answer(headers: HeaderMap) -> Response {
    let challenge = headers.get(&CHALLENGE).map(HeaderValue::to_str);
    let challenge = challenge.and_then(Result::ok);
    let challenge = challenge.filter(|text| (1..=MOST).contains(&text.len()));
    let mut response = match challenge {
        Some(text) => {
            let echo = json!({ "verification": text }).to_string();
            json(StatusCode::OK, echo.into_bytes())
        }
        None => refusal(Reason::InvalidRequest.http(), Reason::InvalidRequest),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
