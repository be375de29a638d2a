//! Everything that may refuse a send. Rules are asked narrow to wide and cheap to dear; one that refuses keeps wider
//! ones from being consumed.

pub mod bucket;
pub mod budgets;
mod case;
pub mod closings;
pub mod decisions;
pub mod destinations;
pub mod hashing;
mod kept;
pub mod limits;
pub mod lists;
pub mod rules;
pub mod settings;
pub mod spending;
mod standing;
pub mod table;
#[cfg(test)]
mod tests;
pub mod time;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

use arc_swap::ArcSwap;

use crate::{
    clock::Clock,
    config::{Config, guard::TenantGuard},
    domain::{
        address::Address,
        channel::{Channel, Channels},
        listed::ListEntry,
        phone::{Country, PhoneNumber},
        price::Price,
        privacy::{KeyedHash, PrivacyKeys},
        purpose::Purpose,
        verdict::{Refusal, Verdict},
    },
};

use bucket::{Allowance, Proof, Put};
use budgets::{Budgets, Keys, Look, Places};
use case::Case;
use destinations::Destinations;
use hashing::{Hashing, Tag};
use limits::Pool;
use lists::Lists;
use rules::budget::Scope;
use settings::Settings;
use spending::Spending;
use time::Time;

/// How far a message's time and that of the trial it began may be apart, as both are kept in whole seconds.
const CLOCKS_APART_MS: u64 = 1000;

/// What the guard looks at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The countries it serves.
    pub countries: &'a [Country],
    /// The destination.
    pub phone: &'a PhoneNumber,
    /// The user id, where there is one.
    pub user: Option<&'a str>,
    /// The address of the person's device, where the caller knows it.
    pub client: Option<Address>,
    /// Keyed hash of tenant and number, as the ledger keeps it.
    pub phone_hash: KeyedHash,
    /// Keyed hash of tenant and user id, as the ledger keeps it.
    pub user_hash: Option<KeyedHash>,
    /// Where it kept them before.
    pub older: Older<'a>,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// The channels that the request may take at all.
    pub channels: Channels,
    /// The channels to which the person has opted in, as a stored preference or a profile says.
    pub opted_in: Channels,
    /// Whether this delivery has been charged before: a further attempt is the same message to the same person, of which a
    /// range that has meanwhile run full says nothing.
    pub charged: bool,
}

/// The hashes under which the ledger may have kept a number and a user id before: by older keys, and in a form that is not
/// written any more. There is none as long as there is one key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Older<'a> {
    /// Those of tenant and number.
    pub phone: &'a [KeyedHash],
    /// Those of tenant and user id.
    pub user: &'a [KeyedHash],
}

/// What a send has put into the budgets, so that a verified outcome can take it out again: keyed hashes of the ranges that
/// were charged, no number. It is kept with the delivery.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Trail {
    /// Hashes of the range of 10,000, the range of 1,000,000 and the network; zero where there is none.
    ranges: [u64; 3],
    /// Whether anything was put in. What was exempt only tells of its ranges.
    charged: bool,
    /// The scopes in which it was one of a trial, as bits, and whether its network is one that many share.
    trials: u8,
}

impl Trail {
    /// Length of a trail as it is kept.
    pub const LEN: usize = 27;

    const VERSION: u8 = 1;

    /// The bit beside those of trials.
    const SHARED: u8 = 1 << 7;

    /// Whether anything was put in.
    pub fn is_charged(self) -> bool {
        self.charged
    }

    /// Whether it says nothing.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The trail as it is kept.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [Self::VERSION; Self::LEN];
        bytes[1] = u8::from(self.charged);
        bytes[2] = self.trials;
        for (place, range) in bytes[3..].chunks_exact_mut(8).zip(self.ranges) {
            place.copy_from_slice(&range.to_be_bytes());
        }
        bytes
    }

    /// Reads a trail that was kept; `None` where it is of another version or none at all.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let [version, charged, trials, rest @ ..] = bytes;
        if *version != Self::VERSION {
            return None;
        }
        let mut ranges = [0; 3];
        for (range, place) in ranges.iter_mut().zip(rest.chunks_exact(8)) {
            *range = u64::from_be_bytes(place.try_into().ok()?);
        }
        Some(Self {
            ranges,
            charged: *charged != 0,
            trials: *trials,
        })
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trail")
    }
}

/// Whether an attempt may be made.
#[derive(Debug, Default)]
pub struct Charged {
    /// Why its channel is taken out of the verdict; `None` where it may be made.
    pub refusal: Option<Refusal>,
    /// Refusals that were only watched.
    pub shadowed: Vec<Refusal>,
    /// What it put in. A delivery keeps the first that is not empty: those of its further attempts are the same.
    pub trail: Trail,
    taken: Taken,
}

/// What an attempt has taken, so that it can be taken back.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// What is in the budgets, and where.
    put: Option<(Put, Places)>,
    /// What was spent, in millionths.
    spent: u64,
}

/// A verdict, and what rules in shadow would have refused.
#[derive(Debug)]
pub struct Admission {
    /// What holds for this delivery.
    pub verdict: Verdict,
    /// Refusals that were only watched.
    pub shadowed: Vec<Refusal>,
}

/// A code that was used: what its delivery put in is taken out again, and its destination is known from now on.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// Keyed hash of tenant and number, as in the request.
    pub phone_hash: KeyedHash,
    /// The number's country.
    pub country: Option<Country>,
    /// What the delivery put in; `None` where it is not known.
    pub trail: Option<Trail>,
    /// When it was sent, ms since 1970.
    pub sent_ms: u64,
}

/// A piece of the guard's state that must outlive the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is the state of: a kind and a keyed hash. A later piece of the same key takes its place.
    pub key: [u8; 16],
    /// The state, with the version of its form; empty where nothing is to be kept any more.
    pub value: Vec<u8>,
}

/// Whose standing is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A number, by itself and its hashes as in a request, the older ones last: its limits, and every range that it is in.
    Destination(&'a PhoneNumber, KeyedHash, &'a [KeyedHash]),
    /// All digits but the last four, or but the last six, of numbers in E.164 form; also with `+`.
    Range(&'a str),
    /// A country.
    Country(Country),
    /// A user, by the hash as in a request and by id.
    User(KeyedHash, &'a str),
    /// An address's network.
    Network(Address),
    /// The tenant as a whole.
    Tenant,
}

/// How one rule stands to a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The rule's name.
    pub rule: Arc<str>,
    /// What it looks at, as in decisions.
    pub key: &'static str,
    /// What is counted now: `3.2 unverified, 12 verified in an hour`.
    pub level: String,
    /// What it allows.
    pub threshold: String,
    /// Until when the subject is closed, ms since 1970; `None` where it is open.
    pub closed_until_ms: Option<u64>,
}

/// The guard. Counters live as long as the process, and what matters of them longer; a reload keeps them.
#[derive(Debug)]
pub struct Guard {
    tenants: HashMap<String, Settings>,
    /// For a tenant of which nothing is said.
    others: Settings,
    /// By scope, the longest times of all tenants: what goes for buckets of which it is not known whose they are.
    lasting: [Allowance; 5],
    pool: Pool,
    verified_days: u16,
    state: Arc<State>,
}

/// What a reload keeps.
#[derive(Debug)]
struct State {
    clock: Clock,
    time: Time,
    keys: PrivacyKeys,
    hashing: Hashing,
    lists: ArcSwap<Lists>,
    destinations: Destinations,
    budgets: Budgets,
    spending: Spending,
    /// Tenants of which was said that no outcomes are known.
    told: Mutex<HashSet<String>>,
}

impl Guard {
    /// A guard by the settings of `guard` and of each tenant, which hashes what it counts under `keys`.
    pub fn new(config: &Config, keys: &PrivacyKeys, clock: &Clock) -> Arc<Self> {
        let state = State {
            clock: clock.clone(),
            time: Time::new(clock),
            keys: keys.clone(),
            hashing: Hashing::new(&keys.counting()),
            lists: ArcSwap::default(),
            destinations: Destinations::none(),
            budgets: Budgets::empty(),
            spending: Spending::default(),
            told: Mutex::default(),
        };
        Self::build(config, Arc::new(state), None)
    }

    /// A guard by other settings that goes on from the state of this one. Limits that did not change keep their counters.
    pub fn renewed(&self, config: &Config) -> Arc<Self> {
        Self::build(config, self.state.clone(), Some(&self.pool))
    }

    fn build(config: &Config, state: Arc<State>, before: Option<&Pool>) -> Arc<Self> {
        let (all, none) = (&config.guard, TenantGuard::default());
        let own = config.tenants.values().map(|tenant| &tenant.guard);
        let limits = own
            .chain([&none])
            .flat_map(|own| settings::limits(all, own));
        let pool = Pool::new(limits, all.verified_times, &state.clock, before);
        let of = |name, tenant| Settings::new(config, (name, tenant), (&pool, &state.hashing));
        let tenants = config.tenants.iter();
        let tenants: HashMap<_, _> = tenants
            .map(|(name, one)| (name.clone(), of(name, Some(one))))
            .collect();
        let others = of("", None);
        Arc::new(Self {
            lasting: Scope::ALL.map(|scope| lasting(tenants.values().chain([&others]), scope)),
            tenants,
            others,
            verified_days: all.verified_days,
            pool,
            state,
        })
    }

    /// Decides on a request and takes from its limits; once per request.
    pub fn admit(&self, request: &Request<'_>) -> Admission {
        let case = self.case(request);
        let mut admission = case.policy();
        if !case.passes_all && matches!(admission.verdict, Verdict::Allow { .. }) {
            case.take(&mut admission);
        }
        case.deflect(Look::Closes, &mut admission);
        admission
    }

    /// Takes from budgets and money what one attempt costs; before each one, also one of a fallback or last resort. A
    /// refusal takes the channel out of the verdict for the rest of the delivery.
    pub fn charge(&self, request: &Request<'_>, channel: Channel, price: Option<Price>) -> Charged {
        let case = self.case(request);
        let mut charged = Charged::default();
        let paid = settings::pays(channel);
        let mut watched = None;
        if paid && !case.passes_all && !request.charged {
            let over = case.over_budget(Look::Closes, &mut charged.shadowed);
            (charged.refusal, watched) = (over.refusal, over.watched);
        }
        if charged.refusal.is_none() {
            match case.spend(price, &mut charged.shadowed) {
                Ok(spent) => charged.taken.spent = spent,
                Err(refusal) => charged.refusal = Some(refusal),
            }
        }
        if paid && charged.refusal.is_none() {
            (charged.trail, charged.taken.put) = case.put(watched);
        }
        charged
    }

    /// Takes back what an attempt was charged that was never made.
    pub fn take_back(&self, request: &Request<'_>, charged: &Charged) {
        self.case(request).take_back(&charged.taken);
    }

    /// Decides without taking anything: by lists, number policy and the standing of its ranges, as a limit cannot be asked
    /// without being used.
    pub fn policy(&self, request: &Request<'_>) -> Admission {
        let case = self.case(request);
        let mut admission = case.policy();
        case.deflect(Look::Only, &mut admission);
        admission
    }

    /// Takes what a code that was used had put in out again, counts it for what its ranges may hold, and remembers its
    /// destination. The caller sees to it that this happens once for a delivery.
    pub fn verified(&self, verified: &Verified<'_>) {
        let state = &self.state;
        let now_ms = state.now_ms();
        let settings = self.settings(verified.tenant);
        let tag = state.tag(settings, verified.tenant);
        let (weight, known) =
            state
                .destinations
                .verify(verified.phone_hash, now_ms, self.verified_days);
        if known {
            // Only somebody new says anything of a range, and what this one had put in was taken out the first time. That
            // outcomes arrive is noted all the same.
            let keys = Keys::from_ranges([0; 3], None, (&state.hashing, tag));
            return self.prove(&keys, &Trail::default(), (verified, 0.0), now_ms);
        }
        let trail = verified.trail.unwrap_or_default();
        let keys = Keys::from_ranges(trail.ranges, verified.country, (&state.hashing, tag));
        self.prove(&keys, &trail, (verified, weight), now_ms);
    }

    fn prove(
        &self,
        keys: &Keys,
        trail: &Trail,
        (verified, weight): (&Verified<'_>, f64),
        now_ms: u64,
    ) {
        let settings = self.settings(verified.tenant);
        // Its age is by one clock, and trials by another, which goes on where the first one is set back.
        let age_ms = self.state.clock.unix_ms().saturating_sub(verified.sent_ms);
        let proof = Proof {
            weight,
            counted: trail.charged,
            trial: false,
            sent_ms: now_ms.saturating_sub(age_ms) + CLOCKS_APART_MS,
        };
        let shared = trail.trials & Trail::SHARED != 0;
        let allowance = |scope| Some(settings.allowance(scope, shared, true));
        self.state
            .budgets
            .verify(keys, (proof, trail.trials), now_ms, allowance);
    }

    /// Takes in destinations that were verified before, each with its day since 1970.
    pub fn remember(&self, rows: impl Iterator<Item = (KeyedHash, u32)>) {
        for (hash, day) in rows {
            self.state.destinations.remember(hash, day);
        }
    }

    /// Takes a destination over that was verified under an older hash, so that it is known under the present one. Says on
    /// which day since 1970 it was verified; `None` where there was nothing to take over.
    pub fn take_over(&self, phone: KeyedHash, older: &[KeyedHash]) -> Option<u32> {
        let (destinations, now_ms) = (&self.state.destinations, self.state.now_ms());
        let is_known = |older| {
            let standing = destinations.standing(phone, older, now_ms, self.verified_days);
            standing.verified
        };
        if older.is_empty() || is_known(&[]) || !is_known(older) {
            return None;
        }
        let day = destinations.verified_on(older);
        destinations.remember(phone, day);
        Some(day)
    }

    /// Takes other lists up, all of them.
    pub fn set_entries(&self, entries: Vec<ListEntry>) {
        self.state.lists.store(Arc::new(Lists::new(entries)));
    }

    /// Keys held by each limit, by its name, and by each budget.
    pub fn limit_keys(&self) -> Vec<(String, usize)> {
        let budgets = Scope::ALL.map(|scope| scope.rule().to_owned());
        let budgets = budgets.into_iter().zip(self.state.budgets.count());
        let known = ("destinations".to_owned(), self.state.destinations.count());
        self.pool
            .keys()
            .into_iter()
            .chain(budgets)
            .chain([known])
            .collect()
    }

    /// Ranges that are closed, by rule. This looks at every range there is.
    pub fn closed(&self) -> Vec<(&'static str, usize)> {
        let closed = self.state.budgets.closed(self.state.now_ms());
        let rules = Scope::ALL.map(Scope::rule);
        rules.into_iter().zip(closed).collect()
    }

    /// Makes room where it is scarce; due every second.
    pub fn upkeep(&self) {
        self.state.budgets.make_room();
    }

    /// Drops idle keys; due every minute. It takes time with millions of them.
    pub fn drop_idle(&self) {
        let now_ms = self.state.now_ms();
        self.pool.drop_idle();
        self.state
            .destinations
            .drop_idle(now_ms, self.verified_days);
        self.state.spending.drop_idle(now_ms);
        let allowance = |scope: Scope| self.lasting[scope as usize];
        self.state.budgets.drop_idle(now_ms, allowance);
    }

    fn settings(&self, tenant: &str) -> &Settings {
        self.tenants.get(tenant).unwrap_or(&self.others)
    }

    fn case<'a>(&'a self, request: &'a Request<'a>) -> Case<'a> {
        let settings = self.settings(request.tenant);
        Case::new(self, settings, request)
    }
}

/// The longest times of some settings for a scope.
fn lasting<'a>(mut all: impl Iterator<Item = &'a Settings>, scope: Scope) -> Allowance {
    let of = |settings: &Settings| settings.allowance(scope, false, true);
    let first = all.next().map(of).unwrap_or_default();
    all.map(of).fold(first, |longest, one| Allowance {
        leak_ms: longest.leak_ms.max(one.leak_ms),
        longest_pause_ms: longest.longest_pause_ms.max(one.longest_pause_ms),
        ..longest
    })
}

impl State {
    fn now_ms(&self) -> u64 {
        self.time.ms(&self.clock)
    }

    /// A tenant's tag, which is known beforehand for all that are configured.
    fn tag(&self, settings: &Settings, tenant: &str) -> Tag {
        settings.tag.unwrap_or_else(|| self.hashing.tenant(tenant))
    }
}
