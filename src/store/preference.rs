//! Stored preferences as rows: whose one is, what it says, and who said so.

use crate::domain::{channel::Channel, privacy::KeyedHash, seal::Sealed};

/// Whose preference it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceKey {
    /// The tenant.
    pub tenant: String,
    /// The keyed hash of tenant and user id under every privacy key; the first one is written, and there is always one.
    pub users: Vec<KeyedHash>,
}

/// What is kept of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceRow {
    /// Channels in order; may be empty.
    pub channels: Vec<Channel>,
    /// BCP 47 language tag; may be empty.
    pub locale: String,
    /// The LINE user id.
    pub line_user: Option<Sealed>,
    /// Who set or removed the LINE user id last; `None` where nobody has.
    pub line_user_set: Option<Trace>,
    /// Who wrote the row last.
    pub set: Trace,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The client's name.
    pub by: String,
    /// When, ms since 1970.
    pub at_ms: u64,
}

/// Makes what is kept of a person out of what was kept before; `None` stands for nothing. It is called again when a
/// transaction has to be.
pub type Rewrite = Box<dyn FnMut(Option<PreferenceRow>) -> Option<PreferenceRow> + Send>;
