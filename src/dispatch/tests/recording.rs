//! Recording before sending: what happens when the ledger is slow, away, or about to be closed.

use std::time::Duration;

use super::{
    house::{House, Plan, reason},
    moody::Mood,
    scripted::Act,
};
use crate::{
    config::ledger::OnUnavailable,
    domain::{delivery::State, failure::Failure},
    error::Reason,
};

const MS: Duration = Duration::from_millis(1);

fn sending(script: &[(&'static str, &[Act])]) -> House {
    House::build(&Plan {
        on_unavailable: OnUnavailable::Send,
        ..Plan::sms(script)
    })
}

#[tokio::test(start_paused = true)]
async fn without_a_record_nothing_is_sent_where_that_is_forbidden() {
    for mood in [Mood::Away, Mood::Hangs] {
        let house = House::sms(&[("a", &[Act::Accept])]);
        house.ledger.turn(mood);
        let began = house.clock.now();
        let outcome = house.send(house.request("key")).await;
        assert_eq!(
            reason(&outcome),
            Some(Reason::LedgerUnavailable),
            "{mood:?}"
        );
        assert!(house.clock.now() - began <= 101 * MS, "{mood:?}");
        assert_eq!(house.messages(), 0);
        house.ledger.turn(Mood::Well);
        let outcome = house.send(house.request("key")).await;
        assert_eq!(reason(&outcome), None, "the key was released");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_too_late_is_closed_with_its_attempt() {
    let house = House::sms(&[("a", &[Act::Accept])]);
    house.ledger.turn(Mood::Mute);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(reason(&outcome), Some(Reason::LedgerUnavailable));
    assert_eq!(house.messages(), 0);
    let records = house.records().await;
    assert_eq!(records[0].row.state, State::Failed);
    assert_eq!(records[0].row.reason, Some(Reason::LedgerUnavailable));
    // Nobody must take it for a message that may have been sent.
    assert_eq!(records[0].attempts[0].result.state, State::Failed);
    house.ledger.turn(Mood::Well);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(reason(&outcome), None, "the ledger released the key too");
}

#[tokio::test(start_paused = true)]
async fn without_a_record_a_send_goes_out_where_that_is_wanted() {
    for mood in [Mood::Away, Mood::Hangs] {
        let house = sending(&[("a", &[Act::Accept])]);
        house.ledger.turn(mood);
        let outcome = house.send(house.request("key")).await;
        assert_eq!(outcome.expect("sent").state, State::Accepted, "{mood:?}");
        assert_eq!(house.counted("otp_ledger_unrecorded_sends_total"), 1);
        let copy = house.send(house.request("key")).await;
        assert!(copy.is_ok(), "in this process the key still holds");
        assert_eq!(house.messages(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_further_attempt_without_a_record_is_not_made_either() {
    let slow: &[Act] = &[Act::after(100 * MS, Act::Fail(Failure::Transient))];
    for mood in [Mood::Away, Mood::Mute] {
        let house = House::sms(&[("a", slow), ("b", &[])]);
        let turning = async {
            tokio::time::sleep(10 * MS).await;
            house.ledger.turn(mood);
        };
        let (outcome, ()) = tokio::join!(house.send(house.request("key")), turning);
        assert_eq!(reason(&outcome), Some(Reason::ProvidersFailed), "{mood:?}");
        assert_eq!(house.messages(), 1);
        let records = house.records().await;
        assert_eq!(records[0].row.state, State::Failed);
        let open = records[0].attempts.iter();
        let mut open = open.filter(|attempt| attempt.result.state != State::Failed);
        assert_eq!(open.next(), None, "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_ledger_is_closed_nothing_more_goes_out_unrecorded() {
    let house = sending(&[("a", &[])]);
    house.ledger.turn(Mood::Away);
    house.dispatcher.halt();
    let outcome = house.send(house.request("key")).await;
    assert_eq!(reason(&outcome), Some(Reason::LedgerUnavailable));
}
