//! Rate limits: a table of key × quota × purpose, counted in process by governor over bounded tables of our own.

mod counters;
mod slot;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use crate::{
    clock::Clock,
    config::guard::{Limit as Settings, LimitKey, Mode},
    domain::{phone::PhoneNumber, purpose::Purpose, verdict::Refusal},
    error::Reason,
};

use super::{
    hashing::{Hashing, Kind, Tag},
    time::{Time, whole_ms},
};

use counters::{Counters, nanos};
use slot::Slot;

/// What may be counted of a request.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// The tenant; part of every key.
    pub tag: Tag,
    /// The number.
    pub phone: &'a PhoneNumber,
    /// The user id.
    pub user: Option<&'a str>,
    /// Whether this destination was verified before and signs in: it and its user may do so more often.
    pub trusted: bool,
}

impl Counted<'_> {
    fn key(&self, key: LimitKey, hashing: &Hashing) -> Option<u64> {
        match key {
            LimitKey::Destination => Some(destination(hashing, self.tag, self.phone)),
            LimitKey::User => Some(hashing.user(self.tag, self.user?)),
            LimitKey::Country => Some(hashing.country(self.tag, self.phone.country()?)),
            LimitKey::Tenant => Some(hashing.figure(Kind::Tenant, self.tag, 0)),
        }
    }
}

/// The key of a number's limits.
pub fn destination(hashing: &Hashing, tag: Tag, phone: &PhoneNumber) -> u64 {
    hashing.figure(Kind::Destination, tag, phone.key())
}

/// A tenant's limits, narrow to wide.
#[derive(Debug)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// The limits that apply to a purpose.
    pub fn applying(&self, purpose: Purpose) -> impl Iterator<Item = &Limit> {
        let limits = self.0.iter();
        limits.filter(move |limit| limit.purposes.is_empty() || limit.purposes.contains(&purpose))
    }

    /// The limits of this key.
    pub fn of(&self, key: LimitKey) -> impl Iterator<Item = &Limit> {
        let limits = self.0.iter();
        limits.filter(move |limit| limit.counters.key == key)
    }
}

/// One limit as it holds for a tenant.
#[derive(Debug)]
pub struct Limit {
    /// How it acts where nothing else is said.
    pub mode: Mode,
    purposes: Vec<Purpose>,
    counters: Arc<Counters>,
}

impl Limit {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.counters.name
    }

    /// Takes one, or refuses and says when there will be one. A request without this limit's key is not counted.
    pub fn take(&self, counted: &Counted<'_>, hashing: &Hashing) -> Result<(), Refusal> {
        let counters = &self.counters;
        let Some(key) = counted.key(counters.key, hashing) else {
            return Ok(());
        };
        let own = matches!(counters.key, LimitKey::Destination | LimitKey::User);
        let trusted = counted.trusted && own;
        let Err(wait) = counters.take(key, trusted) else {
            return Ok(());
        };
        let times = if trusted { counters.times } else { 1 };
        let count = counters.count.get().saturating_mul(times);
        let per = humantime::format_duration(counters.per);
        Err(Refusal {
            rule: counters.name.clone(),
            reason: Reason::RateLimited,
            key: key_name(counters.key),
            level: format!("all {count} of {per} are used"),
            threshold: format!("{count} per {per}"),
            retry_after: Some(wait),
        })
    }

    /// How many of it are used, and how many there are.
    pub fn used(&self, key: u64) -> (u32, u32) {
        let counters = &self.counters;
        let step = counters.step();
        let ahead = counters.ahead(key);
        let used = ahead.as_nanos().div_ceil(step.as_nanos().max(1));
        (
            u32::try_from(used).unwrap_or(u32::MAX),
            counters.count.get(),
        )
    }

    /// In how long they come back.
    pub fn per(&self) -> Duration {
        self.counters.per
    }
}

/// The counters of every tenant's limits.
#[derive(Debug, Default)]
pub struct Pool(Vec<Arc<Counters>>);

impl Pool {
    /// Counters for all of these settings, those of `before` where a limit stays the same.
    pub fn new<'a>(
        settings: impl Iterator<Item = &'a Settings>,
        times: u32,
        clock: &Clock,
        before: Option<&Self>,
    ) -> Self {
        let mut pool: Vec<Arc<Counters>> = Vec::new();
        let mut open: Vec<(LimitKey, Slot)> = Vec::new();
        for limit in settings {
            if pool.iter().any(|counters| counters.is_of(limit, times)) {
                continue;
            }
            let kept = before.and_then(|pool| pool.find(limit, times));
            let counters = kept.unwrap_or_else(|| {
                // Two limits of one key share a table, whose places hold a time for each.
                let half = open.iter().position(|(key, _)| *key == limit.key);
                let slot =
                    half.map_or_else(|| Slot::new(limit.key, clock), |at| open.swap_remove(at).1);
                open.extend(slot.other().map(|other| (limit.key, other)));
                Arc::new(Counters::new(limit, times, &slot, clock))
            });
            pool.push(counters);
        }
        Self(pool)
    }

    /// A tenant's limits by these settings, all of which the pool has been made for.
    pub fn limits<'a>(&self, settings: impl Iterator<Item = &'a Settings>, times: u32) -> Limits {
        let limit = |limit: &Settings| {
            Some(Limit {
                mode: limit.mode,
                purposes: limit.purposes.iter().map(|p| Purpose::from(*p)).collect(),
                counters: self.find(limit, times)?,
            })
        };
        let mut limits: Vec<_> = settings.filter_map(limit).collect();
        limits.sort_by_key(|limit| (limit.counters.key, limit.counters.per));
        Limits(limits)
    }

    /// Keys held by each limit, by its name.
    pub fn keys(&self) -> Vec<(String, usize)> {
        let counters = self.0.iter();
        counters
            .map(|one| (one.name.to_string(), one.slot.count()))
            .collect()
    }

    /// Drops idle keys. This looks at every key there is.
    pub fn drop_idle(&self) {
        for counters in &self.0 {
            counters.slot.drop_idle(counters.now());
        }
    }

    /// The times of lasting limits that have changed, at most so many: which limit, which key, and until when it is in use,
    /// ms since 1970.
    pub fn changed(&self, most: usize, time: &Time) -> Vec<(u64, u64, u64)> {
        let mut changed = Vec::new();
        for counters in &self.0 {
            let mut waiting = counters
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let from = waiting.len() - waiting.len().min(most - changed.len());
            for key in waiting.drain(from..) {
                let until = counters.slot.get(key).unwrap_or_default();
                let passed = counters.slot.start.saturating_duration_since(time.start());
                let until_ms = time.start_ms() + whole_ms(passed) + until.div_ceil(1_000_000);
                changed.push((counters.id, key, until_ms));
            }
        }
        changed
    }

    /// Takes in a time that an earlier process kept.
    pub fn restore(&self, (id, key): (u64, u64), until_ms: u64, now_ms: u64) {
        for counters in self.0.iter().filter(|counters| counters.id == id) {
            let ahead = Duration::from_millis(until_ms.saturating_sub(now_ms)).min(counters.per);
            if ahead.is_zero() {
                continue;
            }
            let until = counters.now().saturating_add(nanos(ahead));
            counters.slot.with(key, |time| *time = until.max(*time));
        }
    }

    fn find(&self, settings: &Settings, times: u32) -> Option<Arc<Counters>> {
        let mut counters = self.0.iter();
        counters.find(|one| one.is_of(settings, times)).cloned()
    }
}

/// What a limit counts by, as in decisions.
pub const fn key_name(key: LimitKey) -> &'static str {
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

    struct Desk {
        time: Arc<Manual>,
        clock: Clock,
        hashing: Hashing,
    }

    impl Desk {
        fn new() -> Self {
            let time = Manual::at(1_700_000_000_000);
            Self {
                clock: Clock::from_source(time.clone()),
                time,
                hashing: Hashing::new(&[3; 16]),
            }
        }

        fn pool(&self, settings: &[Settings], before: Option<&Pool>) -> Pool {
            Pool::new(settings.iter(), 3, &self.clock, before)
        }

        fn takes(&self, limits: &Limits, counted: &Counted<'_>) -> bool {
            let mut limits = limits.applying(Purpose::SignIn);
            limits.all(|limit| limit.take(counted, &self.hashing).is_ok())
        }

        fn counted<'a>(&self, phone: &'a PhoneNumber) -> Counted<'a> {
            Counted {
                tag: self.hashing.tenant("acme"),
                phone,
                user: None,
                trusted: false,
            }
        }
    }

    fn limit(name: &str, key: LimitKey, count: u32, seconds: u64) -> Settings {
        Settings {
            name: name.to_owned(),
            key,
            count,
            per: Span::seconds(seconds),
            purposes: Vec::new(),
            mode: Mode::Enforce,
        }
    }

    fn phone(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    #[test]
    fn one_comes_back_at_its_very_instant() {
        let desk = Desk::new();
        let settings = [limit("one", LimitKey::Destination, 6, 600)];
        let limits = desk.pool(&settings, None).limits(settings.iter(), 3);
        let phone = phone("+14155552671");
        let take = || desk.takes(&limits, &desk.counted(&phone));
        assert!((0..6).all(|_| take()));
        assert!(!take());
        desk.time.advance(Duration::from_nanos(99_999_999_999));
        assert!(!take());
        desk.time.advance(Duration::from_nanos(1));
        assert!(take());
        assert!(!take());
    }

    #[test]
    fn who_was_verified_has_three_times_as_much_of_the_same() {
        let desk = Desk::new();
        let settings = [limit("one", LimitKey::Destination, 6, 600)];
        let limits = desk.pool(&settings, None).limits(settings.iter(), 3);
        let phone = phone("+14155552671");
        let trusted = Counted {
            trusted: true,
            ..desk.counted(&phone)
        };
        assert!((0..18).all(|_| desk.takes(&limits, &trusted)));
        assert!(!desk.takes(&limits, &trusted));
        assert!(!desk.takes(&limits, &desk.counted(&phone)));
        // Each has used its share of the same ten minutes.
        desk.time.advance(Duration::from_millis(33_334));
        assert!(desk.takes(&limits, &trusted));
        assert!(!desk.takes(&limits, &desk.counted(&phone)));
    }

    #[test]
    fn two_limits_in_one_table_are_apart() {
        let desk = Desk::new();
        let settings = [
            limit("short", LimitKey::Destination, 2, 60),
            limit("long", LimitKey::Destination, 3, 86_400),
        ];
        let pool = desk.pool(&settings, None);
        let limits = pool.limits(settings.iter(), 3);
        let phone = phone("+14155552671");
        let take = || desk.takes(&limits, &desk.counted(&phone));
        assert!(take() && take() && !take());
        desk.time.advance(Duration::from_mins(1));
        assert!(take(), "the short one is whole again");
        assert!(!take(), "the long one is used up");
        desk.time.advance(Duration::from_mins(1));
        assert!(!take());
        assert_eq!(
            pool.keys(),
            [("short".to_owned(), 1), ("long".to_owned(), 1)]
        );
        desk.time.advance(Duration::from_hours(23));
        pool.drop_idle();
        assert_eq!(pool.keys()[0].1, 1);
        desk.time.advance(Duration::from_hours(24));
        pool.drop_idle();
        assert_eq!(pool.keys()[0].1, 0);
    }

    #[test]
    fn what_is_counted_by_user_needs_one() {
        let desk = Desk::new();
        let settings = [limit("user", LimitKey::User, 1, 60)];
        let limits = desk.pool(&settings, None).limits(settings.iter(), 3);
        let phone = phone("+14155552671");
        let nobody = desk.counted(&phone);
        assert!((0..9).all(|_| desk.takes(&limits, &nobody)));
        let somebody = Counted {
            user: Some("u"),
            ..nobody
        };
        assert!(desk.takes(&limits, &somebody));
        assert!(!desk.takes(&limits, &somebody));
    }

    #[test]
    fn a_long_limit_outlives_the_process_and_a_short_one_does_not() {
        let desk = Desk::new();
        let settings = [
            limit("hour", LimitKey::Destination, 4, 3600),
            limit("minute", LimitKey::Tenant, 4, 60),
        ];
        let phone = phone("+14155552671");
        let first = desk.pool(&settings, None);
        let limits = first.limits(settings.iter(), 3);
        let time = Time::new(&desk.clock);
        assert!((0..4).all(|_| desk.takes(&limits, &desk.counted(&phone))));
        let kept = first.changed(100, &time);
        assert!(first.changed(100, &time).is_empty());

        desk.time.advance(Duration::from_mins(10));
        let second = desk.pool(&settings, None);
        for (id, key, until_ms) in kept {
            second.restore((id, key), until_ms, desk.clock.unix_ms());
        }
        let limits = second.limits(settings.iter(), 3);
        assert!(!desk.takes(&limits, &desk.counted(&phone)));
        desk.time.advance(Duration::from_mins(5));
        assert!(desk.takes(&limits, &desk.counted(&phone)));
        assert!(!desk.takes(&limits, &desk.counted(&phone)));
    }

    #[test]
    fn a_kept_time_of_a_clock_that_was_ahead_is_at_most_the_limits_own() {
        let desk = Desk::new();
        let settings = [limit("hour", LimitKey::Destination, 4, 3600)];
        let pool = desk.pool(&settings, None);
        let phone = phone("+14155552671");
        let key = destination(&desk.hashing, desk.hashing.tenant("acme"), &phone);
        let now_ms = desk.clock.unix_ms();
        pool.restore((pool.0[0].id, key), now_ms * 2, now_ms);
        let limits = pool.limits(settings.iter(), 3);
        desk.time.advance(Duration::from_mins(15));
        assert!(desk.takes(&limits, &desk.counted(&phone)));
    }
}
