//! What one person prefers, as a service of the customer has stored it for them.

use super::{channel::Channel, privacy::Private};

/// A stored preference. It says how to reach a person, never whom: messages by phone go to the request's own number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// Channels in order; empty where it says nothing of them.
    pub channels: Vec<Channel>,
    /// BCP 47 language tag; empty where it says nothing of it.
    pub locale: String,
    /// The person's LINE user id.
    pub line_user: Option<Private>,
}
