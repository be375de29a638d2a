//! The SMS API: a form in, and HTTP 200 out, whatever happens; each part of a message has a status of its own.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{Settings, desk::Vendor};
use crate::{
    domain::channel::Channel,
    sandbox::{
        carrier::{Carrier, carry},
        inbox::Message,
        reading::{Form, is_international, is_sender_name},
        segments,
        triggers::{self, Grounds},
    },
};

/// The longest text, in UTF-16 units.
const MAX_TEXT: usize = 3200;
/// How long, in milliseconds, delivery may be tried.
const LIFE: std::ops::RangeInclusive<u64> = 20_000..=604_800_000;

/// A message to send.
#[derive(Debug)]
pub(super) struct Order {
    to: String,
    from: String,
    text: String,
    /// Milliseconds for which delivery may be tried.
    life: Option<u64>,
    client_ref: Option<String>,
}

/// Why a message is not sent: a status, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(u32, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let part = json!({ "status": self.0.to_string(), "error-text": self.1 });
        answer(&[part])
    }
}

impl Order {
    /// Reads the form of a request.
    pub(super) fn read(form: &Form, settings: &Settings) -> Result<Self, Refusal> {
        sign_in(form, settings)?;
        let to = form.get("to").ok_or(Refusal(2, "Missing to param"))?;
        let from = form.get("from").ok_or(Refusal(2, "Missing from param"))?;
        let text = form.get("text").ok_or(Refusal(2, "Missing text param"))?;
        if !is_international(to) {
            return Err(Refusal(3, "Invalid to param"));
        }
        if !is_sender(from) {
            return Err(Refusal(15, "Invalid sender address"));
        }
        if text.encode_utf16().count() > MAX_TEXT {
            return Err(Refusal(12, "Message too long"));
        }
        Ok(Self {
            to: to.to_owned(),
            from: from.to_owned(),
            text: on_phone(form.get("type"), text)?,
            life: form.get("ttl").map(life).transpose()?,
            client_ref: form.get("client-ref").map(str::to_owned),
        })
    }

    /// Sends it.
    pub(super) async fn send(&self, vendor: &Vendor) -> Response {
        let mishap = triggers::of(&self.to);
        carry(&Texting(vendor, self), mishap, vendor.settings.slow).await
    }

    fn part(&self, id: Option<String>) -> Value {
        let mut part = Map::from_iter(
            [
                ("to", &*self.to),
                ("status", "0"),
                ("remaining-balance", "3.14159265"),
                ("message-price", "0.03330000"),
                ("network", "12345"),
            ]
            .map(|(name, value)| (name.to_owned(), value.into())),
        );
        if let Some(id) = id {
            part.insert("message-id".to_owned(), id.into());
        }
        if let Some(client_ref) = &self.client_ref {
            part.insert("client-ref".to_owned(), client_ref.as_str().into());
        }
        part.into()
    }
}

/// The account signs in by its secret; it is not set up for signed requests.
fn sign_in(form: &Form, settings: &Settings) -> Result<(), Refusal> {
    let key = form.get("api_key").ok_or(Refusal(2, "Missing api_key"))?;
    let secret = match (form.get("api_secret"), form.get("sig")) {
        (Some(_), Some(_)) => return Err(Refusal(32, "Signature And API Secret Disallowed")),
        (None, Some(_)) => return Err(Refusal(14, "Invalid Signature")),
        (None, None) => return Err(Refusal(2, "Missing api_secret")),
        (Some(secret), None) => secret,
    };
    if key != settings.api_key || secret != settings.api_secret {
        return Err(Refusal(4, "Bad Credentials"));
    }
    Ok(())
}

/// What the phone shows. The plain type has no characters but the phones' own.
fn on_phone(kind: Option<&str>, text: &str) -> Result<String, Refusal> {
    let plain = |character: char| {
        if segments::is_plain(character) {
            character
        } else {
            '?'
        }
    };
    match kind {
        None | Some("text") => Ok(text.chars().map(plain).collect()),
        Some("unicode") => Ok(text.to_owned()),
        Some(_) => Err(Refusal(3, "Invalid type param")),
    }
}

fn life(text: &str) -> Result<u64, Refusal> {
    let life = text.parse().ok().filter(|life| LIFE.contains(life));
    life.ok_or(Refusal(3, "Invalid ttl param"))
}

/// A number, or a name.
fn is_sender(text: &str) -> bool {
    let number = (3..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    number || is_sender_name(text)
}

fn answer(parts: &[Value]) -> Response {
    let body = json!({ "message-count": parts.len().to_string(), "messages": parts });
    Json(body).into_response()
}

/// A message that was ordered.
struct Texting<'a>(&'a Vendor, &'a Order);

impl Carrier for Texting<'_> {
    fn refusal(&self, grounds: Grounds) -> Option<Response> {
        let refusal = match grounds {
            Grounds::Invalid => Refusal(6, "The message was not routable"),
            Grounds::OptedOut => Refusal(7, "Number barred"),
            Grounds::Throttled => Refusal(
                1,
                "Throughput Rate Exceeded - please wait [ 250 ] and retry",
            ),
            Grounds::Country => Refusal(29, "Non-Whitelisted Destination"),
            Grounds::Fraud | Grounds::NotThere | Grounds::FirstThrottled => return None,
        };
        Some(refusal.into_response())
    }

    fn deliver(&self) -> Response {
        let Self(vendor, order) = self;
        let parts = 0..segments::count(&order.text);
        let ids: Vec<_> = parts.map(|_| vendor.sms_id()).collect();
        let life = order.life.and_then(|life| u32::try_from(life / 1000).ok());
        vendor.inbox.take(Message {
            sid: ids.first().cloned().unwrap_or_default(),
            channel: Channel::Sms,
            to: format!("+{}", order.to),
            from: order.from.clone(),
            body: order.text.clone(),
            language: None,
            validity: life,
            received_at: vendor.clock.unix_ms(),
        });
        let parts = ids.into_iter().map(|id| order.part(Some(id)));
        answer(&parts.collect::<Vec<_>>())
    }

    fn nameless(&self) -> Response {
        answer(&[self.1.part(None)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("api_key", "5a4d0001"),
        ("api_secret", "sandbox-vonage-secret"),
        ("to", "447700900000"),
        ("from", "Acme"),
        ("text", "Your code is 482913"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Order, u32> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let kept = GOOD
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        form.extend_pairs(kept.chain(changes));
        let form = Form::read(form.finish().as_bytes());
        Order::read(&form, &Settings::default()).map_err(|refusal| refusal.0)
    }

    #[test]
    fn a_complete_request_is_an_order() {
        let order = read(&[("ttl", "300000"), ("client-ref", "a1")]).expect("an order");
        assert_eq!(
            (order.to.as_str(), order.from.as_str()),
            ("447700900000", "Acme")
        );
        assert_eq!(order.life, Some(300_000));
        assert_eq!(order.part(None)["client-ref"], "a1");
    }

    #[test]
    fn the_plain_type_spoils_what_phones_do_not_have() {
        let text = ("text", "コード 482913 €");
        assert_eq!(read(&[text]).expect("an order").text, "??? 482913 €");
        let unicode = read(&[text, ("type", "unicode")]).expect("an order");
        assert_eq!(unicode.text, text.1);
    }

    #[test]
    fn each_mistake_has_its_status() {
        let check = |changes: &[(&str, &str)], status: u32| {
            assert_eq!(read(changes).err(), Some(status), "{changes:?}");
        };
        for (name, _) in GOOD {
            check(&[(name, "")], 2);
        }
        check(&[("api_key", "other")], 4);
        check(&[("api_secret", "other")], 4);
        check(&[("sig", "abc")], 32);
        check(&[("api_secret", ""), ("sig", "abc")], 14);
        for bad in ["+447700900000", "4477", "07700900000", "44 7700 900000"] {
            check(&[("to", bad)], 3);
        }
        for bad in ["TWELVELETTER", "+447700900001", "12"] {
            check(&[("from", bad)], 15);
        }
        check(&[("type", "wappush")], 3);
        for bad in ["19999", "604800001", "5m"] {
            check(&[("ttl", bad)], 3);
        }
        check(&[("text", &"a".repeat(3201))], 12);
    }
}
