//! The one writer: a thread that puts whatever is queued into one transaction and commits when the queue is empty.

use std::{mem, sync::Arc, time::Duration};

use super::{
    fault::Fault,
    file::Database,
    op::{Entry, Told},
    queue::Queue,
    relay::Relay,
    transaction::Knowledge,
    tuning::Tuning,
};
use crate::store::LedgerError;

/// The writing thread's belongings.
pub(super) struct Writer {
    queue: Arc<Queue>,
    database: Database,
    tuning: Tuning,
    knowledge: Knowledge,
    relay: Relay,
    /// The pause before the next try, while the ledger is away.
    retry: Option<Duration>,
}

impl Writer {
    pub(super) fn new(
        queue: Arc<Queue>,
        database: Database,
        tuning: Tuning,
        knowledge: Knowledge,
        relay: Relay,
    ) -> Self {
        Self {
            queue,
            database,
            tuning,
            knowledge,
            relay,
            retry: None,
        }
    }

    /// Runs until the queue is closed and empty, or cannot be written at that time.
    pub(super) fn run(mut self) {
        let _end = Abandon(Arc::clone(&self.queue));
        let mut batch = Vec::with_capacity(self.tuning.batch);
        while self.queue.next(&mut batch, self.retry) {
            self.write(&mut batch);
        }
    }

    fn write(&mut self, batch: &mut Vec<Entry>) {
        match self.transaction(batch, true) {
            Ok(()) => self.committed(batch),
            Err(Fault::Row(cause)) if batch.len() <= 1 => self.refuse(batch, &cause),
            Err(Fault::Row(_)) => self.one_by_one(batch),
            Err(Fault::Away { cause, reopen }) => self.away(batch, &cause, reopen),
        }
    }

    /// One row of the batch cannot be written: the others must not pay for it.
    fn one_by_one(&mut self, batch: &mut Vec<Entry>) {
        let mut left = mem::take(batch).into_iter();
        while let Some(entry) = left.next() {
            batch.push(entry);
            match self.transaction(batch, false) {
                Ok(()) => self.committed(batch),
                Err(Fault::Row(cause)) => self.refuse(batch, &cause),
                Err(Fault::Away { cause, reopen }) => {
                    batch.extend(left);
                    return self.away(batch, &cause, reopen);
                }
            }
        }
    }

    /// Writes the batch, and in `company` whatever is queued behind it.
    fn transaction(&mut self, batch: &mut Vec<Entry>, company: bool) -> Result<(), Fault> {
        let file = self.database.ready()?;
        let queue = company.then_some(&*self.queue);
        self.knowledge.write(file, batch, queue)
    }

    fn committed(&mut self, batch: &mut Vec<Entry>) {
        let spooled = batch.iter().filter(|entry| entry.spooled).count() as u64;
        let back = self.retry.take().is_some();
        if back {
            tracing::info!("the ledger can be written again");
        }
        if back || spooled > 0 {
            self.queue.written(spooled);
        }
        for entry in batch.drain(..) {
            let told = entry.done.and_then(|done| entry.answer(Ok(done)));
            if let Some(told) = told {
                self.relay.take(told);
            }
        }
        self.relay.pass_on();
    }

    fn refuse(&self, batch: &mut Vec<Entry>, cause: &str) {
        for entry in batch.drain(..) {
            tracing::error!(cause, "a row cannot be written to the ledger");
            self.queue.refused(&entry);
            let told = entry.answer(Err(LedgerError::Unavailable(cause.to_owned())));
            told.into_iter().for_each(Told::tell);
        }
    }

    fn away(&mut self, batch: &mut Vec<Entry>, cause: &str, reopen: bool) {
        if reopen {
            self.database.doubt();
        }
        if self.retry.is_none() {
            tracing::error!(cause, "the ledger cannot be written");
        }
        let longer = (self.retry).map(|pause| (pause * 2).min(self.tuning.retry_at_most));
        self.retry = Some(longer.unwrap_or(self.tuning.retry));
        self.queue.give_back(batch, cause);
    }
}

/// However the writer ends, nobody waits for it any longer.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
