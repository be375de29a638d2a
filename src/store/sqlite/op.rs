//! What the writer is asked to do, and whether somebody waits for it.

use std::mem;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::claims::Claims;
use crate::{
    domain::{
        delivery::Outcome,
        id::{AttemptId, DeliveryId},
    },
    lanes,
    store::{
        LedgerError,
        record::{AttemptResult, AttemptRow, DecisionRow, DeliveryResult, Intent, VerifiedRow},
    },
};

/// A step of upkeep. It may be run again after a transaction that failed.
pub(super) type Step = Box<dyn FnMut(&Connection, &mut Claims) -> rusqlite::Result<u64> + Send>;

/// One thing to be written.
pub(super) enum Op {
    /// A delivery with its first attempt.
    Record(Box<Intent>),
    /// A further attempt, and whether it is kept while the ledger is away.
    Attempt(Box<AttemptRow>, bool),
    /// How an attempt went.
    SettleAttempt(AttemptId, AttemptResult),
    /// How a delivery went.
    SettleDelivery(DeliveryId, DeliveryResult),
    /// How a delivery and its first attempt went.
    SettleBoth(DeliveryId, AttemptResult, DeliveryResult),
    /// Whether a delivery's code was used.
    SettleOutcome(DeliveryId, Outcome),
    /// A destination was verified.
    Verified(Box<VerifiedRow>),
    /// A decision, with the delivery it refused.
    Refusal(Box<(DecisionRow, Option<Box<Intent>>)>),
    /// A step of upkeep.
    Upkeep(Step),
}

impl Op {
    /// Whether it is kept in memory while the ledger is away.
    pub(super) fn spools(&self) -> bool {
        match self {
            Self::Record(intent) => intent.spool,
            Self::Attempt(_, spools) => *spools,
            Self::SettleAttempt(..)
            | Self::SettleDelivery(..)
            | Self::SettleBoth(..)
            | Self::SettleOutcome(..)
            | Self::Verified(_)
            | Self::Refusal(_) => true,
            Self::Upkeep(_) => false,
        }
    }

    /// Takes in what is said next, if that is of the same delivery: one row is then changed once. Gives back what is of
    /// another one.
    pub(super) fn join(&mut self, next: Self) -> Option<Self> {
        match (&mut *self, next) {
            (Self::SettleAttempt(id, attempt), Self::SettleDelivery(delivery, result))
                if *id == AttemptId::first_of(delivery) =>
            {
                let attempt = mem::replace(attempt, AttemptResult::sending());
                *self = Self::SettleBoth(delivery, attempt, result);
                None
            }
            (_, next) => Some(next),
        }
    }

    /// Whether it makes a row, rather than changing one.
    pub(super) fn is_row(&self) -> bool {
        match self {
            Self::Record(_) | Self::Attempt(..) | Self::Refusal(_) => true,
            // A lost one of these leaves a row that says less than it could.
            Self::SettleAttempt(..)
            | Self::SettleDelivery(..)
            | Self::SettleBoth(..)
            | Self::SettleOutcome(..)
            | Self::Verified(_)
            | Self::Upkeep(_) => false,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It is written.
    Written,
    /// Nothing was written: this delivery holds the claim.
    ClaimedBy(DeliveryId),
    /// Upkeep changed this many rows.
    Changed(u64),
}

/// What whoever waits is told.
pub(super) struct Answer {
    pub(super) said: Result<Done, LedgerError>,
    /// What was asked for comes back, as memory is freed for less by the thread that has taken it.
    _spent: Option<Box<Intent>>,
}

/// Where the answer is awaited.
pub(super) type Reply = oneshot::Sender<Answer>;

/// An answer, and who is to be told.
pub(super) struct Told {
    reply: Reply,
    answer: Answer,
    /// The thread on which it is awaited, as `lanes` counts them.
    pub(super) place: usize,
}

impl Told {
    /// Tells it; the caller may have given up meanwhile.
    pub(super) fn tell(self) {
        drop(self.reply.send(self.answer));
    }
}

/// A thing to be written, on its way to the writer.
pub(super) struct Entry {
    pub(super) op: Op,
    /// Who waits for it.
    pub(super) reply: Option<Reply>,
    /// The thread on which it was asked for, as `lanes` counts them.
    place: usize,
    /// What came of it in the open transaction.
    pub(super) done: Option<Done>,
    /// Whether it is counted as spooled.
    pub(super) spooled: bool,
}

impl Entry {
    pub(super) fn new(op: Op, reply: Option<Reply>) -> Self {
        Self {
            op,
            reply,
            place: lanes::place(),
            done: None,
            spooled: false,
        }
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_orphan(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Whether it was taken back: its caller has given up, and it is not to be kept.
    pub(super) fn is_taken_back(&self) -> bool {
        self.is_orphan() && !self.op.spools()
    }

    /// The answer for whoever waits, if somebody does.
    pub(super) fn answer(self, said: Result<Done, LedgerError>) -> Option<Told> {
        let reply = self.reply?;
        let spent = if let Op::Record(intent) = self.op {
            Some(intent)
        } else {
            None
        };
        Some(Told {
            reply,
            answer: Answer {
                said,
                _spent: spent,
            },
            place: self.place,
        })
    }

    /// Tells whoever waits that it is not written now, and stays.
    pub(super) fn put_off(&mut self, error: LedgerError) {
        if let Some(reply) = self.reply.take() {
            drop(reply.send(Answer {
                said: Err(error),
                _spent: None,
            }));
        }
    }
}
