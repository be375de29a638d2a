//! From Twilio's answers to our words.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::{Failure, Scope},
    outbound::Answer,
};

const THROTTLED: Failure = Failure::Throttled { delay: None };

/// Twilio's error codes that we know, ascending.
const CODES: &[(u32, Failure)] = &[
    (13225, Failure::FraudBlock), // call blocked by Twilio's block list
    (13227, Failure::Account),    // no voice permission for this country
    (20003, Failure::Account),    // bad credentials
    (20404, Failure::Request),    // no such account or path
    (20429, THROTTLED),           // too many requests at once; never processed
    (20503, Failure::Ambiguous),  // service fault
    (21210, Failure::Request),    // sender not verified
    (21211, Failure::Recipient),  // not a valid number
    (21212, Failure::Request),    // not a valid sender
    (21214, Failure::Recipient),  // number cannot be reached
    (21215, Failure::Account),    // no voice permission for this country
    (21216, Failure::FraudBlock), // call blocked by Twilio's block list
    (21217, Failure::Recipient),  // not a valid number
    (21219, Failure::Account),    // trial account, recipient not verified
    (21408, Failure::Account),    // no messaging permission for this country
    (21602, Failure::Request),    // no body
    (21603, Failure::Request),    // no sender
    (21604, Failure::Request),    // no recipient
    (21606, Failure::Request),    // sender not ours or cannot send SMS
    (21608, Failure::Account),    // trial account, recipient not verified
    (21610, Failure::Recipient),  // recipient sent STOP
    (21611, THROTTLED),           // the sender's queue is full
    (21612, Failure::Recipient),  // not reachable from this sender
    (21614, Failure::Recipient),  // not a mobile number
    (21617, Failure::Request),    // body too long
    (21703, Failure::Request),    // messaging service without a sender
    (21704, Failure::Request),    // messaging service without a sender
    (21705, Failure::Request),    // no such messaging service
    (30001, THROTTLED),           // queue overflow
    (30002, Failure::Account),    // account suspended
    (30003, Failure::Recipient),  // handset cannot be reached
    (30004, Failure::Recipient),  // blocked
    (30005, Failure::Recipient),  // unknown handset
    (30006, Failure::Recipient),  // landline or unreachable carrier
    (30007, Failure::Recipient),  // filtered
    (30008, Failure::Recipient),  // unknown
    (30010, Failure::Account),    // dearer than the account allows
    (30017, THROTTLED),           // carrier congestion
    (30022, THROTTLED),           // rate limit of the sender's registration
    (30023, Failure::Account),    // daily cap
    (30024, Failure::Account),    // sender not provisioned
    (30027, Failure::Account),    // daily cap
    (30032, Failure::Account),    // toll-free sender not verified
    (30450, Failure::FraudBlock), // SMS pumping protection
    (30453, Failure::FraudBlock), // SMS pumping protection
    (63003, Failure::Recipient),  // not on this channel
    (63007, Failure::Request),    // no such sender
    (63009, Failure::Transient),  // channel provider's fault
    (63010, Failure::Transient),  // Twilio's fault
    (63012, Failure::Transient),  // channel provider's fault
    (63016, Failure::Request),    // free text outside an open session
    (63017, THROTTLED),           // rate limit of the channel
    (63018, THROTTLED),           // rate limit of the channel
    (63024, Failure::Recipient),  // not a valid WhatsApp recipient
    (63027, Failure::Request),    // no such template
    (63028, Failure::Request),    // wrong number of parameters
    (63032, Failure::Recipient),  // blocked or limited
    (63033, Failure::Recipient),  // blocked or limited
    (63038, Failure::Account),    // daily limit
    (63041, Failure::Request),    // template paused
    (63049, Failure::Request),    // marketing not delivered
];

/// The codes whose reach is less than the whole account, ascending.
const SCOPES: &[(u32, Scope)] = &[
    (13227, Scope::Country),
    (21210, Scope::Sender),
    (21212, Scope::Sender),
    (21215, Scope::Country),
    (21219, Scope::Recipient), // a verified one is still reached
    (21408, Scope::Country),
    (21606, Scope::Sender),
    (21608, Scope::Recipient), // a verified one is still reached
    (21611, Scope::Sender),
    (21703, Scope::Sender),
    (21704, Scope::Sender),
    (21705, Scope::Sender),
    (30022, Scope::Sender), // the registration is that of a sender
    (30023, Scope::Sender),
    (30024, Scope::Sender),
    (30027, Scope::Sender),
    (30032, Scope::Sender),
    (63007, Scope::Sender),
    (63017, Scope::Sender),
    (63018, Scope::Sender),
    (63038, Scope::Sender), // the limit is that of a WhatsApp sender
];

/// Twilio refines its codes over time: what a new one is likely to mean.
const FAMILIES: &[(RangeInclusive<u32>, Failure)] = &[
    (21000..=21999, Failure::Request),
    (30000..=30999, Failure::Recipient),
    // Most of them are about the sender or the account, and one of those must not count against everybody.
    (63000..=63999, Failure::Request),
];

/// What we read of an answer, in either of Twilio's two error forms. Values are taken as they come, so that an
/// unexpected type of one does not lose the other.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    sid: Value,
    code: Value,
}

/// What became of a message. Any 2xx means that Twilio took it, whatever else it says.
pub(super) fn read(answer: &Answer, now_ms: u64) -> Result<Accepted, SendError> {
    // A proxy may answer in HTML, or nothing at all: then the status alone speaks.
    // Looked at once whether it is text: the reader would look at each of its forty strings by itself.
    let text = str::from_utf8(&answer.body).unwrap_or_default();
    let body: Body = serde_json::from_str(text).unwrap_or_default();
    if answer.status.is_success() {
        let message_id = body.sid.as_str().filter(|sid| is_id(sid));
        return Ok(Accepted {
            message_id: message_id.map(str::to_owned),
        });
    }
    let delay = answer.retry_after(now_ms);
    let by_status = SendError::by_status(answer.status, delay);
    let Some(code) = number(&body.code) else {
        return Err(by_status);
    };
    let mut failure = class(code, answer.status).unwrap_or(by_status.failure);
    if failure == THROTTLED {
        failure = Failure::Throttled { delay };
    }
    let problem = SendError::new(failure, code.to_string());
    Err(problem.within(scope(code)).inside(answer.status))
}

/// How far a code reaches.
fn scope(code: u32) -> Scope {
    let known = SCOPES.binary_search_by_key(&code, |(code, _)| *code);
    known.map_or(Scope::default(), |at| SCOPES[at].1)
}

/// What a code says; `None` when the status says more.
fn class(code: u32, status: StatusCode) -> Option<Failure> {
    let known = CODES.binary_search_by_key(&code, |(code, _)| *code);
    if let Ok(at) = known {
        return Some(CODES[at].1);
    }
    let telling = matches!(status.as_u16(), 401 | 429 | 500..);
    let family = FAMILIES.iter().find(|(codes, _)| codes.contains(&code));
    family.filter(|_| !telling).map(|(_, failure)| *failure)
}

/// A code as a number or as digits in a string. Twilio's have five digits; anything else might be about a person.
fn number(code: &Value) -> Option<u32> {
    let code = match code {
        Value::Number(code) => code.as_u64()?.try_into().ok()?,
        Value::String(code) => code.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (10_000..=99_999).contains(&code).then_some(code)
}

/// Whether a text is an id of Twilio's, and not something that it echoed.
fn is_id(sid: &str) -> bool {
    let prefix = sid.bytes().take_while(u8::is_ascii_uppercase).count();
    (2..=64).contains(&sid.len())
        && prefix >= 2
        && sid.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn codes_are_in_order_and_of_five_digits() {
        assert!(CODES.is_sorted_by(|one, next| one.0 < next.0));
        for (code, _) in CODES {
            assert_eq!(number(&Value::from(*code)), Some(*code));
        }
        assert!(SCOPES.is_sorted_by(|one, next| one.0 < next.0));
        for (code, _) in SCOPES {
            let known = CODES.iter().any(|(known, _)| known == code);
            assert!(known, "{code}");
        }
    }

    #[test]
    fn every_code_is_read_in_both_forms_of_error() {
        for (code, failure) in CODES {
            let reach = SCOPES.iter().find(|(scoped, _)| scoped == code);
            let reach = reach.map_or(Scope::Provider, |(_, scope)| *scope);
            let expect = SendError::new(*failure, code.to_string()).within(reach);
            let old = format!(r#"{{"code":{code},"message":"x","more_info":"y","status":400}}"#);
            let new = format!(r#"{{"type":"x","title":"y","status":400,"code":"{code}"}}"#);
            for body in [old, new] {
                assert_eq!(read(&answer(400, &body), 0), Err(expect.clone()), "{body}");
            }
        }
    }

    #[test]
    fn the_code_speaks_before_the_status_and_an_unknown_one_after_it() {
        let check = |status: u16, code: &str, failure: Failure, told: &str| {
            let result = read(&answer(status, &format!(r#"{{"code":{code}}}"#)), 0);
            let expect = Err(SendError::new(failure, told));
            assert_eq!(result, expect, "{status} {told}");
        };
        check(404, "21610", Failure::Recipient, "21610");
        check(500, "21610", Failure::Recipient, "21610");
        check(400, "20503", Failure::Ambiguous, "20503");
        // New ones, by their family.
        check(400, "21999", Failure::Request, "21999");
        check(400, "30999", Failure::Recipient, "30999");
        check(400, "\"63999\"", Failure::Request, "63999");
        // A fault inside a fault.
        for code in ["63009", "63010", "63012"] {
            check(500, code, Failure::Ambiguous, code);
        }
        // New ones whose status says more.
        check(503, "21999", Failure::Ambiguous, "21999");
        check(429, "30999", THROTTLED, "30999");
        check(401, "21999", Failure::Account, "21999");
        // No family.
        check(400, "20500", Failure::Request, "20500");
        check(500, "20500", Failure::Ambiguous, "20500");
        // No code of Twilio's: whatever it is, it is not repeated.
        for odd in [
            "null",
            "0",
            "482913",
            "-1",
            "1e9",
            "\"\"",
            "\"+14155552671\"",
            "[21610]",
            "{}",
        ] {
            check(400, odd, Failure::Request, "http_400");
        }
    }

    #[test]
    fn without_a_code_the_status_speaks() {
        let check = |status: u16, failure: Failure| {
            for body in [
                "",
                "{}",
                "<html>",
                "null",
                "[]",
                "\"x\"",
                "{\"code\":",
                "\u{0}",
            ] {
                let code = format!("http_{status}");
                let expect = Err(SendError::new(failure, code));
                assert_eq!(read(&answer(status, body), 0), expect, "{status} {body:?}");
            }
        };
        check(302, Failure::Request);
        check(400, Failure::Request);
        check(401, Failure::Account);
        check(403, Failure::Account);
        check(404, Failure::Request);
        check(408, Failure::Transient);
        check(429, THROTTLED);
        check(500, Failure::Ambiguous);
        check(503, Failure::Ambiguous);
        check(599, Failure::Ambiguous);
    }

    #[test]
    fn a_delay_is_told_with_any_throttling() {
        let check = |status: u16, body: &str, after: &'static str, expect: Option<u64>| {
            let mut answer = answer(status, body);
            let after = HeaderValue::from_static(after);
            answer.headers.insert(RETRY_AFTER, after);
            let delay = expect.map(Duration::from_secs);
            let failure = read(&answer, 1_445_412_470_000).unwrap_err().failure;
            assert_eq!(failure, Failure::Throttled { delay });
        };
        check(429, "", "7", Some(7));
        check(429, r#"{"code":20429}"#, "7", Some(7));
        check(400, r#"{"code":21611}"#, "7", Some(7));
        check(429, "", "Wed, 21 Oct 2015 07:28:00 GMT", Some(10));
        check(429, "", "soon", None);
    }

    #[test]
    fn only_an_id_is_taken_for_one() {
        let check = |body: &str, id: Option<&str>| {
            let message_id = id.map(str::to_owned);
            assert_eq!(
                read(&answer(201, body), 0),
                Ok(Accepted { message_id }),
                "{body}"
            );
        };
        let sid = "SM0123456789abcdef0123456789abcdef";
        check(
            &format!(r#"{{"sid":"{sid}","status":"queued"}}"#),
            Some(sid),
        );
        check(&format!(r#"{{"sid":"{sid}","code":{{}}}}"#), Some(sid));
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"sid":null}"#,
            r#"{"sid":7}"#,
            r#"{"sid":"482913"}"#,
        ] {
            check(body, None);
        }
        check(r#"{"sid":"+14155552671"}"#, None);
        check(&format!(r#"{{"sid":"SM{}"}}"#, "0".repeat(63)), None);
        check(&"[".repeat(100_000), None);
    }
}
