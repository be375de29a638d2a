//! Where limits keep their times: a bounded table, as a state store of governor's.

use std::{sync::Arc, time::Instant};

use governor::{nanos::Nanos, state::StateStore};

use crate::{clock::Clock, config::guard::LimitKey, guard::table::Table};

/// A place for one limit's times in a table.
#[derive(Clone)]
pub(super) struct Slot {
    table: Times,
    /// What the times are counted from, nearly: limiters begin a moment later.
    pub(super) start: Instant,
}

/// Until when a limit is in use, by key, in nanoseconds since the start. Most destinations have two limits, and one entry
/// with both needs less room than two.
#[derive(Clone)]
enum Times {
    Own(Arc<Table<u64>>),
    First(Arc<Table<[u64; 2]>>),
    Second(Arc<Table<[u64; 2]>>),
}

impl Slot {
    pub(super) fn new(key: LimitKey, clock: &Clock) -> Self {
        let table = match key {
            LimitKey::Destination => Times::First(Arc::new(Table::new(16))),
            LimitKey::User => Times::Own(Arc::new(Table::new(16))),
            LimitKey::Country | LimitKey::Tenant => Times::Own(Arc::new(Table::new(8))),
        };
        Self {
            table,
            start: clock.now(),
        }
    }

    /// The place beside it that is free when this one is new.
    pub(super) fn other(&self) -> Option<Self> {
        match &self.table {
            Times::First(table) => Some(Self {
                table: Times::Second(table.clone()),
                start: self.start,
            }),
            Times::Own(_) | Times::Second(_) => None,
        }
    }

    pub(super) fn get(&self, key: u64) -> Option<u64> {
        match &self.table {
            Times::Own(table) => table.if_there(key, |time| *time),
            Times::First(table) => table.if_there(key, |times| times[0]),
            Times::Second(table) => table.if_there(key, |times| times[1]),
        }
    }

    pub(super) fn with<R>(&self, key: u64, work: impl FnOnce(&mut u64) -> R) -> R {
        match &self.table {
            Times::Own(table) => table.with(key, work),
            Times::First(table) => table.with(key, |times| work(&mut times[0])),
            Times::Second(table) => table.with(key, |times| work(&mut times[1])),
        }
    }

    pub(super) fn count(&self) -> usize {
        match &self.table {
            Times::Own(table) => table.count(),
            Times::First(table) | Times::Second(table) => table.count(),
        }
    }

    pub(super) fn drop_idle(&self, now: u64) {
        match &self.table {
            Times::Own(table) => table.retain(|time| *time > now),
            // Each of the two asks, as the other's limit may be gone.
            Times::First(table) | Times::Second(table) => {
                table.retain(|times| times.iter().any(|time| *time > now));
            }
        }
    }
}

impl StateStore for Slot {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.with(*key, |time| {
            let before = (*time > 0).then(|| Nanos::new(*time));
            let (value, after) = decide(before)?;
            *time = after.as_u64();
            Ok(value)
        })
    }
}
