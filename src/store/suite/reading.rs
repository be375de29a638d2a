//! What is read: filters, pages, and other tenants' rows.

use std::time::Duration;

use super::{
    bench::{Bench, START, answer, everything, first, hash, intent, result},
    questions,
};
use crate::{
    domain::{delivery::State, id::DeliveryId},
    store::record::Filter,
};

questions! {
    another_tenants_delivery_does_not_exist
    conditions_add_up
    pages_follow_each_other_newest_first
    a_page_that_finds_nothing_goes_on_without_naming_a_foreign_row
    an_empty_ledger_has_one_empty_page
}

async fn another_tenants_delivery_does_not_exist(bench: Bench) {
    let id = bench.begin(intent(&bench.clock())).await;
    assert_eq!(bench.ledger.delivery("umbrella", id).await, Ok(None));
    let theirs = Filter {
        tenant: "umbrella".to_owned(),
        ..everything(10)
    };
    let page = bench.ledger.deliveries(theirs).await.unwrap();
    assert!(page.deliveries.is_empty());
    assert!(bench.read(id).await.is_some());
}

async fn conditions_add_up(bench: Bench) {
    let first_id = bench.begin(intent(&bench.clock())).await;
    bench.pass(Duration::from_mins(1));
    let mut other = intent(&bench.clock());
    other.delivery.reference = "req-2".to_owned();
    other.delivery.phone = hash(40);
    other.delivery.user = None;
    let second = bench.begin(other).await;
    bench
        .ledger
        .settle_attempt(first(second), answer(State::Accepted, "SM1"));
    bench
        .ledger
        .settle_delivery(second, result(State::Accepted, false));
    bench.ledger.flush().await.unwrap();

    let found = async |change: &dyn Fn(&mut Filter)| {
        let mut filter = everything(10);
        change(&mut filter);
        let page = bench.ledger.deliveries(filter).await.unwrap();
        assert_eq!(page.next, None);
        ids(
            &page.deliveries.iter().map(|d| d.row.id).collect::<Vec<_>>(),
            first_id,
            second,
        )
    };
    assert_eq!(found(&|_| ()).await, "21");
    assert_eq!(
        found(&|f| f.reference = Some("req-2".to_owned())).await,
        "2"
    );
    assert_eq!(
        found(&|f| f.phone = Some(vec![hash(99), hash(1)])).await,
        "1"
    );
    assert_eq!(found(&|f| f.phone = Some(vec![])).await, "");
    assert_eq!(found(&|f| f.user = Some(vec![hash(2)])).await, "1");
    assert_eq!(found(&|f| f.states = vec![State::Accepted]).await, "2");
    assert_eq!(
        found(&|f| f.states = vec![State::Sending, State::Accepted]).await,
        "21"
    );
    assert_eq!(found(&|f| f.after_ms = Some(START)).await, "21");
    assert_eq!(found(&|f| f.after_ms = Some(START + 1)).await, "2");
    assert_eq!(found(&|f| f.before_ms = Some(START + 60_000)).await, "1");
    assert_eq!(found(&|f| f.before_ms = Some(START)).await, "");
    assert_eq!(found(&|f| f.below = Some(second)).await, "1");
    assert_eq!(
        found(&|f| (f.after_ms, f.before_ms) = (Some(START + 9), Some(START))).await,
        ""
    );
    let both = |f: &mut Filter| {
        f.phone = Some(vec![hash(40)]);
        f.states = vec![State::Sending];
    };
    assert_eq!(found(&both).await, "");
}

/// Which of the two, in their order.
fn ids(found: &[DeliveryId], one: DeliveryId, two: DeliveryId) -> String {
    let name = |id: &DeliveryId| match *id {
        id if id == one => "1",
        id if id == two => "2",
        _ => "?",
    };
    found.iter().map(name).collect()
}

async fn pages_follow_each_other_newest_first(bench: Bench) {
    let mut made = Vec::new();
    for _ in 0..10 {
        bench.pass(Duration::from_millis(3));
        made.push(bench.begin(intent(&bench.clock())).await);
    }
    made.reverse();
    let mut filter = everything(4);
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = bench.ledger.deliveries(filter.clone()).await.unwrap();
        sizes.push(page.deliveries.len());
        seen.extend(page.deliveries.iter().map(|delivery| delivery.row.id));
        filter.below = page.next;
        if filter.below.is_none() {
            break;
        }
    }
    assert_eq!((seen, sizes), (made, vec![4, 4, 2]));
    let whole = bench.ledger.deliveries(everything(10)).await.unwrap();
    assert_eq!((whole.deliveries.len(), whole.next), (10, None));
}

async fn a_page_that_finds_nothing_goes_on_without_naming_a_foreign_row(bench: Bench) {
    let ours = bench.begin(intent(&bench.clock())).await;
    bench.pass(Duration::from_millis(1));
    let mut writes = Vec::new();
    let foreign: Vec<_> = (0..21_000)
        .map(|n| {
            if n % 100 == 0 {
                bench.pass(Duration::from_millis(1));
            }
            let mut intent = intent(&bench.clock());
            intent.delivery.tenant = "umbrella".to_owned();
            intent
        })
        .collect();
    let known: Vec<_> = foreign.iter().map(|intent| intent.delivery.id).collect();
    for intent in foreign {
        writes.push(bench.ledger.record(intent));
        if writes.len() == 1000 {
            futures_util::future::join_all(writes.drain(..)).await;
        }
    }
    let begun = bench.ledger.deliveries(everything(10)).await.unwrap();
    assert!(begun.deliveries.is_empty());
    let next = begun.next.expect("the scan has an end");
    assert!(!known.contains(&next));
    let mut filter = everything(10);
    filter.below = Some(next);
    let page = bench.ledger.deliveries(filter).await.unwrap();
    let found: Vec<_> = page.deliveries.iter().map(|d| d.row.id).collect();
    assert_eq!((found, page.next), (vec![ours], None));
}

async fn an_empty_ledger_has_one_empty_page(bench: Bench) {
    let page = bench.ledger.deliveries(everything(10)).await.unwrap();
    assert!(page.deliveries.is_empty() && page.next.is_none());
    bench.begin(intent(&bench.clock())).await;
    let nothing = bench.ledger.deliveries(everything(0)).await.unwrap();
    assert!(nothing.deliveries.is_empty() && nothing.next.is_none());
}
