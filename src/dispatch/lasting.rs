//! What of the guard outlives the process: written every few seconds, when a range is closed, and at the end, and read at
//! the next start.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    guard::Kept,
    store::{LedgerError, counter::Counter},
    telemetry::metrics::Metric,
};

use super::Dispatcher;

/// How often what has changed is written: how much of an attack a kill may make the guard forget.
pub const EVERY: Duration = Duration::from_secs(10);

/// How far apart writings of closed ranges are, which do not wait for that. A block of numbers costs its floor once more
/// if that it was closed is forgotten.
pub const SOON: Duration = Duration::from_millis(100);

/// Pieces asked for at once: to find them, the guard looks through all that it holds.
pub const ROUND: usize = 32 * STEP;

/// Pieces written in one transaction.
const STEP: usize = 512;

/// Pieces read at once.
const PAGE: usize = 4096;

/// What could not be written: the guard has told it and does not tell it again.
#[derive(Default)]
pub(super) struct Lasting(Mutex<Vec<Kept>>);

impl Dispatcher {
    /// Writes what has changed of the guard's state, in bounded steps. What cannot be written waits for the next round, and
    /// so does what is too much for one.
    pub async fn keep_guard(self: &Arc<Self>) -> Result<(), LedgerError> {
        // What the guard has told is in safe hands before this may be given up.
        let (this, guard) = (self.clone(), self.policy().guard.clone());
        let look = move || {
            let room = ROUND.saturating_sub(this.unwritten().len());
            let mut changed = guard.just_closed(room);
            changed.extend(guard.changed(room.saturating_sub(changed.len())));
            this.unwritten().extend(changed);
        };
        if tokio::task::spawn_blocking(look).await.is_err() {
            tracing::error!("what has changed of the guard's state could not be asked for");
        }
        self.write().await
    }

    /// Waits until a range is closed. At most one task may wait.
    pub async fn range_closed(&self) {
        let guard = self.policy().guard.clone();
        guard.range_closed().await;
    }

    /// Writes the ranges that have just been closed. What cannot be written waits for the next round.
    pub async fn keep_closed(&self) -> Result<(), LedgerError> {
        let room = ROUND.saturating_sub(self.unwritten().len());
        let closed = self.policy().guard.just_closed(room);
        self.unwritten().extend(closed);
        self.write().await
    }

    async fn write(&self) -> Result<(), LedgerError> {
        let pieces = std::mem::take(&mut *self.unwritten());
        let mut waiting = Waiting { by: self, pieces };
        while !waiting.pieces.is_empty() {
            let step = waiting.pieces.len().min(STEP);
            let counters = waiting.pieces[..step].iter().map(counter).collect();
            self.ledger.keep_counters(counters).await?;
            waiting.pieces.drain(..step);
        }
        Ok(())
    }

    /// Reads what an earlier process has written. Once, at start, before anything is sent.
    pub async fn restore_guard(&self) -> Result<usize, LedgerError> {
        let guard = &self.policy().guard;
        let (mut above, mut count) = (None, 0);
        loop {
            let page = self.ledger.counters(above, PAGE).await?;
            above = page.last().map(|counter| counter.key);
            let last = page.len() < PAGE;
            count += page.len();
            for Counter { key, value } in page {
                guard.restore(&Kept { key, value });
            }
            if last {
                return Ok(count);
            }
        }
    }

    fn unwritten(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.lasting
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pieces on their way to the ledger. Unless they arrive they are tried again, also when whoever writes them gives up.
struct Waiting<'a> {
    by: &'a Dispatcher,
    pieces: Vec<Kept>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        if !pieces.is_empty() {
            let counter = self.by.metrics.counter(Metric::GuardUnkept, &[]);
            counter.increment(pieces.len() as u64);
            self.by.unwritten().extend(pieces);
        }
    }
}

fn counter(kept: &Kept) -> Counter {
    Counter {
        key: kept.key,
        value: kept.value.clone(),
    }
}
