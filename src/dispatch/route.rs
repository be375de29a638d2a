//! What guard and routing are asked about a request.

use crate::{
    config::tenants::UserIdFrom,
    domain::{
        channel::{Channel, Channels},
        privacy::Private,
        purpose::Purpose,
    },
    error::fault::Fault,
    guard,
    routing::{
        plan::{self, Candidate, Plan},
        preference::{self, Source, Wishes},
    },
};

use super::{
    Dispatcher,
    health::Parts,
    policy::{Policy, Tenant},
    request::Request,
    send::Hashes,
};

/// The channels a request may take, in order.
pub(super) fn channels(request: &Request, tenant: &Tenant) -> Vec<Channel> {
    preference::channels(&wishes(request, tenant))
}

/// The channels a request may take that the guard sends another way, in order.
pub(super) fn deflected(request: &Request, tenant: &Tenant, offered: Channels) -> Vec<Channel> {
    preference::deflected(&wishes(request, tenant), offered)
}

/// Whose wish decided on the channels of a request.
pub(super) fn source(request: &Request, tenant: &Tenant) -> Source {
    preference::source(&wishes(request, tenant))
}

fn wishes<'a>(request: &'a Request, tenant: &'a Tenant) -> Wishes<'a> {
    let stored = request.stored.as_ref();
    Wishes {
        explicit: &request.channels,
        stored: stored.map_or(&[], |stored| &stored.channels),
        profile: &request.profile_channels,
        default: &tenant.channels,
        family: request.family,
        last_resort_sms: tenant.last_resort_sms,
    }
}

/// What the guard looks at.
pub(super) fn guard_request<'a>(
    request: &'a Request,
    tenant: &'a Tenant,
    channels: Channels,
    hashes: &'a Hashes,
) -> guard::Request<'a> {
    let stored = request.stored.as_ref();
    let stored = stored.map_or(&[][..], |stored| &stored.channels);
    let opted_in = if stored.is_empty() {
        &request.profile_channels
    } else {
        stored
    };
    guard::Request {
        tenant: &request.tenant,
        countries: &tenant.countries,
        phone: &request.phone,
        user: request.user.as_ref().map(Private::expose),
        client: request.client_ip,
        phone_hash: hashes.phone,
        user_hash: hashes.user,
        older: guard::Older {
            phone: &hashes.older_phones,
            user: &hashes.older_users,
        },
        purpose: request.purpose,
        channels,
        opted_in: opted_in.iter().copied().collect(),
        charged: false,
    }
}

/// The recipient's LINE user id, where it is known and may be used: a preference must not move a code to another person,
/// and where an account is being recovered nobody has signed in yet who could have set one.
pub(super) fn line_user<'a>(request: &'a Request, tenant: &Tenant) -> Option<&'a Private> {
    let recovers = match request.purpose {
        // Of one that is not known it cannot be said that it does not.
        Purpose::PasswordReset | Purpose::AccountUnlock | Purpose::Other => true,
        Purpose::Enrollment | Purpose::SignIn => false,
    };
    if recovers && !tenant.line.recovery {
        return None;
    }
    let stored = request.stored.as_ref();
    let proven = stored.and_then(|stored| stored.line_user.as_ref());
    match tenant.line.user_id_from? {
        UserIdFrom::AdminAttribute => proven.or(request.line_user.as_ref()),
        UserIdFrom::Proven => proven,
    }
}

impl Dispatcher {
    /// Makes the route of a request within a verdict; says how it came about if it is `told`.
    pub(super) fn plan(
        &self,
        request: &Request,
        (policy, tenant): (&Policy, &Tenant),
        (channels, allowed): (&[Channel], Channels),
        told: bool,
    ) -> Plan {
        let country = request.phone.country();
        let asked = plan::Request {
            channels,
            allowed,
            remembered: self.memory.of(&request.tenant, &request.phone, channels),
            line_user: line_user(request, tenant).is_some(),
            country,
            purpose: request.purpose,
            chance: self.chance(),
        };
        let standing = |candidate: &Candidate, channel: Channel| {
            let configured = policy.directory.get(&candidate.provider);
            let sender = configured.and_then(|one| one.provider.sender(channel, country));
            let patient = self.infirmary.patient(&candidate.provider);
            patient.standing(Parts { country, sender })
        };
        let plan = if told { plan::explain } else { plan::plan };
        plan(&asked, &tenant.rules, standing)
    }

    #[expect(clippy::cast_possible_truncation, reason = "64 of the random bits do")]
    fn chance(&self) -> u64 {
        self.clock.random() as u64
    }
}

/// What a caller is told that names a tenant we do not have.
pub(super) fn unknown_tenant() -> Fault {
    Fault::invalid(vec![("tenant".to_owned(), "is not known".to_owned())])
}
