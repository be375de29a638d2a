//! Attacks, and the real people beside them.

use std::{ops::Range, time::Duration};

use serde_json::json;

use super::{
    desk::{Ask, Desk},
    refused,
};
use crate::{
    domain::{channel::Channel, purpose::Purpose, verdict::Verdict},
    guard::{Guard, Subject, Trail},
};

#[test]
fn an_attack_on_one_block_ends_and_its_neighbours_go_on() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    let sent = desk.attack("+44740012", 3000, Duration::from_secs(1));
    assert!((6..=12).contains(&sent), "{sent}");
    for number in ["+447400131111", "+447500120000", "+14155552671"] {
        assert!(desk.sends(&desk.ask(number)), "{number}");
    }
}

#[test]
fn a_verified_person_is_never_refused_in_the_middle_of_an_attack() {
    let desk = Desk::new(&json!({}));
    let person = desk.ask("+447400120001");
    let trail = desk.send(&person).expect("it is sent");
    desk.verify(&person, Some(trail));
    desk.attack("+44740012", 500, Duration::from_secs(1));
    assert!(!desk.sends(&desk.ask("+447400120002")));
    for purpose in Purpose::ALL {
        let mut again = desk.ask("+44 7400 120001");
        again.purpose = purpose;
        assert!(desk.sends(&again), "{purpose:?}");
    }
}

#[test]
fn a_sign_in_is_exempt_unless_told_otherwise() {
    let check = |exempt: bool| {
        let desk = Desk::new(&json!({ "guard": { "budgets": { "exempt_sign_in": exempt } } }));
        desk.outcomes_arrive();
        desk.close("+44740012");
        let mut ask = desk.ask("+447400120002");
        ask.purpose = Purpose::SignIn;
        assert_eq!(desk.sends(&ask), exempt);
    };
    check(true);
    check(false);
}

#[test]
fn tenants_do_not_notice_each_other() {
    let desk = Desk::new(&json!({}));
    desk.attack("+44740012", 2000, Duration::from_millis(10));
    let mut other = desk.ask("+447400120002");
    assert!(!desk.sends(&other));
    let level = |guard: &Guard, tenant: &str| {
        let standing = guard.standing(tenant, &Subject::Range("44740012"));
        (standing[0].level.clone(), standing[0].closed_until_ms)
    };
    assert!(level(&desk.guard, "acme").1.is_some());
    assert_eq!(level(&desk.guard, "other"), ("0.0 sent".to_owned(), None));
    other.tenant = "other";
    assert!(desk.sends(&other));
}

#[test]
fn the_writings_of_a_number_are_in_one_range() {
    let check = |numbers: &[&str], one: &str| {
        let desk = Desk::new(&json!({ "guard": { "budgets": { "range_10k": { "floor": 8 } } } }));
        desk.outcomes_arrive();
        for number in numbers {
            assert!(desk.sends(&desk.ask(number)), "{number}");
        }
        assert!(!desk.sends(&desk.ask(one)), "{one}");
    };
    // Eight people of one block, each written in another way.
    check(
        &[
            "+5491123450001",
            "+54 11 15 2345 0002",
            "+54 9 11 2345-0003",
            "+541123450004",
            "+54 (11) 2345-0005",
            "+5491123450006",
            "+54 11 15 2345 0007",
            "+54 9 11 2345 0008",
        ],
        "+541123450009",
    );
    check(
        &[
            "+5215512340001",
            "+525512340002",
            "+52 1 55 1234 0003",
            "+52 55 1234 0004",
            "+52-55-1234-0005",
            "+52 (55) 1234 0006",
            "+5215512340007",
            "+525512340008",
        ],
        "+52 1 55 1234 0009",
    );
}

#[test]
fn devices_of_one_ipv6_network_are_one_and_of_one_ipv4_network_are_not() {
    let check = |address: fn(u32) -> String, closes: bool| {
        let desk = Desk::new(&json!({}));
        desk.outcomes_arrive();
        let sends = (0..60).all(|nth| {
            let (number, ip) = (format!("+44740{nth:02}20001"), address(nth));
            let mut ask = desk.ask(&number);
            ask.ip = Some(&ip);
            desk.sends(&ask)
        });
        assert_eq!(!sends, closes, "{}", address(1));
    };
    check(|nth| format!("2001:db8:1:2::{nth:x}"), true);
    check(|_| "203.0.113.7".to_owned(), true);
    check(|_| "::ffff:203.0.113.7".to_owned(), true);
    check(|nth| format!("203.0.113.{nth}"), false);
    check(|nth| format!("2001:db8:1:{nth:x}::1"), false);
}

#[test]
fn the_word_of_a_network_is_used_up_by_strangers_who_are_not_verified() {
    let desk = Desk::new(&json!({}));
    let office = Some("81.2.69.142");
    for nth in 0..5 {
        let person = desk.ask_numbered("+1415555", nth);
        let person = Ask {
            ip: office,
            ..person.as_ask()
        };
        let trail = desk.send(&person).expect("it is sent");
        desk.verify(&person, Some(trail));
    }
    desk.time.advance(Duration::from_hours(20));
    // The country is closed by numbers of everywhere in it, each from a network of its own.
    let attack = |numbers: Range<usize>| {
        for nth in numbers {
            let network = format!("90.1.{}.{}", nth / 200, nth % 200);
            let far = desk.ask_numbered(&format!("+44740{nth:03}"), 0);
            desk.sends(&Ask {
                ip: Some(&network),
                ..far.as_ask()
            });
        }
    };
    attack(0..400);
    let there = |nth: usize| {
        let stranger = desk.ask_numbered(&format!("+44741{nth:03}"), 0);
        let stranger = Ask {
            ip: office,
            ..stranger.as_ask()
        };
        let trail = desk.send(&stranger);
        trail.inspect(|trail| {
            // Every third one is real.
            if nth % 3 == 2 {
                desk.verify(&stranger, Some(*trail));
            }
        })
    };
    let sent = |range: Range<usize>| range.filter(|nth| there(*nth).is_some()).count();
    assert_eq!(sent(0..2), 2);
    assert_eq!(sent(3..5), 0, "it spoke for two who were not verified");
    desk.time.advance(Duration::from_hours(1));
    // Nobody asked during its pause, so it was forgiven; and is closed again.
    attack(400..600);
    assert_eq!(
        sent(5..6),
        1,
        "one of them is nearly forgotten, and this one is verified"
    );
    assert_eq!(sent(6..8), 2, "which gives its word back, for one more");
    assert_eq!(sent(9..11), 0);
}

#[test]
fn a_shared_network_has_more_room() {
    let desk = Desk::new(&json!({ "guard": { "shared_networks": ["203.0.113.0/24"] } }));
    desk.outcomes_arrive();
    let sent = (0..100).filter(|nth| {
        let number = format!("+44740{nth:02}20001");
        let mut ask = desk.ask(&number);
        ask.ip = Some("203.0.113.7");
        desk.sends(&ask)
    });
    assert_eq!(sent.count(), 100);
}

#[test]
fn people_who_press_again_are_not_many_people() {
    let desk = Desk::new(&json!({}));
    desk.outcomes_arrive();
    for person in 0..3 {
        let ask = desk.ask_numbered("+44740012", person);
        for _ in 0..5 {
            assert!(desk.sends(&ask.as_ask()), "{person}");
        }
    }
    // Each of them weighs two; verified, each is taken out whole.
    assert!(!desk.sends(&desk.ask("+447400120009")));
}

#[test]
fn a_restart_in_the_middle_of_an_attack_changes_nothing() {
    let mut desk =
        Desk::new(&json!({ "guard": { "money": { "per_day": 1, "unknown_price": 0.01 } } }));
    let person = desk.ask("+447400120001");
    let trail = desk.send(&person).expect("it is sent");
    desk.verify(&person, Some(trail));
    desk.time.advance(Duration::from_hours(1));
    let before = desk.attack("+44740012", 3600, Duration::from_secs(1));
    desk.restart();
    let after = desk.attack("+44740012", 3600, Duration::from_secs(1));
    assert!(before <= 14 && after <= 4, "{before} and {after}");
    let tenant = desk.guard.standing("acme", &Subject::Tenant);
    let money = tenant
        .iter()
        .find(|one| one.rule.as_ref() == "tenant_money")
        .unwrap();
    assert!(!money.level.starts_with("0.00"), "{}", money.level);
}

#[test]
fn a_reload_keeps_what_is_closed() {
    let desk = Desk::new(&json!({}));
    desk.close("+44740012");
    let guard = desk.guard.renewed(&desk.config);
    let ask = desk.ask("+447400129999");
    let verdict = guard.admit(&desk.request(&ask)).verdict;
    assert!(!matches!(verdict, Verdict::Allow { .. }), "{verdict:?}");
}

#[test]
fn in_shadow_everything_is_seen_and_nothing_refused() {
    let desk = Desk::new(&json!({ "guard": { "budgets": { "mode": "shadow" } } }));
    desk.outcomes_arrive();
    let mut seen = 0;
    for nth in 0..100 {
        let ask = desk.ask_numbered("+44740012", nth);
        let ask = ask.as_ask();
        let admission = desk.admit(&ask);
        assert_eq!(refused(&admission), None);
        seen += usize::from(!admission.shadowed.is_empty());
        assert!(desk.charge(&ask, Channel::Sms).refusal.is_none());
    }
    assert_eq!(seen, 94);
}

#[test]
fn a_trail_is_kept_and_tells_nothing() {
    let desk = Desk::new(&json!({}));
    let trail = desk.send(&desk.ask("+447400120001")).expect("it is sent");
    assert!(!trail.is_empty());
    assert_eq!(Trail::from_bytes(&trail.to_bytes()), Some(trail));
    assert_eq!(format!("{trail:?}"), "Trail");
    for broken in [&trail.to_bytes()[..26], &[], &[7; 27]] {
        assert!(Trail::from_bytes(broken).is_none());
    }
}

#[test]
fn standing_shows_what_is_counted_and_takes_nothing() {
    let desk = Desk::new(&json!({}));
    let ask: Ask<'_> = desk.ask("+447400120001");
    desk.send(&ask);
    let request = desk.request(&ask);
    let subject = Subject::Destination(&ask.phone, request.phone_hash, &[]);
    for _ in 0..30 {
        let rules = desk.guard.standing("acme", &subject);
        let rules: Vec<_> = rules.iter().map(|one| (&*one.rule, &*one.level)).collect();
        let expect = [
            ("verified", "no"),
            ("destination_10m", "1 used"),
            ("destination_day", "1 used"),
            ("range_10k", "1.0 sent"),
            ("range_1m", "1.0 sent"),
            ("country_budget", "1.0 sent"),
            ("tenant_budget", "1.0 sent"),
        ];
        assert_eq!(rules, expect);
    }
    let range = desk.guard.standing("acme", &Subject::Range("+44740012"));
    assert_eq!(range[0].level, "1.0 sent");
}
