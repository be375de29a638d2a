//! A route's steps, one after the other, each recorded before it is taken.

use std::sync::Arc;

use crate::{
    channels::provider::{Message, SendError},
    domain::{channel::Channel, delivery::State, id::AttemptId, privacy::Private},
    error::Reason,
    messages::{segments, text::Wording},
    routing::{
        fallback::{self, Next, Situation},
        plan::Step,
        time,
    },
    telemetry::metrics::{Label, Metric},
};

use super::{
    Dispatcher, answer::Outcome, attempt::Begun, policy::Tenant, record::Permission, send::Delivery,
};

/// Most attempts of one delivery, whatever its route says.
const MAX_ATTEMPTS: u8 = 16;

/// How a route was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// A provider accepted, or nothing more may follow, or every step was taken.
    Done,
    /// Every step was taken but those whose providers had no slot free.
    PassedOver,
    /// Too little time for a further step.
    Late,
    /// The code died.
    Expired,
    /// The ledger forbade a further attempt.
    Unrecorded,
}

impl Left {
    /// Why nothing was sent, where what the attempts say for themselves is this. That a recipient cannot be reached, or
    /// that only our requests were wrong, is known only once the whole route was tried.
    pub(super) const fn reason_after(self, attempts: Reason) -> Reason {
        if !matches!(
            attempts,
            Reason::RecipientUnreachable | Reason::RequestsRejected
        ) {
            return attempts;
        }
        match self {
            Self::Done => attempts,
            Self::PassedOver => Reason::Overloaded,
            Self::Late => Reason::DeadlineExceeded,
            Self::Expired => Reason::CodeExpired,
            Self::Unrecorded => Reason::LedgerUnavailable,
        }
    }
}

impl Dispatcher {
    /// Takes the route's steps until one is accepted, or none may follow. An outcome in `Err` is another process's.
    pub(super) async fn walk(
        self: &Arc<Self>,
        delivery: &Delivery,
        tenant: &Tenant,
        steps: &[Step],
    ) -> Result<Left, Outcome> {
        let mut index = 0;
        let mut left = Left::Done;
        let mut retried = false;
        let mut ordinal = 0;
        while let Some(step) = steps.get(index).filter(|_| ordinal < MAX_ATTEMPTS) {
            let further = index + 1 < steps.len();
            let Some(configured) = delivery.policy.directory.get(&step.provider) else {
                index += 1;
                continue;
            };
            let remaining = self.remaining(delivery.deadline);
            if delivery.request.valid_until <= self.clock.now() {
                return Ok(Left::Expired);
            }
            if time::attempt(remaining, configured.timeout, further).is_none() {
                return Ok(Left::Late);
            }
            // A provider whose slots are all taken is passed over without a record: it was not asked.
            let Ok(slot) = configured.slots.clone().try_acquire_owned() else {
                left = Left::PassedOver;
                index += 1;
                retried = false;
                continue;
            };
            ordinal += 1;
            let id = AttemptId {
                delivery: delivery.id,
                ordinal,
            };
            match self.permit(delivery, id, step).await {
                Permission::Send => {}
                Permission::Refused => return Ok(Left::Unrecorded),
                Permission::Elsewhere(outcome) => return Err(outcome),
            }
            let remaining = self.remaining(delivery.deadline);
            let begun = Begun {
                configured,
                slot,
                message: self.message(delivery, tenant, id, step.channel),
                // It was recorded while there was time for it, so it is made.
                time: time::attempt(remaining, configured.timeout, further)
                    .unwrap_or_else(|| remaining.min(configured.timeout)),
                tally: &delivery.tally,
            };
            let Err(error) = self.attempt(begun).await else {
                return Ok(Left::Done);
            };
            note_failure(delivery, step, &error);
            let situation = Situation {
                idempotent: configured.provider.capability().idempotent,
                retried,
                next_when_ambiguous: tenant.next_when_ambiguous,
                room: self
                    .remaining(delivery.deadline)
                    .saturating_sub(time::LEAST),
            };
            retried = false;
            match fallback::next(error.failure, &situation) {
                Next::Again(delay) => {
                    retried = true;
                    tokio::time::sleep(delay).await;
                }
                Next::Provider => index += 1,
                Next::Channel => {
                    let rest = steps[index..].iter();
                    index += rest
                        .take_while(|other| other.channel == step.channel)
                        .count();
                }
                Next::Stop => return Ok(Left::Done),
            }
        }
        Ok(left)
    }

    /// Records an attempt before it is made.
    async fn permit(&self, delivery: &Delivery, id: AttemptId, step: &Step) -> Permission {
        let attempt = self.attempt_row(id, step);
        let permission = if delivery.tally.count() == 0 {
            let row = self.row(delivery.id, &delivery.request, State::Sending);
            self.record_first(row, delivery.claim, attempt.clone(), delivery.deadline)
                .await
        } else {
            self.record_further(attempt.clone(), delivery.deadline)
                .await
        };
        if matches!(permission, Permission::Send) {
            delivery.tally.begin(attempt);
        }
        permission
    }

    fn message(
        &self,
        delivery: &Delivery,
        tenant: &Tenant,
        attempt: AttemptId,
        channel: Channel,
    ) -> Message {
        let request = &delivery.request;
        let valid_for = request
            .valid_until
            .saturating_duration_since(self.clock.now());
        let wording = Wording {
            given: &request.text,
            code: &request.code,
            brand: &tenant.brand,
            valid_for,
        };
        let text = wording.text(channel.family());
        if channel == Channel::Sms {
            self.note_length(&text);
        }
        Message {
            attempt,
            channel,
            to: request.phone,
            code: request.code.clone(),
            text,
            locale: request.locale.clone(),
            valid_for,
        }
    }
}

impl Dispatcher {
    /// Counts texts that cost more than one segment: usually one odd character that an operator can do without.
    fn note_length(&self, text: &Private) {
        let segments = segments::segments(text.expose());
        if segments.count > 1 {
            let labels = [(Label::Encoding, segments.encoding.as_str())];
            self.metrics
                .counter(Metric::LongMessages, &labels)
                .increment(1);
        }
    }
}

fn note_failure(delivery: &Delivery, step: &Step, error: &SendError) {
    tracing::warn!(
        tenant = delivery.request.tenant,
        delivery.id = %delivery.id,
        channel = step.channel.as_str(),
        provider.name = &*step.provider,
        failure = error.failure.as_str(),
        provider.code = error.code,
        "attempt failed"
    );
}
