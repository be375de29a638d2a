//! By what codes are sent: tenants, routes, providers and the guard, as one snapshot of the configuration.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    channels::directory::Directory,
    config::{
        self, Config, routes,
        tenants::{Line, OnAmbiguous},
    },
    domain::{channel::Channel, phone::Country, purpose::Purpose},
    guard::Guard,
    messages::catalog::Catalog,
    routing::{
        pick::Pick,
        plan::{Candidate, Rule},
    },
};

/// By what codes are sent. A send keeps the snapshot it began with.
#[derive(Debug)]
pub struct Policy {
    /// Tenants by name.
    pub tenants: HashMap<String, Tenant>,
    /// Providers by name.
    pub directory: Directory,
    /// What may refuse a send.
    pub guard: Arc<Guard>,
    /// Days for which a verified destination is remembered.
    pub verified_days: u16,
}

/// What a tenant's sends go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The countries it serves.
    pub countries: Vec<Country>,
    /// Channels where nobody prefers another one.
    pub channels: Vec<Channel>,
    /// Whether SMS is tried last when nobody asked for it.
    pub last_resort_sms: bool,
    /// How long a channel is left out on which a recipient could not be reached.
    pub unreachable_for: Duration,
    /// Whether a LINE user id may decide who gets a code.
    pub line: Line,
    /// The words of its messages.
    pub messages: Catalog,
    /// Whether a further step may follow an attempt that may have been sent.
    pub next_when_ambiguous: bool,
    /// Its routes; first match wins.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The policy of a configuration that was checked.
    pub fn new(config: &Config, directory: Directory, guard: Arc<Guard>) -> Self {
        let tenant = |(name, settings): (&String, &config::tenants::Tenant)| {
            let tenant = Tenant::new(settings, rules(config, name, settings, &directory));
            (name.clone(), tenant)
        };
        Self {
            tenants: config.tenants.iter().map(tenant).collect(),
            directory,
            guard,
            verified_days: config.guard.verified_days,
        }
    }
}

impl Tenant {
    fn new(settings: &config::tenants::Tenant, rules: Vec<Rule>) -> Self {
        let channels = settings.channels.default.iter();
        Self {
            countries: settings.countries.allow.iter().map(|c| c.0).collect(),
            channels: channels.map(|name| Channel::from(*name)).collect(),
            last_resort_sms: settings.channels.last_resort_sms,
            messages: Catalog::new(settings),
            next_when_ambiguous: settings.on_ambiguous == OnAmbiguous::Next,
            unreachable_for: settings.channels.unreachable_for.0,
            line: settings.line.clone(),
            rules,
        }
    }
}

/// A tenant's routes: its own, else those of all that serve it.
fn rules(
    config: &Config,
    name: &String,
    settings: &config::tenants::Tenant,
    directory: &Directory,
) -> Vec<Rule> {
    let serves = |route: &&routes::Route| route.tenants.is_empty() || route.tenants.contains(name);
    if settings.routes.is_empty() {
        let shared = config.routes.iter().filter(serves);
        return shared.map(|route| rule(route, directory)).collect();
    }
    let own = settings.routes.iter();
    own.map(|route| rule(route, directory)).collect()
}

fn rule(route: &routes::Route, directory: &Directory) -> Rule {
    let channel = Channel::from(route.channel);
    let candidates = route.providers.iter();
    Rule {
        channel,
        countries: route.countries.iter().map(|country| country.0).collect(),
        purposes: route.purposes.iter().map(|p| Purpose::from(*p)).collect(),
        candidates: candidates
            .map(|name| candidate(name, channel, route, directory))
            .collect(),
        pick: match route.pick {
            routes::Pick::Order => Pick::Order,
            routes::Pick::Weight => Pick::Weight,
            routes::Pick::Cost => Pick::Cost,
        },
    }
}

fn candidate(
    name: &str,
    channel: Channel,
    route: &routes::Route,
    directory: &Directory,
) -> Candidate {
    let configured = directory.get(name);
    let capability = configured.map(|one| one.provider.capability());
    let capability = capability.unwrap_or_default();
    Candidate {
        provider: configured.map_or_else(|| name.into(), |one| one.name.clone()),
        weight: route
            .weights
            .get(name)
            .map_or(1, |weight| weight.get().into()),
        prices: configured
            .map(|one| one.prices(channel))
            .unwrap_or_default(),
        by_line_user: capability.by_line_user,
        countries: capability.countries,
    }
}
