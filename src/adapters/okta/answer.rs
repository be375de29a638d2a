//! The dialect of Okta: what became of a hook, its class, and the one answer that Okta understands by it.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

use super::ending::{Ending, channel, state};
use crate::{
    config::tenants::{Answer, Answers, Failover, Okta},
    error::Reason,
};

/// Most bytes of an id or name that are passed on; Okta takes 256 KB in all.
const MAX_NAME: usize = 256;

/// What Okta may do about a result, whatever its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A provider took it.
    Accepted,
    /// Perhaps sent.
    Unconfirmed,
    /// Certainly not sent, and nobody refused it.
    Undeliverable,
    /// A rate limit.
    Limited,
    /// Policy, money or fraud.
    Refused,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Unconfirmed,
        Self::Undeliverable,
        Self::Limited,
        Self::Refused,
    ];

    /// The name used in configuration, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unconfirmed => "unconfirmed",
            Self::Undeliverable => "undeliverable",
            Self::Limited => "limited",
            Self::Refused => "refused",
        }
    }
}

/// Which answer each class gets in one org.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    failover: Failover,
    answers: Answers,
}

impl Policy {
    /// The policy of an org.
    pub fn new(okta: &Okta) -> Self {
        Self {
            failover: okta.failover,
            answers: okta.answers.clone(),
        }
    }

    /// The answer to an ending.
    pub fn answer_to(&self, ending: &Ending) -> Answer {
        match ending {
            // The console shows whether we answer, not what this org wants to be told of codes.
            Ending::Preview => Answer::Successful,
            Ending::Taken(_) | Ending::Fault(_) => self.answer(ending.class()),
        }
    }

    fn answer(&self, class: Class) -> Answer {
        let (said, default) = match class {
            Class::Accepted => (self.answers.accepted, Answer::Successful),
            Class::Unconfirmed => (self.answers.unconfirmed, Answer::Successful),
            Class::Undeliverable => (self.answers.undeliverable, Answer::Error),
            Class::Limited => (self.answers.limited, self.refusal()),
            Class::Refused => (self.answers.refused, self.refusal()),
        };
        said.unwrap_or(default)
    }

    /// Told of an error, Okta would send by its failover the very code that was refused.
    fn refusal(&self) -> Answer {
        match self.failover {
            Failover::Enabled => Answer::Successful,
            Failover::Disabled => Answer::Error,
        }
    }
}

/// The body of an answer, JSON. `request_id` names the request where nothing else has a name.
pub fn body(ending: &Ending, answer: Answer, request_id: &str) -> Vec<u8> {
    let status = match answer {
        Answer::Successful => "SUCCESSFUL",
        Answer::Pending => "PENDING",
        Answer::Failed => "FAILED",
        Answer::Error => return json(&Failure::of(ending)),
    };
    json(&Success {
        commands: [Command {
            kind: "com.okta.telephony.action",
            value: [Action::of(ending, status, request_id)],
        }],
    })
}

/// How the person, and the org's administrators, are told of a reason: no name of ours or of a provider's, no detail of
/// the inside.
pub struct Words {
    /// What Okta may do about it.
    pub class: Class,
    /// Okta's `reason`, in its style.
    cause: &'static str,
    /// For the person.
    text: &'static str,
    /// The field of the hook it is about.
    location: &'static str,
}

const NUMBER: &str = "data.messageProfile.phoneNumber";
const CODE: &str = "data.messageProfile.otpCode";
const LIFE: &str = "data.messageProfile.otpExpires";
const MESSAGE: &str = "data.messageProfile";

impl Words {
    /// The words for a reason.
    pub const fn of(reason: Reason) -> Self {
        let (class, cause, text, location) = match reason {
            Reason::InvalidRequest | Reason::IdempotencyMismatch | Reason::BodyTooLarge => (
                Class::Undeliverable,
                "INVALID_REQUEST",
                "The code could not be sent: the request was not valid.",
                MESSAGE,
            ),
            Reason::InvalidRecipient => (
                Class::Undeliverable,
                "INVALID_PHONE_NUMBER",
                "The code could not be sent: the phone number is not valid.",
                NUMBER,
            ),
            Reason::RateLimited => (
                Class::Limited,
                "TOO_MANY_REQUESTS",
                "Too many codes were requested.",
                NUMBER,
            ),
            Reason::CountryNotAllowed => (
                Class::Refused,
                "COUNTRY_NOT_ALLOWED",
                "Codes cannot be sent to phone numbers of this country.",
                NUMBER,
            ),
            Reason::NumberTypeNotAllowed => (
                Class::Refused,
                "NUMBER_TYPE_NOT_ALLOWED",
                "Codes cannot be sent to this type of phone number.",
                NUMBER,
            ),
            Reason::BudgetExhausted | Reason::SpendingCapped => (
                Class::Refused,
                "CODES_HELD_BACK",
                "Codes cannot be sent to this phone number at the moment.",
                NUMBER,
            ),
            Reason::Blocked | Reason::ProviderFraudBlock => (
                Class::Refused,
                "DESTINATION_BLOCKED",
                "Codes cannot be sent to this phone number.",
                NUMBER,
            ),
            Reason::CodeExpired => (
                Class::Undeliverable,
                "CODE_EXPIRED",
                "The code has expired. Request a new one.",
                LIFE,
            ),
            Reason::NoRoute | Reason::RecipientUnreachable => (
                Class::Undeliverable,
                "DESTINATION_UNREACHABLE",
                "The code could not be sent to this phone number.",
                NUMBER,
            ),
            Reason::GatewayLost => (
                Class::Unconfirmed,
                "DELIVERY_UNCONFIRMED",
                "The code may not have been sent.",
                CODE,
            ),
            Reason::ProvidersFailed
            | Reason::Overloaded
            | Reason::ShuttingDown
            | Reason::LedgerUnavailable
            | Reason::GatewayUnreachable
            | Reason::DeadlineExceeded
            | Reason::Unauthenticated
            | Reason::NotAllowed
            | Reason::NotFound
            | Reason::RequestsRejected
            | Reason::Internal => (
                Class::Undeliverable,
                "DELIVERY_FAILED",
                "The code could not be sent. Try again later.",
                CODE,
            ),
        };
        Self {
            class,
            cause,
            text,
            location,
        }
    }

    /// The words for a result that somebody wants to see answered as an error although it is none.
    const fn of_state(class: Class) -> Self {
        match class {
            Class::Accepted => Self {
                class,
                cause: "DELIVERY_ACCEPTED",
                text: "The code is on its way.",
                location: CODE,
            },
            Class::Unconfirmed => Self::of(Reason::GatewayLost),
            Class::Undeliverable => Self::of(Reason::ProvidersFailed),
            Class::Limited => Self::of(Reason::RateLimited),
            Class::Refused => Self::of(Reason::ProviderFraudBlock),
        }
    }
}

#[derive(Serialize)]
struct Success<'a> {
    commands: [Command<'a>; 1],
}

#[derive(Serialize)]
struct Command<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: [Action<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Action<'a> {
    status: &'static str,
    provider: &'a str,
    transaction_id: &'a str,
    transaction_metadata: String,
}

impl<'a> Action<'a> {
    fn of(ending: &'a Ending, status: &'static str, request_id: &'a str) -> Self {
        let (provider, id, metadata) = match ending {
            Ending::Preview => ("", "preview", "state=preview".to_owned()),
            Ending::Taken(response) => {
                let metadata = format!(
                    "channel={};attempts={};state={}",
                    channel(response),
                    response.attempts.len(),
                    state(response).as_str()
                );
                (&*response.provider, ending.delivery_id(), metadata)
            }
            Ending::Fault(fault) => {
                let state = ending.class().as_str();
                let metadata = format!("state={state};reason={}", fault.reason.as_str());
                // The decision says more than the delivery it ended.
                let id = first_said(ending.decision_id(), ending.delivery_id());
                ("", id, metadata)
            }
        };
        Self {
            status,
            provider: first_said(cut(provider), "tollgate"),
            transaction_id: first_said(cut(id), request_id),
            transaction_metadata: metadata,
        }
    }
}

#[derive(Serialize)]
struct Failure {
    error: ErrorObject,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorObject {
    error_summary: Cow<'static, str>,
    error_causes: [Cause; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cause {
    error_summary: Cow<'static, str>,
    reason: &'static str,
    location_type: &'static str,
    location: &'static str,
    domain: &'static str,
}

impl Failure {
    fn of(ending: &Ending) -> Self {
        let (words, wait) = match ending {
            Ending::Preview | Ending::Taken(_) => (Words::of_state(ending.class()), None),
            Ending::Fault(fault) => (Words::of(fault.reason), fault.retry_after),
        };
        let summary = match words.class {
            Class::Limited => format!("{} {}", words.text, try_again(wait)).into(),
            Class::Accepted | Class::Unconfirmed | Class::Undeliverable | Class::Refused => {
                Cow::Borrowed(words.text)
            }
        };
        Self {
            error: ErrorObject {
                error_causes: [Cause {
                    error_summary: summary.clone(),
                    reason: words.cause,
                    location_type: "body",
                    location: words.location,
                    domain: "external-service",
                }],
                error_summary: summary,
            },
        }
    }
}

/// When to try again, rounded up to what people say.
fn try_again(wait: Option<Duration>) -> String {
    let Some(wait) = wait else {
        return "Try again later.".to_owned();
    };
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let (count, unit) = match seconds {
        0..60 => (seconds.max(1), "second"),
        60..3600 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("Try again in {count} {unit}{plural}.")
}

fn first_said<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.is_empty() { other } else { one }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_NAME)]
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("structs of text always have a JSON form")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{
        error::fault::{DECISION_ID, DELIVERY_ID, Fault},
        pb::v1::{self, SendOtpResponse},
    };

    fn taken(state: v1::DeliveryState) -> Ending {
        Ending::Taken(Box::new(SendOtpResponse {
            delivery_id: "dlv_1".to_owned(),
            state: state.into(),
            channel: v1::Channel::Sms.into(),
            provider: "twilio-us".to_owned(),
            provider_message_id: "SM1".to_owned(),
            attempts: vec![v1::Attempt::default(); 2],
        }))
    }

    fn example(class: Class) -> Ending {
        match class {
            Class::Accepted => taken(v1::DeliveryState::Accepted),
            Class::Unconfirmed => taken(v1::DeliveryState::Unconfirmed),
            Class::Undeliverable => Reason::ProvidersFailed.into(),
            Class::Limited => Ending::Fault(
                Fault::new(Reason::RateLimited)
                    .with(DELIVERY_ID, "dlv_1")
                    .with(DECISION_ID, "dec_1")
                    .retry_after(Some(Duration::from_secs(200))),
            ),
            Class::Refused => {
                Ending::Fault(Fault::new(Reason::CountryNotAllowed).with(DECISION_ID, "dec_1"))
            }
        }
    }

    fn overridden(class: Class, answer: Option<Answer>) -> Answers {
        let mut answers = Answers::default();
        let place = match class {
            Class::Accepted => &mut answers.accepted,
            Class::Unconfirmed => &mut answers.unconfirmed,
            Class::Undeliverable => &mut answers.undeliverable,
            Class::Limited => &mut answers.limited,
            Class::Refused => &mut answers.refused,
        };
        *place = answer;
        answers
    }

    fn text(ending: &Ending, answer: Answer) -> String {
        String::from_utf8(body(ending, answer, "req-1")).expect("JSON is UTF-8")
    }

    #[test]
    fn every_class_by_failover_and_override() {
        let choices = [
            None,
            Some(Answer::Successful),
            Some(Answer::Pending),
            Some(Answer::Failed),
            Some(Answer::Error),
        ];
        let mut shown = String::new();
        for class in Class::ALL {
            for failover in [Failover::Enabled, Failover::Disabled] {
                for choice in choices {
                    let policy = Policy {
                        failover,
                        answers: overridden(class, choice),
                    };
                    let ending = example(class);
                    assert_eq!(ending.class(), class);
                    let answer = text(&ending, policy.answer_to(&ending));
                    let choice = choice.map_or("default".to_owned(), |c| format!("{c:?}"));
                    writeln!(shown, "{class:?} {failover:?} {choice}: {answer}")
                        .expect("a String takes any text");
                }
            }
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn every_reason_as_error_and_as_success() {
        let mut shown = String::new();
        for reason in Reason::ALL {
            let ending = Ending::from(*reason);
            for answer in [Answer::Error, Answer::Successful] {
                writeln!(shown, "{reason:?}: {}", text(&ending, answer))
                    .expect("a String takes any text");
            }
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_preview_says_that_it_was_one() {
        let policy = Policy {
            failover: Failover::Disabled,
            answers: overridden(Class::Accepted, Some(Answer::Error)),
        };
        let answer = policy.answer_to(&Ending::Preview);
        insta::assert_snapshot!(text(&Ending::Preview, answer));
    }

    #[test]
    fn a_state_of_the_gateway_has_one_class() {
        let check = |state, class| assert_eq!(taken(state).class(), class);
        check(v1::DeliveryState::Delivered, Class::Accepted);
        check(v1::DeliveryState::Unspecified, Class::Unconfirmed);
        check(v1::DeliveryState::Failed, Class::Undeliverable);
        check(v1::DeliveryState::Refused, Class::Refused);
    }

    #[test]
    fn a_waiting_time_is_said_in_words() {
        let check = |millis: Option<u64>, expect: &str| {
            assert_eq!(try_again(millis.map(Duration::from_millis)), expect);
        };
        check(None, "Try again later.");
        check(Some(0), "Try again in 1 second.");
        check(Some(29_001), "Try again in 30 seconds.");
        check(Some(59_001), "Try again in 1 minute.");
        check(Some(200_000), "Try again in 4 minutes.");
        check(Some(3_600_001), "Try again in 2 hours.");
    }

    #[test]
    fn a_gateway_that_babbles_does_not_fill_the_answer() {
        let long = Ending::Taken(Box::new(SendOtpResponse {
            delivery_id: "\u{1}é".repeat(200_000),
            provider: "x".repeat(400_000),
            ..SendOtpResponse::default()
        }));
        assert!(text(&long, Answer::Successful).len() < 8 * 1024);
    }
}
