//! Unverified messages are budgeted by range of numbers, network, country and tenant: what stops SMS pumping, whose every
//! request is for another number.

use std::time::Duration;

use crate::{
    domain::verdict::Refusal,
    error::Reason,
    guard::bucket::{Allowance, Bucket, Judged},
};

/// What a budget is of, narrow to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Numbers that differ in the last four digits.
    Range10k,
    /// A device's network.
    Network,
    /// Numbers that differ in the last six digits.
    Range1m,
    /// A country.
    Country,
    /// A tenant.
    Tenant,
}

impl Scope {
    /// Every scope, narrow to wide.
    pub const ALL: [Self; 5] = [
        Self::Range10k,
        Self::Network,
        Self::Range1m,
        Self::Country,
        Self::Tenant,
    ];

    /// The rule's name.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Range10k => "range_10k",
            Self::Network => "network",
            Self::Range1m => "range_1m",
            Self::Country => "country_budget",
            Self::Tenant => "tenant_budget",
        }
    }

    /// What it counts by, as in decisions.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Range10k | Self::Range1m => "range",
            Self::Network => "network",
            Self::Country => "country",
            Self::Tenant => "tenant",
        }
    }

    /// How many people it must have seen verified to speak for a stranger while a wider one is closed; `None` where it
    /// never does. A network in which one person lives who is real is a good sign. A block of numbers is not: a twelfth
    /// of all blocks of a country may have one customer, and an attack all over the country meets each of them.
    pub const fn least_proof(self) -> Option<u32> {
        match self {
            Self::Network => Some(1),
            Self::Range10k => Some(3),
            Self::Range1m | Self::Country | Self::Tenant => None,
        }
    }

    /// Whether ranges in it may speak for their own people while it is closed.
    pub const fn is_wide(self) -> bool {
        match self {
            Self::Range10k | Self::Network => false,
            Self::Range1m | Self::Country | Self::Tenant => true,
        }
    }
}

/// What one message meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// How much it weighs: one for a person's first message, less for another.
    pub weight: f64,
    /// Whether its range of 10,000 or its network speaks for it.
    pub vouched: bool,
    /// Now, ms since 1970.
    pub now_ms: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// It may pass.
    Pass,
    /// It may not; the bucket was closed by it if it had not been.
    Refuse {
        /// Until when, ms since 1970.
        until_ms: u64,
        /// What was in it when it was closed by this message, which wider ones need not answer for.
        explains: Option<f64>,
    },
}

/// Checks one bucket, and closes it where it is over its budget. Nothing is put in.
pub fn check(bucket: &mut Bucket, scope: Scope, asked: &Asked, by: &Allowance) -> Found {
    bucket.advance(asked.now_ms, by);
    bucket.reopen(asked.now_ms, by);
    let (until_ms, explains) = match bucket.judge(asked.weight, asked.now_ms, by) {
        Judged::Room => return Found::Pass,
        Judged::Closed(until_ms) => (until_ms, None),
        Judged::Over => {
            let level = bucket.level();
            (bucket.close(asked.now_ms, by), Some(level))
        }
    };
    if scope.is_wide() && asked.vouched {
        return Found::Pass;
    }
    Found::Refuse { until_ms, explains }
}

/// The refusal, in words.
pub fn refusal(
    scope: Scope,
    bucket: &Bucket,
    by: &Allowance,
    until_ms: u64,
    now_ms: u64,
) -> Refusal {
    Refusal {
        rule: scope.rule().into(),
        reason: Reason::BudgetExhausted,
        key: scope.key(),
        level: level(bucket, by),
        threshold: threshold(bucket, by),
        retry_after: Some(Duration::from_millis(until_ms.saturating_sub(now_ms))),
    }
}

/// A bucket's level, in words.
pub fn level(bucket: &Bucket, by: &Allowance) -> String {
    if by.sighted {
        let [sent, verified] = bucket.two_weeks();
        format!(
            "{:.1} unverified; {verified} of {sent} people verified in two weeks",
            bucket.level()
        )
    } else {
        format!("{:.1} sent", bucket.level())
    }
}

/// What a bucket may hold, in words.
pub fn threshold(bucket: &Bucket, by: &Allowance) -> String {
    let allowed = bucket.allowed(by);
    let state = if bucket.closed_until_ms().is_some() {
        ", closed"
    } else {
        ""
    };
    format!("{allowed:.1}{state}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::bucket::{Proof, Put};

    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const START: u64 = 20_000 * 24 * HOUR;

    const BY: Allowance = Allowance {
        floor: 8.0,
        share: 1.0,
        leak_ms: HOUR,
        first_pause_ms: 10 * MINUTE,
        longest_pause_ms: 24 * HOUR,
        sighted: true,
    };

    const ONE: Put = Put {
        weight: 1.0,
        first: true,
    };

    /// A bucket, and somebody who asks it.
    struct Table {
        bucket: Bucket,
        scope: Scope,
        by: Allowance,
        vouched: bool,
    }

    impl Table {
        fn of(scope: Scope, by: Allowance) -> Self {
            Self {
                bucket: Bucket::default(),
                scope,
                by,
                vouched: false,
            }
        }

        fn narrow() -> Self {
            Self::of(Scope::Range10k, BY)
        }

        fn check(&mut self, now_ms: u64) -> Found {
            let asked = Asked {
                weight: 1.0,
                vouched: self.vouched,
                now_ms,
            };
            check(&mut self.bucket, self.scope, &asked, &self.by)
        }

        /// Sends one, if it may go; says whether it was one of a trial.
        fn send(&mut self, now_ms: u64) -> Option<bool> {
            let passed = self.check(now_ms) == Found::Pass;
            passed.then(|| self.bucket.put(&ONE, !self.vouched, now_ms, &self.by))
        }

        fn send_many(&mut self, count: usize, now_ms: u64) -> usize {
            (0..count).filter(|_| self.send(now_ms).is_some()).count()
        }

        fn verify(&mut self, (trial, sent_ms): (bool, u64), now_ms: u64) {
            let proof = Proof {
                weight: 1.0,
                counted: true,
                trial,
                sent_ms,
            };
            self.bucket.verify(&proof, now_ms, &self.by);
        }
    }

    #[test]
    fn a_range_takes_its_floor_and_not_one_more() {
        let mut table = Table::narrow();
        assert_eq!(table.send_many(8, START), 8);
        let until_ms = START + 10 * MINUTE;
        let explains = Some(8.0);
        assert_eq!(table.check(START), Found::Refuse { until_ms, explains });
        let explains = None;
        assert_eq!(table.check(START), Found::Refuse { until_ms, explains });
    }

    #[test]
    fn a_pause_ends_on_its_very_millisecond_and_one_trial_follows() {
        let mut table = Table::narrow();
        table.send_many(9, START);
        let end = START + 10 * MINUTE;
        assert_eq!(table.send(end - 1), None);
        assert_eq!(table.send(end), Some(true));
        assert_eq!(
            table.send(end),
            None,
            "the trial is over until it is proven"
        );
        assert_eq!(table.send(end + 20 * MINUTE - 1), None);
        assert_eq!(table.send(end + 20 * MINUTE), Some(true), "twice as long");
    }

    #[test]
    fn an_attack_of_four_hours_gets_a_dozen_messages() {
        let mut table = Table::narrow();
        let sent = (0..240_000).filter(|nth| table.send(START + nth * 60).is_some());
        let sent = sent.count();
        assert!((8..=14).contains(&sent), "{sent}");
    }

    #[test]
    fn a_trial_that_is_verified_opens_the_range_again() {
        let mut table = Table::narrow();
        table.send_many(9, START);
        let end = START + 10 * MINUTE;
        assert_eq!(table.send(end), Some(true));
        table.verify((true, end), end + 30_000);
        assert_eq!(
            table.send_many(20, end + 31_000),
            9,
            "the floor, and one verified"
        );
    }

    #[test]
    fn what_was_sent_before_the_trial_proves_nothing() {
        let mut table = Table::narrow();
        table.send_many(9, START);
        let end = START + 10 * MINUTE;
        table.verify((false, START), end);
        assert_eq!(table.send(end), Some(true));
        table.verify((false, START), end + 1);
        table.verify((true, START), end + 1);
        assert_eq!(table.send(end + 2), None);
    }

    #[test]
    fn real_people_pay_their_own_way() {
        let mut table = Table::narrow();
        let refused = (0..2000_u64).filter(|nth| {
            let now_ms = START + nth * 2000;
            let Some(trial) = table.send(now_ms) else {
                return true;
            };
            // Three of four use their code.
            if nth % 4 > 0 {
                table.verify((trial, now_ms), now_ms + 1000);
            }
            false
        });
        assert_eq!(refused.count(), 0);
    }

    #[test]
    fn one_code_used_in_ten_does_not_open_the_gate() {
        let mut table = Table::narrow();
        let sent = (0..20_000_u64).filter(|nth| {
            let now_ms = START + nth * 700;
            let Some(trial) = table.send(now_ms) else {
                return false;
            };
            if nth % 10 == 0 {
                table.verify((trial, now_ms), now_ms + 1);
            }
            true
        });
        let sent = sent.count();
        assert!(sent < 60, "{sent}");
    }

    #[test]
    fn a_range_that_is_left_alone_is_forgiven() {
        let mut table = Table::narrow();
        table.send_many(9, START);
        let forgiven = START + 10 * MINUTE + 24 * HOUR;
        assert_eq!(table.send_many(20, forgiven), 8);
    }

    #[test]
    fn a_clock_that_goes_backwards_opens_nothing() {
        let mut table = Table::narrow();
        table.send_many(9, START);
        for back in [1, MINUTE, 48 * HOUR] {
            assert_eq!(table.send(START - back), None, "{back}");
        }
        assert_eq!(table.send(START + 10 * MINUTE - 1), None);
    }

    #[test]
    fn a_closed_country_lets_those_pass_for_whom_their_range_speaks() {
        let mut table = Table::of(Scope::Country, BY);
        table.send_many(9, START);
        assert_eq!(table.send(START), None);
        table.vouched = true;
        assert_eq!(table.send(START), Some(false));
        let mut narrow = Table::narrow();
        narrow.send_many(9, START);
        narrow.vouched = true;
        assert_eq!(
            narrow.send(START),
            None,
            "a range does not speak for itself"
        );
    }

    #[test]
    fn without_outcomes_volume_is_judged_and_nobody_is_starved() {
        let blind = Allowance {
            sighted: false,
            ..BY
        };
        let mut table = Table::of(Scope::Range10k, blind);
        assert_eq!(table.send_many(40, START), 16);
        let later = |pauses: u64| START + pauses * 10 * MINUTE + pauses;
        for pauses in 1..20 {
            let sent = table.send_many(40, later(pauses));
            assert!((1..=16).contains(&sent), "{pauses}: {sent}");
        }
        // What is usual may go on: ten an hour for a day, and then thirty at once.
        let mut table = Table::of(Scope::Range10k, blind);
        for nth in 0..240 {
            assert!(table.send(START + nth * 6 * MINUTE).is_some(), "{nth}");
        }
        assert!(table.send_many(40, START + 26 * HOUR) >= 30);
    }

    #[test]
    fn what_a_closed_range_explains_is_taken_out_once_and_within_reason() {
        let mut country = Table::of(Scope::Country, BY);
        assert_eq!(country.send_many(8, START), 8);
        let taken = |table: &mut Table, level| table.bucket.explain(level, &BY);
        assert_eq!(taken(&mut country, 5.0).to_string(), "5");
        assert_eq!(country.send_many(9, START), 5);
        assert_eq!(
            taken(&mut country, 8.0).to_string(),
            "3",
            "no more than it may hold in all"
        );
        assert_eq!(taken(&mut country, 8.0).to_string(), "0");
    }

    #[test]
    fn a_bucket_is_kept_whole() {
        let mut table = Table::narrow();
        table.send_many(9, START);
        table.verify((false, START), START + 1);
        let bytes = table.bucket.to_bytes();
        let read = Bucket::from_bytes(&bytes).expect("it was kept");
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.closed_until_ms(), table.bucket.closed_until_ms());
        for broken in [&bytes[..bytes.len() - 1], &[], &[9; 80]] {
            assert!(Bucket::from_bytes(broken).is_none());
        }
        let ahead = read.restored(START - 48 * HOUR, &BY);
        assert!(ahead.closed_until_ms() <= Some(START - 24 * HOUR));
    }
}
