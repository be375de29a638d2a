//! The simulated vendor's desk: its paths, and who may ask.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use uuid::Builder;

use super::{
    Settings,
    access::{self, Kind},
    answer::{Refusal, Sent},
    notify::Notification,
    push::Push,
};
use crate::{
    clock::Clock,
    sandbox::{
        inbox::{self, Inbox},
        memory::Memory,
        reading,
    },
};

const BAD_TOKEN: Refusal = Refusal::plain(
    StatusCode::UNAUTHORIZED,
    "Authentication failed due to the following reason: invalid token. Confirm that the access token in the \
     authorization header is valid.",
);
const NO_JSON: Refusal = Refusal::plain(
    StatusCode::BAD_REQUEST,
    "The request body could not be parsed as JSON (line: -, column: -)",
);
const UNKNOWN_PATH: Refusal = Refusal::plain(StatusCode::NOT_FOUND, "Not found");

/// The vendor behind its desk.
pub(super) struct Vendor {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    /// What was accepted under each retry key.
    pub(super) accepted: Memory<Sent>,
    /// The tokens that were given out.
    pub(super) tokens: Memory<()>,
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vendor")
    }
}

/// Every path that is answered.
pub(super) fn router(vendor: Arc<Vendor>) -> Router {
    let paths = inbox::paths(&vendor.inbox);
    Router::new()
        .route("/v2/bot/message/push", post(push))
        .route(
            "/v2/bot/message/pnp/templated/push",
            post(notify_by_template),
        )
        .route("/bot/pnp/push", post(notify_by_messages))
        .route("/v2/bot/message/quota", get(quota))
        .route("/v2/bot/message/quota/consumption", get(consumption))
        .route("/oauth2/v3/token", token(Kind::Stateless))
        .route("/oauth2/v2.1/token", token(Kind::Dated))
        .route("/v2/oauth/accessToken", token(Kind::ShortLived))
        .merge(paths)
        .fallback(async |State(vendor): State<Arc<Vendor>>| {
            UNKNOWN_PATH.answer(&vendor.request_id())
        })
        .with_state(vendor)
}

async fn push(State(vendor): State<Arc<Vendor>>, headers: HeaderMap, body: Bytes) -> Response {
    let id = vendor.request_id();
    let body = vendor.admit(&headers, &body);
    match body.and_then(|body| Push::read(&headers, &body, &id)) {
        Ok(push) => push.send(&vendor).await,
        Err(refusal) => refusal.answer(&id),
    }
}

async fn notify_by_template(
    State(vendor): State<Arc<Vendor>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = vendor.request_id();
    let body = vendor.admit(&headers, &body);
    match body.and_then(|body| Notification::by_template(&vendor, &headers, &body, &id)) {
        Ok(notification) => notification.send(&vendor).await,
        Err(refusal) => refusal.answer(&id),
    }
}

async fn notify_by_messages(
    State(vendor): State<Arc<Vendor>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = vendor.request_id();
    let body = vendor.admit(&headers, &body);
    match body.and_then(|body| Notification::by_messages(&headers, &body, &id)) {
        Ok(notification) => notification.send(&vendor).await,
        Err(refusal) => refusal.answer(&id),
    }
}

async fn quota(State(vendor): State<Arc<Vendor>>, headers: HeaderMap) -> Response {
    if vendor.knows(&headers) {
        return Json(json!({ "type": "none" })).into_response();
    }
    BAD_TOKEN.answer(&vendor.request_id())
}

async fn consumption(State(vendor): State<Arc<Vendor>>, headers: HeaderMap) -> Response {
    if vendor.knows(&headers) {
        let taken = vendor.inbox.counts().taken;
        return Json(json!({ "totalUsage": taken })).into_response();
    }
    BAD_TOKEN.answer(&vendor.request_id())
}

fn token(kind: Kind) -> axum::routing::MethodRouter<Arc<Vendor>> {
    post(
        async move |State(vendor): State<Arc<Vendor>>, headers: HeaderMap, body: Bytes| {
            access::give(&vendor, kind, &headers, &body)
        },
    )
}

impl Vendor {
    /// Checks who asks, and reads what.
    fn admit(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        self.inbox.see();
        if !self.knows(headers) {
            return Err(BAD_TOKEN);
        }
        reading::json(headers, body).ok_or(NO_JSON)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let now = self.clock.unix_ms();
        reading::credentials(headers, "bearer").is_some_and(|token| {
            token == self.settings.token || self.tokens.get(token, now).is_some()
        })
    }

    fn request_id(&self) -> String {
        let random = self.clock.random().to_be_bytes();
        Builder::from_random_bytes(random).into_uuid().to_string()
    }
}
