//! What a tenant's messages would take: its channels and routes, with prices. Made from the configuration alone: no
//! secret is resolved and no provider is asked.

use std::{collections::HashMap, sync::Arc};

use crate::{
    channels::{
        bounds::Bounds,
        directory::{Directory, Problems},
    },
    config::Config,
    dispatch::policy::{Policy, Tenant},
    domain::{
        channel::{Channel, Channels},
        phone::PhoneNumber,
        price::{Price, Prices},
        purpose::Purpose,
    },
    guard::Guard,
    routing::{
        health::Standing,
        plan::{self, Plan, Step},
        preference::{self, Wishes},
    },
};

/// What the messages of each provider cost, by channel.
type PriceLists = HashMap<Arc<str>, Vec<(Channel, Prices)>>;

/// Where a tenant's messages would go.
pub(super) struct Routes {
    pub(super) tenant: Tenant,
    prices: PriceLists,
}

impl Routes {
    /// Those of a tenant; `None` where there is no such tenant, or what is wrong with a provider's prices.
    pub(super) fn of(
        config: &Config,
        tenant: &str,
        guard: Arc<Guard>,
    ) -> Result<Option<Self>, Problems> {
        let mut policy = Policy::new(config, Directory::default(), guard);
        let Some(mut tenant) = policy.tenants.remove(tenant) else {
            return Ok(None);
        };
        let prices = prices(config)?;
        for rule in &mut tenant.rules {
            for candidate in &mut rule.candidates {
                let own = prices.get(&candidate.provider);
                candidate.prices = price_list(own, rule.channel);
            }
        }
        Ok(Some(Self { tenant, prices }))
    }

    /// The channels that somebody's code may take, in order: those of the tenant, then those that reach them otherwise.
    pub(super) fn channels(&self, reachable: Channels) -> Vec<Channel> {
        let wished = self.tenant.channels.iter().copied();
        let others = Channel::ALL.into_iter();
        let mut profile = wished.collect::<Vec<_>>();
        profile
            .extend(others.filter(|c| reachable.contains(*c) && !self.tenant.channels.contains(c)));
        preference::channels(&Wishes {
            explicit: &[],
            stored: &[],
            profile: &profile,
            default: &self.tenant.channels,
            family: None,
            last_resort_sms: self.tenant.last_resort_sms,
        })
    }

    /// The route within a verdict, with every provider well.
    pub(super) fn plan(
        &self,
        phone: &PhoneNumber,
        purpose: Purpose,
        (channels, allowed): (&[Channel], Channels),
        chance: u64,
    ) -> Plan {
        let request = plan::Request {
            channels,
            allowed,
            remembered: Channels::NONE,
            line_user: true,
            country: phone.country(),
            purpose,
            chance,
        };
        plan::plan(&request, &self.tenant.rules, |_, _| Standing::Open(1.0))
    }

    /// What a step's message costs.
    pub(super) fn price(&self, step: &Step, phone: &PhoneNumber) -> Option<Price> {
        let own = self.prices.get(&step.provider);
        price_list(own, step.channel).of(phone.country())
    }
}

fn price_list(own: Option<&Vec<(Channel, Prices)>>, channel: Channel) -> Prices {
    let own = own.and_then(|own| own.iter().find(|(of, _)| *of == channel));
    own.map(|(_, prices)| prices.clone()).unwrap_or_default()
}

/// What every provider's messages cost, or all that is wrong with it.
fn prices(config: &Config) -> Result<PriceLists, Problems> {
    let mut prices = HashMap::new();
    let mut problems = Vec::new();
    for (name, provider) in &config.providers {
        let bounds = Bounds::take(&mut provider.settings.clone());
        match bounds.and_then(|bounds| bounds.read_prices()) {
            Ok(own) => drop(prices.insert(name.as_str().into(), own)),
            Err(wrong) => {
                let wrong = wrong.into_problems().into_iter();
                problems
                    .extend(wrong.map(|(path, what)| (format!("providers.{name}.{path}"), what)));
            }
        }
    }
    problems.is_empty().then_some(prices).ok_or(problems)
}
