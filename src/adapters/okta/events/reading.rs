//! What an event says of a code: read from every shape that Okta's pages and people who receive events have shown, and
//! silent on all others.

use std::iter;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::domain::{channel::Family, delivery::Outcome, purpose::Purpose};

/// Most bytes the gateway takes of an id.
const MAX_ID: usize = 256;

/// What a code was for, where the event names the factor.
const ANY: &[Purpose] = &[];

/// What a code was for with which an account was recovered. The event does not say that it was by a code: whoever recovers
/// an account by e-mail must not vouch for a number to which they had a code sent for something else.
const RECOVERY: &[Purpose] = &[Purpose::PasswordReset, Purpose::AccountUnlock];

/// What an event says of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Okta's id of the event; empty where it has none.
    pub event: String,
    /// Okta's id of the person.
    pub user: String,
    /// What the person chose; `None` where the event does not say.
    pub family: Option<Family>,
    /// What the code was for: one of these; empty where the event does not say.
    pub purposes: &'static [Purpose],
    /// Whether the code was right.
    pub outcome: Outcome,
    /// When it was entered, where the event says so.
    pub occurred: Option<Timestamp>,
}

/// A body that is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON object: reading ended at line {line}, column {column}")]
pub struct Unreadable {
    /// The line, from 1; zero for a value that is no object.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// What each event of a body says; `None` for one that says nothing of a code. Events are no less than their number: what
/// is no event counts as one that says nothing.
pub fn read(body: &[u8]) -> Result<Vec<Option<Finding>>, Unreadable> {
    let whole: Value = serde_json::from_slice(body).map_err(|problem| Unreadable {
        line: problem.line(),
        column: problem.column(),
    })?;
    if !whole.is_object() {
        return Err(Unreadable { line: 0, column: 0 });
    }
    let sent = time(&whole["eventTime"]);
    let events = list(&whole["data"]["events"]);
    Ok(events.map(|event| finding(event, sent)).collect())
}

/// What one event says.
fn finding(event: &Value, sent: Option<Timestamp>) -> Option<Finding> {
    let kind = text(&event["eventType"])?;
    let result = text(&event["outcome"]["result"])?;
    let success = result.eq_ignore_ascii_case("SUCCESS");
    let failure = result.eq_ignore_ascii_case("FAILURE");
    let (outcome, family, purposes, user) = match kind {
        "user.authentication.auth_via_mfa" if success || failure => {
            let outcome = if success {
                Outcome::Verified
            } else {
                Outcome::Failed
            };
            (
                outcome,
                Some(factor(event)?),
                ANY,
                actor(event).or(target(event)),
            )
        }
        // Whoever enrols a phone for somebody else is the actor; the phone is the other's.
        "user.mfa.factor.activate" if success => {
            let family = factor(event).or_else(|| factor_in(text(&event["outcome"]["reason"])?));
            (
                Outcome::Verified,
                Some(family?),
                ANY,
                target(event).or(actor(event)),
            )
        }
        // An administrator who does it has entered no code.
        "user.account.unlock" | "user.account.reset_password" if success => {
            let (who, whose) = (actor(event), target(event));
            let by_another = who.is_some() && whose.is_some() && who != whose;
            (
                Outcome::Verified,
                None,
                RECOVERY,
                whose.or(who).filter(|_| !by_another),
            )
        }
        _ => return None,
    };
    let user = user.filter(|user| user.len() <= MAX_ID)?;
    Some(Finding {
        event: text(&event["uuid"]).unwrap_or_default().to_owned(),
        user: user.to_owned(),
        family,
        purposes,
        outcome,
        occurred: time(&event["published"]).or(sent),
    })
}

/// The family of the factor that was used: as a factor, or as the method of an authenticator.
fn factor(event: &Value) -> Option<Family> {
    let said = member(&event["debugContext"]["debugData"], "factor").and_then(text);
    if let Some(said) = said {
        return factor_in(said);
    }
    targets(event, "AuthenticatorEnrollment").find_map(|target| {
        let detail = &target["detailEntry"];
        method(text(member(detail, "methodTypeUsed")?)?)
    })
}

/// The family of a factor whose name stands in a text.
fn factor_in(said: &str) -> Option<Family> {
    let said = said.to_ascii_uppercase();
    let says = |name: &str| said.contains(name);
    if says("SMS_FACTOR") {
        Some(Family::Message)
    } else if says("CALL_FACTOR") || says("VOICE_FACTOR") {
        Some(Family::Voice)
    } else {
        None
    }
}

/// The family of an authenticator's method, in any spelling.
fn method(said: &str) -> Option<Family> {
    let said = said.to_ascii_lowercase();
    let says = |word: &str| said.contains(word);
    if says("sms") || says("text") {
        Some(Family::Message)
    } else if says("voice") || says("call") {
        Some(Family::Voice)
    } else {
        None
    }
}

/// The person who acts; nobody where it is no person.
fn actor(event: &Value) -> Option<&str> {
    let actor = &event["actor"];
    let kind = text(&actor["type"]);
    let is_person = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("User"));
    text(&actor["id"]).filter(|_| is_person)
}

/// The person to whom it happens.
fn target(event: &Value) -> Option<&str> {
    targets(event, "User").find_map(|target| text(&target["id"]))
}

/// The targets of a type: their order says nothing.
fn targets<'a>(event: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let is_of = move |target: &&Value| {
        text(&target["type"]).is_some_and(|found| found.eq_ignore_ascii_case(kind))
    };
    list(&event["target"]).filter(is_of)
}

/// The items of a list; a lone object need not stand in one.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    let several = value.as_array().into_iter().flatten();
    let one = iter::once(value).filter(|one| one.is_object());
    several.chain(one)
}

/// A member by its name in any case: these are not promised to stay as they are.
fn member<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let members = of.as_object().map(Map::iter)?;
    let mut found = members.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value)
}

/// A text without space around it; `None` where it is empty or no text.
fn text(value: &Value) -> Option<&str> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

fn time(value: &Value) -> Option<Timestamp> {
    text(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MFA: &str = "user.authentication.auth_via_mfa";
    const ENROLLED: &str = "user.mfa.factor.activate";

    /// An event as Okta's pages have it.
    fn event(kind: &str, result: &str) -> Value {
        json!({
            "uuid": "5d1c2b10-1616-11f1-8a11-000000000000",
            "published": "2026-03-02T09:16:02.000Z",
            "eventType": kind,
            "actor": { "id": "00u1", "type": "User", "alternateId": "mina@acme.example" },
            "outcome": { "result": result, "reason": null },
            "target": [{ "id": "00u1", "type": "User" }],
            "debugContext": { "debugData": {} },
        })
    }

    fn with(mut event: Value, pointer: &str, value: Value) -> Value {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = event.pointer_mut(parent).expect("a place");
        parent[name] = value;
        event
    }

    fn by(factor: &str, event: Value) -> Value {
        with(event, "/debugContext/debugData/factor", json!(factor))
    }

    fn all(events: &Value) -> Vec<Option<Finding>> {
        let body = json!({ "eventTime": "2026-03-02T09:16:05.000Z", "data": { "events": events } });
        read(body.to_string().as_bytes()).expect("an object")
    }

    fn one(event: &Value) -> Option<Finding> {
        let mut all = all(&json!([event]));
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    type Said<'a> = Option<(&'a str, Option<Family>, Outcome)>;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "each event is made for one check"
    )]
    fn check(event: Value, expect: Said<'_>) {
        let shown = event.to_string();
        let found = one(&event);
        let found = found.as_ref();
        let said = found.map(|found| (&*found.user, found.family, found.outcome));
        assert_eq!(said, expect, "{shown}");
    }

    const MESSAGE: Option<Family> = Some(Family::Message);
    const VOICE: Option<Family> = Some(Family::Voice);

    #[test]
    fn a_code_that_was_entered() {
        let right = Some(("00u1", MESSAGE, Outcome::Verified));
        check(by("SMS_FACTOR", event(MFA, "SUCCESS")), right);
        check(by("sms_factor", event(MFA, "success")), right);
        let called = Some(("00u1", VOICE, Outcome::Verified));
        check(by("CALL_FACTOR", event(MFA, "SUCCESS")), called);
        let wrong = Some(("00u1", MESSAGE, Outcome::Failed));
        check(by("SMS_FACTOR", event(MFA, "FAILURE")), wrong);
        let reason = json!("INVALID_CREDENTIALS");
        let failed = with(event(MFA, "FAILURE"), "/outcome/reason", reason);
        check(by("SMS_FACTOR", failed), wrong);
    }

    #[test]
    fn the_method_of_an_authenticator() {
        let check = |method: Value, expect| {
            let targets = json!([
                { "id": "aut1", "type": "AuthenticatorEnrollment", "detailEntry": { "methodTypeUsed": method } },
                { "id": "00u1", "type": "User" },
            ]);
            check(with(event(MFA, "SUCCESS"), "/target", targets), expect);
        };
        let by = |family| Some(("00u1", family, Outcome::Verified));
        check(json!("SMS"), by(MESSAGE));
        check(json!("sms"), by(MESSAGE));
        check(json!("VOICE"), by(VOICE));
        check(json!("Voice call"), by(VOICE));
        check(json!("Password"), None);
        check(json!(null), None);
        check(json!(["SMS"]), None);
    }

    #[test]
    fn other_factors_and_results_say_nothing() {
        for factor in [
            "OKTA_VERIFY_PUSH",
            "EMAIL_FACTOR",
            "PASSWORD_AS_FACTOR",
            "FIDO2_WEBAUTHN",
        ] {
            check(by(factor, event(MFA, "SUCCESS")), None);
        }
        for result in [
            "SKIPPED",
            "ALLOW",
            "DENY",
            "CHALLENGE",
            "UNKNOWN",
            "RATE_LIMIT",
            "ABANDONED",
            "UNANSWERED",
        ] {
            check(by("SMS_FACTOR", event(MFA, result)), None);
        }
        check(event(MFA, "SUCCESS"), None);
    }

    #[test]
    fn a_phone_that_was_enrolled() {
        let reason = |text: &str| with(event(ENROLLED, "SUCCESS"), "/outcome/reason", json!(text));
        check(
            reason("User set up SMS_FACTOR factor"),
            Some(("00u1", MESSAGE, Outcome::Verified)),
        );
        check(
            reason("User set up CALL_FACTOR factor"),
            Some(("00u1", VOICE, Outcome::Verified)),
        );
        check(reason("User set up OKTA_SOFT_TOKEN factor"), None);
        check(event(ENROLLED, "SUCCESS"), None);
        check(
            with(reason("SMS_FACTOR"), "/outcome/result", json!("FAILURE")),
            None,
        );
        let for_another = with(reason("SMS_FACTOR"), "/actor/id", json!("00uadmin"));
        check(for_another, Some(("00u1", MESSAGE, Outcome::Verified)));
    }

    #[test]
    fn an_account_that_a_person_recovered_alone() {
        for kind in ["user.account.unlock", "user.account.reset_password"] {
            check(
                event(kind, "SUCCESS"),
                Some(("00u1", None, Outcome::Verified)),
            );
            check(event(kind, "FAILURE"), None);
            check(
                with(event(kind, "SUCCESS"), "/actor/id", json!("00uadmin")),
                None,
            );
            let system = json!({ "id": "unknown", "type": "SystemPrincipal" });
            let by_system = with(event(kind, "SUCCESS"), "/actor", system);
            check(by_system, Some(("00u1", None, Outcome::Verified)));
            let found = one(&event(kind, "SUCCESS")).expect("it says something");
            assert_eq!(
                found.purposes,
                [Purpose::PasswordReset, Purpose::AccountUnlock]
            );
        }
        for kind in [
            "user.account.unlock_by_admin",
            "user.account.lock",
            "inline_hook.executed",
            "future.event",
        ] {
            check(by("SMS_FACTOR", event(kind, "SUCCESS")), None);
        }
    }

    #[test]
    fn who_it_was_is_looked_for_in_two_places() {
        let sms = || by("SMS_FACTOR", event(MFA, "SUCCESS"));
        let said = |user| Some((user, MESSAGE, Outcome::Verified));
        check(with(sms(), "/actor", json!(null)), said("00u1"));
        check(with(sms(), "/target", json!(null)), said("00u1"));
        check(
            with(sms(), "/target", json!({ "id": "00u2", "type": "User" })),
            said("00u1"),
        );
        let nobody = with(sms(), "/actor", json!({ "type": "User" }));
        check(with(nobody, "/target", json!([])), None);
        check(with(sms(), "/actor/id", json!("x".repeat(257))), None);
    }

    #[test]
    fn when_it_was() {
        let sms = || by("SMS_FACTOR", event(MFA, "SUCCESS"));
        let at = |event: Value| one(&event).and_then(|found| found.occurred);
        let at = |event| at(event).map(|time: Timestamp| time.to_string());
        assert_eq!(at(sms()).as_deref(), Some("2026-03-02T09:16:02Z"));
        for published in [json!(null), json!("yesterday"), json!(7)] {
            let event = with(sms(), "/published", published);
            assert_eq!(at(event).as_deref(), Some("2026-03-02T09:16:05Z"));
        }
    }

    #[test]
    fn strange_shapes_are_no_events() {
        for strange in [
            json!(null),
            json!(1),
            json!("x"),
            json!([]),
            json!({}),
            json!({"eventType": 1}),
        ] {
            assert_eq!(one(&strange), None);
        }
        for events in [json!(null), json!(1), json!("x"), json!([])] {
            assert_eq!(all(&events), []);
        }
        let lone = by("SMS_FACTOR", event(MFA, "SUCCESS"));
        assert!(all(&lone).iter().all(Option::is_some));
        for body in ["{}", r#"{"data":1}"#, r#"{"data":{"events":{}}}"#] {
            let found = read(body.as_bytes()).expect("an object");
            assert!(found.iter().all(Option::is_none), "{body}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(9000), "]".repeat(9000));
        for body in ["", "[]", "1", "{", "null", "code=482913", &deep] {
            let problem = read(body.as_bytes()).expect_err("it is no object");
            assert!(!format!("{problem}").contains("4829"));
        }
    }
}
