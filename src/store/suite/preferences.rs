//! What people prefer: kept under one hash, found under any, and paged through by whoever starts.

use super::{
    bench::{Bench, START, hash},
    questions,
};
use crate::{
    domain::{
        channel::Channel::{Line, Sms, Whatsapp},
        seal::Sealed,
    },
    store::preference::{PreferenceKey, PreferenceRow, Rewrite, Trace},
};

questions! {
    a_preference_is_written_read_and_removed
    any_hash_finds_it_and_the_first_one_keeps_it
    what_it_becomes_depends_on_what_it_was
    one_tenants_people_are_not_anothers
    everybody_is_found_page_by_page
    preferences_do_not_age
}

fn key(users: &[u8]) -> PreferenceKey {
    PreferenceKey {
        tenant: "acme".to_owned(),
        users: users.iter().map(|user| hash(*user)).collect(),
    }
}

fn row() -> PreferenceRow {
    let trace = |by: &str, after| Trace {
        by: by.to_owned(),
        at_ms: START + after,
    };
    PreferenceRow {
        channels: vec![Whatsapp, Sms],
        locale: "ja-JP".to_owned(),
        line_user: Some(Sealed::from_bytes([7; 60])),
        line_user_set: Some(trace("portal", 1)),
        set: trace("billing", 2),
    }
}

fn store(row: PreferenceRow) -> Rewrite {
    Box::new(move |_| Some(row.clone()))
}

fn plain() -> PreferenceRow {
    PreferenceRow {
        channels: Vec::new(),
        locale: String::new(),
        line_user: None,
        line_user_set: None,
        ..row()
    }
}

async fn a_preference_is_written_read_and_removed(bench: Bench) {
    let ledger = &bench.ledger;
    assert_eq!(ledger.preference(key(&[1])).await, Ok(None));
    for row in [row(), plain()] {
        let written = ledger.rewrite_preference(key(&[1]), store(row.clone()));
        assert_eq!(written.await, Ok(true));
        assert_eq!(ledger.preference(key(&[1])).await, Ok(Some(row)));
    }
    for (user, was_there) in [(1, true), (1, false), (2, false)] {
        let removed = ledger.rewrite_preference(key(&[user]), Box::new(|_| None));
        assert_eq!(removed.await, Ok(was_there));
    }
    assert_eq!(ledger.preference(key(&[1])).await, Ok(None));
}

async fn any_hash_finds_it_and_the_first_one_keeps_it(bench: Bench) {
    let ledger = &bench.ledger;
    let old = ledger.rewrite_preference(key(&[1]), store(row()));
    assert_eq!(old.await, Ok(true));
    assert_eq!(ledger.preference(key(&[2, 1])).await, Ok(Some(row())));
    let anew = ledger.rewrite_preference(key(&[2, 1]), store(plain()));
    assert_eq!(anew.await, Ok(true));
    assert_eq!(ledger.preference(key(&[2])).await, Ok(Some(plain())));
    assert_eq!(ledger.preference(key(&[1])).await, Ok(None));
}

async fn what_it_becomes_depends_on_what_it_was(bench: Bench) {
    let ledger = &bench.ledger;
    let first = ledger.rewrite_preference(key(&[1]), store(row())).await;
    assert_eq!(first, Ok(true));
    let change: Rewrite = Box::new(|before| {
        before.map(|row| PreferenceRow {
            channels: vec![Line],
            ..row
        })
    });
    assert_eq!(ledger.rewrite_preference(key(&[1]), change).await, Ok(true));
    let found = ledger.preference(key(&[1])).await.unwrap().unwrap();
    assert_eq!(found.channels, [Line]);
    assert_eq!(found.line_user, row().line_user);
}

async fn one_tenants_people_are_not_anothers(bench: Bench) {
    let ledger = &bench.ledger;
    let ours = ledger.rewrite_preference(key(&[1]), store(row())).await;
    assert_eq!(ours, Ok(true));
    let theirs = PreferenceKey {
        tenant: "umbrella".to_owned(),
        ..key(&[1])
    };
    assert_eq!(ledger.preference(theirs).await, Ok(None));
}

async fn everybody_is_found_page_by_page(bench: Bench) {
    let ledger = &bench.ledger;
    for user in [5, 1, 4, 2, 3] {
        let written = ledger.rewrite_preference(key(&[user]), store(plain()));
        assert_eq!(written.await, Ok(true));
    }
    let mut found = Vec::new();
    loop {
        let above = found.last().copied();
        let page = ledger.people_with_preference(above, 2).await.unwrap();
        found.extend(&page);
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(found, [1, 2, 3, 4, 5].map(hash));
    assert_eq!(ledger.people_with_preference(None, 0).await, Ok(vec![]));
}

async fn preferences_do_not_age(bench: Bench) {
    let written = bench.ledger.rewrite_preference(key(&[1]), store(row()));
    assert_eq!(written.await, Ok(true));
    let month = std::time::Duration::from_hours(24 * 30);
    bench.pass(month * 2);
    bench.ledger.expire(month, month).await.unwrap();
    let found = bench.ledger.preference(key(&[1])).await;
    assert_eq!(found, Ok(Some(row())));
}

#[tokio::test]
async fn a_file_keeps_them_over_a_restart() {
    let bench = Bench::sqlite();
    let written = bench.ledger.rewrite_preference(key(&[1]), store(row()));
    assert_eq!(written.await, Ok(true));
    let bench = bench.restart().await;
    let found = bench.ledger.preference(key(&[1])).await;
    assert_eq!(found, Ok(Some(row())));
}
