//! Lanes: threads that each carry connections of their own from the first byte to the last.
//!
//! A runtime that shares its work moves a request to another core at nearly every wait, with all that belongs to it. On a
//! lane it stays where its memory is at hand, which spares a tenth of the work (`docs/performance.md`). What is not tied
//! to one connection stays on the shared runtime.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Most lanes. Each keeps connections of its own to every provider, and those should be warm.
pub const MOST: usize = 8;

/// Most threads of a lane for what blocks, such as looking up a provider's name.
const BLOCKING: usize = 64;

thread_local! {
    static PLACE: Cell<usize> = const { Cell::new(0) };
}

/// Which lane the present thread is, from 1 up to [`MOST`]; 0 for every other thread.
pub fn place() -> usize {
    PLACE.get()
}

/// The lanes of this process; clones are the same ones. By default there are none.
#[derive(Clone, Default)]
pub struct Lanes {
    runtimes: Arc<[Handle]>,
    /// How often one was asked for.
    asked: Arc<AtomicUsize>,
}

impl Lanes {
    /// Starts a lane for each processor that this process may use, at most [`MOST`]; with one processor there is nothing
    /// to keep apart, and there are none. They end when the guard is dropped, with whatever is still on them.
    ///
    /// Fails where the system grants no further thread, or not what a runtime needs.
    pub fn start() -> io::Result<(Self, DropGuard)> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::start_some(if processors > 1 { processors } else { 0 })
    }

    /// Starts so many lanes, at most [`MOST`].
    pub fn start_some(count: usize) -> io::Result<(Self, DropGuard)> {
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        let runtimes = (1..=count.min(MOST)).map(|place| {
            let mut builder = Builder::new_current_thread();
            let runtime = builder
                .max_blocking_threads(BLOCKING)
                .enable_all()
                .build()?;
            let handle = runtime.handle().clone();
            let end = end.clone().cancelled_owned();
            thread::Builder::new()
                .name(format!("lane-{place}"))
                .spawn(move || carry(place, runtime, end))?;
            Ok(handle)
        });
        let runtimes = runtimes.collect::<io::Result<_>>()?;
        let asked = Arc::default();
        Ok((Self { runtimes, asked }, guard))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.runtimes.len()
    }

    /// The lane of this [`place`]; `None` where there is none.
    pub fn at(&self, place: usize) -> Option<&Handle> {
        self.runtimes.get(place.checked_sub(1)?)
    }

    /// The lane for one more connection; `None` where there are none. They take turns, whatever they carry: were it the one
    /// with the fewest connections, somebody who opens many and keeps some would choose it for everybody else.
    pub fn next(&self) -> Option<&Handle> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.runtimes.get(asked % self.count().max(1))
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({})", self.count())
    }
}

fn carry(place: usize, runtime: Runtime, end: impl Future<Output = ()>) {
    PLACE.set(place);
    runtime.block_on(end);
    // What still blocks a thread, such as the look-up of a name, is left behind.
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn connections_get_them_in_turn() {
        let (lanes, _guard) = Lanes::start_some(2).unwrap();
        let mut places = Vec::new();
        for _ in 0..4 {
            let work = lanes.next().unwrap().spawn(async { place() });
            places.push(work.await.unwrap());
        }
        assert_eq!(places, [1, 2, 1, 2]);
        assert_eq!(place(), 0, "this thread is no lane");
    }

    #[tokio::test]
    async fn work_goes_on_after_a_panic_beside_it() {
        let (lanes, _guard) = Lanes::start_some(1).unwrap();
        let bug = lanes.next().unwrap().spawn(async { panic!("a bug") });
        assert!(bug.await.unwrap_err().is_panic());
        let work = lanes.next().unwrap().spawn(async { place() });
        assert_eq!(work.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn they_end_with_their_guard_and_all_that_is_on_them() {
        let (lanes, guard) = Lanes::start_some(2).unwrap();
        let (kept, gone) = oneshot::channel::<()>();
        let hanging = lanes.next().unwrap().spawn(async move {
            std::future::pending::<()>().await;
            drop(kept);
        });
        drop(guard);
        assert!(gone.await.is_err(), "what hung was dropped");
        assert!(hanging.await.unwrap_err().is_cancelled());
    }

    #[test]
    fn there_may_be_none_and_never_too_many() {
        assert!(Lanes::default().next().is_none());
        let (none, _guard) = Lanes::start_some(0).unwrap();
        assert!(none.next().is_none());
        let (most, _guard) = Lanes::start_some(MOST + 1).unwrap();
        assert_eq!(most.count(), MOST);
        let (lanes, _guard) = Lanes::start().unwrap();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let wanted = if processors > 1 {
            processors.min(MOST)
        } else {
            0
        };
        assert_eq!(lanes.count(), wanted);
    }
}
