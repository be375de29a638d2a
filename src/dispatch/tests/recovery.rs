//! What a process that died leaves behind, and what its successor makes of it.

use std::time::Duration;

use super::{
    house::{House, Plan, delivery, reason},
    scripted::Act,
};
use crate::{
    dispatch::request::Request,
    domain::{delivery::State, failure::Failure, passcode::Passcode, phone::PhoneNumber},
    error::Reason,
};

const MS: Duration = Duration::from_millis(1);

/// A house, and the one that takes its ledger over.
fn houses(before: &[Act], after: &[Act]) -> (House, House) {
    let plan = Plan::sms(&[("a", before)]);
    let ledger = plan.ledger.clone();
    let after = Plan {
        ledger,
        ..Plan::sms(&[("a", after)])
    };
    (House::build(&plan), House::build(&after))
}

/// Leaves a send where it stands after a moment, as a process does that is killed then.
async fn killed_during(house: &House, key: &str) {
    let left = tokio::time::timeout(10 * MS, house.send(house.request(key))).await;
    assert!(left.is_err(), "the send is still under way");
}

async fn recovered(house: &House) {
    let recovered = house.dispatcher.recover().await;
    recovered.expect("a ledger in memory answers");
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_may_have_been_sent_and_is_not_sent_again() {
    let (before, after) = houses(&[Act::Silent], &[]);
    killed_during(&before, "key").await;
    recovered(&after).await;
    assert_eq!(after.counted("otp_ledger_swept_deliveries_total"), 1);
    let answer = after.send(after.request("key")).await;
    let answer = answer.expect("perhaps sent");
    assert_eq!(answer.state, State::Unconfirmed);
    assert_eq!(answer.attempts[0].result.state, State::Unconfirmed);
    assert_eq!(after.messages(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_certainly_failed_may_be_sent_again() {
    let (before, after) = houses(&[Act::throttled(1000 * MS)], &[Act::Accept]);
    killed_during(&before, "key").await;
    recovered(&after).await;
    let answer = after.send(after.request("key")).await;
    assert_eq!(answer.expect("sent").state, State::Accepted);
    let records = after.records().await;
    let of = |state| records.iter().filter(move |one| one.row.state == state);
    assert_eq!(
        (of(State::Accepted).count(), of(State::Failed).count()),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_providers_refusal_is_still_one_where_nobody_lived_to_conclude_it() {
    let (before, after) = houses(&[Act::Fail(Failure::FraudBlock)], &[]);
    let outcome = before.send(before.request("key")).await;
    let mut record = before.record(delivery(&outcome)).await;
    record.row.reason = None;
    let told = crate::dispatch::answer::from_record(&record);
    assert_eq!(reason(&told), Some(Reason::ProviderFraudBlock));
    recovered(&after).await;
    assert_eq!(after.send(after.request("key")).await, outcome);
}

#[tokio::test(start_paused = true)]
async fn final_answers_are_the_same_after_a_restart() {
    let (before, after) = houses(&[Act::Accept], &[]);
    let accepted = before.send(before.request("sent")).await;
    let abroad = |house: &House| Request {
        phone: PhoneNumber::parse("+447400123456").expect("a number"),
        ..house.request("refused")
    };
    let refused = before.send(abroad(&before)).await;
    recovered(&after).await;
    assert_eq!(after.send(after.request("sent")).await, accepted);
    let again = after.send(abroad(&after)).await;
    assert_eq!(reason(&again), Some(Reason::CountryNotAllowed));
    assert_eq!(delivery(&again), delivery(&refused));
    let other_code = Request {
        code: Passcode::parse("000000").expect("a code"),
        ..after.request("sent")
    };
    let mismatch = after.send(other_code).await;
    assert_eq!(reason(&mismatch), Some(Reason::IdempotencyMismatch));
}
