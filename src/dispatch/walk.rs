//! A route's steps, one after the other, each recorded before it is taken.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    channels::{
        directory::Configured,
        provider::{Message, SendError},
    },
    domain::{channel::Channel, failure::Failure, id::AttemptId, privacy::Private},
    error::Reason,
    guard::{self, Charged},
    messages::{
        catalog::{Broken, Occasion},
        segments,
    },
    routing::{
        fallback::{self, Next, Situation, Tried},
        plan::Step,
        time,
    },
    telemetry::metrics::{Label, Metric},
};

use super::{
    Dispatcher,
    answer::Outcome,
    asked::Asked,
    attempt::Begun,
    decide::Refused,
    policy::Tenant,
    record::Permission,
    route,
    send::{Admitted, Delivery},
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

/// What became of a route.
pub(super) struct Walked {
    pub(super) left: Left,
    /// The first refusal of the guard, where it refused a way.
    pub(super) refused: Option<Box<Refused>>,
}

/// A route under way.
pub(super) struct Walk<'a> {
    by: &'a Arc<Dispatcher>,
    delivery: &'a Delivery,
    tenant: &'a Tenant,
    route: VecDeque<Step>,
    /// The attempts that have begun.
    ordinal: u8,
    /// A step that is made once more.
    repeat: Option<Repeat>,
    /// Whether an attempt may have been sent.
    doubtful: bool,
    /// What the guard is asked before each message.
    asked: guard::Request<'a>,
    /// What the attempt that is about to begin was charged.
    charged: Charged,
    /// The refusal behind a deflection, or the first one of a message.
    refused: Option<Box<Refused>>,
    left: Left,
}

/// A step that is made once more.
#[derive(Clone, Copy)]
struct Repeat {
    /// The first attempt at it.
    first: AttemptId,
    /// How.
    tried: Tried,
}

/// Whether a step is taken.
enum Turn<'a> {
    Take(Asked<'a>, OwnedSemaphorePermit),
    /// Another step is looked at.
    Pass,
    End(Left),
}

impl Dispatcher {
    /// A delivery's route, of which no step is taken yet.
    pub(super) fn walk<'a>(
        self: &'a Arc<Self>,
        delivery: &'a Delivery,
        tenant: &'a Tenant,
        admitted: Admitted,
    ) -> Walk<'a> {
        Walk {
            by: self,
            delivery,
            tenant,
            route: admitted.plan.steps.into(),
            ordinal: 0,
            repeat: None,
            doubtful: false,
            asked: route::guard_request(
                &delivery.request,
                tenant,
                admitted.wanted,
                &delivery.hashes,
            ),
            charged: Charged::default(),
            refused: admitted.refused,
            left: Left::Done,
        }
    }
}

impl<'a> Walk<'a> {
    /// Takes the steps until one is accepted, or none may follow; once. An outcome in `Err` is another
    /// process's.
    pub(super) async fn run(&mut self) -> Result<Walked, Outcome> {
        let left = self.steps().await?;
        Ok(Walked {
            left,
            refused: self.refused.take(),
        })
    }

    async fn steps(&mut self) -> Result<Left, Outcome> {
        while let Some(step) = self.next() {
            match self.turn(&step) {
                Turn::Pass => {}
                Turn::End(left) => return Ok(left),
                Turn::Take(asked, slot) => {
                    if let Some(left) = self.take(&asked, slot).await? {
                        return Ok(left);
                    }
                }
            }
        }
        Ok(self.left)
    }

    fn next(&self) -> Option<Step> {
        let first = self.route.front();
        first.filter(|_| self.ordinal < MAX_ATTEMPTS).cloned()
    }

    /// Looks whether there is time for a step, and whether its provider takes one more.
    fn turn<'s>(&mut self, step: &'s Step) -> Turn<'s>
    where
        'a: 's,
    {
        let Some(configured) = self.delivery.policy.directory.get(&step.provider) else {
            self.route.pop_front();
            return Turn::Pass;
        };
        if self.delivery.request.valid_until <= self.by.clock.now() {
            return Turn::End(Left::Expired);
        }
        if self.time(configured).is_none() {
            return Turn::End(Left::Late);
        }
        let asked = Asked::new(self.by, self.delivery, step, configured);
        if step.probe && self.repeat.is_none() && !asked.may_probe() {
            // Another message is the one that tries it; this one does so only when all else has failed.
            self.route.rotate_left(1);
            if let Some(last) = self.route.back_mut() {
                last.probe = false;
            }
            return Turn::Pass;
        }
        // A provider that takes no more at the moment is passed over without a record: it was not asked.
        let Some(slot) = asked.slot() else {
            if self.doubtful && !self.tenant.next_when_ambiguous {
                return Turn::End(Left::Done);
            }
            self.left = Left::PassedOver;
            self.repeat = None;
            self.route.pop_front();
            return Turn::Pass;
        };
        if !self.pay(&asked) {
            return Turn::Pass;
        }
        Turn::Take(asked, slot)
    }

    /// Asks the guard for a message on a step's channel, and puts it into the budgets. A refusal takes the channel out for
    /// the rest of the delivery. A step that is made once more is the same message, and is paid.
    fn pay(&mut self, asked: &Asked<'_>) -> bool {
        self.charged = Charged::default();
        if self.repeat.is_some() {
            return true;
        }
        let (by, delivery, channel) = (self.by, self.delivery, asked.step.channel);
        let price = asked
            .configured
            .price(channel, delivery.request.phone.country());
        let charged = delivery.policy.guard.charge(&self.asked, channel, price);
        delivery.tally.charged(charged.trail);
        let tenant = &delivery.request.tenant;
        for refusal in &charged.shadowed {
            by.note_shadow(tenant, refusal);
        }
        self.asked.charged |= charged.trail.is_charged();
        self.charged = charged;
        let Some(refusal) = self.charged.refusal.take() else {
            return true;
        };
        let refused = by.note_refusal(tenant, refusal);
        self.refused.get_or_insert(refused);
        self.route.retain(|other| other.channel != channel);
        false
    }

    /// Takes a step; says how the route was left, if it was.
    async fn take(
        &mut self,
        asked: &Asked<'_>,
        slot: OwnedSemaphorePermit,
    ) -> Result<Option<Left>, Outcome> {
        let (by, delivery) = (self.by, self.delivery);
        self.ordinal += 1;
        let id = AttemptId {
            delivery: delivery.id,
            ordinal: self.ordinal,
        };
        match self.permit(id, asked.step).await {
            Permission::Send => {}
            Permission::Refused => {
                self.take_back();
                return Ok(Some(Left::Unrecorded));
            }
            Permission::Elsewhere(outcome) => {
                self.take_back();
                return Err(outcome);
            }
        }
        let start = by.clock.now();
        let first = self.repeat.map_or(id, |repeat| repeat.first);
        let remaining = by.remaining(delivery.deadline);
        // It was recorded while there was time for it, so it is made.
        let given = (self.time(asked.configured))
            .unwrap_or_else(|| remaining.min(asked.configured.timeout));
        let begun = Begun {
            configured: asked.configured,
            slot,
            message: by.message(delivery, self.tenant, (first, id), asked.step.channel),
            time: given,
            tally: &delivery.tally,
        };
        let ended = by.attempt(begun).await;
        let took = by.clock.now().saturating_duration_since(start);
        match ended {
            Ok(_) => {
                asked.succeeded(took);
                Ok(Some(Left::Done))
            }
            Err(error) => {
                let repeat = self.repeat.take();
                let renewed = repeat.is_some_and(|repeat| repeat.tried == Tried::Renewed);
                asked.failed(&error, renewed, took, given);
                Ok(self.follow(asked, &error, first, repeat).await)
            }
        }
    }

    /// Takes back what an attempt was charged that is not made after all.
    fn take_back(&self) {
        let guard = &self.delivery.policy.guard;
        guard.take_back(&self.asked, &self.charged);
    }

    /// Decides what follows a failure; says how the route was left, if nothing does.
    async fn follow(
        &mut self,
        asked: &Asked<'_>,
        error: &SendError,
        first: AttemptId,
        repeat: Option<Repeat>,
    ) -> Option<Left> {
        self.doubtful |= error.failure == Failure::Ambiguous;
        let remaining = self.by.remaining(self.delivery.deadline);
        let situation = Situation {
            idempotent: asked.configured.provider.capability().idempotent,
            tried: repeat.map_or(Tried::Once, |repeat| repeat.tried),
            doubtful: self.doubtful,
            next_when_ambiguous: self.tenant.next_when_ambiguous,
            room: remaining.saturating_sub(time::LEAST),
        };
        if error.failure == Failure::Recipient {
            asked.unreachable(self.tenant.unreachable_for);
        }
        match fallback::next(error.failure, &situation) {
            Next::Again(delay) => {
                let renews = error.failure == Failure::CredentialStale;
                let renewed = situation.tried == Tried::Renewed || renews;
                let tried = if renewed {
                    Tried::Renewed
                } else {
                    Tried::Again
                };
                self.repeat = Some(Repeat { first, tried });
                tokio::time::sleep(delay).await;
            }
            Next::Provider => drop(self.route.pop_front()),
            Next::Channel => {
                // Who finds people in another way may know them.
                let way = |step: &Step| (step.channel, step.by_line_user);
                self.route.retain(|other| way(other) != way(asked.step));
            }
            Next::Stop => return Some(Left::Done),
        }
        None
    }

    /// The time that an attempt at the next step gets; `None` when too little is left to begin one.
    fn time(&self, configured: &Configured) -> Option<Duration> {
        let remaining = self.by.remaining(self.delivery.deadline);
        time::attempt(remaining, configured.timeout, self.route.len() > 1)
    }
}

impl Walk<'_> {
    /// Records an attempt before it is made.
    async fn permit(&self, id: AttemptId, step: &Step) -> Permission {
        let (by, delivery) = (self.by, self.delivery);
        let attempt = by.attempt_row(id, step);
        let permission = if delivery.tally.count() == 0 {
            let decision = self.refused.as_deref().map(Refused::decision);
            by.record_first(delivery, decision, attempt.clone()).await
        } else {
            by.record_further(attempt.clone(), delivery.deadline).await
        };
        if matches!(permission, Permission::Send) {
            delivery.tally.begin(attempt);
        }
        permission
    }
}

impl Dispatcher {
    fn message(
        &self,
        delivery: &Delivery,
        tenant: &Tenant,
        (first_attempt, attempt): (AttemptId, AttemptId),
        channel: Channel,
    ) -> Message {
        let request = &delivery.request;
        let valid_for = request
            .valid_until
            .saturating_duration_since(self.clock.now());
        let worded = tenant.messages.word(&Occasion {
            channel,
            purpose: request.purpose,
            locale: &request.locale,
            given: &request.text,
            code: &request.code,
            valid_for,
            attributes: &request.attributes,
        });
        if let Some(broken) = &worded.broken {
            self.note_broken(delivery, broken);
        }
        if channel == Channel::Sms {
            self.note_length(&worded.text);
        }
        Message {
            attempt,
            first_attempt,
            channel,
            to: request.phone,
            line_user: route::line_user(request, tenant).cloned(),
            code: request.code.clone(),
            text: worded.text,
            locale: request.locale.clone(),
            language: worded.language,
            valid_for,
        }
    }
}

impl Dispatcher {
    /// Counts texts that cost more than one segment: usually one odd character that an operator can do without.
    fn note_length(&self, text: &Private) {
        let text = text.expose();
        if segments::is_one(text) {
            return;
        }
        let segments = segments::segments(text);
        if segments.count > 1 {
            let labels = [(Label::Encoding, segments.encoding.as_str())];
            self.metrics
                .counter(Metric::LongMessages, &labels)
                .increment(1);
        }
    }
}

impl Dispatcher {
    /// A template that passed its trial and failed now; the person got our own words instead.
    fn note_broken(&self, delivery: &Delivery, broken: &Broken) {
        let tenant = &delivery.request.tenant;
        tracing::error!(
            tenant,
            delivery.id = %delivery.id,
            template = broken.template,
            problem = %broken.problem,
            "a template failed; the message has our own words"
        );
        self.metrics
            .counter(Metric::TemplateFailures, &[(Label::Tenant, tenant)])
            .increment(1);
    }
}
