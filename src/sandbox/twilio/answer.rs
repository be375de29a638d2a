//! What the simulated vendor writes: the resources of messages and calls, and its errors.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiff::{Timestamp, fmt::rfc2822, tz::TimeZone};
use serde_json::{Value, json};

use super::order::{Order, Sender};
use crate::sandbox::{inbox::Message, segments};

/// An error as the vendor words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// The vendor's code.
    pub(super) code: u32,
    /// The vendor's text.
    pub(super) message: &'static str,
}

impl Refusal {
    /// An error with HTTP 400.
    pub(super) const fn bad_request(code: u32, message: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status.as_u16(),
        });
        (self.status, Json(body)).into_response()
    }
}

/// The resource that a request to create a message answers.
pub(super) fn message(account: &str, order: &Order, message: &Message) -> Value {
    let sid = &message.sid;
    // A messaging service picks the sender and counts segments later.
    let (from, service, status, segments) = match &order.sender {
        Sender::Number(from) => (Some(from), None, "queued", segments::count(&order.body)),
        Sender::Service { sid, from } => (from.as_ref(), Some(sid), "accepted", 0),
    };
    let from = from.map(|from| order.address(from));
    let date = date(message.received_at);
    json!({
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": order.body,
        "date_created": date,
        "date_sent": null,
        "date_updated": date,
        "direction": "outbound-api",
        "error_code": null,
        "error_message": null,
        "from": from,
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": segments.to_string(),
        "price": null,
        "price_unit": "USD",
        "sid": sid,
        "status": status,
        "to": order.address(&order.to),
        "uri": format!("/2010-04-01/Accounts/{account}/Messages/{sid}.json"),
    })
}

/// The resource that a request to create a call answers.
pub(super) fn call(account: &str, message: &Message) -> Value {
    let Message { sid, to, from, .. } = message;
    json!({
        "account_sid": account,
        "answered_by": null,
        "api_version": "2010-04-01",
        "date_created": null,
        "direction": "outbound-api",
        "duration": null,
        "end_time": null,
        "from": from,
        "price": null,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": sid,
        "start_time": null,
        "status": "queued",
        "to": to,
        "uri": format!("/2010-04-01/Accounts/{account}/Calls/{sid}.json"),
    })
}

fn date(unix_ms: u64) -> Option<String> {
    let moment = i64::try_from(unix_ms).ok()?;
    let moment = Timestamp::from_millisecond(moment).ok()?;
    rfc2822::to_string(&moment.to_zoned(TimeZone::UTC)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::Channel;

    fn shown(sender: Sender) -> Value {
        let order = Order {
            channel: Channel::Sms,
            to: "+14155550123".to_owned(),
            sender,
            body: "Your code is 482913".to_owned(),
            language: None,
            validity: None,
        };
        let taken = Message {
            sid: "SM0".to_owned(),
            channel: Channel::Sms,
            to: order.to.clone(),
            from: String::new(),
            body: order.body.clone(),
            language: None,
            validity: None,
            received_at: 1_772_442_930_000,
        };
        message("AC0", &order, &taken)
    }

    #[test]
    fn a_number_queues_and_counts_segments() {
        let shown = shown(Sender::Number("+15005550006".to_owned()));
        assert_eq!(shown["status"], "queued");
        assert_eq!(shown["num_segments"], "1");
        assert_eq!(shown["from"], "+15005550006");
        assert_eq!(shown["error_code"], Value::Null);
        assert_eq!(shown["date_created"], "Mon, 2 Mar 2026 09:15:30 +0000");
        assert_eq!(shown["uri"], "/2010-04-01/Accounts/AC0/Messages/SM0.json");
    }

    #[test]
    fn a_service_accepts_and_counts_later() {
        let sid = "MG0".to_owned();
        let shown = shown(Sender::Service { sid, from: None });
        assert_eq!(shown["status"], "accepted");
        assert_eq!(shown["num_segments"], "0");
        assert_eq!(shown["from"], Value::Null);
        assert_eq!(shown["messaging_service_sid"], "MG0");
    }
}
