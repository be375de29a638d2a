//! Stored preferences as sends see them: found without a look into the ledger for nearly everybody, and never waited
//! for longer than a moment.

mod people;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::people::People;
use super::request::Request;
use crate::{
    clock::Clock,
    domain::{
        channel::Channel,
        preference::Preference,
        privacy::{KeyedHash, PrivacyKeys, Private, Subject},
    },
    store::{
        Ledger, LedgerError,
        preference::{PreferenceKey, PreferenceRow, Rewrite, Trace},
    },
    telemetry::metrics::{Label, Metric, Metrics},
};

/// How long a send waits for the ledger. A person without an answer by then has no stored preference for this code.
const READ_WITHIN: Duration = Duration::from_millis(50);

/// People whose preference is kept in memory, those without one who look as if they had one included.
const KEPT: u64 = 50_000;

/// People read at once at the start.
const PAGE: usize = 4096;

/// The pause before the start's reading is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What a service asks to be stored.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Channels in order; may be empty.
    pub channels: Vec<Channel>,
    /// Language tag; may be empty.
    pub locale: String,
    /// What is said of the LINE user id.
    pub line_user: LineWish,
}

/// What is said of a person's LINE user id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineWish {
    /// Nothing: it stays as it is.
    Keep,
    /// It is none.
    Remove,
    /// It is this one.
    Set(Private),
}

/// What a deletion takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    All,
    /// Everything but a LINE user id that is stored, with the trace of who stored it.
    AllButLineUser,
}

/// What a deletion took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Anything at all.
    pub anything: bool,
    /// A LINE user id.
    pub line_user: bool,
}

/// The stored preferences. Clones are the same ones.
#[derive(Clone)]
pub struct Preferences(Arc<Inner>);

struct Inner {
    ledger: Arc<dyn Ledger>,
    keys: PrivacyKeys,
    clock: Clock,
    metrics: Arc<Metrics>,
    tracker: TaskTracker,
    people: People,
    kept: Cache<KeyedHash, Option<Arc<Preference>>>,
    /// Counts writes, so that what was read before one is not kept after it.
    writes: Mutex<u64>,
}

impl Preferences {
    /// The preferences of this ledger. Writes run on `tracker`.
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        keys: PrivacyKeys,
        clock: Clock,
        metrics: Arc<Metrics>,
        tracker: TaskTracker,
    ) -> Self {
        Self(Arc::new(Inner {
            ledger,
            keys,
            clock,
            metrics,
            tracker,
            people: People::anybody(),
            kept: Cache::new(KEPT),
            writes: Mutex::default(),
        }))
    }

    /// Reads who has a preference; until then every person of a send is looked up. Tries until it succeeds or `stop`.
    pub async fn learn(&self, stop: CancellationToken) {
        let reading = async {
            while let Err(problem) = self.read_people().await {
                tracing::warn!(error = %problem, "it could not be read who has a stored preference");
                tokio::time::sleep(RETRY).await;
            }
        };
        stop.run_until_cancelled(reading).await;
    }

    /// What is stored for a person, as the ledger has it now.
    pub async fn get(
        &self,
        tenant: &str,
        user: &Private,
    ) -> Result<Option<PreferenceRow>, LedgerError> {
        self.0.ledger.preference(self.key(tenant, user)).await
    }

    /// Stores what is wished for a person, in place of what was. The next send sees it, also when the caller gives up.
    pub async fn set(
        &self,
        tenant: &str,
        user: &Private,
        wish: Wish,
        client: &str,
    ) -> Result<(), LedgerError> {
        let key = self.key(tenant, user);
        for user in &key.users {
            self.0.people.add(*user);
        }
        let rewrite = self.setting(tenant, user, wish, client);
        self.write(key, rewrite).await.map(drop)
    }

    /// Removes what is stored for a person, to this extent; says what it removed.
    pub async fn delete(
        &self,
        tenant: &str,
        user: &Private,
        extent: Extent,
        client: &str,
    ) -> Result<Deleted, LedgerError> {
        let key = self.key(tenant, user);
        let deleted = Arc::new(Mutex::default());
        let rewrite = self.deleting(tenant, user, extent, client, deleted.clone());
        self.write(key, rewrite).await?;
        Ok(*deleted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds what is stored for a request's person: the channels beside its own, and the locale where it has none itself.
    pub async fn complete(&self, request: &mut Request, patience: Duration) {
        let Some(user) = &request.user else {
            return;
        };
        let Some(stored) = self.find(&request.tenant, user, patience).await else {
            return;
        };
        if request.locale.is_empty() {
            request.locale.clone_from(&stored.locale);
        }
        request.stored = Some(stored);
    }

    /// What is stored for a person, if that can be said soon enough.
    async fn find(
        &self,
        tenant: &str,
        user: &Private,
        patience: Duration,
    ) -> Option<Arc<Preference>> {
        let people = &self.0.people;
        if people.nobody() {
            return None;
        }
        let key = self.key(tenant, user);
        if !key.users.iter().any(|user| people.may_have(*user)) {
            return None;
        }
        if let Some(kept) = self.0.kept.get(key.users.first()?) {
            return kept;
        }
        self.read(user, key, patience.min(READ_WITHIN)).await
    }

    /// Reads what is stored for a person, and keeps it for the next send.
    async fn read(
        &self,
        user: &Private,
        key: PreferenceKey,
        within: Duration,
    ) -> Option<Arc<Preference>> {
        let writes = *self.writes();
        let reading = self.0.ledger.preference(key.clone());
        let (outcome, found) = match tokio::time::timeout(within, reading).await {
            Ok(Ok(Some(row))) => ("found", Some(Arc::new(self.opened(&key, user, row)))),
            Ok(Ok(None)) => ("none", None),
            Ok(Err(problem)) => {
                tracing::warn!(tenant = key.tenant, error = %problem, "a stored preference could not be read; none is assumed");
                ("failed", None)
            }
            Err(_) => {
                tracing::warn!(
                    tenant = key.tenant,
                    "a stored preference was not read in time; none is assumed"
                );
                ("late", None)
            }
        };
        let labels = [(Label::Outcome, outcome)];
        self.0
            .metrics
            .counter(Metric::PreferenceReads, &labels)
            .increment(1);
        let now = self.writes();
        if *now == writes && matches!(outcome, "found" | "none") {
            self.0.kept.insert(*key.users.first()?, found.clone());
        }
        found
    }

    /// A row as sends use it.
    fn opened(&self, key: &PreferenceKey, user: &Private, row: PreferenceRow) -> Preference {
        let owner = [key.tenant.as_bytes(), user.expose().as_bytes()];
        let sealed = row.line_user.as_ref();
        let line_user = sealed.and_then(|sealed| self.0.keys.open(&owner, sealed));
        if line_user.is_none() && sealed.is_some() {
            tracing::warn!(
                tenant = key.tenant,
                "no privacy key opens a stored LINE user id; none is assumed"
            );
        }
        Preference {
            channels: row.channels,
            locale: row.locale,
            line_user,
        }
    }

    /// Writes in a task of its own: what is kept in memory must follow the ledger also when the caller has gone.
    async fn write(&self, key: PreferenceKey, rewrite: Rewrite) -> Result<bool, LedgerError> {
        let this = self.clone();
        let writing = self.0.tracker.spawn(async move {
            let kept = key.users.first().copied();
            let written = this.0.ledger.rewrite_preference(key, rewrite).await;
            // Also after an error, as a commit that was reported as failed may have gone through.
            let mut writes = this.writes();
            *writes += 1;
            if let Some(kept) = kept {
                this.0.kept.invalidate(&kept);
            }
            written
        });
        let written = writing.await;
        written.unwrap_or_else(|ended| Err(LedgerError::Unavailable(ended.to_string())))
    }

    /// What a wish makes of a row. A LINE user id that stays is sealed anew, under the key that now writes.
    fn setting(&self, tenant: &str, user: &Private, wish: Wish, client: &str) -> Rewrite {
        let inner = self.0.clone();
        let owner = [tenant.to_owned(), user.expose().to_owned()].map(Private::new);
        let nonce = inner.clock.random();
        let trace = Trace {
            by: client.to_owned(),
            at_ms: inner.clock.unix_ms(),
        };
        Box::new(move |before| {
            let owner = [&owner[0], &owner[1]].map(|part| part.expose().as_bytes());
            let before = before.map(|row| (row.line_user, row.line_user_set));
            let (sealed, set) = before.unwrap_or_default();
            let seal = |text: &Private| inner.keys.seal(&owner, text, nonce);
            let (line_user, line_user_set) = match &wish.line_user {
                LineWish::Keep => {
                    let opened = sealed.as_ref().and_then(|old| inner.keys.open(&owner, old));
                    (opened.as_ref().map(seal).or(sealed), set)
                }
                LineWish::Remove => (None, Some(trace.clone())),
                LineWish::Set(text) => (Some(seal(text)), Some(trace.clone())),
            };
            Some(PreferenceRow {
                channels: wish.channels.clone(),
                locale: wish.locale.clone(),
                line_user,
                line_user_set,
                set: trace.clone(),
            })
        })
    }

    /// What a deletion makes of a row; `deleted` is told what it removes. A LINE user id that stays does so as if
    /// nothing else were preferred any more.
    fn deleting(
        &self,
        tenant: &str,
        user: &Private,
        extent: Extent,
        client: &str,
        deleted: Arc<Mutex<Deleted>>,
    ) -> Rewrite {
        let nothing = Wish {
            channels: Vec::new(),
            locale: String::new(),
            line_user: LineWish::Keep,
        };
        let mut clear = self.setting(tenant, user, nothing, client);
        Box::new(move |before| {
            let has_line_user = before.as_ref().is_some_and(|row| row.line_user.is_some());
            let keeps = has_line_user && extent == Extent::AllButLineUser;
            let is_bare = |row: &PreferenceRow| row.channels.is_empty() && row.locale.is_empty();
            let done = Deleted {
                anything: before.as_ref().is_some_and(|row| !(keeps && is_bare(row))),
                line_user: has_line_user && !keeps,
            };
            *deleted.lock().unwrap_or_else(PoisonError::into_inner) = done;
            match (keeps, done.anything) {
                (false, _) => None,
                (true, true) => clear(before),
                (true, false) => before,
            }
        })
    }

    fn key(&self, tenant: &str, user: &Private) -> PreferenceKey {
        let parts = [tenant.as_bytes(), user.expose().as_bytes()];
        PreferenceKey {
            tenant: tenant.to_owned(),
            users: self.0.keys.all(Subject::User, &parts),
        }
    }

    async fn read_people(&self) -> Result<(), LedgerError> {
        let mut above = None;
        loop {
            let page = self.0.ledger.people_with_preference(above, PAGE).await?;
            for person in &page {
                self.0.people.add(*person);
            }
            above = page.last().copied();
            if page.len() < PAGE {
                self.0.people.complete();
                return Ok(());
            }
        }
    }

    fn writes(&self) -> MutexGuard<'_, u64> {
        self.0.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Preferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preferences")
    }
}
