//! What a send would do, and why; nothing is sent, claimed or counted.

use crate::{
    domain::verdict::Verdict,
    error::{Reason, fault::Fault},
    routing::plan::Step,
};

use super::{Dispatcher, request::Request, route};

/// What a send would do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Why it would not send; `None` when it would.
    pub reason: Option<Reason>,
    /// The steps it would take, in order.
    pub steps: Vec<Step>,
    /// What was decided, in words.
    pub lines: Vec<String>,
}

impl Dispatcher {
    /// Decides on a request without acting on it. Rate limits are not asked: asking would use them up.
    pub fn explain(&self, request: &Request) -> Result<Explanation, Fault> {
        let policy = self.policy();
        let Some(tenant) = policy.tenants.get(&request.tenant) else {
            return Err(route::unknown_tenant());
        };
        let channels = route::channels(request, tenant);
        let names: Vec<_> = channels.iter().map(|channel| channel.as_str()).collect();
        let source = route::source(request, tenant).as_str();
        let mut lines = vec![format!("channels wanted by {source}: {}", words(&names))];
        let asked = route::guard_request(request, tenant, &channels);
        let admission = policy.guard.policy(&asked);
        for refusal in &admission.shadowed {
            lines.push(format!(
                "rule {} would refuse, but only watches",
                refusal.rule
            ));
        }
        let allowed = match admission.verdict {
            Verdict::Allow { channels } => channels,
            Verdict::Refuse(refusal) => {
                lines.push(format!(
                    "rule {} refuses: {} is {}, allowed is {}",
                    refusal.rule, refusal.key, refusal.level, refusal.threshold
                ));
                return Ok(Explanation {
                    reason: Some(refusal.reason),
                    steps: Vec::new(),
                    lines,
                });
            }
        };
        lines.push("number policy: passed; rate limits are not asked here".to_owned());
        let plan = self.plan(request, (&policy, tenant), (&channels, allowed), true);
        lines.extend(plan.lines);
        let expired = request.valid_until <= self.clock.now();
        let reason = match (expired, plan.steps.is_empty(), plan.unreachable) {
            (true, ..) => Some(Reason::CodeExpired),
            (false, true, true) => Some(Reason::RecipientUnreachable),
            (false, true, false) => Some(Reason::NoRoute),
            (false, false, _) => None,
        };
        Ok(Explanation {
            reason,
            steps: plan.steps,
            lines,
        })
    }
}

fn words(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", then ")
    }
}
