//! A message by user id: what the request asks, and what becomes of it. Under a retry key it is accepted once.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{self, Refusal, Sent},
    desk::Vendor,
    objects,
};
use crate::{
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::Message,
        triggers::{self, Grounds},
    },
};

/// How long a retry key is remembered.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

const RETRY_KEY: &str = "x-line-retry-key";

pub(super) const NO_SUCH_USER: Refusal =
    Refusal::plain(StatusCode::BAD_REQUEST, "Failed to send messages");
pub(super) const THROTTLED: Refusal = Refusal::plain(
    StatusCode::TOO_MANY_REQUESTS,
    "The API rate limit has been exceeded. Try again later.",
);
pub(super) const NOT_AVAILABLE: Refusal = Refusal::plain(
    StatusCode::FORBIDDEN,
    "Access to this API is not available for your account",
);
const BAD_RECIPIENT: Refusal = Refusal::plain(
    StatusCode::BAD_REQUEST,
    "The property, 'to', in the request body is invalid (line: -, column: -)",
);
const BAD_KEY: Refusal = Refusal::plain(
    StatusCode::BAD_REQUEST,
    "The retry key in the request header is invalid",
);

/// A message to send.
pub(super) struct Push {
    to: String,
    texts: Vec<String>,
    retry_key: Option<String>,
    request_id: String,
}

impl Push {
    /// Reads a request; its own id is `request_id`.
    pub(super) fn read(
        headers: &HeaderMap,
        body: &Value,
        request_id: &str,
    ) -> Result<Self, Refusal> {
        let retry_key = headers.get(RETRY_KEY).map(|value| {
            let text = value.to_str().ok();
            text.and_then(|text| Uuid::try_parse(text).ok())
        });
        if retry_key == Some(None) {
            return Err(BAD_KEY);
        }
        let to = body["to"].as_str().filter(|to| is_user_id(to));
        Ok(Self {
            to: to.ok_or(BAD_RECIPIENT)?.to_owned(),
            texts: objects::read(body)?,
            retry_key: retry_key.flatten().map(|key| key.to_string()),
            request_id: request_id.to_owned(),
        })
    }

    /// Sends it, unless that was done before.
    pub(super) async fn send(&self, vendor: &Vendor) -> Response {
        let now = vendor.clock.unix_ms();
        let earlier = self.retry_key.as_deref();
        let earlier = earlier.and_then(|key| vendor.accepted.get(key, now));
        if let Some(earlier) = earlier {
            return answer::accepted_before(&earlier, &self.request_id);
        }
        let mishap = triggers::of(&self.to);
        carry(&Pushing(vendor, self), mishap, vendor.settings.slow).await
    }
}

/// A message that was ordered.
struct Pushing<'a>(&'a Vendor, &'a Push);

impl Pushing<'_> {
    fn sent(&self) -> Sent {
        let Self(vendor, push) = self;
        let id = |_: &String| (vendor.clock.random() % 1_000_000_000_000_000_000).to_string();
        Sent {
            request_id: push.request_id.clone(),
            ids: push.texts.iter().map(id).collect(),
        }
    }
}

impl Carrier for Pushing<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let refusal = match grounds {
            Grounds::Invalid => BAD_RECIPIENT,
            Grounds::NotThere => NO_SUCH_USER,
            Grounds::Throttled | Grounds::FirstThrottled => THROTTLED,
            Grounds::Country => NOT_AVAILABLE,
            // Whoever has blocked the account gets nothing, and the sender is not told.
            Grounds::OptedOut => return Some(answer::accepted(&self.sent())),
            Grounds::Fraud => return None,
        };
        Some(refusal.answer(&self.1.request_id))
    }

    fn deliver(&self) -> Response {
        let Self(vendor, push) = self;
        let (sent, now) = (self.sent(), vendor.clock.unix_ms());
        if let Some(key) = &push.retry_key {
            // Of two requests at once only one is accepted.
            let kept = vendor.accepted.keep(key, sent.clone(), now, now + DAY_MS);
            if let Err(earlier) = kept {
                return answer::accepted_before(&earlier, &push.request_id);
            }
        }
        for (sid, text) in sent.ids.iter().zip(&push.texts) {
            vendor.inbox.take(Message {
                sid: sid.clone(),
                channel: Channel::Line,
                to: push.to.clone(),
                from: vendor.settings.account.clone(),
                body: text.clone(),
                language: None,
                validity: None,
                received_at: now,
            });
        }
        answer::accepted(&sent)
    }

    fn nameless(&self) -> Response {
        answer::answer(StatusCode::OK, &self.1.request_id, &json!({}))
    }
}

/// `U` and 32 hex digits.
fn is_user_id(text: &str) -> bool {
    let hex = text.strip_prefix('U');
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(is_hex))
}
