//! What a provider can do, as data that others may ask for.

use super::{channel::Channels, phone::Country};

/// What a provider can do. Nobody decides by a kind's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capability {
    /// The channels it speaks.
    pub channels: Channels,
    /// Whether the same attempt may be sent again with the same key without a second message.
    pub idempotent: bool,
    /// Whether it finds people by their LINE user id rather than by their phone number.
    pub by_line_user: bool,
    /// The countries whose numbers it can reach; all when empty.
    pub countries: Vec<Country>,
}
