//! The statements of stored preferences. Words that this version does not know are passed over, not refused: a newer
//! version may have written them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    op::Step,
    write::{execute, integer},
};
use crate::{
    domain::{channel::Channel, privacy::KeyedHash, seal::Sealed},
    store::preference::{PreferenceKey, PreferenceRow, Rewrite, Trace},
};

/// One person's preference, under the first hash that has one.
pub(super) fn preference(
    from: &Connection,
    key: &PreferenceKey,
) -> rusqlite::Result<Option<PreferenceRow>> {
    const SQL: &str =
        "SELECT channels, locale, line_user, line_user_set_by, line_user_set_ms, set_by, set_ms
         FROM preferences WHERE user_hash = ?1 AND tenant = ?2";
    let mut found = from.prepare_cached(SQL)?;
    for KeyedHash(user) in &key.users {
        let row = found.query_row(params![user, key.tenant], preference_row);
        if let Some(row) = row.optional()? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Writes one person's preference anew, under the first hash and no other. Counts the rows that are gone or there.
pub(super) fn rewrite(key: PreferenceKey, mut rewrite: Rewrite) -> Step {
    Box::new(move |to, _| {
        let now = rewrite(preference(to, &key)?);
        let mut changed = 0;
        for KeyedHash(user) in &key.users {
            let sql = "DELETE FROM preferences WHERE user_hash = ?1 AND tenant = ?2";
            changed += execute(to, sql, params![user, key.tenant])?;
        }
        if let Some(row) = now {
            changed += insert(to, &key, &row)?;
        }
        Ok(changed as u64)
    })
}

/// Hashes of people who have a preference, in order, above one of them.
pub(super) fn users(
    from: &Connection,
    above: Option<KeyedHash>,
    limit: usize,
) -> rusqlite::Result<Vec<KeyedHash>> {
    // Nothing sorts before the empty blob.
    let above = above.map_or(Vec::new(), |KeyedHash(user)| user.to_vec());
    let sql = "SELECT user_hash FROM preferences WHERE user_hash > ?1 ORDER BY user_hash LIMIT ?2";
    let mut found = from.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let users = found.query_map(params![above, limit], |row| row.get(0).map(KeyedHash))?;
    users.collect()
}

fn insert(to: &Connection, key: &PreferenceKey, row: &PreferenceRow) -> rusqlite::Result<usize> {
    const SQL: &str = "INSERT INTO preferences (user_hash, tenant, channels, locale, line_user, line_user_set_by, line_user_set_ms, set_by, set_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let names: Vec<_> = row.channels.iter().map(|one| one.as_str()).collect();
    let line_user_set = row.line_user_set.as_ref();
    let values = params![
        key.users.first().map(|KeyedHash(user)| user),
        key.tenant,
        names.join(","),
        row.locale,
        row.line_user.as_ref().map(Sealed::as_bytes),
        line_user_set.map(|trace| &trace.by),
        line_user_set.map(|trace| integer(trace.at_ms)),
        row.set.by,
        integer(row.set.at_ms),
    ];
    execute(to, SQL, values)
}

fn preference_row(row: &Row<'_>) -> rusqlite::Result<PreferenceRow> {
    let channels: String = row.get(0)?;
    let line_user: Option<Vec<u8>> = row.get(2)?;
    let line_user_set_by: Option<String> = row.get(3)?;
    let line_user_set_ms: Option<i64> = row.get(4)?;
    let trace = |by, at_ms: i64| Trace {
        by,
        at_ms: u64::try_from(at_ms).unwrap_or(0),
    };
    Ok(PreferenceRow {
        channels: channels.split(',').filter_map(Channel::from_name).collect(),
        locale: row.get(1)?,
        line_user: line_user.map(Sealed::from_bytes),
        line_user_set: line_user_set_by
            .zip(line_user_set_ms)
            .map(|(by, at_ms)| trace(by, at_ms)),
        set: trace(row.get(5)?, row.get(6)?),
    })
}
