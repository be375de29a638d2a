//! What is stored for a person decides at once, costs nobody else anything, and is never waited for.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    house::{House, PATIENCE, Plan, TENANT},
    moody::Mood,
    scripted::Act,
};
use crate::{
    clock::Clock,
    dispatch::{
        preferences::{Deleted, Extent, LineWish, Preferences, Wish},
        request::Request,
    },
    domain::{
        channel::Channel::{self, Sms, Whatsapp},
        privacy::{PrivacyKeys, Private},
    },
    store::{LedgerError, memory::MemoryLedger},
    telemetry::metrics::Metrics,
};

const READS: &str = "otp_preference_reads_total";
const LINE_USER: &str = "U0123456789abcdef0123456789abcdef";

fn house(accepts: usize) -> House {
    let accept = vec![Act::Accept; accepts];
    let plan = Plan::sms(&[("texts", &accept)]).and(Whatsapp, &[("chats", &accept)]);
    House::build(&plan)
}

fn channels(channels: &[Channel]) -> Wish {
    Wish {
        channels: channels.to_vec(),
        locale: String::new(),
        line_user: LineWish::Keep,
    }
}

async fn completed(by: &Preferences, mut request: Request) -> Request {
    by.complete(&mut request, PATIENCE).await;
    request
}

fn of(house: &House, key: &str, user: &str) -> Request {
    Request {
        user: Some(Private::new(user)),
        ..house.request(key)
    }
}

async fn learn(preferences: &Preferences) {
    preferences.learn(CancellationToken::new()).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_send_goes_by_what_was_just_stored() {
    let house = house(2);
    let preferences = house.dispatcher.preferences();
    learn(preferences).await;
    let user = Private::new("u-1");
    let messages = async |key: &str| {
        house
            .send(of(&house, key, "u-1"))
            .await
            .expect("it is sent");
        (house.seen("texts").len(), house.seen("chats").len())
    };
    assert_eq!(messages("1").await, (1, 0));
    let set = preferences.set(TENANT, &user, channels(&[Whatsapp]), "portal");
    set.await.expect("it is stored");
    assert_eq!(messages("2").await, (1, 1));
    assert_eq!(messages("3").await, (1, 2));
    assert_eq!(house.counted(READS), 1, "the second one is in memory");
    let delete = || preferences.delete(TENANT, &user, Extent::All, "portal");
    let row = Deleted {
        anything: true,
        line_user: false,
    };
    assert_eq!(delete().await, Ok(row));
    assert_eq!(messages("4").await, (2, 2));
    assert_eq!(delete().await, Ok(Deleted::default()));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_says_what_it_took_and_leaves_what_it_may_not_take() {
    let house = house(0);
    let preferences = house.dispatcher.preferences();
    let user = Private::new("u-1");
    let with_line_user = Wish {
        line_user: LineWish::Set(Private::new(LINE_USER)),
        ..channels(&[Sms])
    };
    let set = preferences.set(TENANT, &user, with_line_user, "portal");
    set.await.expect("it is stored");
    let all = Deleted {
        anything: true,
        line_user: true,
    };
    let but_line_user = Deleted {
        line_user: false,
        ..all
    };
    for (extent, deleted) in [
        (Extent::AllButLineUser, but_line_user),
        // Nothing but the id is left, and that stays.
        (Extent::AllButLineUser, Deleted::default()),
    ] {
        let delete = preferences.delete(TENANT, &user, extent, "billing").await;
        assert_eq!(delete, Ok(deleted));
        let stored = completed(preferences, of(&house, "1", "u-1")).await;
        let stored = stored.stored.expect("there is one");
        assert!(stored.channels.is_empty());
        assert!(stored.line_user == Some(Private::new(LINE_USER)));
        let row = preferences.get(TENANT, &user).await;
        let row = row.expect("the ledger is there").expect("there is one");
        assert_eq!(row.set.by, "billing");
        assert_eq!(row.line_user_set.expect("a trace").by, "portal");
    }
    let delete = preferences.delete(TENANT, &user, Extent::All, "portal");
    assert_eq!(delete.await, Ok(all));
    assert_eq!(preferences.get(TENANT, &user).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn people_without_one_are_not_looked_up() {
    let house = house(0);
    let preferences = house.dispatcher.preferences();
    learn(preferences).await;
    let user = Private::new("u-1");
    let complete = |user| completed(preferences, of(&house, "1", user));
    assert!(complete("u-2").await.stored.is_none());
    let set = preferences.set(TENANT, &user, channels(&[Sms]), "portal");
    set.await.expect("it is stored");
    assert!(complete("u-2").await.stored.is_none());
    assert_eq!(house.counted(READS), 0);
    assert!(complete("u-1").await.stored.is_some());
    assert_eq!(house.counted(READS), 1);
    let other = Request {
        tenant: "umbrella".to_owned(),
        ..of(&house, "1", "u-1")
    };
    assert!(completed(preferences, other).await.stored.is_none());
    assert!(
        completed(preferences, house.request("1"))
            .await
            .stored
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_slow_or_away_means_no_preference() {
    let house = house(0);
    let preferences = house.dispatcher.preferences();
    learn(preferences).await;
    let user = Private::new("u-1");
    let set = preferences.set(TENANT, &user, channels(&[Sms]), "portal");
    set.await.expect("it is stored");
    for (mood, outcome) in [(Mood::Hangs, "late"), (Mood::Away, "failed")] {
        house.ledger.turn(mood);
        let begun = house.clock.now();
        let request = completed(preferences, of(&house, "1", "u-1")).await;
        assert!(request.stored.is_none());
        assert!(house.clock.now() - begun <= Duration::from_millis(51));
        let series = format!("{READS}{{outcome=\"{outcome}\"}}");
        assert_eq!(house.counted(&series), 1);
    }
    house.ledger.turn(Mood::Well);
    let request = completed(preferences, of(&house, "1", "u-1")).await;
    assert!(request.stored.is_some());
    house.ledger.turn(Mood::Away);
    let set = preferences.set(TENANT, &user, channels(&[Whatsapp]), "portal");
    assert!(matches!(set.await, Err(LedgerError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_on_a_write_leaves_nothing_outdated_behind() {
    let house = house(0);
    let preferences = house.dispatcher.preferences();
    learn(preferences).await;
    let user = Private::new("u-1");
    let set = |wish| preferences.set(TENANT, &user, wish, "portal");
    set(channels(&[Sms])).await.expect("it is stored");
    let complete = || completed(preferences, of(&house, "1", "u-1"));
    assert!(complete().await.stored.is_some());
    {
        // Begun, and dropped before it can be done.
        let writing = set(channels(&[Whatsapp]));
        let writing = std::pin::pin!(writing);
        assert!(futures_util::poll!(writing).is_pending());
    }
    let asking = async {
        loop {
            let stored = complete().await.stored.expect("there is one");
            if stored.channels == [Whatsapp] {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, asking).await;
    waited.expect("the write goes on by itself");
}

#[tokio::test(start_paused = true)]
async fn a_request_keeps_what_it_says_itself() {
    let house = house(0);
    let preferences = house.dispatcher.preferences();
    let user = Private::new("u-1");
    let wish = Wish {
        channels: vec![Whatsapp],
        locale: "ja".to_owned(),
        line_user: LineWish::Set(Private::new(LINE_USER)),
    };
    let set = preferences.set(TENANT, &user, wish, "portal");
    set.await.expect("it is stored");
    let empty = completed(preferences, of(&house, "1", "u-1")).await;
    assert_eq!(empty.locale, "ja");
    assert_eq!(empty.line_user, None, "the caller said none");
    let stored = empty.stored.and_then(|stored| stored.line_user.clone());
    assert_eq!(stored, Some(Private::new(LINE_USER)));
    assert_eq!(empty.phone, house.request("1").phone);
    let full = Request {
        locale: "fr".to_owned(),
        line_user: Some(Private::new("U-of-the-caller")),
        ..of(&house, "1", "u-1")
    };
    let full = completed(preferences, full).await;
    assert_eq!(full.locale, "fr");
    assert_eq!(full.line_user, Some(Private::new("U-of-the-caller")));
    assert!(full.stored.is_some());
}

/// Preferences of one ledger under these keys.
fn under(secrets: &[&[u8]], ledger: &Arc<MemoryLedger>) -> Preferences {
    Preferences::new(
        ledger.clone(),
        PrivacyKeys::new(secrets.iter().copied()).expect("there are keys"),
        Clock::system(),
        Arc::new(Metrics::new()),
        TaskTracker::new(),
    )
}

#[tokio::test]
async fn a_line_user_id_is_sealed_traced_and_survives_a_change_of_keys() {
    let ledger = Arc::new(MemoryLedger::new(Clock::system()));
    let user = Private::new("u-1");
    let said = |line_user| Wish {
        line_user,
        ..channels(&[Sms])
    };
    let old = under(&[b"old"], &ledger);
    let wish = said(LineWish::Set(Private::new(LINE_USER)));
    old.set(TENANT, &user, wish, "portal")
        .await
        .expect("it is stored");
    let row = old
        .get(TENANT, &user)
        .await
        .expect("it is read")
        .expect("it is there");
    let sealed = row.line_user.expect("it is kept");
    assert!(!String::from_utf8_lossy(sealed.as_bytes()).contains("0123456789"));
    // Set again under a new key by somebody who says nothing of LINE.
    let both = under(&[b"new", b"old"], &ledger);
    both.set(TENANT, &user, said(LineWish::Keep), "billing")
        .await
        .expect("it is stored");
    let new = under(&[b"new"], &ledger);
    let row = new
        .get(TENANT, &user)
        .await
        .expect("it is read")
        .expect("it is there");
    assert_eq!(row.set.by, "billing");
    assert_eq!(
        row.line_user_set.map(|trace| trace.by).as_deref(),
        Some("portal")
    );
    let house = house(0);
    let request = completed(&new, of(&house, "1", "u-1")).await;
    let stored = request.stored.and_then(|stored| stored.line_user.clone());
    assert_eq!(stored, Some(Private::new(LINE_USER)));
    assert!(old.get(TENANT, &user).await.expect("it is read").is_none());
    new.set(TENANT, &user, said(LineWish::Remove), "desk")
        .await
        .expect("it is stored");
    let row = new
        .get(TENANT, &user)
        .await
        .expect("it is read")
        .expect("it is there");
    assert!(row.line_user.is_none());
    assert_eq!(
        row.line_user_set.map(|trace| trace.by).as_deref(),
        Some("desk")
    );
}
