//! The guard's decision on a request.

use std::{sync::Arc, time::Duration};

use crate::error::Reason;

use super::channel::Channels;

/// What the guard decided. It binds the whole delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send, on these channels only.
    Allow {
        /// The channels that any attempt may use.
        channels: Channels,
    },
    /// Send only on channels that pay an attacker nothing. It is a refusal where that reaches nobody.
    Deflect {
        /// The channels that any attempt may use.
        channels: Channels,
        /// The rule that would have refused, and what is answered where no channel is left.
        refusal: Refusal,
    },
    /// Do not send.
    Refuse(Refusal),
}

impl Verdict {
    /// The name used in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Deflect { .. } => "deflect",
            Self::Refuse(_) => "refuse",
        }
    }
}

/// Which rule refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule's name, as in configuration and metrics.
    pub rule: Arc<str>,
    /// What the caller is told.
    pub reason: Reason,
    /// What was counted or looked at, never a number: `destination`, `country` …
    pub key: &'static str,
    /// What stood against the threshold, in words or figures: `7 in 10m`, `FR`, `premium_rate`.
    pub level: String,
    /// What the rule allows: `6 per 10m`, `US, GB, JP`.
    pub threshold: String,
    /// When the same request may pass; `None` when waiting does not help.
    pub retry_after: Option<Duration>,
}
