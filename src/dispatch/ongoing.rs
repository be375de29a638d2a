//! A send under way: whoever asked for it carries it, and it goes on without them when they give up.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

type Work = Pin<Box<dyn Future<Output = Result<(), Box<dyn Any + Send>>> + Send>>;

/// Work that is done by whoever waits for it, which spares it a task of its own. Dropped unfinished, it becomes one. A
/// panic ends it as it would end a task.
pub(super) struct Ongoing {
    /// In a box, as it moves when it becomes a task.
    work: Option<Work>,
    tracker: TaskTracker,
    /// Where it becomes a task: whoever drops it need not be on a runtime.
    runtime: Handle,
    /// It is waited for also while it is nobody's task.
    _tracked: TaskTrackerToken,
}

impl Ongoing {
    /// Work that is tracked from now on.
    pub(super) fn new(
        work: impl Future<Output = ()> + Send + 'static,
        tracker: &TaskTracker,
    ) -> Self {
        Self {
            work: Some(Box::pin(AssertUnwindSafe(work).catch_unwind())),
            tracker: tracker.clone(),
            runtime: Handle::current(),
            _tracked: tracker.token(),
        }
    }
}

impl Future for Ongoing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(());
        };
        // Whoever panics has said so in the log.
        let ended = work.as_mut().poll(cx).map(drop);
        if ended.is_ready() {
            self.work = None;
        }
        ended
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.tracker.spawn_on(work, &self.runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_goes_on_without_whoever_began_it() {
        let tracker = TaskTracker::new();
        let (go, gone) = oneshot::channel::<()>();
        let (done, end) = oneshot::channel();
        let work = async move {
            drop(gone.await);
            done.send(()).expect("somebody waits for it");
        };
        let mut ongoing = Ongoing::new(work, &tracker);
        assert!((&mut ongoing).now_or_never().is_none());
        tracker.close();
        assert!(tracker.wait().now_or_never().is_none());
        drop(ongoing);
        assert!(tracker.wait().now_or_never().is_none());
        drop(go);
        end.await.expect("it has come to its end");
        tracker.wait().await;
    }

    #[tokio::test]
    async fn what_is_done_is_no_task_and_a_panic_is_an_end() {
        let tracker = TaskTracker::new();
        Ongoing::new(async {}, &tracker).await;
        Ongoing::new(async { panic!("a bug, as the test wants it") }, &tracker).await;
        assert!(tracker.is_empty());
    }
}
