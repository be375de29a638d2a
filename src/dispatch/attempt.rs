//! One attempt: a request to a provider that may outlive the wait for it. Dispatch moves on when its time is over; the
//! request keeps its slot, and its late answer is recorded and starts nothing further.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    channels::{
        directory::Configured,
        provider::{Accepted, Message, SendError},
    },
    domain::{
        delivery::State,
        failure::Failure,
        id::{AttemptId, DeliveryId},
    },
    error::fault::{self, Fault},
    guard::Trail,
    outbound::WriteGate,
    store::record::{AttemptResult, AttemptRow, DeliveryResult},
    telemetry::metrics::{Label, Metric},
};

use super::{
    Dispatcher,
    answer::{Answer, Outcome, failure_of, fault_of, keeps_key},
    decide::Refused,
    outcome::kept,
    walk::Walked,
};

/// How an attempt ended.
pub(super) type Ended = Result<Accepted, SendError>;

/// A delivery's attempts as far as they are known; late answers arrive here.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    attempts: Vec<AttemptRow>,
    concluded: bool,
    trail: Option<Trail>,
}

impl Tally {
    /// Adds an attempt that is about to begin.
    pub(super) fn begin(&self, attempt: AttemptRow) {
        self.known().attempts.push(attempt);
    }

    /// Every attempt, in order.
    #[cfg(test)]
    pub(super) fn attempts(&self) -> Vec<AttemptRow> {
        self.known().attempts.clone()
    }

    /// Notes what the guard put into its budgets for an attempt; of further attempts it is the same.
    pub(super) fn charged(&self, trail: Trail) {
        let kept = &mut self.known().trail;
        *kept = kept.or(Some(trail).filter(|trail| !trail.is_empty()));
    }

    /// What the delivery has put into the guard's budgets.
    pub(super) fn trail(&self) -> Option<Trail> {
        self.known().trail
    }

    /// How an attempt ended, as far as that is known; `None` where it has not begun.
    fn ended(&self, id: AttemptId) -> Option<Ended> {
        let known = self.known();
        let attempt = known.attempts.iter().find(|one| one.id == id);
        attempt.map(|one| ended_as(&one.result))
    }

    /// How many attempts have begun.
    pub(super) fn count(&self) -> usize {
        self.known().attempts.len()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn best(&self) -> State {
        let states = self.attempts.iter().map(|attempt| attempt.result.state);
        states.reduce(State::best).unwrap_or(State::Failed)
    }
}

/// What an attempt needs besides the dispatcher.
pub(super) struct Begun<'a> {
    pub(super) configured: &'a Arc<Configured>,
    pub(super) slot: OwnedSemaphorePermit,
    pub(super) message: Message,
    pub(super) time: Duration,
    pub(super) tally: &'a Arc<Tally>,
}

impl Dispatcher {
    /// Makes an attempt that was recorded, and waits for it as long as it has time.
    pub(super) async fn attempt(self: &Arc<Self>, begun: Begun<'_>) -> Ended {
        let attempt = begun.message.attempt;
        let tally = begun.tally.clone();
        let gate = WriteGate::default();
        let mut request = Box::pin(self.clone().request(
            begun.configured.clone(),
            begun.slot,
            begun.message,
            gate.clone(),
            tally.clone(),
        ));
        let answer = AssertUnwindSafe(&mut request).catch_unwind();
        match tokio::time::timeout(begun.time, answer).await {
            Ok(Ok(ended)) => ended,
            // A bug in a kind.
            Ok(Err(_panic)) => self.give_up(attempt, &tally, &gate, ("panic", Duration::ZERO)),
            Err(_elapsed) => {
                let ended = self.give_up(attempt, &tally, &gate, ("timeout", begun.time));
                if gate.written() {
                    // It lives on by itself. One that was not written is called back by being dropped.
                    self.tracker.spawn(request);
                }
                ended
            }
        }
    }

    /// Notes that dispatch moves on without an answer; one that came in this very moment counts.
    pub(super) fn give_up(
        &self,
        id: AttemptId,
        tally: &Tally,
        gate: &WriteGate,
        (why, took): (&str, Duration),
    ) -> Ended {
        let failure = if gate.shut() {
            Failure::Transient
        } else {
            Failure::Ambiguous
        };
        let ended = Err(SendError::new(failure, why));
        self.settle(id, tally, result(&ended, took));
        tally.ended(id).unwrap_or(ended)
    }

    async fn request(
        self: Arc<Self>,
        configured: Arc<Configured>,
        slot: OwnedSemaphorePermit,
        message: Message,
        gate: WriteGate,
        tally: Arc<Tally>,
    ) -> Ended {
        let began = self.clock.now();
        let sending = configured.provider.send(&message, &gate);
        let ended = tokio::time::timeout(self.settings.linger, sending).await;
        drop(slot);
        let took = self.clock.now().saturating_duration_since(began);
        let ended = ended.unwrap_or_else(|_| Err(silence(&gate)));
        self.count(&configured.name, &message, &ended, took);
        let late = self.settle(message.attempt, &tally, result(&ended, took));
        if late {
            let outcome = outcome_word(&ended);
            let labels = [
                (Label::Provider, &*configured.name),
                (Label::Outcome, outcome),
            ];
            self.metrics
                .counter(Metric::LateAnswers, &labels)
                .increment(1);
        }
        ended
    }

    /// Learns an attempt's result, and corrects the delivery where its caller has had an answer already. What is known
    /// already is not unlearnt. Says whether the result came after dispatch had moved on.
    fn settle(&self, id: AttemptId, tally: &Tally, mut result: AttemptResult) -> bool {
        // The ledger's queue is fed under the lock, so that rows are written in the order in which facts were learnt.
        let mut known = tally.known();
        let before = known.best();
        let Some(attempt) = known.attempts.iter_mut().find(|one| one.id == id) else {
            return false;
        };
        let stood = attempt.result.state;
        if stood.after(result.state) == stood {
            return false;
        }
        let late = stood == State::Unconfirmed;
        if late {
            // Dispatch has moved on; the row goes on saying why.
            result.failure = Failure::Ambiguous.as_str();
        }
        attempt.result = result.clone();
        self.ledger.settle_attempt(id, result);
        let best = known.best();
        if known.concluded && best != before {
            self.ledger.settle_delivery(
                id.delivery,
                DeliveryResult {
                    state: best,
                    reason: failure_of(best, &known.attempts),
                    decision: None,
                    updated_ms: self.clock.unix_ms(),
                    release_claim: false,
                    trail: None,
                },
            );
        }
        late
    }

    /// The outcome that the attempts so far amount to; what comes later corrects the ledger only. A route that was cut
    /// short does not tell what its other steps would have come to. Where nothing was sent and the guard has refused a
    /// way, the refusal is the outcome.
    pub(super) fn conclude(&self, delivery: DeliveryId, tally: &Tally, walked: &Walked) -> Outcome {
        let mut known = tally.known();
        known.concluded = true;
        let best = known.best();
        let reason = failure_of(best, &known.attempts);
        let refused = walked.refused.as_deref().filter(|_| is_unsent(best));
        let (state, outcome) = match (refused, reason) {
            (Some(refused), _) => {
                let fault = refused.fault();
                let fault = fault.with(fault::DELIVERY_ID, delivery.to_string());
                (State::Refused, Err(Arc::new(fault)))
            }
            (None, Some(reason)) => {
                let reason = walked.left.reason_after(reason);
                (best, Err(Arc::new(fault_of(reason, delivery))))
            }
            (None, None) => {
                let answer = Answer {
                    delivery,
                    state: best,
                    attempts: known.attempts.clone(),
                };
                (best, Ok(Arc::new(answer)))
            }
        };
        let result = DeliveryResult {
            state,
            reason: outcome
                .as_ref()
                .err()
                .map(|fault: &Arc<Fault>| fault.reason),
            decision: refused.map(Refused::decision),
            updated_ms: self.clock.unix_ms(),
            release_claim: !keeps_key(&outcome),
            trail: known.trail.map(kept),
        };
        self.ledger.settle_delivery(delivery, result);
        outcome
    }

    fn count(&self, provider: &str, message: &Message, ended: &Ended, took: Duration) {
        let labels = [
            (Label::Provider, provider),
            (Label::Channel, message.channel.as_str()),
            (Label::Outcome, outcome_word(ended)),
        ];
        self.metrics.counter(Metric::Attempts, &labels).increment(1);
        let labels = [(Label::Provider, provider)];
        self.metrics
            .seconds(Metric::AttemptSeconds, &labels)
            .record(took);
    }
}

/// Whether a delivery that came to this was certainly not sent, and nobody but the guard may have refused it.
const fn is_unsent(best: State) -> bool {
    match best {
        State::Failed | State::Expired => true,
        State::Sending
        | State::Accepted
        | State::Sent
        | State::Delivered
        | State::Read
        | State::Undelivered
        | State::Unconfirmed
        | State::Refused => false,
    }
}

/// How an attempt ended of which this is known.
fn ended_as(known: &AttemptResult) -> Ended {
    if known.state == State::Accepted {
        let message_id = Some(known.message_id.clone()).filter(|id| !id.is_empty());
        return Ok(Accepted { message_id });
    }
    let failure = Failure::from_name(known.failure).unwrap_or(Failure::Ambiguous);
    Err(SendError::new(failure, &*known.provider_code))
}

/// A provider that said nothing for as long as a request may live.
fn silence(gate: &WriteGate) -> SendError {
    let failure = if gate.shut() {
        Failure::Transient
    } else {
        Failure::Ambiguous
    };
    SendError::new(failure, "linger")
}

fn outcome_word(ended: &Ended) -> &'static str {
    match ended {
        Ok(_) => "accepted",
        Err(error) => error.failure.as_str(),
    }
}

/// What the ledger keeps of an attempt's end.
fn result(ended: &Ended, took: Duration) -> AttemptResult {
    match ended {
        Ok(accepted) => AttemptResult {
            state: State::Accepted,
            failure: "",
            provider_code: String::new(),
            message_id: accepted.message_id.clone().unwrap_or_default(),
            took,
        },
        Err(error) => AttemptResult {
            state: match error.failure {
                Failure::Ambiguous => State::Unconfirmed,
                Failure::FraudBlock => State::Refused,
                Failure::Throttled { .. }
                | Failure::Transient
                | Failure::Recipient
                | Failure::Request
                | Failure::Account
                | Failure::CredentialStale => State::Failed,
            },
            failure: error.failure.as_str(),
            provider_code: error.code.clone(),
            message_id: String::new(),
            took,
        },
    }
}
