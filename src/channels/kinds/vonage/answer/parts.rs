//! What the SMS API says: a status for each part of a text, with HTTP 200 to errors too.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Class, THROTTLED, accepted, all, refused};
use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::{Failure, Scope},
    outbound::Answer,
};

/// The statuses of the SMS API that we know, ascending; 0 is success.
const STATUSES: &[(u32, Class)] = &[
    (1, all(THROTTLED)),                        // too fast for the account
    (2, all(Failure::Request)),                 // parameter missing
    (3, all(Failure::Request)),                 // parameter not valid
    (4, all(Failure::Account)),                 // wrong credentials
    (5, all(Failure::Transient)),               // Vonage's fault
    (6, all(Failure::Recipient)),               // no way to this number
    (7, all(Failure::Recipient)),               // number barred
    (8, all(Failure::Account)),                 // account barred
    (9, all(Failure::Account)),                 // no credit
    (10, all(THROTTLED)),                       // too many connections
    (11, all(Failure::Account)),                // account may not use this API
    (12, all(Failure::Request)),                // text too long
    (14, all(Failure::Account)),                // wrong signature
    (15, (Failure::Request, Scope::Sender)),    // sender not allowed
    (22, all(Failure::Request)),                // network not valid
    (23, all(Failure::Request)),                // callback not valid
    (29, (Failure::Account, Scope::Recipient)), // demo account, recipient not on its list
    (32, all(Failure::Account)),                // signature and secret together
    (33, all(Failure::Recipient)),              // number no longer in use
];

/// What the SMS API says of a text, part by part.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parts {
    messages: Vec<Part>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    status: Value,
    #[serde(rename = "message-id")]
    message_id: Value,
    #[serde(rename = "error-text")]
    error_text: Value,
}

/// What became of a text.
pub(super) fn read(answer: &Answer, now_ms: u64) -> Result<Accepted, SendError> {
    let parts: Parts = serde_json::from_slice(&answer.body).unwrap_or_default();
    let statuses: Option<Vec<_>> = parts
        .messages
        .iter()
        .map(|part| digits(&part.status))
        .collect();
    let statuses = statuses.filter(|statuses| !statuses.is_empty());
    let success = answer.status.is_success();
    let Some(statuses) = statuses else {
        // A 200 says nothing here: it is the answer to errors too.
        return Err(if success {
            SendError::new(Failure::Ambiguous, "no_status")
        } else {
            SendError::by_status(answer.status, answer.retry_after(now_ms))
        });
    };
    let Some(failed) = statuses.iter().position(|status| *status != 0) else {
        return Ok(accepted(&parts.messages[0].message_id));
    };
    let status = statuses[failed];
    if statuses.contains(&0) {
        // Some of the text is on its way, and the code may be in it.
        return Err(SendError::new(
            Failure::Ambiguous,
            format!("partial_{status}"),
        ));
    }
    let known = STATUSES.binary_search_by_key(&status, |(status, _)| *status);
    let class = known.map_or(all(Failure::Request), |at| STATUSES[at].1);
    let delay = asked_delay(&parts.messages[failed].error_text);
    let delay = delay.or_else(|| answer.retry_after(now_ms));
    Err(refused(class, delay, status.to_string()).inside(answer.status))
}

/// A status, as a number or as digits in a text.
fn digits(status: &Value) -> Option<u32> {
    let status = match status {
        Value::Number(status) => status.as_u64()?.try_into().ok()?,
        Value::String(status) => status.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (status < 1000).then_some(status)
}

/// The milliseconds that a text asks us to wait: `… please wait [ 250 ] and retry`.
fn asked_delay(text: &Value) -> Option<Duration> {
    let (_, after) = text.as_str()?.split_once('[')?;
    let (millis, _) = after.split_once(']')?;
    let millis: u32 = millis.trim().parse().ok()?;
    Some(Duration::from_millis(millis.into()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn sms(body: &Value) -> Result<Accepted, SendError> {
        read(&answer(200, &body.to_string()), 0)
    }

    fn id(id: &str) -> Accepted {
        let message_id = Some(id.to_owned());
        Accepted { message_id }
    }

    const ONE: &str = "0A0000000123ABCD1";
    const TWO: &str = "0A0000000123ABCD2";

    #[test]
    fn the_statuses_are_in_order() {
        assert!(STATUSES.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn every_status_is_read_as_text_and_as_number() {
        for (status, (failure, scope)) in STATUSES {
            let expect = SendError::new(*failure, status.to_string()).within(*scope);
            for told in [json!(status), json!(status.to_string())] {
                let body = json!({ "messages": [{ "status": told, "error-text": "x" }] });
                assert_eq!(sms(&body), Err(expect.clone()), "{body}");
            }
        }
        let unknown = json!({ "messages": [{ "status": "77" }] });
        assert_eq!(sms(&unknown), Err(SendError::new(Failure::Request, "77")));
    }

    #[test]
    fn a_text_is_taken_when_all_its_parts_are() {
        let part = |status: &str, id: &str| json!({ "status": status, "message-id": id });
        let check = |parts: &[Value], expect: Result<Accepted, SendError>| {
            let body = json!({ "message-count": parts.len().to_string(), "messages": parts });
            assert_eq!(sms(&body), expect, "{body}");
        };
        let doubt = |code: &str| Err(SendError::new(Failure::Ambiguous, code));
        check(&[part("0", ONE)], Ok(id(ONE)));
        check(&[part("0", ONE), part("0", TWO)], Ok(id(ONE)));
        check(&[part("0", ONE), part("1", "")], doubt("partial_1"));
        check(&[part("9", ""), part("0", TWO)], doubt("partial_9"));
        let failed = Err(SendError::new(Failure::Account, "9"));
        check(&[part("9", ""), part("1", "")], failed);
        check(&[], doubt("no_status"));
        check(&[part("0", ONE), json!({})], doubt("no_status"));
        check(&[part("0", ONE), json!("x")], doubt("no_status"));
    }

    #[test]
    fn a_200_without_a_status_says_nothing() {
        let doubt = Err(SendError::new(Failure::Ambiguous, "no_status"));
        for body in [
            "",
            "{}",
            "<html>",
            "null",
            "[]",
            "{\"messages\":",
            r#"{"messages":7}"#,
        ] {
            assert_eq!(read(&answer(200, body), 0), doubt, "{body}");
        }
        for (status, failure) in [
            (401, Failure::Account),
            (429, THROTTLED),
            (503, Failure::Ambiguous),
        ] {
            let expect = Err(SendError::new(failure, format!("http_{status}")));
            assert_eq!(read(&answer(status, "Sorry"), 0), expect);
        }
    }

    #[test]
    fn a_delay_is_read_from_the_text_and_else_from_the_header() {
        let check = |text: &str, header: Option<&'static str>, expect: Option<u64>| {
            let body = json!({ "messages": [{ "status": "1", "error-text": text }] });
            let mut answer = answer(200, &body.to_string());
            if let Some(header) = header {
                let value = HeaderValue::from_static(header);
                answer.headers.insert(RETRY_AFTER, value);
            }
            let delay = expect.map(Duration::from_millis);
            let failure = read(&answer, 0).unwrap_err().failure;
            assert_eq!(failure, Failure::Throttled { delay }, "{text}");
        };
        let asked = "Throughput Rate Exceeded - please wait [ 250 ] and retry";
        check(asked, None, Some(250));
        check(asked, Some("7"), Some(250));
        check("wait [3]", None, Some(3));
        for odd in ["", "wait", "[ soon ]", "[ -1 ]", "[ 250", "[ 99999999999 ]"] {
            check(odd, None, None);
            check(odd, Some("7"), Some(7000));
        }
    }
}
