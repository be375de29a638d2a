//! The statements that read, and rows as they come back. A word that this version does not know is an error.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    domain::{
        channel::{Channel, Family},
        delivery::{Outcome, State},
        failure::Failure,
        id::{AttemptId, DecisionId, DeliveryId},
        phone::Country,
        privacy::KeyedHash,
        purpose::Purpose,
    },
    error::Reason,
    store::{
        LedgerError,
        filter::Pager,
        record::{
            AttemptResult, AttemptRow, Claim, DecisionFilter, DecisionPage, DecisionRow,
            DeliveryRecord, DeliveryRow, Filter, Page,
        },
    },
};

type Read<T> = Result<T, LedgerError>;

/// The columns of a decision, in the order of [`decision_row`].
macro_rules! select_decision {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, rule, key, level, threshold, shadow, until_ms, count, created_ms, deflected ",
            "FROM decisions ",
            $rest
        )
    };
}

/// One delivery of a tenant with its attempts.
pub(super) fn delivery(
    from: &Connection,
    tenant: &str,
    id: DeliveryId,
) -> Read<Option<DeliveryRecord>> {
    let mut found = from.prepare_cached(DELIVERY)?;
    let mut rows = found.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let row = delivery_row(row)?;
    if row.tenant != tenant {
        return Ok(None);
    }
    Ok(Some(with_attempts(from, row)?))
}

/// One decision of a tenant.
pub(super) fn decision(
    from: &Connection,
    tenant: &str,
    id: DecisionId,
) -> Read<Option<DecisionRow>> {
    const SQL: &str = select_decision!("WHERE id = ?1 AND tenant = ?2");
    let mut found = from.prepare_cached(SQL)?;
    let row = found.query_row((id.as_bytes(), tenant), |row| Ok(decision_row(row)));
    row.optional()?.transpose()
}

/// A page of decisions, newest first.
pub(super) fn decisions(from: &Connection, filter: &DecisionFilter) -> Read<DecisionPage> {
    const SQL: &str = select_decision!("WHERE id >= ?1 AND id < ?2 ORDER BY id DESC");
    let ids = filter.ids();
    let mut pager = Pager::new(filter);
    let mut found = from.prepare_cached(SQL)?;
    let mut rows = found.query([ids.start.as_bytes(), ids.end.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let id = DecisionId::from_bytes(row.get(0)?);
        if !pager.look(id, || decision_row(row).map(Some))? {
            break;
        }
    }
    Ok(DecisionPage {
        decisions: pager.hits,
        next: pager.next,
    })
}

/// A page of deliveries, newest first.
pub(super) fn page(from: &Connection, filter: &Filter) -> Read<Page> {
    let ids = filter.ids();
    let mut pager = Pager::new(filter);
    let mut found = from.prepare_cached(PAGE)?;
    let mut rows = found.query([ids.start.as_bytes(), ids.end.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let id = DeliveryId::from_bytes(row.get(0)?);
        let read = || {
            // Most rows of a shared ledger are another tenant's; they need not be read.
            let ours = row
                .get_ref(1)?
                .as_str()
                .is_ok_and(|tenant| tenant == filter.tenant);
            ours.then(|| delivery_row(row)).transpose()
        };
        if !pager.look(id, read)? {
            break;
        }
    }
    let hits = pager.hits.into_iter();
    let deliveries: Read<Vec<_>> = hits.map(|row| with_attempts(from, row)).collect();
    Ok(Page {
        deliveries: deliveries?,
        next: pager.next,
    })
}

/// The claims of deliveries from this id on.
pub(super) fn claims(from: &Connection, since: DeliveryId) -> Read<Vec<Claim>> {
    let mut found = from.prepare_cached(CLAIMS)?;
    let mut rows = found.query([since.as_bytes()])?;
    let mut claims = Vec::new();
    while let Some(row) = rows.next()? {
        claims.push(Claim {
            key: KeyedHash(row.get(CLAIM)?),
            fingerprint: KeyedHash(row.get(CLAIM + 1)?),
            record: with_attempts(from, delivery_row(row)?)?,
        });
    }
    Ok(claims)
}

/// The newest `most` deliveries from this id on whose code may have gone out, oldest first.
pub(super) fn sent(from: &Connection, since: DeliveryId, most: usize) -> Read<Vec<DeliveryRow>> {
    let mut found = from.prepare_cached(PAGE)?;
    let end = DeliveryId::from_bytes([0xff; 16]);
    let mut rows = found.query([since.as_bytes(), end.as_bytes()])?;
    let mut sent = Vec::new();
    while let Some(row) = rows.next()?.filter(|_| sent.len() < most) {
        let row = delivery_row(row)?;
        if row.state.may_have_gone_out() {
            sent.push(row);
        }
    }
    sent.reverse();
    Ok(sent)
}

/// The columns of a delivery, in the order of [`delivery_row`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, client, reference, phone_hash, phone_mask, country, user_hash, purpose, family, state, ",
            "reason, decision, outcome, created_ms, updated_ms, claim, fingerprint, trail FROM deliveries ",
            $rest
        )
    };
}

const DELIVERY: &str = select!("WHERE id = ?1");
pub(super) const PAGE: &str = select!("WHERE id >= ?1 AND id < ?2 ORDER BY id DESC");
pub(super) const CLAIMS: &str = select!("WHERE id >= ?1 AND claim IS NOT NULL ORDER BY id");
const CLAIM: usize = 16;
const TRAIL: usize = 18;

fn with_attempts(from: &Connection, row: DeliveryRow) -> Read<DeliveryRecord> {
    let sql = "SELECT 1 AS ordinal, first_channel, first_provider, first_state, first_failure, first_provider_code, first_message_id,
                first_started_ms, first_took_us FROM deliveries WHERE id = ?1 AND first_state IS NOT NULL
         UNION ALL
         SELECT ordinal, channel, provider, state, failure, provider_code, message_id, started_ms, took_us
         FROM attempts WHERE delivery = ?1 ORDER BY ordinal";
    let mut found = from.prepare_cached(sql)?;
    let mut rows = found.query([row.id.as_bytes()])?;
    let mut attempts = Vec::new();
    while let Some(attempt) = rows.next()? {
        attempts.push(attempt_row(row.id, attempt)?);
    }
    Ok(DeliveryRecord { row, attempts })
}

fn delivery_row(row: &Row<'_>) -> Read<DeliveryRow> {
    Ok(DeliveryRow {
        id: DeliveryId::from_bytes(row.get(0)?),
        tenant: row.get(1)?,
        client: row.get(2)?,
        reference: row.get(3)?,
        phone: KeyedHash(row.get(4)?),
        masked: row.get(5)?,
        country: perhaps(row, 6, "country", Country::parse)?,
        user: row.get::<_, Option<_>>(7)?.map(KeyedHash),
        purpose: word(row, 8, "purpose", Purpose::from_name)?,
        family: word(row, 9, "family", Family::from_name)?,
        state: word(row, 10, "state", State::from_name)?,
        reason: perhaps(row, 11, "reason", Reason::from_wire)?,
        decision: row.get::<_, Option<_>>(12)?.map(DecisionId::from_bytes),
        outcome: word(row, 13, "outcome", Outcome::from_name)?,
        created_ms: unsigned(row, 14, "created_ms")?,
        updated_ms: unsigned(row, 15, "updated_ms")?,
        trail: row.get(TRAIL)?,
    })
}

fn attempt_row(delivery: DeliveryId, row: &Row<'_>) -> Read<AttemptRow> {
    let took = std::time::Duration::from_micros(unsigned(row, 8, "took_us")?);
    Ok(AttemptRow {
        id: AttemptId {
            delivery,
            ordinal: row.get(0)?,
        },
        channel: word(row, 1, "channel", Channel::from_name)?,
        provider: row.get(2)?,
        started_ms: unsigned(row, 7, "started_ms")?,
        result: AttemptResult {
            state: word(row, 3, "state", State::from_name)?,
            failure: word(row, 4, "failure", failure)?,
            provider_code: row.get(5)?,
            message_id: row.get(6)?,
            took,
        },
    })
}

fn decision_row(row: &Row<'_>) -> Read<DecisionRow> {
    let until: Option<i64> = row.get(7)?;
    Ok(DecisionRow {
        id: DecisionId::from_bytes(row.get(0)?),
        tenant: row.get(1)?,
        rule: row.get(2)?,
        key: row.get(3)?,
        level: row.get(4)?,
        threshold: row.get(5)?,
        shadow: row.get(6)?,
        deflected: row.get(10)?,
        until_ms: until.map(|_| unsigned(row, 7, "until_ms")).transpose()?,
        count: unsigned(row, 8, "count")?,
        created_ms: unsigned(row, 9, "created_ms")?,
    })
}

fn failure(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("");
    }
    Failure::from_name(name).map(Failure::as_str)
}

/// A word of ours. Should it be unknown, its column is named, but not the word: who knows what it is.
fn word<T>(row: &Row<'_>, at: usize, column: &str, read: impl Fn(&str) -> Option<T>) -> Read<T> {
    let text = row.get_ref(at)?.as_str().ok();
    text.and_then(read).ok_or_else(|| unreadable(column))
}

fn perhaps<T>(
    row: &Row<'_>,
    at: usize,
    column: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Read<Option<T>> {
    let text = row.get_ref(at)?.as_str_or_null();
    text.map_err(|_| unreadable(column))?
        .map(|text| read(text).ok_or_else(|| unreadable(column)))
        .transpose()
}

fn unsigned(row: &Row<'_>, at: usize, column: &str) -> Read<u64> {
    let value: i64 = row.get(at)?;
    u64::try_from(value).map_err(|_| unreadable(column))
}

fn unreadable(column: &str) -> LedgerError {
    LedgerError::Corrupt(format!("column {column}"))
}
