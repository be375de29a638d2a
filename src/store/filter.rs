//! What a filter means, for every back end: which ids may hold an answer, whether a row is one, and where a page ends.

use std::ops::Range;

use super::{
    LedgerError,
    record::{DeliveryRow, Filter},
};
use crate::domain::id::DeliveryId;

/// A delivery's id is drawn within this time of `created_ms`.
const SKEW_MS: u64 = 5_000;

/// Rows looked at for one page, so that a filter that matches nothing cannot keep the reader for long.
const SCAN: usize = 20_000;

impl Filter {
    /// The ids among which every answer lies.
    pub(super) fn ids(&self) -> Range<DeliveryId> {
        let after = self.after_ms.unwrap_or(0).saturating_sub(SKEW_MS);
        let before = self.before_ms.map(|ms| ms.saturating_add(SKEW_MS));
        let end = before.map_or(HIGHEST, DeliveryId::lowest_at);
        DeliveryId::lowest_at(after)..self.below.map_or(end, |below| below.min(end))
    }

    /// Whether a row is an answer.
    pub(super) fn admits(&self, row: &DeliveryRow) -> bool {
        row.tenant == self.tenant
            && (self.reference.as_ref()).is_none_or(|wanted| *wanted == row.reference)
            && (self.phone.as_ref()).is_none_or(|any| any.contains(&row.phone))
            && (self.user.as_ref())
                .is_none_or(|any| row.user.is_some_and(|user| any.contains(&user)))
            && (self.states.is_empty() || self.states.contains(&row.state))
            && self.after_ms.is_none_or(|after| row.created_ms >= after)
            && self.before_ms.is_none_or(|before| row.created_ms < before)
    }
}

const HIGHEST: DeliveryId = DeliveryId::from_bytes([0xff; 16]);

/// A page being filled from rows that come newest first.
pub(super) struct Pager<'f> {
    filter: &'f Filter,
    scanned: usize,
    last: DeliveryId,
    /// The answers so far.
    pub(super) hits: Vec<DeliveryRow>,
    /// Where the next page begins.
    pub(super) next: Option<DeliveryId>,
}

impl<'f> Pager<'f> {
    pub(super) fn new(filter: &'f Filter) -> Self {
        Self {
            filter,
            scanned: 0,
            last: HIGHEST,
            hits: Vec::new(),
            next: None,
        }
    }

    /// Looks at the next older row, which `read` makes if it may be an answer; false once the page has ended.
    pub(super) fn look(
        &mut self,
        id: DeliveryId,
        read: impl FnOnce() -> Result<Option<DeliveryRow>, LedgerError>,
    ) -> Result<bool, LedgerError> {
        if self.hits.len() >= self.filter.limit {
            self.next = self.hits.last().map(|row| row.id);
            return Ok(false);
        }
        // A scan ends between two milliseconds: the page's end is then a time, and does not show another tenant's id.
        if self.scanned >= SCAN && id.unix_ms() != self.last.unix_ms() {
            self.next = Some(DeliveryId::lowest_at(self.last.unix_ms()));
            return Ok(false);
        }
        self.scanned += 1;
        self.last = id;
        self.hits
            .extend(read()?.filter(|row| self.filter.admits(row)));
        Ok(true)
    }
}
