//! The story of one code: claim, admit, plan, record, attempt, answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    domain::{
        channel::{Channel, Channels},
        delivery::State,
        id::DeliveryId,
        person,
        privacy::{KeyedHash, Private, Subject},
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
    decide::Refused,
    ongoing::Ongoing,
    policy::{Policy, Tenant},
    request::Request,
    route,
    walk::{Left, Walked},
};

/// How much longer than its deadline a caller waits, to hear of an attempt that ends on that very moment. It is a part
/// of what the door keeps back for the answer's way.
const GRACE: Duration = Duration::from_millis(25);

/// A person's number and id as keyed hashes.
#[derive(Clone, Debug)]
pub(super) struct Hashes {
    pub(super) phone: KeyedHash,
    pub(super) user: Option<KeyedHash>,
    /// Where they may have been kept before; empty with one key, and then nothing is allocated.
    pub(super) older_phones: Vec<KeyedHash>,
    pub(super) older_users: Vec<KeyedHash>,
}

/// A send under way.
pub(super) struct Delivery {
    pub(super) id: DeliveryId,
    pub(super) request: Box<Request>,
    pub(super) hashes: Hashes,
    pub(super) claim: (KeyedHash, KeyedHash),
    pub(super) deadline: Instant,
    pub(super) policy: Arc<Policy>,
    pub(super) tally: Arc<Tally>,
}

/// A delivery that the guard lets go its way.
pub(super) struct Admitted {
    pub(super) plan: Plan,
    /// The channels that were wanted, whatever the verdict left of them.
    pub(super) wanted: Channels,
    /// The refusal that stands behind a deflection.
    pub(super) refused: Option<Box<Refused>>,
}

impl Dispatcher {
    /// Sends one code, or waits for what comes of an earlier request with the same key. Runs out with the deadline, and
    /// may be dropped at any time: the send goes on and is recorded.
    pub async fn send(self: &Arc<Self>, request: Box<Request>, deadline: Instant) -> Outcome {
        let claim = self.claim_of(&request);
        let id = DeliveryId::new(&self.clock);
        match self.claims.claim(claim.0, claim.1, id) {
            Claimed::Mine(ticket, waiter) => {
                let this = self.clone();
                let sending = async move {
                    let outcome = this.deliver(id, request, claim, deadline).await;
                    ticket.say(outcome);
                };
                let sending = Ongoing::new(sending, &self.tracker);
                self.wait(waiter, Some(sending), deadline).await
            }
            Claimed::Open(waiter) => {
                self.metrics.counter(Metric::Replays, &[]).increment(1);
                self.wait(waiter, None, deadline).await
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

    /// The person's number and id as keyed hashes: what everything that is remembered of them is kept under.
    pub(super) fn hashes_of(&self, request: &Request) -> Hashes {
        let (keys, tenant) = (&self.keys, &*request.tenant);
        let user = request.user.as_ref().map(Private::expose);
        Hashes {
            phone: person::phone(keys, tenant, &request.phone),
            user: user.map(|user| person::user(keys, tenant, user)),
            older_phones: person::older_phones(keys, tenant, &request.phone),
            older_users: user.map_or(Vec::new(), |user| person::older_users(keys, tenant, user)),
        }
    }

    /// Waits for what comes of a send, which whoever began it carries meanwhile.
    async fn wait(&self, waiter: Waiter, own: Option<Ongoing>, deadline: Instant) -> Outcome {
        let delivery = waiter.delivery;
        let patience = self.remaining(deadline) + GRACE;
        let result = async {
            if let Some(sending) = own {
                sending.await;
            }
            waiter.result().await
        };
        let result = tokio::time::timeout(patience, result).await;
        result.unwrap_or_else(|_| Ok(Arc::new(Answer::unconfirmed(delivery))))
    }

    async fn deliver(
        self: Arc<Self>,
        id: DeliveryId,
        mut request: Box<Request>,
        claim: (KeyedHash, KeyedHash),
        deadline: Instant,
    ) -> Outcome {
        let patience = self.remaining(deadline);
        self.preferences.complete(&mut request, patience).await;
        let delivery = Delivery {
            id,
            hashes: self.hashes_of(&request),
            request,
            claim,
            deadline,
            policy: self.policy(),
            tally: Arc::default(),
        };
        let outcome = self.run(&delivery).await;
        self.remember(&delivery, &outcome);
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
        let admitted = match self.admit(delivery, tenant) {
            Ok(admitted) => admitted,
            Err(fault) => return Err(Arc::new(fault)),
        };
        if admitted.plan.steps.is_empty() {
            let reason = if admitted.plan.unreachable {
                Reason::RecipientUnreachable
            } else {
                Reason::NoRoute
            };
            return self.closed(delivery, State::Failed, reason);
        }
        // Kept here, so that it is not moved once more inside a future.
        let mut walk = self.walk(delivery, tenant, admitted);
        match walk.run().await {
            Ok(walked) => self.answer(delivery, &walked),
            Err(elsewhere) => elsewhere,
        }
    }

    /// Asks the guard, and plans within its verdict.
    fn admit(&self, delivery: &Delivery, tenant: &Tenant) -> Result<Admitted, Fault> {
        let request = &delivery.request;
        let channels = route::channels(request, tenant);
        let wanted = channels.iter().copied().collect();
        self.keep_verified(delivery);
        let asked = route::guard_request(request, tenant, wanted, &delivery.hashes);
        let admission = delivery.policy.guard.admit(&asked);
        for refusal in &admission.shadowed {
            self.note_shadow(&request.tenant, refusal);
        }
        self.count_verdict(&request.tenant, &admission.verdict);
        let plan = |channels: &[Channel], allowed| {
            let policy = (&*delivery.policy, tenant);
            self.plan(request, policy, (channels, allowed), false)
        };
        let (plan, refused) = match admission.verdict {
            Verdict::Allow { channels: allowed } => (plan(&channels, allowed), None),
            Verdict::Deflect {
                channels: offered,
                refusal,
            } => {
                let plan = plan(&route::deflected(request, tenant, offered), offered);
                // One that reaches nobody is a refusal.
                if plan.steps.is_empty() {
                    return Err(self.refuse(delivery, refusal));
                }
                (plan, Some(self.note_deflection(&request.tenant, refusal)))
            }
            Verdict::Refuse(refusal) => return Err(self.refuse(delivery, refusal)),
        };
        Ok(Admitted {
            plan,
            wanted,
            refused,
        })
    }

    fn count_verdict(&self, tenant: &str, verdict: &Verdict) {
        let labels = [(Label::Tenant, tenant), (Label::Verdict, verdict.as_str())];
        self.metrics.counter(Metric::Verdicts, &labels).increment(1);
    }

    /// A delivery that ended before any attempt.
    fn closed(self: &Arc<Self>, delivery: &Delivery, state: State, reason: Reason) -> Outcome {
        self.record_closed(delivery, state, reason);
        Err(Arc::new(fault_of(reason, delivery.id)))
    }

    /// The best that the attempts came to. Where none was made and the guard has refused a way, it is the refusal: told of
    /// anything else, a caller might send the code by itself.
    fn answer(self: &Arc<Self>, delivery: &Delivery, walked: &Walked) -> Outcome {
        if delivery.tally.count() > 0 {
            return self.conclude(delivery.id, &delivery.tally, walked);
        }
        if let Some(refused) = &walked.refused {
            return Err(Arc::new(self.close_refused(delivery, refused)));
        }
        match walked.left {
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
