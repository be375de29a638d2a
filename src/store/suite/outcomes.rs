//! Whether codes were used, and where: what never goes back, what a start finds again, and what ages.

use std::time::Duration;

use super::{
    bench::{Bench, START, answer, attempt, first, hash, intent, result},
    questions,
};
use crate::{
    domain::{
        delivery::{Outcome, State},
        id::DeliveryId,
        privacy::KeyedHash,
    },
    store::record::{DeliveryResult, VerifiedRow},
};

questions! {
    an_outcome_never_goes_back
    an_outcome_of_nothing_is_dropped
    a_trail_comes_with_the_row_or_later
    verified_destinations_are_found_page_by_page
    the_latest_day_counts
    old_destinations_leave
    the_last_sends_are_found_again
}

fn verified(phone: u8, day: u32) -> VerifiedRow {
    VerifiedRow {
        phone: hash(phone),
        tenant: "acme".to_owned(),
        day,
    }
}

async fn all(bench: &Bench) -> Vec<VerifiedRow> {
    bench.ledger.flush().await.unwrap();
    bench.ledger.verified(None, 100).await.unwrap()
}

async fn an_outcome_never_goes_back(bench: Bench) {
    use Outcome::{Failed, Unknown, Verified};
    for (reports, expect) in [
        (&[Failed][..], Failed),
        (&[Failed, Verified], Verified),
        (&[Verified, Failed, Unknown], Verified),
        (&[Unknown], Unknown),
    ] {
        let id = bench.begin(intent(&bench.clock())).await;
        for report in reports {
            bench.ledger.settle_outcome(id, *report);
        }
        let row = bench.read(id).await.unwrap().row;
        assert_eq!(row.outcome, expect, "{reports:?}");
        assert_eq!((row.state, row.updated_ms), (State::Sending, START));
    }
}

async fn an_outcome_of_nothing_is_dropped(bench: Bench) {
    let nothing = DeliveryId::new(&bench.clock());
    bench.ledger.settle_outcome(nothing, Outcome::Verified);
    assert_eq!(bench.read(nothing).await, None);
}

async fn a_trail_comes_with_the_row_or_later(bench: Bench) {
    let mut with = intent(&bench.clock());
    with.delivery.trail = Some(vec![1, 2, 3]);
    let with = bench.begin(with).await;
    let without = bench.begin(intent(&bench.clock())).await;
    let settled = |trail: Option<Vec<u8>>| DeliveryResult {
        trail,
        ..result(State::Accepted, false)
    };
    bench.ledger.settle_delivery(with, settled(None));
    bench
        .ledger
        .settle_delivery(without, settled(Some(vec![4])));
    let trail = async |id| bench.read(id).await.unwrap().row.trail;
    assert_eq!(trail(with).await, Some(vec![1, 2, 3]));
    assert_eq!(trail(without).await, Some(vec![4]));
}

async fn verified_destinations_are_found_page_by_page(bench: Bench) {
    let ledger = &bench.ledger;
    let rows = [5, 1, 4].map(|phone| verified(phone, 10)).to_vec();
    ledger.record_verified(rows).await.unwrap();
    ledger.note_verified(verified(2, 11));
    ledger.note_verified(verified(3, 12));
    ledger.flush().await.unwrap();
    let mut found: Vec<KeyedHash> = Vec::new();
    loop {
        let page = ledger.verified(found.last().copied(), 2).await.unwrap();
        found.extend(page.iter().map(|row| row.phone));
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(found, [1, 2, 3, 4, 5].map(hash));
}

async fn the_latest_day_counts(bench: Bench) {
    for day in [10, 12, 11] {
        bench.ledger.note_verified(verified(1, day));
    }
    assert_eq!(all(&bench).await, [verified(1, 12)]);
    let again = bench
        .ledger
        .record_verified(vec![verified(1, 9), verified(1, 13)]);
    again.await.unwrap();
    assert_eq!(all(&bench).await, [verified(1, 13)]);
}

async fn old_destinations_leave(bench: Bench) {
    let rows = (1..=9).map(|phone| verified(phone, phone.into()));
    bench.ledger.record_verified(rows.collect()).await.unwrap();
    bench.ledger.expire_verified(8).await.unwrap();
    assert_eq!(all(&bench).await, [verified(8, 8), verified(9, 9)]);
    // Rows of deliveries that go take nothing of this along.
    let month = Duration::from_hours(24 * 30);
    bench.pass(month * 2);
    bench.ledger.expire(month, month).await.unwrap();
    assert_eq!(all(&bench).await.len(), 2);
}

async fn the_last_sends_are_found_again(bench: Bench) {
    let clock = bench.clock();
    let long_ago = bench.begin(intent(&clock)).await;
    bench.pass(Duration::from_mins(10));
    let mut sent = Vec::new();
    for state in [
        State::Accepted,
        State::Failed,
        State::Unconfirmed,
        State::Accepted,
    ] {
        bench.pass(Duration::from_secs(1));
        let id = bench.begin(intent(&clock)).await;
        bench.ledger.settle_attempt(first(id), answer(state, "SM1"));
        bench.ledger.settle_delivery(id, result(state, false));
        if state != State::Failed {
            sent.push(id);
        }
    }
    let further = bench.ledger.record_attempt(attempt(sent[0], 2, &clock));
    further.await.unwrap();
    bench.ledger.settle_outcome(sent[1], Outcome::Verified);
    bench.ledger.flush().await.unwrap();
    let found = async |age, most| {
        let rows = bench.ledger.sent(age, most).await.unwrap();
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Duration::from_mins(1), 100).await, sent);
    assert_eq!(found(Duration::from_mins(1), 2).await, sent[1..]);
    assert_eq!(found(Duration::from_hours(1), 100).await[0], long_ago);
    let rows = bench
        .ledger
        .sent(Duration::from_mins(1), 100)
        .await
        .unwrap();
    assert_eq!(rows[1].outcome, Outcome::Verified);
}

#[tokio::test]
async fn many_old_destinations_leave_and_a_file_keeps_the_others() {
    let bench = Bench::sqlite();
    let row = |number: u32| {
        let mut phone = [0; 16];
        phone[..4].copy_from_slice(&number.to_be_bytes());
        VerifiedRow {
            phone: KeyedHash(phone),
            ..verified(0, number % 2)
        }
    };
    let rows = (0..5000).map(row).collect();
    bench.ledger.record_verified(rows).await.unwrap();
    bench.ledger.expire_verified(1).await.unwrap();
    let bench = bench.restart().await;
    let kept = bench.ledger.verified(None, 10_000).await.unwrap();
    assert_eq!(kept.len(), 2500);
    assert!(kept.iter().all(|row| row.day == 1));
}
