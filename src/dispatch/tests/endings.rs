//! How a send may end without a message, and what its caller and the ledger are told.

use std::{sync::Arc, time::Duration};

use super::{
    house::{House, PATIENCE, Plan, delivery, fault, reason},
    scripted::Act,
};
use crate::{
    config::tenants::{Line, UserIdFrom},
    dispatch::request::Request,
    domain::{
        channel::{Channel, Family},
        delivery::State,
        failure::Failure,
        phone::PhoneNumber,
        preference::Preference,
        privacy::Private,
        purpose::Purpose,
    },
    error::{Reason, fault},
};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_code_that_expired_on_its_way_is_not_sent() {
    let house = House::sms(&[("a", &[])]);
    let mut request = house.request("key");
    request.valid_until = request.arrived;
    let outcome = house.send(request).await;
    assert_eq!(reason(&outcome), Some(Reason::CodeExpired));
    let records = house.records().await;
    assert_eq!(records[0].row.id, delivery(&outcome));
    assert_eq!(records[0].row.state, State::Expired);
    assert_eq!(records[0].row.reason, Some(Reason::CodeExpired));
}

#[tokio::test(start_paused = true)]
async fn a_code_that_dies_between_attempts_is_not_sent_again() {
    let slow: &[Act] = &[Act::after(500 * MS, Act::Fail(Failure::Transient))];
    let house = House::sms(&[("a", slow), ("b", &[])]);
    let mut request = house.request("key");
    request.valid_until = request.arrived + 400 * MS;
    let outcome = house.send(request).await;
    assert_eq!(reason(&outcome), Some(Reason::ProvidersFailed));
    assert_eq!(house.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_route_is_said_so_and_recorded() {
    let house = House::sms(&[("a", &[])]);
    let voice = house.request_on("voice", &[Channel::Voice]);
    let outcome = house.send(voice).await;
    assert_eq!(reason(&outcome), Some(Reason::NoRoute));
    let records = house.records().await;
    assert_eq!(records[0].row.state, State::Failed);
    assert_eq!(records[0].row.reason, Some(Reason::NoRoute));
    assert!(records[0].attempts.is_empty());
    // Channels outside of what the screen promised are none, and that is no refusal of the number.
    let contradiction = Request {
        family: Some(Family::Message),
        ..house.request_on("contradiction", &[Channel::Voice])
    };
    let outcome = house.send(contradiction).await;
    assert_eq!(reason(&outcome), Some(Reason::NoRoute));
}

fn stored(line_user: &str) -> Preference {
    Preference {
        line_user: Some(Private::new(line_user)),
        ..Preference::default()
    }
}

/// A LINE code under a tenant's rule: to whom it went, if to anybody.
async fn line_code(
    line: Line,
    purpose: Purpose,
    told: Option<&str>,
    proven: Option<&str>,
) -> Option<String> {
    let plan = Plan::sms(&[]).and(Channel::Line, &[("l", &[Act::Accept])]);
    let house = House::build(&Plan { line, ..plan });
    let request = Request {
        purpose,
        line_user: told.map(Private::new),
        stored: proven.map(|id| Arc::new(stored(id))),
        ..house.request_on("key", &[Channel::Line])
    };
    let outcome = house.send(request).await;
    let to = house.seen("l").pop().and_then(|seen| seen.line_user);
    let unreached = to.is_none().then_some(Reason::RecipientUnreachable);
    assert_eq!(reason(&outcome), unreached);
    to
}

#[tokio::test(start_paused = true)]
async fn a_line_id_is_used_only_on_the_word_of_who_may_say_it() {
    let check = async |word: Option<UserIdFrom>, told, proven, expect: Option<&str>| {
        let line = Line {
            user_id_from: word,
            recovery: false,
        };
        let to = line_code(line, Purpose::SignIn, told, proven).await;
        assert_eq!(to.as_deref(), expect, "{word:?} {told:?} {proven:?}");
    };
    let admin = Some(UserIdFrom::AdminAttribute);
    let only_proven = Some(UserIdFrom::Proven);
    check(None, Some("U1"), Some("U2"), None).await;
    check(admin, None, None, None).await;
    check(admin, Some("U1"), None, Some("U1")).await;
    check(admin, Some("U1"), Some("U2"), Some("U2")).await;
    check(only_proven, Some("U1"), None, None).await;
    check(only_proven, Some("U1"), Some("U2"), Some("U2")).await;
}

#[tokio::test(start_paused = true)]
async fn a_line_id_gets_no_code_that_recovers_an_account_unless_told_so() {
    for purpose in [
        Purpose::PasswordReset,
        Purpose::AccountUnlock,
        Purpose::Other,
    ] {
        for (recovery, expect) in [(false, None), (true, Some("U1"))] {
            let line = Line {
                user_id_from: Some(UserIdFrom::AdminAttribute),
                recovery,
            };
            let to = line_code(line, purpose, Some("U1"), None).await;
            assert_eq!(to.as_deref(), expect);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_little_time_begins_nothing() {
    let house = House::sms(&[("a", &[Act::Accept])]);
    for (key, patience) in [("none", Duration::ZERO), ("little", 399 * MS)] {
        let outcome = house.send_within(house.request(key), patience).await;
        assert_eq!(reason(&outcome), Some(Reason::DeadlineExceeded), "{key}");
    }
    assert_eq!(house.messages(), 0);
    let outcome = house.send_within(house.request("enough"), 400 * MS).await;
    assert_eq!(reason(&outcome), None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_the_deadline_is_told_as_the_failure_it_is() {
    let house = House::sms(&[("a", &[Act::Unreached])]);
    let outcome = house.send_within(house.request("key"), 1000 * MS).await;
    assert_eq!(reason(&outcome), Some(Reason::ProvidersFailed));
    assert_eq!(house.messages(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_a_free_slot_is_passed_over() {
    let house = House::build(&Plan {
        slots: 1,
        ..Plan::sms(&[("a", &[Act::Silent]), ("b", &[Act::Accept])])
    });
    let first = house.send(house.request("first"));
    let second = async {
        tokio::task::yield_now().await;
        house.send(house.request("second")).await
    };
    let (_, outcome) = tokio::join!(first, second);
    let answer = outcome.expect("the other one takes it");
    assert_eq!(answer.attempts.len(), 1);
    assert_eq!(answer.attempts[0].provider, "b");
}

#[tokio::test(start_paused = true)]
async fn no_free_slot_anywhere_is_overload() {
    let house = House::build(&Plan {
        slots: 0,
        ..Plan::sms(&[("a", &[]), ("b", &[])])
    });
    let outcome = house.send(house.request("key")).await;
    assert_eq!(reason(&outcome), Some(Reason::Overloaded));
    let records = house.records().await;
    assert_eq!(records[0].row.reason, Some(Reason::Overloaded));
    assert!(records[0].attempts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_recipient_is_unreachable_only_once_every_channel_was_tried() {
    let recipient = |delay| Act::after(delay, Act::Fail(Failure::Recipient));
    let both = [Channel::Sms, Channel::Voice];
    let check = |slots, delay, expect| async move {
        let sms: &[Act] = &[recipient(delay)];
        let voice: &[Act] = &[recipient(Duration::ZERO)];
        let plan = Plan::sms(&[("a", sms)]).and(Channel::Voice, &[("v", voice)]);
        let house = House::build(&plan);
        let policy = house.dispatcher.policy();
        let taken = policy.directory.get("v").expect("it is configured");
        let taken = (slots == 0).then(|| taken.slots.clone().try_acquire_many_owned(64));
        let outcome = house.send(house.request_on("key", &both)).await;
        assert_eq!(reason(&outcome), Some(expect));
        let record = house.record(delivery(&outcome)).await;
        assert_eq!(record.row.reason, Some(expect));
        drop(taken);
    };
    check(64, Duration::ZERO, Reason::RecipientUnreachable).await;
    check(0, Duration::ZERO, Reason::Overloaded).await;
    // The first channel takes its 1500 ms, and then less than 400 ms are left.
    let house = House::build(
        &Plan::sms(&[("a", &[recipient(1450 * MS)])]).and(Channel::Voice, &[("v", &[])]),
    );
    let request = house.request_on("key", &both);
    let outcome = house.send_within(request, 1800 * MS).await;
    assert_ne!(reason(&outcome), Some(Reason::RecipientUnreachable));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_none_is_a_bad_request() {
    let house = House::sms(&[("a", &[])]);
    let mut request = house.request("key");
    request.tenant = "nobody".to_owned();
    let outcome = house.send(request).await;
    let fault = fault(&outcome);
    assert_eq!(fault.reason, Reason::InvalidRequest);
    assert_eq!(fault.violations[0].0, "tenant");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_its_decision_and_keeps_its_key() {
    let house = House::sms(&[("a", &[])]);
    let abroad = || Request {
        phone: PhoneNumber::parse("+447400123456").expect("a number"),
        ..house.request("key")
    };
    let outcome = house.send(abroad()).await;
    let refused = fault(&outcome);
    assert_eq!(refused.reason, Reason::CountryNotAllowed);
    assert_eq!(refused.metadata[fault::RULE], "country");
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Refused);
    let decision = record.row.decision.expect("a decision");
    assert_eq!(refused.metadata[fault::DECISION_ID], decision.to_string());
    assert_eq!(house.send(abroad()).await, outcome);
    assert_eq!(house.counted("otp_guard_refusals_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_says_when_and_releases_its_key() {
    let accept: &[Act] = &[const { Act::Accept }; 7];
    let house = House::sms(&[("a", accept)]);
    for number in 0..6 {
        let outcome = house.send(house.request(&number.to_string())).await;
        assert_eq!(reason(&outcome), None);
    }
    let outcome = house.send(house.request("seventh")).await;
    let limited = fault(&outcome);
    assert_eq!(limited.reason, Reason::RateLimited);
    let after = limited.retry_after.expect("a time");
    assert!(after <= Duration::from_secs(100), "{after:?}");
    tokio::time::sleep(after).await;
    let outcome = house.send(house.request("seventh")).await;
    assert_eq!(reason(&outcome), None, "the key was released");
}

#[tokio::test(start_paused = true)]
async fn of_a_flood_ten_deliveries_are_rows() {
    let house = House::sms(&[("a", &[])]);
    for number in 0..25 {
        let request = Request {
            phone: PhoneNumber::parse("+447400123456").expect("a number"),
            ..house.request(&number.to_string())
        };
        assert!(house.send_within(request, PATIENCE).await.is_err());
    }
    assert_eq!(house.records().await.len(), 10);
}
