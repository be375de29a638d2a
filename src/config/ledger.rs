//! `ledger`: where deliveries are recorded, and what happens when that place is away.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::Span;

/// Where deliveries are recorded.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// `sqlite://PATH` (relative to the working directory) or `memory:` (gone with the process; for tests).
    pub url: String,
    /// Days after which a delivery's rows are removed.
    #[schemars(range(min = 1, max = 36_500))]
    pub keep_days: u32,
    /// How long a send waits for its record before `on_unavailable` decides.
    pub intent_within: Span,
    /// What happens to a send that cannot be recorded first.
    pub on_unavailable: OnUnavailable,
    /// Rows kept in memory while the ledger is away; further ones are dropped and counted.
    #[schemars(range(max = 1_000_000))]
    pub spool: u32,
}

/// What happens to a send that cannot be recorded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnavailable {
    /// Send, and write the rows later: logins go on, but a crash may forget what was sent.
    Send,
    /// Do not send: nothing is ever sent that was not recorded.
    Refuse,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            url: "sqlite://tollgate.db".to_owned(),
            keep_days: 30,
            intent_within: Span::millis(100),
            on_unavailable: OnUnavailable::Send,
            spool: 10_000,
        }
    }
}
