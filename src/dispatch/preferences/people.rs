//! Who may have a stored preference: a filter of fixed size, so that everybody else, which is nearly everybody, costs a
//! look at four bits.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::domain::privacy::KeyedHash;

/// Bits of the filter: one mebibyte. A million people make one stranger in forty look known, five million two in three.
const BITS: u32 = 1 << 23;

/// People by their hashes. Who was ever added may have a preference; of all others it is certain that they have none.
pub(super) struct People {
    words: Box<[AtomicU64]>,
    /// Whether anybody was added.
    any: AtomicBool,
    /// Whether everybody was added who had one at the start. Before, anybody may.
    complete: AtomicBool,
}

impl People {
    /// Anybody, until [`People::complete`] says otherwise.
    pub(super) fn anybody() -> Self {
        let words = (0..BITS / u64::BITS).map(|_| AtomicU64::new(0));
        Self {
            words: words.collect(),
            any: AtomicBool::new(false),
            complete: AtomicBool::new(false),
        }
    }

    /// Adds one.
    pub(super) fn add(&self, person: KeyedHash) {
        for (word, bit) in places(person) {
            self.words[word].fetch_or(bit, Ordering::Relaxed);
        }
        self.any.store(true, Ordering::Release);
    }

    /// Everybody who had a preference at the start was added.
    pub(super) fn complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    /// Whether it is certain that nobody has one. Then nobody needs to be hashed.
    pub(super) fn nobody(&self) -> bool {
        self.complete.load(Ordering::Acquire) && !self.any.load(Ordering::Acquire)
    }

    /// Whether this one may have one.
    pub(super) fn may_have(&self, person: KeyedHash) -> bool {
        let set = |(word, bit): (usize, u64)| self.words[word].load(Ordering::Relaxed) & bit != 0;
        !self.complete.load(Ordering::Acquire) || places(person).all(set)
    }
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("People")
    }
}

/// Four places, by the four quarters of a hash that is as good as random.
fn places(KeyedHash(hash): KeyedHash) -> impl Iterator<Item = (usize, u64)> {
    let number = u128::from_be_bytes(hash);
    (0..4).map(move |quarter| {
        let place = (number >> (32 * quarter)) % u128::from(BITS);
        let place = u32::try_from(place).unwrap_or(0);
        ((place / u64::BITS) as usize, 1 << (place % u64::BITS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::privacy::{PrivacyKeys, Subject};

    fn person(number: u32) -> KeyedHash {
        let keys = PrivacyKeys::new([&b"key"[..]]).expect("there is a key");
        keys.hash(Subject::User, &[b"acme", &number.to_be_bytes()])
    }

    #[test]
    fn whoever_was_added_is_found_and_hardly_anybody_else() {
        let people = People::anybody();
        people.complete();
        assert!(people.nobody() && !people.may_have(person(0)));
        (0..1000).for_each(|number| people.add(person(number)));
        assert!(!people.nobody());
        assert!((0..1000).all(|number| people.may_have(person(number))));
        let strangers = (1000..101_000).filter(|number| people.may_have(person(*number)));
        assert!(strangers.count() < 10);
    }

    #[test]
    fn before_it_is_complete_anybody_may_have_one() {
        let people = People::anybody();
        assert!(!people.nobody() && people.may_have(person(1)));
        people.add(person(2));
        people.complete();
        assert!(!people.may_have(person(1)) && people.may_have(person(2)));
    }
}
