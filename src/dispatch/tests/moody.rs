//! A ledger in memory that can be made to fail.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    domain::{
        delivery::Outcome,
        id::{AttemptId, DecisionId, DeliveryId, ListEntryId},
        listed::ListEntry,
        privacy::KeyedHash,
    },
    store::{
        Backlog, Ledger, LedgerError, Recorded,
        counter::Counter,
        list::{ChangeFilter, ChangePage, ListChange},
        memory::MemoryLedger,
        preference::{PreferenceKey, PreferenceRow, Rewrite},
        record::{
            AttemptResult, AttemptRow, Claim, DecisionFilter, DecisionPage, DecisionRow,
            DeliveryRecord, DeliveryResult, DeliveryRow, Filter, Intent, Page, VerifiedRow,
        },
    },
};

/// How it is when something is to be recorded before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// It records.
    Well,
    /// It says that it cannot.
    Away,
    /// It neither records nor answers.
    Hangs,
    /// It records, and its answer does not come.
    Mute,
}

/// The ledger.
pub(super) struct Moody {
    inner: Arc<MemoryLedger>,
    mood: Mutex<Mood>,
}

impl Moody {
    pub(super) fn over(inner: Arc<MemoryLedger>) -> Arc<Self> {
        let mood = Mutex::new(Mood::Well);
        Arc::new(Self { inner, mood })
    }

    pub(super) fn turn(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn in_mood<T>(
        &self,
        recording: impl Future<Output = Result<T, LedgerError>> + Send,
    ) -> Result<T, LedgerError> {
        match self.mood() {
            Mood::Well => recording.await,
            Mood::Away => Err(LedgerError::Unavailable("the disk is full".to_owned())),
            Mood::Hangs => pending().await,
            Mood::Mute => {
                recording.await?;
                pending().await
            }
        }
    }
}

#[async_trait]
impl Ledger for Moody {
    async fn record(&self, intent: Box<Intent>) -> Result<Recorded, LedgerError> {
        self.in_mood(self.inner.record(intent)).await
    }

    async fn record_attempt(&self, attempt: AttemptRow) -> Result<(), LedgerError> {
        self.in_mood(self.inner.record_attempt(attempt)).await
    }

    fn settle_attempt(&self, attempt: AttemptId, result: AttemptResult) {
        self.inner.settle_attempt(attempt, result);
    }

    fn settle_delivery(&self, delivery: DeliveryId, result: DeliveryResult) {
        self.inner.settle_delivery(delivery, result);
    }

    fn settle_outcome(&self, delivery: DeliveryId, outcome: Outcome) {
        self.inner.settle_outcome(delivery, outcome);
    }

    fn note_verified(&self, row: VerifiedRow) {
        self.inner.note_verified(row);
    }

    async fn record_verified(&self, rows: Vec<VerifiedRow>) -> Result<(), LedgerError> {
        self.inner.record_verified(rows).await
    }

    async fn verified(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<VerifiedRow>, LedgerError> {
        self.inner.verified(above, limit).await
    }

    async fn expire_verified(&self, before: u32) -> Result<(), LedgerError> {
        self.inner.expire_verified(before).await
    }

    async fn sent(&self, age: Duration, most: usize) -> Result<Vec<DeliveryRow>, LedgerError> {
        self.inner.sent(age, most).await
    }

    fn record_refusal(&self, decision: DecisionRow, delivery: Option<Box<Intent>>) {
        self.inner.record_refusal(decision, delivery);
    }

    async fn delivery(
        &self,
        tenant: &str,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRecord>, LedgerError> {
        if self.mood() == Mood::Hangs {
            return pending().await;
        }
        self.inner.delivery(tenant, id).await
    }

    async fn decision(
        &self,
        tenant: &str,
        id: DecisionId,
    ) -> Result<Option<DecisionRow>, LedgerError> {
        self.inner.decision(tenant, id).await
    }

    async fn deliveries(&self, filter: Filter) -> Result<Page, LedgerError> {
        self.inner.deliveries(filter).await
    }

    async fn preference(&self, key: PreferenceKey) -> Result<Option<PreferenceRow>, LedgerError> {
        self.in_mood(self.inner.preference(key)).await
    }

    async fn rewrite_preference(
        &self,
        key: PreferenceKey,
        rewrite: Rewrite,
    ) -> Result<bool, LedgerError> {
        self.in_mood(self.inner.rewrite_preference(key, rewrite))
            .await
    }

    async fn people_with_preference(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<KeyedHash>, LedgerError> {
        self.inner.people_with_preference(above, limit).await
    }

    async fn decisions(&self, filter: DecisionFilter) -> Result<DecisionPage, LedgerError> {
        self.inner.decisions(filter).await
    }

    async fn change_lists(&self, changes: Vec<ListChange>) -> Result<u64, LedgerError> {
        self.in_mood(self.inner.change_lists(changes)).await
    }

    async fn list_entries(
        &self,
        above: Option<ListEntryId>,
        limit: usize,
    ) -> Result<Vec<ListEntry>, LedgerError> {
        self.in_mood(self.inner.list_entries(above, limit)).await
    }

    async fn list_changes(&self, filter: ChangeFilter) -> Result<ChangePage, LedgerError> {
        self.inner.list_changes(filter).await
    }

    async fn keep_counters(&self, counters: Vec<Counter>) -> Result<(), LedgerError> {
        self.in_mood(self.inner.keep_counters(counters)).await
    }

    async fn counters(
        &self,
        above: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<Counter>, LedgerError> {
        self.inner.counters(above, limit).await
    }

    async fn sweep(&self) -> Result<u64, LedgerError> {
        self.inner.sweep().await
    }

    async fn claims(&self, age: Duration) -> Result<Vec<Claim>, LedgerError> {
        self.inner.claims(age).await
    }

    async fn expire(&self, claims: Duration, rows: Duration) -> Result<(), LedgerError> {
        self.inner.expire(claims, rows).await
    }

    async fn flush(&self) -> Result<(), LedgerError> {
        self.inner.flush().await
    }

    fn backlog(&self) -> Backlog {
        self.inner.backlog()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
