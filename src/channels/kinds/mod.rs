//! The registry: one kind of provider per file, two lines each.

#[cfg(test)]
pub(super) mod contract;
mod grpc;
mod http;
mod line;
mod meta;
pub mod stub;
mod twilio;
mod vonage;

use super::kind::Kind;
use crate::config::providers::KindSchemas;

/// Every kind, by name.
pub const KINDS: &[Kind] = &[
    Kind::of::<grpc::Grpc>(),
    Kind::of::<http::Http>(),
    Kind::of::<line::Line>(),
    Kind::of::<meta::Meta>(),
    Kind::of::<stub::Stub>(),
    Kind::of::<twilio::Twilio>(),
    Kind::of::<vonage::Vonage>(),
];

/// What may be written under `providers` for each kind.
pub fn schemas() -> KindSchemas {
    KINDS
        .iter()
        .map(|kind| (kind.name, kind.schema()))
        .collect()
}
