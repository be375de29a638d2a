//! One request's way past the guard and along its route, as `dispatch` would take it: admit, plan, charge each attempt.

use crate::{
    domain::{
        channel::{Channel, Channels},
        price::Price,
        verdict::{Refusal, Verdict},
    },
    guard::{self, Guard, Trail, settings},
    routing::plan::Step,
};

use super::{report::Fate, route::Routes};

/// The name under which numbers are counted that no numbering plan knows: they are sent back before the guard is asked.
const INVALID: &str = "invalid_recipient";
/// The name under which requests are counted that no route serves.
const NO_ROUTE: &str = "no_route";

/// What became of a request, and what it left behind.
pub(super) struct Passed {
    pub(super) fate: Fate,
    /// What its message put into the budgets.
    pub(super) trail: Option<Trail>,
    /// What its attempts cost.
    pub(super) prices: Vec<Option<Price>>,
}

impl Passed {
    /// A number that is not valid.
    pub(super) fn invalid() -> Self {
        Self::refused(INVALID)
    }

    fn refused(rule: &str) -> Self {
        Self {
            fate: Fate::Refused(rule.to_owned()),
            trail: None,
            prices: Vec::new(),
        }
    }
}

/// Takes a request past the guard and along its route.
pub(super) fn pass(
    (guard, routes): (&Guard, &Routes),
    request: &guard::Request<'_>,
    channels: &[Channel],
    chance: u64,
) -> Passed {
    let (allowed, deflected) = match guard.admit(request).verdict {
        Verdict::Refuse(refusal) => return Passed::refused(&refusal.rule),
        Verdict::Allow { channels } => (channels, None),
        Verdict::Deflect { channels, refusal } => (channels, Some(refusal)),
    };
    let walk = Walk {
        guard,
        routes,
        request,
        closed: Channels::NONE,
        because: deflected,
        trail: Trail::default(),
        prices: Vec::new(),
    };
    let plan = routes.plan(request.phone, request.purpose, (channels, allowed), chance);
    walk.take(&plan.steps)
}

/// A route under way.
struct Walk<'a> {
    guard: &'a Guard,
    routes: &'a Routes,
    request: &'a guard::Request<'a>,
    /// Channels whose charge was refused.
    closed: Channels,
    /// The refusal that took channels out.
    because: Option<Refusal>,
    trail: Trail,
    prices: Vec<Option<Price>>,
}

impl Walk<'_> {
    fn take(mut self, steps: &[Step]) -> Passed {
        for step in steps {
            if self.closed.contains(step.channel) {
                continue;
            }
            let price = self.routes.price(step, self.request.phone);
            let charged = self.guard.charge(self.request, step.channel, price);
            if let Some(refusal) = charged.refusal {
                self.closed = self.closed.with(step.channel);
                self.because.get_or_insert(refusal);
                continue;
            }
            self.prices.push(price);
            if self.trail.is_empty() {
                self.trail = charged.trail;
            }
            if self.arrives(step.channel) {
                return self.sent(step.channel);
            }
            // Who is not on this channel is not there for its other providers either.
            self.closed = self.closed.with(step.channel);
        }
        let rule = self
            .because
            .as_ref()
            .map_or(NO_ROUTE, |refusal| &refusal.rule);
        Passed {
            prices: self.prices,
            ..Passed::refused(rule)
        }
    }

    /// What pays whoever owns the number got out, whatever was refused before it: only what does not is a deflection.
    fn sent(self, by: Channel) -> Passed {
        let because = self.because.filter(|_| !settings::pays(by));
        let deflected = because.map(|refusal| refusal.rule.to_string());
        Passed {
            fate: deflected.map_or(Fate::Sent, Fate::Deflected),
            trail: Some(self.trail),
            prices: self.prices,
        }
    }

    /// People are taken to have opted in to what reaches them.
    fn arrives(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms | Channel::Voice => true,
            Channel::Whatsapp | Channel::Line => self.request.opted_in.contains(channel),
        }
    }
}
