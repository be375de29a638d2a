//! Bounded tables of counters: many small maps, each with its own lock, whose memory is known beforehand.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::hashing::Hashed;

/// Maps in a table. A map of 2^16 places takes 57,344 keys before it would double, so that ten million keys fill a table
/// of such maps to four fifths, and no map ever doubles beyond that.
const MAPS: usize = 192;

/// A bounded table from hashed keys to counters. No lock is held longer than one look at one entry, or at one of the maps
/// where idle keys are dropped.
pub struct Table<V> {
    maps: Vec<Mutex<HashMap<u64, V, Hashed>>>,
    /// Keys of their own in each map.
    most: usize,
    /// Keys of each map that all those share which find no place of their own.
    shared: u64,
}

impl<V> fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} maps of {})", MAPS, self.most)
    }
}

impl<V: Default> Table<V> {
    /// A table that grows to maps of 2^`size` places, at least 8, of which seven eighths are used.
    pub fn new(size: u32) -> Self {
        let places: usize = 1 << size.max(3);
        let shared = (places / 256).max(1);
        Self {
            maps: (0..MAPS).map(|_| Mutex::default()).collect(),
            most: places / 8 * 7 - shared,
            shared: shared as u64,
        }
    }

    /// Works on the counter of a key, which is made if it is not there. Where there is no place for one more it is a
    /// counter that such keys share; keys that are there already keep their own.
    pub fn with<R>(&self, key: u64, work: impl FnOnce(&mut V) -> R) -> R {
        let mut map = self.map(key);
        let full = map.len() >= self.most;
        let key = if full && !map.contains_key(&key) {
            key % self.shared
        } else {
            key
        };
        work(map.entry(key).or_default())
    }

    /// Works on the counter of a key, unless it is not there and there is no place for one more.
    pub fn with_own<R>(&self, key: u64, work: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut map = self.map(key);
        let full = map.len() >= self.most;
        if full && !map.contains_key(&key) {
            return None;
        }
        Some(work(map.entry(key).or_default()))
    }

    /// Works on the counter of a key if it is there.
    pub fn if_there<R>(&self, key: u64, work: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.map(key).get_mut(&key).map(work)
    }

    /// Keys in the table.
    pub fn count(&self) -> usize {
        self.maps.iter().map(|map| lock(map).len()).sum()
    }

    /// Drops what is not kept. This looks at every key there is, one map at a time.
    pub fn retain(&self, mut keep: impl FnMut(&V) -> bool) {
        for map in &self.maps {
            lock(map).retain(|_, value| keep(value));
        }
    }

    /// Drops what is not kept from maps that are nearly full.
    pub fn make_room(&self, mut keep: impl FnMut(&V) -> bool) {
        for map in &self.maps {
            let mut map = lock(map);
            if map.len() >= self.most * 7 / 8 {
                map.retain(|_, value| keep(value));
            }
        }
    }

    /// Looks at every entry, one map at a time, until told to stop.
    pub fn look(&self, mut seen: impl FnMut(u64, &mut V) -> bool) {
        for map in &self.maps {
            for (key, value) in lock(map).iter_mut() {
                if !seen(*key, value) {
                    return;
                }
            }
        }
    }

    fn map(&self, key: u64) -> MutexGuard<'_, HashMap<u64, V, Hashed>> {
        // Within a map the lowest bits choose the place and the highest ones tell keys apart: the map is chosen by others.
        let bits = (key >> 24) & 0xffff_ffff;
        let at = usize::try_from((bits * MAPS as u64) >> 32).unwrap_or(0);
        lock(&self.maps[at])
    }
}

fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::hashing::{Hashing, Kind};

    fn keys(count: u64) -> impl Iterator<Item = u64> {
        let hashing = Hashing::new(&[1; 16]);
        let tag = hashing.tenant("acme");
        (0..count).map(move |figure| hashing.figure(Kind::Destination, tag, figure))
    }

    #[test]
    fn a_flood_of_fresh_keys_neither_grows_a_table_nor_drives_one_out() {
        let table: Table<u32> = Table::new(3);
        let first: Vec<_> = keys(50).collect();
        for key in &first {
            table.with(*key, |count| *count = 1000);
        }
        for key in keys(100_000).skip(50) {
            table.with(key, |count| *count += 1);
        }
        let most = MAPS * 7;
        assert!(table.count() <= most, "{}", table.count());
        for key in first {
            assert_eq!(table.if_there(key, |count| *count), Some(1000));
        }
    }

    #[test]
    fn what_shares_nothing_is_left_out_of_a_full_table() {
        let table: Table<u32> = Table::new(3);
        let taken = keys(100_000).filter_map(|key| table.with_own(key, |_| ()));
        assert_eq!(taken.count(), MAPS * 6);
    }

    #[test]
    fn keys_spread_over_the_maps() {
        let table: Table<u32> = Table::new(16);
        for key in keys(100_000) {
            table.with(key, |count| *count += 1);
        }
        assert_eq!(table.count(), 100_000);
        let sizes = table.maps.iter().map(|map| lock(map).len());
        assert!(sizes.clone().min() > Some(350) && sizes.max() < Some(700));
    }

    #[test]
    fn room_is_made_only_where_it_is_scarce() {
        let table: Table<u32> = Table::new(3);
        table.with(1, |count| *count = 5);
        table.make_room(|_| false);
        assert_eq!(table.count(), 1);
        table.retain(|_| false);
        assert_eq!(table.count(), 0);
    }
}
