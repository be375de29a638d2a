//! What the Messages and Voice APIs say: an id, or the type of a problem.

use serde::Deserialize;
use serde_json::Value;

use super::{Class, EXPIRED, THROTTLED, accepted, all, refused};
use crate::{
    channels::provider::{Accepted, SendError},
    domain::failure::{Failure, Scope},
    outbound::Answer,
};

/// The types of problems of the other APIs that we know, as their address ends.
const PROBLEMS: &[(&str, Class)] = &[
    ("1000", all(THROTTLED)),
    ("1010", all(Failure::Request)),
    ("1020", all(Failure::Request)),
    ("1021", all(Failure::Request)),
    ("1022", all(Failure::Request)),
    ("1030", all(Failure::Transient)),
    ("1040", all(Failure::Recipient)),
    ("1050", all(Failure::Recipient)),
    ("1060", all(Failure::Account)),
    ("1070", all(Failure::Account)),
    ("1080", all(Failure::Account)),
    ("1090", all(Failure::Request)),
    ("1100", all(Failure::Transient)),
    ("1120", (Failure::Request, Scope::Sender)),
    ("1130", all(Failure::Request)),
    ("1140", all(Failure::Account)),
    ("1160", (Failure::Account, Scope::Recipient)), // recipient not on the list of a trial account
    ("account-suspended", all(Failure::Account)),
    ("forbidden", all(Failure::Account)),
    ("invalid-params", all(Failure::Request)),
    (EXPIRED, all(Failure::Account)),
    ("low-balance", all(Failure::Account)),
    ("not-found", all(Failure::Request)),
    ("rate-limit", all(THROTTLED)),
    ("unauthorized", all(Failure::Account)),
];

/// What the other APIs say: an id, or the type of a problem.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Whole {
    message_uuid: Value,
    uuid: Value,
    r#type: Value,
}

/// What became of a message.
pub(super) fn read(answer: &Answer, now_ms: u64) -> Result<Accepted, SendError> {
    // A proxy may answer in HTML, or nothing at all: then the status alone speaks.
    let body: Whole = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        let id = if body.message_uuid.is_null() {
            &body.uuid
        } else {
            &body.message_uuid
        };
        return Ok(accepted(id));
    }
    let delay = answer.retry_after(now_ms);
    let by_status = SendError::by_status(answer.status, delay);
    let Some(code) = body.r#type.as_str().and_then(code) else {
        return Err(by_status);
    };
    let known = PROBLEMS.binary_search_by_key(&code, |(code, _)| *code);
    Err(match known {
        Ok(at) => refused(PROBLEMS[at].1, delay, code.to_owned()).inside(answer.status),
        // There are more numbers than are documented.
        Err(_) => SendError::new(by_status.failure, code),
    })
}

/// The type of a problem: what its address ends in. Only a word that we know, or a number of Vonage's, is repeated.
fn code(address: &str) -> Option<&str> {
    let (_, code) = address.rsplit_once('#')?;
    let number = code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    let known = PROBLEMS.iter().any(|(known, _)| *known == code);
    (number || known).then_some(code)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn the_types_are_in_order() {
        assert!(PROBLEMS.is_sorted_by(|one, next| one.0 < next.0));
    }

    fn problem(status: u16, address: &str) -> Result<Accepted, SendError> {
        let body = json!({ "type": address, "title": "x", "detail": "+14155552671" });
        read(&answer(status, &body.to_string()), 0)
    }

    #[test]
    fn every_type_of_problem_is_read() {
        for (code, (failure, scope)) in PROBLEMS {
            let expect = SendError::new(*failure, *code).within(*scope);
            let address = format!("https://developer.vonage.com/api-errors/messages#{code}");
            assert_eq!(problem(422, &address), Err(expect), "{address}");
        }
    }

    #[test]
    fn what_is_not_known_is_judged_by_its_status() {
        let check = |status: u16, address: &str, failure: Failure, code: &str| {
            let expect = Err(SendError::new(failure, code));
            assert_eq!(problem(status, address), expect, "{status} {address}");
        };
        check(422, "https://a.example/x#1999", Failure::Request, "1999");
        check(500, "https://a.example/x#1999", Failure::Ambiguous, "1999");
        check(429, "https://a.example/x#1999", THROTTLED, "1999");
        // A fault inside a fault.
        check(500, "https://a.example/x#1030", Failure::Ambiguous, "1030");
        check(503, "https://a.example/x#1100", Failure::Ambiguous, "1100");
        check(402, "https://a.example/x", Failure::Account, "http_402");
        // Whatever it is, it is not repeated.
        for odd in [
            "",
            "#",
            "UNAUTHORIZED",
            "x#+14155552671",
            "x#482913",
            "x#<b>",
        ] {
            check(422, odd, Failure::Request, "http_422");
        }
        for body in ["", "<html>", "[]", r#"{"type":7}"#] {
            let expect = Err(SendError::new(Failure::Ambiguous, "http_502"));
            assert_eq!(read(&answer(502, body), 0), expect);
        }
    }

    #[test]
    fn any_success_is_one_and_only_an_id_is_taken_for_one() {
        let uuid = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
        let check = |body: String, expect: Option<&str>| {
            let message_id = expect.map(str::to_owned);
            let expect = Ok(Accepted { message_id });
            assert_eq!(read(&answer(202, &body), 0), expect, "{body}");
        };
        check(format!(r#"{{"message_uuid":"{uuid}"}}"#), Some(uuid));
        check(
            format!(r#"{{"uuid":"{uuid}","status":"started"}}"#),
            Some(uuid),
        );
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"message_uuid":7}"#,
            r#"{"uuid":"14155552671"}"#,
        ] {
            check(body.to_owned(), None);
        }
        check(format!(r#"{{"uuid":"{}"}}"#, "a".repeat(65)), None);
    }
}
