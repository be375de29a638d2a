//! Everything that may refuse a send. Rules are asked narrow to wide and cheap to dear; one that refuses keeps wider
//! ones from being consumed.

pub mod decisions;
pub mod limits;
pub mod rules;

use std::sync::Arc;

use crate::{
    clock::Clock,
    config::{self, guard::Mode},
    domain::{
        channel::Channels,
        phone::{Country, NumberType, PhoneNumber},
        purpose::Purpose,
        verdict::{Refusal, Verdict},
    },
};

use limits::{Counted, Limits};
use rules::{country, number_type};

/// What the guard looks at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The countries it serves.
    pub countries: &'a [Country],
    /// The destination.
    pub phone: &'a PhoneNumber,
    /// The user id, where there is one.
    pub user: Option<&'a str>,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// The channels that the request may take at all.
    pub channels: Channels,
}

/// A verdict, and what rules in shadow would have refused.
#[derive(Debug)]
pub struct Admission {
    /// What holds for this delivery.
    pub verdict: Verdict,
    /// Refusals that were only watched.
    pub shadowed: Vec<Refusal>,
}

/// The guard. Counters live as long as the process; a reload keeps those of limits that did not change.
#[derive(Debug)]
pub struct Guard {
    message_types: Vec<NumberType>,
    voice_types: Vec<NumberType>,
    number_policy: Mode,
    limits: Limits,
}

impl Guard {
    /// A guard by these settings, with the counters of `before` where its limits stay the same.
    pub fn new(
        settings: &config::guard::Guard,
        clock: &Clock,
        before: Option<&Guard>,
    ) -> Arc<Self> {
        let types = |names: &[config::values::NumberTypeName]| {
            names.iter().map(|name| NumberType::from(*name)).collect()
        };
        Arc::new(Self {
            message_types: types(&settings.number_types),
            voice_types: types(&settings.voice_number_types),
            number_policy: settings.number_policy,
            limits: Limits::new(&settings.limits, clock, before.map(|guard| &guard.limits)),
        })
    }

    /// Decides on a request and takes from its limits; once per request.
    pub fn admit(&self, request: &Request<'_>) -> Admission {
        let mut admission = self.policy(request);
        if matches!(admission.verdict, Verdict::Allow { .. }) {
            self.take(request, &mut admission);
        }
        admission
    }

    /// Decides without taking anything: lists and number policy only, as a limit cannot be asked without being used.
    pub fn policy(&self, request: &Request<'_>) -> Admission {
        let mut admission = Admission {
            verdict: Verdict::Allow {
                channels: request.channels,
            },
            shadowed: Vec::new(),
        };
        if self.number_policy == Mode::Disabled {
            return admission;
        }
        let allowed = number_type::channels(
            request.phone.kind(),
            request.channels,
            &self.message_types,
            &self.voice_types,
        );
        let checks = [
            country::check(request.phone.country(), request.countries).err(),
            number_type::check(request.phone.kind(), request.channels, allowed).err(),
        ];
        let refused = checks.into_iter().flatten().next();
        match (refused, self.number_policy) {
            (Some(refusal), Mode::Enforce) => admission.verdict = Verdict::Refuse(refusal),
            (Some(refusal), _) => admission.shadowed.push(refusal),
            (None, Mode::Enforce) => admission.verdict = Verdict::Allow { channels: allowed },
            (None, Mode::Shadow | Mode::Disabled) => {}
        }
        admission
    }

    /// Keys held by each limit, by its name.
    pub fn limit_keys(&self) -> Vec<(String, usize)> {
        self.limits.keys()
    }

    /// Notes which limits are full; due every second.
    pub fn upkeep(&self) {
        self.limits.upkeep();
    }

    /// Drops idle keys; due every minute. It takes time with millions of them.
    pub fn drop_idle(&self) {
        self.limits.drop_idle();
    }

    fn take(&self, request: &Request<'_>, admission: &mut Admission) {
        let counted = Counted {
            tenant: request.tenant,
            destination: request.phone.key(),
            country: request.phone.country(),
            user: request.user,
            purpose: request.purpose,
        };
        for limit in self.limits.applying(request.purpose) {
            let Err(refusal) = limit.take(&counted) else {
                continue;
            };
            if limit.mode() == Mode::Enforce {
                admission.verdict = Verdict::Refuse(refusal);
                return;
            }
            admission.shadowed.push(refusal);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{clock::Manual, error::Reason};

    fn phone(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    fn guard(time: &Arc<Manual>) -> Arc<Guard> {
        let clock = Clock::from_source(time.clone());
        Guard::new(&config::guard::Guard::default(), &clock, None)
    }

    fn admit(guard: &Guard, tenant: &str, number: &str) -> Verdict {
        let countries: Vec<_> = ["US", "AR"]
            .iter()
            .filter_map(|c| Country::parse(c))
            .collect();
        let request = Request {
            tenant,
            countries: &countries,
            phone: &phone(number),
            user: None,
            purpose: Purpose::SignIn,
            channels: Channels::ALL,
        };
        guard.admit(&request).verdict
    }

    fn refused(verdict: &Verdict) -> Option<(&str, Reason)> {
        match verdict {
            Verdict::Refuse(refusal) => Some((refusal.rule.as_ref(), refusal.reason)),
            Verdict::Allow { .. } => None,
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
            assert_eq!(refused(&admit(&guard, "acme", text)), None);
        }
        assert_eq!(refused(&admit(&guard, "acme", "+1-415-555-2671")), None);
        assert_eq!(refused(&admit(&guard, "acme", " +1 415 5552671")), None);
        let seventh = admit(&guard, "acme", "+1 415-555-2671");
        assert_eq!(
            refused(&seventh),
            Some(("destination_10m", Reason::RateLimited))
        );
        assert_eq!(refused(&admit(&guard, "other", "+14155552671")), None);
    }

    #[test]
    fn a_burst_comes_back_one_at_a_time_at_the_exact_instant() {
        let time = Manual::at(0);
        let guard = guard(&time);
        for _ in 0..6 {
            assert_eq!(refused(&admit(&guard, "acme", "+14155552671")), None);
        }
        let Verdict::Refuse(refusal) = admit(&guard, "acme", "+14155552671") else {
            panic!("the seventh is refused");
        };
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(100)));
        time.advance(Duration::from_millis(99_999));
        assert!(refused(&admit(&guard, "acme", "+14155552671")).is_some());
        time.advance(Duration::from_millis(1));
        assert_eq!(refused(&admit(&guard, "acme", "+14155552671")), None);
        assert!(refused(&admit(&guard, "acme", "+14155552671")).is_some());
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
            assert_eq!(refused(&admit(&guard, "acme", text)), None);
            assert_eq!(refused(&admit(&guard, "acme", text)), None);
        }
        assert!(refused(&admit(&guard, "acme", "+5491123456789")).is_some());
    }

    #[test]
    fn number_policy_refuses_by_country_and_type() {
        let time = Manual::at(0);
        let guard = guard(&time);
        let check = |number: &str, expect| {
            assert_eq!(refused(&admit(&guard, "acme", number)), expect, "{number}");
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
        let guard = Guard::new(&settings, &Clock::from_source(time), None);
        let admitted: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..250)
                            .filter(|_| refused(&admit(&guard, "acme", "+14155552671")).is_none())
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
        let clock = Clock::from_source(time.clone());
        let first = guard(&time);
        for _ in 0..6 {
            assert_eq!(refused(&admit(&first, "acme", "+14155552671")), None);
        }
        let second = Guard::new(&config::guard::Guard::default(), &clock, Some(&first));
        assert!(refused(&admit(&second, "acme", "+14155552671")).is_some());
    }

    #[test]
    fn a_request_without_a_channel_is_not_the_numbers_fault() {
        let guard = guard(&Manual::at(0));
        let request = Request {
            tenant: "acme",
            countries: &[Country::parse("US").expect("a country")],
            phone: &phone("+14155552671"),
            user: None,
            purpose: Purpose::SignIn,
            channels: Channels::NONE,
        };
        let verdict = guard.admit(&request).verdict;
        assert_eq!(refused(&verdict), None);
    }

    #[test]
    fn shadow_watches_and_lets_pass() {
        let settings = config::guard::Guard {
            number_policy: Mode::Shadow,
            ..config::guard::Guard::default()
        };
        let guard = Guard::new(&settings, &Clock::from_source(Manual::at(0)), None);
        let request = Request {
            tenant: "acme",
            countries: &[],
            phone: &phone("+19002345678"),
            user: None,
            purpose: Purpose::Other,
            channels: Channels::ALL,
        };
        let admission = guard.admit(&request);
        assert_eq!(
            admission.verdict,
            Verdict::Allow {
                channels: Channels::ALL
            }
        );
        assert_eq!(admission.shadowed.len(), 1);
    }
}
