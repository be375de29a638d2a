//! The statements about outcomes: whether a code was used, and which destinations were verified.

use rusqlite::{Connection, params};

use super::{
    op::{Done, Step},
    write::execute,
};
use crate::{
    domain::{delivery::Outcome, id::DeliveryId, privacy::KeyedHash},
    store::record::VerifiedRow,
};

/// Moves a delivery's outcome, if it may move there.
pub(super) fn settle(to: &Connection, id: DeliveryId, outcome: Outcome) -> rusqlite::Result<Done> {
    let sql = match outcome {
        Outcome::Verified => "UPDATE deliveries SET outcome = ?2 WHERE id = ?1 AND outcome <> ?2",
        Outcome::Failed => {
            "UPDATE deliveries SET outcome = ?2 WHERE id = ?1 AND outcome = 'unknown'"
        }
        Outcome::Unknown => return Ok(Done::Written),
    };
    execute(to, sql, params![id.as_bytes(), outcome.as_str()])?;
    Ok(Done::Written)
}

/// Writes that a destination was verified. Nothing is written where that was known of the same day or a later one.
pub(super) fn verify(to: &Connection, row: &VerifiedRow) -> rusqlite::Result<Done> {
    const SQL: &str = "INSERT INTO verified (phone_hash, tenant, day) VALUES (?1, ?2, ?3)
         ON CONFLICT (phone_hash) DO UPDATE SET day = excluded.day WHERE excluded.day > day";
    execute(to, SQL, params![row.phone.0, row.tenant, row.day])?;
    Ok(Done::Written)
}

/// Writes that destinations were verified.
pub(super) fn verify_all(rows: Vec<VerifiedRow>) -> Step {
    Box::new(move |to, _| {
        for row in &rows {
            verify(to, row)?;
        }
        Ok(rows.len() as u64)
    })
}

/// Removes those of these destinations that were last verified before a day.
pub(super) fn remove(old: Vec<KeyedHash>, before: u32) -> Step {
    Box::new(move |to, _| {
        let mut removed = 0;
        for KeyedHash(phone) in &old {
            let sql = "DELETE FROM verified WHERE phone_hash = ?1 AND day < ?2";
            removed += execute(to, sql, params![phone, before])?;
        }
        Ok(removed as u64)
    })
}

/// Verified destinations in the order of their hashes, above one of them.
pub(super) fn verified(
    from: &Connection,
    above: Option<KeyedHash>,
    limit: usize,
) -> rusqlite::Result<Vec<VerifiedRow>> {
    // Nothing sorts before the empty blob.
    let above = above.map_or(Vec::new(), |KeyedHash(phone)| phone.to_vec());
    let sql = "SELECT phone_hash, tenant, day FROM verified WHERE phone_hash > ?1 ORDER BY phone_hash LIMIT ?2";
    let mut found = from.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = found.query_map(params![above, limit], |row| {
        Ok(VerifiedRow {
            phone: KeyedHash(row.get(0)?),
            tenant: row.get(1)?,
            day: row.get(2)?,
        })
    })?;
    rows.collect()
}
