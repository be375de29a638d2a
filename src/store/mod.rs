//! The ledger: every delivery with its attempts, written before anything is sent, and the claims that keep a code from
//! being sent twice. SQL lives here and nowhere else.

mod filter;
pub mod memory;
pub mod open;
pub mod preference;
pub mod record;
pub mod sqlite;
#[cfg(test)]
mod suite;

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{
    id::{AttemptId, DecisionId, DeliveryId},
    privacy::KeyedHash,
};

use preference::{PreferenceKey, PreferenceRow, Rewrite};
use record::{
    AttemptResult, AttemptRow, Claim, DecisionRow, DeliveryRecord, DeliveryResult, Filter, Intent,
    Page,
};

/// Why the ledger could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be reached, read or written; the cause is for the log.
    #[error("the ledger is unavailable: {0}")]
    Unavailable(String),
    /// Its queue is full.
    #[error("the ledger's queue is full")]
    Overloaded,
    /// It holds something this version cannot read.
    #[error("the ledger holds a row that cannot be read: {0}")]
    Corrupt(String),
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The delivery, its claim and its first attempt are committed.
    New,
    /// Another delivery holds the claim; nothing was written.
    ClaimedBy(DeliveryId),
}

/// Where deliveries are recorded. Every call may fail and none may block the caller's thread.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes delivery, claim and first attempt in one transaction, or nothing. Returns once that is committed. Giving
    /// up on the returned future takes the intent back where it was not yet written, unless it may be spooled.
    ///
    /// An error for an intent that may be spooled means that it is kept and written later, where there is room; one
    /// whose claim turns out to be held is then written without it. Either way the caller settles what it began: the
    /// result of a delivery that was never written is dropped.
    async fn record(&self, intent: Intent) -> Result<Recorded, LedgerError>;

    /// Writes a further attempt. Returns once it is committed. Where `on_unavailable` is `send`, an error or a caller
    /// who gives up means that it is kept and written later; otherwise it is taken back.
    async fn record_attempt(&self, attempt: AttemptRow) -> Result<(), LedgerError>;

    /// Takes an attempt's result in, to be committed within 50 ms; a result of an attempt that was never written is
    /// dropped. A state never goes back (`State::after`).
    fn settle_attempt(&self, attempt: AttemptId, result: AttemptResult);

    /// Takes a delivery's result in, to be committed within 50 ms. A state never goes back; the claim is released, if
    /// that was asked for, where the delivery then stands as the result says.
    fn settle_delivery(&self, delivery: DeliveryId, result: DeliveryResult);

    /// Takes in a decision, with the delivery it refused where that is kept, to be committed within 50 ms. A decision
    /// of the same id replaces the one before: that is how a minute's count grows.
    fn record_refusal(&self, decision: DecisionRow, delivery: Option<Intent>);

    /// Reads one delivery of a tenant.
    async fn delivery(
        &self,
        tenant: &str,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRecord>, LedgerError>;

    /// Reads one decision of a tenant.
    async fn decision(
        &self,
        tenant: &str,
        id: DecisionId,
    ) -> Result<Option<DecisionRow>, LedgerError>;

    /// Reads a page of a tenant's deliveries, newest first. A page may be short before the last one.
    async fn deliveries(&self, filter: Filter) -> Result<Page, LedgerError>;

    /// Reads the preference that is stored for a person.
    async fn preference(&self, key: PreferenceKey) -> Result<Option<PreferenceRow>, LedgerError>;

    /// Writes a person's preference anew, in one transaction with reading what it was. Returns once that is committed,
    /// and says whether there was one or is one now. Giving up on the returned future takes it back where it was not yet
    /// written.
    async fn rewrite_preference(
        &self,
        key: PreferenceKey,
        rewrite: Rewrite,
    ) -> Result<bool, LedgerError>;

    /// The hashes of people who have a stored preference, in order and above the one given; fewer than `limit` on the
    /// last page.
    async fn people_with_preference(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<KeyedHash>, LedgerError>;

    /// Turns every attempt that a dead process left open into UNCONFIRMED and every open delivery into the best of its
    /// attempts, and returns how many deliveries that were. Claims stay. To be called before the first `record`.
    async fn sweep(&self) -> Result<u64, LedgerError>;

    /// The claims written within the last `age`, to be loaded at start.
    async fn claims(&self, age: Duration) -> Result<Vec<Claim>, LedgerError>;

    /// Clears claims older than `claims`, closes what is still open at that age because its result was lost, and removes deliveries and decisions older than `rows`, in small steps.
    async fn expire(&self, claims: Duration, rows: Duration) -> Result<(), LedgerError>;

    /// Returns once everything taken in so far is committed, or cannot be.
    async fn flush(&self) -> Result<(), LedgerError>;

    /// How many rows wait to be written, and how many were dropped because too many waited.
    fn backlog(&self) -> Backlog;

    /// Writes what was taken in, within a few seconds, and lets go of the ledger; further calls fail.
    async fn close(&self);
}

/// Rows that could not be written yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Kept in memory until the ledger is back.
    pub spooled: u64,
    /// Every row ever spooled.
    pub spooled_total: u64,
    /// Every row ever dropped because the spool was full.
    pub dropped_total: u64,
}

/// How long a claim is kept.
pub const CLAIM_LIFE: Duration = Duration::from_mins(15);

/// The claim column: a keyed hash of tenant, client and idempotency key.
pub type ClaimKey = KeyedHash;
