//! What guard and routing are asked about a request.

use crate::{
    domain::{
        channel::{Channel, Channels},
        privacy::Private,
    },
    error::fault::Fault,
    guard,
    routing::{
        plan,
        preference::{self, Wishes},
    },
};

use super::{policy::Tenant, request::Request};

/// The channels a request may take, in order.
pub(super) fn channels(request: &Request, tenant: &Tenant) -> Vec<Channel> {
    preference::channels(&Wishes {
        explicit: &request.channels,
        profile: &request.profile_channels,
        default: &tenant.channels,
        family: request.family,
        last_resort_sms: tenant.last_resort_sms,
    })
}

/// What the guard looks at.
pub(super) fn guard_request<'a>(
    request: &'a Request,
    tenant: &'a Tenant,
    channels: &[Channel],
) -> guard::Request<'a> {
    guard::Request {
        tenant: &request.tenant,
        countries: &tenant.countries,
        phone: &request.phone,
        user: request.user.as_ref().map(Private::expose),
        purpose: request.purpose,
        channels: channels.iter().copied().collect(),
    }
}

/// What a plan is made for.
pub(super) fn plan_request<'a>(
    request: &Request,
    channels: &'a [Channel],
    allowed: Channels,
) -> plan::Request<'a> {
    plan::Request {
        channels,
        allowed,
        reachable: if request.line_user.is_some() {
            Channels::ALL
        } else {
            Channels::ALL.without(Channel::Line)
        },
        country: request.phone.country(),
        purpose: request.purpose,
    }
}

/// What a caller is told that names a tenant we do not have.
pub(super) fn unknown_tenant() -> Fault {
    Fault::invalid(vec![("tenant".to_owned(), "is not known".to_owned())])
}
