//! The guard's lists: kept in the ledger, held whole in memory, and handed to the guard after every change.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    domain::{
        id::{ListChangeId, ListEntryId},
        listed::{self, Effect, ListEntry, Target, Tenants},
        person,
        phone::PhoneNumber,
        prefix,
        privacy::{KeyedHash, PrivacyKeys, Private},
    },
    store::{
        Ledger, LedgerError,
        list::{Action, ChangeFilter, ChangePage, ListChange},
    },
};

use super::policy::Policy;

/// Most entries; further ones are turned away.
pub const MOST: usize = 100_000;

/// Entries read at once.
const PAGE: usize = 1000;

/// Whom somebody speaks of, as it is said.
#[derive(Clone, Debug)]
pub enum Named {
    /// A number.
    Number(PhoneNumber),
    /// Digits with which numbers begin.
    Prefix(String),
    /// A user.
    User(Private),
    /// A network.
    Network(ipnet::IpNet),
}

/// What is to be put on the lists.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it does.
    pub effect: Effect,
    /// For whom it holds.
    pub tenants: Vec<Tenants>,
    /// Whom it is about.
    pub targets: Vec<Named>,
    /// When it ends, ms since 1970.
    pub expires_ms: Option<u64>,
    /// Why.
    pub reason: String,
}

/// Whom entries may hold for.
#[derive(Clone, Debug)]
pub enum Held<'a> {
    /// A number.
    Number(&'a PhoneNumber),
    /// A user of the tenant.
    User(&'a Private),
    /// An address.
    Address(IpAddr),
}

/// The lists. Clones are the same ones.
#[derive(Clone)]
pub struct Lists(Arc<Inner>);

struct Inner {
    ledger: Arc<dyn Ledger>,
    keys: PrivacyKeys,
    clock: Clock,
    tracker: TaskTracker,
    policy: Arc<ArcSwap<Policy>>,
    /// What stands there, in order of ids.
    shown: ArcSwap<Vec<ListEntry>>,
    /// Operators' changes are made one after the other, so that what is held follows what is kept. No send waits here.
    turn: Mutex<()>,
}

impl Lists {
    /// Empty lists, until they are read. Changes run on `tracker`.
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        keys: PrivacyKeys,
        clock: Clock,
        tracker: TaskTracker,
        policy: Arc<ArcSwap<Policy>>,
    ) -> Self {
        Self(Arc::new(Inner {
            ledger,
            keys,
            clock,
            tracker,
            policy,
            shown: ArcSwap::default(),
            turn: Mutex::new(()),
        }))
    }

    /// Reads everything anew and hands it to the guard: at start, and every minute after the ledger has let go of what has
    /// expired.
    pub async fn refresh(&self) -> Result<(), LedgerError> {
        let _turn = self.0.turn.lock().await;
        self.read().await
    }

    /// Reads everything anew. Whoever asks has the turn.
    async fn read(&self) -> Result<(), LedgerError> {
        let mut entries: Vec<ListEntry> = Vec::new();
        loop {
            let above = entries.last().map(|entry| entry.id);
            let page = self.0.ledger.list_entries(above, PAGE).await?;
            let last = page.len() < PAGE;
            entries.extend(page);
            if last || entries.len() >= 2 * MOST {
                break;
            }
        }
        let now = self.0.clock.unix_ms();
        entries.retain(|entry| entry.is_live(now));
        if **self.0.shown.load() != entries {
            self.show(entries);
        }
        Ok(())
    }

    /// Hands what is held to the guard in force: after a reload.
    pub(super) fn renew(&self) {
        let entries = self.0.shown.load().as_ref().clone();
        self.0.policy.load().guard.set_entries(entries);
    }

    /// Every entry, in order of ids.
    pub fn entries(&self) -> Arc<Vec<ListEntry>> {
        self.0.shown.load_full()
    }

    /// The entries that hold for somebody of a tenant at the moment.
    pub fn holding(&self, tenant: &str, whom: &Held<'_>) -> Vec<ListEntry> {
        let now = self.0.clock.unix_ms();
        let probe = self.probe(tenant, whom);
        let entries = self.entries();
        let holding = entries.iter().filter(|entry| {
            entry.is_live(now) && entry.tenants.has(tenant) && probe.meets(&entry.target)
        });
        holding.cloned().collect()
    }

    /// Puts what is wished on the lists, for each tenant and target; says what stands there now. It goes on when the caller
    /// gives up.
    pub async fn set(&self, wish: Wish, client: &str) -> Result<Vec<ListEntry>, LedgerError> {
        let wanted = self.wanted(&wish, client);
        if self.entries().len() + wanted.len() > MOST {
            return Err(LedgerError::Overloaded);
        }
        let (this, client) = (self.clone(), client.to_owned());
        let change = async move { this.put(wanted, &client).await };
        self.to_its_end(change).await
    }

    /// Takes entries off the lists; says which of them stood there until now. It goes on when the caller gives up.
    pub async fn remove(
        &self,
        entries: Vec<ListEntry>,
        client: &str,
    ) -> Result<Vec<ListEntry>, LedgerError> {
        let (this, client) = (self.clone(), client.to_owned());
        let change = async move { this.take_away(entries, &client).await };
        self.to_its_end(change).await
    }

    /// The entries for these tenants and targets.
    pub fn find(&self, tenants: &[Tenants], targets: &[Named]) -> Vec<ListEntry> {
        let mut wanted = Vec::new();
        for tenants in tenants {
            let targets = targets.iter();
            wanted.extend(targets.map(|named| (tenants, self.kept_as(tenants, named))));
        }
        let entries = self.entries();
        let found = entries.iter().filter(|entry| {
            wanted
                .iter()
                .any(|(tenants, probe)| entry.tenants == **tenants && probe.is(&entry.target))
        });
        found.cloned().collect()
    }

    /// Changes of the lists, newest first.
    pub async fn changes(&self, filter: ChangeFilter) -> Result<ChangePage, LedgerError> {
        self.0.ledger.list_changes(filter).await
    }

    /// The entries that a wish comes to, each target once.
    fn wanted(&self, wish: &Wish, client: &str) -> Vec<Wanted> {
        let now = self.0.clock.unix_ms();
        let mut wanted: Vec<Wanted> = Vec::new();
        for tenants in &wish.tenants {
            for named in &wish.targets {
                let target = self.target(tenants, named);
                let is_same = |one: &Wanted| one.entry.is_for(tenants, &target);
                if wanted.iter().any(is_same) {
                    continue;
                }
                let entry = ListEntry {
                    id: ListEntryId::new(&self.0.clock),
                    effect: wish.effect,
                    tenants: tenants.clone(),
                    target,
                    expires_ms: wish.expires_ms,
                    author: client.to_owned(),
                    reason: wish.reason.clone(),
                    created_ms: now,
                };
                let probe = self.kept_as(tenants, named);
                wanted.push(Wanted { entry, probe });
            }
        }
        wanted
    }

    async fn to_its_end(
        &self,
        change: impl Future<Output = Result<Vec<ListEntry>, LedgerError>> + Send + 'static,
    ) -> Result<Vec<ListEntry>, LedgerError> {
        let done = self.0.tracker.spawn(change).await;
        done.unwrap_or_else(|_| {
            let cause = "the change of the lists was broken off";
            Err(LedgerError::Unavailable(cause.to_owned()))
        })
    }

    async fn put(&self, wanted: Vec<Wanted>, client: &str) -> Result<Vec<ListEntry>, LedgerError> {
        let _turn = self.0.turn.lock().await;
        let shown = self.entries().as_ref().clone();
        let (before, mut shown): (Vec<_>, Vec<_>) = shown
            .into_iter()
            .partition(|old| wanted.iter().any(|one| one.replaces(old)));
        let entries: Vec<_> = wanted.into_iter().map(|one| one.entry).collect();
        // The ledger replaces what has the same hash. What stands there under an older key has another one.
        let is_replaced = |old: &ListEntry| {
            let mut entries = entries.iter();
            entries.any(|entry| entry.is_for(&old.tenants, &old.target))
        };
        let others: Vec<_> = before.into_iter().filter(|old| !is_replaced(old)).collect();
        let mut changes = self.changed(Action::Remove, &others, client);
        changes.extend(self.changed(Action::Set, &entries, client));
        self.0.ledger.change_lists(changes).await?;
        shown.extend(entries.iter().cloned());
        shown.sort_unstable_by_key(|entry| entry.id);
        self.show(shown);
        tell(Action::Remove, &others, client);
        tell(Action::Set, &entries, client);
        Ok(entries)
    }

    async fn take_away(
        &self,
        entries: Vec<ListEntry>,
        client: &str,
    ) -> Result<Vec<ListEntry>, LedgerError> {
        let _turn = self.0.turn.lock().await;
        let changes = self.changed(Action::Remove, &entries, client);
        let ids: Vec<_> = changes.iter().map(|change| change.id).collect();
        let done = self.0.ledger.change_lists(changes).await?;
        let removed = if done == entries.len() as u64 {
            let mut shown = self.entries().as_ref().clone();
            shown.retain(|old| !entries.iter().any(|entry| entry.id == old.id));
            self.show(shown);
            entries
        } else {
            // Some were gone already: what is shown is not what is kept, and only what was taken away has left a trace.
            self.read().await?;
            self.traced(&ids, done).await?
        };
        tell(Action::Remove, &removed, client);
        Ok(removed)
    }

    fn changed(&self, action: Action, entries: &[ListEntry], client: &str) -> Vec<ListChange> {
        let now = self.0.clock.unix_ms();
        let change = |entry: &ListEntry| ListChange {
            id: ListChangeId::new(&self.0.clock),
            action,
            entry: entry.clone(),
            by: client.to_owned(),
            at_ms: now,
        };
        entries.iter().map(change).collect()
    }

    /// The entries of those changes that were made, which are the newest.
    async fn traced(&self, ids: &[ListChangeId], done: u64) -> Result<Vec<ListEntry>, LedgerError> {
        if done == 0 {
            return Ok(Vec::new());
        }
        let newest = ChangeFilter {
            limit: ids.len(),
            ..ChangeFilter::default()
        };
        let newest = self.0.ledger.list_changes(newest).await?.changes;
        let made = newest.into_iter().filter(|one| ids.contains(&one.id));
        Ok(made.map(|change| change.entry).collect())
    }

    fn show(&self, entries: Vec<ListEntry>) {
        // First what a reload reads, then the guard: a reload in between hands on what is new.
        self.0.shown.store(Arc::new(entries.clone()));
        self.0.policy.load().guard.set_entries(entries);
    }

    fn target(&self, tenants: &Tenants, named: &Named) -> Target {
        match named {
            Named::Number(phone) => Target::Number {
                hash: listed::hash_of(&self.0.keys, phone),
                masked: phone.masked(),
            },
            Named::Prefix(digits) => Target::Prefix(prefix::canonical(digits).into_owned()),
            Named::User(user) => Target::User {
                hash: self.users(tenants, user).swap_remove(0),
            },
            Named::Network(network) => Target::Network(*network),
        }
    }

    /// How a target may stand on the lists, also from times of an older key.
    fn kept_as(&self, tenants: &Tenants, named: &Named) -> Probe {
        match named {
            Named::Number(phone) => Probe::Number {
                hashes: listed::hashes_of(&self.0.keys, phone),
                writings: [0; 2],
            },
            Named::Prefix(digits) => Probe::Prefix(prefix::canonical(digits).into_owned()),
            Named::User(user) => Probe::User(self.users(tenants, user)),
            Named::Network(network) => Probe::Network(*network),
        }
    }

    fn probe(&self, tenant: &str, whom: &Held<'_>) -> Probe {
        match whom {
            Held::Number(phone) => Probe::Number {
                hashes: listed::hashes_of(&self.0.keys, phone),
                writings: [phone.key(), phone.expose_digits()],
            },
            Held::User(user) => Probe::User(self.users(&Tenants::One(tenant.to_owned()), user)),
            Held::Address(address) => Probe::Network(ipnet::IpNet::from(*address)),
        }
    }

    fn users(&self, tenants: &Tenants, user: &Private) -> Vec<KeyedHash> {
        person::users(&self.0.keys, name(tenants), user.expose())
    }
}

/// What is to stand on the lists, in place of what stood there for the same tenants and target, under whatever key.
struct Wanted {
    entry: ListEntry,
    probe: Probe,
}

impl Wanted {
    fn replaces(&self, old: &ListEntry) -> bool {
        old.tenants == self.entry.tenants && self.probe.is(&old.target)
    }
}

/// What entries are compared with.
enum Probe {
    Number {
        hashes: Vec<KeyedHash>,
        /// Its digits in canonical form, and as they were written.
        writings: [u64; 2],
    },
    Prefix(String),
    User(Vec<KeyedHash>),
    Network(ipnet::IpNet),
}

impl Probe {
    /// Whether a target is this very one.
    fn is(&self, target: &Target) -> bool {
        match (self, target) {
            (Self::Number { hashes, .. }, Target::Number { hash, .. })
            | (Self::User(hashes), Target::User { hash }) => hashes.contains(hash),
            (Self::Prefix(digits), Target::Prefix(other)) => *digits == prefix::canonical(other),
            (Self::Network(network), Target::Network(other)) => network == other,
            (
                Self::Number { .. } | Self::User(_) | Self::Prefix(_) | Self::Network(_),
                Target::Number { .. }
                | Target::User { .. }
                | Target::Prefix(_)
                | Target::Network(_),
            ) => false,
        }
    }

    /// Whether a target takes it in.
    fn meets(&self, target: &Target) -> bool {
        match (self, target) {
            (Self::Number { writings, .. }, Target::Prefix(digits)) => {
                let prefix = prefix::canonical(digits);
                let mut writings = writings.iter().map(u64::to_string);
                writings.any(|digits| digits.starts_with(&*prefix))
            }
            (Self::Network(address), Target::Network(network)) => network.contains(address),
            (
                Self::Number { .. } | Self::User(_) | Self::Prefix(_) | Self::Network(_),
                Target::Number { .. }
                | Target::User { .. }
                | Target::Prefix(_)
                | Target::Network(_),
            ) => self.is(target),
        }
    }
}

/// Who changes whom codes go to leaves a trace in the log too.
fn tell(action: Action, entries: &[ListEntry], client: &str) {
    for entry in entries {
        tracing::info!(
            tenant = name(&entry.tenants),
            client.name = client,
            entry.id = %entry.id,
            effect = entry.effect.as_str(),
            action = action.as_str(),
            "the guard's lists were changed"
        );
    }
}

fn name(tenants: &Tenants) -> &str {
    match tenants {
        Tenants::All => "*",
        Tenants::One(name) => name,
    }
}
