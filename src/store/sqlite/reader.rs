//! Reads, one after another on a thread of their own: each sees one moment of the ledger.

use std::sync::{
    Mutex, PoisonError,
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::file::Database;
use crate::store::LedgerError;

/// Reads that may wait.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// Hands reads to the reading thread.
pub(super) struct Reader(Mutex<Option<SyncSender<Job>>>);

/// The reading thread's end.
pub(super) struct Jobs(Receiver<Job>);

impl Reader {
    pub(super) fn new() -> (Self, Jobs) {
        let (jobs, taken) = sync_channel(QUEUE);
        (Self(Mutex::new(Some(jobs))), Jobs(taken))
    }

    /// Reads in one snapshot. A caller who gives up before its turn costs nothing.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(move |database| {
            if !reply.is_closed() {
                // A caller may still give up meanwhile.
                drop(reply.send(snapshot(database, work)));
            }
        }))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Takes no more reads; the thread ends after those that wait.
    pub(super) fn stop(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn submit(&self, job: Job) -> Result<(), LedgerError> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = jobs.as_ref().ok_or_else(closed)?.try_send(job);
        sent.map_err(|refused| match refused {
            TrySendError::Full(_) => LedgerError::Overloaded,
            TrySendError::Disconnected(_) => closed(),
        })
    }
}

impl Jobs {
    /// Runs until the reader is stopped.
    pub(super) fn run(self, mut database: Database) {
        for job in self.0 {
            job(&mut database);
        }
    }
}

fn snapshot<T>(
    database: &mut Database,
    work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let (connection, _) = database.ready()?;
    let moment = connection.unchecked_transaction()?;
    work(&moment)
}

fn closed() -> LedgerError {
    LedgerError::Unavailable("the ledger is closed".to_owned())
}
