//! The send story: one code's way from a request to a provider, with every step recorded before it is taken.

pub mod answer;
pub mod claims;
pub mod explain;
pub mod lists;
pub mod outcome;
pub mod policy;
pub mod preferences;
pub mod request;
pub mod send;
pub mod standing;

mod asked;
mod attempt;
mod decide;
mod health;
pub mod lasting;
mod memory;
mod ongoing;
mod record;
mod route;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    config::ledger::OnUnavailable,
    domain::privacy::PrivacyKeys,
    guard::decisions::Decisions,
    store::{
        Ledger, LedgerError,
        record::{DeliveryResult, DeliveryRow},
    },
    telemetry::metrics::{Label, Metric, Metrics},
};

use answer::{Outcome, from_record, keeps_key};
use claims::Claims;
use health::Infirmary;
use lasting::Lasting;
use lists::Lists;
use memory::Memory;
use outcome::Outcomes;
use policy::Policy;
use preferences::Preferences;

/// What does not change while the process lives.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a send waits for its record.
    pub intent_within: Duration,
    /// What happens to a send that cannot be recorded first.
    pub on_unavailable: OnUnavailable,
    /// How long a request to a provider may live in all.
    pub linger: Duration,
}

/// Sends codes.
pub struct Dispatcher {
    settings: Settings,
    policy: Arc<ArcSwap<Policy>>,
    lists: Lists,
    lasting: Lasting,
    claims: Claims,
    preferences: Preferences,
    decisions: Decisions,
    infirmary: Infirmary,
    memory: Memory,
    outcomes: Outcomes,
    ledger: Arc<dyn Ledger>,
    keys: PrivacyKeys,
    clock: Clock,
    metrics: Arc<Metrics>,
    tracker: TaskTracker,
    halted: AtomicBool,
}

impl Dispatcher {
    /// A dispatcher that sends by `policy` and runs its sends on `tracker`.
    pub fn new(
        settings: Settings,
        policy: Policy,
        ledger: Arc<dyn Ledger>,
        keys: PrivacyKeys,
        clock: Clock,
        metrics: Arc<Metrics>,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let preferences = Preferences::new(
            ledger.clone(),
            keys.clone(),
            clock.clone(),
            metrics.clone(),
            tracker.clone(),
        );
        let policy = Arc::new(ArcSwap::from_pointee(policy));
        let lists = Lists::new(
            ledger.clone(),
            keys.clone(),
            clock.clone(),
            tracker.clone(),
            policy.clone(),
        );
        Arc::new(Self {
            settings,
            preferences,
            policy,
            lists,
            lasting: Lasting::default(),
            claims: Claims::new(clock.clone()),
            decisions: Decisions::new(clock.clone()),
            infirmary: Infirmary::new(clock.clone()),
            memory: Memory::new(clock.clone()),
            outcomes: Outcomes::new(),
            ledger,
            keys,
            clock,
            metrics,
            tracker,
            halted: AtomicBool::new(false),
        })
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts another policy in force; sends under way end by the old one.
    pub fn reconfigure(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
        self.lists.renew();
    }

    /// Whom operators let pass, and whom they block.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The keys under which numbers and ids are hashed.
    pub fn keys(&self) -> &PrivacyKeys {
        &self.keys
    }

    /// What people prefer, as services have stored it.
    pub fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// Where deliveries are recorded.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Closes what a dead process left open, and takes over its claims, so that no key is sent again, and what it knew of
    /// outcomes. Once, at start.
    pub async fn recover(&self) -> Result<(), LedgerError> {
        let swept = self.ledger.sweep().await?;
        if swept > 0 {
            let counter = self.metrics.counter(Metric::LedgerSwept, &[]);
            counter.increment(swept);
            tracing::warn!(
                deliveries = swept,
                "deliveries left open were closed as unconfirmed"
            );
        }
        for claim in self.ledger.claims(claims::KEEP).await? {
            let outcome = from_record(&claim.record);
            if keeps_key(&outcome) {
                self.claims.restore(&claim, outcome);
            } else {
                self.release(&claim.record.row, &outcome);
            }
        }
        self.recall().await
    }

    /// Releases the key of a delivery whose process died after all its attempts had failed.
    fn release(&self, row: &DeliveryRow, outcome: &Outcome) {
        let result = DeliveryResult {
            decision: None,
            state: row.state,
            reason: outcome.as_ref().err().map(|fault| fault.reason),
            updated_ms: row.updated_ms,
            release_claim: true,
            trail: None,
        };
        self.ledger.settle_delivery(row.id, result);
    }

    /// Lets nothing more go out unrecorded: the ledger is about to be closed.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Drops what has expired and writes what has gathered; due every second, and before the ledger is closed.
    pub fn upkeep(&self) {
        for row in self.decisions.grown() {
            self.ledger.record_refusal(row, None);
        }
        self.claims.expire();
        self.tidy_outcomes();
        let policy = self.policy.load();
        policy.guard.upkeep();
        self.metrics
            .gauge(Metric::Claims, &[])
            .set(count(self.claims.len()));
        let entries = self.lists.entries().len();
        self.metrics
            .gauge(Metric::ListEntries, &[])
            .set(count(entries));
        for (rule, keys) in policy.guard.limit_keys() {
            let labels = [(Label::Rule, rule.as_str())];
            self.metrics
                .gauge(Metric::LimitKeys, &labels)
                .set(count(keys));
        }
        for (provider, breakers) in self.infirmary.open() {
            // Nobody can close the breaker of a provider that a reload took away.
            let configured = policy.directory.get(&provider).is_some();
            self.show_breakers(&provider, if configured { breakers } else { 0 });
        }
        let backlog = self.ledger.backlog();
        let gauge = |metric, rows: u64| {
            self.metrics
                .gauge(metric, &[])
                .set(count(usize::try_from(rows).unwrap_or(usize::MAX)));
        };
        gauge(Metric::LedgerSpooled, backlog.spooled);
        gauge(Metric::LedgerDropped, backlog.dropped_total);
    }

    /// Drops what is kept of limits, recipients and providers that nobody needs any more; due every minute, and takes its
    /// time.
    pub fn drop_idle(&self) {
        let policy = self.policy.load();
        policy.guard.drop_idle();
        for (rule, closed) in policy.guard.closed() {
            let labels = [(Label::Rule, rule)];
            let gauge = self.metrics.gauge(Metric::ClosedRanges, &labels);
            gauge.set(count(closed));
        }
        self.memory.expire();
        let configured = |provider: &str| policy.directory.get(provider).is_some();
        for gone in self.infirmary.tidy(configured) {
            self.show_breakers(&gone, 0);
        }
    }

    fn show_breakers(&self, provider: &str, open: usize) {
        let labels = [(Label::Provider, provider)];
        let gauge = self.metrics.gauge(Metric::OpenBreakers, &labels);
        gauge.set(count(open));
    }

    fn remaining(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.clock.now())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact")]
fn count(number: usize) -> f64 {
    number as f64
}
