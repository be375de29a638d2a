//! What a filter means, for every back end: which ids may hold an answer, whether a row is one, and where a page ends.

use std::ops::Range;

use super::{
    LedgerError,
    list::{ChangeFilter, ListChange},
    record::{DecisionFilter, DecisionRow, DeliveryRow, Filter},
};
use crate::domain::id::{DecisionId, DeliveryId, ListChangeId};

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

impl DecisionFilter {
    /// The ids among which every answer lies.
    pub(super) fn ids(&self) -> Range<DecisionId> {
        let after = self.after_ms.unwrap_or(0).saturating_sub(SKEW_MS);
        let before = self.before_ms.map(|ms| ms.saturating_add(SKEW_MS));
        let highest = DecisionId::from_bytes([0xff; 16]);
        let end = before.map_or(highest, DecisionId::lowest_at);
        DecisionId::lowest_at(after)..self.below.map_or(end, |below| below.min(end))
    }
}

/// A question whose answers are rows in the order of their ids.
pub(super) trait Question {
    type Id: Copy;
    type Row;

    /// Whether a row is an answer.
    fn admits(&self, row: &Self::Row) -> bool;
    /// Most answers on a page.
    fn limit(&self) -> usize;
    fn id(row: &Self::Row) -> Self::Id;
    /// When an id was made.
    fn made_ms(id: Self::Id) -> u64;
    /// The lowest id of a millisecond.
    fn lowest_at(unix_ms: u64) -> Self::Id;
}

impl Question for Filter {
    type Id = DeliveryId;
    type Row = DeliveryRow;

    fn admits(&self, row: &DeliveryRow) -> bool {
        Self::admits(self, row)
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn id(row: &DeliveryRow) -> DeliveryId {
        row.id
    }

    fn made_ms(id: DeliveryId) -> u64 {
        id.unix_ms()
    }

    fn lowest_at(unix_ms: u64) -> DeliveryId {
        DeliveryId::lowest_at(unix_ms)
    }
}

impl Question for DecisionFilter {
    type Id = DecisionId;
    type Row = DecisionRow;

    fn admits(&self, row: &DecisionRow) -> bool {
        row.tenant == self.tenant
            && (self.rule.as_ref()).is_none_or(|wanted| *wanted == row.rule)
            && (self.after_ms).is_none_or(|after| row.created_ms >= after)
            && (self.before_ms).is_none_or(|before| row.created_ms < before)
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn id(row: &DecisionRow) -> DecisionId {
        row.id
    }

    fn made_ms(id: DecisionId) -> u64 {
        id.unix_ms()
    }

    fn lowest_at(unix_ms: u64) -> DecisionId {
        DecisionId::lowest_at(unix_ms)
    }
}

impl Question for ChangeFilter {
    type Id = ListChangeId;
    type Row = ListChange;

    fn admits(&self, row: &ListChange) -> bool {
        Self::admits(self, &row.entry.tenants)
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn id(row: &ListChange) -> ListChangeId {
        row.id
    }

    fn made_ms(id: ListChangeId) -> u64 {
        id.unix_ms()
    }

    fn lowest_at(unix_ms: u64) -> ListChangeId {
        ListChangeId::lowest_at(unix_ms)
    }
}

/// A page being filled from rows that come newest first.
pub(super) struct Pager<'f, Q: Question> {
    question: &'f Q,
    scanned: usize,
    last_ms: Option<u64>,
    /// The answers so far.
    pub(super) hits: Vec<Q::Row>,
    /// Where the next page begins.
    pub(super) next: Option<Q::Id>,
}

impl<'f, Q: Question> Pager<'f, Q> {
    pub(super) fn new(question: &'f Q) -> Self {
        Self {
            question,
            scanned: 0,
            last_ms: None,
            hits: Vec::new(),
            next: None,
        }
    }

    /// Looks at the next older row, which `read` makes if it may be an answer; false once the page has ended.
    pub(super) fn look(
        &mut self,
        id: Q::Id,
        read: impl FnOnce() -> Result<Option<Q::Row>, LedgerError>,
    ) -> Result<bool, LedgerError> {
        if self.hits.len() >= self.question.limit() {
            self.next = self.hits.last().map(Q::id);
            return Ok(false);
        }
        let made_ms = Q::made_ms(id);
        // A scan ends between two milliseconds: the page's end is then a time, and does not show another tenant's id.
        if let Some(last) = self.last_ms
            && self.scanned >= SCAN
            && made_ms != last
        {
            self.next = Some(Q::lowest_at(last));
            return Ok(false);
        }
        self.scanned += 1;
        self.last_ms = Some(made_ms);
        self.hits
            .extend(read()?.filter(|row| self.question.admits(row)));
        Ok(true)
    }
}
