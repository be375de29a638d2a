//! Moves what the write-ahead log holds into the file, beside the writer instead of in its way.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{fault::Fault, file::Database};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// From this size on the log's pages are moved. The writer is not held up, and starts the log over once all are.
const PASSIVE: u64 = 4 << 20;

/// A log of this size has outrun that: the writer waits for a moment while the rest is moved.
pub(super) const RESTART: u64 = 64 << 20;

/// Runs until the sender of `stop` is gone.
pub(super) fn run(mut database: Database, stop: &Receiver<()>) {
    while stop.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let size = database.location().log_size();
        if size < PASSIVE {
            continue;
        }
        // An outage is told by the writer, who meets it too.
        if let Err(fault) = checkpoint(&mut database, size) {
            tracing::debug!(cause = %fault, "the ledger's log could not be moved");
            database.doubt();
        }
    }
}

pub(super) fn checkpoint(database: &mut Database, size: u64) -> Result<(), Fault> {
    let (connection, location) = database.ready()?;
    let run = |mode: &str| connection.query_row(mode, [], |row| row.get::<_, i64>(0));
    run("PRAGMA wal_checkpoint(PASSIVE)")?;
    if size >= RESTART {
        // The first pass took a while; what was written meanwhile is moved before the writer has to wait for the rest.
        run("PRAGMA wal_checkpoint(PASSIVE)")?;
        let _log = location.hold_log();
        run("PRAGMA wal_checkpoint(RESTART)")?;
    }
    Ok(())
}
