//! What waits to be told to the gateway: bounded, each event once, in no order, and tried again while the gateway is away.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use moka::sync::Cache;
use tokio::{sync::mpsc, time};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use super::{Became, held::Held, reading::Finding};
use crate::{
    adapters::{
        Gateway,
        okta::{door::Surroundings, hook::digest, observer::Observer},
    },
    clock::Clock,
    domain::channel::Family,
    error::{Reason, fault::Fault},
    outbound::WriteGate,
    pb::v1::{self, ReportOutcomeRequest},
};

/// Most reports that wait. The largest body has fewer, so that room for all of it can be had.
const WAITING: usize = 16_384;

/// Most reports of one tenant that are held, so that there is room for the others'.
const SHARE: usize = WAITING / 2;

/// Reports under way at once.
const AT_ONCE: usize = 8;

/// Events that are remembered, so that the second copy of one is known, and for how long.
const REMEMBERED: u64 = 100_000;
const MEMORY: Duration = Duration::from_hours(1);

/// How long one try may take; and, once the end has come, all that are left.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause after the first try that failed; it doubles, up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long the gateway is tried for one report. Later it would hardly find its send any more.
const GIVE_UP: Duration = Duration::from_mins(10);

/// Most bytes the gateway takes of an id.
const MAX_ID: usize = 256;

/// The queue's front end.
pub(in crate::adapters::okta) struct Queue {
    sender: mpsc::Sender<Waiting>,
    held: Arc<Held>,
    known: Known,
    observer: Arc<dyn Observer>,
}

/// Events that were taken in, by tenant and id.
type Known = Cache<(Box<str>, Box<str>), ()>;

/// A report on its way.
struct Waiting {
    since: Instant,
    report: ReportOutcomeRequest,
}

impl Waiting {
    fn key(&self) -> (Box<str>, Box<str>) {
        let report = &self.report;
        (
            report.tenant.as_str().into(),
            report.idempotency_key.as_str().into(),
        )
    }
}

impl Queue {
    /// A queue to the gateway of these surroundings.
    pub(in crate::adapters::okta) fn start(around: &Surroundings) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        let known = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(MEMORY)
            .build();
        let held = Arc::new(Held::default());
        let teller = Arc::new(Teller {
            held: held.clone(),
            gateway: around.gateway.clone(),
            clock: around.clock.clone(),
            observer: around.observer.clone(),
            cancel: around.cancel.clone(),
            known: known.clone(),
            waiting: sender.downgrade(),
            is_away: AtomicBool::new(false),
        });
        around.tracker.spawn(teller.run(waiting));
        Self {
            sender,
            held,
            known,
            observer: around.observer.clone(),
        }
    }

    /// Takes the findings of one request in, or nothing of it: false where there is no room for all, or the tenant has its
    /// share of it already. Who holds nothing may bring more than that, or the largest body would never be taken.
    pub(in crate::adapters::okta) fn offer(
        &self,
        tenant: &str,
        findings: Vec<Option<Finding>>,
        now: Instant,
    ) -> bool {
        let all = findings.len();
        let findings: Vec<_> = findings.into_iter().flatten().collect();
        let others = all - findings.len();
        let reports = findings.into_iter().map(|finding| Waiting {
            since: now,
            report: report(tenant, finding),
        });
        let (fresh, copies): (Vec<_>, Vec<_>) =
            reports.partition(|waiting| self.known.entry(waiting.key()).or_insert(()).is_fresh());
        let held = self.held.take(tenant, fresh.len(), SHARE);
        let room = held.then(|| self.sender.try_reserve_many(fresh.len()));
        let Some(Ok(room)) = room else {
            if held {
                self.held.release(tenant, fresh.len());
            }
            for waiting in &fresh {
                self.known.invalidate(&waiting.key());
            }
            self.observer.events(tenant, Became::Deferred, all as u64);
            return false;
        };
        let verified = i32::from(v1::Outcome::Verified);
        let right = fresh.iter().filter(|one| one.report.outcome == verified);
        let (right, fresh_ones) = (right.count(), fresh.len());
        for (place, waiting) in room.zip(fresh) {
            place.send(waiting);
        }
        for (became, count) in [
            (Became::Verified, right),
            (Became::Failed, fresh_ones - right),
            (Became::Duplicate, copies.len()),
            (Became::Other, others),
        ] {
            if count > 0 {
                self.observer.events(tenant, became, count as u64);
            }
        }
        self.observer
            .events_waiting(WAITING - self.sender.capacity());
        true
    }
}

/// Tells the gateway.
struct Teller {
    gateway: Gateway,
    clock: Clock,
    observer: Arc<dyn Observer>,
    /// From then on each report has one more try, and all of them together as long as one may take.
    cancel: CancellationToken,
    held: Arc<Held>,
    known: Known,
    waiting: mpsc::WeakSender<Waiting>,
    /// Whether the last try found no gateway, so that this is said once.
    is_away: AtomicBool,
}

/// What came of telling it.
enum Told {
    /// The gateway has it.
    Taken,
    /// It may be told later.
    Away(Reason),
    /// It will never be taken.
    Refused(Reason),
}

impl Teller {
    /// Tells whatever comes, until nobody offers any more, or the end has come and nothing waits or the time for it is up.
    async fn run(self: Arc<Self>, waiting: mpsc::Receiver<Waiting>) {
        let cancel = &self.cancel;
        let mut end = pin!(async {
            cancel.cancelled().await;
            time::sleep(PATIENCE).await;
        });
        tokio::select! {
            () = self.tell_all(waiting) => {}
            () = &mut end => {}
        }
        self.lose_rest();
    }

    async fn tell_all(&self, waiting: mpsc::Receiver<Waiting>) {
        let cancel = &self.cancel;
        let reports = stream::unfold(waiting, async move |mut waiting| {
            let next = cancel.run_until_cancelled(waiting.recv()).await;
            let next = if let Some(next) = next {
                next
            } else {
                waiting.close();
                waiting.recv().await
            };
            Some((next?, waiting))
        });
        let tell = |waiting| self.tell(waiting);
        reports.for_each_concurrent(AT_ONCE, tell).await;
    }

    async fn tell(&self, waiting: Waiting) {
        let mut pause = PAUSE;
        loop {
            let last = self.cancel.is_cancelled();
            match self.try_to_tell(&waiting.report).await {
                Told::Taken => break self.note_back(),
                // It stays among those that are lost at the end.
                Told::Refused(_) | Told::Away(_) if last => return,
                Told::Refused(reason) => break self.lose(&waiting, reason),
                Told::Away(reason) => {
                    let waited = self.clock.now().saturating_duration_since(waiting.since);
                    if waited >= GIVE_UP {
                        break self.lose(&waiting, reason);
                    }
                    self.note_away(reason);
                }
            }
            let pausing = self.cancel.run_until_cancelled(time::sleep(pause));
            // Also at the end it is tried once more.
            pausing.await.unwrap_or_default();
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.held.release(&waiting.report.tenant, 1);
        if let Some(queue) = self.waiting.upgrade() {
            self.observer.events_waiting(WAITING - queue.capacity());
        }
    }

    async fn try_to_tell(&self, report: &ReportOutcomeRequest) -> Told {
        let mut request = Request::new(report.clone());
        request.set_timeout(PATIENCE);
        request.extensions_mut().insert(WriteGate::default());
        let mut gateway = self.gateway.client.clone();
        // In one process the gateway runs inside this call: a bug there must not end the queue.
        let call = AssertUnwindSafe(gateway.report_outcome(request)).catch_unwind();
        match time::timeout(PATIENCE, call).await {
            Ok(Ok(Ok(_))) => Told::Taken,
            Ok(Ok(Err(status))) => judge(&status),
            Ok(Err(_panic)) => Told::Refused(Reason::Internal),
            Err(_elapsed) => Told::Away(Reason::DeadlineExceeded),
        }
    }

    /// Gives a report up. Should its event come once more, it has another chance.
    fn lose(&self, waiting: &Waiting, reason: Reason) {
        let tenant = &waiting.report.tenant;
        self.known.invalidate(&waiting.key());
        self.observer.events(tenant, Became::Lost, 1);
        tracing::warn!(
            tenant,
            reason = reason.as_str(),
            "the gateway was not told of an outcome"
        );
    }

    /// At the end: counts what was not told, and says so once.
    fn lose_rest(&self) {
        let mut all = 0;
        for (tenant, count) in self.held.drain() {
            self.observer.events(&tenant, Became::Lost, count as u64);
            all += count;
        }
        if all > 0 {
            tracing::warn!(
                reports = all,
                "the gateway was not told of outcomes before the end"
            );
        }
    }

    fn note_away(&self, reason: Reason) {
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                reason = reason.as_str(),
                "the gateway cannot be told of outcomes; they wait"
            );
        }
    }

    fn note_back(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("the gateway is told of outcomes again");
        }
    }
}

/// What a status says about trying again.
fn judge(status: &Status) -> Told {
    if let Some(fault) = Fault::from_status(status) {
        return if fault.reason.retryable() {
            Told::Away(fault.reason)
        } else {
            Told::Refused(fault.reason)
        };
    }
    let code = status.code();
    if code == Code::Unauthenticated {
        Told::Refused(Reason::Unauthenticated)
    } else if matches!(code, Code::PermissionDenied | Code::Unimplemented) {
        // An older gateway does not know the method.
        Told::Refused(Reason::NotAllowed)
    } else {
        Told::Away(Reason::GatewayUnreachable)
    }
}

/// The report of a finding.
fn report(tenant: &str, finding: Finding) -> ReportOutcomeRequest {
    let outcome = v1::Outcome::from(finding.outcome);
    let family = finding
        .family
        .map_or(v1::Family::Unspecified, v1::Family::from);
    ReportOutcomeRequest {
        tenant: tenant.to_owned(),
        idempotency_key: key(&finding),
        outcome: outcome.into(),
        family: family.into(),
        // The gateway knows no time before 1970.
        occurred_at: (finding.occurred)
            .filter(|time| time.as_second() > 0)
            .map(wire_time),
        purposes: (finding.purposes.iter())
            .map(|purpose| v1::Purpose::from(*purpose).into())
            .collect(),
        user_id: finding.user,
        ..ReportOutcomeRequest::default()
    }
}

/// The event's id, or what stays the same when the same event comes again.
fn key(finding: &Finding) -> String {
    match &*finding.event {
        "" => digest(&[
            &finding.user,
            finding.family.map_or("", Family::as_str),
            finding.outcome.as_str(),
            &finding
                .occurred
                .map(|time| time.to_string())
                .unwrap_or_default(),
        ]),
        id if id.len() <= MAX_ID => id.to_owned(),
        id => digest(&[id]),
    }
}

fn wire_time(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}
