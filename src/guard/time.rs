//! The guard's time: milliseconds since 1970 that never go backwards within a process, whatever becomes of the wall clock.

use std::time::{Duration, Instant};

use crate::clock::Clock;

/// Milliseconds of a day.
pub const DAY_MS: u64 = 86_400_000;

/// Where the guard's time is counted from.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    start: Instant,
    start_ms: u64,
}

impl Time {
    /// Time that is right now what the wall clock says, and runs on with the monotonic clock.
    pub fn new(clock: &Clock) -> Self {
        Self {
            start: clock.now(),
            start_ms: clock.unix_ms(),
        }
    }

    /// When it began.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Milliseconds since 1970.
    pub fn ms(&self, clock: &Clock) -> u64 {
        let passed = clock.now().saturating_duration_since(self.start);
        self.start_ms.saturating_add(whole_ms(passed))
    }

    /// The beginning of the time, ms since 1970.
    pub fn start_ms(&self) -> u64 {
        self.start_ms
    }
}

/// A length in whole milliseconds.
pub fn whole_ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// The day of a moment, since 1970.
pub fn day(ms: u64) -> u32 {
    u32::try_from(ms / DAY_MS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;

    #[test]
    fn a_wall_clock_that_jumps_does_not_move_it() {
        let source = Manual::at(1_000_000);
        let clock = Clock::from_source(source.clone());
        let time = Time::new(&clock);
        source.advance(Duration::from_millis(5));
        for wall in [0, 500_000, 9_000_000_000] {
            source.set_wall(wall);
            assert_eq!(time.ms(&clock), 1_000_005);
        }
        assert_eq!(day(DAY_MS - 1), 0);
        assert_eq!(day(DAY_MS), 1);
    }
}
