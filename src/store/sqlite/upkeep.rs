//! What the ledger does to its old rows: open ones are swept, claims cleared, and rows removed, in steps that hold up
//! nobody for long.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};

use super::{mark, op::Step, write::execute};
use crate::domain::{
    delivery::State,
    id::{DecisionId, DeliveryId, ListChangeId},
};

/// Rows changed in one step: about a millisecond of the writer's time.
const STEP: u32 = 256;

/// Closes whatever is open below `before`, and counts the deliveries.
pub(super) fn sweep(before: DeliveryId, now_ms: u64) -> Step {
    Box::new(move |to, _| {
        let from = mark::position(to, mark::OPEN)?;
        let open = from..before;
        if open.is_empty() {
            return Ok(0);
        }
        close_attempts(to, &open)?;
        let deliveries = open_deliveries(to, &open)?;
        for id in &deliveries {
            close_delivery(to, *id, now_ms)?;
        }
        Ok(deliveries.len() as u64)
    })
}

fn close_attempts(to: &Connection, open: &Range<DeliveryId>) -> rusqlite::Result<()> {
    let first =
        "UPDATE deliveries SET first_state = ?3 WHERE id >= ?1 AND id < ?2 AND first_state = ?4";
    let further =
        "UPDATE attempts SET state = ?3 WHERE delivery >= ?1 AND delivery < ?2 AND state = ?4";
    let (doubt, sending) = (State::Unconfirmed.as_str(), State::Sending.as_str());
    let (from, before) = (open.start.as_bytes(), open.end.as_bytes());
    for sql in [first, further] {
        execute(to, sql, params![from, before, doubt, sending])?;
    }
    Ok(())
}

fn open_deliveries(to: &Connection, open: &Range<DeliveryId>) -> rusqlite::Result<Vec<DeliveryId>> {
    let sql = "SELECT id FROM deliveries WHERE id >= ?1 AND id < ?2 AND state = 'sending'";
    let mut found = to.prepare_cached(sql)?;
    let ids = found.query_map([open.start.as_bytes(), open.end.as_bytes()], |row| {
        row.get(0).map(DeliveryId::from_bytes)
    })?;
    ids.collect()
}

fn close_delivery(to: &Connection, id: DeliveryId, now_ms: u64) -> rusqlite::Result<usize> {
    let sql = "SELECT first_state FROM deliveries WHERE id = ?1 AND first_state IS NOT NULL
         UNION ALL
         SELECT state FROM attempts WHERE delivery = ?1";
    let mut attempts = to.prepare_cached(sql)?;
    let states = attempts.query_map([id.as_bytes()], |row| {
        // A word of a newer version may mean anything.
        Ok(State::from_name(row.get_ref(0)?.as_str()?).unwrap_or(State::Unconfirmed))
    })?;
    let mut best = None;
    for state in states {
        let state = state?;
        best = Some(best.map_or(state, |best: State| best.best(state)));
    }
    let state = best.unwrap_or(State::Unconfirmed).as_str();
    let sql = "UPDATE deliveries SET state = ?2, updated_ms = max(updated_ms, ?3) WHERE id = ?1";
    let now = i64::try_from(now_ms).unwrap_or(i64::MAX);
    execute(to, sql, params![id.as_bytes(), state, now])
}

/// Clears the claims of the oldest deliveries below `before`; the count is zero once none is left.
pub(super) fn clear_claims(before: DeliveryId) -> Step {
    Box::new(move |to, claims| {
        claims.forget(before);
        let from = mark::position(to, mark::CLAIMS)?;
        if from >= before {
            return Ok(0);
        }
        let sql =
            "SELECT id FROM deliveries WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1 OFFSET ?3";
        let mut later = to.prepare_cached(sql)?;
        let range = params![from.as_bytes(), before.as_bytes(), STEP];
        let later = later.query_row(range, |row| row.get(0)).optional()?;
        let end = later.map_or(before, DeliveryId::from_bytes);
        let sql = "UPDATE deliveries SET claim = NULL, fingerprint = NULL
             WHERE id >= ?1 AND id < ?2 AND claim IS NOT NULL";
        execute(to, sql, [from.as_bytes(), end.as_bytes()])?;
        mark::put(to, mark::CLAIMS, end)?;
        Ok(u64::from(later.is_some()))
    })
}

/// Removes the oldest rows made before this time; the count is zero once none is left.
pub(super) fn remove_rows(before_ms: u64) -> Step {
    Box::new(move |to, _| {
        let delivery = DeliveryId::lowest_at(before_ms);
        let decision = DecisionId::lowest_at(before_ms);
        let deliveries = remove(to, "deliveries", "id", delivery.as_bytes())?;
        let attempts = remove(to, "attempts", "delivery", delivery.as_bytes())?;
        let decisions = remove(to, "decisions", "id", decision.as_bytes())?;
        Ok((deliveries + attempts + decisions) as u64)
    })
}

/// Removes the oldest traces of changes of the lists; the count is zero once none is left.
pub(super) fn remove_changes(before_ms: u64) -> Step {
    Box::new(move |to, _| {
        let change = ListChangeId::lowest_at(before_ms);
        Ok(remove(to, "list_changes", "id", change.as_bytes())? as u64)
    })
}

fn remove(to: &Connection, table: &str, key: &str, before: &[u8; 16]) -> rusqlite::Result<usize> {
    let sql = format!(
        "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {key} < ?1 ORDER BY {key} LIMIT ?2)"
    );
    execute(to, &sql, params![before, STEP])
}
