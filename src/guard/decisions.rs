//! Refusals and deflections as rows, and the bound on them: of a flood, the first ten per tenant, rule and minute are rows
//! of their own; the rest are counted in that minute's one row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    clock::Clock,
    domain::{id::DecisionId, verdict::Refusal},
    store::record::DecisionRow,
};

/// Rows of their own per tenant, rule and minute.
const SINGLE_ROWS: u64 = 10;

const MINUTE_MS: u64 = 60_000;

/// Makes decisions' rows.
#[derive(Debug)]
pub struct Decisions {
    clock: Clock,
    minutes: Mutex<HashMap<Flood, Minute>>,
}

/// What came of a rule's refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consequence {
    /// Nothing is sent.
    Refused,
    /// The code goes another way.
    Deflected,
    /// The rule only watches.
    Watched,
}

/// Tenant, rule, and what came of it.
type Flood = (String, Arc<str>, Consequence);

/// A refusal made into a row.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The id that the answer names.
    pub id: DecisionId,
    /// The row to write now; `None` when it only counts in the minute's row.
    pub row: Option<DecisionRow>,
}

#[derive(Debug)]
struct Minute {
    begun_ms: u64,
    refused: u64,
    rest: Option<DecisionRow>,
    unwritten: bool,
}

impl Decisions {
    /// No refusals yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            minutes: Mutex::new(HashMap::new()),
        }
    }

    /// Takes a refusal in.
    pub fn decide(&self, tenant: &str, refusal: &Refusal, consequence: Consequence) -> Decided {
        let now = self.clock.unix_ms();
        let fresh = || row(&self.clock, tenant, refusal, consequence, now);
        let key = (tenant.to_owned(), refusal.rule.clone(), consequence);
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = minutes.entry(key).or_insert_with(|| Minute::new(now));
        if now.abs_diff(minute.begun_ms) >= MINUTE_MS && !minute.unwritten {
            *minute = Minute::new(now);
        }
        minute.refused += 1;
        if minute.refused <= SINGLE_ROWS {
            let row = fresh();
            return Decided {
                id: row.id,
                row: Some(row),
            };
        }
        let rest = minute.rest.get_or_insert_with(|| DecisionRow {
            count: 0,
            ..fresh()
        });
        rest.count += 1;
        minute.unwritten = true;
        Decided {
            id: rest.id,
            row: None,
        }
    }

    /// The minutes' rows that have grown since they were last asked for; due every second and at the end. Minutes that
    /// are over are forgotten.
    pub fn grown(&self) -> Vec<DecisionRow> {
        let now = self.clock.unix_ms();
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::new();
        for minute in minutes.values_mut() {
            if std::mem::take(&mut minute.unwritten) {
                rows.extend(minute.rest.clone());
            }
        }
        minutes.retain(|_, minute| now.abs_diff(minute.begun_ms) < MINUTE_MS);
        rows
    }
}

impl Minute {
    const fn new(begun_ms: u64) -> Self {
        Self {
            begun_ms,
            refused: 0,
            rest: None,
            unwritten: false,
        }
    }
}

fn row(
    clock: &Clock,
    tenant: &str,
    refusal: &Refusal,
    consequence: Consequence,
    now: u64,
) -> DecisionRow {
    let until = refusal
        .retry_after
        .map(|after| now.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
    DecisionRow {
        id: DecisionId::new(clock),
        tenant: tenant.to_owned(),
        rule: refusal.rule.to_string(),
        key: refusal.key.to_owned(),
        level: refusal.level.clone(),
        threshold: refusal.threshold.clone(),
        shadow: consequence == Consequence::Watched,
        deflected: consequence == Consequence::Deflected,
        until_ms: until,
        count: 1,
        created_ms: now,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;
    use crate::{clock::Manual, error::Reason};

    fn refusal() -> Refusal {
        Refusal {
            rule: "country".into(),
            reason: Reason::CountryNotAllowed,
            key: "country",
            level: "FR".to_owned(),
            threshold: "US".to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn a_flood_is_ten_rows_and_a_count() {
        let time = Manual::at(1_000_000);
        let decisions = Decisions::new(Clock::from_source(time.clone()));
        let made: Vec<_> = (0..1000)
            .map(|_| decisions.decide("acme", &refusal(), Consequence::Refused))
            .collect();
        assert_eq!(made.iter().filter(|one| one.row.is_some()).count(), 10);
        let ids: HashSet<_> = made.iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), 11);
        let grown = decisions.grown();
        assert_eq!(grown.len(), 1);
        assert_eq!(grown[0].count, 990);
        assert!(decisions.grown().is_empty());
        assert!(
            decisions
                .decide("other", &refusal(), Consequence::Refused)
                .row
                .is_some()
        );
        time.advance(Duration::from_mins(1));
        assert!(decisions.grown().is_empty());
        assert!(
            decisions
                .decide("acme", &refusal(), Consequence::Refused)
                .row
                .is_some()
        );
    }

    #[test]
    fn a_count_that_was_not_yet_written_survives_the_minute() {
        let time = Manual::at(1_000_000);
        let decisions = Decisions::new(Clock::from_source(time.clone()));
        for _ in 0..11 {
            decisions.decide("acme", &refusal(), Consequence::Refused);
        }
        time.advance(Duration::from_secs(61));
        decisions.decide("acme", &refusal(), Consequence::Refused);
        let grown = decisions.grown();
        assert_eq!(grown.len(), 1);
        assert_eq!(grown[0].count, 2);
    }
}
