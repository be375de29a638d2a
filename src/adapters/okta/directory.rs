//! The tenants as they are served now: made whole from the configuration, and swapped whole when it changes.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderMap;
use url::Url;

use super::{
    auth::Credentials,
    jwks::KeySet,
    load::TenantLoad,
    profile::{Profiles, settings::Settings},
    tenant::Tenant,
};
use crate::clock::Clock;

/// How long a caller of a tenant that does not exist may wait for keys: as long as the others.
const STRANGERS_WAIT: Duration = Duration::from_secs(1);

/// A tenant with what the door keeps for it.
pub struct Resident {
    /// Its settings.
    pub tenant: Tenant,
    /// Its hooks under way.
    pub load: Arc<TenantLoad>,
    /// Its events under way.
    pub events_load: Arc<TenantLoad>,
    /// Its people's profiles, where they are looked at.
    pub profiles: Option<Arc<Profiles>>,
    credentials: Credentials,
}

/// The tenants by name.
pub struct Directory {
    residents: HashMap<String, Arc<Resident>>,
    stranger: Credentials,
    key_sets: HashMap<Url, Arc<KeySet>>,
}

impl Directory {
    /// The directory of these tenants. What `before` had under the same name or address goes on: hooks under way, signing
    /// keys, and profiles that are still asked for in the same way. `start` begins to fetch the keys of an address that is new,
    /// `ask` to ask for profiles by settings that are new; what is gone is not fetched and asked for any more.
    pub fn new(
        tenants: Vec<Tenant>,
        before: Option<&Self>,
        clock: &Clock,
        start: impl Fn(Url) -> Arc<KeySet>,
        ask: impl Fn(&str, Settings) -> Arc<Profiles>,
    ) -> Self {
        let mut key_sets = HashMap::new();
        for url in tenants.iter().filter_map(keys_url) {
            let known = before.and_then(|before| before.key_sets.get(url));
            let set = || known.map_or_else(|| start(url.clone()), Arc::clone);
            key_sets.entry(url.clone()).or_insert_with(set);
        }
        if let Some(before) = before {
            let gone = before.key_sets.iter();
            let gone = gone.filter(|(url, _)| !key_sets.contains_key(*url));
            gone.for_each(|(_, set)| set.stop());
        }
        let decoy = key_sets.values().next().cloned();
        let residents = tenants.into_iter().map(|mut tenant| {
            let known = before.and_then(|before| before.residents.get(&tenant.name));
            let load = known.map(|known| known.load.clone()).unwrap_or_default();
            let events_load = known.map(|known| known.events_load.clone());
            let profiles = tenant.profile.take().map(|settings| {
                let same = known.and_then(|known| known.profiles.clone());
                same.filter(|same| same.adopt(&settings))
                    .unwrap_or_else(|| ask(&tenant.name, settings))
            });
            let keys = keys_url(&tenant).and_then(|url| key_sets.get(url).cloned());
            let resident = Resident {
                credentials: Credentials::new(
                    tenant.header.clone(),
                    tenant.secrets.clone(),
                    tenant.oauth.as_ref().map(|oauth| oauth.expected.clone()),
                    keys.or_else(|| decoy.clone()),
                ),
                load,
                events_load: events_load.unwrap_or_default(),
                profiles,
                tenant,
            };
            (resident.tenant.name.clone(), Arc::new(resident))
        });
        let residents: HashMap<_, _> = residents.collect();
        if let Some(before) = before {
            let profiles = |residents: &HashMap<String, Arc<Resident>>| {
                let all = residents.values();
                all.filter_map(|one| one.profiles.clone())
                    .collect::<Vec<_>>()
            };
            let go_on = profiles(&residents);
            let gone = profiles(&before.residents).into_iter();
            gone.filter(|old| !go_on.iter().any(|new| Arc::ptr_eq(old, new)))
                .for_each(|old| old.stop());
        }
        Self {
            residents,
            stranger: Credentials::of_nobody(clock, decoy.clone()),
            key_sets,
        }
    }

    /// The tenant of this name, if these headers show that its Okta is calling. Of a tenant that does not exist nothing
    /// more can be told than of a wrong credential.
    pub async fn admit(
        &self,
        name: &str,
        headers: &HeaderMap,
        arrived: Instant,
        clock: &Clock,
    ) -> Option<Arc<Resident>> {
        let resident = self.residents.get(name);
        let (credentials, wait) = match resident {
            Some(known) => (&known.credentials, known.tenant.answer_within),
            None => (&self.stranger, STRANGERS_WAIT),
        };
        let shown = credentials.admit(headers, arrived + wait, clock).await;
        resident.filter(|_| shown).cloned()
    }
}

fn keys_url(tenant: &Tenant) -> Option<&Url> {
    tenant.oauth.as_ref().map(|oauth| &oauth.keys)
}
