//! The guard's lists, their changes, and its own state, in memory.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
};

use crate::{
    domain::{id::ListEntryId, listed::ListEntry},
    store::{
        LedgerError,
        counter::Counter,
        filter::Pager,
        list::{Action, ChangeFilter, ChangePage, ListChange},
    },
};

/// Changes remembered; the oldest leave first.
const CHANGES: usize = 10_000;

#[derive(Default)]
pub(super) struct GuardTables {
    entries: BTreeMap<ListEntryId, ListEntry>,
    changes: VecDeque<ListChange>,
    counters: BTreeMap<[u8; 16], (Vec<u8>, u64)>,
}

impl GuardTables {
    /// Takes changes in, and counts those for which there was something to do.
    pub(super) fn change(&mut self, changes: Vec<ListChange>) -> u64 {
        let mut done = 0;
        for change in changes {
            let altered = match change.action {
                Action::Set => {
                    self.set(change.entry.clone());
                    true
                }
                Action::Remove => self.entries.remove(&change.entry.id).is_some(),
            };
            if altered {
                self.changes.push_back(change);
                done += 1;
            }
        }
        let surplus = self.changes.len().saturating_sub(CHANGES);
        self.changes.drain(..surplus);
        done
    }

    fn set(&mut self, entry: ListEntry) {
        let same = |old: &ListEntry| old.is_for(&entry.tenants, &entry.target);
        self.entries.retain(|_, old| !same(old));
        self.entries.insert(entry.id, entry);
    }

    pub(super) fn entries(&self, above: Option<ListEntryId>, limit: usize) -> Vec<ListEntry> {
        let from = above.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.range((from, Bound::Unbounded));
        entries
            .take(limit)
            .map(|(_, entry)| entry.clone())
            .collect()
    }

    pub(super) fn changes(&self, filter: &ChangeFilter) -> Result<ChangePage, LedgerError> {
        let older = |change: &&ListChange| filter.below.is_none_or(|below| change.id < below);
        let mut pager = Pager::new(filter);
        for change in self.changes.iter().rev().filter(older) {
            if !pager.look(change.id, || Ok(Some(change.clone())))? {
                break;
            }
        }
        Ok(ChangePage {
            changes: pager.hits,
            next: pager.next,
        })
    }

    pub(super) fn keep(&mut self, counters: Vec<Counter>, now_ms: u64) {
        for Counter { key, value } in counters {
            if value.is_empty() {
                self.counters.remove(&key);
            } else {
                self.counters.insert(key, (value, now_ms));
            }
        }
    }

    pub(super) fn counters(&self, above: Option<[u8; 16]>, limit: usize) -> Vec<Counter> {
        let from = above.map_or(Bound::Unbounded, Bound::Excluded);
        let counters = self.counters.range((from, Bound::Unbounded)).take(limit);
        let counter = |(key, (value, _)): (&[u8; 16], &(Vec<u8>, u64))| Counter {
            key: *key,
            value: value.clone(),
        };
        counters.map(counter).collect()
    }

    pub(super) fn expire(&mut self, now_ms: u64, idle_since_ms: u64) {
        self.entries.retain(|_, entry| entry.is_live(now_ms));
        self.counters
            .retain(|_, (_, updated_ms)| *updated_ms >= idle_since_ms);
    }
}
