//! The registry: one kind of provider per file, two lines each.

#[cfg(test)]
pub(super) mod contract;
pub mod stub;
mod twilio;

use super::kind::Kind;
use crate::config::providers::KindSchemas;

/// Every kind, by name.
pub const KINDS: &[Kind] = &[Kind::of::<stub::Stub>(), Kind::of::<twilio::Twilio>()];

/// What may be written under `providers` for each kind.
pub fn schemas() -> KindSchemas {
    KINDS
        .iter()
        .map(|kind| (kind.name, kind.schema()))
        .collect()
}
