//! Okta's event hooks, which say whether a code was entered: taken in at once, read tolerantly, and handed to the gateway
//! as reports afterwards.

pub mod challenge;
pub mod door;
mod held;
pub mod queue;
pub mod reading;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It says that the right code was entered.
    Verified,
    /// It says that a wrong code was entered.
    Failed,
    /// It says nothing of a code of ours.
    Other,
    /// It has come before.
    Duplicate,
    /// There was no room for it; Okta sends it once more.
    Deferred,
    /// The gateway could not be told in time.
    Lost,
}

impl Became {
    /// The name used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Other => "other",
            Self::Duplicate => "duplicate",
            Self::Deferred => "deferred",
            Self::Lost => "lost",
        }
    }
}
