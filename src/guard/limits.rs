//! Rate limits: a table of key × quota × purpose, counted in process by governor. Memory is bounded: idle keys go, and
//! once a limit holds too many, all further counting is shared among a fixed number of keys, so that a flood of fresh
//! keys can neither grow the table nor push out the keys that limit it.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};

use crate::{
    clock::Clock,
    config::guard::{Limit as Settings, LimitKey, Mode},
    domain::{phone::Country, purpose::Purpose, verdict::Refusal},
    error::Reason,
};

/// Most keys that one limit holds before further ones share.
const MAX_KEYS: usize = 10_000_000;

/// How many keys are shared once a limit is full.
const SHARED_KEYS: u64 = 65_536;

/// What may be counted of a request.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// The tenant's name; part of every key.
    pub tenant: &'a str,
    /// The number's key.
    pub destination: u64,
    /// The number's country.
    pub country: Option<Country>,
    /// The user id.
    pub user: Option<&'a str>,
    /// Why the code is needed.
    pub purpose: Purpose,
}

/// Every limit, narrow to wide.
#[derive(Debug)]
pub struct Limits(Vec<Arc<Limit>>);

impl Limits {
    /// Limits by these settings, with the counters of `before` where one stays the same.
    pub fn new(settings: &[Settings], clock: &Clock, before: Option<&Limits>) -> Self {
        let mut limits: Vec<_> = settings
            .iter()
            .filter(|limit| limit.mode != Mode::Disabled)
            .map(|limit| Arc::new(Limit::new(limit, clock, before)))
            .collect();
        limits.sort_by_key(|limit| (limit.key, limit.per));
        Self(limits)
    }

    /// The limits that apply to a purpose.
    pub fn applying(&self, purpose: Purpose) -> impl Iterator<Item = &Limit> {
        let limits = self.0.iter().map(Arc::as_ref);
        limits.filter(move |limit| limit.purposes.is_empty() || limit.purposes.contains(&purpose))
    }

    /// Keys held by each limit, by its name.
    pub fn keys(&self) -> Vec<(String, usize)> {
        let limits = self.0.iter();
        limits
            .map(|limit| (limit.name.to_string(), limit.counters.keyed.len()))
            .collect()
    }

    /// Drops idle keys. This looks at every key there is.
    pub fn drop_idle(&self) {
        for limit in &self.0 {
            limit.counters.keyed.retain_recent();
            limit.counters.shared.retain_recent();
        }
        self.upkeep();
    }

    /// Notes which limits are full.
    pub fn upkeep(&self) {
        for limit in &self.0 {
            let full = limit.counters.keyed.len() >= MAX_KEYS;
            limit.counters.full.store(full, Ordering::Relaxed);
        }
    }
}

/// One limit with its counters.
pub struct Limit {
    name: Arc<str>,
    key: LimitKey,
    count: NonZeroU32,
    per: Duration,
    purposes: Vec<Purpose>,
    mode: Mode,
    counters: Arc<Counters>,
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({}: {} per {:?})", self.name, self.count, self.per)
    }
}

impl Limit {
    /// How it acts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Takes one, or refuses and says when there will be one. A request without this limit's key is not counted.
    pub fn take(&self, counted: &Counted<'_>) -> Result<(), Refusal> {
        let Some(key) = self.counters.key(self.key, counted) else {
            return Ok(());
        };
        let Err(wait) = self.counters.take(key) else {
            return Ok(());
        };
        let per = humantime::format_duration(self.per);
        Err(Refusal {
            rule: self.name.clone(),
            reason: Reason::RateLimited,
            key: key_name(self.key),
            level: format!("all {} of {per} are used", self.count),
            threshold: format!("{} per {per}", self.count),
            retry_after: Some(wait),
        })
    }

    fn new(settings: &Settings, clock: &Clock, before: Option<&Limits>) -> Self {
        let count = NonZeroU32::new(settings.count).unwrap_or(NonZeroU32::MIN);
        let per = settings.per.0;
        let same = |old: &&Arc<Limit>| {
            (&*old.name, old.key, old.count, old.per) == (&*settings.name, settings.key, count, per)
        };
        let kept = before.and_then(|limits| limits.0.iter().find(same));
        let counters = kept.map_or_else(
            || Arc::new(Counters::new(count, per, clock)),
            |old| old.counters.clone(),
        );
        Self {
            name: settings.name.as_str().into(),
            key: settings.key,
            count,
            per,
            purposes: settings
                .purposes
                .iter()
                .map(|p| Purpose::from(*p))
                .collect(),
            mode: settings.mode,
            counters,
        }
    }
}

type Keyed = RateLimiter<u64, DashMapStateStore<u64, RandomState>, Clock, NoOpMiddleware<Instant>>;

struct Counters {
    keyed: Keyed,
    shared: Keyed,
    full: AtomicBool,
    /// Keys are hashed with a secret of the process, so that nobody can aim two of them at each other.
    hasher: RandomState,
    clock: Clock,
}

impl Counters {
    fn new(count: NonZeroU32, per: Duration, clock: &Clock) -> Self {
        // A burst of `count` that comes back one every `per / count`.
        let step = (per / count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(step)
            .map_or_else(|| Quota::per_second(count), |q| q.allow_burst(count));
        let limiter = || RateLimiter::new(quota, DashMapStateStore::default(), clock.clone());
        Self {
            keyed: limiter(),
            shared: limiter(),
            full: AtomicBool::new(false),
            hasher: RandomState::new(),
            clock: clock.clone(),
        }
    }

    fn take(&self, key: u64) -> Result<(), Duration> {
        let checked = if self.full.load(Ordering::Relaxed) {
            self.shared.check_key(&(key % SHARED_KEYS))
        } else {
            self.keyed.check_key(&key)
        };
        checked.map_err(|until| until.wait_time_from(self.clock.now()))
    }

    fn key(&self, key: LimitKey, counted: &Counted<'_>) -> Option<u64> {
        let tenant = counted.tenant;
        match key {
            LimitKey::Destination => Some(self.hasher.hash_one((tenant, counted.destination))),
            LimitKey::User => Some(self.hasher.hash_one((tenant, counted.user?))),
            LimitKey::Country => Some(self.hasher.hash_one((tenant, counted.country?))),
            LimitKey::Tenant => Some(self.hasher.hash_one(tenant)),
        }
    }
}

const fn key_name(key: LimitKey) -> &'static str {
    match key {
        LimitKey::Destination => "destination",
        LimitKey::User => "user",
        LimitKey::Country => "country",
        LimitKey::Tenant => "tenant",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Manual, config::values::Span};

    fn counters(count: u32, per: u64, time: &Arc<Manual>) -> Counters {
        let count = NonZeroU32::new(count).expect("not zero");
        Counters::new(
            count,
            Duration::from_secs(per),
            &Clock::from_source(time.clone()),
        )
    }

    #[test]
    fn idle_keys_go() {
        let time = Manual::at(0);
        let settings = Settings {
            name: "one".to_owned(),
            key: LimitKey::Destination,
            count: 2,
            per: Span::seconds(10),
            purposes: Vec::new(),
            mode: Mode::Enforce,
        };
        let limits = Limits::new(&[settings], &Clock::from_source(time.clone()), None);
        let counted = |destination| Counted {
            tenant: "acme",
            destination,
            country: None,
            user: None,
            purpose: Purpose::Other,
        };
        for destination in 0..100 {
            assert!(limits.0[0].take(&counted(destination)).is_ok());
        }
        assert_eq!(limits.keys(), [("one".to_owned(), 100)]);
        time.advance(Duration::from_mins(1));
        limits.drop_idle();
        assert_eq!(limits.keys(), [("one".to_owned(), 0)]);
    }

    #[test]
    fn a_full_limit_shares_and_does_not_grow() {
        let counters = counters(1, 60, &Manual::at(0));
        counters.full.store(true, Ordering::Relaxed);
        for key in 0..SHARED_KEYS * 2 {
            let expect = key < SHARED_KEYS;
            assert_eq!(counters.take(key).is_ok(), expect, "{key}");
        }
        assert_eq!(counters.keyed.len(), 0);
        assert_eq!(counters.shared.len() as u64, SHARED_KEYS);
    }

    #[test]
    fn a_request_without_the_key_is_not_counted() {
        let counters = counters(1, 60, &Manual::at(0));
        let counted = Counted {
            tenant: "acme",
            destination: 1,
            country: None,
            user: None,
            purpose: Purpose::Other,
        };
        assert_eq!(counters.key(LimitKey::User, &counted), None);
        assert_eq!(counters.key(LimitKey::Country, &counted), None);
        assert_ne!(
            counters.key(LimitKey::Tenant, &counted),
            counters.key(LimitKey::Destination, &counted)
        );
    }
}
