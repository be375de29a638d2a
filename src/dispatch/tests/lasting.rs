//! What the guard has closed stays so: it is written down at once, and once more where that failed.

use std::{sync::Arc, time::Duration};

use super::{
    house::{House, Plan, reason},
    moody::Mood,
    scripted::Act,
};
use crate::{
    clock::Clock,
    dispatch::request::Request,
    domain::{phone::PhoneNumber, purpose::Purpose},
    error::Reason,
    store::{Ledger, memory::MemoryLedger},
};

const ACCEPT: &[Act] = &[const { Act::Accept }; 32];

/// The first byte of the key of a range's state.
const RANGE: u8 = 1;

fn house(ledger: &Arc<MemoryLedger>) -> House {
    House::build(&Plan {
        ledger: ledger.clone(),
        ..Plan::sms(&[("s", ACCEPT)])
    })
}

fn ledger() -> Arc<MemoryLedger> {
    Arc::new(MemoryLedger::new(Clock::system()))
}

/// Somebody new in one range asks for a code.
async fn ask(house: &House, number: u32) -> Option<Reason> {
    let phone = format!("+1415555{number:04}");
    let request = Request {
        phone: PhoneNumber::parse(&phone).expect("a number"),
        purpose: Purpose::Enrollment,
        ..house.request(&phone)
    };
    reason(&house.send(request).await)
}

/// Strangers ask until their range is closed.
async fn close(house: &House) {
    for number in 2000..2032 {
        if ask(house, number).await == Some(Reason::BudgetExhausted) {
            return;
        }
    }
    panic!("the range does not close");
}

async fn ranges(ledger: &MemoryLedger) -> usize {
    let counters = ledger.counters(None, 1000).await;
    let counters = counters.expect("a ledger in memory answers").into_iter();
    counters.filter(|counter| counter.key[0] == RANGE).count()
}

#[tokio::test(start_paused = true)]
async fn a_closed_range_is_written_at_once() {
    let ledger = ledger();
    let before = house(&ledger);
    assert_eq!(ask(&before, 1999).await, None);
    let none = tokio::time::timeout(Duration::from_mins(1), before.dispatcher.range_closed());
    assert!(none.await.is_err(), "nothing was closed yet");
    close(&before).await;
    before.dispatcher.range_closed().await;
    before.dispatcher.keep_closed().await.expect("it is kept");
    assert_eq!(ranges(&ledger).await, 1);
    // The process dies here.
    let after = house(&ledger);
    after.dispatcher.restore_guard().await.expect("it is read");
    assert_eq!(ask(&after, 2100).await, Some(Reason::BudgetExhausted));
    assert_eq!(after.messages(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_ledger_did_not_take_is_written_with_the_next_round() {
    let ledger = ledger();
    let house = house(&ledger);
    close(&house).await;
    house.ledger.turn(Mood::Away);
    house.dispatcher.range_closed().await;
    assert!(house.dispatcher.keep_closed().await.is_err());
    assert_eq!(ranges(&ledger).await, 0);
    house.ledger.turn(Mood::Well);
    house.dispatcher.keep_guard().await.expect("it is kept");
    assert_eq!(ranges(&ledger).await, 1);
}
