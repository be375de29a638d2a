//! Recording before sending: what a send writes first, how long it waits for that, and what it does when it cannot.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    config::ledger::OnUnavailable,
    domain::{
        channel::Family,
        delivery::{Outcome as Use, State},
        failure::Failure,
        id::{AttemptId, DecisionId, DeliveryId},
        privacy::KeyedHash,
    },
    error::Reason,
    store::{
        LedgerError, Recorded,
        record::{AttemptResult, AttemptRow, DeliveryResult, DeliveryRow, Intent},
    },
    telemetry::metrics::Metric,
};

use super::{
    Dispatcher,
    answer::{Answer, Outcome, from_record},
    outcome::kept,
    send::Delivery,
};

/// How often a copy that lost its claim to another process looks for the winner's result.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// May the send go on?
pub(super) enum Permission {
    /// It is recorded, or the configuration lets it go out unrecorded.
    Send,
    /// The ledger is away and the configuration forbids sending without it.
    Refused,
    /// Another process sends for this key; this came of it.
    Elsewhere(Outcome),
}

impl Dispatcher {
    /// A delivery's row as it begins.
    pub(super) fn row(&self, delivery: &Delivery, state: State) -> DeliveryRow {
        let (request, hashes) = (&delivery.request, &delivery.hashes);
        let now = self.clock.unix_ms();
        DeliveryRow {
            id: delivery.id,
            tenant: request.tenant.clone(),
            client: request.client.to_string(),
            reference: request.reference.clone(),
            phone: hashes.phone,
            masked: request.phone.masked(),
            country: request.phone.country(),
            user: hashes.user,
            purpose: request.purpose,
            family: request.family.unwrap_or(Family::Message),
            state,
            reason: None,
            decision: None,
            outcome: Use::Unknown,
            trail: delivery.tally.trail().map(kept),
            created_ms: now,
            updated_ms: now,
        }
    }

    /// Records a delivery with its claim and first attempt, or says that it must not be sent. `decision` is the one that
    /// sent it another way.
    pub(super) async fn record_first(
        &self,
        delivery: &Delivery,
        decision: Option<DecisionId>,
        attempt: AttemptRow,
    ) -> Permission {
        let (id, deadline) = (attempt.id, delivery.deadline);
        let wait = self.settings.intent_within.min(self.remaining(deadline));
        let recorded = self.ledger.record(Box::new(Intent {
            delivery: DeliveryRow {
                decision,
                ..self.row(delivery, State::Sending)
            },
            claim: Some(delivery.claim.0),
            fingerprint: delivery.claim.1,
            attempt: Some(attempt),
            spool: self.settings.on_unavailable == OnUnavailable::Send,
        }));
        let permission = match tokio::time::timeout(wait, recorded).await {
            Ok(Ok(Recorded::New)) => Permission::Send,
            Ok(Ok(Recorded::ClaimedBy(winner))) => {
                let tenant = &delivery.request.tenant;
                Permission::Elsewhere(self.follow(tenant, winner, deadline).await)
            }
            Ok(Err(problem)) => self.unrecorded(id, Some(&problem)),
            Err(_) => self.unrecorded(id, None),
        };
        if matches!(permission, Permission::Refused) {
            self.take_back_delivery(delivery.id);
        }
        permission
    }

    /// Records a further attempt, or says that it must not be made.
    pub(super) async fn record_further(
        &self,
        attempt: AttemptRow,
        deadline: Instant,
    ) -> Permission {
        let id = attempt.id;
        let wait = self.settings.intent_within.min(self.remaining(deadline));
        match tokio::time::timeout(wait, self.ledger.record_attempt(attempt)).await {
            Ok(Ok(())) => Permission::Send,
            Ok(Err(problem)) => self.unrecorded(id, Some(&problem)),
            Err(_) => self.unrecorded(id, None),
        }
    }

    /// An attempt's row as it begins.
    pub(super) fn attempt_row(
        &self,
        id: AttemptId,
        step: &crate::routing::plan::Step,
    ) -> AttemptRow {
        AttemptRow {
            id,
            channel: step.channel,
            provider: step.provider.to_string(),
            started_ms: self.clock.unix_ms(),
            result: AttemptResult::sending(),
        }
    }

    /// Records a delivery that ended before any attempt, without waiting for it.
    pub(super) fn record_closed(
        self: &Arc<Self>,
        delivery: &Delivery,
        state: State,
        reason: Reason,
    ) {
        let id = delivery.id;
        let mut row = self.row(delivery, state);
        row.reason = Some(reason);
        let intent = Box::new(Intent {
            delivery: row,
            claim: None,
            fingerprint: KeyedHash([0; 16]),
            attempt: None,
            spool: true,
        });
        let this = self.clone();
        self.tracker.spawn(async move {
            if let Err(problem) = this.ledger.record(intent).await {
                tracing::warn!(delivery.id = %id, error = %problem, "failed delivery was not recorded");
            }
        });
    }

    fn unrecorded(&self, attempt: AttemptId, problem: Option<&LedgerError>) -> Permission {
        let id = attempt.delivery;
        let cause = problem.map_or_else(|| "slow".to_owned(), LedgerError::to_string);
        let policy = if self.is_halted() {
            // Its rows would be lost with the process.
            OnUnavailable::Refuse
        } else {
            self.settings.on_unavailable
        };
        match policy {
            OnUnavailable::Send => {
                self.metrics
                    .counter(Metric::LedgerUnrecorded, &[])
                    .increment(1);
                tracing::error!(delivery.id = %id, cause, "sending without a record: the ledger is away");
                Permission::Send
            }
            OnUnavailable::Refuse => {
                tracing::error!(delivery.id = %id, cause, "not sending: the ledger is away");
                self.take_back_attempt(attempt);
                Permission::Refused
            }
        }
    }

    /// Closes an attempt that is not made although its row may still be written, if the ledger is only slow.
    fn take_back_attempt(&self, id: AttemptId) {
        let result = AttemptResult {
            state: State::Failed,
            failure: Failure::Transient.as_str(),
            provider_code: "unrecorded".to_owned(),
            ..AttemptResult::sending()
        };
        self.ledger.settle_attempt(id, result);
    }

    /// Closes a delivery whose first record may still be written, if the ledger is only slow, and releases its key.
    fn take_back_delivery(&self, id: DeliveryId) {
        let result = DeliveryResult {
            state: State::Failed,
            reason: Some(Reason::LedgerUnavailable),
            decision: None,
            updated_ms: self.clock.unix_ms(),
            release_claim: true,
            trail: None,
        };
        self.ledger.settle_delivery(id, result);
    }

    /// Waits for what another process makes of a key.
    async fn follow(&self, tenant: &str, winner: DeliveryId, deadline: Instant) -> Outcome {
        while self.remaining(deadline) > LOOK_EVERY {
            let look = self.ledger.delivery(tenant, winner);
            let look = tokio::time::timeout(self.remaining(deadline), look).await;
            if let Ok(Ok(Some(record))) = look
                && record.row.state != State::Sending
            {
                return from_record(&record);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Arc::new(Answer::unconfirmed(winner)))
    }
}
