//! How the guard's rules stand to somebody, without asking them: asking would use them up.

use crate::{
    domain::{
        address::Address,
        listed::ListEntry,
        person,
        phone::{Country, PhoneNumber},
        privacy::Private,
    },
    guard::{Standing, Subject},
};

use super::{Dispatcher, lists::Held, policy::Policy, request::Request, send::Hashes};

/// Whose standing is asked for.
#[derive(Clone, Debug)]
pub enum Whose {
    /// A number's.
    Number(PhoneNumber),
    /// That of a range of numbers, by its digits.
    Range(String),
    /// A country's.
    Country(Country),
    /// A user's.
    User(Private),
    /// That of an address's network.
    Client(Address),
    /// The tenant's own.
    Tenant,
}

impl Dispatcher {
    /// How the rules stand to somebody, and the entries of the lists that hold for them.
    pub fn standing(&self, tenant: &str, whose: &Whose) -> (Vec<Standing>, Vec<ListEntry>) {
        let guard = &self.policy().guard;
        let keys = &self.keys;
        let holding = |whom| self.lists.holding(tenant, &whom);
        match whose {
            Whose::Number(phone) => {
                let hash = person::phone(keys, tenant, phone);
                let older = person::older_phones(keys, tenant, phone);
                let subject = Subject::Destination(phone, hash, &older);
                (
                    guard.standing(tenant, &subject),
                    holding(Held::Number(phone)),
                )
            }
            Whose::User(user) => {
                let hash = person::user(keys, tenant, user.expose());
                let subject = Subject::User(hash, user.expose());
                (guard.standing(tenant, &subject), holding(Held::User(user)))
            }
            Whose::Client(address) => {
                let standings = guard.standing(tenant, &Subject::Network(*address));
                (standings, holding(Held::Address(address.expose())))
            }
            Whose::Range(digits) => (guard.standing(tenant, &Subject::Range(digits)), Vec::new()),
            Whose::Country(country) => (
                guard.standing(tenant, &Subject::Country(*country)),
                Vec::new(),
            ),
            Whose::Tenant => (guard.standing(tenant, &Subject::Tenant), Vec::new()),
        }
    }

    /// The standings that a request meets, in words.
    pub(super) fn standings_of(
        &self,
        policy: &Policy,
        request: &Request,
        hashes: &Hashes,
    ) -> Vec<String> {
        let user = request.user.as_ref().zip(hashes.user);
        let subjects = [
            Some(Subject::Destination(
                &request.phone,
                hashes.phone,
                &hashes.older_phones,
            )),
            user.map(|(user, hash)| Subject::User(hash, user.expose())),
            request.client_ip.map(Subject::Network),
        ];
        let subjects = subjects.into_iter().flatten();
        let standings =
            subjects.flat_map(|subject| policy.guard.standing(&request.tenant, &subject));
        let now = self.clock.unix_ms();
        standings.map(|standing| told(&standing, now)).collect()
    }
}

fn told(standing: &Standing, now_ms: u64) -> String {
    let Standing {
        rule,
        key,
        level,
        threshold,
        closed_until_ms,
    } = standing;
    let left = closed_until_ms.map(|until| until.saturating_sub(now_ms).div_ceil(1000));
    let closed = left
        .filter(|seconds| *seconds > 0)
        .map_or_else(String::new, |seconds| {
            let left = humantime::format_duration(std::time::Duration::from_secs(seconds));
            format!("; closed for {left}")
        });
    format!("rule {rule} by {key}: {level}, allowed is {threshold}{closed}")
}
