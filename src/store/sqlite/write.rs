//! The statements that write rows.

use rusqlite::{Connection, Params, params};

use super::{claims::Claims, op::Done, prepared::Prepared};
use crate::{
    domain::{id::DecisionId, phone::Country, privacy::KeyedHash},
    error::Reason,
    store::{
        ClaimKey,
        record::{AttemptResult, AttemptRow, DecisionRow, Intent},
    },
};

/// Runs a statement that gives no rows; returns how many rows it changed.
pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    execute(connection, sql, [])
}

/// Runs a prepared statement; returns how many rows it changed.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(parameters)
}

/// Writes a delivery with its claim and first attempt. Where another delivery holds the claim nothing is written,
/// unless nobody waits to hear that: then the message may be on its way, and the row is written without the claim. A
/// row that is there already stays as it is: a commit that was reported as failed had gone through.
pub(super) fn record(
    to: &mut Prepared<'_>,
    claims: &mut Claims,
    intent: &Intent,
    orphan: bool,
) -> rusqlite::Result<Done> {
    let id = intent.delivery.id;
    let other =
        (intent.claim).and_then(|claim| claims.holder(claim).filter(|holder| *holder != id));
    if let Some(holder) = other.filter(|_| !orphan) {
        return Ok(Done::ClaimedBy(holder));
    }
    let claim = intent.claim.filter(|_| other.is_none());
    if insert_delivery(to, intent, claim)? > 0
        && let Some(claim) = claim
    {
        claims.take(claim, id);
    }
    Ok(Done::Written)
}

/// Writes a decision in place of the one of the same id, and the delivery it refused.
pub(super) fn refusal(
    to: &mut Prepared<'_>,
    claims: &mut Claims,
    decision: &DecisionRow,
    delivery: Option<&Intent>,
) -> rusqlite::Result<Done> {
    const SQL: &str = "INSERT OR REPLACE INTO decisions (id, tenant, rule, key, level, threshold, shadow, until_ms, count, created_ms, deflected)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let row = params![
        decision.id.as_bytes(),
        decision.tenant,
        decision.rule,
        decision.key,
        decision.level,
        decision.threshold,
        decision.shadow,
        decision.until_ms.map(integer),
        integer(decision.count),
        integer(decision.created_ms),
        decision.deflected,
    ];
    to.execute(SQL, row)?;
    if let Some(intent) = delivery {
        record(to, claims, intent, false)?;
    }
    Ok(Done::Written)
}

/// Writes an attempt of a delivery whose row is there.
pub(super) fn further_attempt(to: &Connection, attempt: &AttemptRow) -> rusqlite::Result<Done> {
    let known = "SELECT 1 FROM deliveries WHERE id = ?1";
    let delivery = attempt.id.delivery.as_bytes();
    if to.prepare_cached(known)?.exists([delivery])? {
        insert_attempt(to, attempt)?;
    }
    Ok(Done::Written)
}

fn insert_delivery(
    to: &mut Prepared<'_>,
    intent: &Intent,
    claim: Option<ClaimKey>,
) -> rusqlite::Result<usize> {
    const SQL: &str = "INSERT INTO deliveries (id, tenant, client, reference, phone_hash, phone_mask, country, user_hash, purpose, family,
             state, reason, decision, outcome, created_ms, updated_ms, claim, fingerprint, trail,
             first_channel, first_provider, first_state, first_started_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
         ON CONFLICT DO NOTHING";
    let row = &intent.delivery;
    let first = intent.attempt.as_ref();
    let values = params![
        row.id.as_bytes(),
        row.tenant,
        row.client,
        row.reference,
        row.phone.0,
        row.masked,
        row.country.as_ref().map(Country::as_str),
        row.user.map(|KeyedHash(user)| user),
        row.purpose.as_str(),
        row.family.as_str(),
        row.state.as_str(),
        row.reason.map(Reason::as_str),
        row.decision.as_ref().map(DecisionId::as_bytes),
        row.outcome.as_str(),
        integer(row.created_ms),
        integer(row.updated_ms),
        claim.map(|KeyedHash(claim)| claim),
        claim.map(|_| intent.fingerprint.0),
        row.trail,
        first.map(|attempt| attempt.channel.as_str()),
        first.map_or("", |attempt| &attempt.provider),
        first.map(|attempt| attempt.result.state.as_str()),
        first.map_or(0, |attempt| integer(attempt.started_ms)),
    ];
    to.execute(SQL, values)
}

fn insert_attempt(to: &Connection, attempt: &AttemptRow) -> rusqlite::Result<usize> {
    const SQL: &str = "INSERT INTO attempts (delivery, ordinal, channel, provider, state, failure, provider_code, message_id, started_ms, took_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT DO NOTHING";
    let result = &attempt.result;
    let values = params![
        attempt.id.delivery.as_bytes(),
        attempt.id.ordinal,
        attempt.channel.as_str(),
        attempt.provider,
        result.state.as_str(),
        result.failure,
        result.provider_code,
        result.message_id,
        integer(attempt.started_ms),
        took_us(result),
    ];
    execute(to, SQL, values)
}

/// SQLite's integers are signed; no time or count of ours comes near the end of them.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn took_us(result: &AttemptResult) -> i64 {
    i64::try_from(result.took.as_micros()).unwrap_or(i64::MAX)
}
