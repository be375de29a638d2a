//! The mark below which nothing is open, so that a start needs to look at the last rows only, however large the ledger.
//! It costs a few lines per thousand rows; an index on open rows would cost two pages per transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::write;
use crate::domain::id::DeliveryId;

/// The mark below which nothing is open.
pub(super) const OPEN: &str = "open";

/// The mark below which claims are cleared.
pub(super) const CLAIMS: &str = "claims";

/// Rows after which the mark moves on.
const EVERY: usize = 2048;

/// Rows looked at in one move.
const STRIDE: u32 = 8192;

/// Where the mark stands, and what was opened since it moved. Ids come from a clock that may jump, and reach the writer
/// in any order: whatever opens below the mark takes the mark down with it, in the same transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    at: DeliveryId,
    lowest: DeliveryId,
    opened: usize,
}

impl Mark {
    pub(super) fn read(from: &Connection) -> rusqlite::Result<Self> {
        let at = position(from, OPEN)?;
        Ok(Self {
            at,
            lowest: at,
            opened: 0,
        })
    }

    /// A delivery, or an attempt of it, is about to be open.
    pub(super) fn opens(&mut self, id: DeliveryId) {
        self.lowest = self.lowest.min(id);
        self.opened += 1;
    }

    /// Keeps the promise before a commit; `write` has it written in any case, which shows whether that is possible.
    pub(super) fn keep(&mut self, to: &Connection, write: bool) -> rusqlite::Result<()> {
        let stood = self.at;
        self.at = self.at.min(self.lowest);
        if self.opened >= EVERY {
            self.opened = 0;
            self.at = advance(to, self.at)?;
        }
        self.lowest = self.at;
        if self.at != stood || write {
            put(to, OPEN, self.at)?;
        }
        Ok(())
    }
}

/// Where a mark stands; below every row if there is none.
pub(super) fn position(from: &Connection, name: &str) -> rusqlite::Result<DeliveryId> {
    let sql = "SELECT value FROM marks WHERE name = ?1";
    let found = from.query_row(sql, [name], |row| row.get(0)).optional()?;
    Ok(DeliveryId::from_bytes(found.unwrap_or_default()))
}

/// Puts a mark.
pub(super) fn put(to: &Connection, name: &str, at: DeliveryId) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)";
    write::execute(to, sql, params![name, at.as_bytes()]).map(drop)
}

/// The lowest open id from `at` on, but one stride further at most.
fn advance(to: &Connection, at: DeliveryId) -> rusqlite::Result<DeliveryId> {
    let mut ids = to
        .prepare_cached("SELECT id FROM deliveries WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2")?;
    let stride = ids.query_row(params![at.as_bytes(), STRIDE], |row| row.get(0));
    let mut last = to.prepare_cached("SELECT max(id) FROM deliveries")?;
    let end: Option<[u8; 16]> = match stride.optional()? {
        Some(id) => Some(id),
        None => last.query_row([], |row| row.get(0))?,
    };
    let Some(end) = end else { return Ok(at) };
    let mut open = to.prepare_cached(
        "SELECT min(id) FROM (
             SELECT * FROM (SELECT id FROM deliveries WHERE id BETWEEN ?1 AND ?2 AND (state = 'sending' OR first_state = 'sending')
                            ORDER BY id LIMIT 1)
             UNION ALL
             SELECT * FROM (SELECT delivery FROM attempts WHERE delivery BETWEEN ?1 AND ?2 AND state = 'sending'
                            ORDER BY delivery LIMIT 1))",
    )?;
    let open: Option<[u8; 16]> = open.query_row(params![at.as_bytes(), end], |row| row.get(0))?;
    Ok(DeliveryId::from_bytes(open.unwrap_or(end)))
}
