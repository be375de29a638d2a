//! From Meta's answers to our words. The code in the error speaks, and not the HTTP status, which varies for one code.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::Value;

use super::message_id;
use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::{Failure, Scope},
    outbound::Answer,
};

const THROTTLED: Failure = Failure::Throttled { delay: None };

type Class = (Failure, Scope);

const fn all(failure: Failure) -> Class {
    (failure, Scope::Provider)
}

/// Meta's error codes that we know, ascending.
const CODES: &[(RangeInclusive<u32>, Class)] = &[
    (0..=0, all(Failure::Account)),               // token not valid
    (1..=2, all(Failure::Transient)),             // Meta's fault
    (3..=3, all(Failure::Account)),               // permission
    (4..=4, all(THROTTLED)),                      // limit of the app
    (10..=10, all(Failure::Account)),             // permission
    (33..=33, all(Failure::Request)),             // no such phone number id
    (100..=100, all(Failure::Request)),           // parameter
    (190..=190, all(Failure::Account)),           // token expired
    (200..=299, all(Failure::Account)),           // permissions
    (368..=368, all(Failure::Account)),           // account restricted
    (80007..=80007, all(THROTTLED)),              // limit of the account
    (130_429..=130_429, all(THROTTLED)),          // too fast for the number
    (130_472..=130_472, all(Failure::Recipient)), // part of an experiment
    (130_497..=130_497, (Failure::Account, Scope::Country)), // this country is closed to us
    (131_000..=131_000, all(Failure::Transient)), // something went wrong
    (131_005..=131_005, all(Failure::Account)),   // permission
    (131_008..=131_009, all(Failure::Request)),   // parameter missing or not valid
    (131_016..=131_016, all(Failure::Transient)), // service away
    (131_021..=131_021, all(Failure::Recipient)), // recipient is the sender
    (131_026..=131_026, all(Failure::Recipient)), // not on WhatsApp
    (131_030..=131_030, all(Failure::Recipient)), // not on the list of a test number
    (131_031..=131_031, all(Failure::Account)),   // account locked
    (131_037..=131_037, all(Failure::Account)),   // display name not approved
    (131_042..=131_042, all(Failure::Account)),   // payment
    (131_045..=131_045, all(Failure::Account)),   // certificate
    (131_047..=131_047, all(Failure::Request)),   // free text outside an open session
    (131_048..=131_048, all(THROTTLED)),          // taken for spam too often
    (131_049..=131_050, all(Failure::Recipient)), // marketing not wanted
    (131_051..=131_051, all(Failure::Request)),   // type of message
    (131_056..=131_056, (THROTTLED, Scope::Recipient)), // too many to this one
    (131_057..=131_057, all(Failure::Transient)), // number in maintenance
    (131_062..=131_062, all(Failure::Request)),   // kind of recipient
    (132_000..=132_999, all(Failure::Request)),   // template
    (133_004..=133_004, all(Failure::Transient)), // server away
    (133_010..=133_010, all(Failure::Account)),   // number not registered
];

/// What we read of an answer. Values are taken as they come, so that an unexpected type of one does not lose the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    messages: Value,
    error: Value,
}

/// What became of a message.
pub(super) fn read(answer: &Answer, now_ms: u64) -> Result<Accepted, SendError> {
    // A proxy may answer in HTML, or nothing at all: then the status alone speaks.
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = number(&body.error["code"]);
    if answer.status.is_success() && code.is_none() {
        let id = body.messages[0]["id"].as_str();
        return Ok(Accepted {
            message_id: id.and_then(message_id::kept),
        });
    }
    let delay = answer.retry_after(now_ms);
    let by_status = SendError::by_status(answer.status, delay);
    let Some(code) = code else {
        return Err(by_status);
    };
    let (failure, scope) = class(code).unwrap_or_else(|| unknown(&body.error, &by_status));
    let failure = match (failure, by_status.failure) {
        (_, Failure::Throttled { .. }) | (Failure::Throttled { .. }, _) => {
            Failure::Throttled { delay }
        }
        (failure, _) => failure,
    };
    let problem = SendError::new(failure, code.to_string());
    Err(problem.within(scope).inside(answer.status))
}

/// What a code says.
fn class(code: u32) -> Option<Class> {
    let at = CODES.partition_point(|(codes, _)| *codes.end() < code);
    let (codes, class) = CODES.get(at)?;
    codes.contains(&code).then_some(*class)
}

/// What a code says that we do not know: what Meta says beside it, or else the status.
fn unknown(error: &Value, by_status: &SendError) -> Class {
    let transient = error["is_transient"].as_bool() == Some(true);
    all(if transient {
        Failure::Transient
    } else {
        by_status.failure
    })
}

/// A code as a number or as digits in a string; Meta's have at most seven digits.
fn number(code: &Value) -> Option<u32> {
    let code = match code {
        Value::Number(code) => code.as_u64()?.try_into().ok()?,
        Value::String(code) => code.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (code < 10_000_000).then_some(code)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    fn error(code: &Value) -> String {
        json!({ "error": { "message": "x", "type": "OAuthException", "code": code } }).to_string()
    }

    #[test]
    fn the_codes_are_in_order_and_apart() {
        assert!(CODES.is_sorted_by(|one, next| one.0.end() < next.0.start()));
        assert!(CODES.iter().all(|(codes, _)| codes.start() <= codes.end()));
        assert_eq!(class(5), None);
        assert_eq!(class(199), None);
        assert_eq!(class(300), None);
        assert_eq!(class(999_999), None);
    }

    #[test]
    fn every_code_is_read_whatever_the_status() {
        for (codes, (failure, scope)) in CODES {
            for code in [codes.start(), codes.end()] {
                let expect = SendError::new(*failure, code.to_string()).within(*scope);
                for status in [200, 400, 401, 403, 404] {
                    for told in [json!(code), json!(code.to_string())] {
                        let result = read(&answer(status, &error(&told)), 0);
                        assert_eq!(result, Err(expect.clone()), "{status} {code}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_fault_on_the_way_leaves_a_doubt() {
        let check = |status: u16, code: u32, failure: Failure| {
            let result = read(&answer(status, &error(&json!(code))), 0);
            let expect = Err(SendError::new(failure, code.to_string()));
            assert_eq!(result, expect, "{status} {code}");
        };
        check(400, 131_000, Failure::Transient);
        check(500, 131_000, Failure::Ambiguous);
        check(503, 2, Failure::Ambiguous);
        check(500, 131_026, Failure::Recipient);
        // Any code with this status.
        check(429, 131_026, THROTTLED);
        check(429, 999_999, THROTTLED);
    }

    #[test]
    fn an_unknown_code_is_judged_by_what_stands_beside_it() {
        let check = |status: u16, transient: Value, failure: Failure| {
            let body = json!({ "error": { "code": 139_999, "is_transient": transient } });
            let result = read(&answer(status, &body.to_string()), 0);
            assert_eq!(result, Err(SendError::new(failure, "139999")), "{status}");
        };
        check(400, json!(true), Failure::Transient);
        check(500, json!(true), Failure::Ambiguous);
        check(400, json!(false), Failure::Request);
        check(403, json!(null), Failure::Account);
        check(400, json!("true"), Failure::Request);
        check(500, json!(null), Failure::Ambiguous);
    }

    #[test]
    fn without_a_code_the_status_speaks() {
        let odd = [
            json!(null),
            json!(-1),
            json!("x"),
            json!([1]),
            json!(14_155_552_671_u64),
            json!("+14155552671"),
        ];
        let bodies = odd.iter().map(error);
        let plain = [
            "",
            "{}",
            "<html>",
            "null",
            "[]",
            "{\"error\":",
            r#"{"error":7}"#,
        ];
        for body in bodies.chain(plain.map(str::to_owned)) {
            for (status, failure) in [
                (400, Failure::Request),
                (401, Failure::Account),
                (503, Failure::Ambiguous),
            ] {
                let expect = Err(SendError::new(failure, format!("http_{status}")));
                assert_eq!(read(&answer(status, &body), 0), expect, "{body}");
            }
        }
    }

    #[test]
    fn a_delay_is_told_only_where_the_header_has_one() {
        let check = |header: Option<&'static str>, expect: Option<u64>| {
            let mut answer = answer(400, &error(&json!(131_056)));
            if let Some(header) = header {
                let value = HeaderValue::from_static(header);
                answer.headers.insert(RETRY_AFTER, value);
            }
            let delay = expect.map(Duration::from_secs);
            let problem = SendError::new(Failure::Throttled { delay }, "131056");
            assert_eq!(read(&answer, 0), Err(problem.within(Scope::Recipient)));
        };
        check(None, None);
        check(Some("6"), Some(6));
        check(Some("soon"), None);
    }

    #[test]
    fn any_other_success_is_one_with_an_id_or_without() {
        let id = "wamid.HRgUYWJjZGVm";
        let body =
            json!({ "messages": [{ "id": id, "message_status": "held_for_quality_assessment" }] });
        let message_id = Some(id.to_owned());
        assert_eq!(
            read(&answer(200, &body.to_string()), 0),
            Ok(Accepted { message_id })
        );
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"messages":[]}"#,
            r#"{"messages":[{"id":"14155552671"}]}"#,
        ] {
            let message_id = None;
            assert_eq!(
                read(&answer(200, body), 0),
                Ok(Accepted { message_id }),
                "{body}"
            );
        }
    }
}
