//! What a send came to, for its caller and for every repetition of it.

use std::sync::Arc;

use crate::{
    domain::{delivery::State, failure::Failure, id::DeliveryId},
    error::{Reason, fault, fault::Fault},
    store::record::{AttemptRow, DeliveryRecord},
};

/// A send that was accepted or may have been sent, or why it was not.
pub type Outcome = Result<Arc<Answer>, Arc<Fault>>;

/// A send that was accepted, or may have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The best of its attempts.
    pub state: State,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptRow>,
}

impl Answer {
    /// An answer to somebody whose time ran out while the send went on.
    pub fn unconfirmed(delivery: DeliveryId) -> Self {
        Self {
            delivery,
            state: State::Unconfirmed,
            attempts: Vec::new(),
        }
    }

    /// The attempt that decided the state: the first of the best.
    pub fn best(&self) -> Option<&AttemptRow> {
        self.attempts
            .iter()
            .find(|attempt| attempt.result.state == self.state)
    }
}

/// The answer that a recorded delivery stands for. One that its process did not live to conclude has no reason of its
/// own: its attempts tell.
pub fn from_record(record: &DeliveryRecord) -> Outcome {
    let row = &record.row;
    let reason = row
        .reason
        .or_else(|| failure_of(row.state, &record.attempts));
    if let Some(reason) = reason {
        let mut fault = Fault::new(reason).with(fault::DELIVERY_ID, row.id.to_string());
        if let Some(decision) = row.decision {
            fault = fault.with(fault::DECISION_ID, decision.to_string());
        }
        return Err(Arc::new(fault));
    }
    Ok(Arc::new(Answer {
        delivery: row.id,
        state: row.state,
        attempts: record.attempts.clone(),
    }))
}

/// A fault of one delivery.
pub(super) fn fault_of(reason: Reason, delivery: DeliveryId) -> Fault {
    Fault::new(reason).with(fault::DELIVERY_ID, delivery.to_string())
}

/// Why a delivery whose attempts came to `best` was not sent; `None` when it was, or may have been.
pub(super) fn failure_of(best: State, attempts: &[AttemptRow]) -> Option<Reason> {
    match best {
        State::Accepted
        | State::Sent
        | State::Delivered
        | State::Read
        | State::Undelivered
        | State::Sending
        | State::Unconfirmed => return None,
        State::Refused => return Some(Reason::ProviderFraudBlock),
        State::Failed | State::Expired => {}
    }
    let all = |failures: &[Failure]| {
        let names: Vec<_> = failures.iter().map(|failure| failure.as_str()).collect();
        attempts
            .iter()
            .all(|attempt| names.contains(&attempt.result.failure))
    };
    Some(if all(&[Failure::Recipient]) {
        Reason::RecipientUnreachable
    } else if all(&[Failure::Recipient, Failure::Request]) {
        Reason::RequestsRejected
    } else {
        Reason::ProvidersFailed
    })
}

/// Whether an outcome keeps its idempotency key: accepted, unconfirmed, refused by policy, and a bug, after which
/// nobody knows what was done. What may be tried again releases it.
pub fn keeps_key(outcome: &Outcome) -> bool {
    match outcome {
        Ok(_) => true,
        Err(fault) => match fault.reason {
            Reason::CountryNotAllowed
            | Reason::NumberTypeNotAllowed
            | Reason::Blocked
            | Reason::ProviderFraudBlock
            | Reason::Internal => true,
            Reason::InvalidRequest
            | Reason::InvalidRecipient
            | Reason::IdempotencyMismatch
            | Reason::BodyTooLarge
            | Reason::RateLimited
            | Reason::BudgetExhausted
            | Reason::SpendingCapped
            | Reason::NoRoute
            | Reason::CodeExpired
            | Reason::RecipientUnreachable
            | Reason::ProvidersFailed
            | Reason::Overloaded
            | Reason::ShuttingDown
            | Reason::LedgerUnavailable
            | Reason::GatewayUnreachable
            | Reason::GatewayLost
            | Reason::DeadlineExceeded
            | Reason::Unauthenticated
            | Reason::NotAllowed
            | Reason::NotFound
            | Reason::RequestsRejected => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{channel::Channel, id::AttemptId},
        store::record::AttemptResult,
    };

    #[test]
    fn failures_add_up_to_a_reason() {
        let check = |best, failures: &[&'static str], expect| {
            let attempts: Vec<_> = failures.iter().map(|failure| attempt(failure)).collect();
            assert_eq!(failure_of(best, &attempts), expect, "{failures:?}");
        };
        check(State::Accepted, &["transient", ""], None);
        check(State::Unconfirmed, &["ambiguous", "recipient"], None);
        check(
            State::Failed,
            &["recipient", "recipient"],
            Some(Reason::RecipientUnreachable),
        );
        check(State::Failed, &["request"], Some(Reason::RequestsRejected));
        check(
            State::Failed,
            &["recipient", "request"],
            Some(Reason::RequestsRejected),
        );
        check(
            State::Failed,
            &["request", "account"],
            Some(Reason::ProvidersFailed),
        );
        check(State::Failed, &["throttled"], Some(Reason::ProvidersFailed));
        check(
            State::Refused,
            &["transient", "fraud_block"],
            Some(Reason::ProviderFraudBlock),
        );
    }

    fn attempt(failure: &'static str) -> AttemptRow {
        AttemptRow {
            id: AttemptId {
                delivery: DeliveryId::from_bytes([0; 16]),
                ordinal: 1,
            },
            channel: Channel::Sms,
            provider: "a".to_owned(),
            started_ms: 0,
            result: AttemptResult {
                failure,
                ..AttemptResult::sending()
            },
        }
    }
}
