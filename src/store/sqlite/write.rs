//! The statements that write.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{claims::Claims, op::Done};
use crate::{
    domain::{
        delivery::State,
        id::{AttemptId, DecisionId, DeliveryId},
        phone::Country,
        privacy::KeyedHash,
    },
    error::Reason,
    store::{
        ClaimKey,
        record::{AttemptResult, AttemptRow, DecisionRow, DeliveryResult, Intent},
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
    to: &Connection,
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
    if insert_delivery(to, intent, claim)? > 0 {
        if let Some(claim) = claim {
            claims.take(claim, id);
        }
        if let Some(attempt) = &intent.attempt {
            insert_attempt(to, attempt)?;
        }
    }
    Ok(Done::Written)
}

/// Writes a decision in place of the one of the same id, and the delivery it refused.
pub(super) fn refusal(
    to: &Connection,
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
    execute(to, SQL, row)?;
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
    to: &Connection,
    intent: &Intent,
    claim: Option<ClaimKey>,
) -> rusqlite::Result<usize> {
    const SQL: &str = "INSERT INTO deliveries (id, tenant, client, reference, phone_hash, phone_mask, country, user_hash, purpose, family,
             state, reason, decision, outcome, created_ms, updated_ms, claim, fingerprint, trail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
         ON CONFLICT DO NOTHING";
    let row = &intent.delivery;
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
    ];
    execute(to, SQL, values)
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

/// The statements that move a state, one for each state to which it moves: each names the states from which
/// `State::after` leads there, so that one statement asks and writes.
pub(super) struct Moves {
    attempt: [String; State::ALL.len()],
    delivery: [String; State::ALL.len()],
}

impl Moves {
    pub(super) fn new() -> Self {
        let attempt = "UPDATE attempts SET state = ?3, failure = ?4, provider_code = ?5, message_id = ?6, took_us = ?7
             WHERE delivery = ?1 AND ordinal = ?2 AND state IN";
        let delivery = "UPDATE deliveries SET state = ?2, reason = ?3, updated_ms = ?4, decision = coalesce(?5, decision), trail = coalesce(?6, trail)
             WHERE id = ?1 AND state IN";
        let sql = |update: &str, to| format!("{update} ({})", before(to));
        Self {
            attempt: State::ALL.map(|to| sql(attempt, to)),
            delivery: State::ALL.map(|to| sql(delivery, to)),
        }
    }

    /// Moves an attempt to its result, if it is there and may move there.
    pub(super) fn settle_attempt(
        &self,
        to: &Connection,
        id: AttemptId,
        result: &AttemptResult,
    ) -> rusqlite::Result<Done> {
        let values = params![
            id.delivery.as_bytes(),
            id.ordinal,
            result.state.as_str(),
            result.failure,
            result.provider_code,
            result.message_id,
            took_us(result),
        ];
        execute(to, &self.attempt[place(result.state)], values)?;
        Ok(Done::Written)
    }

    /// Moves a delivery to its result, and releases its claim if it then stands there.
    pub(super) fn settle_delivery(
        &self,
        to: &Connection,
        claims: &mut Claims,
        id: DeliveryId,
        result: &DeliveryResult,
    ) -> rusqlite::Result<Done> {
        let state = result.state.as_str();
        let reason = result.reason.map(Reason::as_str);
        let decision = result.decision.as_ref().map(DecisionId::as_bytes);
        let values = params![
            id.as_bytes(),
            state,
            reason,
            integer(result.updated_ms),
            decision,
            result.trail,
        ];
        execute(to, &self.delivery[place(result.state)], values)?;
        if result.release_claim {
            release(to, claims, id, result.state)?;
        }
        Ok(Done::Written)
    }
}

fn release(
    to: &Connection,
    claims: &mut Claims,
    id: DeliveryId,
    state: State,
) -> rusqlite::Result<()> {
    let held = "SELECT claim FROM deliveries WHERE id = ?1 AND state = ?2 AND claim IS NOT NULL";
    let mut held = to.prepare_cached(held)?;
    let claim = held.query_row(params![id.as_bytes(), state.as_str()], |row| row.get(0));
    if let Some(claim) = claim.optional()? {
        claims.release(KeyedHash(claim));
        let sql = "UPDATE deliveries SET claim = NULL, fingerprint = NULL WHERE id = ?1";
        execute(to, sql, [id.as_bytes()])?;
    }
    Ok(())
}

/// The states that give way to this one, as SQL.
fn before(to: State) -> String {
    let states = State::ALL.into_iter();
    let before = states.filter(|now| *now != to && now.after(to) == to);
    let names: Vec<_> = before.map(|now| format!("'{}'", now.as_str())).collect();
    names.join(", ")
}

fn place(state: State) -> usize {
    let place = State::ALL.iter().position(|known| *known == state);
    place.expect("`State::ALL` holds every state")
}

/// SQLite's integers are signed; no time or count of ours comes near the end of them.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn took_us(result: &AttemptResult) -> i64 {
    i64::try_from(result.took.as_micros()).unwrap_or(i64::MAX)
}
