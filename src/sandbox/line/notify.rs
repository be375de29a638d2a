//! A notification by phone number: the number comes as its digest, the text by an approved template or as messages that
//! were reviewed.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{
    answer::{self, Refusal},
    desk::Vendor,
    objects,
    people::Person,
    push::{NOT_AVAILABLE, THROTTLED},
};
use crate::{
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::Message,
        triggers::{self, Grounds},
    },
};

/// Most characters of the part that is shown large.
const MAX_EMPHASIZED: usize = 15;
/// Most characters of any other part.
const MAX_CONTENT: usize = 300;
const MAX_ITEMS: usize = 15;
const MAX_BUTTONS: usize = 2;

const DELIVERY_TAG: &str = "x-line-delivery-tag";

const NOBODY: Refusal = Refusal::plain(StatusCode::UNPROCESSABLE_ENTITY, "Failed to send messages");
const BAD_TAG: Refusal = Refusal::plain(
    StatusCode::BAD_REQUEST,
    "The value for the 'X-Line-Delivery-Tag' header is invalid",
);

/// An approved template.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its key, which also says its language.
    pub key: String,
    /// Its language.
    pub language: String,
    /// The text above its parts.
    pub wording: String,
    /// The key of the part that is shown large.
    pub emphasized: String,
    /// The keys of its other parts.
    pub items: Vec<String>,
}

impl Notice {
    /// The sandbox's templates.
    pub fn approved() -> Vec<Self> {
        let notices = [
            ("login_code_ja", "ja", "認証コードのお知らせ"),
            ("login_code_th", "th", "รหัสยืนยันของคุณ"),
            ("login_code_en", "en", "Your verification code"),
        ];
        let notices = notices.map(|(key, language, wording)| Self {
            key: key.to_owned(),
            language: language.to_owned(),
            wording: wording.to_owned(),
            emphasized: "code".to_owned(),
            items: vec!["valid_for".to_owned()],
        });
        notices.into()
    }
}

/// A notification to send.
pub(super) struct Notification {
    to: String,
    text: String,
    language: Option<String>,
    /// The status of the answer when all is well.
    success: StatusCode,
    request_id: String,
}

impl Notification {
    /// Reads a request with a template; its own id is `request_id`.
    pub(super) fn by_template(
        vendor: &Vendor,
        headers: &HeaderMap,
        body: &Value,
        request_id: &str,
    ) -> Result<Self, Refusal> {
        let to = recipient(headers, body)?;
        let key = body["templateKey"].as_str();
        let mut notices = vendor.settings.notices.iter();
        let notice = notices.find(|notice| Some(&*notice.key) == key);
        let notice = notice
            .ok_or_else(|| Refusal::in_property("templateKey", "Must be an approved template"))?;
        Ok(Self {
            to,
            text: filled(notice, &body["body"])?,
            language: Some(notice.language.clone()),
            success: StatusCode::ACCEPTED,
            request_id: request_id.to_owned(),
        })
    }

    /// Reads a request with messages of its own.
    pub(super) fn by_messages(
        headers: &HeaderMap,
        body: &Value,
        request_id: &str,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            to: recipient(headers, body)?,
            text: objects::read(body)?.join("\n"),
            language: None,
            success: StatusCode::OK,
            request_id: request_id.to_owned(),
        })
    }

    /// Sends it to whom the vendor knows by the digest.
    pub(super) async fn send(&self, vendor: &Vendor) -> Response {
        let mut people = vendor.settings.people.iter();
        let Some(person) = people.find(|person| person.digest() == self.to) else {
            return NOBODY.answer(&self.request_id);
        };
        let notifying = Notifying(vendor, self, person);
        let mishap = triggers::of(&person.phone);
        carry(&notifying, mishap, vendor.settings.slow).await
    }
}

/// A notification that was ordered, and whom it is for.
struct Notifying<'a>(&'a Vendor, &'a Notification, &'a Person);

impl Carrier for Notifying<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let refusal = match grounds {
            Grounds::Invalid | Grounds::NotThere | Grounds::OptedOut => NOBODY,
            Grounds::Throttled | Grounds::FirstThrottled => THROTTLED,
            Grounds::Country => NOT_AVAILABLE,
            Grounds::Fraud => return None,
        };
        Some(refusal.answer(&self.1.request_id))
    }

    fn deliver(&self) -> Response {
        let Self(vendor, notification, person) = self;
        vendor.inbox.take(Message {
            sid: notification.request_id.clone(),
            channel: Channel::Line,
            to: person.phone.clone(),
            from: vendor.settings.account.clone(),
            body: notification.text.clone(),
            language: notification.language.clone(),
            validity: None,
            received_at: vendor.clock.unix_ms(),
        });
        self.nameless()
    }

    /// The body never names a message: the header does.
    fn nameless(&self) -> Response {
        let Notification {
            success,
            request_id,
            ..
        } = self.1;
        answer::answer(*success, request_id, &json!({}))
    }
}

/// The digest of the number that the request is for.
fn recipient(headers: &HeaderMap, body: &Value) -> Result<String, Refusal> {
    let tag = headers.get(DELIVERY_TAG);
    if tag.is_some_and(|tag| !(16..=100).contains(&tag.len())) {
        return Err(BAD_TAG);
    }
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digest = body["to"].as_str();
    let digest = digest.filter(|to| to.len() == 64 && to.bytes().all(is_hex));
    let digest = digest.ok_or_else(|| Refusal::in_property("to", "Must be a SHA-256 digest"))?;
    Ok(digest.to_owned())
}

/// What the person reads: the wording, the large part, and the others below it.
fn filled(notice: &Notice, body: &Value) -> Result<String, Refusal> {
    let mut lines = vec![notice.wording.clone()];
    if let Some(item) = body.get("emphasizedItem") {
        let keys = std::slice::from_ref(&notice.emphasized);
        let (_, content) = part(item, keys, MAX_EMPHASIZED, "body.emphasizedItem")?;
        lines.push(content.to_owned());
    }
    let items = list(body, "items", MAX_ITEMS)?.iter().enumerate();
    for (index, item) in items {
        let path = format!("body.items[{index}]");
        let (key, content) = part(item, &notice.items, MAX_CONTENT, &path)?;
        lines.push(format!("{key}: {content}"));
    }
    let buttons = list(body, "buttons", MAX_BUTTONS)?.iter().enumerate();
    for (index, button) in buttons {
        let complete = button["buttonKey"].is_string() && button["url"].is_string();
        if !complete {
            let path = format!("body.buttons[{index}]");
            return Err(Refusal::in_property(&path, "May not be empty"));
        }
    }
    Ok(lines.join("\n"))
}

fn list<'a>(body: &'a Value, name: &str, most: usize) -> Result<&'a [Value], Refusal> {
    let list = match body.get(name) {
        None => return Ok(&[]),
        Some(list) => list.as_array().filter(|list| list.len() <= most),
    };
    let path = format!("body.{name}");
    let list = list.ok_or_else(|| Refusal::in_property(&path, "Has too many elements"))?;
    Ok(list)
}

/// The key and content of a part.
fn part<'a>(
    item: &'a Value,
    keys: &[String],
    longest: usize,
    path: &str,
) -> Result<(&'a str, &'a str), Refusal> {
    let key = item["itemKey"].as_str();
    let key = key.filter(|key| keys.iter().any(|known| known == key));
    let key = key.ok_or_else(|| {
        Refusal::in_property(&format!("{path}.itemKey"), "Must be a key of the template")
    })?;
    let content = item["content"].as_str();
    let content = content.filter(|text| (1..=longest).contains(&text.encode_utf16().count()));
    let content = content.ok_or_else(|| {
        Refusal::in_property(
            &format!("{path}.content"),
            "Length must be within the limit",
        )
    })?;
    Ok((key, content))
}
