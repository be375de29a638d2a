//! The mark, the log, and the plans of the statements that must stay quick.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use rusqlite::Connection;

use super::{Place, quick};
use crate::{
    domain::{delivery::State, id::DeliveryId},
    store::{
        Ledger,
        sqlite::{
            SqliteLedger, checkpoint,
            file::{Database, Location, Role},
            mark,
        },
        suite::bench::{answer, attempt, first, intent, result},
    },
};

/// Sends this many codes, each a millisecond after the one before.
async fn send_many(ledger: &SqliteLedger, place: &Place, count: usize) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for _ in 0..count / 100 {
        let intents: Vec<_> = std::iter::repeat_with(|| {
            place.time.advance(Duration::from_millis(1));
            intent(&place.clock())
        })
        .take(100)
        .collect();
        ids.extend(intents.iter().map(|intent| intent.delivery.id));
        let recorded = join_all(intents.into_iter().map(|intent| ledger.record(intent)));
        assert!(recorded.await.iter().all(Result::is_ok));
        for id in &ids[ids.len() - 100..] {
            ledger.settle_attempt(first(*id), answer(State::Accepted, "SM1"));
            ledger.settle_delivery(*id, result(State::Accepted, false));
        }
    }
    ledger.flush().await.unwrap();
    ids
}

#[tokio::test]
async fn the_mark_follows_what_is_open_and_a_sweep_finds_it_all() {
    let place = Place::new();
    let ledger = place.open(quick());
    let ids = send_many(&ledger, &place, 10_000).await;
    let marked = mark::position(&place.stranger(), mark::OPEN).unwrap();
    assert!(marked > ids[5000], "most rows are below it");

    let open = intent(&place.clock());
    let open_id = open.delivery.id;
    ledger.record(open).await.unwrap();
    send_many(&ledger, &place, 10_000).await;
    assert!(mark::position(&place.stranger(), mark::OPEN).unwrap() <= open_id);

    // The clock jumps back by a day, and an old delivery gets a further attempt.
    let now = place.clock().unix_ms();
    place.time.set_wall(now - 86_400_000);
    let earlier = intent(&place.clock());
    let earlier_id = earlier.delivery.id;
    ledger.record(earlier).await.unwrap();
    assert!(mark::position(&place.stranger(), mark::OPEN).unwrap() <= earlier_id);
    place.time.set_wall(now);
    send_many(&ledger, &place, 3000).await;
    ledger
        .record_attempt(attempt(ids[10], 2, &place.clock()))
        .await
        .unwrap();
    drop(ledger);

    let ledger = place.open(quick());
    assert_eq!(ledger.sweep().await, Ok(2));
    let found = ledger.delivery("acme", ids[10]).await.unwrap().unwrap();
    assert_eq!(found.row.state, State::Accepted);
    assert_eq!(found.attempts[1].result.state, State::Unconfirmed);
    for id in [open_id, earlier_id] {
        let found = ledger.delivery("acme", id).await.unwrap().unwrap();
        assert_eq!(found.row.state, State::Unconfirmed);
    }
    let left: i64 = place
        .stranger()
        .query_row(
            "SELECT (SELECT count(*) FROM deliveries WHERE state = 'sending' OR first_state = 'sending')
                  + (SELECT count(*) FROM attempts WHERE state = 'sending')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn the_log_is_moved_into_the_file_beside_the_writer() {
    let place = Place::new();
    let ledger = place.open(quick());
    send_many(&ledger, &place, 1000).await;
    // A place of its own: the lock of the first one is held.
    let other = place.folder.path().join("other.db");
    let location = Location::claim(&other).unwrap();
    let writer = Database::open(location.clone(), Role::Writer(Duration::ZERO)).unwrap();
    let mut database = Database::open(location, Role::Checkpointer).unwrap();
    let write = "CREATE TABLE IF NOT EXISTS t (v); INSERT INTO t VALUES (zeroblob(100000))";
    writer.connection().execute_batch(write).unwrap();
    let rows = |path: &std::path::Path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        let copy = Connection::open(copy).unwrap();
        copy.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
            .ok()
    };
    assert_eq!(rows(&other), None, "it stands in the log only");
    let size = database.location().log_size();
    checkpoint::checkpoint(&mut database, size).unwrap();
    assert_eq!(rows(&other), Some(1));

    // After a restart of the log the next write begins it anew, so that it does not grow.
    checkpoint::checkpoint(&mut database, checkpoint::RESTART).unwrap();
    writer
        .connection()
        .execute_batch("INSERT INTO t VALUES (1)")
        .unwrap();
    assert_eq!(database.location().log_size(), size);
}

#[tokio::test]
async fn the_plans_are_ranges_of_keys() {
    let place = Place::new();
    let ledger = place.open(quick());
    ledger.flush().await.unwrap();
    let stranger = place.stranger();
    let plan = |sql: &str| -> String {
        let sql = sql.replace("?1", "x'00'").replace("?2", "x'ff'");
        let mut plan = stranger
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let steps = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    let range = "SEARCH deliveries USING PRIMARY KEY (id>?";
    assert_eq!(plan(super::super::read::CLAIMS), format!("{range})"));
    assert_eq!(plan(super::super::read::PAGE), format!("{range} AND id<?)"));
    let expired = plan(super::super::lists::EXPIRED);
    assert!(expired.contains("list_entries_by_end"), "{expired}");
}
