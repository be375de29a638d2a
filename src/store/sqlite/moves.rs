//! The statements that move a state.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    claims::Claims,
    op::Done,
    prepared::Prepared,
    write::{execute, integer, took_us},
};
use crate::{
    domain::{
        delivery::State,
        id::{AttemptId, DecisionId, DeliveryId},
        privacy::KeyedHash,
    },
    error::Reason,
    store::record::{AttemptResult, DeliveryResult},
};

/// For each state the statement that moves there. It names the states from which `State::after` leads there, so that one
/// statement asks and writes.
type Statements = [String; State::ALL.len()];

/// The statements that move a state.
pub(super) struct Moves {
    /// Attempts that stand in their delivery's row.
    first: Statements,
    /// Attempts that have a row.
    further: Statements,
    deliveries: Statements,
    /// Deliveries that come to what their first attempt has come to.
    both: Statements,
}

impl Moves {
    pub(super) fn new() -> Self {
        let first = "UPDATE deliveries SET first_state = ?3, first_failure = ?4, first_provider_code = ?5, first_message_id = ?6, first_took_us = ?7
             WHERE id = ?1 AND ?2 = 1 AND first_state IN {before}";
        let further = "UPDATE attempts SET state = ?3, failure = ?4, provider_code = ?5, message_id = ?6, took_us = ?7
             WHERE delivery = ?1 AND ordinal = ?2 AND state IN {before}";
        let deliveries = "UPDATE deliveries SET state = ?2, reason = ?3, updated_ms = ?4, decision = coalesce(?5, decision), trail = coalesce(?6, trail)
             WHERE id = ?1 AND state IN {before}";
        let both = "UPDATE deliveries SET state = ?2, reason = ?3, updated_ms = ?4, decision = coalesce(?5, decision), trail = coalesce(?6, trail),
             first_state = ?2, first_failure = ?7, first_provider_code = ?8, first_message_id = ?9, first_took_us = ?10
             WHERE id = ?1 AND state IN {before} AND first_state IN {before}";
        let statements = |sql: &str| State::ALL.map(|to| sql.replace("{before}", &before(to)));
        Self {
            first: statements(first),
            further: statements(further),
            deliveries: statements(deliveries),
            both: statements(both),
        }
    }

    /// Moves an attempt to its result, if it is there and may move there.
    pub(super) fn settle_attempt<'s>(
        &'s self,
        to: &mut Prepared<'s>,
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
        let place = place(result.state);
        if to.execute(&self.first[place], values)? == 0 {
            to.execute(&self.further[place], values)?;
        }
        Ok(Done::Written)
    }

    /// Moves a delivery to its result, and releases its claim if it then stands there.
    pub(super) fn settle_delivery<'s>(
        &'s self,
        to: &mut Prepared<'s>,
        claims: &mut Claims,
        id: DeliveryId,
        result: &DeliveryResult,
    ) -> rusqlite::Result<Done> {
        let values = params![
            id.as_bytes(),
            result.state.as_str(),
            result.reason.map(Reason::as_str),
            integer(result.updated_ms),
            result.decision.as_ref().map(DecisionId::as_bytes),
            result.trail,
        ];
        to.execute(&self.deliveries[place(result.state)], values)?;
        if result.release_claim {
            release(to.connection(), claims, id, result.state)?;
        }
        Ok(Done::Written)
    }

    /// Moves a delivery and its first attempt to their results: at once where both come to the same, as nearly always,
    /// else one after the other.
    pub(super) fn settle_both<'s>(
        &'s self,
        to: &mut Prepared<'s>,
        claims: &mut Claims,
        id: DeliveryId,
        (attempt, delivery): (&AttemptResult, &DeliveryResult),
    ) -> rusqlite::Result<Done> {
        let values = params![
            id.as_bytes(),
            delivery.state.as_str(),
            delivery.reason.map(Reason::as_str),
            integer(delivery.updated_ms),
            delivery.decision.as_ref().map(DecisionId::as_bytes),
            delivery.trail,
            attempt.failure,
            attempt.provider_code,
            attempt.message_id,
            took_us(attempt),
        ];
        let alike = attempt.state == delivery.state && !delivery.release_claim;
        if alike && to.execute(&self.both[place(delivery.state)], values)? > 0 {
            return Ok(Done::Written);
        }
        self.settle_attempt(to, AttemptId::first_of(id), attempt)?;
        self.settle_delivery(to, claims, id, delivery)
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

/// The states that give way to this one, as a list in SQL.
fn before(to: State) -> String {
    let states = State::ALL.into_iter();
    let before = states.filter(|now| *now != to && now.after(to) == to);
    let names: Vec<_> = before.map(|now| format!("'{}'", now.as_str())).collect();
    format!("({})", names.join(", "))
}

fn place(state: State) -> usize {
    let place = State::ALL.iter().position(|known| *known == state);
    place.expect("`State::ALL` holds every state")
}
