//! One request before the guard: what is known of it, and what each layer says.

use std::{cell::OnceCell, sync::PoisonError};

use crate::{
    config::guard::Mode,
    domain::{
        channel::{Channel, Channels},
        listed::{Effect, ListEntry, hashes_of},
        phone::Country,
        price::Price,
        purpose::Purpose,
        verdict::{Refusal, Verdict},
    },
};

use super::{
    Admission, Guard, Request, State, Taken, Trail,
    bucket::{Allowance, Put},
    budgets::{Keys, Look, Place, Places},
    destinations::Standing,
    hashing::{Hashing, Kind, Tag},
    limits::Counted,
    lists::Asker,
    rules::{
        budget::Scope,
        country::{self, CountryMode},
        deflect, listed, money, number_type,
    },
    settings::{self, Rule, Settings},
    spending::Purse,
};

/// What its ranges say to one more stranger.
#[derive(Default)]
pub(super) struct Over {
    /// Why they do not take it.
    pub(super) refusal: Option<Refusal>,
    /// The narrowest that only watches and would not have taken it.
    pub(super) watched: Option<Scope>,
}

/// One request before the guard.
pub(super) struct Case<'a> {
    /// Whether an operator lets it pass everything.
    pub(super) passes_all: bool,
    state: &'a State,
    settings: &'a Settings,
    request: &'a Request<'a>,
    tag: Tag,
    now_ms: u64,
    destination: Standing,
    /// The entry of the block list that it meets.
    blocked: Option<ListEntry>,
    keys: OnceCell<Keys>,
}

impl<'a> Case<'a> {
    pub(super) fn new(guard: &'a Guard, settings: &'a Settings, request: &'a Request<'a>) -> Self {
        let state = &*guard.state;
        let now_ms = state.now_ms();
        let mut case = Self {
            passes_all: false,
            state,
            settings,
            request,
            tag: state.tag(settings, request.tenant),
            now_ms,
            destination: (state.destinations).standing(
                request.phone_hash,
                request.older.phone,
                now_ms,
                guard.verified_days,
            ),
            blocked: None,
            keys: OnceCell::new(),
        };
        case.look_up();
        case
    }

    fn look_up(&mut self) {
        let request = self.request;
        let asker = Asker {
            tenant: request.tenant,
            digits: request.phone.key(),
            written: request.phone.expose_digits(),
            user: request.user_hash,
            older: request.older.user,
            client: request.client,
            now_ms: self.now_ms,
        };
        let lists = self.state.lists.load();
        let hashes = || hashes_of(&self.state.keys, request.phone);
        let Some(entry) = lists.find(&asker, hashes) else {
            return;
        };
        match entry.effect {
            Effect::Allow => self.passes_all = true,
            Effect::Block => self.blocked = Some(entry.clone()),
        }
    }

    /// Lists and number policy.
    pub(super) fn policy(&self) -> Admission {
        let request = self.request;
        let mut admission = Admission {
            verdict: Verdict::Allow {
                channels: request.channels,
            },
            shadowed: Vec::new(),
        };
        if self.passes_all {
            return admission;
        }
        if let Some(entry) = &self.blocked {
            let refusal = || listed::refusal(entry, self.now_ms);
            if self.refuses(Rule::Lists, refusal, &mut admission) {
                return admission;
            }
        }
        if self.country(&mut admission) {
            return admission;
        }
        self.number_type(&mut admission);
        admission
    }

    /// Whether the country ends it.
    fn country(&self, admission: &mut Admission) -> bool {
        let request = self.request;
        let country = request.phone.country();
        let mode = CountryMode::of(country, self.settings.country(country), request.countries);
        match country::check(country, mode, self.destination.verified, request.countries) {
            country::Found::Pass => false,
            country::Found::Seen(refusal) => {
                admission.shadowed.push(refusal);
                false
            }
            country::Found::Refuse(refusal) => {
                self.refuses(Rule::Policy(country::RULE), || refusal, admission)
            }
        }
    }

    fn number_type(&self, admission: &mut Admission) {
        let request = self.request;
        let (kind, wanted) = (request.phone.kind(), request.channels);
        let allowed = number_type::channels(
            kind,
            wanted,
            &self.settings.message_types,
            &self.settings.voice_types,
        );
        let rule = Rule::Policy(number_type::RULE);
        if let Err(refusal) = number_type::check(kind, wanted, allowed) {
            self.refuses(rule, || refusal, admission);
        } else if self.settings.mode(rule, request.purpose) == Mode::Enforce {
            admission.verdict = Verdict::Allow { channels: allowed };
        }
    }

    /// Takes a refusal by its rule's mode; says whether it ends the request.
    fn refuses(
        &self,
        rule: Rule<'_>,
        refusal: impl FnOnce() -> Refusal,
        admission: &mut Admission,
    ) -> bool {
        match self.settings.mode(rule, self.request.purpose) {
            Mode::Enforce => {
                admission.verdict = Verdict::Refuse(refusal());
                true
            }
            Mode::Shadow => {
                admission.shadowed.push(refusal());
                false
            }
            Mode::Disabled => false,
        }
    }

    /// Takes from the rate limits.
    pub(super) fn take(&self, admission: &mut Admission) {
        let request = self.request;
        let counted = Counted {
            tag: self.tag,
            phone: request.phone,
            user: request.user,
            trusted: self.destination.verified && request.purpose == Purpose::SignIn,
        };
        for limit in self.settings.limits.applying(request.purpose) {
            let rule = Rule::Limit(limit.name(), limit.mode);
            if self.settings.mode(rule, request.purpose) == Mode::Disabled {
                continue;
            }
            if let Err(refusal) = limit.take(&counted, &self.state.hashing)
                && self.refuses(rule, || refusal, admission)
            {
                return;
            }
        }
    }

    /// Why its ranges do not take one more stranger, where they do not. Nothing is put in.
    pub(super) fn over_budget(&self, look: Look, shadowed: &mut Vec<Refusal>) -> Over {
        let mut found = Over::default();
        if self.is_exempt() {
            return found;
        }
        let sighted = self.sighted();
        let weight = self.destination.weight();
        self.state.budgets.check(
            self.keys(),
            (weight, self.now_ms, look),
            |scope| self.allowance(scope, sighted),
            |closed, wide| {
                let enforced = self.budget_mode(closed) == Mode::Enforce;
                enforced || self.budget_mode(wide) == Mode::Shadow
            },
            |over| {
                if self.budget_mode(over.scope) == Mode::Enforce {
                    found.refusal = Some(over.refusal);
                    return true;
                }
                found.watched.get_or_insert(over.scope);
                shadowed.push(over.refusal);
                false
            },
        );
        if !sighted && (found.refusal.is_some() || found.watched.is_some()) {
            self.tell_blind();
        }
        found
    }

    /// Puts one more into its ranges, unless it is exempt. A range in shadow holds what it would hold if it were enforced:
    /// nothing that it, or a narrower one in shadow (`watched`), would have refused.
    pub(super) fn put(&self, watched: Option<Scope>) -> (Trail, Option<(Put, Places)>) {
        let mut trail = Trail {
            ranges: self.keys().ranges(),
            ..Trail::default()
        };
        if self.passes_all || self.is_exempt() {
            return (trail, None);
        }
        let sighted = self.sighted();
        let refused = |scope| {
            let narrow = watched.is_some_and(|narrow| scope >= narrow);
            narrow && self.budget_mode(scope) == Mode::Shadow
        };
        let put = Put {
            weight: self.destination.weight(),
            first: self.destination.first,
        };
        let places = self.state.budgets.put(
            self.keys(),
            (&put, self.request.charged, self.now_ms),
            |scope| self.allowance(scope, sighted).filter(|_| !refused(scope)),
        );
        if places.scopes == 0 {
            return (trail, None);
        }
        trail.charged = true;
        trail.trials = places.trials;
        if self.settings.is_shared(self.request.client) {
            trail.trials |= Trail::SHARED;
        }
        self.state
            .destinations
            .put(self.request.phone_hash, put.first, self.now_ms);
        (trail, Some((put, places)))
    }

    /// Takes back what an attempt had taken that was never made.
    pub(super) fn take_back(&self, taken: &Taken) {
        let request = self.request;
        let keys = money_keys(&self.state.hashing, self.tag, request.phone.country());
        let purses = keys.map(|key| Purse { key, cap: None });
        self.state
            .spending
            .take_back(&purses, taken.spent, self.now_ms);
        let Some((put, places)) = &taken.put else {
            return;
        };
        let sighted = self.sighted();
        self.state
            .budgets
            .take_back(self.keys(), (put, *places, self.now_ms), |scope| {
                self.allowance(scope, sighted)
            });
        self.state
            .destinations
            .take_back(request.phone_hash, put.first);
    }

    /// Spends what an attempt costs, and says how much it was, in millionths; or why it may not.
    pub(super) fn spend(
        &self,
        price: Option<Price>,
        shadowed: &mut Vec<Refusal>,
    ) -> Result<u64, Refusal> {
        let caps = &self.settings.money;
        let price = price.map_or(caps.unknown_price, Price::millionths);
        let country = self.request.phone.country();
        let modes =
            money::RULES.map(|rule| self.settings.mode(Rule::Money(rule), self.request.purpose));
        let own = [caps.country(country), caps.tenant];
        let keys = money_keys(&self.state.hashing, self.tag, country);
        let cap = |place: usize, mode: Mode| {
            own[place].filter(|_| modes[place] == mode && !self.passes_all)
        };
        let purses = |mode| {
            [0, 1].map(|place| Purse {
                key: keys[place],
                cap: cap(place, mode),
            })
        };
        let shadow = self
            .state
            .spending
            .would_refuse(&purses(Mode::Shadow), price, self.now_ms);
        if let Some((place, spent)) = shadow {
            let cap = own[place].unwrap_or_default();
            shadowed.push(money::refusal(place, spent, cap, self.now_ms));
        }
        let spent = self
            .state
            .spending
            .spend(&purses(Mode::Enforce), price, self.now_ms);
        spent.map(|()| price).map_err(|(place, spent)| {
            let cap = own[place].unwrap_or_default();
            money::refusal(place, spent, cap, self.now_ms)
        })
    }

    /// Turns what its ranges do not take into a deflection, or a refusal. Nothing is put in.
    pub(super) fn deflect(&self, look: Look, admission: &mut Admission) {
        let Verdict::Allow { channels } = admission.verdict else {
            return;
        };
        let mut ways = Channel::ALL
            .into_iter()
            .filter(|one| channels.contains(*one));
        if self.passes_all || !ways.any(settings::pays) {
            return;
        }
        let over = self.over_budget(look, &mut admission.shadowed);
        if let Some(refusal) = over.refusal {
            admission.verdict = self.soften(refusal);
        }
    }

    /// A refusal, or what is offered in its place.
    pub(super) fn soften(&self, refusal: Refusal) -> Verdict {
        let message = Channels::NONE.with(Channel::Whatsapp).with(Channel::Line);
        let settings = self.settings;
        let may = number_type::channels(
            self.request.phone.kind(),
            message,
            &settings.message_types,
            &settings.voice_types,
        );
        deflect::soften(refusal, settings.offers, may, self.request.opted_in)
    }

    /// Whether budgets do not concern it: the destination was verified before, or the identity provider had its phone
    /// proven.
    fn is_exempt(&self) -> bool {
        let signs_in = self.request.purpose == Purpose::SignIn;
        self.destination.verified || signs_in && self.settings.exempt_sign_in
    }

    /// Whether budgets go by outcomes. They do once these have been seen for as long as budgets remember: until then what
    /// was sent without them still stands there.
    fn sighted(&self) -> bool {
        self.has_outcomes(self.settings.leak_ms())
    }

    fn has_outcomes(&self, for_ms: u64) -> bool {
        self.state
            .budgets
            .sighted(self.tag, &self.state.hashing, (self.now_ms, for_ms))
    }

    fn allowance(&self, scope: Scope, sighted: bool) -> Option<Allowance> {
        let shared = || scope == Scope::Network && self.settings.is_shared(self.request.client);
        (self.budget_mode(scope) != Mode::Disabled)
            .then(|| self.settings.allowance(scope, shared(), sighted))
    }

    fn budget_mode(&self, scope: Scope) -> Mode {
        self.settings
            .mode(Rule::Budget(scope), self.request.purpose)
    }

    fn keys(&self) -> &Keys {
        self.keys.get_or_init(|| {
            let place = Place {
                tag: self.tag,
                phone: self.request.phone,
                client: self.request.client,
            };
            Keys::of(&place, &self.state.hashing)
        })
    }

    /// Says once for a tenant that its budgets have to do without outcomes.
    fn tell_blind(&self) {
        if self.has_outcomes(0) {
            return;
        }
        let mut told = self
            .state
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if told.len() < 10_000 && told.insert(self.request.tenant.to_owned()) {
            tracing::warn!(
                tenant = self.request.tenant,
                "no outcomes have arrived for a day: the guard judges volume alone"
            );
        }
    }
}

/// The keys of a country's and the tenant's purse.
pub(super) fn money_keys(hashing: &Hashing, tag: Tag, country: Option<Country>) -> [u64; 2] {
    let country = country.map_or_else(
        // A number of no country has a purse too, and each tenant its own.
        || hashing.figure(Kind::Country, tag, 0),
        |country| hashing.country(tag, country),
    );
    // The same hash is a bucket's: another table, which is no place for a clash.
    [country, hashing.figure(Kind::Tenant, tag, 2)]
}
