//! The guard's lists as the ledger keeps them, with the trace of every change.

use std::time::Duration;

use crate::domain::{
    id::ListChangeId,
    listed::{ListEntry, Tenants},
};

/// How long it is remembered who changed the lists.
pub(super) const CHANGES_KEPT: Duration = Duration::from_hours(24 * 400);

/// One change of the lists: who, when, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange {
    /// Its id.
    pub id: ListChangeId,
    /// What was done.
    pub action: Action,
    /// The entry: as it was set, or as it stood when it was removed.
    pub entry: ListEntry,
    /// The client that did it.
    pub by: String,
    /// When, ms since 1970.
    pub at_ms: u64,
}

/// What is done to the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// An entry is put there, in place of the one for the same tenants and target.
    Set,
    /// An entry is taken away.
    Remove,
}

impl Action {
    /// The name used in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Remove => "remove",
        }
    }

    /// The action of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Set, Self::Remove]
            .into_iter()
            .find(|action| action.as_str() == name)
    }
}

/// Which changes to read; conditions add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Only those that concern one of these tenants, or all tenants; any where `None`.
    pub tenants: Option<Vec<String>>,
    /// Go on below this change.
    pub below: Option<ListChangeId>,
    /// At most this many.
    pub limit: usize,
}

/// Changes, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes.
    pub changes: Vec<ListChange>,
    /// Below which change to go on; `None` at the end. A page may have fewer than were asked for, also none, and not be the
    /// last.
    pub next: Option<ListChangeId>,
}

impl ChangeFilter {
    /// Whether the change of an entry for these is an answer.
    pub(super) fn admits(&self, tenants: &Tenants) -> bool {
        (self.tenants.as_ref()).is_none_or(|names| names.iter().any(|name| tenants.has(name)))
    }
}
