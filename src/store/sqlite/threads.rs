//! The ledger's threads: named, counted, and waited for at the end.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// How many threads still run.
#[derive(Clone, Default)]
pub(super) struct Threads(Arc<Count>);

#[derive(Default)]
struct Count {
    running: Mutex<usize>,
    ended: Condvar,
}

impl Threads {
    /// Starts a thread.
    pub(super) fn start(&self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let running = Running::enter(&self.0);
        let thread = thread::Builder::new().name(name.to_owned());
        let work = move || {
            let _running = running;
            body();
        };
        thread.spawn(work).map(drop)
    }

    /// Waits until all of them have ended; false when they take longer than this.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let running = self
            .0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (running, _) = (self.0.ended)
            .wait_timeout_while(running, patience, |running| *running > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *running == 0
    }
}

/// Counts a thread until it has ended, however it ends.
struct Running(Arc<Count>);

impl Running {
    fn enter(count: &Arc<Count>) -> Self {
        *count.running.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self
            .0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *running -= 1;
        self.0.ended.notify_all();
    }
}
