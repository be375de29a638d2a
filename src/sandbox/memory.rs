//! What a simulated vendor must not forget for a while: tokens it gave out, keys it has seen. Only the last ones are
//! kept, so that no client can fill the memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Things by name, each until its time is over or too many newer ones have come.
pub(super) struct Memory<V> {
    capacity: usize,
    kept: Mutex<Kept<V>>,
}

struct Kept<V> {
    by_name: HashMap<String, Entry<V>>,
    /// Oldest first.
    names: VecDeque<String>,
}

struct Entry<V> {
    until_ms: u64,
    value: V,
}

impl<V: Clone> Memory<V> {
    /// An empty memory that keeps the last `capacity` things.
    pub(super) fn new(capacity: usize) -> Self {
        let kept = Kept {
            by_name: HashMap::new(),
            names: VecDeque::new(),
        };
        Self {
            capacity,
            kept: Mutex::new(kept),
        }
    }

    /// What is kept under this name at `now_ms` milliseconds since 1970.
    pub(super) fn get(&self, name: &str, now_ms: u64) -> Option<V> {
        self.kept().get(name, now_ms)
    }

    /// Keeps what is new until `until_ms`. What is kept already stays as it is, and comes back as the error.
    pub(super) fn keep(&self, name: &str, value: V, now_ms: u64, until_ms: u64) -> Result<(), V> {
        let mut kept = self.kept();
        if let Some(earlier) = kept.get(name, now_ms) {
            return Err(earlier);
        }
        let entry = Entry { until_ms, value };
        if kept.by_name.insert(name.to_owned(), entry).is_none() {
            kept.names.push_back(name.to_owned());
        }
        if kept.names.len() > self.capacity
            && let Some(oldest) = kept.names.pop_front()
        {
            kept.by_name.remove(&oldest);
        }
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut kept = self.kept();
        kept.by_name.clear();
        kept.names.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept<V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone> Kept<V> {
    fn get(&self, name: &str, now_ms: u64) -> Option<V> {
        let entry = self.by_name.get(name)?;
        (entry.until_ms > now_ms).then(|| entry.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_kept_once_and_for_their_time() {
        let memory = Memory::new(9);
        assert_eq!(memory.keep("a", 1, 0, 100), Ok(()));
        assert_eq!(memory.keep("a", 2, 99, 200), Err(1));
        assert_eq!(memory.get("a", 99), Some(1));
        assert_eq!(memory.get("a", 100), None);
        assert_eq!(memory.keep("a", 3, 100, 200), Ok(()));
        assert_eq!(memory.get("a", 150), Some(3));
        memory.clear();
        assert_eq!(memory.get("a", 150), None);
    }

    #[test]
    fn the_oldest_leaves() {
        let memory = Memory::new(2);
        for name in ["a", "b", "c"] {
            assert_eq!(memory.keep(name, (), 0, 100), Ok(()));
        }
        let kept = ["a", "b", "c"].map(|name| memory.get(name, 1).is_some());
        assert_eq!(kept, [false, true, true]);
        assert_eq!(memory.kept().by_name.len(), 2);
    }
}
