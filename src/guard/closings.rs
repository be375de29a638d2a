//! Ranges that have just been closed, and are not written down yet: a process that dies before would open them again, for
//! another floor each.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::rules::budget::Scope;

/// Most ranges that wait. Those beyond are written down with everything else that has changed.
const MOST: usize = 4096;

/// The ranges, in the order in which they were closed.
#[derive(Debug, Default)]
pub struct Closings {
    ranges: Mutex<Vec<(Scope, u64)>>,
    more: Notify,
}

impl Closings {
    /// Notes a range, by its key.
    pub fn note(&self, scope: Scope, key: u64) {
        let mut ranges = self.ranges();
        if ranges.len() < MOST {
            ranges.push((scope, key));
        }
        drop(ranges);
        self.more.notify_one();
    }

    /// Waits until there is one. At most one task may wait.
    pub async fn wait(&self) {
        self.more.notified().await;
    }

    /// Hands them over, at most so many; the rest waits.
    pub fn take(&self, most: usize) -> Vec<(Scope, u64)> {
        let mut ranges = self.ranges();
        let most = most.min(ranges.len());
        ranges.drain(..most).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    fn ranges(&self) -> MutexGuard<'_, Vec<(Scope, u64)>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_by_what_was_noted_before_and_it_is_handed_over_once() {
        let closings = Closings::default();
        closings.note(Scope::Range10k, 1);
        closings.note(Scope::Country, 2);
        closings.wait().await;
        assert_eq!(closings.take(1), [(Scope::Range10k, 1)]);
        assert_eq!(closings.take(9), [(Scope::Country, 2)]);
        assert!(closings.is_empty());
    }

    #[test]
    fn nobody_takes_them_and_memory_stays_bounded() {
        let closings = Closings::default();
        (0..100_000).for_each(|key| closings.note(Scope::Network, key));
        assert_eq!(closings.take(usize::MAX).len(), MOST);
    }
}
