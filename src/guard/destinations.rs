//! What is known of single destinations: when one was last verified, and what was lately sent to it and was not.

use crate::domain::privacy::KeyedHash;

use super::table::Table;

/// A person's further messages within this time weigh little: people ask again when a code is late.
const SAME_PERSON_S: u32 = 3600;

/// What a first message weighs, in quarters.
const FIRST: u16 = 4;

/// What a further one weighs.
const FURTHER: u16 = 1;

/// Destinations by the hash of tenant and number.
#[derive(Debug)]
pub struct Destinations(Table<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The day since 1970 on which it was last verified; zero for never.
    verified: u16,
    /// Quarters of a message that were put into the budgets and not taken out.
    put: u16,
    /// When something was put in last, seconds since 1970.
    put_s: u32,
}

/// What is known of one destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Whether it was verified lately enough to count.
    pub verified: bool,
    /// Whether its next message would be the first of a person.
    pub first: bool,
}

impl Standing {
    /// What its next message weighs.
    pub fn weight(self) -> f64 {
        f64::from(if self.first { FIRST } else { FURTHER }) / f64::from(FIRST)
    }
}

impl Destinations {
    /// None is known.
    pub fn none() -> Self {
        Self(Table::new(16))
    }

    /// What is known of one, which may have been verified under an older hash.
    pub fn standing(
        &self,
        hash: KeyedHash,
        older: &[KeyedHash],
        now_ms: u64,
        verified_days: u16,
    ) -> Standing {
        let (now, today) = (seconds(now_ms), day(now_ms));
        let known = self.known(hash);
        let is_fresh = |known| is_fresh(known, today, verified_days);
        Standing {
            verified: is_fresh(known) || older.iter().any(|one| is_fresh(self.known(*one))),
            first: known.put == 0 || now.saturating_sub(known.put_s) >= SAME_PERSON_S,
        }
    }

    /// The last day since 1970 on which it was verified under one of these hashes; zero for never.
    pub fn verified_on(&self, hashes: &[KeyedHash]) -> u32 {
        let days = hashes.iter().map(|hash| self.known(*hash).verified);
        days.max().unwrap_or_default().into()
    }

    /// Notes that a message was put into the budgets.
    pub fn put(&self, hash: KeyedHash, first: bool, now_ms: u64) {
        // One that finds no place is taken for a first one each time, and its verification takes one message out.
        self.0.with_own(hash.short(), |known| {
            let before = if first { 0 } else { known.put };
            known.put = before.saturating_add(if first { FIRST } else { FURTHER });
            known.put_s = seconds(now_ms);
        });
    }

    /// Takes out a message that was put in and never sent.
    pub fn take_back(&self, hash: KeyedHash, first: bool) {
        self.0.if_there(hash.short(), |known| {
            known.put = known
                .put
                .saturating_sub(if first { FIRST } else { FURTHER });
        });
    }

    /// Notes a verification. Says what the destination had put into the budgets, and whether it was known before.
    pub fn verify(&self, hash: KeyedHash, now_ms: u64, verified_days: u16) -> (f64, bool) {
        let today = day(now_ms);
        let noted = self.0.with_own(hash.short(), |known| {
            let before = is_fresh(*known, today, verified_days);
            known.verified = known.verified.max(today);
            (std::mem::take(&mut known.put), before)
        });
        let (put, before) = noted.unwrap_or((FIRST, false));
        (f64::from(put) / f64::from(FIRST), before)
    }

    /// Takes in one that was verified on an earlier day.
    pub fn remember(&self, hash: KeyedHash, verified: u32) {
        let verified = u16::try_from(verified).unwrap_or(u16::MAX);
        self.0.with_own(hash.short(), |known| {
            known.verified = known.verified.max(verified);
        });
    }

    /// Drops those of which nothing matters any more.
    pub fn drop_idle(&self, now_ms: u64, verified_days: u16) {
        let (now, today) = (seconds(now_ms), day(now_ms));
        self.0.retain(|known| {
            let waits = known.put > 0 && now.saturating_sub(known.put_s) < SAME_PERSON_S;
            waits || is_fresh(*known, today, verified_days)
        });
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.0.count()
    }

    fn known(&self, hash: KeyedHash) -> Known {
        let known = self.0.if_there(hash.short(), |known| *known);
        known.unwrap_or_default()
    }
}

fn is_fresh(known: Known, today: u16, verified_days: u16) -> bool {
    known.verified > 0 && today.saturating_sub(known.verified) < verified_days
}

fn day(ms: u64) -> u16 {
    u16::try_from(super::time::day(ms)).unwrap_or(u16::MAX)
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::time::DAY_MS;

    const HASH: KeyedHash = KeyedHash([7; 16]);
    const NOW: u64 = 20_000 * DAY_MS;

    fn verified(destinations: &Destinations, hash: KeyedHash) -> bool {
        destinations.standing(hash, &[], NOW, 180).verified
    }

    #[test]
    fn an_older_hash_says_that_it_was_verified_and_when() {
        let destinations = Destinations::none();
        let older = [KeyedHash([1; 16]), KeyedHash([2; 16])];
        destinations.remember(older[0], 19_900);
        destinations.remember(older[1], 19_950);
        let standing = |days: u64| destinations.standing(HASH, &older, NOW + days * DAY_MS, 180);
        assert!(standing(0).verified && standing(129).verified);
        assert!(!standing(130).verified);
        assert_eq!(destinations.verified_on(&older), 19_950);
        assert_eq!(destinations.verified_on(&[HASH]), 0);
        // What is put in is put in under the present hash alone.
        destinations.put(HASH, true, NOW);
        assert!(!standing(0).first);
    }

    #[test]
    fn a_verified_destination_is_known_for_its_days_and_not_one_more() {
        let destinations = Destinations::none();
        assert_eq!(destinations.verify(HASH, NOW, 180), (0.0, false));
        let check = |days: u64, expect: bool| {
            let standing = destinations.standing(HASH, &[], NOW + days * DAY_MS, 180);
            assert_eq!(standing.verified, expect, "{days}");
        };
        check(0, true);
        check(179, true);
        check(180, false);
        assert!(!verified(&destinations, KeyedHash([8; 16])));
        destinations.drop_idle(NOW + 179 * DAY_MS, 180);
        assert_eq!(destinations.count(), 1);
        destinations.drop_idle(NOW + 180 * DAY_MS, 180);
        assert_eq!(destinations.count(), 0);
    }

    #[test]
    fn what_was_imported_is_known_and_never_made_older() {
        let destinations = Destinations::none();
        destinations.verify(HASH, NOW, 180);
        destinations.remember(HASH, 19_900);
        assert!(
            destinations
                .standing(HASH, &[], NOW + 100 * DAY_MS, 180)
                .verified
        );
        destinations.remember(KeyedHash([9; 16]), 19_900);
        assert!(verified(&destinations, KeyedHash([9; 16])));
    }

    #[test]
    fn a_person_who_asks_again_weighs_little_and_is_taken_out_whole() {
        let destinations = Destinations::none();
        let standing = |ms| destinations.standing(HASH, &[], ms, 180);
        assert_eq!(standing(NOW).weight().to_string(), "1");
        destinations.put(HASH, true, NOW);
        assert_eq!(standing(NOW + 30_000).weight().to_string(), "0.25");
        destinations.put(HASH, false, NOW + 30_000);
        assert!(!standing(NOW + 30_000 + 3_599_999).first);
        assert!(standing(NOW + 30_000 + 3_600_000).first);
        assert_eq!(
            destinations.verify(HASH, NOW + 60_000, 180).0.to_string(),
            "1.25"
        );
        assert_eq!(destinations.verify(HASH, NOW + 61_000, 180), (0.0, true));
    }

    #[test]
    fn a_clock_that_goes_backwards_forgets_nothing() {
        let destinations = Destinations::none();
        destinations.verify(HASH, NOW, 180);
        destinations.put(HASH, true, NOW);
        let earlier = destinations.standing(HASH, &[], NOW - DAY_MS, 180);
        assert!(earlier.verified && !earlier.first);
    }
}
