//! Which delivery holds which claim. One process owns the file and one thread writes it, so that this map is as
//! exclusive as a unique index. The index would be in no order of time: measured, it took as long as all the rest of a
//! record, and four fifths of the log.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::Connection;

use crate::{
    domain::{id::DeliveryId, privacy::KeyedHash},
    store::ClaimKey,
};

/// The claims that are held, with what the open transaction has changed.
#[derive(Default)]
pub(super) struct Claims {
    /// The keys are hashes under a secret already, so that nobody can aim two at each other.
    held: HashMap<ClaimKey, DeliveryId, RandomState>,
    /// What stood before each change, in their order.
    before: Vec<(ClaimKey, Option<DeliveryId>)>,
}

impl Claims {
    /// The claims of deliveries from this id on.
    pub(super) fn load(from: &Connection, since: DeliveryId) -> rusqlite::Result<Self> {
        let mut claims = Self::default();
        let sql = "SELECT claim, id FROM deliveries WHERE id >= ?1 AND claim IS NOT NULL";
        let mut found = from.prepare(sql)?;
        let mut rows = found.query([since.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let id = DeliveryId::from_bytes(row.get(1)?);
            claims.held.insert(KeyedHash(row.get(0)?), id);
        }
        Ok(claims)
    }

    /// The delivery that holds a claim.
    pub(super) fn holder(&self, claim: ClaimKey) -> Option<DeliveryId> {
        self.held.get(&claim).copied()
    }

    /// A delivery takes a claim that is free.
    pub(super) fn take(&mut self, claim: ClaimKey, id: DeliveryId) {
        let before = self.held.insert(claim, id);
        self.before.push((claim, before));
    }

    /// A claim becomes free.
    pub(super) fn release(&mut self, claim: ClaimKey) {
        let before = self.held.remove(&claim);
        self.before.push((claim, before));
    }

    /// Forgets the claims of deliveries below this id.
    pub(super) fn forget(&mut self, before: DeliveryId) {
        self.held.retain(|_, holder| *holder >= before);
    }

    /// The transaction is committed.
    pub(super) fn commit(&mut self) {
        self.before.clear();
    }

    /// The transaction came to nothing.
    pub(super) fn roll_back(&mut self) {
        while let Some((claim, before)) = self.before.pop() {
            match before {
                Some(holder) => self.held.insert(claim, holder),
                None => self.held.remove(&claim),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_committed_is_taken_back() {
        let claim = |byte| KeyedHash([byte; 16]);
        let id = |byte| DeliveryId::from_bytes([byte; 16]);
        let mut claims = Claims::default();
        claims.take(claim(1), id(1));
        claims.commit();
        claims.release(claim(1));
        claims.take(claim(1), id(2));
        claims.take(claim(2), id(2));
        claims.roll_back();
        assert_eq!(claims.holder(claim(1)), Some(id(1)));
        assert_eq!(claims.holder(claim(2)), None);
        claims.forget(id(2));
        assert_eq!(claims.holder(claim(1)), None);
    }
}
