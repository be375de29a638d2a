//! One transaction: a batch of operations, and whatever came in while it was written.

use rusqlite::Connection;

use super::{
    claims::Claims,
    fault::Fault,
    file::Location,
    mark::Mark,
    moves::Moves,
    op::{Done, Entry, Op},
    outcomes,
    prepared::Prepared,
    queue::Queue,
    write,
};
use crate::domain::id::DeliveryId;

/// What the writer knows of the file besides its rows. It follows the transactions: what was rolled back is forgotten.
pub(super) struct Knowledge {
    moves: Moves,
    mark: Mark,
    claims: Claims,
}

impl Knowledge {
    /// Reads the mark, and the claims of deliveries from `since` on.
    pub(super) fn read(from: &Connection, since: DeliveryId) -> rusqlite::Result<Self> {
        Ok(Self {
            moves: Moves::new(),
            mark: Mark::read(from)?,
            claims: Claims::load(from, since)?,
        })
    }

    /// Writes the batch, and whatever else the queue holds where one is given, or nothing of it.
    pub(super) fn write(
        &mut self,
        (to, location): (&Connection, &Location),
        batch: &mut Vec<Entry>,
        queue: Option<&Queue>,
    ) -> Result<(), Fault> {
        let mark = self.mark;
        begin(to, location)?;
        let written = self.fill(to, batch, queue);
        if written.is_ok() {
            self.claims.commit();
        } else {
            self.mark = mark;
            self.claims.roll_back();
            if !to.is_autocommit() {
                // Should even this fail, the fault that led here has the file opened anew.
                drop(write::run(to, "ROLLBACK"));
            }
        }
        Ok(written?)
    }

    fn fill(
        &mut self,
        to: &Connection,
        batch: &mut Vec<Entry>,
        queue: Option<&Queue>,
    ) -> rusqlite::Result<()> {
        let Self {
            moves,
            mark,
            claims,
        } = self;
        let mut statements = Prepared::new(to);
        let mut written = 0;
        while written < batch.len() {
            for entry in &mut batch[written..] {
                entry.done = one(&mut statements, (moves, mark, claims), entry)?;
            }
            written = batch.len();
            if let Some(queue) = queue {
                queue.more(batch);
            }
        }
        mark.keep(to, batch.is_empty())?;
        write::run(to, "COMMIT").map(drop)
    }
}

fn one<'s>(
    to: &mut Prepared<'s>,
    (moves, mark, claims): (&'s Moves, &mut Mark, &mut Claims),
    entry: &mut Entry,
) -> rusqlite::Result<Option<Done>> {
    if entry.is_taken_back() {
        return Ok(None);
    }
    let orphan = entry.is_orphan();
    let done = match &mut entry.op {
        Op::Record(intent) => {
            mark.opens(intent.delivery.id);
            write::record(to, claims, intent, orphan)?
        }
        Op::Attempt(attempt, _) => {
            mark.opens(attempt.id.delivery);
            write::further_attempt(to.connection(), attempt)?
        }
        Op::SettleAttempt(id, result) => moves.settle_attempt(to, *id, result)?,
        Op::SettleDelivery(id, result) => moves.settle_delivery(to, claims, *id, result)?,
        Op::SettleBoth(id, attempt, delivery) => {
            moves.settle_both(to, claims, *id, (attempt, delivery))?
        }
        Op::SettleOutcome(id, outcome) => outcomes::settle(to.connection(), *id, *outcome)?,
        Op::Verified(row) => outcomes::verify(to.connection(), row)?,
        Op::Refusal(refusal) => write::refusal(to, claims, &refusal.0, refusal.1.as_deref())?,
        Op::Upkeep(step) => Done::Changed(step(to.connection(), claims)?),
    };
    Ok(Some(done))
}

/// Nothing is begun before this: whoever gives up while the database is held takes back what was asked for.
fn begin(to: &Connection, location: &Location) -> rusqlite::Result<()> {
    let _log = location.hold_log();
    write::run(to, "BEGIN IMMEDIATE").map(drop)
}
