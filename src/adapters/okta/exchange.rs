//! Bodies as they are taken in, and answers as they go out, for every route of the door.

use std::time::Instant;

use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time;

use crate::error::Reason;

/// The header with our id of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The largest body that is taken in at all, to be dropped.
const MAX_TAKEN: usize = 2 * 1024 * 1024;

/// Reads a body of at most so many bytes, until a moment.
pub(super) async fn read(
    body: Body,
    most: usize,
    until: Instant,
) -> Result<Bytes, (StatusCode, Reason)> {
    match time::timeout_at(until.into(), gather(body, most)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err((Reason::BodyTooLarge.http(), Reason::BodyTooLarge)),
        Ok(Err(_broken)) => Err((Reason::InvalidRequest.http(), Reason::InvalidRequest)),
        Err(_elapsed) => Err((StatusCode::REQUEST_TIMEOUT, Reason::DeadlineExceeded)),
    }
}

/// The answer to what is refused.
pub(super) fn refusal(status: StatusCode, reason: Reason) -> Response {
    let body = serde_json::json!({
        "error": { "reason": reason.as_str(), "message": reason.text() }
    });
    json(status, body.to_string().into_bytes())
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A body; `None` where it is too large. Whoever is cut off while still writing may never see the answer, so a body that is
/// not all too large is taken in and dropped.
async fn gather(mut body: Body, most: usize) -> Result<Option<Bytes>, axum::Error> {
    if body.size_hint().lower() > MAX_TAKEN as u64 {
        return Ok(None);
    }
    let (mut kept, mut taken) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        taken = taken.saturating_add(data.len());
        if taken > MAX_TAKEN {
            return Ok(None);
        }
        if taken <= most {
            kept.extend_from_slice(&data);
        }
    }
    Ok((taken <= most).then(|| kept.freeze()))
}
