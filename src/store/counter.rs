//! The guard's own state as the ledger keeps it: values that mean nothing to the ledger, under keyed hashes.

use std::time::Duration;

/// How long a value is kept that is not written again: longer than the guard looks back.
pub(super) const COUNTERS_KEPT: Duration = Duration::from_hours(24 * 16);

/// One value of the guard's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// A keyed hash.
    pub key: [u8; 16],
    /// What the guard made of it; an empty value takes the key away.
    pub value: Vec<u8>,
}
