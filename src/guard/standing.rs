//! How the rules stand to somebody: what operators are shown.

use crate::{
    config::guard::LimitKey,
    domain::{
        address::Address,
        phone::{Country, PhoneNumber},
        prefix,
        price::Price,
        privacy::KeyedHash,
    },
};

use super::{
    Guard, Standing, Subject,
    budgets::{self, Keys, Place},
    case::money_keys,
    hashing::{Kind, Tag},
    limits::{self, Limit},
    rules::{
        budget::{self, Scope},
        money,
    },
    settings::Settings,
};

impl Guard {
    /// How the rules stand to a subject of a tenant. Nothing is taken, and nothing closed.
    pub fn standing(&self, tenant: &str, subject: &Subject<'_>) -> Vec<Standing> {
        let settings = self.settings(tenant);
        let viewer = Viewer {
            guard: self,
            settings,
            tag: self.state.tag(settings, tenant),
            now_ms: self.state.now_ms(),
        };
        match *subject {
            Subject::Destination(phone, hash, older) => viewer.destination(phone, hash, older),
            Subject::Range(digits) => viewer.range(digits),
            Subject::Country(country) => viewer.country(country),
            Subject::User(_, id) => {
                let key = self.state.hashing.user(viewer.tag, id);
                viewer.limits(LimitKey::User, key)
            }
            Subject::Network(address) => viewer.network(address),
            Subject::Tenant => viewer.tenant(),
        }
    }
}

struct Viewer<'a> {
    guard: &'a Guard,
    settings: &'a Settings,
    tag: Tag,
    now_ms: u64,
}

impl Viewer<'_> {
    fn destination(
        &self,
        phone: &PhoneNumber,
        hash: KeyedHash,
        older: &[KeyedHash],
    ) -> Vec<Standing> {
        let state = &self.guard.state;
        let days = self.guard.verified_days;
        let known = state.destinations.standing(hash, older, self.now_ms, days);
        let verified = if known.verified { "yes" } else { "no" };
        let mut standing = vec![Standing {
            rule: "verified".into(),
            key: "destination",
            level: verified.to_owned(),
            threshold: format!("within {} days", self.guard.verified_days),
            closed_until_ms: None,
        }];
        let key = limits::destination(&state.hashing, self.tag, phone);
        standing.extend(self.limits(LimitKey::Destination, key));
        let place = Place {
            tag: self.tag,
            phone,
            client: None,
        };
        let keys = Keys::of(&place, &state.hashing);
        for (scope, key) in Scope::ALL.into_iter().zip(keys.0) {
            if key != 0 {
                standing.push(self.budget(scope, key, None));
            }
        }
        standing
    }

    /// A range by all of its digits: 10,000 numbers where they would be too many for 1,000,000. Its length does not say
    /// which it is, as countries differ in theirs, so both are shown.
    fn range(&self, digits: &str) -> Vec<Standing> {
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        let Ok(digits) = prefix::canonical(digits).parse() else {
            return Vec::new();
        };
        let scopes = [Scope::Range10k, Scope::Range1m];
        let hashing = &self.guard.state.hashing;
        let key = |scope| budgets::range(hashing, self.tag, scope, digits);
        scopes
            .map(|scope| self.budget(scope, key(scope), None))
            .into()
    }

    fn country(&self, country: Country) -> Vec<Standing> {
        let key = self.guard.state.hashing.country(self.tag, country);
        let mut standing = self.limits(LimitKey::Country, key);
        standing.push(self.budget(Scope::Country, key, None));
        standing.push(self.money(0, Some(country)));
        standing
    }

    fn network(&self, address: Address) -> Vec<Standing> {
        let key = self.guard.state.hashing.network(self.tag, address);
        vec![self.budget(Scope::Network, key, Some(address))]
    }

    fn tenant(&self) -> Vec<Standing> {
        let hashing = &self.guard.state.hashing;
        let mut standing = self.limits(LimitKey::Tenant, hashing.figure(Kind::Tenant, self.tag, 0));
        let key = hashing.figure(Kind::Tenant, self.tag, 1);
        standing.push(self.budget(Scope::Tenant, key, None));
        standing.push(self.money(1, None));
        standing
    }

    fn limits(&self, of: LimitKey, key: u64) -> Vec<Standing> {
        let limits = self.settings.limits.of(of);
        limits.map(|limit| standing_of(limit, of, key)).collect()
    }

    fn budget(&self, scope: Scope, key: u64, client: Option<Address>) -> Standing {
        let state = &self.guard.state;
        let settled = (self.now_ms, self.settings.leak_ms());
        let sighted = state.budgets.sighted(self.tag, &state.hashing, settled);
        let shared = self.settings.is_shared(client);
        let by = self.settings.allowance(scope, shared, sighted);
        let bucket = state.budgets.look(scope, key, self.now_ms, &by);
        Standing {
            rule: scope.rule().into(),
            key: scope.key(),
            level: budget::level(&bucket, &by),
            threshold: budget::threshold(&bucket, &by),
            closed_until_ms: bucket.closed_until_ms(),
        }
    }

    fn money(&self, place: usize, country: Option<Country>) -> Standing {
        let caps = &self.settings.money;
        let state = &self.guard.state;
        let key = money_keys(&state.hashing, self.tag, country)[place];
        let cap = if place == 0 {
            caps.country(country)
        } else {
            caps.tenant
        };
        let spent = Price::from_millionths(state.spending.spent(key, self.now_ms));
        let cap = cap.map(Price::from_millionths);
        Standing {
            rule: money::RULES[place].into(),
            key: if place == 0 { "country" } else { "tenant" },
            level: format!("{spent} spent today"),
            threshold: cap.map_or_else(|| "no cap".to_owned(), |cap| format!("{cap} a day")),
            closed_until_ms: None,
        }
    }
}

fn standing_of(limit: &Limit, of: LimitKey, key: u64) -> Standing {
    let (used, count) = limit.used(key);
    let per = humantime::format_duration(limit.per());
    Standing {
        rule: limit.name().clone(),
        key: limits::key_name(of),
        level: format!("{used} used"),
        threshold: format!("{count} per {per}"),
        closed_until_ms: None,
    }
}
