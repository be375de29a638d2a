//! What one limit has counted, for every tenant that has it.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware};

use crate::{
    clock::Clock,
    config::guard::{Limit as Settings, LimitKey},
    guard::hashing::Hashing,
};

use super::slot::Slot;

/// Limits of at least this time outlive the process.
const LASTING: Duration = Duration::from_hours(1);

/// Most keys that wait for being kept.
const WAITING: usize = 100_000;

type Limiter = RateLimiter<u64, Slot, Clock, NoOpMiddleware<Instant>>;

/// What one limit has counted, for every tenant that has it.
pub(super) struct Counters {
    pub(super) name: Arc<str>,
    pub(super) key: LimitKey,
    pub(super) count: NonZeroU32,
    pub(super) per: Duration,
    pub(super) times: u32,
    /// What tells it from others, the same after a restart.
    pub(super) id: u64,
    usual: Limiter,
    trusted: Limiter,
    pub(super) slot: Slot,
    clock: Clock,
    /// Keys whose time must be kept.
    pub(super) waiting: Mutex<Vec<u64>>,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Counters({}: {} per {:?})",
            self.name, self.count, self.per
        )
    }
}

impl Counters {
    pub(super) fn new(settings: &Settings, times: u32, slot: &Slot, clock: &Clock) -> Self {
        let count = NonZeroU32::new(settings.count).unwrap_or(NonZeroU32::MIN);
        let per = settings.per.0;
        let more = count.saturating_mul(NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN));
        // Both count in the same place: each has used so much of the time.
        let limiter = |count| RateLimiter::new(quota(count, per), slot.clone(), clock.clone());
        Self {
            name: settings.name.as_str().into(),
            key: settings.key,
            count,
            per,
            times,
            id: id(settings),
            usual: limiter(count),
            trusted: limiter(more),
            slot: slot.clone(),
            clock: clock.clone(),
            waiting: Mutex::default(),
        }
    }

    pub(super) fn is_of(&self, settings: &Settings, times: u32) -> bool {
        let own = (
            &*self.name,
            self.key,
            self.count.get(),
            self.per,
            self.times,
        );
        own == (
            &*settings.name,
            settings.key,
            settings.count.max(1),
            settings.per.0,
            times,
        )
    }

    pub(super) fn take(&self, key: u64, trusted: bool) -> Result<(), Duration> {
        let limiter = if trusted { &self.trusted } else { &self.usual };
        let taken = limiter.check_key(&key);
        taken.map_err(|until| until.wait_time_from(self.clock.now()))?;
        // What is used little is forgotten by a restart: it could not be told from nothing for long.
        if self.per >= LASTING && self.ahead(key) * 4 >= self.per {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < WAITING {
                waiting.push(key);
            }
        }
        Ok(())
    }

    /// How much of the time is used.
    pub(super) fn ahead(&self, key: u64) -> Duration {
        let until = self.slot.get(key).unwrap_or_default();
        Duration::from_nanos(until.saturating_sub(self.now()))
    }

    pub(super) fn now(&self) -> u64 {
        nanos(self.clock.now().saturating_duration_since(self.slot.start))
    }

    pub(super) fn step(&self) -> Duration {
        step(self.count, self.per)
    }
}

/// A burst of `count` that comes back one every `per / count`.
fn quota(count: NonZeroU32, per: Duration) -> Quota {
    let quota = Quota::with_period(step(count, per));
    quota.map_or_else(
        || Quota::per_second(count),
        |quota| quota.allow_burst(count),
    )
}

fn step(count: NonZeroU32, per: Duration) -> Duration {
    (per / count.get()).max(Duration::from_nanos(1))
}

fn id(settings: &Settings) -> u64 {
    // This need not be secret, as it is of the configuration; only the same after a restart.
    let hashing = Hashing::new(&[0; 16]);
    let text = format!(
        "{} {:?} {} {:?}",
        settings.name, settings.key, settings.count, settings.per
    );
    hashing.user(hashing.tenant("limit"), &text) >> 8
}

pub(super) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
