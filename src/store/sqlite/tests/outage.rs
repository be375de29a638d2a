//! The file cannot be written for a while: prompt answers, a bounded spool, and nothing lost afterwards.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::{Place, quick, until};
use crate::{
    clock::Clock,
    domain::{delivery::State, id::DeliveryId},
    store::{
        Ledger, LedgerError,
        record::Intent,
        sqlite::{SqliteLedger, tuning::Tuning},
        suite::bench::{
            answer, attempt, claiming, decision, everything, first, intent, refused, result,
        },
    },
};

fn spooling(clock: &Clock) -> Box<Intent> {
    let mut intent = intent(clock);
    intent.spool = true;
    intent
}

fn assert_away<T: std::fmt::Debug>(answer: &Result<T, LedgerError>) {
    let away = matches!(answer, Err(LedgerError::Unavailable(_)));
    assert!(away, "the ledger is away, but answers {answer:?}");
}

/// Sends a code as dispatch does while the ledger is away: two attempts, the second accepted.
async fn send_regardless(ledger: &SqliteLedger, clock: &Clock) -> DeliveryId {
    let intent = spooling(clock);
    let id = intent.delivery.id;
    assert_away(&ledger.record(intent).await);
    ledger.settle_attempt(first(id), answer(State::Failed, ""));
    let second = attempt(id, 2, clock);
    assert_away(&ledger.record_attempt(second.clone()).await);
    ledger.settle_attempt(second.id, answer(State::Accepted, "SM2"));
    ledger.settle_delivery(id, result(State::Accepted, false));
    id
}

async fn assert_sent(ledger: &SqliteLedger, id: DeliveryId) {
    let found = ledger
        .delivery("acme", id)
        .await
        .unwrap()
        .expect("nothing is lost");
    let attempts = found.attempts.iter().map(|attempt| attempt.result.state);
    assert_eq!(found.row.state, State::Accepted);
    assert!(attempts.eq([State::Failed, State::Accepted]));
}

async fn is_back(ledger: &SqliteLedger) {
    until(async || ledger.flush().await.is_ok()).await;
    assert_eq!(ledger.backlog().spooled, 0);
}

fn hold(place: &Place) -> Connection {
    let stranger = place.stranger();
    stranger.execute_batch("BEGIN EXCLUSIVE").unwrap();
    stranger
}

#[tokio::test]
async fn held_by_another_it_answers_promptly_and_catches_up() {
    let place = Place::new();
    let ledger = place.open(quick());
    let clock = place.clock();
    let before = intent(&clock);
    let settled_while_away = before.delivery.id;
    ledger.record(before).await.unwrap();

    let stranger = hold(&place);
    let unsent = intent(&clock);
    let unsent_id = unsent.delivery.id;
    assert_away(&ledger.record(unsent).await);
    let sent = send_regardless(&ledger, &clock).await;
    ledger.settle_delivery(settled_while_away, result(State::Accepted, false));
    let decided = decision(&clock);
    let refusal = refused(decided.id, &clock);
    let refused_id = refusal.delivery.id;
    ledger.record_refusal(decided.clone(), Some(refusal));
    assert_away(&ledger.flush().await);
    assert_away(&ledger.sweep().await);
    let backlog = ledger.backlog();
    assert_eq!(
        (backlog.spooled, backlog.spooled_total),
        (3, 3),
        "delivery, attempt, refusal"
    );

    stranger.execute_batch("COMMIT").unwrap();
    is_back(&ledger).await;
    assert_sent(&ledger, sent).await;
    let earlier = ledger
        .delivery("acme", settled_while_away)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(earlier.row.state, State::Accepted);
    assert!(ledger.delivery("acme", refused_id).await.unwrap().is_some());
    assert_eq!(ledger.decision("acme", decided.id).await, Ok(Some(decided)));
    assert_eq!(
        ledger.delivery("acme", unsent_id).await,
        Ok(None),
        "nobody sent it"
    );
    assert_eq!(ledger.backlog().dropped_total, 0);
    ledger.record(intent(&clock)).await.unwrap();
}

#[tokio::test]
async fn on_a_full_disk_it_keeps_what_was_sent_until_there_is_room() {
    let place = Place::new();
    let ledger = place.open(Tuning {
        spool: 1000,
        ..quick()
    });
    let clock = place.clock();
    let stranger = place.stranger();
    stranger
        .execute_batch(
            "CREATE TABLE ballast (weight BLOB);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
             INSERT INTO ballast SELECT zeroblob(4000) FROM n",
        )
        .unwrap();
    let full = ledger.upkeep(Box::new(|to, _| {
        let pages: i64 = to.pragma_query_value(None, "page_count", |row| row.get(0))?;
        to.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        Ok(0)
    }));
    full.await.unwrap();

    let mut written = Vec::new();
    let cause = loop {
        let next = spooling(&clock);
        let id = next.delivery.id;
        written.push(id);
        if let Err(cause) = ledger.record(next).await {
            break cause;
        }
        assert!(written.len() < 5000, "the disk never gets full");
    };
    assert!(cause.to_string().contains("full"), "{cause}");
    until(async || ledger.backlog().spooled == 1).await;

    stranger.execute_batch("DELETE FROM ballast").unwrap();
    is_back(&ledger).await;
    let page = ledger.deliveries(everything(9999)).await.unwrap();
    assert_eq!(page.deliveries.len(), written.len());
    assert_eq!(ledger.backlog().dropped_total, 0);
}

#[tokio::test]
async fn a_file_that_is_gone_takes_no_rows_and_is_found_again() {
    let place = Place::new();
    let ledger = place.open(quick());
    let clock = place.clock();
    ledger.record(intent(&clock)).await.unwrap();
    let aside = place.folder.path().join("aside.db");
    fs::rename(place.path(), &aside).unwrap();
    let sent = send_regardless(&ledger, &clock).await;
    fs::create_dir(place.path()).unwrap();
    let also_sent = send_regardless(&ledger, &clock).await;
    assert_away(&ledger.delivery("acme", sent).await);

    fs::remove_dir(place.path()).unwrap();
    fs::rename(&aside, place.path()).unwrap();
    is_back(&ledger).await;
    assert_sent(&ledger, sent).await;
    assert_sent(&ledger, also_sent).await;
}

#[tokio::test]
async fn a_file_put_in_its_place_is_used() {
    let place = Place::new();
    let ledger = place.open(quick());
    let clock = place.clock();
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(with_suffix(&place.path(), suffix)).unwrap();
    }
    let sent = send_regardless(&ledger, &clock).await;
    fs::write(place.path(), "").unwrap();
    is_back(&ledger).await;
    assert_sent(&ledger, sent).await;
}

fn with_suffix(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(suffix);
    path.into()
}

#[tokio::test]
async fn the_spool_is_bounded_and_counts_what_it_drops() {
    let place = Place::new();
    let ledger = place.open(Tuning {
        spool: 10,
        ..quick()
    });
    let clock = place.clock();
    let stranger = hold(&place);
    let mut ids = Vec::new();
    for _ in 0..25 {
        let intent = spooling(&clock);
        ids.push(intent.delivery.id);
        assert_away(&ledger.record(intent).await);
    }
    let backlog = ledger.backlog();
    assert_eq!(
        (
            backlog.spooled,
            backlog.spooled_total,
            backlog.dropped_total
        ),
        (10, 10, 15)
    );
    for id in &ids {
        ledger.settle_delivery(*id, result(State::Accepted, false));
    }
    stranger.execute_batch("COMMIT").unwrap();
    is_back(&ledger).await;
    let page = ledger.deliveries(everything(100)).await.unwrap();
    let mut found: Vec<_> = page
        .deliveries
        .iter()
        .map(|d| (d.row.id, d.row.state))
        .collect();
    found.sort_by_key(|(id, _)| *id);
    let first_ten: Vec<_> = ids[..10].iter().map(|id| (*id, State::Accepted)).collect();
    assert_eq!(
        found, first_ten,
        "the first ten are kept, with their results"
    );
    let backlog = ledger.backlog();
    assert_eq!(
        (
            backlog.spooled,
            backlog.spooled_total,
            backlog.dropped_total
        ),
        (0, 10, 15)
    );
}

#[tokio::test]
async fn attempts_are_not_kept_where_nothing_is_sent_without_them() {
    let place = Place::new();
    let ledger = place.open(Tuning {
        spool_attempts: false,
        ..quick()
    });
    let clock = place.clock();
    let known = intent(&clock);
    let id = known.delivery.id;
    ledger.record(known).await.unwrap();
    let stranger = hold(&place);
    assert_away(&ledger.record_attempt(attempt(id, 2, &clock)).await);
    stranger.execute_batch("COMMIT").unwrap();
    is_back(&ledger).await;
    let found = ledger.delivery("acme", id).await.unwrap().unwrap();
    assert_eq!(found.attempts.len(), 1);
}

#[tokio::test]
async fn what_was_sent_is_written_even_if_its_claim_is_held() {
    let place = Place::new();
    let ledger = place.open(quick());
    let clock = place.clock();
    ledger.record(claiming(1, &clock)).await.unwrap();
    let stranger = hold(&place);
    let mut twin = claiming(1, &clock);
    twin.spool = true;
    let id = twin.delivery.id;
    assert_away(&ledger.record(twin).await);
    stranger.execute_batch("COMMIT").unwrap();
    is_back(&ledger).await;
    let found = ledger.delivery("acme", id).await.unwrap().unwrap();
    assert_eq!(found.attempts.len(), 1);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_ledger_that_is_away() {
    let place = Place::new();
    let ledger = place.open(quick());
    let _stranger = hold(&place);
    send_regardless(&ledger, &place.clock()).await;
    ledger.close().await;
    let backlog = ledger.backlog();
    assert_eq!(backlog.spooled, 0);
    // A delivery, a further attempt, and their three results.
    assert_eq!(backlog.dropped_total, 5);
}
