//! People's profiles at Okta: looked up once for all who ask at once, kept for a while, and never waited for longer than
//! a hook can spare. What comes too late serves the next hook.

pub mod attributes;
pub mod settings;

mod limit;
mod proof;
mod question;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use moka::sync::Cache;
use tokio::{sync::watch, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    attributes::Profile,
    question::{Asker, Problem, Reply},
    settings::{Auth, Bounds, Settings},
    token::TokenKeeper,
};
use super::observer::Observer;
use crate::{clock::Clock, domain::privacy::Private, outbound::Outbound};

/// People whose profile is kept in memory, of one org.
const KEPT: u64 = 100_000;

/// How long an outdated profile still serves while Okta cannot be asked.
const STALE: Duration = Duration::from_hours(1);

/// Most time that one look-up may take, for the hooks to come.
const LONGEST: Duration = Duration::from_secs(3);

/// How long nobody asks after Okta has refused the credential.
const REFUSED: Duration = Duration::from_secs(10);

/// What the sending needs of a hook's time: its own margin, an attempt, and a further one.
const SENDING: Duration = Duration::from_millis(1100);

/// Longer than any id of Okta's.
const MAX_ID: usize = 128;

/// What came of a look-up, for the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The profile was in memory.
    Kept,
    /// Okta said it.
    Found,
    /// Okta does not know the person.
    Missing,
    /// Okta did not answer in time.
    Late,
    /// Okta could not be asked, or its answer was of no use.
    Failed,
    /// Okta's rate limit is used up.
    Limited,
    /// Too many questions are under way already.
    Crowded,
}

impl Lookup {
    /// The word of the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Found => "found",
            Self::Missing => "missing",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Limited => "limited",
            Self::Crowded => "crowded",
        }
    }
}

/// What the look-ups of all tenants share with the door.
#[derive(Clone)]
pub struct Around {
    /// Asks Okta.
    pub outbound: Outbound,
    /// Time and chance.
    pub clock: Clock,
    /// Who counts.
    pub observer: Arc<dyn Observer>,
    /// Ends every task.
    pub cancel: CancellationToken,
    /// Tracks every task.
    pub tracker: TaskTracker,
}

/// The profiles of one org.
pub struct Profiles {
    tenant: String,
    asker: Asker,
    /// Those of the present configuration; the asker's own are those of the start.
    bounds: ArcSwap<Bounds>,
    around: Around,
    kept: Cache<Private, Kept>,
    /// Questions under way, by person.
    flights: Mutex<HashMap<Private, Flight>>,
    /// Until when Okta is not asked, and why.
    closed: Mutex<(Instant, Lookup)>,
    stop: CancellationToken,
}

/// A profile in memory; `None` for a person whom Okta does not know.
#[derive(Clone)]
struct Kept {
    profile: Option<Arc<Profile>>,
    /// When Okta said so.
    said: Instant,
}

impl Kept {
    /// Until when it is as good as asking.
    fn fresh(&self, bounds: &Bounds) -> Instant {
        self.said + bounds.keep(self.profile.is_some())
    }
}

/// A question under way; everybody who wants to know waits for the same one.
type Flight = watch::Receiver<Option<Landing>>;

/// What came of a question.
#[derive(Clone)]
enum Landing {
    Known(Option<Arc<Profile>>),
    Limited,
    Failed,
}

impl Profiles {
    /// The profiles of a tenant's org. A service app fetches its access token from now on.
    pub fn start(tenant: &str, settings: Settings, around: Around) -> Arc<Self> {
        let stop = around.cancel.child_token();
        let tokens = match &settings.auth {
            Auth::ApiToken(_) => None,
            Auth::ServiceApp(app) => TokenKeeper::start(
                &settings,
                app,
                around.outbound.clone(),
                around.clock.clone(),
                stop.clone(),
                &around.tracker,
            ),
        };
        Arc::new(Self {
            tenant: tenant.to_owned(),
            bounds: ArcSwap::from_pointee(settings.bounds),
            asker: Asker {
                settings,
                tokens,
                outbound: around.outbound.clone(),
                clock: around.clock.clone(),
            },
            kept: Cache::new(KEPT),
            flights: Mutex::default(),
            closed: Mutex::new((around.clock.now(), Lookup::Limited)),
            around,
            stop,
        })
    }

    /// Goes on within the bounds of other settings, if these ask the same org in the same way for the same attributes;
    /// whether they do. What is in memory is kept as long as it is said now, and whoever waits goes on waiting.
    pub fn adopt(&self, settings: &Settings) -> bool {
        let same = self.asker.settings.source == settings.source;
        if same {
            self.bounds.store(Arc::new(settings.bounds));
        }
        same
    }

    /// Asks no more; whoever waits is told so.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The profile of a person, if it can be had in the time that a hook with this deadline can spare; an outdated one
    /// where Okta cannot be asked.
    pub async fn find(self: &Arc<Self>, user: &str, deadline: Instant) -> Option<Arc<Profile>> {
        let (lookup, found) = self.look_up(user, deadline).await;
        self.around.observer.profile(&self.tenant, lookup);
        found
    }

    async fn look_up(
        self: &Arc<Self>,
        user: &str,
        deadline: Instant,
    ) -> (Lookup, Option<Arc<Profile>>) {
        if !is_id(user) {
            return (Lookup::Missing, None);
        }
        let user = Private::new(user);
        let now = self.around.clock.now();
        let bounds = **self.bounds.load();
        let kept = self.kept.get(&user);
        if let Some(kept) = &kept
            && now < kept.fresh(&bounds)
        {
            return (Lookup::Kept, kept.profile.clone());
        }
        let outdated = kept
            .filter(|kept| now < kept.fresh(&bounds) + STALE)
            .and_then(|kept| kept.profile);
        let mut flight = match self.board(user) {
            Ok(flight) => flight,
            Err(refusal) => return (refusal, outdated),
        };
        let landing = time::timeout(self.share(deadline), flight.wait_for(Option::is_some)).await;
        let landing = landing.map(|landing| landing.ok().and_then(|landing| landing.clone()));
        match landing {
            Ok(Some(Landing::Known(Some(profile)))) => (Lookup::Found, Some(profile)),
            Ok(Some(Landing::Known(None))) => (Lookup::Missing, None),
            Ok(Some(Landing::Limited)) => (Lookup::Limited, outdated),
            Ok(Some(Landing::Failed) | None) => (Lookup::Failed, outdated),
            Err(_late) => (Lookup::Late, outdated),
        }
    }

    /// How long a hook may wait: what is left when the sending has its part, and never longer than `within`.
    fn share(&self, deadline: Instant) -> Duration {
        let left = deadline.saturating_duration_since(self.around.clock.now());
        let spare = left.saturating_sub(SENDING);
        spare.min(self.bounds.load().within)
    }

    /// The question about this person, a new one if none is under way.
    fn board(self: &Arc<Self>, user: Private) -> Result<Flight, Lookup> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&user) {
            return Ok(flight.clone());
        }
        let (until, why) = *self.closed();
        if self.around.clock.now() < until {
            return Err(why);
        }
        if flights.len() >= self.bounds.load().max_in_flight {
            return Err(Lookup::Crowded);
        }
        let (landed, flight) = watch::channel(None);
        flights.insert(user.clone(), flight.clone());
        drop(flights);
        let leaving = Leaving(self.clone(), user);
        let stop = self.stop.clone();
        self.around.tracker.spawn(async move {
            let asking = leaving.0.ask(&leaving.1);
            if let Some(landing) = stop.run_until_cancelled(asking).await {
                landed.send_replace(Some(landing));
            }
        });
        Ok(flight)
    }

    /// Asks Okta, and keeps what it says.
    async fn ask(&self, user: &Private) -> Landing {
        let asking = time::timeout(LONGEST, self.asker.ask(user.expose())).await;
        let Ok(Reply { said, pause }) = asking else {
            tracing::warn!(
                tenant = self.tenant,
                error = "no answer in time",
                "a profile could not be read from okta"
            );
            return Landing::Failed;
        };
        let now = self.around.clock.now();
        if let Some(pause) = pause {
            self.close(now + pause, Lookup::Limited);
            tracing::warn!(
                tenant = self.tenant,
                pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "okta's rate limit is used up; no profile is asked for until it is reset"
            );
        }
        match said {
            Ok(profile) => {
                let profile = profile.map(Arc::new);
                let kept = Kept {
                    profile: profile.clone(),
                    said: now,
                };
                self.kept.insert(user.clone(), kept);
                Landing::Known(profile)
            }
            Err(Problem::Limited) => Landing::Limited,
            Err(problem) => {
                self.tell(&problem, now);
                Landing::Failed
            }
        }
    }

    /// A credential that is refused stays refused until somebody acts, so nobody asks for a while; what else goes wrong
    /// passes.
    fn tell(&self, problem: &Problem, now: Instant) {
        if let Problem::Credential(_) = problem {
            self.close(now + REFUSED, Lookup::Failed);
            tracing::error!(
                tenant = self.tenant,
                error = %problem,
                "okta does not let us read profiles"
            );
        } else {
            tracing::warn!(
                tenant = self.tenant,
                error = %problem,
                "a profile could not be read from okta"
            );
        }
    }

    /// Asks nobody until then, unless that was so already for longer.
    fn close(&self, until: Instant, why: Lookup) {
        let mut closed = self.closed();
        if closed.0 < until {
            *closed = (until, why);
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Private, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> MutexGuard<'_, (Instant, Lookup)> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profiles({})", self.tenant)
    }
}

/// Takes a question off the list, however it ended.
struct Leaving(Arc<Profiles>, Private);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.flights().remove(&self.1);
    }
}

/// Whether a text can be the id of a user. Okta reads some others as other questions: `me` is ourselves, and dots lead
/// elsewhere.
fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_part) && text != "me"
}
