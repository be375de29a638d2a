//! What the guard must not forget: lists with the trace of every change, values of its own, and decisions by the page.

use std::time::Duration;

use super::{
    bench::{Bench, START, decision, hash},
    questions,
};
use crate::{
    domain::{
        id::{DecisionId, ListChangeId, ListEntryId},
        listed::{Effect, ListEntry, Target, Tenants},
    },
    store::{
        counter::Counter,
        list::{Action, ChangeFilter, ListChange},
        record::{DecisionFilter, DecisionRow},
    },
};

questions! {
    every_kind_of_entry_is_kept_as_it_was_set
    a_target_stands_on_a_tenants_lists_once
    what_is_removed_leaves_its_trace_and_what_is_not_there_does_not
    changes_are_told_to_those_whom_they_concern
    entries_are_read_page_by_page
    what_has_expired_goes_and_its_trace_stays
    values_are_kept_in_place_of_older_ones
    values_that_nobody_touches_go
    decisions_are_paged_newest_first
    a_page_of_decisions_keeps_to_its_filter
}

const DAY: Duration = Duration::from_hours(24);

fn number(byte: u8) -> Target {
    Target::Number {
        hash: hash(byte),
        masked: "+1********67".to_owned(),
    }
}

fn entry(bench: &Bench, target: Target) -> ListEntry {
    ListEntry {
        id: ListEntryId::new(&bench.clock()),
        effect: Effect::Block,
        tenants: Tenants::One("acme".to_owned()),
        target,
        expires_ms: None,
        author: "operator".to_owned(),
        reason: "pumping".to_owned(),
        created_ms: START,
    }
}

fn change(bench: &Bench, action: Action, entry: &ListEntry) -> ListChange {
    ListChange {
        id: ListChangeId::new(&bench.clock()),
        action,
        entry: entry.clone(),
        by: "night-shift".to_owned(),
        at_ms: START + 7,
    }
}

/// Makes changes; says for how many there was something to do.
async fn apply(bench: &Bench, action: Action, entries: &[ListEntry]) -> u64 {
    let changes = entries.iter().map(|entry| change(bench, action, entry));
    let changes = bench.ledger.change_lists(changes.collect()).await;
    changes.unwrap()
}

async fn standing(bench: &Bench) -> Vec<ListEntry> {
    bench.ledger.list_entries(None, 100).await.unwrap()
}

async fn all_changes(bench: &Bench) -> Vec<ListChange> {
    let all = ChangeFilter {
        limit: 100,
        ..ChangeFilter::default()
    };
    bench.ledger.list_changes(all).await.unwrap().changes
}

async fn every_kind_of_entry_is_kept_as_it_was_set(bench: Bench) {
    let mut entries = Vec::new();
    let targets = [
        number(1),
        Target::Prefix("44740012".to_owned()),
        Target::User { hash: hash(2) },
        Target::Network("203.0.113.0/24".parse().unwrap()),
        Target::Network("2001:db8::/64".parse().unwrap()),
    ];
    for target in targets {
        bench.pass(Duration::from_millis(1));
        entries.push(entry(&bench, target));
    }
    entries[0].tenants = Tenants::All;
    entries[1].effect = Effect::Allow;
    entries[2].expires_ms = Some(START + 1_000_000);
    assert_eq!(apply(&bench, Action::Set, &entries).await, 5);
    assert_eq!(standing(&bench).await, entries);
    let changes = all_changes(&bench).await;
    assert_eq!(changes.len(), 5);
    assert!(changes.iter().all(|change| change.action == Action::Set));
    assert!(changes.iter().all(|change| change.by == "night-shift"));
    for entry in &entries {
        assert!(changes.iter().any(|change| change.entry == *entry));
    }
}

async fn a_target_stands_on_a_tenants_lists_once(bench: Bench) {
    let first = entry(&bench, number(1));
    assert_eq!(apply(&bench, Action::Set, &[first]).await, 1);
    bench.pass(Duration::from_millis(1));
    let mut second = entry(&bench, number(1));
    second.effect = Effect::Allow;
    let mut elsewhere = entry(&bench, number(1));
    elsewhere.tenants = Tenants::All;
    let now = [second, elsewhere];
    assert_eq!(apply(&bench, Action::Set, &now).await, 2);
    let mut found = standing(&bench).await;
    found.sort_by_key(|entry| entry.effect == Effect::Block);
    assert_eq!(found, now);
    let changes = all_changes(&bench).await;
    assert_eq!(changes.len(), 3, "what was replaced is still told of");
}

async fn what_is_removed_leaves_its_trace_and_what_is_not_there_does_not(bench: Bench) {
    let entry = entry(&bench, number(1));
    apply(&bench, Action::Set, std::slice::from_ref(&entry)).await;
    for (time, done) in [(1, 1), (2, 0)] {
        bench.pass(Duration::from_millis(time));
        let removed = apply(&bench, Action::Remove, std::slice::from_ref(&entry)).await;
        assert_eq!(removed, done);
    }
    assert_eq!(standing(&bench).await, []);
    let changes = all_changes(&bench).await;
    let actions: Vec<_> = changes.iter().map(|change| change.action).collect();
    assert_eq!(actions, [Action::Remove, Action::Set]);
    assert_eq!(changes[0].entry, entry);
    assert_eq!(changes[0].at_ms, START + 7);
}

async fn changes_are_told_to_those_whom_they_concern(bench: Bench) {
    let names = ["acme", "umbrella", "*"];
    for (index, name) in names.into_iter().enumerate() {
        bench.pass(Duration::from_millis(1));
        let mut entry = entry(&bench, number(u8::try_from(index).unwrap()));
        entry.tenants = match name {
            "*" => Tenants::All,
            name => Tenants::One(name.to_owned()),
        };
        apply(&bench, Action::Set, &[entry]).await;
    }
    let told = async |tenants: Option<&str>, below, limit| {
        let filter = ChangeFilter {
            tenants: tenants.map(|name| vec![name.to_owned()]),
            below,
            limit,
        };
        bench.ledger.list_changes(filter).await.unwrap()
    };
    assert_eq!(told(None, None, 10).await.changes.len(), 3);
    let acme = told(Some("acme"), None, 10).await;
    assert_eq!(acme.next, None);
    let acme = acme.changes;
    let whose: Vec<_> = acme.iter().map(|one| one.entry.tenants.clone()).collect();
    assert_eq!(whose, [Tenants::All, Tenants::One("acme".to_owned())]);
    let first = told(Some("acme"), None, 1).await;
    assert_eq!(first.changes, acme[..1]);
    assert_eq!(first.next, Some(acme[0].id));
    let rest = told(Some("acme"), first.next, 10).await;
    assert_eq!((&*rest.changes, rest.next), (&acme[1..], None));
}

async fn entries_are_read_page_by_page(bench: Bench) {
    let mut entries = Vec::new();
    for byte in 0..5 {
        bench.pass(Duration::from_millis(1));
        entries.push(entry(&bench, number(byte)));
    }
    apply(&bench, Action::Set, &entries).await;
    let mut found: Vec<ListEntry> = Vec::new();
    loop {
        let above = found.last().map(|entry| entry.id);
        let page = bench.ledger.list_entries(above, 2).await.unwrap();
        found.extend(page.iter().cloned());
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(found, entries);
}

async fn what_has_expired_goes_and_its_trace_stays(bench: Bench) {
    let mut short = entry(&bench, number(1));
    short.expires_ms = Some(START + 60_000);
    let lasting = entry(&bench, number(2));
    apply(&bench, Action::Set, &[short, lasting.clone()]).await;
    bench.pass(Duration::from_millis(59_999));
    bench.ledger.expire(DAY, DAY).await.unwrap();
    assert_eq!(standing(&bench).await.len(), 2);
    bench.pass(Duration::from_millis(1));
    bench.ledger.expire(DAY, DAY).await.unwrap();
    assert_eq!(standing(&bench).await, [lasting]);
    let changes = all_changes(&bench).await;
    assert_eq!(changes.len(), 2);
}

fn counter(byte: u8, value: &[u8]) -> Counter {
    Counter {
        key: [byte; 16],
        value: value.to_vec(),
    }
}

async fn values_are_kept_in_place_of_older_ones(bench: Bench) {
    let ledger = &bench.ledger;
    let all = [counter(3, b"c"), counter(1, b"a"), counter(2, b"b")];
    ledger.keep_counters(all.to_vec()).await.unwrap();
    let anew = vec![counter(2, b"other"), counter(3, b"")];
    ledger.keep_counters(anew).await.unwrap();
    let first = ledger.counters(None, 1).await.unwrap();
    assert_eq!(first, [counter(1, b"a")]);
    let rest = ledger.counters(Some([1; 16]), 9).await.unwrap();
    assert_eq!(
        rest,
        [counter(2, b"other")],
        "an empty value takes its key away"
    );
}

async fn values_that_nobody_touches_go(bench: Bench) {
    let ledger = &bench.ledger;
    let both = vec![counter(1, b"a"), counter(2, b"b")];
    ledger.keep_counters(both).await.unwrap();
    bench.pass(DAY * 15);
    ledger.keep_counters(vec![counter(2, b"b")]).await.unwrap();
    ledger.expire(DAY, DAY).await.unwrap();
    assert_eq!(ledger.counters(None, 9).await.unwrap().len(), 2);
    bench.pass(DAY * 2);
    ledger.expire(DAY, DAY).await.unwrap();
    assert_eq!(ledger.counters(None, 9).await.unwrap(), [counter(2, b"b")]);
}

fn filter(limit: usize) -> DecisionFilter {
    DecisionFilter {
        tenant: "acme".to_owned(),
        rule: None,
        after_ms: None,
        before_ms: None,
        below: None,
        limit,
    }
}

/// Decisions of `acme` a second apart, oldest first.
async fn decided(bench: &Bench, count: usize) -> Vec<DecisionRow> {
    let mut made = Vec::new();
    for _ in 0..count {
        bench.pass(Duration::from_secs(1));
        let row = decision(&bench.clock());
        bench.ledger.record_refusal(row.clone(), None);
        made.push(row);
    }
    bench.ledger.flush().await.unwrap();
    made
}

async fn decisions_are_paged_newest_first(bench: Bench) {
    let mut made = decided(&bench, 5).await;
    let theirs = DecisionRow {
        tenant: "umbrella".to_owned(),
        id: DecisionId::new(&bench.clock()),
        ..made[0].clone()
    };
    bench.ledger.record_refusal(theirs, None);
    bench.ledger.flush().await.unwrap();
    made.reverse();
    let mut found = Vec::new();
    let mut below = None;
    loop {
        let asked = DecisionFilter { below, ..filter(2) };
        let page = bench.ledger.decisions(asked).await.unwrap();
        assert!(page.decisions.len() <= 2);
        found.extend(page.decisions);
        below = page.next;
        if below.is_none() {
            break;
        }
    }
    assert_eq!(found, made);
}

async fn a_page_of_decisions_keeps_to_its_filter(bench: Bench) {
    let made = decided(&bench, 4).await;
    bench.pass(Duration::from_secs(1));
    let deflected = DecisionRow {
        rule: "range_10k".to_owned(),
        deflected: true,
        until_ms: Some(START + 90_000),
        ..decision(&bench.clock())
    };
    bench.ledger.record_refusal(deflected.clone(), None);
    bench.ledger.flush().await.unwrap();
    let of_rule = DecisionFilter {
        rule: Some("range_10k".to_owned()),
        ..filter(10)
    };
    let page = bench.ledger.decisions(of_rule).await.unwrap();
    assert_eq!(page.decisions, [deflected]);
    let between = DecisionFilter {
        after_ms: Some(made[1].created_ms),
        before_ms: Some(made[3].created_ms),
        ..filter(10)
    };
    let page = bench.ledger.decisions(between).await.unwrap();
    assert_eq!(page.decisions, [made[2].clone(), made[1].clone()]);
    let none = DecisionFilter {
        after_ms: Some(made[3].created_ms),
        before_ms: Some(made[0].created_ms),
        ..filter(10)
    };
    assert_eq!(bench.ledger.decisions(none).await.unwrap().decisions, []);
}

/// The reader has others to serve: a page of a file that is full of other tenants' changes ends before it has any.
#[tokio::test]
async fn a_page_of_changes_looks_at_so_many_and_says_where_to_go_on() {
    let bench = Bench::sqlite();
    let ours = entry(&bench, number(1));
    apply(&bench, Action::Set, std::slice::from_ref(&ours)).await;
    let mut theirs = entry(&bench, number(2));
    theirs.tenants = Tenants::One("umbrella".to_owned());
    let mut flood = Vec::new();
    for _ in 0..20_500 {
        bench.pass(Duration::from_millis(1));
        flood.push(change(&bench, Action::Set, &theirs));
    }
    bench.ledger.change_lists(flood).await.unwrap();
    let mut filter = ChangeFilter {
        tenants: Some(vec!["acme".to_owned()]),
        below: None,
        limit: 10,
    };
    let page = bench.ledger.list_changes(filter.clone()).await.unwrap();
    assert_eq!(page.changes, []);
    assert!(page.next.is_some());
    filter.below = page.next;
    let page = bench.ledger.list_changes(filter).await.unwrap();
    assert_eq!(page.changes.len(), 1);
    assert_eq!((&page.changes[0].entry, page.next), (&ours, None));
}

#[tokio::test]
async fn a_file_keeps_lists_and_values_over_a_restart() {
    let bench = Bench::sqlite();
    let entry = entry(&bench, number(1));
    apply(&bench, Action::Set, std::slice::from_ref(&entry)).await;
    let kept = vec![counter(1, b"a")];
    bench.ledger.keep_counters(kept.clone()).await.unwrap();
    let bench = bench.restart().await;
    assert_eq!(standing(&bench).await, [entry]);
    assert_eq!(bench.ledger.counters(None, 9).await, Ok(kept));
    let changes = all_changes(&bench).await;
    assert_eq!(changes.len(), 1);
}
