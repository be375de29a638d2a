//! The ledger in an SQLite file, owned by one process.
//!
//! * **One writer** (`writer`) on its own thread takes whatever is queued into one transaction and answers after the
//!   commit, so that under load many deliveries share one. There is one queue (`queue`) in one order: a result never
//!   overtakes the row it belongs to. Results wait for company for 20 ms at most.
//! * **While the file cannot be written** (disk full, read-only, removed, held by somebody else) whoever waits is told
//!   at once, and what may be kept stays in the queue, bounded, in its order, and is tried again about once a second.
//! * **Nothing holds up the writer**: reads have a connection and a thread of their own (`reader`), and so do
//!   checkpoints (`checkpoint`); old rows leave in small steps between the others (`upkeep`).
//! * **A claim has one holder** because the file has one owner: the writer keeps the claims in memory
//!   (`claims`), and finds them in the last minutes' rows at a start.
//! * **A start is quick** however large the file: a mark (`mark`) remembers below which id nothing is open, and ids are
//!   in order of time, so that the last minutes' rows are one range.
//! * **A kill loses nothing committed**; a power cut may take the last moments (`synchronous = NORMAL`).

mod checkpoint;
mod claims;
mod counters;
mod fault;
mod file;
mod lists;
mod mark;
mod moves;
mod op;
mod outcomes;
mod preferences;
mod prepared;
mod queue;
mod read;
mod reader;
mod relay;
mod schema;
#[cfg(test)]
mod tests;
mod threads;
mod transaction;
mod tuning;
mod upkeep;
mod write;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    time::Duration,
};

use async_trait::async_trait;

use self::{
    file::{Database, Location, Role},
    op::{Done, Op, Step},
    queue::Queue,
    reader::Reader,
    relay::Relay,
    threads::Threads,
    transaction::Knowledge,
    tuning::Tuning,
    writer::Writer,
};
use super::{
    Backlog, CLAIM_LIFE, Ledger, LedgerError, Recorded,
    counter::{COUNTERS_KEPT, Counter},
    list::{CHANGES_KEPT, ChangeFilter, ChangePage, ListChange},
    open::OpenError,
    preference::{PreferenceKey, PreferenceRow, Rewrite},
    record::{
        AttemptResult, AttemptRow, Claim, DecisionFilter, DecisionPage, DecisionRow,
        DeliveryRecord, DeliveryResult, DeliveryRow, Filter, Intent, Page, VerifiedRow,
    },
};
use crate::{
    clock::Clock,
    config::ledger::{Ledger as Settings, OnUnavailable},
    domain::{
        delivery::Outcome,
        id::{AttemptId, DecisionId, DeliveryId, ListEntryId},
        listed::ListEntry,
        privacy::KeyedHash,
    },
    lanes::Lanes,
};

/// How long closing waits for the threads to write what is queued.
const CLOSING: Duration = Duration::from_secs(5);

/// Verified destinations looked at in one step of removing the old ones.
const VERIFIED_PAGE: usize = 1024;

/// A ledger in a file.
pub struct SqliteLedger {
    clock: Clock,
    tuning: Tuning,
    queue: Arc<Queue>,
    reader: Reader,
    checkpoints: Mutex<Option<Sender<()>>>,
    threads: Threads,
}

impl SqliteLedger {
    /// Opens the file, making it where there is none, and starts the ledger's threads. Those who wait on these lanes are
    /// told together.
    pub fn open(
        path: &Path,
        settings: &Settings,
        lanes: Lanes,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let spool = usize::try_from(settings.spool).unwrap_or(usize::MAX);
        let send = settings.on_unavailable == OnUnavailable::Send;
        Self::open_tuned(path, Tuning::new(spool, send), lanes, clock)
    }

    fn open_tuned(
        path: &Path,
        tuning: Tuning,
        lanes: Lanes,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let location = Location::claim(path)?;
        let open = |role| Database::open(Arc::clone(&location), role);
        let written = open(Role::Writer(tuning.patience))?;
        let (read, checkpointed) = (open(Role::Reader)?, open(Role::Checkpointer)?);
        let queue = Arc::new(Queue::new(tuning));
        let since = DeliveryId::lowest_at(ago(&clock, CLAIM_LIFE));
        let knowledge = Knowledge::read(written.connection(), since);
        let knowledge = knowledge.map_err(|cause| OpenError::Database {
            path: path.to_owned(),
            cause: cause.to_string(),
        })?;
        let relay = Relay::new(lanes);
        let writer = Writer::new(Arc::clone(&queue), written, tuning, knowledge, relay);
        let (reader, reads) = Reader::new();
        let (checkpoints, stop) = mpsc::channel();
        let ledger = Self {
            clock,
            tuning,
            queue,
            reader,
            checkpoints: Mutex::new(Some(checkpoints)),
            threads: Threads::default(),
        };
        // Should one not start, dropping the ledger ends the others.
        let failed = |cause| OpenError::File {
            path: path.to_owned(),
            cause,
        };
        let start = &ledger.threads;
        start
            .start("ledger-writer", move || writer.run())
            .map_err(failed)?;
        start
            .start("ledger-reader", move || reads.run(read))
            .map_err(failed)?;
        start
            .start("ledger-log", move || checkpoint::run(checkpointed, &stop))
            .map_err(failed)?;
        Ok(ledger)
    }

    async fn ask(&self, op: Op) -> Result<Done, LedgerError> {
        let answer = self.queue.ask(op)?.await;
        answer.map_or_else(
            |_| {
                let cause = "the ledger's writer has ended";
                Err(LedgerError::Unavailable(cause.to_owned()))
            },
            |answer| answer.said,
        )
    }

    /// Has the writer take a step of upkeep between its other work; returns how many rows that changed.
    async fn upkeep(&self, step: Step) -> Result<u64, LedgerError> {
        match self.ask(Op::Upkeep(step)).await? {
            Done::Changed(rows) => Ok(rows),
            Done::Written | Done::ClaimedBy(_) => Ok(0),
        }
    }

    /// Lets the threads end once they have written what is queued. The last connection moves the log into the file.
    fn stop(&self) {
        self.queue.close();
        self.reader.stop();
        let mut checkpoints = self
            .checkpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        checkpoints.take();
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn record(&self, intent: Box<Intent>) -> Result<Recorded, LedgerError> {
        match self.ask(Op::Record(intent)).await? {
            Done::ClaimedBy(holder) => Ok(Recorded::ClaimedBy(holder)),
            Done::Written | Done::Changed(_) => Ok(Recorded::New),
        }
    }

    async fn record_attempt(&self, attempt: AttemptRow) -> Result<(), LedgerError> {
        let spools = self.tuning.spool_attempts;
        let asked = self.ask(Op::Attempt(Box::new(attempt), spools));
        asked.await.map(drop)
    }

    fn settle_attempt(&self, attempt: AttemptId, result: AttemptResult) {
        self.queue.tell(Op::SettleAttempt(attempt, result));
    }

    fn settle_delivery(&self, delivery: DeliveryId, result: DeliveryResult) {
        self.queue.tell(Op::SettleDelivery(delivery, result));
    }

    fn settle_outcome(&self, delivery: DeliveryId, outcome: Outcome) {
        self.queue.tell(Op::SettleOutcome(delivery, outcome));
    }

    fn note_verified(&self, row: VerifiedRow) {
        self.queue.tell(Op::Verified(Box::new(row)));
    }

    async fn record_verified(&self, rows: Vec<VerifiedRow>) -> Result<(), LedgerError> {
        self.upkeep(outcomes::verify_all(rows)).await.map(drop)
    }

    fn record_refusal(&self, decision: DecisionRow, delivery: Option<Box<Intent>>) {
        self.queue.tell(Op::Refusal(Box::new((decision, delivery))));
    }

    async fn delivery(
        &self,
        tenant: &str,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRecord>, LedgerError> {
        let tenant = tenant.to_owned();
        let read = self
            .reader
            .read(move |from| read::delivery(from, &tenant, id));
        read.await
    }

    async fn decision(
        &self,
        tenant: &str,
        id: DecisionId,
    ) -> Result<Option<DecisionRow>, LedgerError> {
        let tenant = tenant.to_owned();
        let read = self
            .reader
            .read(move |from| read::decision(from, &tenant, id));
        read.await
    }

    async fn decisions(&self, filter: DecisionFilter) -> Result<DecisionPage, LedgerError> {
        self.reader
            .read(move |from| read::decisions(from, &filter))
            .await
    }

    async fn deliveries(&self, filter: Filter) -> Result<Page, LedgerError> {
        self.reader
            .read(move |from| read::page(from, &filter))
            .await
    }

    async fn preference(&self, key: PreferenceKey) -> Result<Option<PreferenceRow>, LedgerError> {
        self.reader
            .read(move |from| Ok(preferences::preference(from, &key)?))
            .await
    }

    async fn rewrite_preference(
        &self,
        key: PreferenceKey,
        rewrite: Rewrite,
    ) -> Result<bool, LedgerError> {
        let step = preferences::rewrite(key, rewrite);
        self.upkeep(step).await.map(|rows| rows > 0)
    }

    async fn people_with_preference(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<KeyedHash>, LedgerError> {
        self.reader
            .read(move |from| Ok(preferences::users(from, above, limit)?))
            .await
    }

    async fn verified(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<VerifiedRow>, LedgerError> {
        self.reader
            .read(move |from| Ok(outcomes::verified(from, above, limit)?))
            .await
    }

    async fn expire_verified(&self, before: u32) -> Result<(), LedgerError> {
        let mut above = None;
        loop {
            // Looked for by the reader, so that a table of millions does not hold up the writer.
            let page = self.verified(above, VERIFIED_PAGE).await?;
            above = page.last().map(|row| row.phone);
            let old = page.iter().filter(|row| row.day < before);
            let old: Vec<_> = old.map(|row| row.phone).collect();
            if !old.is_empty() {
                self.upkeep(outcomes::remove(old, before)).await?;
            }
            if page.len() < VERIFIED_PAGE {
                return Ok(());
            }
        }
    }

    async fn sent(&self, age: Duration, most: usize) -> Result<Vec<DeliveryRow>, LedgerError> {
        let since = DeliveryId::lowest_at(ago(&self.clock, age));
        self.reader
            .read(move |from| read::sent(from, since, most))
            .await
    }

    async fn change_lists(&self, changes: Vec<ListChange>) -> Result<u64, LedgerError> {
        self.upkeep(lists::change(changes)).await
    }

    async fn list_entries(
        &self,
        above: Option<ListEntryId>,
        limit: usize,
    ) -> Result<Vec<ListEntry>, LedgerError> {
        self.reader
            .read(move |from| lists::entries(from, above, limit))
            .await
    }

    async fn list_changes(&self, filter: ChangeFilter) -> Result<ChangePage, LedgerError> {
        self.reader
            .read(move |from| lists::changes(from, &filter))
            .await
    }

    async fn keep_counters(&self, counters: Vec<Counter>) -> Result<(), LedgerError> {
        let step = counters::keep(counters, self.clock.unix_ms());
        self.upkeep(step).await.map(drop)
    }

    async fn counters(
        &self,
        above: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<Counter>, LedgerError> {
        self.reader
            .read(move |from| Ok(counters::counters(from, above, limit)?))
            .await
    }

    async fn sweep(&self) -> Result<u64, LedgerError> {
        let all = DeliveryId::from_bytes([0xff; 16]);
        self.upkeep(upkeep::sweep(all, self.clock.unix_ms())).await
    }

    async fn claims(&self, age: Duration) -> Result<Vec<Claim>, LedgerError> {
        let since = DeliveryId::lowest_at(ago(&self.clock, age));
        self.reader
            .read(move |from| read::claims(from, since))
            .await
    }

    async fn expire(&self, claims: Duration, rows: Duration) -> Result<(), LedgerError> {
        let stale = DeliveryId::lowest_at(ago(&self.clock, claims));
        self.upkeep(upkeep::sweep(stale, self.clock.unix_ms()))
            .await?;
        while self.upkeep(upkeep::clear_claims(stale)).await? > 0 {}
        let old = ago(&self.clock, rows);
        while self.upkeep(upkeep::remove_rows(old)).await? > 0 {}
        let now = self.clock.unix_ms();
        self.upkeep(lists::remove_expired(now)).await?;
        let unread = ago(&self.clock, CHANGES_KEPT);
        while self.upkeep(upkeep::remove_changes(unread)).await? > 0 {}
        let idle = ago(&self.clock, COUNTERS_KEPT);
        while self.upkeep(counters::remove(idle)).await? > 0 {}
        Ok(())
    }

    async fn flush(&self) -> Result<(), LedgerError> {
        // The queue has one order: once this step is committed, so is everything before it.
        self.upkeep(Box::new(|_, _| Ok(0))).await.map(drop)
    }

    fn backlog(&self) -> Backlog {
        self.queue.backlog()
    }

    async fn close(&self) {
        self.stop();
        let threads = self.threads.clone();
        let ended = tokio::task::spawn_blocking(move || threads.wait(CLOSING)).await;
        if !ended.unwrap_or(false) {
            tracing::error!("the ledger was not closed in time");
        }
    }
}

/// The time that long ago, ms since 1970.
fn ago(clock: &Clock, age: Duration) -> u64 {
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    clock.unix_ms().saturating_sub(age)
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.stop();
        self.threads.wait(CLOSING);
    }
}
