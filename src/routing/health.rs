//! Whether a provider is well: a circuit breaker and a share of the traffic, told of every attempt's end and of the time.
//! Pure: `dispatch` keeps one for each scope in which attempts fail, and asks.

use std::time::{Duration, Instant};

use crate::domain::failure::Failure;

/// Between two probes of a provider whose breaker is open.
pub const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How far one attempt moves the quality towards what it showed: seven failures on end make a half of a whole, and one
/// among many good ones a tenth less.
const STEP: f64 = 0.1;

/// Below this quality the breaker opens: about half of the recent attempts failed, and they were enough to tell.
const OPENS_BELOW: f64 = 0.5;

/// What the quality wins in a second by itself: what failed some minutes ago tells little of now.
const FORGETS_PER_SECOND: f64 = 0.002;

/// The share of one that is worst, and of one that has just come back.
const LEAST: f64 = 0.1;

/// What the share wins in a second at most: it falls at once, and traffic drifts back within ten seconds.
const DRIFT_PER_SECOND: f64 = 0.1;

/// What an attempt's end says about the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It works.
    Good,
    /// It works, but so slowly that others may be better.
    Slow,
    /// It failed by a fault of its own.
    Bad,
    /// Nothing will go through until somebody mends the account.
    Broken,
}

/// What an attempt's end says about its provider; `None` where it speaks of the recipient or of our request.
pub const fn sign(failure: Option<Failure>, slow: bool) -> Option<Sign> {
    match failure {
        None if slow => Some(Sign::Slow),
        None => Some(Sign::Good),
        Some(Failure::Transient | Failure::Ambiguous) => Some(Sign::Bad),
        Some(Failure::Account) => Some(Sign::Broken),
        Some(
            Failure::CredentialStale
            | Failure::Throttled { .. }
            | Failure::Recipient
            | Failure::Request
            | Failure::FraudBlock,
        ) => None,
    }
}

/// How a provider stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// It takes this share of what it would get when well, above 0 and at most 1.
    Open(f64),
    /// It is left for the end of the route.
    Shut,
    /// It is left for the end too, unless this message is the one that tries whether it is well again.
    Probe,
}

impl Standing {
    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Shut, _) | (_, Self::Shut) => Self::Shut,
            (Self::Probe, _) | (_, Self::Probe) => Self::Probe,
            (Self::Open(one), Self::Open(two)) => Self::Open(one.min(two)),
        }
    }
}

/// The health of one scope.
#[derive(Clone, Debug)]
pub struct Health {
    /// A moving average over the last attempts: 1 when none failed, 0 when all did. It decides on the breaker.
    works: f64,
    /// The same, with half a failure for each slow one. It bounds the share.
    quality: f64,
    share: f64,
    /// When both were reckoned last.
    reckoned: Instant,
    /// While the breaker is open: when it may be tried next.
    probe_at: Option<Instant>,
}

impl Health {
    /// One that was never heard of, and so is well.
    pub fn new(now: Instant) -> Self {
        Self {
            works: 1.0,
            quality: 1.0,
            share: 1.0,
            reckoned: now,
            probe_at: None,
        }
    }

    /// How it stands.
    pub fn standing(&self, now: Instant) -> Standing {
        match self.probe_at {
            Some(at) if at <= now => Standing::Probe,
            Some(_) => Standing::Shut,
            None => Standing::Open(self.share_at(now)),
        }
    }

    /// Takes the right to try it; only one attempt has it in each [`PROBE_EVERY`].
    pub fn take_probe(&mut self, now: Instant) -> bool {
        let free = self.probe_at.is_some_and(|at| at <= now);
        if free {
            self.probe_at = Some(now + PROBE_EVERY);
        }
        free
    }

    /// Learns of an attempt's end. Says whether the breaker opened or closed by it.
    pub fn learn(&mut self, sign: Sign, now: Instant) -> Option<Change> {
        let (works, quality) = match sign {
            Sign::Good => (1.0, 1.0),
            Sign::Slow => (1.0, 0.5),
            Sign::Bad | Sign::Broken => (0.0, 0.0),
        };
        let share = self.share_at(now);
        let moved = |average: f64, shown: f64| average + (shown - average) * STEP;
        (self.works, self.quality) = (
            moved(self.forgiven(self.works, now), works),
            moved(self.forgiven(self.quality, now), quality),
        );
        self.share = share.min(self.quality).max(LEAST);
        self.reckoned = now.max(self.reckoned);
        match (self.probe_at.is_some(), sign) {
            (true, Sign::Good | Sign::Slow) => Some(self.close(now)),
            (false, Sign::Broken) => Some(self.open(now)),
            (false, Sign::Bad) if self.works < OPENS_BELOW => Some(self.open(now)),
            // Taking a probe has set when the next one is. Others fail at the end of routes, and put nothing off.
            (true, Sign::Bad | Sign::Broken) | (false, Sign::Bad | Sign::Good | Sign::Slow) => None,
        }
    }

    /// Whether it is as good as one that was never heard of.
    pub fn is_well(&self, now: Instant) -> bool {
        let forgiven = self.forgiven(self.works.min(self.quality), now);
        self.probe_at.is_none() && forgiven >= 1.0 && self.share_at(now) >= 1.0
    }

    fn open(&mut self, now: Instant) -> Change {
        self.probe_at = Some(now + PROBE_EVERY);
        Change::Opened
    }

    /// One good answer closes it; its share begins low, so that what is not well yet fails few.
    fn close(&mut self, now: Instant) -> Change {
        self.probe_at = None;
        (self.works, self.quality) = (1.0, 1.0);
        self.share = LEAST;
        self.reckoned = now;
        Change::Closed
    }

    /// An average with what time has forgiven since.
    fn forgiven(&self, average: f64, now: Instant) -> f64 {
        let idle = now.saturating_duration_since(self.reckoned);
        (average + idle.as_secs_f64() * FORGETS_PER_SECOND).min(1.0)
    }

    fn share_at(&self, now: Instant) -> f64 {
        let idle = now.saturating_duration_since(self.reckoned);
        (self.share + idle.as_secs_f64() * DRIFT_PER_SECOND).min(1.0)
    }
}

/// What an attempt's end did to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The provider is left for the end of routes.
    Opened,
    /// It gets messages again, few at first.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Manual};

    struct Patient {
        health: Health,
        now: Instant,
    }

    impl Patient {
        fn new() -> Self {
            let now = Clock::from_source(Manual::at(0)).now();
            let health = Health::new(now);
            Self { health, now }
        }

        fn learn(&mut self, sign: Sign, times: u32) -> Option<Change> {
            let mut last = None;
            for _ in 0..times {
                last = self.health.learn(sign, self.now);
            }
            last
        }

        fn wait(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
        }

        fn standing(&self) -> Standing {
            self.health.standing(self.now)
        }

        fn share(&self) -> f64 {
            match self.standing() {
                Standing::Open(share) => share,
                other @ (Standing::Shut | Standing::Probe) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn one_error_takes_a_tenth_and_time_gives_it_back() {
        let mut patient = Patient::new();
        patient.learn(Sign::Good, 20);
        assert_eq!(patient.learn(Sign::Bad, 1), None);
        assert!((patient.share() - 0.9).abs() < 1e-9);
        patient.learn(Sign::Good, 100);
        assert!(
            patient.share() < 0.91,
            "good answers alone do not bring it back"
        );
        patient.wait(1000);
        assert!(patient.share() > 0.99);
        patient.wait(60_000);
        assert!(patient.health.is_well(patient.now));
    }

    #[test]
    fn a_slow_one_gets_less_but_is_not_shut() {
        let mut patient = Patient::new();
        assert_eq!(patient.learn(Sign::Slow, 100), None);
        assert!((0.5..0.51).contains(&patient.share()));
        assert_eq!(patient.learn(Sign::Bad, 6), None, "nor by fewer failures");
        assert_eq!(patient.learn(Sign::Bad, 1), Some(Change::Opened));
    }

    #[test]
    fn seven_failures_on_end_open_it_however_well_it_was() {
        let mut patient = Patient::new();
        patient.learn(Sign::Good, 10_000);
        assert_eq!(patient.learn(Sign::Bad, 6), None);
        assert_eq!(patient.learn(Sign::Bad, 1), Some(Change::Opened));
    }

    #[test]
    fn a_third_of_failures_does_not_open_it_and_two_thirds_do() {
        let opens = |bad: usize| {
            let mut patient = Patient::new();
            (0..300).any(|index| {
                let sign = if index % 3 < bad {
                    Sign::Bad
                } else {
                    Sign::Good
                };
                patient.learn(sign, 1).is_some()
            })
        };
        assert!(!opens(1));
        assert!(opens(2));
    }

    #[test]
    fn failures_of_long_ago_count_no_more() {
        let mut patient = Patient::new();
        patient.learn(Sign::Bad, 6);
        patient.wait(1_000_000);
        assert!(patient.health.is_well(patient.now));
        assert_eq!(patient.learn(Sign::Bad, 6), None);
    }

    #[test]
    fn a_broken_account_opens_it_at_once() {
        let mut patient = Patient::new();
        patient.learn(Sign::Good, 1000);
        assert_eq!(patient.learn(Sign::Broken, 1), Some(Change::Opened));
        assert_eq!(patient.standing(), Standing::Shut);
    }

    #[test]
    fn one_probe_a_second_until_one_succeeds() {
        let mut patient = Patient::new();
        patient.learn(Sign::Bad, 7);
        assert!(!patient.health.take_probe(patient.now));
        patient.wait(999);
        assert_eq!(patient.standing(), Standing::Shut);
        patient.wait(1);
        assert_eq!(patient.standing(), Standing::Probe);
        assert!(patient.health.take_probe(patient.now));
        assert_eq!(patient.standing(), Standing::Shut, "the right is taken");
        assert!(!patient.health.take_probe(patient.now));
        patient.wait(400);
        assert_eq!(patient.learn(Sign::Bad, 1), None);
        patient.wait(599);
        assert_eq!(patient.learn(Sign::Bad, 1), None, "which puts nothing off");
        assert_eq!(patient.standing(), Standing::Shut);
        patient.wait(1);
        assert!(patient.health.take_probe(patient.now));
        assert_eq!(patient.learn(Sign::Good, 1), Some(Change::Closed));
        assert!((patient.share() - LEAST).abs() < 1e-9);
        patient.learn(Sign::Good, 1000);
        patient.wait(4_000);
        assert!((0.49..0.51).contains(&patient.share()), "it drifts back");
        patient.wait(5_000);
        assert!((patient.share() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_late_answer_of_before_does_not_open_what_was_closed() {
        let mut patient = Patient::new();
        patient.learn(Sign::Bad, 7);
        patient.learn(Sign::Good, 1);
        assert_eq!(patient.learn(Sign::Bad, 6), None);
        assert_eq!(patient.learn(Sign::Bad, 1), Some(Change::Opened));
    }

    #[test]
    fn a_clock_that_goes_backwards_does_no_harm() {
        let mut patient = Patient::new();
        patient.wait(60_000);
        patient.learn(Sign::Bad, 3);
        patient.now -= Duration::from_mins(1);
        assert_eq!(patient.learn(Sign::Bad, 3), None);
        assert!(patient.share() <= 0.54);
        assert_eq!(patient.learn(Sign::Bad, 1), Some(Change::Opened));
    }

    #[test]
    fn who_is_at_fault() {
        let check = |failure, expect| assert_eq!(sign(Some(failure), false), expect);
        check(Failure::Transient, Some(Sign::Bad));
        check(Failure::Ambiguous, Some(Sign::Bad));
        check(Failure::Account, Some(Sign::Broken));
        check(Failure::CredentialStale, None);
        check(Failure::Recipient, None);
        check(Failure::Request, None);
        check(Failure::FraudBlock, None);
        check(Failure::Throttled { delay: None }, None);
        assert_eq!(sign(None, false), Some(Sign::Good));
        assert_eq!(sign(None, true), Some(Sign::Slow));
    }

    #[test]
    fn the_worse_of_two_scopes_counts() {
        let (half, whole) = (Standing::Open(0.5), Standing::Open(1.0));
        assert_eq!(half.worse(whole), half);
        assert_eq!(whole.worse(Standing::Probe), Standing::Probe);
        assert_eq!(Standing::Probe.worse(Standing::Shut), Standing::Shut);
    }
}
