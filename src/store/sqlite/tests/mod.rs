//! What only a ledger in a file can suffer: restarts, outages, other processes.

mod file;
mod outage;
mod queue;
mod upkeep;

use std::{path::PathBuf, sync::Arc, time::Duration};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{SqliteLedger, tuning::Tuning};
use crate::{
    clock::{Clock, Manual},
    lanes::Lanes,
    store::{open::OpenError, suite::bench::START},
};

/// A folder with a ledger in it, and whoever else has hands on the file.
struct Place {
    folder: TempDir,
    time: Arc<Manual>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            time: Manual::at(START),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn clock(&self) -> Clock {
        Clock::from_source(self.time.clone())
    }

    fn open(&self, tuning: Tuning) -> SqliteLedger {
        self.try_open(tuning).unwrap()
    }

    fn try_open(&self, tuning: Tuning) -> Result<SqliteLedger, OpenError> {
        SqliteLedger::open_tuned(&self.path(), tuning, Lanes::default(), self.clock())
    }

    /// Somebody else's connection.
    fn stranger(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }
}

/// Short pauses, a spool of a hundred rows, and attempts that are kept.
fn quick() -> Tuning {
    Tuning {
        patience: Duration::from_millis(20),
        retry: Duration::from_millis(5),
        retry_at_most: Duration::from_millis(5),
        ..Tuning::new(100, true)
    }
}

/// A writer that waits for whoever holds the database, as long as a test may take.
fn patient() -> Tuning {
    Tuning {
        patience: Duration::from_mins(1),
        ..quick()
    }
}

/// Waits for something that is bound to happen.
async fn until(mut happened: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    waited.expect("it happens within half a minute");
}
