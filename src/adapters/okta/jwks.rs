//! The signing keys of one OAuth server: kept ready, fetched beside the requests and never by them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use super::key::Keys;
use crate::{
    clock::Clock,
    outbound::{CallError, Outbound, Request, WriteGate},
};

/// How often keys are fetched, and how long anybody waits for that.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two fetches that nobody asked for, give or take a tenth.
    pub every: Duration,
    /// Least time between two fetches that an unknown key asked for; also the first pause after a failure.
    pub apart: Duration,
    /// Most time that one fetch may take.
    pub fetch: Duration,
    /// Most time that a request waits for a fetch.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_mins(15),
            apart: Duration::from_secs(10),
            fetch: Duration::from_secs(5),
            patience: Duration::from_millis(500),
        }
    }
}

/// Most requests that wait for one fetch; nobody has shown a credential at that point.
const MAX_WAITING: usize = 256;

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("no answer in time")]
    Slow,
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("the answer holds no signing keys, or is too large")]
    Garbage,
}

/// The keys of one server, as of the last fetch that succeeded.
pub struct KeySet {
    pace: Pace,
    clock: Clock,
    keys: ArcSwap<Keys>,
    /// Counts the fetches that ended, whatever came of them.
    fetched: watch::Sender<u64>,
    wanted: Notify,
    refresh: Mutex<Refresh>,
    waiting: Semaphore,
    stop: CancellationToken,
}

/// Whether a fetch is under way, and when the next one may be asked for.
struct Refresh {
    running: bool,
    not_before: Instant,
}

impl KeySet {
    /// Starts to fetch the keys at `url`, until [`KeySet::stop`] or `cancel` says so. The first fetch begins at once.
    pub fn start(
        url: Url,
        pace: Pace,
        outbound: Outbound,
        clock: Clock,
        cancel: &CancellationToken,
        tracker: &TaskTracker,
    ) -> Arc<Self> {
        let set = Arc::new(Self {
            pace,
            keys: ArcSwap::default(),
            fetched: watch::Sender::new(0),
            wanted: Notify::new(),
            refresh: Mutex::new(Refresh {
                running: true,
                not_before: clock.now(),
            }),
            waiting: Semaphore::new(MAX_WAITING),
            stop: cancel.child_token(),
            clock,
        });
        let stop = set.stop.clone();
        let work = keep_fresh(set.clone(), url, outbound);
        tracker.spawn(async move { stop.run_until_cancelled(work).await });
        set
    }

    /// Ends the fetching; the keys stay.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The keys as they are, or as they are after one fetch when `id` is not among them. Waits for that fetch no longer
    /// than until `deadline`.
    pub async fn with(&self, id: &str, deadline: Instant) -> Arc<Keys> {
        let keys = self.keys.load_full();
        if keys.get(id).is_some() {
            return keys;
        }
        // Subscribed before asking: a fetch that ends in between is seen.
        let mut fetched = self.fetched.subscribe();
        if self.ask()
            && let Ok(_place) = self.waiting.try_acquire()
        {
            let until = deadline.min(self.clock.now() + self.pace.patience);
            drop(time::timeout_at(until.into(), fetched.changed()).await);
        }
        self.keys.load_full()
    }

    /// Asks for a fetch; `false` when the last one that was asked for is too recent.
    fn ask(&self) -> bool {
        let now = self.clock.now();
        let mut refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        if refresh.running {
            return true;
        }
        if now < refresh.not_before {
            return false;
        }
        refresh.running = true;
        refresh.not_before = now + self.pace.apart;
        self.wanted.notify_one();
        true
    }

    fn mark_running(&self, running: bool) {
        let mut refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        refresh.running = running;
    }

    fn pause(&self, failures: u32) -> Duration {
        let pause = match failures {
            0 => self.pace.every,
            // Doubled with each failure, so that a server that is down is not what keeps us busy.
            _ => self.pace.apart.saturating_mul(1 << (failures.min(16) - 1)),
        };
        let pause = pause.min(self.pace.every);
        // From nine to eleven tenths: many gateways do not come at the same moment.
        let tenths = 9 * 1024 + u32::try_from(self.clock.random() % 2048).unwrap_or(1024);
        pause.saturating_mul(tenths) / (10 * 1024)
    }
}

async fn keep_fresh(set: Arc<KeySet>, url: Url, outbound: Outbound) {
    let mut failures = 0;
    loop {
        match fetch(&url, &outbound, set.pace.fetch).await {
            Ok(keys) => {
                failures = 0;
                set.keys.store(Arc::new(keys));
                tracing::debug!(jwks.url = %url, "signing keys fetched");
            }
            Err(problem) => {
                failures += 1;
                tracing::warn!(jwks.url = %url, error = %problem, "signing keys not fetched; the last ones stay");
            }
        }
        set.mark_running(false);
        set.fetched.send_modify(|count| *count += 1);
        let pause = set.pause(failures);
        // Either way a fetch follows, and whoever needs a key may wait for it.
        drop(time::timeout(pause, set.wanted.notified()).await);
        set.mark_running(true);
    }
}

async fn fetch(url: &Url, outbound: &Outbound, within: Duration) -> Result<Keys, FetchError> {
    let request = Request {
        method: Method::GET,
        url: url.clone(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let gate = WriteGate::default();
    let answer = time::timeout(within, outbound.call(request, &gate)).await;
    let answer = answer.map_err(|_| FetchError::Slow)??;
    if answer.status != StatusCode::OK {
        return Err(FetchError::Status(answer.status));
    }
    Keys::read(&answer.body).ok_or(FetchError::Garbage)
}
