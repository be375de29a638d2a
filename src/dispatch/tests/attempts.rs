//! One attempt and the next: what follows each failure, when dispatch moves on, and what a late answer changes.

use std::{sync::Arc, time::Duration};

use super::{
    house::{House, LINGER, PATIENCE, Plan, TIMEOUT, delivery, reason},
    scripted::Act,
};
use crate::{
    channels::provider::Accepted,
    dispatch::{answer::Outcome, attempt::Tally, request::Request},
    domain::{
        channel::Channel,
        delivery::State,
        failure::Failure,
        id::{AttemptId, DeliveryId},
        phone::PhoneNumber,
    },
    error::Reason,
    outbound::WriteGate,
    store::record::{AttemptResult, AttemptRow},
};

const MS: Duration = Duration::from_millis(1);

/// The state of an outcome that is not a fault, and how each attempt ended.
fn told(outcome: &Outcome) -> (State, Vec<(String, State, &'static str)>) {
    let answer = outcome.as_ref().expect("accepted, or perhaps sent");
    let attempts = answer.attempts.iter().map(|one| {
        let result = &one.result;
        (one.provider.clone(), result.state, result.failure)
    });
    (answer.state, attempts.collect())
}

fn attempt(provider: &str, state: State, failure: &'static str) -> (String, State, &'static str) {
    (provider.to_owned(), state, failure)
}

#[tokio::test(start_paused = true)]
async fn an_accepted_message_is_one_recorded_attempt() {
    let house = House::sms(&[("a", &[Act::Accept])]);
    let outcome = house.send(house.request("key")).await;
    let accepted = vec![attempt("a", State::Accepted, "")];
    assert_eq!(told(&outcome), (State::Accepted, accepted));
    let seen = house.seen("a");
    assert!(seen[0].recorded, "the row comes before the message");
    assert_eq!(seen[0].text, "482913 is your code");
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Accepted);
    assert_eq!(record.row.reason, None);
    assert_eq!(record.attempts[0].result.message_id, "m-1");
}

#[tokio::test(start_paused = true)]
async fn each_failure_has_its_next_step() {
    let after = |failure| async move {
        let accept: &[Act] = &[Act::Accept];
        let routes: [(&'static str, &[Act]); 2] = [("a", &[Act::Fail(failure)]), ("b", accept)];
        let plan = Plan::sms(&routes).and(Channel::Voice, &[("v", accept)]);
        let house = House::build(&plan);
        let request = house.request_on("key", &[Channel::Sms, Channel::Voice]);
        let outcome = house.send(request).await;
        let asked: Vec<_> = ["a", "b", "v"]
            .into_iter()
            .filter(|name| !house.seen(name).is_empty())
            .collect();
        (asked.join(" "), reason(&outcome))
    };
    for (failure, asked, why) in [
        (Failure::Throttled { delay: None }, "a b", None),
        (Failure::Transient, "a b", None),
        (Failure::Account, "a b", None),
        (Failure::Ambiguous, "a b", None),
        (Failure::Recipient, "a v", None),
        (Failure::Request, "a v", None),
        (Failure::FraudBlock, "a", Some(Reason::ProviderFraudBlock)),
    ] {
        assert_eq!(after(failure).await, (asked.to_owned(), why), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_further_attempt_is_recorded_before_it_is_made() {
    let fail: &[Act] = &[Act::Fail(Failure::Transient)];
    let house = House::sms(&[("a", fail), ("b", fail), ("c", &[Act::Accept])]);
    let outcome = house.send(house.request("key")).await;
    let expect = vec![
        attempt("a", State::Failed, "transient"),
        attempt("b", State::Failed, "transient"),
        attempt("c", State::Accepted, ""),
    ];
    assert_eq!(told(&outcome), (State::Accepted, expect));
    for (provider, ordinal) in [("a", 1), ("b", 2), ("c", 3)] {
        let seen = &house.seen(provider)[0];
        assert!(seen.recorded, "{provider}");
        assert_eq!(seen.attempt.ordinal, ordinal);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_may_stop_where_a_message_may_be_on_its_way() {
    let doubt: &[Act] = &[Act::Fail(Failure::Ambiguous)];
    let house = House::build(&Plan {
        next_when_ambiguous: false,
        ..Plan::sms(&[("a", doubt), ("b", &[])])
    });
    let outcome = house.send(house.request("key")).await;
    let expect = vec![attempt("a", State::Unconfirmed, "ambiguous")];
    assert_eq!(told(&outcome), (State::Unconfirmed, expect));
    assert_eq!(house.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_doubt_outweighs_failures_that_follow() {
    let doubt: &[Act] = &[Act::Fail(Failure::Ambiguous)];
    let house = House::sms(&[("a", doubt), ("b", &[Act::Fail(Failure::Recipient)])]);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Unconfirmed);
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Unconfirmed);
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_fits_is_waited_for_and_one_that_does_not_is_not() {
    // What is left must do for an attempt, which is not begun with less than 400 ms.
    let fits = PATIENCE.saturating_sub(400 * MS);
    for (delay, asked) in [(fits, [2, 0]), (fits + MS, [1, 1])] {
        let throttled: &[Act] = &[Act::throttled(delay), Act::Accept];
        let house = House::sms(&[("a", throttled), ("b", &[Act::Accept])]);
        let began = house.clock.now();
        let outcome = house.send(house.request("key")).await;
        assert_eq!(told(&outcome).0, State::Accepted);
        let messages = [house.seen("a").len(), house.seen("b").len()];
        assert_eq!(messages, asked, "{delay:?}");
        let took = house.clock.now() - began;
        assert_eq!(took >= delay, asked == [2, 0], "{took:?} {delay:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_provider_is_asked_once_more_in_doubt() {
    let doubts: &[Act] = &[Act::Fail(Failure::Ambiguous), Act::Accept];
    let house = House::build(&Plan {
        idempotent: true,
        ..Plan::sms(&[("a", doubts)])
    });
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Accepted);
    assert_eq!(house.seen("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn dispatch_moves_on_from_a_silent_provider_in_time_for_the_next() {
    let house = House::sms(&[("a", &[Act::Silent]), ("b", &[Act::Accept])]);
    let began = house.clock.now();
    let outcome = house.send(house.request("key")).await;
    let expect = vec![
        attempt("a", State::Unconfirmed, "ambiguous"),
        attempt("b", State::Accepted, ""),
    ];
    assert_eq!(told(&outcome), (State::Accepted, expect));
    let took = house.clock.now() - began;
    assert!((TIMEOUT..TIMEOUT + 10 * MS).contains(&took), "{took:?}");
    assert_eq!(house.free_slots("a"), 63, "the request lives on");
    tokio::time::sleep(LINGER).await;
    assert_eq!(house.free_slots("a"), 64, "and not for ever");
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Accepted);
    assert_eq!(record.attempts[0].result.provider_code, "timeout");
}

#[tokio::test(start_paused = true)]
async fn a_message_called_back_before_it_was_written_has_failed() {
    let house = House::sms(&[("a", &[Act::Unreached]), ("b", &[Act::Accept])]);
    let outcome = house.send(house.request("key")).await;
    let expect = vec![
        attempt("a", State::Failed, "transient"),
        attempt("b", State::Accepted, ""),
    ];
    assert_eq!(told(&outcome), (State::Accepted, expect));
    tokio::task::yield_now().await;
    assert_eq!(house.free_slots("a"), 64, "there is nothing to wait for");
}

#[tokio::test(start_paused = true)]
async fn a_late_acceptance_is_recorded_and_starts_nothing() {
    let late: &[Act] = &[Act::after(TIMEOUT + 500 * MS, Act::Accept)];
    let house = House::build(&Plan {
        next_when_ambiguous: false,
        ..Plan::sms(&[("a", late), ("b", &[])])
    });
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Unconfirmed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Accepted);
    assert_eq!(record.row.reason, None);
    let result = &record.attempts[0].result;
    assert_eq!(
        (result.state, result.failure),
        (State::Accepted, "ambiguous")
    );
    assert_eq!(result.message_id, "m-1");
    assert_eq!(house.counted("otp_provider_late_answers_total"), 1);
    assert_eq!(house.messages(), 1);
    let copy = house.send(house.request("key")).await;
    assert_eq!(copy, outcome, "who asked once hears the same again");
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_is_recorded_with_its_reason() {
    let late: &[Act] = &[Act::after(TIMEOUT + 500 * MS, Act::Fail(Failure::Request))];
    let house = House::sms(&[("a", late)]);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Unconfirmed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Failed);
    assert_eq!(record.row.reason, Some(Reason::ProvidersFailed));
}

#[tokio::test(start_paused = true)]
async fn a_late_doubt_is_no_news() {
    let late: &[Act] = &[Act::after(
        TIMEOUT + 500 * MS,
        Act::Fail(Failure::Ambiguous),
    )];
    let house = House::sms(&[("a", late)]);
    let outcome = house.send(house.request("key")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.attempts[0].result.provider_code, "timeout");
    assert_eq!(house.counted("otp_provider_late_answers_total"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_breaks_leaves_a_doubt_and_its_slot() {
    let house = House::sms(&[("a", &[Act::Panic])]);
    let outcome = house.send(house.request("key")).await;
    let expect = vec![attempt("a", State::Unconfirmed, "ambiguous")];
    assert_eq!(told(&outcome), (State::Unconfirmed, expect));
    assert_eq!(house.free_slots("a"), 64);
}

/// The answer and the end of the wait may come at once, from two threads: what was learnt first stands, and a message
/// that was accepted is not followed by another.
#[tokio::test(start_paused = true)]
async fn an_answer_in_the_moment_of_giving_up_counts() {
    let house = House::sms(&[("a", &[])]);
    let id = AttemptId {
        delivery: DeliveryId::new(&house.clock),
        ordinal: 1,
    };
    let tally = Arc::new(Tally::default());
    tally.begin(AttemptRow {
        id,
        channel: Channel::Sms,
        provider: "a".to_owned(),
        started_ms: 0,
        result: AttemptResult {
            state: State::Accepted,
            message_id: "m-1".to_owned(),
            ..AttemptResult::sending()
        },
    });
    let gate = WriteGate::default();
    assert!(gate.pass());
    let ended = house
        .dispatcher
        .give_up(id, &tally, &gate, ("timeout", TIMEOUT));
    let message_id = Some("m-1".to_owned());
    assert_eq!(ended, Ok(Accepted { message_id }));
    let known = tally.attempts();
    assert_eq!(known[0].result.message_id, "m-1");
    assert_eq!(known[0].result.failure, "");
}

#[tokio::test(start_paused = true)]
async fn a_stale_credential_is_renewed_once() {
    let stale = || Act::Fail(Failure::CredentialStale);
    let house = House::sms(&[("a", &[stale(), Act::Accept])]);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Accepted);
    let house = House::sms(&[("a", &[stale(), stale()]), ("b", &[Act::Accept])]);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Accepted);
    assert_eq!((house.seen("a").len(), house.seen("b").len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_known_by_the_steps_first_attempt() {
    let house = House::build(&Plan {
        idempotent: true,
        ..Plan::sms(&[
            (
                "a",
                &[Act::Fail(Failure::Ambiguous), Act::Fail(Failure::Transient)],
            ),
            ("b", &[Act::Accept]),
        ])
    });
    house
        .send(house.request("key"))
        .await
        .expect("the last takes it");
    let ordinals = |provider: &str| {
        let seen = house.seen(provider).into_iter();
        let ordinals = seen.map(|seen| (seen.attempt.ordinal, seen.first_attempt.ordinal));
        ordinals.collect::<Vec<_>>()
    };
    assert_eq!(ordinals("a"), [(1, 1), (2, 1)]);
    assert_eq!(ordinals("b"), [(3, 3)]);
}

#[tokio::test(start_paused = true)]
async fn who_was_not_on_a_channel_is_not_tried_there_for_a_while() {
    let not_there: &[Act] = &[Act::Fail(Failure::Recipient), Act::Accept];
    let accept: &[Act] = &[Act::Accept, Act::Accept, Act::Accept];
    let plan = Plan::sms(&[("s", accept)]).and(Channel::Whatsapp, &[("w", not_there)]);
    let house = House::build(&plan);
    let both = [Channel::Whatsapp, Channel::Sms];
    for key in ["first", "second"] {
        house
            .send(house.request_on(key, &both))
            .await
            .expect("by SMS");
    }
    assert_eq!((house.seen("w").len(), house.seen("s").len()), (1, 2));
    tokio::time::advance(Duration::from_hours(1)).await;
    house
        .send(house.request_on("later", &both))
        .await
        .expect("by WhatsApp");
    assert_eq!((house.seen("w").len(), house.seen("s").len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn after_a_doubt_nothing_further_follows_where_the_tenant_wants_that() {
    for second in [
        Act::Fail(Failure::Transient),
        Act::Fail(Failure::Account),
        Act::Fail(Failure::Recipient),
        Act::Fail(Failure::Ambiguous),
    ] {
        let doubt = [Act::Fail(Failure::Ambiguous), second];
        let house = House::build(&Plan {
            idempotent: true,
            next_when_ambiguous: false,
            ..Plan::sms(&[("a", &doubt), ("b", &[])]).and(Channel::Voice, &[("v", &[])])
        });
        let both = [Channel::Sms, Channel::Voice];
        let outcome = house.send(house.request_on("key", &both)).await;
        assert_eq!(told(&outcome).0, State::Unconfirmed, "{doubt:?}");
        assert_eq!(house.seen("a").len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn callers_without_time_close_no_provider() {
    let slow = Act::after(600 * MS, Act::Accept);
    let script = vec![slow; 40];
    let house = House::sms(&[("a", &script), ("b", &vec![Act::Accept; 40])]);
    // Each has less time than the provider's answer takes, and less than its timeout.
    for key in 0..20 {
        let request = house.request(&format!("hasty-{key}"));
        let number = format!("+1415555{key:04}");
        let phone = PhoneNumber::parse(&number).expect("a number");
        let hasty = house.send_within(Request { phone, ..request }, 450 * MS);
        assert_eq!(told(&hasty.await).0, State::Unconfirmed);
    }
    let outcome = house.send(house.request("patient")).await;
    assert_eq!(
        told(&outcome),
        (State::Accepted, vec![attempt("a", State::Accepted, "")])
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_credential_after_another_repeat_is_renewed_too() {
    let script = [
        Act::throttled(MS),
        Act::Fail(Failure::CredentialStale),
        Act::Accept,
    ];
    let house = House::sms(&[("a", &script), ("b", &[])]);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(told(&outcome).0, State::Accepted);
    assert_eq!(house.seen("a").len(), 3);
}
