//! The guard's lists: what is asked for, what the ledger keeps and what is met are the same, under any key.

use super::house::{House, Plan, TENANT, reason};
use crate::{
    clock::Clock,
    dispatch::{
        lists::{Named, Wish},
        request::Request,
        standing::Whose,
    },
    domain::{
        id::ListChangeId,
        listed::{Effect, ListEntry, Tenants},
        phone::PhoneNumber,
        privacy::Private,
    },
    error::Reason,
    store::{
        Ledger,
        list::{Action, ListChange},
    },
};

use super::scripted::Act;

const ACCEPT: &[(&str, &[Act])] = &[("texts", &[Act::Accept, Act::Accept])];
const PHONE: &str = "+14155550123";

fn number(text: &str) -> Named {
    Named::Number(PhoneNumber::parse(text).expect("a number"))
}

async fn set(house: &House, effect: Effect, targets: Vec<Named>) -> Vec<ListEntry> {
    let wish = Wish {
        effect,
        tenants: vec![Tenants::One(TENANT.to_owned())],
        targets,
        expires_ms: None,
        reason: "a test".to_owned(),
    };
    let set = house.dispatcher.lists().set(wish, "operator").await;
    set.expect("the ledger is there")
}

async fn remove(house: &House, entries: Vec<ListEntry>) -> Vec<ListEntry> {
    let removed = house.dispatcher.lists().remove(entries, "operator").await;
    removed.expect("the ledger is there")
}

/// What stands on the lists, which is what the ledger keeps.
async fn standing(house: &House) -> Vec<ListEntry> {
    let kept = house.ledger.list_entries(None, 100).await;
    let kept = kept.expect("the ledger is there");
    assert_eq!(kept, **house.dispatcher.lists().entries());
    kept
}

/// Another process on the same ledger.
async fn restarted(plan: &Plan) -> House {
    let house = House::build(plan);
    let read = house.dispatcher.lists().refresh().await;
    read.expect("the ledger is there");
    house
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_named_twice_stands_there_once() {
    let house = House::sms(ACCEPT);
    let targets = vec![
        number("+5491123456789"),
        number("+54 11 2345 6789"),
        Named::Prefix("5491187".to_owned()),
        Named::Prefix("541187".to_owned()),
        Named::User(Private::new("00u1")),
        Named::User(Private::new("00u1")),
    ];
    let mut entries = set(&house, Effect::Block, targets.clone()).await;
    entries.sort_by_key(|entry| entry.id);
    assert_eq!(entries.len(), 3);
    assert_eq!(standing(&house).await, entries);
    let tenants = [Tenants::One(TENANT.to_owned())];
    let found = house.dispatcher.lists().find(&tenants, &targets);
    assert_eq!(found, entries);
    // What is set anew takes the place of what stood there, in whatever writing.
    let again = set(&house, Effect::Allow, vec![number("+541123456789")]).await;
    assert_eq!(standing(&house).await.len(), 3);
    assert!(standing(&house).await.contains(&again[0]));
    assert_eq!(remove(&house, standing(&house).await).await.len(), 3);
    assert_eq!(standing(&house).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_was_blocked_under_an_older_key_is_met_and_replaced() {
    let mut plan = Plan::sms(ACCEPT);
    let before = House::build(&plan);
    let user = || Named::User(Private::new("00u1"));
    set(&before, Effect::Block, vec![number(PHONE), user()]).await;
    plan.keys.insert(0, b"a newer key");
    let after = restarted(&plan).await;
    let to_user = |key| Request {
        phone: PhoneNumber::parse("+14155550124").expect("a number"),
        user: Some(Private::new("00u1")),
        ..after.request(key)
    };
    let blocked = Some(Reason::Blocked);
    assert_eq!(reason(&after.send(after.request("a")).await), blocked);
    assert_eq!(reason(&after.send(to_user("b")).await), blocked);
    let whose = Whose::User(Private::new("00u1"));
    let (_, holding) = after.dispatcher.standing(TENANT, &whose);
    assert_eq!(holding.len(), 1);

    let allowed = set(&after, Effect::Allow, vec![user(), number(PHONE)]).await;
    assert_eq!(standing(&after).await.len(), 2);
    assert!(allowed.iter().all(|entry| entry.effect == Effect::Allow));
    assert_eq!(reason(&after.send(after.request("c")).await), None);
    assert_eq!(reason(&after.send(to_user("d")).await), None);
    // Set anew, they need the older key no more.
    plan.keys.pop();
    set(&after, Effect::Block, vec![user(), number(PHONE)]).await;
    let last = restarted(&plan).await;
    assert_eq!(reason(&last.send(last.request("e")).await), blocked);
    assert_eq!(reason(&last.send(to_user("f")).await), blocked);
    assert_eq!(standing(&last).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_taken_away_is_said_to_be() {
    let house = House::sms(ACCEPT);
    let numbers = ["+14155550123", "+14155550124", "+14155550125"];
    let entries = set(&house, Effect::Block, numbers.map(number).into()).await;
    // One of them goes behind our back, as what has ended does.
    let gone = ListChange {
        id: ListChangeId::new(&Clock::system()),
        action: Action::Remove,
        entry: entries[0].clone(),
        by: "somebody".to_owned(),
        at_ms: 0,
    };
    let changed = house.ledger.change_lists(vec![gone]).await;
    assert_eq!(changed, Ok(1));
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    let removed = remove(&house, entries[..2].to_vec()).await;
    assert_eq!(removed, entries[1..2]);
    assert_eq!(standing(&house).await, entries[2..]);
    assert_eq!(remove(&house, entries[..2].to_vec()).await, []);
    assert_eq!(remove(&house, Vec::new()).await, []);
    assert_eq!(standing(&house).await, entries[2..]);
}
