//! The simulated vendor's desk: who may ask, what is asked, and what becomes of it.

use std::{fmt, io, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::{
    Settings,
    answer::{self, Refusal},
    order::Order,
    triggers::{self, Effect, Trigger},
};
use crate::{
    clock::Clock,
    sandbox::{
        inbox::{Counts, Inbox, Message},
        server::HangUp,
    },
};

const FORM: &str = "application/x-www-form-urlencoded";
/// The answer that is too large comes in this many pieces of 64 KiB: ten mebibytes.
const FLOOD_PIECES: usize = 160;

const BAD_CREDENTIALS: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    code: 20003,
    message: "Authenticate",
};
const NO_SUCH_RESOURCE: Refusal = Refusal {
    status: StatusCode::NOT_FOUND,
    code: 20404,
    message: "The requested resource was not found",
};
const BAD_METHOD: Refusal = Refusal {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: 20004,
    message: "Method not allowed",
};

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
        .route(
            "/2010-04-01/Accounts/{account}/Messages.json",
            post(create_message),
        )
        .route("/sandbox/messages", get(messages))
        .route("/sandbox/counts", get(counts))
        .fallback(async || NO_SUCH_RESOURCE)
        .method_not_allowed_fallback(async || BAD_METHOD)
        .with_state(vendor)
}

async fn create_message(
    State(vendor): State<Arc<Vendor>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    vendor.inbox.see();
    match vendor.admit(&account, &headers, &body) {
        Ok(order) => vendor.send(order).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    to: String,
}

/// Not Twilio's: lets tests in other processes, and curious people, look at the phones.
async fn messages(
    State(vendor): State<Arc<Vendor>>,
    Query(wanted): Query<Wanted>,
) -> impl IntoResponse {
    let found = if wanted.to.is_empty() {
        vendor.inbox.list()
    } else {
        vendor.inbox.to(&wanted.to)
    };
    let found: Vec<Message> = found.iter().map(|one| Message::clone(one)).collect();
    Json(found)
}

/// Not Twilio's: how many requests and messages there were.
async fn counts(State(vendor): State<Arc<Vendor>>) -> Json<Counts> {
    Json(vendor.inbox.counts())
}

impl Vendor {
    /// Checks a request as far as the vendor does before it decides what becomes of the message.
    fn admit(&self, account: &str, headers: &HeaderMap, body: &[u8]) -> Result<Order, Refusal> {
        if !self.knows(headers) {
            return Err(BAD_CREDENTIALS);
        }
        if account != self.settings.account_sid {
            return Err(NO_SUCH_RESOURCE);
        }
        // What does not come as a form has no parameters, however well it is written.
        Order::read(if is_form(headers) { body } else { b"" })
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(given) = basic(headers) else {
            return false;
        };
        let settings = &self.settings;
        let (key, secret) = &settings.api_key;
        given == format!("{}:{}", settings.account_sid, settings.auth_token)
            || given == format!("{key}:{secret}")
    }

    async fn send(&self, order: Order) -> Response {
        let effect = triggers::of(&order.to).map(|Trigger { effect, .. }| effect);
        match effect {
            None => self.created(&order),
            Some(Effect::Refuse(refusal)) => refusal.into_response(),
            Some(Effect::Outage) => answer::outage(),
            Some(Effect::Hang) => std::future::pending().await,
            Some(Effect::Slow) => {
                let created = self.created(&order);
                tokio::time::sleep(self.settings.slow).await;
                created
            }
            Some(Effect::Lost) => {
                self.take(&order);
                HangUp.into_response()
            }
            Some(Effect::Nameless) => {
                self.take(&order);
                (StatusCode::CREATED, "{}").into_response()
            }
            Some(Effect::Flood) => {
                self.take(&order);
                flood()
            }
            Some(Effect::Garbage) => {
                self.take(&order);
                "\u{fffd}{\"sid\": SM".into_response()
            }
        }
    }

    fn created(&self, order: &Order) -> Response {
        let message = self.take(order);
        let resource = answer::resource(&self.settings.account_sid, order, &message);
        (StatusCode::CREATED, Json(resource)).into_response()
    }

    fn take(&self, order: &Order) -> Message {
        let message = Message {
            sid: format!("SM{:032x}", self.clock.random()),
            to: order.to.clone(),
            from: order.sender.name().to_owned(),
            body: order.body.clone(),
            validity: order.validity,
            received_at: self.clock.unix_ms(),
        };
        self.inbox.take(message.clone());
        message
    }
}

fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    String::from_utf8(STANDARD.decode(credentials).ok()?).ok()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(FORM)
}

/// Ten mebibytes, of which never more than a piece is in memory.
fn flood() -> Response {
    static PIECE: [u8; 64 * 1024] = [b' '; 64 * 1024];
    let piece = Bytes::from_static(&PIECE);
    let pieces = stream::repeat(piece).take(FLOOD_PIECES);
    let pieces = pieces.map(Ok::<_, io::Error>);
    (StatusCode::CREATED, Body::from_stream(pieces)).into_response()
}
