//! The one way to the writer: an ordered, bounded queue, which is also the spool while the ledger is away. As there is
//! only one, a result always comes after the row it belongs to.

use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    op::{Answer, Entry, Op},
    tuning::Tuning,
};
use crate::store::{Backlog, LedgerError};

/// What waits to be written.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    tuning: Tuning,
}

struct State {
    entries: VecDeque<Entry>,
    /// Entries for which somebody waits.
    awaited: usize,
    /// Rows for which nobody waits.
    rows: usize,
    /// Changes for which nobody waits.
    changes: usize,
    /// Why the ledger is away.
    away: Option<String>,
    closed: bool,
    writer: Writer,
    backlog: Backlog,
}

/// What the writer does, so that it is only woken when that is needed.
#[derive(PartialEq, Eq)]
enum Writer {
    /// It will look at the queue by itself.
    Works,
    /// It looks soon, in time for results; somebody who waits wakes it.
    Dozes,
    /// Anything wakes it.
    Sleeps,
}

impl Queue {
    pub(super) fn new(tuning: Tuning) -> Self {
        Self {
            state: Mutex::new(State {
                entries: VecDeque::new(),
                awaited: 0,
                rows: 0,
                changes: 0,
                away: None,
                closed: false,
                writer: Writer::Works,
                backlog: Backlog::default(),
            }),
            wake: Condvar::new(),
            tuning,
        }
    }

    /// Has something written that somebody waits for. What may be spooled is kept also where this fails.
    pub(super) fn ask(&self, op: Op) -> Result<oneshot::Receiver<Answer>, LedgerError> {
        let mut state = self.lock();
        if let Some(refusal) = state.refusal(self.tuning.queue) {
            if op.spools() {
                state.keep(Entry::new(op, None), &self.tuning, true);
            }
            return Err(refusal);
        }
        let (reply, answer) = oneshot::channel();
        state.awaited += 1;
        state.entries.push_back(Entry::new(op, Some(reply)));
        if state.writer != Writer::Works {
            self.rouse(state);
        }
        Ok(answer)
    }

    /// Has something written soon. Never waits; what finds no room is dropped and counted.
    pub(super) fn tell(&self, op: Op) {
        let mut state = self.lock();
        let rest = match state.entries.back_mut() {
            Some(last) => last.op.join(op),
            None => Some(op),
        };
        let Some(op) = rest else { return };
        let away = state.away.is_some();
        state.keep(Entry::new(op, None), &self.tuning, away);
        let many = state.entries.len() >= self.tuning.batch;
        match state.writer {
            Writer::Sleeps => self.rouse(state),
            Writer::Dozes if many && !away => self.rouse(state),
            Writer::Dozes | Writer::Works => {}
        }
    }

    /// Waits for something to write and moves it into the empty `batch`; after an outage the batch may stay empty, to
    /// try whether the ledger is back. False when the queue is closed and empty.
    pub(super) fn next(&self, batch: &mut Vec<Entry>, retry: Option<Duration>) -> bool {
        let mut state = self.lock();
        if let Some(pause) = retry {
            state = self.pause(state, pause);
        } else {
            // Whoever comes right after a transaction is not alone for long, and nobody has to wake the writer.
            if state.entries.len() < self.tuning.batch {
                state = self.pause(state, self.tuning.gather);
            }
            state = self.until_due(state);
        }
        state.take(batch, self.tuning.batch);
        !(state.closed && batch.is_empty())
    }

    /// Moves more into the batch, up to its cap; returns how many.
    pub(super) fn more(&self, batch: &mut Vec<Entry>) -> usize {
        let room = self.tuning.batch.saturating_sub(batch.len());
        self.lock().take(batch, room)
    }

    /// The batch is committed.
    pub(super) fn written(&self, spooled: u64) {
        let mut state = self.lock();
        state.backlog.spooled = state.backlog.spooled.saturating_sub(spooled);
        state.away = None;
    }

    /// One entry can never be written.
    pub(super) fn refused(&self, entry: &Entry) {
        let mut state = self.lock();
        state.backlog.spooled -= u64::from(entry.spooled);
        state.backlog.dropped_total += u64::from(entry.op.spools());
    }

    /// The batch could not be committed. Whoever waits is told; what is to be kept goes back in front, in its order.
    pub(super) fn give_back(&self, batch: &mut Vec<Entry>, cause: &str) {
        let mut state = self.lock();
        state.away = Some(cause.to_owned());
        let behind = mem::take(&mut state.entries);
        (state.awaited, state.rows, state.changes) = (0, 0, 0);
        for mut entry in batch.drain(..).chain(behind) {
            entry.done = None;
            if entry.is_taken_back() {
                continue;
            }
            let error = LedgerError::Unavailable(cause.to_owned());
            entry.put_off(error);
            if entry.op.spools() {
                state.keep(entry, &self.tuning, true);
            }
        }
    }

    /// Takes nothing in any more; what waits is still written.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.rouse(state);
    }

    /// The writer is gone, and with it whatever waits.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let lost = mem::take(&mut state.entries);
        state.backlog.dropped_total += lost.iter().filter(|e| e.op.spools()).count() as u64;
    }

    pub(super) fn backlog(&self) -> Backlog {
        self.lock().backlog
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rouse(&self, mut state: MutexGuard<'_, State>) {
        state.writer = Writer::Works;
        drop(state);
        self.wake.notify_one();
    }

    /// Waits a while, unless the end has come.
    fn pause<'s>(&'s self, state: MutexGuard<'s, State>, pause: Duration) -> MutexGuard<'s, State> {
        let waited = (self.wake).wait_timeout_while(state, pause, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until somebody waits for something, a batch is full, or results have waited long enough. The writer dozes
    /// before it sleeps, so that under load results wake nobody: they go with the next intent or the next look.
    fn until_due<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let mut looked = false;
        loop {
            let full = state.entries.len() >= self.tuning.batch;
            if state.closed || full || state.awaited > 0 || (looked && !state.entries.is_empty()) {
                state.writer = Writer::Works;
                return state;
            }
            if looked {
                state.writer = Writer::Sleeps;
                let woken = self.wake.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                looked = false;
            } else {
                state.writer = Writer::Dozes;
                let woken = self.wake.wait_timeout(state, self.tuning.linger);
                let (again, wait) = woken.unwrap_or_else(PoisonError::into_inner);
                (state, looked) = (again, wait.timed_out());
            }
        }
    }
}

impl State {
    /// Why nothing more can be awaited.
    fn refusal(&self, queue: usize) -> Option<LedgerError> {
        if self.closed {
            return Some(LedgerError::Unavailable("the ledger is closed".to_owned()));
        }
        if let Some(cause) = &self.away {
            return Some(LedgerError::Unavailable(cause.clone()));
        }
        (self.awaited >= queue).then_some(LedgerError::Overloaded)
    }

    /// Takes in what nobody waits for, or drops and counts it. Rows are counted as spooled while the ledger is away.
    fn keep(&mut self, mut entry: Entry, tuning: &Tuning, spooling: bool) {
        let is_row = entry.op.is_row();
        let (count, room) = if is_row {
            (&mut self.rows, tuning.rows(spooling))
        } else {
            (&mut self.changes, tuning.changes())
        };
        if self.closed || *count >= room {
            self.backlog.dropped_total += 1;
            self.backlog.spooled -= u64::from(entry.spooled);
            return;
        }
        *count += 1;
        if spooling && is_row && !entry.spooled {
            entry.spooled = true;
            self.backlog.spooled += 1;
            self.backlog.spooled_total += 1;
        }
        self.entries.push_back(entry);
    }

    fn take(&mut self, batch: &mut Vec<Entry>, most: usize) -> usize {
        let count = most.min(self.entries.len());
        for entry in self.entries.drain(..count) {
            let class = match (&entry.reply, entry.op.is_row()) {
                (Some(_), _) => &mut self.awaited,
                (None, true) => &mut self.rows,
                (None, false) => &mut self.changes,
            };
            *class -= 1;
            batch.push(entry);
        }
        count
    }
}
