//! How the providers stand: what `routing::health` says, kept by provider name, country and sender, over reloads.

use std::{
    collections::HashMap,
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use dashmap::DashMap;
use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state};

use crate::{
    clock::Clock,
    domain::{failure::Scope, phone::Country},
    routing::health::{Change, Health, Sign, Standing},
};

/// Most countries and senders whose health is kept apart for one provider.
const MAX_PARTS: usize = 1024;

/// Whom a message concerns beside its provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    /// Where it goes.
    pub(super) country: Option<Country>,
    /// Who it comes from.
    pub(super) sender: Option<&'a str>,
}

/// A part of what a provider does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Country(Country),
    Sender(String),
}

/// The health of every provider.
pub(super) struct Infirmary {
    clock: Clock,
    providers: DashMap<Arc<str>, Arc<Patient>>,
}

impl Infirmary {
    pub(super) fn new(clock: Clock) -> Self {
        let providers = DashMap::new();
        Self { clock, providers }
    }

    /// The health of a provider; one that was never heard of is well.
    pub(super) fn patient(&self, provider: &Arc<str>) -> Arc<Patient> {
        if let Some(known) = self.providers.get(provider) {
            return known.clone();
        }
        let new = || Arc::new(Patient::new(self.clock.clone()));
        let entry = self.providers.entry(provider.clone());
        entry.or_insert_with(new).clone()
    }

    /// Providers of whose breakers some are open, and how many.
    pub(super) fn open(&self) -> Vec<(Arc<str>, usize)> {
        let count = |one: dashmap::mapref::multiple::RefMulti<'_, Arc<str>, Arc<Patient>>| {
            (one.key().clone(), one.value().open())
        };
        self.providers.iter().map(count).collect()
    }

    /// Forgets providers that are configured no longer, and parts that are well again. The names of those providers.
    pub(super) fn tidy(&self, configured: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let mut gone = Vec::new();
        self.providers.retain(|name, patient| {
            patient.tidy();
            let stays = configured(name);
            if !stays {
                gone.push(name.clone());
            }
            stays
        });
        gone
    }
}

impl fmt::Debug for Infirmary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Infirmary({} providers)", self.providers.len())
    }
}

/// One provider's health.
pub(super) struct Patient {
    clock: Clock,
    whole: Mutex<Health>,
    parts: Mutex<HashMap<Part, Health>>,
    /// How many parts there are: nearly always none, and then nobody looks.
    troubled: AtomicUsize,
    rate: Mutex<Option<(NonZeroU32, Arc<Rate>)>>,
}

type Rate =
    RateLimiter<state::direct::NotKeyed, state::InMemoryState, Clock, NoOpMiddleware<Instant>>;

impl Patient {
    fn new(clock: Clock) -> Self {
        let now = clock.now();
        Self {
            clock,
            whole: Mutex::new(Health::new(now)),
            parts: Mutex::default(),
            troubled: AtomicUsize::new(0),
            rate: Mutex::default(),
        }
    }

    /// How it stands for a message.
    pub(super) fn standing(&self, parts: Parts<'_>) -> Standing {
        let now = self.clock.now();
        let mut standing = lock(&self.whole).standing(now);
        self.each(parts, |health| {
            standing = standing.worse(health.standing(now));
        });
        standing
    }

    /// Takes the right to try it, in every scope that is not well. One that is denied leaves the others' untouched for
    /// this second, which does no harm: there is another one in the next.
    pub(super) fn take_probe(&self, parts: Parts<'_>) -> bool {
        let now = self.clock.now();
        let mut taken = probe(&mut lock(&self.whole), now);
        self.each(parts, |health| taken = taken && probe(health, now));
        taken
    }

    /// Learns how an attempt ended, in the scope that its failure reaches; a success is good news for all of them.
    pub(super) fn learn(&self, sign: Sign, scope: Scope, parts: Parts<'_>) -> Option<Change> {
        let now = self.clock.now();
        match (sign, scope) {
            (Sign::Good | Sign::Slow, _) => {
                let mut change = None;
                self.each(parts, |health| change = change.or(health.learn(sign, now)));
                lock(&self.whole).learn(sign, now).or(change)
            }
            (Sign::Bad | Sign::Broken, Scope::Provider) => lock(&self.whole).learn(sign, now),
            (Sign::Bad | Sign::Broken, Scope::Country) => {
                self.learn_part(parts.country.map(Part::Country)?, sign, now)
            }
            (Sign::Bad | Sign::Broken, Scope::Sender) => match parts.sender {
                Some(sender) => self.learn_part(Part::Sender(sender.to_owned()), sign, now),
                // Its senders are not told apart.
                None => lock(&self.whole).learn(sign, now),
            },
            (Sign::Bad | Sign::Broken, Scope::Recipient) => None,
        }
    }

    /// Takes one of the requests that may begin in this second.
    pub(super) fn may_begin(&self, per_second: Option<NonZeroU32>) -> bool {
        let Some(per_second) = per_second else {
            return true;
        };
        let rate = {
            let mut rate = lock(&self.rate);
            match &*rate {
                Some((known, rate)) if *known == per_second => rate.clone(),
                Some(_) | None => {
                    let quota = Quota::per_second(per_second);
                    let new = Arc::new(RateLimiter::direct_with_clock(quota, self.clock.clone()));
                    *rate = Some((per_second, new.clone()));
                    new
                }
            }
        };
        rate.check().is_ok()
    }

    fn learn_part(&self, part: Part, sign: Sign, now: Instant) -> Option<Change> {
        let mut all = lock(&self.parts);
        if all.len() >= MAX_PARTS && !all.contains_key(&part) {
            return None;
        }
        let change = all
            .entry(part)
            .or_insert_with(|| Health::new(now))
            .learn(sign, now);
        self.troubled.store(all.len(), Ordering::Relaxed);
        change
    }

    /// Does something with the health of each part that is kept apart.
    fn each(&self, parts: Parts<'_>, mut act: impl FnMut(&mut Health)) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut all = lock(&self.parts);
        let country = parts.country.map(Part::Country);
        let sender = parts.sender.map(|sender| Part::Sender(sender.to_owned()));
        for part in country.into_iter().chain(sender) {
            if let Some(health) = all.get_mut(&part) {
                act(health);
            }
        }
    }

    fn open(&self) -> usize {
        let now = self.clock.now();
        let is_open = |health: &Health| !matches!(health.standing(now), Standing::Open(_));
        let parts = lock(&self.parts)
            .values()
            .filter(|one| is_open(one))
            .count();
        parts + usize::from(is_open(&lock(&self.whole)))
    }

    fn tidy(&self) {
        let now = self.clock.now();
        let mut parts = lock(&self.parts);
        parts.retain(|_, health| !health.is_well(now));
        self.troubled.store(parts.len(), Ordering::Relaxed);
    }
}

fn probe(health: &mut Health, now: Instant) -> bool {
    matches!(health.standing(now), Standing::Open(_)) || health.take_probe(now)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Manual;

    fn parts<'a>(country: &str, sender: &'a str) -> Parts<'a> {
        Parts {
            country: Country::parse(country),
            sender: Some(sender),
        }
    }

    fn patient() -> (Arc<Patient>, Arc<Manual>) {
        let time = Manual::at(0);
        let infirmary = Infirmary::new(Clock::from_source(time.clone()));
        (infirmary.patient(&"a".into()), time)
    }

    #[test]
    fn a_thousand_failures_of_one_country_close_nothing_elsewhere() {
        let (patient, _) = patient();
        for _ in 0..1000 {
            patient.learn(Sign::Broken, Scope::Country, parts("LA", "x"));
        }
        assert_eq!(patient.standing(parts("LA", "x")), Standing::Shut);
        assert_eq!(patient.standing(parts("US", "x")), Standing::Open(1.0));
    }

    #[test]
    fn a_sender_and_a_recipient_are_told_apart() {
        let (patient, _) = patient();
        patient.learn(Sign::Broken, Scope::Sender, parts("US", "x"));
        assert_eq!(patient.standing(parts("US", "x")), Standing::Shut);
        assert_eq!(patient.standing(parts("US", "y")), Standing::Open(1.0));
        for _ in 0..100 {
            patient.learn(Sign::Broken, Scope::Recipient, parts("US", "y"));
        }
        let nowhere = Parts {
            country: None,
            sender: None,
        };
        patient.learn(Sign::Broken, Scope::Country, nowhere);
        assert_eq!(patient.standing(parts("US", "y")), Standing::Open(1.0));
        patient.learn(Sign::Broken, Scope::Sender, nowhere);
        assert_eq!(patient.standing(nowhere), Standing::Shut);
    }

    #[test]
    fn one_probe_for_all_who_ask_at_once() {
        let (patient, time) = patient();
        patient.learn(Sign::Broken, Scope::Provider, parts("US", "x"));
        time.advance(Duration::from_secs(1));
        let taken = |_: &u32| patient.take_probe(parts("US", "x"));
        assert_eq!((0..100).filter(taken).count(), 1);
        assert_eq!(
            patient.learn(Sign::Good, Scope::Provider, parts("US", "x")),
            Some(Change::Closed)
        );
    }

    #[test]
    fn what_is_well_again_is_forgotten_and_what_is_gone_too() {
        let time = Manual::at(0);
        let infirmary = Infirmary::new(Clock::from_source(time.clone()));
        let patient = infirmary.patient(&"a".into());
        patient.learn(Sign::Broken, Scope::Country, parts("LA", "x"));
        assert_eq!(infirmary.open(), [("a".into(), 1)]);
        time.advance(Duration::from_secs(1));
        assert!(patient.take_probe(parts("LA", "x")));
        patient.learn(Sign::Good, Scope::Provider, parts("LA", "x"));
        time.advance(Duration::from_secs(20));
        assert_eq!(infirmary.tidy(|_| true), []);
        assert_eq!(patient.troubled.load(Ordering::Relaxed), 0);
        assert_eq!(infirmary.tidy(|name| name != "a"), ["a".into()]);
        assert_eq!(infirmary.open(), []);
    }

    #[test]
    fn the_parts_that_are_kept_are_bounded() {
        let (patient, _) = patient();
        for sender in 0..2 * MAX_PARTS {
            let sender = sender.to_string();
            patient.learn(Sign::Bad, Scope::Sender, parts("US", &sender));
        }
        assert_eq!(patient.troubled.load(Ordering::Relaxed), MAX_PARTS);
    }

    #[test]
    fn no_more_begin_in_a_second_than_may() {
        let (patient, time) = patient();
        let begun = || {
            let may = |_: &u32| patient.may_begin(NonZeroU32::new(3));
            (0..100).filter(may).count()
        };
        assert_eq!(begun(), 3);
        time.advance(Duration::from_secs(1));
        assert_eq!(begun(), 3);
        assert!(patient.may_begin(None));
    }
}
