//! The guard's settings as they hold for one tenant.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::{
    config::{
        self, Config,
        guard::{Budget, Budgets, Deflect, Limit, Mode, Money, RuleMode, TenantGuard},
        tenants::Countries,
    },
    domain::{
        address::Address,
        channel::Channel,
        phone::{Country, NumberType},
        purpose::Purpose,
    },
};

use super::{
    bucket::Allowance,
    hashing::{Hashing, Tag},
    limits::{Limits, Pool},
    rules::{budget::Scope, country::CountryMode, deflect::Offers},
    time::whole_ms,
};

/// What holds for one tenant.
#[derive(Debug)]
pub struct Settings {
    /// The tenant's part of every key; `None` for tenants of which nothing is said.
    pub tag: Option<Tag>,
    /// Its rate limits.
    pub limits: Limits,
    /// Types of numbers that may get messages.
    pub message_types: Vec<NumberType>,
    /// Types of numbers that may get calls.
    pub voice_types: Vec<NumberType>,
    /// The day's caps.
    pub money: Caps,
    /// What is offered in place of what costs.
    pub offers: Offers,
    /// Whether a sign-in is exempt from budgets.
    pub exempt_sign_in: bool,
    countries: BTreeMap<Country, CountryMode>,
    modes: Vec<RuleMode>,
    lists: Mode,
    number_policy: Mode,
    budgets: Budgets,
    money_mode: Mode,
    shared_networks: Vec<IpNet>,
}

/// A day's caps, in millionths.
#[derive(Debug)]
pub struct Caps {
    /// All messages.
    pub tenant: Option<u64>,
    /// What a message costs whose price is not known.
    pub unknown_price: u64,
    others: Option<u64>,
    countries: BTreeMap<Country, u64>,
}

impl Caps {
    /// The cap of a country.
    pub fn country(&self, country: Option<Country>) -> Option<u64> {
        let own = country.and_then(|country| self.countries.get(&country));
        own.copied().or(self.others)
    }
}

/// Which rule a mode is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Rule<'a> {
    /// The block list.
    Lists,
    /// Countries and types of numbers, by the rule's name.
    Policy(&'a str),
    /// A rate limit, by its name and what it says itself.
    Limit(&'a str, Mode),
    /// A budget.
    Budget(Scope),
    /// A cap, by the rule's name.
    Money(&'a str),
}

impl Settings {
    /// The settings of a tenant; of one that has none of its own where it is left out.
    pub fn new(
        config: &Config,
        (name, tenant): (&str, Option<&config::tenants::Tenant>),
        (pool, hashing): (&Pool, &Hashing),
    ) -> Self {
        let none = TenantGuard::default();
        let all = &config.guard;
        let own = tenant.map_or(&none, |tenant| &tenant.guard);
        let types = |names: &[config::values::NumberTypeName]| {
            names.iter().map(|name| NumberType::from(*name)).collect()
        };
        let money = own.money.as_ref().unwrap_or(&all.money);
        let budgets = own.budgets.as_ref().unwrap_or(&all.budgets);
        let networks = own.shared_networks.iter().chain(&all.shared_networks);
        Self {
            tag: tenant.map(|_| hashing.tenant(name)),
            limits: pool.limits(limits(all, own), all.verified_times),
            message_types: types(&all.number_types),
            voice_types: types(&all.voice_number_types),
            money: caps(money),
            offers: offers(own.deflect.as_ref().unwrap_or(&all.deflect)),
            exempt_sign_in: budgets.exempt_sign_in,
            countries: tenant
                .map(|tenant| countries(&tenant.countries))
                .unwrap_or_default(),
            modes: own.modes.iter().chain(&all.modes).cloned().collect(),
            lists: all.lists,
            number_policy: all.number_policy,
            budgets: budgets.clone(),
            money_mode: money.mode,
            shared_networks: networks.map(|network| network.0).collect(),
        }
    }

    /// How a rule acts on a purpose.
    pub fn mode(&self, rule: Rule<'_>, purpose: Purpose) -> Mode {
        let (name, usual) = match rule {
            Rule::Lists => (super::rules::listed::RULE, self.lists),
            Rule::Policy(name) => (name, self.number_policy),
            Rule::Limit(name, mode) => (name, mode),
            Rule::Budget(scope) => (scope.rule(), self.budgets.mode),
            Rule::Money(name) => (name, self.money_mode),
        };
        let fits = |mode: &&RuleMode| {
            let rule = mode.rules.is_empty() || mode.rules.iter().any(|one| one == name);
            let purposes = &mode.purposes;
            rule && (purposes.is_empty()
                || purposes.iter().any(|one| Purpose::from(*one) == purpose))
        };
        self.modes.iter().find(fits).map_or(usual, |mode| mode.mode)
    }

    /// What is said of a country beside those that are served.
    pub fn country(&self, country: Option<Country>) -> Option<CountryMode> {
        self.countries.get(&country?).copied()
    }

    /// By what a bucket of this scope goes; that of a network by whether many people share it.
    pub fn allowance(&self, scope: Scope, shared: bool, sighted: bool) -> Allowance {
        let budgets = &self.budgets;
        let budget: &Budget = match scope {
            Scope::Range10k => &budgets.range_10k,
            Scope::Range1m => &budgets.range_1m,
            Scope::Country => &budgets.country,
            Scope::Network if shared => &budgets.shared_network,
            Scope::Network => &budgets.network,
            Scope::Tenant => &budgets.tenant,
        };
        let longest = if scope.is_wide() {
            budgets.longest_wide_pause
        } else {
            budgets.longest_pause
        };
        Allowance {
            floor: f64::from(budget.floor),
            share: budget.share,
            leak_ms: whole_ms(budgets.leak.0),
            first_pause_ms: whole_ms(budgets.first_pause.0),
            longest_pause_ms: whole_ms(longest.0),
            sighted,
        }
    }

    /// In how long budgets forget, ms: before outcomes have been seen for as long, what was sent without them still stands
    /// in the buckets.
    pub fn leak_ms(&self) -> u64 {
        whole_ms(self.budgets.leak.0)
    }

    /// Whether a device's network is one that many people share.
    pub fn is_shared(&self, client: Option<Address>) -> bool {
        client.is_some_and(|client| {
            let mut networks = self.shared_networks.iter();
            networks.any(|network| network.contains(&client.expose()))
        })
    }
}

/// A tenant's limits: its own in place of those of the same name, and then the others of its own.
pub fn limits<'a>(
    all: &'a config::guard::Guard,
    own: &'a TenantGuard,
) -> impl Iterator<Item = &'a Limit> {
    let named = |name: &str| own.limits.iter().find(|limit| limit.name == name);
    let inherited = all
        .limits
        .iter()
        .filter(move |limit| named(&limit.name).is_none());
    inherited
        .chain(&own.limits)
        .filter(|limit| limit.mode != Mode::Disabled)
}

fn caps(money: &Money) -> Caps {
    let countries = money.countries.iter();
    Caps {
        tenant: money.per_day.map(|price| price.0.millionths()),
        unknown_price: money.unknown_price.0.millionths(),
        others: money.per_country_day.map(|price| price.0.millionths()),
        countries: countries
            .map(|(country, price)| (country.0, price.0.millionths()))
            .collect(),
    }
}

fn offers(deflect: &Deflect) -> Offers {
    Offers {
        whatsapp: deflect.whatsapp,
        line: deflect.line,
    }
}

fn countries(settings: &Countries) -> BTreeMap<Country, CountryMode> {
    let mut modes = BTreeMap::new();
    // What is listed twice is what the stricter list says.
    let lists = [
        (&settings.monitor, CountryMode::Monitor),
        (&settings.verified_only, CountryMode::VerifiedOnly),
        (&settings.block, CountryMode::Block),
    ];
    for (list, mode) in lists {
        modes.extend(list.iter().map(|country| (country.0, mode)));
    }
    modes
}

/// Whether a channel pays whoever owns the number, and so is budgeted.
pub const fn pays(channel: Channel) -> bool {
    match channel {
        Channel::Sms | Channel::Voice => true,
        Channel::Whatsapp | Channel::Line => false,
    }
}
