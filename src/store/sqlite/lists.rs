//! The statements of the guard's lists. An entry that this version cannot read is an error: a block that is passed over in
//! silence would be one that does not hold.

use rusqlite::{Connection, Row, params};

use super::{
    op::Step,
    write::{execute, integer},
};
use crate::{
    domain::{
        id::{ListChangeId, ListEntryId},
        listed::{Effect, ListEntry, Target, Tenants},
        privacy::KeyedHash,
    },
    store::{
        LedgerError,
        filter::Pager,
        list::{Action, ChangeFilter, ChangePage, ListChange},
    },
};

/// What has ended is found by an index: this is looked for every minute, between sends.
pub(super) const EXPIRED: &str = "DELETE FROM list_entries WHERE expires_ms <= ?1";

/// How all tenants are written; no tenant has this name.
const ALL: &str = "*";

/// Takes changes in, each with its trace, and counts those for which there was something to do.
pub(super) fn change(changes: Vec<ListChange>) -> Step {
    Box::new(move |to, _| {
        let mut done = 0;
        for change in &changes {
            let altered = match change.action {
                Action::Set => set(to, &change.entry)?,
                Action::Remove => {
                    let sql = "DELETE FROM list_entries WHERE id = ?1";
                    execute(to, sql, [change.entry.id.as_bytes()])?
                }
            };
            if altered > 0 {
                trace(to, change)?;
                done += 1;
            }
        }
        Ok(done)
    })
}

/// Entries in order, above one of them.
pub(super) fn entries(
    from: &Connection,
    above: Option<ListEntryId>,
    limit: usize,
) -> Result<Vec<ListEntry>, LedgerError> {
    let sql =
        "SELECT id, tenant, effect, kind, value, masked, expires_ms, author, reason, created_ms
         FROM list_entries WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut found = from.prepare_cached(sql)?;
    // Nothing sorts before the empty blob.
    let above = above.map_or(Vec::new(), |id| id.as_bytes().to_vec());
    let mut rows = found.query(params![above, count(limit)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let id = ListEntryId::from_bytes(row.get(0)?);
        entries.push(entry(id, row, 1)?);
    }
    Ok(entries)
}

/// Changes, newest first.
pub(super) fn changes(from: &Connection, filter: &ChangeFilter) -> Result<ChangePage, LedgerError> {
    let sql = "SELECT id, entry, tenant, effect, kind, value, masked, expires_ms, author, reason, created_ms, action, changed_by, changed_ms
         FROM list_changes WHERE id < ?1 ORDER BY id DESC";
    let mut pager = Pager::new(filter);
    let mut found = from.prepare_cached(sql)?;
    let below = filter.below.unwrap_or(ListChangeId::from_bytes([0xff; 16]));
    let mut rows = found.query([below.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let id = ListChangeId::from_bytes(row.get(0)?);
        let read = || {
            // Those of other tenants need not be read.
            let ours = filter.admits(&tenants(row.get(2)?));
            ours.then(|| change_row(id, row)).transpose()
        };
        if !pager.look(id, read)? {
            break;
        }
    }
    Ok(ChangePage {
        changes: pager.hits,
        next: pager.next,
    })
}

/// Takes away what has expired.
pub(super) fn remove_expired(now_ms: u64) -> Step {
    Box::new(move |to, _| Ok(execute(to, EXPIRED, [integer(now_ms)])? as u64))
}

fn set(to: &Connection, entry: &ListEntry) -> rusqlite::Result<usize> {
    // Two entries cannot be told apart where both their id and their target differ: `REPLACE` takes both away.
    const SQL: &str = "INSERT OR REPLACE INTO list_entries (id, tenant, effect, kind, value, masked, expires_ms, author, reason, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let (kind, value, masked) = target(&entry.target);
    let values = params![
        entry.id.as_bytes(),
        tenant(&entry.tenants),
        entry.effect.as_str(),
        kind,
        value,
        masked,
        entry.expires_ms.map(integer),
        entry.author,
        entry.reason,
        integer(entry.created_ms),
    ];
    execute(to, SQL, values)
}

fn trace(to: &Connection, change: &ListChange) -> rusqlite::Result<usize> {
    const SQL: &str = "INSERT OR REPLACE INTO list_changes (id, action, entry, tenant, effect, kind, value, masked, expires_ms, author, reason, created_ms, changed_by, changed_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let entry = &change.entry;
    let (kind, value, masked) = target(&entry.target);
    let values = params![
        change.id.as_bytes(),
        change.action.as_str(),
        entry.id.as_bytes(),
        tenant(&entry.tenants),
        entry.effect.as_str(),
        kind,
        value,
        masked,
        entry.expires_ms.map(integer),
        entry.author,
        entry.reason,
        integer(entry.created_ms),
        change.by,
        integer(change.at_ms),
    ];
    execute(to, SQL, values)
}

fn tenant(tenants: &Tenants) -> &str {
    match tenants {
        Tenants::All => ALL,
        Tenants::One(name) => name,
    }
}

fn tenants(name: String) -> Tenants {
    if name == ALL {
        Tenants::All
    } else {
        Tenants::One(name)
    }
}

/// A target's kind, its value, and what may be shown of it.
fn target(target: &Target) -> (&'static str, String, &str) {
    match target {
        Target::Number { hash, masked } => ("number", hex(*hash), masked),
        Target::Prefix(digits) => ("prefix", digits.clone(), ""),
        Target::User { hash } => ("user", hex(*hash), ""),
        Target::Network(network) => ("network", network.to_string(), ""),
    }
}

fn hex(hash: KeyedHash) -> String {
    format!("{:032x}", u128::from_be_bytes(hash.0))
}

fn unhex(text: &str) -> Option<KeyedHash> {
    let bits = u128::from_str_radix(text, 16).ok()?;
    Some(KeyedHash(bits.to_be_bytes()))
}

fn change_row(id: ListChangeId, row: &Row<'_>) -> Result<ListChange, LedgerError> {
    let entry_id = ListEntryId::from_bytes(row.get(1)?);
    let action: String = row.get(11)?;
    Ok(ListChange {
        id,
        action: Action::from_name(&action).ok_or_else(|| unreadable("action"))?,
        entry: entry(entry_id, row, 2)?,
        by: row.get(12)?,
        at_ms: unsigned(row.get(13)?),
    })
}

/// An entry, whose columns begin with the tenant's at `at`.
fn entry(id: ListEntryId, row: &Row<'_>, at: usize) -> Result<ListEntry, LedgerError> {
    let effect: String = row.get(at + 1)?;
    let kind: String = row.get(at + 2)?;
    let expires: Option<i64> = row.get(at + 5)?;
    let target = read_target(&kind, row.get(at + 3)?, row.get(at + 4)?);
    Ok(ListEntry {
        id,
        effect: Effect::from_name(&effect).ok_or_else(|| unreadable("effect"))?,
        tenants: tenants(row.get(at)?),
        target: target.ok_or_else(|| unreadable("value"))?,
        expires_ms: expires.map(unsigned),
        author: row.get(at + 6)?,
        reason: row.get(at + 7)?,
        created_ms: unsigned(row.get(at + 8)?),
    })
}

fn read_target(kind: &str, value: String, masked: String) -> Option<Target> {
    match kind {
        "number" => Some(Target::Number {
            hash: unhex(&value)?,
            masked,
        }),
        "prefix" => Some(Target::Prefix(value)),
        "user" => Some(Target::User {
            hash: unhex(&value)?,
        }),
        "network" => Some(Target::Network(value.parse().ok()?)),
        _ => None,
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn unreadable(column: &str) -> LedgerError {
    LedgerError::Corrupt(format!("column {column} of the guard's lists"))
}
