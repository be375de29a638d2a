//! What the ledger keeps: rows as they are written and read. Nothing in them is a code, a text or a full number.

use std::time::Duration;

use crate::{
    domain::{
        channel::{Channel, Family},
        delivery::{Outcome, State},
        id::{AttemptId, DecisionId, DeliveryId},
        phone::Country,
        privacy::KeyedHash,
        purpose::Purpose,
    },
    error::Reason,
};

/// A delivery about to begin: the row, its claim and its first attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// The claim it holds; `None` where none is kept.
    pub claim: Option<KeyedHash>,
    /// What the claim's key was used for: a keyed hash of number and code.
    pub fingerprint: KeyedHash,
    /// The first attempt; `None` for a delivery that was refused.
    pub attempt: Option<AttemptRow>,
    /// Whether it may be kept in memory and written later when the ledger is away.
    pub spool: bool,
}

/// A delivery's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its id.
    pub id: DeliveryId,
    /// Its tenant.
    pub tenant: String,
    /// The client that asked for it.
    pub client: String,
    /// The client's own id of it; empty where none was given.
    pub reference: String,
    /// Keyed hash of the number.
    pub phone: KeyedHash,
    /// The number masked.
    pub masked: String,
    /// The number's country.
    pub country: Option<Country>,
    /// Keyed hash of the user id.
    pub user: Option<KeyedHash>,
    /// Why the code was needed.
    pub purpose: Purpose,
    /// What the caller's screen promised.
    pub family: Family,
    /// Where it stands.
    pub state: State,
    /// Why it failed or was refused.
    pub reason: Option<Reason>,
    /// The decision that refused it, or sent it another way.
    pub decision: Option<DecisionId>,
    /// Whether the code was used.
    pub outcome: Outcome,
    /// What it has put into the guard's budgets, in the guard's own form.
    pub trail: Option<Vec<u8>>,
    /// When it was asked for, ms since 1970.
    pub created_ms: u64,
    /// When its state last changed, ms since 1970.
    pub updated_ms: u64,
}

/// An attempt's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its id: the delivery and its place.
    pub id: AttemptId,
    /// The channel.
    pub channel: Channel,
    /// The provider's configured name.
    pub provider: String,
    /// When it was recorded, ms since 1970.
    pub started_ms: u64,
    /// How it ended, or where it stands.
    pub result: AttemptResult,
}

/// What is known of an attempt after its row was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// Where it stands.
    pub state: State,
    /// The class of its failure (`Failure::as_str`); empty if it did not fail.
    pub failure: &'static str,
    /// The provider's own error code; empty where it gave none.
    pub provider_code: String,
    /// The provider's id of the message; empty where it gave none.
    pub message_id: String,
    /// How long the provider took to answer.
    pub took: Duration,
}

impl AttemptResult {
    /// An attempt that has just been recorded.
    pub fn sending() -> Self {
        Self {
            state: State::Sending,
            failure: "",
            provider_code: String::new(),
            message_id: String::new(),
            took: Duration::ZERO,
        }
    }
}

/// How a delivery ended, for its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The best of its attempts, or REFUSED.
    pub state: State,
    /// Why it failed or was refused.
    pub reason: Option<Reason>,
    /// The decision that refused it; the row keeps the one it has where this is `None`.
    pub decision: Option<DecisionId>,
    /// When, ms since 1970.
    pub updated_ms: u64,
    /// Whether its idempotency key may be used again.
    pub release_claim: bool,
    /// What it has put into the guard's budgets by now; `None` leaves what is known.
    pub trail: Option<Vec<u8>>,
}

/// A destination where the right code was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRow {
    /// Keyed hash of tenant and number.
    pub phone: KeyedHash,
    /// The tenant.
    pub tenant: String,
    /// The last day of that, days since 1970.
    pub day: u32,
}

/// A claim as it is found at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claim column.
    pub key: KeyedHash,
    /// What the key was used for.
    pub fingerprint: KeyedHash,
    /// The delivery that holds it, with its attempts.
    pub record: DeliveryRecord,
}

/// A delivery as it is read: its row and its attempts in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The row.
    pub row: DeliveryRow,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptRow>,
}

/// A refusal or deflection, or one minute's count of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// Its id.
    pub id: DecisionId,
    /// The tenant.
    pub tenant: String,
    /// The rule that decided.
    pub rule: String,
    /// What was counted or looked at.
    pub key: String,
    /// What stood against the threshold.
    pub level: String,
    /// What the rule allows.
    pub threshold: String,
    /// Whether the rule only watched (`mode: shadow`).
    pub shadow: bool,
    /// Whether the code went another way instead of being refused.
    pub deflected: bool,
    /// When the same request may pass, ms since 1970; `None` when waiting does not help.
    pub until_ms: Option<u64>,
    /// How many requests it stands for.
    pub count: u64,
    /// When it was made, ms since 1970.
    pub created_ms: u64,
}

/// Which deliveries to read; conditions add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The tenant.
    pub tenant: String,
    /// The client's own id.
    pub reference: Option<String>,
    /// The number, under any key that may have hashed it.
    pub phone: Option<Vec<KeyedHash>>,
    /// The user id, under any key that may have hashed it.
    pub user: Option<Vec<KeyedHash>>,
    /// Any of these states; all when empty.
    pub states: Vec<State>,
    /// Created at or after, ms since 1970.
    pub after_ms: Option<u64>,
    /// Created before, ms since 1970.
    pub before_ms: Option<u64>,
    /// Go on below this delivery.
    pub below: Option<DeliveryId>,
    /// At most this many.
    pub limit: usize,
}

/// A page of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub deliveries: Vec<DeliveryRecord>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<DeliveryId>,
}

/// Which decisions to read; conditions add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionFilter {
    /// The tenant.
    pub tenant: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Made at or after, ms since 1970.
    pub after_ms: Option<u64>,
    /// Made before, ms since 1970.
    pub before_ms: Option<u64>,
    /// Go on below this decision.
    pub below: Option<DecisionId>,
    /// At most this many.
    pub limit: usize,
}

/// A page of decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionPage {
    /// Newest first.
    pub decisions: Vec<DecisionRow>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<DecisionId>,
}
