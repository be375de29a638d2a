//! The queue: what is taken back, what is too much, and one bad row among good ones.

use std::{
    pin::pin,
    task::{Context, Waker},
    thread,
    time::Duration,
};

use futures_util::future::join_all;
use rusqlite::Connection;

use super::{Place, patient, quick, until};
use crate::{
    clock::Clock,
    domain::delivery::State,
    store::{
        Backlog, Ledger, LedgerError, Recorded,
        sqlite::{op::Op, queue::Queue, tuning::Tuning},
        suite::bench::{claiming, everything, intent, result},
    },
};

/// A queue whose writer rests so long before each transaction, unless so many entries wait.
fn resting(gather: Duration, batch: usize) -> Queue {
    Queue::new(Tuning {
        batch,
        gather,
        ..quick()
    })
}

#[test]
fn the_writer_rests_before_a_transaction_unless_it_is_full() {
    let place = Place::new();
    let clock = Clock::system();
    let time_of = |rest, batch, asked: usize| {
        let queue = resting(rest, batch);
        let ask = |_| queue.ask(Op::Record(intent(&place.clock()))).unwrap();
        let _asked: Vec<_> = (0..asked).map(ask).collect();
        let (began, mut taken) = (clock.now(), Vec::new());
        assert!(queue.next(&mut taken, None));
        assert_eq!(taken.len(), asked);
        clock.now() - began
    };
    let short = Duration::from_millis(100);
    assert!(time_of(short, 3, 2) >= short);
    let long = Duration::from_mins(1);
    assert!(time_of(long, 3, 3) < long);
}

#[test]
fn the_end_cuts_a_rest_short_and_leaves_nothing_behind() {
    let place = Place::new();
    let queue = resting(Duration::from_mins(1), 3);
    let ask = || queue.ask(Op::Record(intent(&place.clock()))).unwrap();
    let _first = ask();
    let mut taken = Vec::new();
    thread::scope(|threads| {
        let end = threads.spawn(|| {
            let second = ask();
            queue.close();
            second
        });
        assert!(queue.next(&mut taken, None));
        drop(end.join().unwrap());
    });
    assert_eq!(taken.len(), 2);
    taken.clear();
    assert!(!queue.next(&mut taken, None));
}

fn hold(place: &Place) -> Connection {
    let stranger = place.stranger();
    stranger.execute_batch("BEGIN EXCLUSIVE").unwrap();
    stranger
}

/// Asks once and gives up, as a caller does whose time has run out.
fn ask_and_give_up(asked: impl Future) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(asked).poll(&mut context).is_pending());
}

#[tokio::test]
async fn an_intent_whose_caller_gave_up_is_taken_back() {
    let place = Place::new();
    let ledger = place.open(patient());
    let clock = place.clock();
    let stranger = hold(&place);
    let given_up = claiming(1, &clock);
    let mut kept = claiming(2, &clock);
    kept.spool = true;
    let (given_up_id, kept_id) = (given_up.delivery.id, kept.delivery.id);
    ask_and_give_up(ledger.record(given_up));
    ask_and_give_up(ledger.record(kept));
    for id in [given_up_id, kept_id] {
        ledger.settle_delivery(id, result(State::Failed, true));
    }
    stranger.execute_batch("COMMIT").unwrap();
    ledger.flush().await.unwrap();
    assert_eq!(ledger.delivery("acme", given_up_id).await, Ok(None));
    let kept = ledger.delivery("acme", kept_id).await.unwrap().unwrap();
    assert_eq!(kept.row.state, State::Failed);
    for claim in [1, 2] {
        let again = ledger.record(claiming(claim, &clock)).await;
        assert_eq!(again, Ok(Recorded::New), "the claim is free");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_keeps_what_may_be_spooled() {
    let place = Place::new();
    let ledger = place.open(Tuning {
        queue: 4,
        batch: 1,
        ..patient()
    });
    let clock = place.clock();
    let stranger = hold(&place);
    let mut context = Context::from_waker(Waker::noop());
    let mut asked: Vec<_> = (0..6).map(|_| ledger.record(intent(&clock))).collect();
    let mut refused = 0;
    // The writer holds one, or is about to take it; four wait.
    for asked in &mut asked {
        match asked.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => {
                assert_eq!(answer, Err(LedgerError::Overloaded));
                refused += 1;
            }
            std::task::Poll::Pending => {}
        }
    }
    assert!((1..=2).contains(&refused), "{refused}");
    until(async || {
        let asked = ledger.record(intent(&clock));
        futures_util::future::poll_immediate(asked).await == Some(Err(LedgerError::Overloaded))
    })
    .await;
    let mut kept = intent(&clock);
    kept.spool = true;
    let id = kept.delivery.id;
    assert_eq!(ledger.record(kept).await, Err(LedgerError::Overloaded));
    assert_eq!(ledger.backlog().spooled_total, 1);
    drop(asked);
    stranger.execute_batch("COMMIT").unwrap();
    until(async || ledger.flush().await.is_ok()).await;
    assert!(ledger.delivery("acme", id).await.unwrap().is_some());
    assert_eq!(ledger.backlog().spooled, 0);
}

#[tokio::test]
async fn one_row_that_cannot_be_written_does_not_take_others_along() {
    let place = Place::new();
    let ledger = place.open(patient());
    let clock = place.clock();
    let stranger = place.stranger();
    stranger
        .execute_batch(
            "CREATE TRIGGER taboo BEFORE INSERT ON deliveries WHEN NEW.reference = 'taboo'
             BEGIN SELECT RAISE(ABORT, 'taboo'); END; BEGIN EXCLUSIVE",
        )
        .unwrap();
    // All of them are in the queue before the writer can begin.
    let asked = (0..50).map(|n| {
        let mut intent = intent(&clock);
        if n % 10 == 3 {
            intent.delivery.reference = "taboo".to_owned();
        }
        ledger.record(intent)
    });
    let mut all = pin!(join_all(asked));
    let mut context = Context::from_waker(Waker::noop());
    assert!(all.as_mut().poll(&mut context).is_pending());
    stranger.execute_batch("COMMIT").unwrap();
    let answers = all.await;
    for (n, answer) in answers.into_iter().enumerate() {
        if n % 10 == 3 {
            assert!(
                matches!(answer, Err(LedgerError::Unavailable(_))),
                "{answer:?}"
            );
        } else {
            assert_eq!(answer, Ok(Recorded::New));
        }
    }
    let page = ledger.deliveries(everything(100)).await.unwrap();
    assert_eq!(page.deliveries.len(), 45);
    assert_eq!(ledger.backlog(), Backlog::default());
}

#[tokio::test]
async fn results_are_written_without_being_asked_for() {
    let place = Place::new();
    let ledger = place.open(quick());
    let intent = intent(&place.clock());
    let id = intent.delivery.id;
    ledger.record(intent).await.unwrap();
    ledger.settle_delivery(id, result(State::Accepted, false));
    until(async || {
        let found = ledger.delivery("acme", id).await.unwrap().unwrap();
        found.row.state == State::Accepted
    })
    .await;
}
