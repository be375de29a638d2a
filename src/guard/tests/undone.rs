//! What must leave no trace, or must not be counted as something else: looks, attempts that were never made, further
//! attempts, rules that only watch, clocks that jump, and the day on which outcomes begin to arrive.

use std::time::Duration;

use serde_json::json;

use super::{desk::Desk, refused};
use crate::{
    domain::{channel::Channel, phone::Country, purpose::Purpose, verdict::Verdict},
    guard::{Kept, Subject},
};

const BLOCK: &str = "+44740012";

fn block(desk: &Desk) -> Vec<String> {
    desk.standing("acme", &Subject::Range("44740012"))
}

fn tenant(desk: &Desk) -> Vec<String> {
    desk.standing("acme", &Subject::Tenant)
}

#[test]
fn money_that_is_only_watched_does_not_switch_budgets_off() {
    let desk = Desk::new(&json!({ "guard": {
        "money": { "mode": "shadow", "per_day": 0.01, "unknown_price": 0.01 },
    } }));
    desk.outcomes_arrive();
    let sent = desk.attack(BLOCK, 3000, Duration::from_secs(1));
    assert!((6..=12).contains(&sent), "{sent}");
}

#[test]
fn a_range_that_is_only_watched_does_not_switch_the_wider_ones_off() {
    let desk = Desk::new(&json!({ "guard": {
        "modes": [{ "rules": ["range_10k"], "mode": "shadow" }],
        "budgets": { "range_1m": { "floor": 20 } },
    } }));
    desk.outcomes_arrive();
    assert_eq!(desk.attack(BLOCK, 300, Duration::from_millis(10)), 20);
    // The block itself holds what it would hold if it were enforced.
    assert!(
        block(&desk)[0].starts_with("range_10k: 6.0 "),
        "{:?}",
        block(&desk)
    );
}

#[test]
fn a_look_closes_nothing() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    let people: Vec<_> = (0..6).map(|nth| desk.ask_numbered(BLOCK, nth)).collect();
    let trails: Vec<_> = people.iter().map(|one| desk.send(&one.as_ask())).collect();
    let before = (block(&desk), tenant(&desk));
    let stranger = desk.ask_numbered(BLOCK, 7);
    let stranger = stranger.as_ask();
    let seen = desk.guard.policy(&desk.request(&stranger));
    assert!(!matches!(seen.verdict, Verdict::Allow { .. }), "{seen:?}");
    assert_eq!((block(&desk), tenant(&desk)), before);
    for (person, trail) in people.iter().zip(trails) {
        desk.verify(&person.as_ask(), trail);
    }
    assert!(desk.sends(&stranger), "it was never closed");
}

#[test]
fn a_further_attempt_is_not_a_further_stranger() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    for nth in 0..5 {
        assert!(desk.sends(&desk.ask_numbered(BLOCK, nth).as_ask()));
    }
    // The sixth fills the block, and its first provider fails.
    let sixth = desk.ask("+447400120005");
    let trail = desk.send(&sixth).expect("there is room for six");
    let again = desk.charge_again(&sixth, Channel::Voice);
    assert!(again.refusal.is_none(), "{again:?}");
    assert!(!block(&desk)[0].ends_with("closed"), "{:?}", block(&desk));
    desk.verify(&sixth, Some(trail));
    assert!(
        block(&desk)[0].starts_with("range_10k: 5.0 "),
        "{:?}",
        block(&desk)
    );
}

#[test]
fn a_trial_is_one_message_whatever_attempts_it_takes() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    desk.close(BLOCK);
    desk.time.advance(Duration::from_mins(11));
    let tried = desk.ask("+447400125555");
    let trail = desk.send(&tried).expect("a trial of one message");
    assert!(desk.charge_again(&tried, Channel::Sms).refusal.is_none());
    desk.verify(&tried, Some(trail));
    assert!(
        desk.sends(&desk.ask("+447400125556")),
        "it has proven itself"
    );
}

#[test]
fn what_was_never_sent_is_taken_back() {
    let desk = Desk::new(&json!({ "guard": { "money": { "per_day": 5, "unknown_price": 0.01 } } }));
    desk.outcomes_arrive();
    let before = (block(&desk), tenant(&desk));
    for nth in 0..100 {
        let stranger = desk.ask_numbered(BLOCK, nth);
        let stranger = stranger.as_ask();
        let charged = desk.charge(&stranger, Channel::Sms);
        assert!(charged.refusal.is_none(), "{nth}: {charged:?}");
        desk.guard.take_back(&desk.request(&stranger), &charged);
    }
    assert_eq!((block(&desk), tenant(&desk)), before);
}

#[test]
fn a_trial_that_was_never_sent_may_be_made_again() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    desk.close(BLOCK);
    desk.time.advance(Duration::from_mins(11));
    let tried = desk.ask("+447400125555");
    let charged = desk.charge(&tried, Channel::Sms);
    assert!(charged.refusal.is_none());
    assert!(!desk.sends(&desk.ask("+447400125556")), "the trial is used");
    desk.guard.take_back(&desk.request(&tried), &charged);
    assert!(desk.sends(&desk.ask("+447400125556")));
    assert!(!desk.sends(&desk.ask("+447400125557")), "one and no more");
}

#[test]
fn a_wall_clock_set_back_does_not_keep_a_trial_from_being_proven() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    desk.close(BLOCK);
    desk.time.advance(Duration::from_mins(11));
    desk.set_back(Duration::from_mins(5));
    let tried = desk.ask("+447400125555");
    let trail = desk.send(&tried);
    assert!(trail.is_some(), "a trial of one message");
    desk.time.advance(Duration::from_secs(30));
    let used = desk.used(&tried, trail, Duration::from_secs(30));
    desk.guard.verified(&used);
    assert!(
        desk.sends(&desk.ask("+447400125556")),
        "it has proven itself"
    );
}

#[test]
fn the_first_outcome_closes_nobody_out() {
    let desk = Desk::new(&json!({}));
    // Without outcomes a busy country sends three hundred an hour, all of them real.
    let people = |from: usize| {
        (from..from + 150).map(|nth| format!("+4474{:02}{:02}0001", nth / 100, nth % 100))
    };
    for number in people(0) {
        desk.time.advance(Duration::from_secs(12));
        assert!(desk.sends(&desk.ask(&number)), "{number}");
    }
    desk.outcome_arrives();
    for number in people(200) {
        desk.time.advance(Duration::from_secs(12));
        let ask = desk.ask(&number);
        let trail = desk.send(&ask);
        assert!(trail.is_some(), "{number}");
        desk.verify(&ask, trail);
    }
    desk.time.advance(Duration::from_mins(31));
    assert!(desk.sends(&desk.ask("+447499990001")), "now by outcomes");
    let country = desk.standing(
        "acme",
        &Subject::Country(Country::parse("GB").expect("a country")),
    );
    assert!(
        country[0].contains("people verified in two weeks"),
        "{country:?}"
    );
}

#[test]
fn one_phone_is_one_person_however_many_accounts_it_has() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    let phone = desk.ask("+447400120001");
    let trails: Vec<_> = (0..4).map(|_| desk.send(&phone)).collect();
    assert!(trails.iter().all(Option::is_some));
    for trail in trails {
        desk.verify(&phone, trail);
    }
    let block = block(&desk);
    assert!(block[0].contains("; 1 of 1 people verified"), "{block:?}");
}

#[test]
fn money_of_a_day_that_has_not_come_is_not_spent() {
    let desk = Desk::new(&json!({ "guard": { "money": { "per_day": 1, "unknown_price": 0.5 } } }));
    let ask = desk.ask("+447400120001");
    assert!(desk.sends(&ask));
    let mut money = desk.guard.changed(100);
    money.retain(|piece| piece.key[0] == 3);
    assert_eq!(money.len(), 2, "the country's and the tenant's");
    let later = Desk::new(&json!({ "guard": { "money": { "per_day": 1, "unknown_price": 0.5 } } }));
    for piece in money {
        let mut value = piece.value;
        value[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
        later.guard.restore(&Kept { value, ..piece });
    }
    assert!(later.sends(&ask) && later.sends(&ask) && !later.sends(&ask));
}

#[test]
fn a_verified_sign_in_does_not_widen_the_tenants_own_limit() {
    let desk = Desk::new(&json!({ "guard": {
        "limits": [{ "name": "all", "key": "tenant", "count": 4, "per": "1h" }],
    } }));
    let mut ask = desk.ask("+447400120001");
    ask.purpose = Purpose::SignIn;
    desk.verify(&ask, None);
    assert_eq!((0..12).filter(|_| desk.sends(&ask)).count(), 4);
    assert_eq!(
        refused(&desk.admit(&ask)).map(|(rule, _)| rule).as_deref(),
        Some("all")
    );
}

#[test]
fn a_tenants_longer_memory_is_kept_for_it() {
    let mut desk = Desk::new(&json!({
        "tenants": { "acme": {
            "countries": { "allow": ["GB"] },
            "guard": { "budgets": { "leak": "1day" } },
        } },
    }));
    desk.send(&desk.ask("+447400120001"));
    desk.time.advance(Duration::from_hours(6));
    desk.guard.drop_idle();
    assert!(
        block(&desk)[0].starts_with("range_10k: 0.8 "),
        "{:?}",
        block(&desk)
    );
    desk.outcomes_arrive();
    desk.verify(&desk.ask("+447400120002"), None);
    desk.restart();
    desk.time.advance(Duration::from_hours(6));
    assert!(
        tenant(&desk)
            .iter()
            .any(|line| line.starts_with("tenant_budget: 0.")),
        "{:?}",
        tenant(&desk)
    );
}
