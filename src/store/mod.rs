//! The ledger: every delivery with its attempts, written before anything is sent, and the claims that keep a code from
//! being sent twice. SQL lives here and nowhere else.

pub mod counter;
mod filter;
pub mod list;
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
    delivery::Outcome,
    id::{AttemptId, DecisionId, DeliveryId, ListEntryId},
    listed::ListEntry,
    privacy::KeyedHash,
};

use counter::Counter;
use list::{ChangeFilter, ChangePage, ListChange};
use preference::{PreferenceKey, PreferenceRow, Rewrite};
use record::{
    AttemptResult, AttemptRow, Claim, DecisionFilter, DecisionPage, DecisionRow, DeliveryRecord,
    DeliveryResult, DeliveryRow, Filter, Intent, Page, VerifiedRow,
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
    async fn record(&self, intent: Box<Intent>) -> Result<Recorded, LedgerError>;

    /// Writes a further attempt. Returns once it is committed. Where `on_unavailable` is `send`, an error or a caller
    /// who gives up means that it is kept and written later; otherwise it is taken back.
    async fn record_attempt(&self, attempt: AttemptRow) -> Result<(), LedgerError>;

    /// Takes an attempt's result in, to be committed within 50 ms; a result of an attempt that was never written is
    /// dropped. A state never goes back (`State::after`).
    fn settle_attempt(&self, attempt: AttemptId, result: AttemptResult);

    /// Takes a delivery's result in, to be committed within 50 ms. A state never goes back; the claim is released, if
    /// that was asked for, where the delivery then stands as the result says.
    fn settle_delivery(&self, delivery: DeliveryId, result: DeliveryResult);

    /// Takes in whether a delivery's code was used, to be committed within 50 ms. It never goes back (`Outcome::after`).
    fn settle_outcome(&self, delivery: DeliveryId, outcome: Outcome);

    /// Takes in that a destination was verified, to be committed within 50 ms. Of several days the latest counts.
    fn note_verified(&self, row: VerifiedRow);

    /// Writes that destinations were verified. Returns once that is committed. Of several days the latest counts.
    async fn record_verified(&self, rows: Vec<VerifiedRow>) -> Result<(), LedgerError>;

    /// Takes in a decision, with the delivery it refused where that is kept, to be committed within 50 ms. A decision
    /// of the same id replaces the one before: that is how a minute's count grows.
    fn record_refusal(&self, decision: DecisionRow, delivery: Option<Box<Intent>>);

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

    /// Reads a page of a tenant's decisions, newest first. A page may be short before the last one.
    async fn decisions(&self, filter: DecisionFilter) -> Result<DecisionPage, LedgerError>;

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

    /// Verified destinations, in the order of their hashes and above the one given; fewer than `limit` on the last page.
    async fn verified(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<VerifiedRow>, LedgerError>;

    /// Removes destinations that were last verified before this day, in small steps.
    async fn expire_verified(&self, before: u32) -> Result<(), LedgerError>;

    /// The deliveries of the last `age` whose code may have gone out, oldest first; the newest `most` of them.
    async fn sent(&self, age: Duration, most: usize) -> Result<Vec<DeliveryRow>, LedgerError>;

    /// Changes the guard's lists and records each change, in one transaction. Returns once that is committed, and says how
    /// many of the changes there was something to do for: an entry that is not there cannot be removed, which leaves no
    /// trace. Giving up on the returned future takes all of it back where it was not yet written.
    async fn change_lists(&self, changes: Vec<ListChange>) -> Result<u64, LedgerError>;

    /// The entries of the guard's lists, expired ones too, in order and above the one given; fewer than `limit` on the
    /// last page.
    async fn list_entries(
        &self,
        above: Option<ListEntryId>,
        limit: usize,
    ) -> Result<Vec<ListEntry>, LedgerError>;

    /// A page of the changes of the guard's lists, newest first.
    async fn list_changes(&self, filter: ChangeFilter) -> Result<ChangePage, LedgerError>;

    /// Keeps these values of the guard's in place of those of the same keys, in one transaction. Returns once that is
    /// committed.
    async fn keep_counters(&self, counters: Vec<Counter>) -> Result<(), LedgerError>;

    /// The guard's values, in order of their keys and above the one given; fewer than `limit` on the last page.
    async fn counters(
        &self,
        above: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<Counter>, LedgerError>;

    /// Turns every attempt that a dead process left open into UNCONFIRMED and every open delivery into the best of its
    /// attempts, and returns how many deliveries that were. Claims stay. To be called before the first `record`.
    async fn sweep(&self) -> Result<u64, LedgerError>;

    /// The claims written within the last `age`, to be loaded at start.
    async fn claims(&self, age: Duration) -> Result<Vec<Claim>, LedgerError>;

    /// Clears claims older than `claims`, closes what is still open at that age because its result was lost, and removes deliveries and decisions older than `rows`, in small steps; also list entries that have expired, and what the guard has not touched for weeks.
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
