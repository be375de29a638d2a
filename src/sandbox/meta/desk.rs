//! The simulated vendor's desk: who may ask, what is asked, and what becomes of it.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{
    Settings,
    answer::{self, Refusal},
    order::Order,
};
use crate::{
    clock::Clock,
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::{self, Inbox, Message},
        reading,
        triggers::{self, Grounds},
    },
};

const BAD_TOKEN: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    code: 190,
    message: "Invalid OAuth access token.",
};
const THROTTLED: Refusal = Refusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: 130_429,
    message: "Rate limit hit.",
};
const UNKNOWN_PATH: Refusal = Refusal::bad_request(100, "Unknown path components.");
const UNKNOWN_SENDER: Refusal = Refusal::bad_request(
    33,
    "Object with this ID does not exist or cannot be loaded.",
);
const NO_JSON: Refusal = Refusal::bad_request(100, "Invalid parameter.");

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
        .route("/{version}/{sender}/messages", post(create_message))
        .merge(inbox::paths(&vendor.inbox))
        .fallback(async || UNKNOWN_PATH)
        .method_not_allowed_fallback(async || UNKNOWN_PATH)
        .with_state(vendor)
}

async fn create_message(
    State(vendor): State<Arc<Vendor>>,
    Path((version, sender)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    vendor.inbox.see();
    match vendor.admit(&version, &sender, &headers, &body) {
        Ok(order) => {
            let mishap = triggers::of(&order.to);
            carry(&Sending(&vendor, &order), mishap, vendor.settings.slow).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl Vendor {
    fn admit(
        &self,
        version: &str,
        sender: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Order, Refusal> {
        if !is_version(version) {
            return Err(UNKNOWN_PATH);
        }
        if reading::credentials(headers, "bearer") != Some(&self.settings.token) {
            return Err(BAD_TOKEN);
        }
        if sender != self.settings.phone_number_id {
            return Err(UNKNOWN_SENDER);
        }
        let body = reading::json(headers, body).ok_or(NO_JSON)?;
        Order::read(&body, &self.settings)
    }
}

/// A message that was ordered.
struct Sending<'a>(&'a Vendor, &'a Order);

impl Carrier for Sending<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let (code, message) = match grounds {
            Grounds::Throttled | Grounds::FirstThrottled => {
                return Some(THROTTLED.into_response());
            }
            Grounds::Invalid | Grounds::NotThere => (131_026, "Message undeliverable."),
            Grounds::OptedOut => (131_050, "User has stopped marketing messages."),
            Grounds::Country => (
                130_497,
                "Business account is restricted from messaging users in this country.",
            ),
            Grounds::Fraud => (131_048, "Spam rate limit hit."),
        };
        Some(Refusal::bad_request(code, message).into_response())
    }

    fn deliver(&self) -> Response {
        let Self(vendor, order) = self;
        let id = STANDARD.encode(vendor.clock.random().to_be_bytes());
        let id = format!("wamid.HBg{id}");
        vendor.inbox.take(Message {
            sid: id.clone(),
            channel: Channel::Whatsapp,
            to: format!("+{}", order.to),
            from: vendor.settings.sender.clone(),
            body: order.filled.text.clone(),
            language: Some(order.filled.language.clone()),
            validity: None,
            received_at: vendor.clock.unix_ms(),
        });
        Json(answer::accepted(&order.to, Some(&id))).into_response()
    }

    fn nameless(&self) -> Response {
        Json(answer::accepted(&self.1.to, None)).into_response()
    }
}

/// As in `v23.0`.
fn is_version(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts = text.strip_prefix('v').and_then(|text| text.split_once('.'));
    parts.is_some_and(|(major, minor)| number(major) && number(minor))
}
