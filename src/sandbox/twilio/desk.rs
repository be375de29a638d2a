//! The simulated vendor's desk: who may ask, what is asked, and what becomes of it.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{
    Settings,
    answer::{self, Refusal},
    call::Call,
    order::Order,
};
use crate::{
    clock::Clock,
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::{self, Inbox, Message},
        reading::{self, Form},
        triggers::{self, Grounds},
    },
};

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
const THROTTLED: Refusal = Refusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: 20429,
    message: "Too Many Requests.",
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
    let account = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(&format!("{account}/Messages.json"), post(create_message))
        .route(&format!("{account}/Calls.json"), post(create_call))
        .merge(inbox::paths(&vendor.inbox))
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
    let form = vendor.admit(&account, &headers, &body);
    match form.and_then(|form| Order::read(&form, &vendor.settings)) {
        Ok(order) => vendor.carry(&Texting(&vendor, &order), &order.to).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn create_call(
    State(vendor): State<Arc<Vendor>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    vendor.inbox.see();
    let form = vendor.admit(&account, &headers, &body);
    match form.and_then(|form| Call::read(&form)) {
        Ok(call) => vendor.carry(&Calling(&vendor, &call), &call.to).await,
        Err(refusal) => refusal.into_response(),
    }
}

impl Vendor {
    /// Checks who asks, and for which account.
    fn admit(&self, account: &str, headers: &HeaderMap, body: &[u8]) -> Result<Form, Refusal> {
        if !self.knows(headers) {
            return Err(BAD_CREDENTIALS);
        }
        if account != self.settings.account_sid {
            return Err(NO_SUCH_RESOURCE);
        }
        Ok(Form::of(headers, body))
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(given) = reading::basic(headers) else {
            return false;
        };
        let settings = &self.settings;
        let (key, secret) = &settings.api_key;
        given == format!("{}:{}", settings.account_sid, settings.auth_token)
            || given == format!("{key}:{secret}")
    }

    async fn carry(&self, carrier: &(impl Carrier + Sync), to: &str) -> Response {
        carry(carrier, triggers::of(to), self.settings.slow).await
    }

    fn sid(&self, prefix: &str) -> String {
        format!("{prefix}{:032x}", self.clock.random())
    }

    fn take(&self, message: Message) -> Message {
        self.inbox.take(message.clone());
        message
    }
}

/// A message that was ordered.
struct Texting<'a>(&'a Vendor, &'a Order);

impl Carrier for Texting<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let whatsapp = self.1.channel == Channel::Whatsapp;
        let (code, message) = match (grounds, whatsapp) {
            (Grounds::Throttled, _) | (Grounds::FirstThrottled, false) => {
                return Some(THROTTLED.into_response());
            }
            (Grounds::Invalid, _) => (21211, "Invalid 'To' Phone Number."),
            (Grounds::OptedOut, false) => (21610, "Attempt to send to unsubscribed recipient."),
            (Grounds::OptedOut, true) => (63032, "The user has blocked this sender."),
            (Grounds::Country, _) => (21408, "Permission to send to this region is missing."),
            (Grounds::Fraud, _) => (30450, "Message blocked: suspected SMS pumping."),
            (Grounds::NotThere, true) => (63024, "Invalid message recipient."),
            (Grounds::NotThere, false) | (Grounds::FirstThrottled, true) => return None,
        };
        Some(Refusal::bad_request(code, message).into_response())
    }

    fn deliver(&self) -> Response {
        let Self(vendor, order) = self;
        let taken = vendor.take(Message {
            sid: vendor.sid("SM"),
            channel: order.channel,
            to: order.to.clone(),
            from: order.sender.name().to_owned(),
            body: order.body.clone(),
            language: order.language.clone(),
            validity: order.validity,
            received_at: vendor.clock.unix_ms(),
        });
        let resource = answer::message(&vendor.settings.account_sid, order, &taken);
        (StatusCode::CREATED, Json(resource)).into_response()
    }

    fn nameless(&self) -> Response {
        (StatusCode::CREATED, "{}").into_response()
    }
}

/// A call that was ordered.
struct Calling<'a>(&'a Vendor, &'a Call);

impl Carrier for Calling<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let (code, message) = match grounds {
            Grounds::Throttled => return Some(THROTTLED.into_response()),
            Grounds::Invalid => (21211, "Invalid 'To' Phone Number."),
            Grounds::Country => (21215, "Account not authorized to call this number."),
            Grounds::Fraud => (21216, "Account not allowed to call this number."),
            Grounds::OptedOut | Grounds::NotThere | Grounds::FirstThrottled => return None,
        };
        Some(Refusal::bad_request(code, message).into_response())
    }

    fn deliver(&self) -> Response {
        let Self(vendor, call) = self;
        let taken = vendor.take(Message {
            sid: vendor.sid("CA"),
            channel: Channel::Voice,
            to: call.to.clone(),
            from: call.from.clone(),
            body: call.spoken.text.clone(),
            language: call.spoken.language.clone(),
            validity: None,
            received_at: vendor.clock.unix_ms(),
        });
        let resource = answer::call(&vendor.settings.account_sid, &taken);
        (StatusCode::CREATED, Json(resource)).into_response()
    }

    fn nameless(&self) -> Response {
        (StatusCode::CREATED, "{}").into_response()
    }
}
