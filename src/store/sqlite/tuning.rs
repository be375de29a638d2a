//! Sizes and times of the SQLite ledger that no operator needs to set.

use std::time::Duration;

/// See each field; tests make them small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    /// Things that somebody waits for and that may queue; further ones are refused as overload.
    pub(super) queue: usize,
    /// The largest transaction, in operations: at some 6 µs each it delays the last one by 3 ms.
    pub(super) batch: usize,
    /// The shortest pause between two transactions. At most that much later is a send committed, where many come; one
    /// transaction then does the work of all of them.
    pub(super) gather: Duration,
    /// How long a result may wait for company.
    pub(super) linger: Duration,
    /// How long the writer waits for somebody else who holds the database before it is away. Callers wait 100 ms.
    pub(super) patience: Duration,
    /// The first pause before an outage is tried again; it doubles with each try.
    pub(super) retry: Duration,
    /// The longest such pause.
    pub(super) retry_at_most: Duration,
    /// Rows kept while the ledger is away (`ledger.spool`).
    pub(super) spool: usize,
    /// Whether further attempts are kept while it is (`ledger.on_unavailable: send`).
    pub(super) spool_attempts: bool,
}

impl Tuning {
    pub(super) fn new(spool: usize, spool_attempts: bool) -> Self {
        Self {
            queue: 8192,
            batch: 512,
            gather: Duration::from_millis(1),
            linger: Duration::from_millis(20),
            patience: Duration::from_millis(50),
            retry: Duration::from_millis(100),
            retry_at_most: Duration::from_secs(1),
            spool,
            spool_attempts,
        }
    }

    /// Rows that may wait with nobody waiting for them.
    pub(super) fn rows(&self, spooling: bool) -> usize {
        if spooling {
            self.spool
        } else {
            self.spool.max(self.queue)
        }
    }

    /// Changes that may wait: each row has one or two, an attempt and its delivery, and those of rows that are already
    /// written come on top.
    pub(super) fn changes(&self) -> usize {
        self.spool.saturating_mul(4).saturating_add(self.queue)
    }
}
