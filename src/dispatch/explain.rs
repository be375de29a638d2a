//! What a send would do, and why; nothing is sent, claimed or counted.

use crate::{
    domain::verdict::{Refusal, Verdict},
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
    /// Decides on a request without acting on it. Limits and budgets are not asked, as asking would use them up: it is told
    /// how they stand.
    pub fn explain(&self, request: &Request) -> Result<Explanation, Fault> {
        let policy = self.policy();
        let Some(tenant) = policy.tenants.get(&request.tenant) else {
            return Err(route::unknown_tenant());
        };
        let mut channels = route::channels(request, tenant);
        let names: Vec<_> = channels.iter().map(|channel| channel.as_str()).collect();
        let source = route::source(request, tenant).as_str();
        let mut lines = vec![format!("channels wanted by {source}: {}", words(&names))];
        let wanted = channels.iter().copied().collect();
        let hashes = self.hashes_of(request);
        let asked = route::guard_request(request, tenant, wanted, &hashes);
        let admission = policy.guard.policy(&asked);
        for refusal in &admission.shadowed {
            lines.push(format!(
                "rule {} would refuse, but only watches",
                refusal.rule
            ));
        }
        let refuse = |refusal: &Refusal, mut lines: Vec<String>, why: &str| {
            lines.push(format!(
                "rule {} {why}: {} is {}, allowed is {}",
                refusal.rule, refusal.key, refusal.level, refusal.threshold
            ));
            lines
        };
        let (allowed, deflected) = match admission.verdict {
            Verdict::Allow { channels } => (channels, None),
            Verdict::Deflect {
                channels: offered,
                refusal,
            } => {
                lines = refuse(&refusal, lines, "sends it another way");
                channels = route::deflected(request, tenant, offered);
                (offered, Some(refusal))
            }
            Verdict::Refuse(refusal) => {
                return Ok(Explanation {
                    reason: Some(refusal.reason),
                    steps: Vec::new(),
                    lines: refuse(&refusal, lines, "refuses"),
                });
            }
        };
        lines.extend(self.standings_of(&policy, request, &hashes));
        let plan = self.plan(request, (&policy, tenant), (&channels, allowed), true);
        lines.extend(plan.lines);
        let expired = request.valid_until <= self.clock.now();
        let reason = match (expired, plan.steps.is_empty(), deflected) {
            (true, ..) => Some(Reason::CodeExpired),
            (false, false, _) => None,
            // A deflection that reaches nobody is a refusal.
            (false, true, Some(refusal)) => Some(refusal.reason),
            (false, true, None) if plan.unreachable => Some(Reason::RecipientUnreachable),
            (false, true, None) => Some(Reason::NoRoute),
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
