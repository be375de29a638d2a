//! Copies of a request: one send, and what every copy is told of it.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    house::{House, PATIENCE, Plan, delivery, reason},
    moody::Mood,
    scripted::Act,
};
use crate::{
    dispatch::request::Request,
    domain::{delivery::State, failure::Failure, passcode::Passcode, phone::PhoneNumber},
    error::Reason,
};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn twenty_copies_are_one_message_and_twenty_equal_answers() {
    let house = House::sms(&[("a", &[Act::after(300 * MS, Act::Accept)])]);
    let copies = (0..20).map(|_| house.send(house.request("key")));
    let outcomes = join_all(copies).await;
    assert!(outcomes[0].is_ok());
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(house.messages(), 1);
    assert_eq!(house.counted("otp_idempotent_replays_total"), 19);
    assert_eq!(house.records().await.len(), 1);
    let later = house.send(house.request("key")).await;
    assert_eq!(later, outcomes[0]);
}

#[tokio::test(start_paused = true)]
async fn one_key_is_for_one_number_and_code() {
    let house = House::sms(&[("a", &[Act::Accept])]);
    let outcome = house.send(house.request("key")).await;
    assert!(outcome.is_ok());
    let code = Request {
        code: Passcode::parse("000000").expect("a code"),
        ..house.request("key")
    };
    let number = Request {
        phone: PhoneNumber::parse("+14155550124").expect("a number"),
        ..house.request("key")
    };
    for other in [code, number] {
        let outcome = house.send(other).await;
        assert_eq!(reason(&outcome), Some(Reason::IdempotencyMismatch));
    }
    assert_eq!(house.send(house.request("key")).await, outcome);
}

#[tokio::test(start_paused = true)]
async fn a_key_belongs_to_its_client() {
    let house = House::sms(&[("a", &[Act::Accept, Act::Accept])]);
    let first = house.send(house.request("key")).await;
    let other = Request {
        client: "billing".into(),
        ..house.request("key")
    };
    let second = house.send(other).await;
    assert_ne!(delivery(&first), delivery(&second));
    assert_eq!(house.messages(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_is_told_that_it_may_be_sent_and_the_send_goes_on() {
    let house = House::sms(&[("a", &[Act::after(1000 * MS, Act::Accept)])]);
    let patient = house.send(house.request("key"));
    let hasty = async {
        tokio::task::yield_now().await;
        house.send_within(house.request("key"), 500 * MS).await
    };
    let (patient, hasty) = tokio::join!(patient, hasty);
    let told = hasty.expect("perhaps sent");
    assert_eq!(told.state, State::Unconfirmed);
    let accepted = patient.expect("accepted");
    assert_eq!(accepted.state, State::Accepted);
    assert_eq!(told.delivery, accepted.delivery);
    assert_eq!(house.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_does_not_end_the_send() {
    let house = House::sms(&[("a", &[Act::after(1000 * MS, Act::Accept)])]);
    let hung_up = tokio::time::timeout(10 * MS, house.send(house.request("key"))).await;
    assert!(hung_up.is_err());
    let outcome = house.send(house.request("key")).await;
    assert_eq!(outcome.expect("accepted").state, State::Accepted);
    assert_eq!(house.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fraud_block_keeps_the_key() {
    let house = House::sms(&[("a", &[Act::Fail(Failure::FraudBlock)]), ("b", &[])]);
    let outcome = house.send(house.request("key")).await;
    assert_eq!(reason(&outcome), Some(Reason::ProviderFraudBlock));
    assert_eq!(house.send(house.request("key")).await, outcome);
    assert_eq!(house.messages(), 1);
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.row.state, State::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_failure_releases_the_key_here_and_in_the_ledger() {
    let house = House::sms(&[("a", &[Act::Fail(Failure::Transient), Act::Accept])]);
    let failed = house.send(house.request("key")).await;
    assert_eq!(reason(&failed), Some(Reason::ProvidersFailed));
    let outcome = house.send(house.request("key")).await;
    assert_eq!(reason(&outcome), None);
    assert_ne!(delivery(&outcome), delivery(&failed));
    assert_eq!(house.records().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_process_with_the_key_is_followed() {
    let plan = Plan::sms(&[("a", &[Act::after(500 * MS, Act::Accept)])]);
    let ledger = plan.ledger.clone();
    let here = House::build(&plan);
    let there = House::build(&Plan {
        ledger,
        ..Plan::sms(&[("a", &[])])
    });
    let first = here.send(here.request("key"));
    let second = async {
        tokio::time::sleep(10 * MS).await;
        there.send(there.request("key")).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.expect("accepted"), second.expect("the same"));
    assert_eq!(there.messages(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_hangs_does_not_keep_who_follows() {
    let plan = Plan::sms(&[("a", &[Act::Silent])]);
    let ledger = plan.ledger.clone();
    let here = House::build(&plan);
    let there = House::build(&Plan {
        ledger,
        ..Plan::sms(&[("a", &[])])
    });
    let first = here.send(here.request("key"));
    let second = async {
        tokio::time::sleep(10 * MS).await;
        let following = there.send(there.request("key"));
        let hanging = async {
            tokio::time::sleep(10 * MS).await;
            there.ledger.turn(Mood::Hangs);
        };
        tokio::join!(following, hanging).0
    };
    let (_, second) = tokio::join!(first, second);
    assert_eq!(second.expect("perhaps sent").state, State::Unconfirmed);
    there.ledger.turn(Mood::Well);
    tokio::time::sleep(PATIENCE).await;
    // The send has ended too: the key has its final answer, for which nobody waits.
    let began = there.clock.now();
    let later = there.send(there.request("key")).await;
    assert_eq!(later.expect("perhaps sent").state, State::Unconfirmed);
    assert_eq!(there.clock.now(), began);
}
