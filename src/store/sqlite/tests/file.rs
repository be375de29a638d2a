//! The file: its owner, its permissions, and what is in it after a restart.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{Place, quick};
use crate::{
    domain::delivery::State,
    lanes::Lanes,
    store::{
        Ledger, LedgerError, Recorded,
        open::OpenError,
        suite::bench::{Bench, answer, claiming, everything, first, intent, result},
    },
};

#[tokio::test]
async fn rows_and_claims_outlive_the_process() {
    let bench = Bench::sqlite();
    let clock = bench.clock();
    let kept = bench.begin(claiming(1, &clock)).await;
    bench
        .ledger
        .settle_attempt(first(kept), answer(State::Accepted, "SM1"));
    bench
        .ledger
        .settle_delivery(kept, result(State::Accepted, false));
    let before = bench.read(kept).await;

    let bench = bench.restart().await;
    assert_eq!(bench.ledger.sweep().await, Ok(0));
    assert_eq!(bench.read(kept).await, before);
    let claims = bench
        .ledger
        .claims(std::time::Duration::from_mins(15))
        .await
        .unwrap();
    assert_eq!((claims.len(), Some(claims[0].record.clone())), (1, before));
    let again = bench.ledger.record(claiming(1, &clock)).await;
    assert_eq!(again, Ok(Recorded::ClaimedBy(kept)));
}

#[tokio::test]
async fn what_was_open_is_unconfirmed_after_a_restart() {
    let bench = Bench::sqlite();
    let open = bench.begin(claiming(1, &bench.clock())).await;
    let bench = bench.restart().await;
    assert_eq!(bench.states(open).await.0, State::Sending);
    assert_eq!(bench.ledger.sweep().await, Ok(1));
    assert_eq!(
        bench.states(open).await,
        (State::Unconfirmed, vec![State::Unconfirmed])
    );
    let again = bench.ledger.record(claiming(1, &bench.clock())).await;
    assert_eq!(again, Ok(Recorded::ClaimedBy(open)));
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let place = Place::new();
    let ledger = place.open(quick());
    let intent = claiming(1, &place.clock());
    let id = intent.delivery.id;
    ledger.record(intent).await.unwrap();
    // What a process leaves behind that is killed now: the file and its log, neither closed nor tidied.
    let after = Place::new();
    for suffix in ["", "-wal"] {
        let name = format!("ledger.db{suffix}");
        fs::copy(
            place.folder.path().join(&name),
            after.folder.path().join(name),
        )
        .unwrap();
    }
    let ledger = after.open(quick());
    assert_eq!(ledger.sweep().await, Ok(1));
    let found = ledger.delivery("acme", id).await.unwrap().unwrap();
    assert_eq!(found.row.state, State::Unconfirmed);
    let again = ledger.record(claiming(1, &place.clock())).await;
    assert_eq!(again, Ok(Recorded::ClaimedBy(id)));
}

#[tokio::test]
async fn closing_and_dropping_write_what_was_told() {
    let place = Place::new();
    for close in [true, false] {
        let ledger = place.open(quick());
        let intent = intent(&place.clock());
        let id = intent.delivery.id;
        ledger.record(intent).await.unwrap();
        ledger.settle_delivery(id, result(State::Accepted, false));
        if close {
            ledger.close().await;
            assert!(matches!(
                ledger.flush().await,
                Err(LedgerError::Unavailable(_))
            ));
            let read = ledger.deliveries(everything(1)).await;
            assert!(matches!(read, Err(LedgerError::Unavailable(_))));
            ledger.settle_delivery(id, result(State::Delivered, false));
            assert_eq!(ledger.backlog().dropped_total, 1);
        }
        drop(ledger);
        let mut log = place.path().into_os_string();
        log.push("-wal");
        assert!(!fs::exists(log).unwrap(), "the log was moved into the file");
        let ledger = place.open(quick());
        let found = ledger.delivery("acme", id).await.unwrap().unwrap();
        assert_eq!(found.row.state, State::Accepted);
    }
}

#[tokio::test]
async fn a_second_owner_is_refused_by_any_name_of_the_file() {
    let place = Place::new();
    let owner = place.open(quick());
    let refused = place.try_open(quick()).err().expect("it is in use");
    assert!(matches!(refused, OpenError::InUse(_)));
    assert!(
        refused
            .to_string()
            .contains("ledger.db is in use by another process")
    );
    let alias = place.folder.path().join("alias.db");
    std::os::unix::fs::symlink(place.path(), &alias).unwrap();
    let by_alias =
        super::SqliteLedger::open_tuned(&alias, quick(), Lanes::default(), place.clock());
    assert!(matches!(by_alias.err(), Some(OpenError::InUse(_))));
    // The refusal did not disturb the owner.
    owner.record(intent(&place.clock())).await.unwrap();
    owner.close().await;
    place.open(quick()).flush().await.unwrap();
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let ledger = place.open(quick());
    ledger.record(intent(&place.clock())).await.unwrap();
    let files = fs::read_dir(place.folder.path()).unwrap();
    let mut modes: Vec<_> = files
        .map(Result::unwrap)
        .map(|file| {
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            (file.file_name().into_string().unwrap(), mode)
        })
        .collect();
    modes.sort();
    let names = [
        "ledger.db",
        "ledger.db-shm",
        "ledger.db-wal",
        "ledger.db.lock",
    ];
    assert_eq!(modes, names.map(|name| (name.to_owned(), 0o600)));
}

#[tokio::test]
async fn a_word_of_a_newer_version_is_an_error_and_no_panic() {
    let place = Place::new();
    let ledger = place.open(quick());
    let intent = claiming(1, &place.clock());
    let id = intent.delivery.id;
    ledger.record(intent).await.unwrap();
    for (column, prefix) in [("family", ""), ("channel", "first_")] {
        let sql = format!("UPDATE deliveries SET {prefix}{column} = 'telepathy'");
        place.stranger().execute(&sql, []).unwrap();
        let expect = LedgerError::Corrupt(format!("column {column}"));
        assert_eq!(ledger.delivery("acme", id).await, Err(expect.clone()));
        assert_eq!(ledger.deliveries(everything(1)).await, Err(expect.clone()));
        let quarter = std::time::Duration::from_mins(15);
        assert_eq!(ledger.claims(quarter).await, Err(expect));
        let known = if column == "family" { "voice" } else { "sms" };
        let back = format!("UPDATE deliveries SET {prefix}{column} = '{known}'");
        place.stranger().execute(&back, []).unwrap();
        ledger.delivery("acme", id).await.unwrap();
    }
}

#[tokio::test]
async fn first_attempts_of_an_earlier_version_are_found_and_settled() {
    let place = Place::new();
    let ledger = place.open(quick());
    let (sent, open) = (intent(&place.clock()), intent(&place.clock()));
    for intent in [&sent, &open] {
        ledger.record(intent.clone()).await.unwrap();
    }
    // Each attempt had a row of its own.
    let sql = "INSERT INTO attempts SELECT id, 1, first_channel, first_provider, first_state, '', '', '', first_started_ms, 0 FROM deliveries;
         UPDATE deliveries SET first_channel = NULL, first_provider = '', first_state = NULL, first_started_ms = 0";
    place.stranger().execute_batch(sql).unwrap();
    let (id, attempt) = (sent.delivery.id, sent.attempt.unwrap());
    let found = ledger.delivery("acme", id).await.unwrap().unwrap();
    assert_eq!(found.attempts, [attempt]);
    ledger.settle_attempt(first(id), answer(State::Accepted, "SM1"));
    ledger.settle_delivery(id, result(State::Accepted, false));
    ledger.flush().await.unwrap();
    let found = ledger.delivery("acme", id).await.unwrap().unwrap();
    assert_eq!(found.row.state, State::Accepted);
    assert_eq!(found.attempts[0].result.message_id, "SM1");
    assert_eq!(ledger.sweep().await, Ok(1));
    let found = ledger.delivery("acme", open.delivery.id).await;
    let found = found.unwrap().unwrap();
    assert_eq!(found.row.state, State::Unconfirmed);
    assert_eq!(found.attempts[0].result.state, State::Unconfirmed);
}
