//! The statements of the guard's own state.

use rusqlite::{Connection, params};

use super::{
    op::Step,
    write::{execute, integer},
};
use crate::store::counter::Counter;

/// Rows removed in one step: about a millisecond of the writer's time.
const STEP: u32 = 256;

/// Writes values in place of those of the same keys; an empty one takes its key away.
pub(super) fn keep(counters: Vec<Counter>, now_ms: u64) -> Step {
    Box::new(move |to, _| {
        let sql =
            "INSERT OR REPLACE INTO guard_counters (key, value, updated_ms) VALUES (?1, ?2, ?3)";
        let gone = "DELETE FROM guard_counters WHERE key = ?1";
        for Counter { key, value } in &counters {
            if value.is_empty() {
                execute(to, gone, [key])?;
            } else {
                execute(to, sql, params![key, value, integer(now_ms)])?;
            }
        }
        Ok(counters.len() as u64)
    })
}

/// Values in the order of their keys, above one of them.
pub(super) fn counters(
    from: &Connection,
    above: Option<[u8; 16]>,
    limit: usize,
) -> rusqlite::Result<Vec<Counter>> {
    let sql = "SELECT key, value FROM guard_counters WHERE key > ?1 ORDER BY key LIMIT ?2";
    let mut found = from.prepare_cached(sql)?;
    // Nothing sorts before the empty blob.
    let above = above.map_or(Vec::new(), Vec::from);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let counters = found.query_map(params![above, limit], |row| {
        Ok(Counter {
            key: row.get(0)?,
            value: row.get(1)?,
        })
    })?;
    counters.collect()
}

/// Removes values that were last written before this time; the count is zero once none is left.
pub(super) fn remove(before_ms: u64) -> Step {
    Box::new(move |to, _| {
        let sql = "DELETE FROM guard_counters WHERE key IN
             (SELECT key FROM guard_counters WHERE updated_ms < ?1 ORDER BY updated_ms LIMIT ?2)";
        Ok(execute(to, sql, params![integer(before_ms), STEP])? as u64)
    })
}
