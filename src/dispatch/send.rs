//! The story of one code: claim, admit, plan, record, attempt, answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    domain::{
        delivery::State,
        id::DeliveryId,
        privacy::{KeyedHash, Subject},
        verdict::Verdict,
    },
    error::{Reason, fault::Fault},
    routing::plan::Plan,
    telemetry::metrics::{Label, Metric},
};

use super::{
    Dispatcher,
    answer::{Answer, Outcome, fault_of},
    attempt::Tally,
    claims::{Claimed, Waiter},
    policy::{Policy, Tenant},
    request::Request,
    route,
    walk::Left,
};

/// How much longer than its deadline a caller waits, to hear of an attempt that ends on that very moment. It is a part
/// of what the door keeps back for the answer's way.
const GRACE: Duration = Duration::from_millis(25);

/// A send under way.
pub(super) struct Delivery {
    pub(super) id: DeliveryId,
    pub(super) request: Request,
    pub(super) claim: (KeyedHash, KeyedHash),
    pub(super) deadline: Instant,
    pub(super) policy: Arc<Policy>,
    pub(super) tally: Arc<Tally>,
}

impl Dispatcher {
    /// Sends one code, or waits for what comes of an earlier request with the same key. Runs out with the deadline, and
    /// may be dropped at any time: the send goes on and is recorded.
    pub async fn send(self: &Arc<Self>, request: Request, deadline: Instant) -> Outcome {
        let claim = self.claim_of(&request);
        let id = DeliveryId::new(&self.clock);
        match self.claims.claim(claim.0, claim.1, id) {
            Claimed::Mine(ticket, waiter) => {
                let this = self.clone();
                // In a box, as a task is moved when it is made and when it ends.
                self.tracker.spawn(Box::pin(async move {
                    let outcome = this.deliver(id, request, claim, deadline).await;
                    ticket.say(outcome);
                }));
                self.wait(waiter, deadline).await
            }
            Claimed::Open(waiter) => {
                self.metrics.counter(Metric::Replays, &[]).increment(1);
                self.wait(waiter, deadline).await
            }
            Claimed::Final(outcome) => {
                self.metrics.counter(Metric::Replays, &[]).increment(1);
                outcome
            }
            Claimed::Mismatch => Err(Arc::new(Reason::IdempotencyMismatch.into())),
            Claimed::Full => Err(Arc::new(Reason::Overloaded.into())),
        }
    }

    /// The key of a request, and what it is used for, as keyed hashes.
    fn claim_of(&self, request: &Request) -> (KeyedHash, KeyedHash) {
        let tenant = request.tenant.as_bytes();
        let client = request.client.as_bytes();
        let key = request.idempotency_key.expose().as_bytes();
        let number = request.phone.expose_e164();
        let code = request.code.expose().as_bytes();
        (
            self.keys.hash(Subject::Claim, &[tenant, client, key]),
            self.keys
                .hash(Subject::Fingerprint, &[tenant, number.as_bytes(), code]),
        )
    }

    async fn wait(&self, waiter: Waiter, deadline: Instant) -> Outcome {
        let delivery = waiter.delivery;
        let patience = self.remaining(deadline) + GRACE;
        let result = tokio::time::timeout(patience, waiter.result()).await;
        result.unwrap_or_else(|_| Ok(Arc::new(Answer::unconfirmed(delivery))))
    }

    async fn deliver(
        self: Arc<Self>,
        id: DeliveryId,
        request: Request,
        claim: (KeyedHash, KeyedHash),
        deadline: Instant,
    ) -> Outcome {
        let request = self
            .preferences
            .complete(request, self.remaining(deadline))
            .await;
        let delivery = Delivery {
            id,
            request,
            claim,
            deadline,
            policy: self.policy(),
            tally: Arc::default(),
        };
        let outcome = self.run(&delivery).await;
        self.tell(&delivery, &outcome);
        outcome
    }

    async fn run(self: &Arc<Self>, delivery: &Delivery) -> Outcome {
        let request = &delivery.request;
        let Some(tenant) = delivery.policy.tenants.get(&request.tenant) else {
            return Err(Arc::new(route::unknown_tenant()));
        };
        if request.valid_until <= self.clock.now() {
            return self.closed(delivery, State::Expired, Reason::CodeExpired);
        }
        let plan = match self.admit(delivery, tenant) {
            Ok(plan) => plan,
            Err(fault) => return Err(Arc::new(fault)),
        };
        if plan.steps.is_empty() {
            let reason = if plan.unreachable {
                Reason::RecipientUnreachable
            } else {
                Reason::NoRoute
            };
            return self.closed(delivery, State::Failed, reason);
        }
        match self.walk(delivery, tenant, plan.steps).await {
            Ok(left) => self.answer(delivery, left),
            Err(elsewhere) => elsewhere,
        }
    }

    /// Asks the guard, and plans within its verdict.
    fn admit(&self, delivery: &Delivery, tenant: &Tenant) -> Result<Plan, Fault> {
        let request = &delivery.request;
        let channels = route::channels(request, tenant);
        let admission = delivery
            .policy
            .guard
            .admit(&route::guard_request(request, tenant, &channels));
        for refusal in &admission.shadowed {
            self.note_shadow(&request.tenant, refusal);
        }
        match admission.verdict {
            Verdict::Allow { channels: allowed } => {
                let policy = (&*delivery.policy, tenant);
                Ok(self.plan(request, policy, (&channels, allowed), false))
            }
            Verdict::Refuse(refusal) => {
                Err(self.refuse(delivery.id, request, delivery.claim, &refusal))
            }
        }
    }

    /// A delivery that ended before any attempt.
    fn closed(self: &Arc<Self>, delivery: &Delivery, state: State, reason: Reason) -> Outcome {
        self.record_closed(delivery.id, &delivery.request, state, reason);
        Err(Arc::new(fault_of(reason, delivery.id)))
    }

    /// The best that the attempts came to.
    fn answer(self: &Arc<Self>, delivery: &Delivery, left: Left) -> Outcome {
        if delivery.tally.count() > 0 {
            return self.conclude(delivery.id, &delivery.tally, left);
        }
        match left {
            Left::Late => self.closed(delivery, State::Failed, Reason::DeadlineExceeded),
            Left::Expired => self.closed(delivery, State::Expired, Reason::CodeExpired),
            // The row, if it was written after all, was closed when permission was refused.
            Left::Unrecorded => Err(Arc::new(fault_of(Reason::LedgerUnavailable, delivery.id))),
            Left::PassedOver => self.closed(delivery, State::Failed, Reason::Overloaded),
            Left::Done => self.closed(delivery, State::Failed, Reason::NoRoute),
        }
    }

    /// Counts and logs how a delivery ended.
    fn tell(&self, delivery: &Delivery, outcome: &Outcome) {
        let request = &delivery.request;
        let took = self.clock.now().saturating_duration_since(request.arrived);
        let (word, answer) = match outcome {
            Ok(answer) => (answer.state.as_str(), Some(answer)),
            Err(fault) => (fault.reason.as_str(), None),
        };
        let best = answer.and_then(|answer| answer.best());
        let channel = best.map_or("none", |attempt| attempt.channel.as_str());
        let labels = [(Label::Channel, channel), (Label::Outcome, word)];
        self.metrics.counter(Metric::Requests, &labels).increment(1);
        let labels = [(Label::Outcome, word)];
        self.metrics
            .seconds(Metric::SendSeconds, &labels)
            .record(took);
        tracing::info!(
            tenant = request.tenant,
            client.name = &*request.client,
            delivery.id = %delivery.id,
            outcome = word,
            channel,
            provider.name = best.map_or("", |attempt| attempt.provider.as_str()),
            attempts = delivery.tally.count(),
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "delivery concluded"
        );
    }
}
