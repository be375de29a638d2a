//! The simulated vendor's desk: the paths of its three APIs, and who may ask.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use uuid::Builder;

use super::{Settings, application, messages, problem::Problem, sms, voice::Call};
use crate::{
    clock::Clock,
    sandbox::{
        inbox::{self, Inbox},
        reading::{self, Form},
    },
};

const NO_JSON: Problem = Problem::new(
    StatusCode::BAD_REQUEST,
    "#invalid-json",
    "The request body did not contain valid JSON",
);
const UNKNOWN_PATH: Problem = Problem::new(
    StatusCode::NOT_FOUND,
    "#not-found",
    "The requested resource does not exist, or you do not have access to it.",
);

/// The vendor behind its desk.
pub(super) struct Vendor {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vendor")
    }
}

/// Every path that is answered.
pub(super) fn router(vendor: Arc<Vendor>) -> Router {
    Router::new()
        .route("/sms/json", post(send_sms))
        .route("/v1/messages", post(send_message))
        .route("/v1/calls", post(make_call))
        .merge(inbox::paths(&vendor.inbox))
        .fallback(async || UNKNOWN_PATH)
        .with_state(vendor)
}

async fn send_sms(State(vendor): State<Arc<Vendor>>, headers: HeaderMap, body: Bytes) -> Response {
    vendor.inbox.see();
    let form = Form::of(&headers, &body);
    match sms::Order::read(&form, &vendor.settings) {
        Ok(order) => order.send(&vendor).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn send_message(
    State(vendor): State<Arc<Vendor>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    vendor.inbox.see();
    let admitted = application::or_account(&vendor.settings, &headers, vendor.now());
    let body = admitted.and_then(|()| reading::json(&headers, &body).ok_or(NO_JSON));
    match body.and_then(|body| messages::Order::read(&body, &vendor.settings)) {
        Ok(order) => order.send(&vendor).await,
        Err(problem) => problem.into_response(),
    }
}

async fn make_call(State(vendor): State<Arc<Vendor>>, headers: HeaderMap, body: Bytes) -> Response {
    vendor.inbox.see();
    let admitted = application::only(&vendor.settings, &headers, vendor.now());
    let body = admitted.and_then(|()| reading::json(&headers, &body).ok_or(NO_JSON));
    match body.and_then(|body| Call::read(&body)) {
        Ok(call) => call.make(&vendor).await,
        Err(problem) => problem.into_response(),
    }
}

impl Vendor {
    /// Seconds since 1970.
    fn now(&self) -> u64 {
        self.clock.unix_ms() / 1000
    }

    /// A fresh id of the newer APIs.
    pub(super) fn uuid(&self) -> String {
        let random = self.clock.random().to_be_bytes();
        Builder::from_random_bytes(random).into_uuid().to_string()
    }

    /// A fresh id of the SMS API.
    pub(super) fn sms_id(&self) -> String {
        format!("0A{:014X}", self.clock.random() & 0xFF_FFFF_FFFF_FFFF)
    }
}
