//! What a provider can do, as data that others may ask for.

use super::channel::Channels;

/// What a provider can do. Nobody decides by a kind's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The channels it speaks.
    pub channels: Channels,
    /// Whether the same attempt may be sent again with the same key without a second message.
    pub idempotent: bool,
}
