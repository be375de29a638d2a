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
    /// Do not send.
    Refuse(Refusal),
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
