//! Judges an answer to a telephony hook as Okta would, and stricter: written from the contract alone, apart from the
//! code that builds answers.

mod leak;
mod shape;

use self::shape::Judge;

/// What was sent in the hook, and so may not come back.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// The number, in any writing.
    pub phone: &'a str,
    /// The code.
    pub code: &'a str,
}

/// What Okta takes an answer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `SUCCESSFUL`.
    Delivered,
    /// `PENDING`.
    Pending,
    /// `FAILED`.
    Failed,
    /// An `error` object; the person reads its text.
    Error {
        /// The text.
        text: String,
    },
    /// An answer that Okta cannot use: the hook is skipped.
    Unusable,
}

impl Verdict {
    /// What Okta does next.
    pub const fn consequence(&self) -> &'static str {
        match self {
            Self::Delivered => "Okta waits for the user's code",
            Self::Pending => "Okta waits for the user's code; delivery counts as not confirmed",
            Self::Failed => "Okta would send a code itself, unless failover is off for the org",
            Self::Error { .. } => {
                "Okta shows the user this text and would send a code itself, unless failover is off for the org"
            }
            Self::Unusable => {
                "Okta skips the hook and would send a code itself, unless failover is off for the org"
            }
        }
    }
}

/// A verdict, and everything that is wrong with the answer, whether or not Okta would mind. Never quotes the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What Okta takes it for.
    pub verdict: Verdict,
    /// What is wrong; empty for a good answer.
    pub problems: Vec<String>,
}

/// Judges one answer.
pub fn judge(status: u16, content_type: Option<&str>, body: &[u8], sent: Sent<'_>) -> Judgement {
    let mut judge = Judge::default();
    let verdict = judge.answer(status, content_type, body, sent);
    Judgement {
        verdict: verdict.unwrap_or(Verdict::Unusable),
        problems: judge.problems,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        shape::{CAUSE_MEMBERS, COMMAND_TYPE, MAX_ANSWER},
        *,
    };

    const SENT: Sent<'_> = Sent {
        phone: "+819012345678",
        code: "482913",
    };
    const JSON: Option<&str> = Some("application/json");

    fn judged(answer: &Value) -> Judgement {
        judge(200, JSON, answer.to_string().as_bytes(), SENT)
    }

    fn check(answer: &Value, verdict: Verdict, problems: &[&str]) {
        let problems = problems.iter().map(|&text| text.to_owned()).collect();
        let expect = Judgement { verdict, problems };
        assert_eq!(judged(answer), expect, "{answer}");
    }

    fn action(action: &Value) -> Value {
        json!({ "commands": [{ "type": COMMAND_TYPE, "value": [action] }] })
    }

    fn cause() -> Value {
        json!({
            "errorSummary": "Destination not supported", "reason": "DESTINATION_BLOCKED",
            "locationType": "body", "location": "data.messageProfile.phoneNumber",
            "domain": "external-service",
        })
    }

    fn error(cause: &Value) -> Value {
        let text = "The code could not be sent to this number.";
        json!({ "error": { "errorSummary": text, "errorCauses": [cause] } })
    }

    fn shown() -> Verdict {
        let text = "The code could not be sent to this number.".to_owned();
        Verdict::Error { text }
    }

    #[test]
    fn good_answers_are_good() {
        let full = json!({
            "status": "SUCCESSFUL", "provider": "ACME_SMS",
            "transactionId": "dlv_0198f3a7c4b67d2e8a91482913d0e5f6",
            "transactionMetadata": "route=jp-1;attempts=1",
        });
        check(&action(&full), Verdict::Delivered, &[]);
        check(
            &action(&json!({ "status": "PENDING" })),
            Verdict::Pending,
            &[],
        );
        check(
            &action(&json!({ "status": "FAILED" })),
            Verdict::Failed,
            &[],
        );
        check(&error(&cause()), shown(), &[]);
        let mut explained = action(&full);
        explained["debugContext"] = json!({ "attempts": 1 });
        check(&explained, Verdict::Delivered, &[]);
    }

    #[test]
    fn only_200_with_json_counts() {
        let body = action(&json!({ "status": "SUCCESSFUL" })).to_string();
        let judged = |status, kind, body: &str| judge(status, kind, body.as_bytes(), SENT);
        for (status, kind, problem) in [
            (201, JSON, "the HTTP status is 201, not 200"),
            (204, JSON, "the HTTP status is 204, not 200"),
            (500, JSON, "the HTTP status is 500, not 200"),
            (200, None, "the content type is not application/json"),
            (
                200,
                Some("text/json"),
                "the content type is not application/json",
            ),
        ] {
            let judgement = judged(status, kind, &body);
            assert_eq!(judgement.verdict, Verdict::Unusable);
            assert_eq!(judgement.problems, [problem]);
        }
        let with_charset = judged(200, Some("Application/JSON; charset=utf-8"), &body);
        assert_eq!(with_charset.verdict, Verdict::Delivered);
        for garbage in ["", "<html>", "{", "SUCCESSFUL", "{} {}"] {
            let judgement = judged(200, JSON, garbage);
            assert_eq!(judgement.verdict, Verdict::Unusable);
            assert_eq!(judgement.problems, ["the body is not JSON"], "{garbage}");
        }
    }

    #[test]
    fn a_page_may_not_echo_what_was_sent_either() {
        let page = b"<p>no route for 482913 to +819012345678</p>";
        let judgement = judge(502, Some("text/html"), page, SENT);
        assert_eq!(judgement.verdict, Verdict::Unusable);
        let leaks = &judgement.problems[3..];
        let expect = ["body holds the code", "body holds the phone number"];
        assert_eq!(leaks, expect);
    }

    #[test]
    fn the_size_limit_is_exclusive() {
        let padded = |length: usize| {
            let body = action(&json!({ "status": "SUCCESSFUL" })).to_string();
            let padding = " ".repeat(length - body.len());
            body + &padding
        };
        let largest = judge(200, JSON, padded(MAX_ANSWER - 1).as_bytes(), SENT);
        assert_eq!(largest.verdict, Verdict::Delivered);
        let larger = judge(200, JSON, padded(MAX_ANSWER).as_bytes(), SENT);
        assert_eq!(larger.verdict, Verdict::Unusable);
        assert_eq!(larger.problems, ["the body is not smaller than 256 KB"]);
    }

    #[test]
    fn shapes_that_okta_cannot_map() {
        let check = |answer: Value, problem: &str| check(&answer, Verdict::Unusable, &[problem]);
        check(json!([]), "the answer is not an object");
        check(json!({}), "there are neither commands nor an error");
        check(
            json!({ "commands": [], "error": {} }),
            "there are both commands and an error",
        );
        check(json!({ "commands": {} }), "commands is not an array");
        check(json!({ "commands": [] }), "commands is empty");
        check(json!({ "commands": ["x"] }), "commands[0] is not an object");
        check(
            json!({ "commands": [{ "value": [{ "status": "SUCCESSFUL" }] }] }),
            "commands[0].type is not com.okta.telephony.action",
        );
        check(
            json!({ "commands": [{ "type": COMMAND_TYPE }] }),
            "commands[0].value is missing",
        );
        check(
            json!({ "commands": [{ "type": COMMAND_TYPE, "value": { "status": "SUCCESSFUL" } }] }),
            "commands[0].value is not an array",
        );
        check(
            json!({ "commands": [{ "type": COMMAND_TYPE, "value": [] }] }),
            "commands[0].value is empty",
        );
        check(json!({ "error": [] }), "error is not an object");
        for word in ["SUCCESS", "FAILURE", "successful", ""] {
            check(
                action(&json!({ "status": word })),
                "commands[0].value[0].status is not SUCCESSFUL, PENDING or FAILED",
            );
        }
    }

    #[test]
    fn oddities_are_problems_that_okta_would_not_mind() {
        let mut odd = action(&json!({ "status": "FAILED", "transactionId": 7, "cost": "1" }));
        odd["version"] = json!("1");
        odd["debugContext"] = json!("text");
        check(
            &odd,
            Verdict::Failed,
            &[
                "the answer has a member that the contract does not know",
                "debugContext is not an object",
                "commands[0].value[0] has a member that the contract does not know",
                "commands[0].value[0].transactionId is not a string",
            ],
        );
        let two = json!({ "status": "FAILED" });
        let two = json!({ "commands": [{ "type": COMMAND_TYPE, "value": [two, two] }] });
        let problem = "commands[0].value has more than one element";
        check(&two, Verdict::Failed, &[problem]);
    }

    #[test]
    fn a_cause_has_all_five_members() {
        for member in CAUSE_MEMBERS {
            let mut lacking = cause();
            lacking.as_object_mut().expect("an object").remove(*member);
            let problem = format!("error.errorCauses[0].{member} is missing or no text");
            check(&error(&lacking), shown(), &[&problem]);
        }
        let mut odd = cause();
        odd["locationType"] = json!("cookie");
        odd["domain"] = json!("us");
        check(
            &error(&odd),
            shown(),
            &[
                "error.errorCauses[0].locationType is none of body, header, url, query",
                "error.errorCauses[0].domain is none of end-user, external-service",
            ],
        );
        let no_list = json!({ "error": { "errorSummary": "No.", "errorCauses": {} } });
        let text = "No.".to_owned();
        let problem = "error.errorCauses is not an array";
        check(&no_list, Verdict::Error { text }, &[problem]);
    }

    #[test]
    fn an_error_says_something_and_no_code() {
        let silent = json!({ "error": { "errorCauses": [] } });
        let verdict = Verdict::Error {
            text: String::new(),
        };
        let problem = "error.errorSummary is missing or no text";
        check(&silent, verdict, &[problem]);
        let mut coded = error(&cause());
        coded["error"]["errorSummary"] = json!("Use 77120 or wait 3600 s.");
        let text = "Use 77120 or wait 3600 s.".to_owned();
        let problem = "error.errorSummary has a run of digits that reads like a code";
        check(&coded, Verdict::Error { text }, &[problem]);
    }

    #[test]
    fn what_was_sent_may_not_come_back() {
        let leaky = json!({
            "status": "SUCCESSFUL", "provider": "to +81 90-1234-5678",
            "transactionMetadata": "code=482913",
        });
        check(
            &action(&leaky),
            Verdict::Delivered,
            &[
                "commands[0].value[0].provider holds the phone number",
                "commands[0].value[0].transactionMetadata holds the code",
            ],
        );
    }
}
