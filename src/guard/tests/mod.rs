//! The guard as a whole, asked as dispatch asks it.

mod budgets;
mod desk;
mod layers;
mod undone;

use std::{sync::Arc, time::Duration};

use super::{Admission, Guard, Older, Request};
use crate::{
    clock::{Clock, Manual},
    config::{self, Config, guard::Mode},
    domain::{
        channel::Channels,
        phone::{Country, PhoneNumber},
        privacy::{KeyedHash, PrivacyKeys},
        purpose::Purpose,
        verdict::Verdict,
    },
    error::Reason,
};

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("a number")
}

fn guard(time: &Arc<Manual>) -> Arc<Guard> {
    let clock = Clock::from_source(time.clone());
    Guard::new(&Config::default(), &keys(), &clock)
}

fn keys() -> PrivacyKeys {
    PrivacyKeys::new([&b"a key of all guards"[..]]).expect("there is a key")
}

fn by(guard: config::guard::Guard, time: &Arc<Manual>) -> Arc<Guard> {
    let config = Config {
        guard,
        ..Config::default()
    };
    Guard::new(&config, &keys(), &Clock::from_source(time.clone()))
}

fn anybody(phone: &PhoneNumber) -> Request<'_> {
    Request {
        tenant: "acme",
        countries: &[],
        phone,
        user: None,
        client: None,
        phone_hash: KeyedHash([0; 16]),
        user_hash: None,
        older: Older::default(),
        purpose: Purpose::SignIn,
        channels: Channels::ALL,
        opted_in: Channels::NONE,
        charged: false,
    }
}

fn admit(guard: &Guard, tenant: &str, number: &str) -> Verdict {
    let countries: Vec<_> = ["US", "AR"]
        .iter()
        .filter_map(|c| Country::parse(c))
        .collect();
    let number = phone(number);
    let request = Request {
        tenant,
        countries: &countries,
        ..anybody(&number)
    };
    guard.admit(&request).verdict
}

/// The rule and reason of a refusal.
fn refused(admission: &Admission) -> Option<(String, Reason)> {
    refusal_of(&admission.verdict).map(|(rule, reason)| (rule.to_owned(), reason))
}

fn refusal_of(verdict: &Verdict) -> Option<(&str, Reason)> {
    match verdict {
        Verdict::Refuse(refusal) => Some((refusal.rule.as_ref(), refusal.reason)),
        Verdict::Allow { .. } | Verdict::Deflect { .. } => None,
    }
}

#[test]
fn ten_writings_hit_one_limit_and_another_tenant_does_not_notice() {
    let time = Manual::at(0);
    let guard = guard(&time);
    for text in [
        "+14155552671",
        "+1 415 555 2671",
        "+1 (415) 555-2671",
        "+1.415.555.2671",
    ] {
        assert_eq!(refusal_of(&admit(&guard, "acme", text)), None);
    }
    assert_eq!(refusal_of(&admit(&guard, "acme", "+1-415-555-2671")), None);
    assert_eq!(refusal_of(&admit(&guard, "acme", " +1 415 5552671")), None);
    let seventh = admit(&guard, "acme", "+1 415-555-2671");
    assert_eq!(
        refusal_of(&seventh),
        Some(("destination_10m", Reason::RateLimited))
    );
    assert_eq!(refusal_of(&admit(&guard, "other", "+14155552671")), None);
}

#[test]
fn a_burst_comes_back_one_at_a_time_at_the_exact_instant() {
    let time = Manual::at(0);
    let guard = guard(&time);
    for _ in 0..6 {
        assert_eq!(refusal_of(&admit(&guard, "acme", "+14155552671")), None);
    }
    let Verdict::Refuse(refusal) = admit(&guard, "acme", "+14155552671") else {
        panic!("the seventh is refused");
    };
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(100)));
    time.advance(Duration::from_millis(99_999));
    assert!(refusal_of(&admit(&guard, "acme", "+14155552671")).is_some());
    time.advance(Duration::from_millis(1));
    assert_eq!(refusal_of(&admit(&guard, "acme", "+14155552671")), None);
    assert!(refusal_of(&admit(&guard, "acme", "+14155552671")).is_some());
}

#[test]
fn argentine_writings_share_a_limit() {
    let time = Manual::at(0);
    let guard = guard(&time);
    for text in [
        "+5491123456789",
        "+54 11 15 2345 6789",
        "+54 9 11 2345-6789",
    ] {
        assert_eq!(refusal_of(&admit(&guard, "acme", text)), None);
        assert_eq!(refusal_of(&admit(&guard, "acme", text)), None);
    }
    assert!(refusal_of(&admit(&guard, "acme", "+5491123456789")).is_some());
}

#[test]
fn number_policy_refuses_by_country_and_type() {
    let time = Manual::at(0);
    let guard = guard(&time);
    let check = |number: &str, expect| {
        assert_eq!(
            refusal_of(&admit(&guard, "acme", number)),
            expect,
            "{number}"
        );
    };
    check(
        "+447400123456",
        Some(("country", Reason::CountryNotAllowed)),
    );
    check(
        "+870301234567",
        Some(("country", Reason::CountryNotAllowed)),
    );
    check(
        "+19002345678",
        Some(("number_type", Reason::NumberTypeNotAllowed)),
    );
    check(
        "+18005551234",
        Some(("number_type", Reason::NumberTypeNotAllowed)),
    );
}

#[test]
fn two_thousand_at_once_on_a_limit_of_a_hundred_admit_a_hundred() {
    let time = Manual::at(0);
    let settings = config::guard::Guard {
        limits: vec![config::guard::Limit {
            name: "all".to_owned(),
            key: config::guard::LimitKey::Tenant,
            count: 100,
            per: config::values::Span::seconds(3600),
            purposes: Vec::new(),
            mode: Mode::Enforce,
        }],
        ..config::guard::Guard::default()
    };
    let guard = by(settings, &time);
    let admitted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..250)
                        .filter(|_| refusal_of(&admit(&guard, "acme", "+14155552671")).is_none())
                        .count()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|w| w.join().expect("no panic"))
            .sum()
    });
    assert_eq!(admitted, 100);
}

#[test]
fn a_reload_keeps_counters_of_limits_that_stay() {
    let time = Manual::at(0);
    let first = guard(&time);
    for _ in 0..6 {
        assert_eq!(refusal_of(&admit(&first, "acme", "+14155552671")), None);
    }
    let second = first.renewed(&Config::default());
    assert!(refusal_of(&admit(&second, "acme", "+14155552671")).is_some());
}

#[test]
fn a_request_without_a_channel_is_not_the_numbers_fault() {
    let guard = guard(&Manual::at(0));
    let number = phone("+14155552671");
    let request = Request {
        countries: &[Country::parse("US").expect("a country")],
        channels: Channels::NONE,
        ..anybody(&number)
    };
    let verdict = guard.admit(&request).verdict;
    assert_eq!(refusal_of(&verdict), None);
}

#[test]
fn shadow_watches_and_lets_pass() {
    let settings = config::guard::Guard {
        number_policy: Mode::Shadow,
        ..config::guard::Guard::default()
    };
    let guard = by(settings, &Manual::at(0));
    let number = phone("+19002345678");
    let request = anybody(&number);
    let admission = guard.admit(&request);
    assert_eq!(
        admission.verdict,
        Verdict::Allow {
            channels: Channels::ALL
        }
    );
    assert_eq!(admission.shadowed.len(), 2, "country and type");
}
