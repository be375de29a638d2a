//! What is due every so often: upkeep, old rows, changed files, and reloads on demand.

use std::{future::pending, panic::resume_unwind, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{dispatch::lasting, telemetry::metrics::Metrics};

use super::{gateway::Gateway, reload::Reload};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The tasks in the background, as one.
pub(super) struct Background {
    pub(super) gateway: Option<Gateway>,
    pub(super) reloading: Reload,
    pub(super) reload: Arc<Notify>,
    pub(super) ending: CancellationToken,
    pub(super) metrics: Arc<Metrics>,
}

impl Background {
    /// Runs until the end of the process's work. What is due goes on side by side: a disk that hangs or a ledger that
    /// is slow to let old rows go holds up nothing else.
    pub(super) async fn run(self) {
        tokio::select! {
            () = self.ending.cancelled() => {}
            () = upkeep(self.gateway.clone(), self.metrics) => {}
            () = follow_files(self.reloading, &self.reload) => {}
            () = keep_guard(self.gateway.clone()) => {}
            () = remove_old_rows(self.gateway) => {}
        }
    }
}

async fn upkeep(gateway: Option<Gateway>, metrics: Arc<Metrics>) {
    let mut second = every(SECOND);
    loop {
        second.tick().await;
        let (gateway, metrics) = (gateway.clone(), metrics.clone());
        // With millions of keys this takes longer than a request may be held up.
        aside(move || {
            if let Some(gateway) = gateway {
                gateway.upkeep();
            }
            metrics.upkeep();
        })
        .await;
    }
}

async fn follow_files(mut reloading: Reload, reload: &Notify) {
    let mut second = every(SECOND);
    loop {
        let look = tokio::select! {
            () = reload.notified() => Reload::reload,
            _ = second.tick() => Reload::look,
        };
        reloading = aside(move || {
            look(&mut reloading);
            reloading
        })
        .await;
    }
}

async fn keep_guard(gateway: Option<Gateway>) {
    let Some(gateway) = gateway else {
        return pending().await;
    };
    // One task writes both, so that nothing older is written over something newer.
    let mut due = every(lasting::EVERY);
    loop {
        tokio::select! {
            _ = due.tick() => gateway.keep_guard().await,
            () = gateway.range_closed() => keep_closed(&gateway).await,
        }
    }
}

/// However many ranges an attack closes, they take few writings, and none while the ledger is away.
async fn keep_closed(gateway: &Gateway) {
    let pause = if gateway.keep_closed().await {
        lasting::SOON
    } else {
        lasting::EVERY
    };
    tokio::time::sleep(pause).await;
}

async fn remove_old_rows(gateway: Option<Gateway>) {
    let mut minute = every(MINUTE);
    loop {
        minute.tick().await;
        if let Some(gateway) = gateway.clone() {
            gateway.expire().await;
            aside(move || gateway.drop_idle()).await;
        }
    }
}

/// After a pause of the whole process nothing is caught up on.
fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Does what blocks, as reading files does, where it keeps no request waiting.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is going down, and this task with it.
            Err(_) => pending().await,
        },
    }
}
