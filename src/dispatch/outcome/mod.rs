//! Whether codes were used: a report finds its delivery, the ledger keeps what it says, and the guard hears of a code
//! that was entered, once.

mod sends;
mod silence;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

use self::{
    sends::{MOST, Send, Sends, Settled, WINDOW, Wanted},
    silence::Silence,
};
use super::{Dispatcher, answer, send::Delivery};
use crate::{
    domain::{
        channel::Family,
        delivery::Outcome,
        id::DeliveryId,
        person,
        phone::PhoneNumber,
        privacy::{KeyedHash, Private, Subject},
        purpose::Purpose,
    },
    guard::{Trail, Verified},
    store::{
        LedgerError,
        record::{DeliveryRow, VerifiedRow},
    },
    telemetry::metrics::{Label, Metric},
};

/// How long the answer to a report is kept for a repetition.
const REMEMBERED: Duration = Duration::from_mins(15);

/// Most answers that are kept.
const ANSWERS: u64 = 100_000;

/// The sends that a start takes over: those whose outcome may still be on its way.
const RECALLED: Duration = Duration::from_mins(10);

/// Verified destinations read at once at the start.
const PAGE: usize = 4096;

const DAY_MS: u64 = 86_400_000;

/// Whether a code was used, as somebody says who saw it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The tenant's name; it exists in the policy.
    pub tenant: String,
    /// The client that reports.
    pub client: Arc<str>,
    /// The client's key of this report.
    pub idempotency_key: Private,
    /// VERIFIED or FAILED.
    pub outcome: Outcome,
    /// Which code.
    pub about: About,
}

/// Which code a report is about.
#[derive(Clone, Debug)]
pub enum About {
    /// That of a delivery.
    Delivery(DeliveryId),
    /// The last one that went to a person before something happened.
    Person {
        /// The client's id of the person.
        user: Option<Private>,
        /// The number.
        phone: Option<PhoneNumber>,
        /// What the person's screen promised; `None` for either.
        family: Option<Family>,
        /// What the code was for: one of these; anything where there is none.
        purposes: Vec<Purpose>,
        /// When it happened, ms since 1970; `None` for now.
        occurred_ms: Option<u64>,
    },
}

/// The delivery that a report was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its id.
    pub delivery: DeliveryId,
    /// What holds of it now.
    pub outcome: Outcome,
}

/// Why a report was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It names a delivery that this tenant does not have.
    #[error("no such delivery")]
    NotFound,
    /// Its key was used for another report.
    #[error("the key was used for another report")]
    KeyReused,
    /// It names a delivery that cannot be looked up at the moment.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What is known of outcomes.
pub(super) struct Outcomes {
    known: Mutex<Known>,
    /// By key, what a report said and what came of it.
    answers: Cache<KeyedHash, (KeyedHash, Joined)>,
    /// The day on which old destinations were last removed.
    tidied: AtomicU32,
}

#[derive(Default)]
struct Known {
    sends: Sends,
    silence: Silence,
}

impl Outcomes {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::default(),
            answers: Cache::builder()
                .max_capacity(ANSWERS)
                .time_to_live(REMEMBERED)
                .build(),
            tidied: AtomicU32::new(0),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outcomes")
    }
}

/// A trail as the ledger keeps it.
pub(super) fn kept(trail: Trail) -> Vec<u8> {
    trail.to_bytes().to_vec()
}

impl Dispatcher {
    /// Takes a report in. `None` where no send fits: a signal that is lost, and nobody's fault.
    pub async fn report_outcome(&self, report: &Report) -> Result<Option<Joined>, ReportError> {
        let (key, said) = self.identity(report);
        if let Some((before, joined)) = self.outcomes.answers.get(&key) {
            if before != said {
                return Err(ReportError::KeyReused);
            }
            self.count_outcome(report, "repeated");
            return Ok(Some(joined));
        }
        self.outcomes.known().silence.heard(&report.tenant);
        let Some((delivery, settled)) = self.place(report).await? else {
            self.count_outcome(report, "unmatched");
            return Ok(None);
        };
        let joined = Joined {
            delivery,
            outcome: settled.outcome,
        };
        self.outcomes.answers.insert(key, (said, joined));
        self.count_outcome(report, if settled.changed { "matched" } else { "known" });
        if settled.changed {
            self.ledger.settle_outcome(delivery, settled.outcome);
        }
        if let Some(send) = settled.verified {
            self.tell_guard(&send);
        }
        tracing::debug!(
            tenant = report.tenant,
            delivery.id = %delivery,
            outcome = settled.outcome.as_str(),
            "an outcome has found its delivery"
        );
        Ok(Some(joined))
    }

    /// Finds the send of a report and moves its outcome.
    async fn place(&self, report: &Report) -> Result<Option<(DeliveryId, Settled)>, ReportError> {
        let id = match &report.about {
            About::Delivery(id) => {
                self.look_up(&report.tenant, *id).await?;
                Some(*id)
            }
            About::Person { .. } => self.find(report),
        };
        let mut known = self.outcomes.known();
        let settled = id.and_then(|id| {
            let settled = known.sends.settle(id, &report.tenant, report.outcome);
            settled.map(|settled| (id, settled))
        });
        match report.about {
            About::Delivery(_) if settled.is_none() => Err(ReportError::NotFound),
            About::Delivery(_) | About::Person { .. } => Ok(settled),
        }
    }

    /// Sees to it that a delivery that the ledger has is known here, which is where outcomes are moved.
    async fn look_up(&self, tenant: &str, id: DeliveryId) -> Result<(), ReportError> {
        if self.outcomes.known().sends.knows(id) {
            return Ok(());
        }
        let found = self.ledger.delivery(tenant, id).await?;
        let found = found.ok_or(ReportError::NotFound)?;
        // Taken in as the newest: it is moved at once, and by its own time it may be too old to be kept.
        self.outcomes.known().recall(&found.row, 0);
        Ok(())
    }

    fn find(&self, report: &Report) -> Option<DeliveryId> {
        let About::Person {
            user,
            phone,
            family,
            purposes,
            occurred_ms,
        } = &report.about
        else {
            return None;
        };
        let (keys, tenant) = (&self.keys, &*report.tenant);
        let user = user.as_ref();
        let user = user.map(|user| person::users(keys, tenant, user.expose()));
        let phone = phone.as_ref();
        let phone = phone.map(|phone| person::phones(keys, tenant, phone));
        let now_ms = self.clock.unix_ms();
        let known = self.outcomes.known();
        let mut ways = [user, phone].into_iter().flatten();
        ways.find_map(|people| {
            known.sends.find(&Wanted {
                tenant,
                people: &people,
                family: *family,
                purposes,
                // Nothing has happened that is still to come: the clock that says so is ahead.
                occurred_ms: occurred_ms.unwrap_or(now_ms).min(now_ms),
            })
        })
    }

    /// A report's key, and what it says, as keyed hashes.
    fn identity(&self, report: &Report) -> (KeyedHash, KeyedHash) {
        let tenant = report.tenant.as_bytes();
        let key = report.idempotency_key.expose().as_bytes();
        let about: [String; 4] = match &report.about {
            About::Delivery(id) => [id.to_string(), String::new(), String::new(), String::new()],
            About::Person {
                user,
                phone,
                family,
                purposes,
                occurred_ms: _,
            } => [
                user.as_ref().map_or("", Private::expose).to_owned(),
                phone
                    .as_ref()
                    .map_or(String::new(), PhoneNumber::expose_canonical),
                family.map_or("", Family::as_str).to_owned(),
                purposes
                    .iter()
                    .flat_map(|one| [one.as_str(), " "])
                    .collect(),
            ],
        };
        let outcome = report.outcome.as_str();
        let [first, second, third, fourth] = about.each_ref().map(String::as_bytes);
        (
            self.keys.hash(
                Subject::Claim,
                &[tenant, report.client.as_bytes(), b"outcome", key],
            ),
            self.keys.hash(
                Subject::Fingerprint,
                &[tenant, outcome.as_bytes(), first, second, third, fourth],
            ),
        )
    }

    /// The right code was entered: the guard gets back what the send has put into its budgets, and the destination is
    /// known for a while.
    fn tell_guard(&self, send: &Send) {
        let guard = &self.policy.load().guard;
        guard.verified(&Verified {
            tenant: &send.tenant,
            phone_hash: send.phone,
            country: send.country,
            trail: send.trail,
            sent_ms: send.sent_ms,
        });
        self.ledger.note_verified(VerifiedRow {
            phone: send.phone,
            tenant: send.tenant.to_string(),
            day: day(self.clock.unix_ms()),
        });
    }

    /// A destination that was verified under an older key, or in an older form, is kept under the present hash from now on,
    /// so that the older one need not stay for ever.
    pub(super) fn keep_verified(&self, delivery: &Delivery) {
        let (hashes, guard) = (&delivery.hashes, &delivery.policy.guard);
        if let Some(day) = guard.take_over(hashes.phone, &hashes.older_phones) {
            self.ledger.note_verified(VerifiedRow {
                phone: hashes.phone,
                tenant: delivery.request.tenant.clone(),
                day,
            });
        }
    }

    fn count_outcome(&self, report: &Report, matched: &str) {
        let labels = [
            (Label::Tenant, &*report.tenant),
            (Label::Outcome, report.outcome.as_str()),
            (Label::Match, matched),
        ];
        self.metrics.counter(Metric::Outcomes, &labels).increment(1);
    }

    /// Remembers a send whose code may have gone out, before its caller hears of it.
    pub(super) fn remember(&self, delivery: &Delivery, outcome: &answer::Outcome) {
        // What another process sent for the same key is that one's to remember.
        let Some(answer) = outcome
            .as_ref()
            .ok()
            .filter(|one| one.delivery == delivery.id)
        else {
            return;
        };
        let request = &delivery.request;
        let way = answer.best().map(|attempt| attempt.channel.family());
        let family = request.family.or(way).unwrap_or(Family::Message);
        let now_ms = self.clock.unix_ms();
        {
            let mut known = self.outcomes.known();
            let send = Send {
                tenant: known.silence.sent(&request.tenant, now_ms),
                phone: delivery.hashes.phone,
                user: delivery.hashes.user,
                country: request.phone.country(),
                family,
                purpose: request.purpose,
                sent_ms: delivery.id.unix_ms(),
                trail: delivery.tally.trail(),
                outcome: Outcome::Unknown,
            };
            known.sends.add(delivery.id, send, now_ms);
        }
        let labels = [
            (Label::Tenant, &*request.tenant),
            (Label::Family, family.as_str()),
        ];
        self.metrics
            .counter(Metric::CodesSent, &labels)
            .increment(1);
    }

    /// Takes over what an earlier process knew: the last sends, and the destinations that were verified.
    pub(super) async fn recall(&self) -> Result<(), LedgerError> {
        let sent = self.ledger.sent(RECALLED.max(WINDOW), MOST).await?;
        for row in &sent {
            let mut known = self.outcomes.known();
            known.recall(row, self.clock.unix_ms());
            if row.outcome != Outcome::Unknown {
                known.silence.heard(&row.tenant);
            }
        }
        let mut above = None;
        loop {
            let page = self.ledger.verified(above, PAGE).await?;
            let rows = page.iter().map(|row| (row.phone, row.day));
            self.policy.load().guard.remember(rows);
            above = page.last().map(|row| row.phone);
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Drops what nobody can report on any more, and says where nobody reports.
    pub(super) fn tidy_outcomes(&self) {
        let now_ms = self.clock.unix_ms();
        let silent = {
            let mut known = self.outcomes.known();
            known.sends.expire(now_ms);
            known.silence.due(now_ms)
        };
        for tenant in silent {
            tracing::warn!(
                tenant = &*tenant,
                "nobody has said yet whether codes are used, which the guard goes by: register Okta's event hook at /okta/{{tenant}}/events, or call ReportOutcome (docs/outcomes.md)"
            );
        }
    }

    /// Removes destinations that were last verified longer ago than they are remembered; does so once a day.
    pub async fn forget_verified(&self) -> Result<(), LedgerError> {
        let today = day(self.clock.unix_ms());
        if self.outcomes.tidied.load(Ordering::Relaxed) != today {
            let before = today.saturating_sub(self.policy.load().verified_days.into());
            self.ledger.expire_verified(before).await?;
            self.outcomes.tidied.store(today, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Known {
    /// Takes a send over from its row.
    fn recall(&mut self, row: &DeliveryRow, now_ms: u64) {
        let send = Send {
            tenant: row.tenant.as_str().into(),
            phone: row.phone,
            user: row.user,
            country: row.country,
            family: row.family,
            purpose: row.purpose,
            sent_ms: row.created_ms,
            trail: row.trail.as_deref().and_then(Trail::from_bytes),
            outcome: row.outcome,
        };
        self.sends.add(row.id, send, now_ms);
    }
}

/// The day of a moment, since 1970.
fn day(unix_ms: u64) -> u32 {
    u32::try_from(unix_ms / DAY_MS).unwrap_or(u32::MAX)
}
