//! Whether the routes of a configuration can do what they are there for, by what its providers can.

use crate::{
    channels::directory::{Configured, Directory, Problems},
    config::{
        Config,
        routes::{Pick, Route},
        tenants::Tenant,
        values::ChannelName,
    },
    domain::{channel::Channel, price::Prices},
};

/// Names every route that no message could take as it says.
pub(super) fn check(config: &Config, directory: &Directory) -> Result<(), Problems> {
    let mut problems = Vec::new();
    each(config, |path, route| {
        problems.extend(mute(path, route, directory));
        problems.extend(priceless(path, route, directory));
    });
    let tenants = config.tenants.iter();
    problems
        .extend(tenants.filter_map(|(name, tenant)| strangers(config, name, tenant, directory)));
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Does something with every route and its path.
fn each(config: &Config, mut act: impl FnMut(&str, &Route)) {
    let shared = ("routes".to_owned(), &config.routes);
    let own = config.tenants.iter();
    let own = own.map(|(name, tenant)| (format!("tenants.{name}.routes"), &tenant.routes));
    for (path, routes) in std::iter::once(shared).chain(own) {
        for (index, route) in routes.iter().enumerate() {
            act(&format!("{path}[{index}]"), route);
        }
    }
}

/// The providers that a route tries; one that does not exist was reported before.
fn tried<'a>(route: &'a Route, directory: &'a Directory) -> impl Iterator<Item = &'a Configured> {
    let names = route.providers.iter();
    names.filter_map(|name| directory.get(name).map(AsRef::as_ref))
}

/// A route may only name providers that speak its channel.
fn mute(path: &str, route: &Route, directory: &Directory) -> Problems {
    let channel = Channel::from(route.channel);
    let speaks = |one: &Configured| one.provider.capability().channels.contains(channel);
    let mute = tried(route, directory).filter(|one| !speaks(one));
    let explain = |one: &Configured| {
        let problem = format!(
            "provider {} cannot send over {}",
            one.name,
            channel.as_str()
        );
        (format!("{path}.try"), problem)
    };
    mute.map(explain).collect()
}

/// Where no price is known, the cheapest cannot be picked.
fn priceless(path: &str, route: &Route, directory: &Directory) -> Option<(String, String)> {
    let channel = Channel::from(route.channel);
    let has_price = |one: &Configured| one.prices(channel) != Prices::default();
    if route.pick != Pick::Cost || tried(route, directory).any(has_price) {
        return None;
    }
    let problem = format!(
        "none of the providers has a price for {}; add prices.{0} to one",
        channel.as_str()
    );
    Some((format!("{path}.pick"), problem))
}

/// A tenant that wants LINE, and takes nobody's word for a LINE user id, needs a provider that finds people otherwise.
fn strangers(
    config: &Config,
    name: &String,
    tenant: &Tenant,
    directory: &Directory,
) -> Option<(String, String)> {
    let wants_line = tenant.channels.default.contains(&ChannelName::Line);
    if !wants_line || tenant.line.user_id_from.is_some() {
        return None;
    }
    let routes = if tenant.routes.is_empty() {
        &config.routes
    } else {
        &tenant.routes
    };
    let serves = |route: &&Route| {
        let is_line = route.channel == ChannelName::Line;
        is_line && (route.tenants.is_empty() || route.tenants.contains(name))
    };
    let mut providers = routes
        .iter()
        .filter(serves)
        .flat_map(|route| tried(route, directory))
        .peekable();
    providers.peek()?;
    let all_by_user = providers.all(|one| one.provider.capability().by_line_user);
    let problem = "is required: channels.default has line, and the providers that are tried find people by LINE user id only";
    all_by_user.then(|| {
        (
            format!("tenants.{name}.line.user_id_from"),
            problem.to_owned(),
        )
    })
}
