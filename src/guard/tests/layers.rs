//! Each layer, alone and beside the others.

use std::time::Duration;

use serde_json::json;

use super::{
    desk::{Ask, Desk},
    refused,
};
use crate::{
    domain::{
        address,
        channel::{Channel, Channels},
        id::ListEntryId,
        listed::{Effect, ListEntry, Target, Tenants, hash_of},
        phone::PhoneNumber,
        price::Price,
        privacy::{KeyedHash, Subject as Hashed},
        purpose::Purpose,
        verdict::Verdict,
    },
    error::Reason,
    guard::{Older, Request, Subject, time::DAY_MS},
};

fn entry(effect: Effect, target: Target) -> ListEntry {
    ListEntry {
        id: ListEntryId::from_bytes([1; 16]),
        effect,
        tenants: Tenants::One("acme".to_owned()),
        target,
        expires_ms: None,
        author: "operator".to_owned(),
        reason: "seen abuse".to_owned(),
        created_ms: 0,
    }
}

#[test]
fn a_listed_number_user_or_network_is_blocked_for_its_tenant_only() {
    let desk = Desk::new(&json!({ "guard": { "limits": [] } }));
    let hash = |text: &str| {
        let phone = PhoneNumber::parse(text).expect("a number");
        hash_of(&desk.keys, &phone)
    };
    let listed = hash("+14155552671");
    let check = |target: Target, expect: bool| {
        desk.guard
            .set_entries(vec![entry(Effect::Block, target.clone())]);
        let mut ask = desk.ask("+1 (415) 555-2671");
        (ask.ip, ask.user) = (Some("2001:db8::7"), Some("u1"));
        let found = refused(&desk.admit(&ask)).map(|(_, reason)| reason);
        assert_eq!(found, expect.then_some(Reason::Blocked), "{target:?}");
        ask.tenant = "other";
        assert_eq!(refused(&desk.admit(&ask)), None);
    };
    let number = |hash| Target::Number {
        hash,
        masked: String::new(),
    };
    check(number(listed), true);
    check(number(hash("+14155552672")), false);
    check(Target::Prefix("1415".to_owned()), true);
    check(Target::Prefix("1416".to_owned()), false);
    check(
        Target::Network(address::network("2001:db8::/64").unwrap()),
        true,
    );
    check(
        Target::Network(address::network("2001:db8::8").unwrap()),
        false,
    );
    let user = desk.keys.hash(Hashed::User, &[b"acme", b"u1"]);
    check(Target::User { hash: user }, true);
}

#[test]
fn who_is_allowed_passes_every_other_rule() {
    let desk = Desk::new(&json!({}));
    let target = Target::Prefix("870".to_owned());
    desk.guard.set_entries(vec![entry(Effect::Allow, target)]);
    let ask = desk.ask("+870301234567");
    for _ in 0..50 {
        assert_eq!(refused(&desk.admit(&ask)), None);
        assert!(desk.charge(&ask, Channel::Sms).refusal.is_none());
    }
}

#[test]
fn countries_are_served_in_their_own_way() {
    let desk = Desk::new(&json!({ "tenants": { "acme": { "countries": {
        "allow": ["US"], "monitor": ["GB"], "verified_only": ["DE", "FR"], "block": ["FR"],
    } } } }));
    let check = |number: &str, passes: bool, seen: usize| {
        let admission = desk.admit(&desk.ask(number));
        assert_eq!(refused(&admission).is_none(), passes, "{number}");
        assert_eq!(admission.shadowed.len(), seen, "{number}");
    };
    check("+14155552671", true, 0);
    check("+447400123456", true, 1);
    check("+4915123456789", false, 0);
    check("+33612345678", false, 0);
    check("+819012345678", false, 0);
    desk.verify(&desk.ask("+4915123456789"), None);
    desk.verify(&desk.ask("+33612345678"), None);
    check("+4915123456789", true, 0);
    check("+33612345678", false, 0);
}

#[test]
fn who_was_verified_under_an_older_hash_is_known_and_taken_over() {
    let countries = json!({ "allow": [], "verified_only": ["DE"] });
    let desk = Desk::new(&json!({ "tenants": { "acme": { "countries": countries } } }));
    let ask = desk.ask("+4915123456789");
    desk.verify(&ask, None);
    let old = [desk.request(&ask).phone_hash];
    let moved = Request {
        phone_hash: KeyedHash([9; 16]),
        ..desk.request(&ask)
    };
    let passes = |request: &Request<'_>| refused(&desk.guard.admit(request)).is_none();
    assert!(!passes(&moved));
    let older = Older {
        phone: &old,
        user: &[],
    };
    assert!(passes(&Request { older, ..moved }));
    let subject = Subject::Destination(&ask.phone, moved.phone_hash, &old);
    assert_eq!(desk.guard.standing("acme", &subject)[0].level, "yes");
    // It moves once, with the day on which it was verified.
    let day = u32::try_from(desk.time_ms() / DAY_MS).expect("a day");
    desk.time.advance(Duration::from_hours(48));
    assert_eq!(desk.guard.take_over(moved.phone_hash, &[]), None);
    assert_eq!(desk.guard.take_over(moved.phone_hash, &old), Some(day));
    assert_eq!(desk.guard.take_over(moved.phone_hash, &old), None);
    assert!(passes(&moved));
    desk.time.advance(Duration::from_hours(24 * 177));
    assert!(passes(&moved));
    desk.time.advance(Duration::from_hours(24));
    assert!(!passes(&moved));
    assert_eq!(desk.guard.take_over(KeyedHash([8; 16]), &old), None);
}

#[test]
fn two_writings_of_a_number_are_one_destination_and_one_range() {
    let types = ["mobile", "fixed_line", "fixed_line_or_mobile"];
    let desk = Desk::new(&json!({
        "guard": { "number_types": types },
        "tenants": { "acme": { "countries": { "allow": [], "verified_only": ["AR"] } } },
    }));
    let (with, without) = (desk.ask("+5491123456789"), desk.ask("+541123456789"));
    assert!(refused(&desk.admit(&with)).is_some() && refused(&desk.admit(&without)).is_some());
    desk.verify(&with, None);
    assert_eq!(refused(&desk.admit(&with)), None);
    assert_eq!(refused(&desk.admit(&without)), None);
    let standing = |subject: &Subject<'_>| desk.guard.standing("acme", subject);
    let of = |ask: &Ask<'_>| {
        let hash = desk.request(ask).phone_hash;
        standing(&Subject::Destination(&ask.phone, hash, &[]))
    };
    assert_eq!(of(&with), of(&without));
    assert_eq!(of(&with)[1].level, "2 used");
    // Somebody else of that range, in either writing.
    let stranger = Ask {
        purpose: Purpose::Enrollment,
        ..desk.ask("+5491123456700")
    };
    desk.charge(&stranger, Channel::Sms);
    let range = standing(&Subject::Range("+549112345"));
    assert!(range[0].level.starts_with("1.0 sent"), "{range:?}");
    assert_eq!(range[0], standing(&Subject::Range("54112345"))[0]);
    let wide = |text| standing(&Subject::Range(text)).remove(1);
    assert!(wide("+5491123").level.starts_with("1.0 sent"));
    assert_eq!(wide("+5491123"), wide("+541123"));
}

#[test]
fn a_mode_may_differ_by_tenant_and_purpose() {
    let limit = |mode: &str| json!({ "name": "one", "key": "destination", "count": 1, "per": "1h", "mode": mode });
    let desk = Desk::new(&json!({
        "guard": { "limits": [limit("enforce")],
            "modes": [{ "rules": ["one"], "purposes": ["sign_in"], "mode": "shadow" }] },
        "tenants": { "acme": { "countries": { "allow": ["US"] }, "guard": {
            "modes": [{ "purposes": ["password_reset"], "mode": "disabled" }] } } },
    }));
    let check = |tenant: &'static str, purpose, passes: bool, shadowed: usize| {
        let mut ask = desk.ask("+14155552671");
        (ask.tenant, ask.purpose) = (tenant, purpose);
        desk.admit(&ask);
        let second = desk.admit(&ask);
        assert_eq!(refused(&second).is_none(), passes, "{tenant} {purpose:?}");
        assert_eq!(second.shadowed.len(), shadowed, "{tenant} {purpose:?}");
    };
    check("acme", Purpose::PasswordReset, true, 0);
    check("acme", Purpose::Enrollment, false, 0);
    check("acme", Purpose::SignIn, true, 1);
    check("other", Purpose::PasswordReset, false, 0);
}

#[test]
fn a_tenants_own_limit_takes_the_place_of_that_of_the_same_name() {
    let limit = |name: &str, count: u32| json!({ "name": name, "key": "destination", "count": count, "per": "1h" });
    let desk = Desk::new(&json!({
        "guard": { "limits": [limit("one", 5)] },
        "tenants": { "acme": { "countries": { "allow": ["US"] }, "guard": { "limits": [limit("one", 2)] } } },
    }));
    let passes = |tenant| {
        let mut ask = desk.ask("+14155552671");
        ask.tenant = tenant;
        (0..9)
            .take_while(|_| refused(&desk.admit(&ask)).is_none())
            .count()
    };
    assert_eq!((passes("acme"), passes("other")), (2, 5));
}

#[test]
fn money_is_capped_by_country_and_in_all() {
    let money = json!({ "per_day": 1, "per_country_day": 0.7, "countries": { "GB": 0.5 }, "unknown_price": 0.1 });
    let desk = Desk::new(&json!({ "guard": { "money": money } }));
    let tenth = Price::parse("0.1");
    let charge = |number: &str, price| {
        let ask = desk.ask(number);
        let charged = desk
            .guard
            .charge(&desk.request(&ask), Channel::Whatsapp, price);
        charged.refusal.map(|refusal| refusal.rule.to_string())
    };
    for _ in 0..7 {
        assert_eq!(charge("+14155552671", tenth), None);
    }
    assert_eq!(
        charge("+14155552671", tenth).as_deref(),
        Some("country_money")
    );
    for _ in 0..3 {
        assert_eq!(charge("+447400123456", None), None);
    }
    assert_eq!(
        charge("+447400123456", tenth).as_deref(),
        Some("tenant_money")
    );
    desk.time.advance(Duration::from_hours(24));
    assert_eq!(charge("+14155552671", tenth), None);
}

#[test]
fn numbers_of_no_country_have_a_purse_for_each_tenant() {
    let desk = Desk::new(&json!({ "guard": { "money": { "per_country_day": 0.5 } } }));
    let charge = |tenant| {
        let mut ask = desk.ask("+870301234567");
        ask.tenant = tenant;
        let price = Price::parse("0.5");
        let charged = desk
            .guard
            .charge(&desk.request(&ask), Channel::Whatsapp, price);
        charged.refusal.map(|refusal| refusal.rule.to_string())
    };
    assert_eq!(charge("acme"), None);
    assert_eq!(charge("acme").as_deref(), Some("country_money"));
    assert_eq!(charge("other"), None);
}

#[test]
fn a_cap_in_shadow_only_watches() {
    let money = json!({ "per_day": 1, "mode": "shadow" });
    let desk = Desk::new(&json!({ "guard": { "money": money } }));
    let ask = desk.ask("+14155552671");
    let price = Price::parse("0.6");
    let charge = || desk.guard.charge(&desk.request(&ask), Channel::Line, price);
    assert!(charge().shadowed.is_empty());
    let second = charge();
    assert!(second.refusal.is_none());
    assert_eq!(second.shadowed[0].reason, Reason::SpendingCapped);
}

#[test]
fn who_has_opted_in_is_deflected_and_others_are_refused() {
    let desk = Desk::new(&json!({ "guard": { "deflect": { "line": "opted_in" } } }));
    desk.close("+44740012");
    let mut ask = desk.ask("+447400129999");
    assert_eq!(
        refused(&desk.admit(&ask)),
        Some(("range_10k".to_owned(), Reason::BudgetExhausted))
    );
    ask.opted_in = Channels::NONE.with(Channel::Whatsapp);
    let Verdict::Deflect { channels, refusal } = desk.admit(&ask).verdict else {
        panic!("WhatsApp is free");
    };
    assert_eq!(channels, Channels::NONE.with(Channel::Whatsapp));
    assert_eq!(refusal.rule.as_ref(), "range_10k");
    // A free channel is charged for nothing.
    assert!(desk.charge(&ask, Channel::Whatsapp).refusal.is_none());
    assert!(desk.charge(&ask, Channel::Sms).refusal.is_some());
    ask.channels = Channels::NONE.with(Channel::Whatsapp);
    assert_eq!(refused(&desk.admit(&ask)), None);
}
