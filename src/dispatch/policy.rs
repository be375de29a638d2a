//! By what codes are sent: tenants, routes, providers and the guard, as one snapshot of the configuration.

use std::{collections::HashMap, sync::Arc};

use crate::{
    channels::directory::Directory,
    config::{self, Config, routes, tenants::OnAmbiguous},
    domain::{channel::Channel, phone::Country, purpose::Purpose},
    guard::Guard,
    routing::plan::Rule,
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
    /// The name in messages that we word ourselves; may be empty.
    pub brand: String,
    /// Whether a further step may follow an attempt that may have been sent.
    pub next_when_ambiguous: bool,
    /// Its routes; first match wins.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The policy of a configuration that was checked.
    pub fn new(config: &Config, directory: Directory, guard: Arc<Guard>) -> Self {
        let shared: Vec<_> = config.routes.iter().map(rule).collect();
        let tenants = config.tenants.iter();
        let tenants = tenants.map(|(name, tenant)| (name.clone(), Tenant::new(tenant, &shared)));
        Self {
            tenants: tenants.collect(),
            directory,
            guard,
        }
    }
}

impl Tenant {
    fn new(settings: &config::tenants::Tenant, shared: &[Rule]) -> Self {
        let own: Vec<_> = settings.routes.iter().map(rule).collect();
        let channels = settings.channels.default.iter();
        Self {
            countries: settings.countries.allow.iter().map(|c| c.0).collect(),
            channels: channels.map(|name| Channel::from(*name)).collect(),
            last_resort_sms: settings.channels.last_resort_sms,
            brand: settings.brand.clone(),
            next_when_ambiguous: settings.on_ambiguous == OnAmbiguous::Next,
            rules: if own.is_empty() { shared.to_vec() } else { own },
        }
    }
}

fn rule(route: &routes::Route) -> Rule {
    let routes::Pick::Order = route.pick;
    Rule {
        channel: Channel::from(route.channel),
        countries: route.countries.iter().map(|country| country.0).collect(),
        purposes: route.purposes.iter().map(|p| Purpose::from(*p)).collect(),
        providers: route
            .providers
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
    }
}
