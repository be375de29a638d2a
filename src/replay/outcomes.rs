//! Codes that will be used: what people do with the messages that reached them, at its time.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use crate::{
    domain::{phone::Country, privacy::KeyedHash},
    guard::Trail,
};

/// A code that will be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// When, in milliseconds since the trace began.
    pub(super) at: u64,
    /// When it was sent, on the wall clock.
    pub(super) sent_ms: u64,
    pub(super) phone: KeyedHash,
    pub(super) country: Option<Country>,
    /// What its message put into the budgets.
    pub(super) trail: Option<Trail>,
}

/// Codes that will be used, the next one first. There are as many as people who have their phone in their hand.
#[derive(Default)]
pub(super) struct Outcomes {
    due: BinaryHeap<Reverse<(Moment, Entry)>>,
    made: u64,
}

/// Of two at the same moment the one that was made first comes first.
type Moment = (u64, u64);

#[derive(PartialEq, Eq)]
struct Entry(Use);

/// The moment says it all.
impl Ord for Entry {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Outcomes {
    pub(super) fn add(&mut self, one: Use) {
        self.made += 1;
        self.due.push(Reverse(((one.at, self.made), Entry(one))));
    }

    /// When the next one is.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.due.peek().map(|Reverse(((at, _), _))| *at)
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<Use> {
        self.due.pop().map(|Reverse((_, Entry(one)))| one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_time_and_in_order() {
        let mut outcomes = Outcomes::default();
        for (at, sent_ms) in [(5, 1), (3, 2), (5, 3), (4, 4)] {
            outcomes.add(Use {
                at,
                sent_ms,
                phone: KeyedHash([0; 16]),
                country: None,
                trail: None,
            });
        }
        assert_eq!(outcomes.next_at(), Some(3));
        let order: Vec<_> = std::iter::from_fn(|| outcomes.next())
            .map(|one| one.sent_ms)
            .collect();
        assert_eq!(order, [2, 4, 1, 3]);
        assert_eq!(outcomes.next_at(), None);
    }
}
