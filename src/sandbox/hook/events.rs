//! Plays Okta's event hook after a person has entered a code: several events at once, in no order, and now and then twice.

use std::fmt::{Display, Formatter, Result as Shown};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    Channel, HookError, Options, Purpose,
    call::{Call, NoAnswer},
};
use crate::{clock::Clock, outbound::Outbound};

/// One in so many requests is sent once more, though it was answered.
const TWICE: u128 = 4;

/// What a person enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// The code.
    Right,
    /// Something else.
    Wrong,
}

/// What came of an event hook.
pub struct Told {
    /// Where it went.
    pub url: String,
    /// What the person had entered.
    pub entered: Entered,
    /// The answer to each request: its status and how many bytes it had, or why there was none.
    pub answers: Vec<Result<(u16, usize), &'static str>>,
}

impl Told {
    /// Whether the last answer was one as Okta wants it: success, and nothing in it.
    pub fn is_good(&self) -> bool {
        matches!(self.answers.last(), Some(Ok((200..=299, 0))))
    }

    /// What Okta does next.
    pub fn consequence(&self) -> &'static str {
        if self.is_good() {
            "Okta is done; Tollgate joins the outcome to the code it sent"
        } else {
            "Okta drops the event: it tries no more than twice"
        }
    }
}

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> Shown {
        let what = match self.entered {
            Entered::Right => "the right code was entered",
            Entered::Wrong => "a wrong code was entered",
        };
        writeln!(f, "event    {what}, says Okta to {}", self.url)?;
        for answer in &self.answers {
            match answer {
                Ok((status, 0)) => writeln!(f, "answer   HTTP {status}")?,
                Ok((status, bytes)) => writeln!(f, "answer   HTTP {status}, with {bytes} bytes")?,
                Err(why) => writeln!(f, "answer   none: {why}")?,
            }
        }
        writeln!(f, "verdict  {}", self.consequence())
    }
}

/// The person of a hook enters something, and Okta tells its event hook: once more where that failed, and now and then
/// though it did not.
pub async fn enter(
    options: &Options,
    entered: Entered,
    outbound: &Outbound,
    clock: &Clock,
) -> Result<Told, HookError> {
    let url = url(&options.url)?;
    let events = events(options, entered, clock);
    let mut told = Told {
        url,
        entered,
        answers: Vec::new(),
    };
    let twice = clock.random().is_multiple_of(TWICE);
    for attempt in 0..2 {
        if attempt > 0 && told.is_good() && !twice {
            break;
        }
        let body = envelope(&events, clock).to_string();
        let call = Call::to(&told.url, body, &options.credential)?;
        let answer = timeout(options.patience, call.answer(outbound)).await;
        let answer = match answer {
            Ok(Ok(answer)) => Ok((answer.status.as_u16(), answer.body.len())),
            Ok(Err(NoAnswer::Token(why))) => Err(why),
            Ok(Err(NoAnswer::Connection)) => Err("no connection, or a broken one"),
            Err(_) => Err("not within three seconds"),
        };
        told.answers.push(answer);
        // What is the caller's fault is not tried again.
        if matches!(answer, Ok((400..=499, _))) {
            break;
        }
    }
    Ok(told)
}

/// The event hook stands beside the telephony hook.
fn url(hook: &str) -> Result<String, HookError> {
    let base = hook.strip_suffix("/telephony");
    let base = base.ok_or_else(|| HookError::BadUrl(hook.to_owned()))?;
    Ok(format!("{base}/events"))
}

/// The events of a code that was entered, with some that say nothing of one, in any order.
fn events(options: &Options, entered: Entered, clock: &Clock) -> Vec<Value> {
    let (result, reason) = match entered {
        Entered::Right => ("SUCCESS", Value::Null),
        Entered::Wrong => ("FAILURE", json!("INVALID_CREDENTIALS")),
    };
    let factor = match options.channel {
        Channel::Sms => "SMS_FACTOR",
        Channel::Voice => "CALL_FACTOR",
    };
    let user = &options.user;
    let mut mfa = event("user.authentication.auth_via_mfa", user, result, clock);
    mfa["outcome"]["reason"] = reason;
    mfa["debugContext"]["debugData"]["factor"] = json!(factor);
    let mut events = vec![
        mfa,
        event("user.session.access_admin_app", user, "SUCCESS", clock),
    ];
    let after = match (options.purpose, entered) {
        (_, Entered::Wrong) | (Purpose::SignIn, Entered::Right) => None,
        (Purpose::Enrollment, Entered::Right) => Some("user.mfa.factor.activate"),
        (Purpose::AccountUnlock, Entered::Right) => Some("user.account.unlock"),
        (Purpose::PasswordReset, Entered::Right) => Some("user.account.reset_password"),
    };
    if let Some(kind) = after {
        let mut after = event(kind, user, "SUCCESS", clock);
        after["outcome"]["reason"] = json!(format!("User set up {factor} factor"));
        events.push(after);
    }
    let turn = usize::try_from(clock.random() % events.len() as u128).unwrap_or(0);
    events.rotate_left(turn);
    events
}

fn event(kind: &str, user: &str, result: &str, clock: &Clock) -> Value {
    let person = json!({
        "id": user,
        "type": "User",
        "alternateId": "mina.sato@sandbox.example",
        "displayName": "Mina Sato",
        "detailEntry": null,
    });
    json!({
        "uuid": format!("{:032x}", clock.random()),
        "published": now(clock),
        "eventType": kind,
        "version": "0",
        "severity": "INFO",
        "displayMessage": "An event of the sandbox",
        "actor": person,
        "outcome": { "result": result, "reason": null },
        "target": [person],
        "transaction": { "type": "WEB", "id": format!("req{:016x}", clock.random()), "detail": {} },
        "debugContext": { "debugData": { "requestUri": "/idp/idx/challenge/answer" } },
        "authenticationContext": { "externalSessionId": "idxSandbox" },
        "client": { "ipAddress": "203.0.113.7" },
    })
}

/// One request: its id is its own also where its events are not.
fn envelope(events: &[Value], clock: &Clock) -> Value {
    json!({
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "contentType": "application/json",
        "source": "https://sandbox.okta.example/api/v1/eventHooks/who0000000000000001",
        "eventId": format!("{:032x}", clock.random()),
        "eventTime": now(clock),
        "data": { "events": events },
    })
}

fn now(clock: &Clock) -> String {
    let now = i64::try_from(clock.unix_ms()).unwrap_or(i64::MAX);
    let now = Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX);
    format!("{now:.3}")
}

#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        sync::{Arc, Mutex},
    };

    use axum::{Json, Router, extract::State, routing::post};
    use http::StatusCode;

    use super::*;
    use crate::{
        config::{outbound, secret::Secret},
        sandbox::{hook::Credential, server::Server},
    };

    type Seen = Arc<Mutex<Vec<Value>>>;

    /// A door that remembers what it was sent and answers with these statuses, the last one from then on.
    async fn door(statuses: &'static [u16]) -> (Server, Seen) {
        let seen = Seen::default();
        let take = async move |State(seen): State<Seen>, Json(body): Json<Value>| {
            let mut seen = seen.lock().expect("no panic before");
            let status = statuses.get(seen.len()).or(statuses.last());
            seen.push(body);
            StatusCode::from_u16(*status.expect("there is one")).expect("a status")
        };
        let router = Router::new()
            .route("/okta/acme/events", post(take))
            .with_state(seen.clone());
        let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), router).await;
        (server.expect("a free port"), seen)
    }

    fn options(door: &Server, purpose: Purpose) -> Options {
        let credential = Credential::Header {
            name: "authorization".to_owned(),
            value: Secret::fixed("sandbox-hook-secret"),
        };
        let url = format!("{}/okta/acme/telephony", door.url());
        Options {
            purpose,
            ..Options::new(&url, credential, "+819012345678")
        }
    }

    async fn enter(options: &Options, entered: Entered) -> Told {
        let outbound = Outbound::new(&outbound::Outbound::default(), None).expect("a client");
        let told = super::enter(options, entered, &outbound, &Clock::system()).await;
        told.expect("the address is one")
    }

    #[tokio::test]
    async fn a_code_that_is_entered_is_told() {
        let (door, seen) = door(&[204]).await;
        let told = enter(&options(&door, Purpose::Enrollment), Entered::Right).await;
        assert!(
            told.is_good() && told.to_string().contains("answer   HTTP 204\n"),
            "{told}"
        );
        let seen = seen.lock().expect("no panic before");
        let events = seen[0]["data"]["events"].as_array().expect("a list");
        let mut kinds: Vec<_> = events
            .iter()
            .map(|event| event["eventType"].as_str())
            .collect();
        kinds.sort_unstable();
        let expect = [
            "user.authentication.auth_via_mfa",
            "user.mfa.factor.activate",
            "user.session.access_admin_app",
        ];
        assert_eq!(kinds, expect.map(Some));
    }

    #[tokio::test]
    async fn what_fails_is_tried_once_more() {
        let check = async |statuses, expect: &[u16], good| {
            let (door, seen) = door(statuses).await;
            let told = enter(&options(&door, Purpose::SignIn), Entered::Wrong).await;
            let answers: Vec<_> = told
                .answers
                .iter()
                .map(|answer| answer.map(|(status, _)| status))
                .collect();
            let expect: Vec<_> = expect.iter().copied().map(Ok).collect();
            assert_eq!(answers, expect);
            assert_eq!(told.is_good(), good);
            let seen = seen.lock().expect("no panic before");
            assert!(seen.iter().all(|body| body["data"] == seen[0]["data"]));
        };
        check(&[503, 204], &[503, 204], true).await;
        check(&[500], &[500, 500], false).await;
        check(&[401], &[401], false).await;
    }

    #[tokio::test]
    async fn nobody_there_is_a_result() {
        let (door, _) = door(&[204]).await;
        let options = options(&door, Purpose::SignIn);
        door.stop().await;
        let told = enter(&options, Entered::Right).await;
        assert_eq!(told.answers.len(), 2);
        assert!(told.consequence().starts_with("Okta drops"));
        let elsewhere = Options {
            url: "http://door/hook".to_owned(),
            ..options
        };
        let outbound = Outbound::new(&outbound::Outbound::default(), None).expect("a client");
        let refused = super::enter(&elsewhere, Entered::Right, &outbound, &Clock::system()).await;
        assert!(refused.is_err());
    }
}
