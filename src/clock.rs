//! Time and chance: the only place that asks the system for either, so that tests can hand in their own.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Where time and randomness come from. Deadlines and lives use the monotonic clock; the wall clock is for people only.
pub trait Source: Send + Sync {
    /// The monotonic clock.
    fn now(&self) -> Instant;
    /// The wall clock; it may jump.
    fn wall(&self) -> SystemTime;
    /// 128 random bits.
    fn random(&self) -> u128;
}

/// A shared handle on time and chance.
#[derive(Clone)]
pub struct Clock(Arc<dyn Source>);

impl Clock {
    /// The system's clocks and random numbers. Follows `tokio::time::pause` in tests.
    pub fn system() -> Self {
        Self(Arc::new(System))
    }

    /// A clock of the caller's making.
    pub fn from_source(source: Arc<dyn Source>) -> Self {
        Self(source)
    }

    /// The monotonic clock.
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Milliseconds since 1970 on the wall clock; zero for a clock set before that.
    pub fn unix_ms(&self) -> u64 {
        let since = self.0.wall().duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    /// 128 random bits.
    pub fn random(&self) -> u128 {
        self.0.random()
    }
}

/// Rate limits count on the same clock.
impl governor::clock::Clock for Clock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

struct System;

impl Source for System {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}

/// A clock that stands still until it is moved. Its randomness is a counter, so that ids are predictable.
pub struct Manual {
    start: Instant,
    state: Mutex<ManualState>,
}

struct ManualState {
    passed: Duration,
    wall: SystemTime,
    drawn: u128,
}

impl Manual {
    /// Stands at `unix_ms` on the wall clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "an `Instant` cannot be made from nothing"
    )]
    pub fn at(unix_ms: u64) -> Arc<Self> {
        let wall = UNIX_EPOCH + Duration::from_millis(unix_ms);
        Arc::new(Self {
            start: Instant::now(),
            state: Mutex::new(ManualState {
                passed: Duration::ZERO,
                wall,
                drawn: 0,
            }),
        })
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.passed += by;
        state.wall += by;
    }

    /// Makes the wall clock jump, as an operator or NTP may.
    pub fn set_wall(&self, unix_ms: u64) {
        self.lock().wall = UNIX_EPOCH + Duration::from_millis(unix_ms);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ManualState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Manual {
    fn now(&self) -> Instant {
        self.start + self.lock().passed
    }

    fn wall(&self) -> SystemTime {
        self.lock().wall
    }

    fn random(&self) -> u128 {
        let mut state = self.lock();
        state.drawn += 1;
        state.drawn
    }
}
