//! The guard's refusals as they are counted, recorded and told.

use crate::{
    domain::{delivery::State, id::DecisionId, verdict::Refusal},
    error::{fault, fault::Fault},
    guard::decisions::{Consequence, Decided},
    store::record::Intent,
    telemetry::metrics::{Label, Metric},
};

use super::{Dispatcher, send::Delivery};

/// A refusal with its decision: what a delivery is answered by which nothing was sent.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    decided: Decided,
}

impl Refused {
    /// The decision that the answer names.
    pub(super) fn decision(&self) -> DecisionId {
        self.decided.id
    }

    /// What the caller is told.
    pub(super) fn fault(&self) -> Fault {
        Fault::new(self.refusal.reason)
            .with(fault::DECISION_ID, self.decided.id.to_string())
            .with(fault::RULE, &*self.refusal.rule)
            .retry_after(self.refusal.retry_after)
    }
}

impl Dispatcher {
    /// Ends a delivery that the guard refused before anything of it was recorded.
    pub(super) fn refuse(&self, delivery: &Delivery, refusal: Refusal) -> Fault {
        let tenant = &delivery.request.tenant;
        let decided = self
            .decisions
            .decide(tenant, &refusal, Consequence::Refused);
        self.count_refusal(&refusal, "enforce");
        self.close_refused(delivery, &Refused { refusal, decided })
    }

    /// Notes that a channel was refused while others may still be tried.
    pub(super) fn note_refusal(&self, tenant: &str, refusal: Refusal) -> Box<Refused> {
        self.count_refusal(&refusal, "enforce");
        self.note(tenant, refusal, Consequence::Refused)
    }

    /// Notes that a code goes another way than it was meant to.
    pub(super) fn note_deflection(&self, tenant: &str, refusal: Refusal) -> Box<Refused> {
        let labels = [(Label::Rule, &*refusal.rule)];
        let counter = self.metrics.counter(Metric::Deflections, &labels);
        counter.increment(1);
        self.note(tenant, refusal, Consequence::Deflected)
    }

    /// Notes what a rule in shadow would have refused.
    pub(super) fn note_shadow(&self, tenant: &str, refusal: &Refusal) {
        self.count_refusal(refusal, "shadow");
        let decided = self.decisions.decide(tenant, refusal, Consequence::Watched);
        if let Some(row) = decided.row {
            self.ledger.record_refusal(row, None);
        }
    }

    /// Records a delivery that was refused and of which nothing is recorded yet, where its decision is a row of its own.
    pub(super) fn close_refused(&self, delivery: &Delivery, refused: &Refused) -> Fault {
        let fault = refused.fault();
        let Some(decision) = refused.decided.row.clone() else {
            return fault;
        };
        let mut row = self.row(delivery, State::Refused);
        row.reason = Some(refused.refusal.reason);
        row.decision = Some(decision.id);
        let claim = delivery.claim;
        let intent = Box::new(Intent {
            delivery: row,
            // A refusal with a time releases its key; one by policy keeps it.
            claim: refused.refusal.retry_after.is_none().then_some(claim.0),
            fingerprint: claim.1,
            attempt: None,
            spool: true,
        });
        self.ledger.record_refusal(decision, Some(intent));
        fault.with(fault::DELIVERY_ID, delivery.id.to_string())
    }

    /// Decides on a refusal, and records the decision. In a box, as every delivery under way has room for one and few
    /// have one.
    fn note(&self, tenant: &str, refusal: Refusal, consequence: Consequence) -> Box<Refused> {
        let decided = self.decisions.decide(tenant, &refusal, consequence);
        if let Some(row) = decided.row.clone() {
            self.ledger.record_refusal(row, None);
        }
        Box::new(Refused { refusal, decided })
    }

    pub(super) fn count_refusal(&self, refusal: &Refusal, mode: &str) {
        let labels = [(Label::Rule, &*refusal.rule), (Label::Mode, mode)];
        self.metrics.counter(Metric::Refusals, &labels).increment(1);
    }
}
