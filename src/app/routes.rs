//! Whether the routes of a configuration can do what they are there for, by what its providers can.

use crate::{
    channels::directory::{Configured, Directory, Problems},
    config::{
        Config,
        guard::Mode,
        routes::{Pick, Route},
        tenants::Tenant,
        values::ChannelName,
    },
    domain::{channel::Channel, price::Prices},
    guard,
};

/// Names every route that no message could take as it says.
pub(super) fn check(config: &Config, directory: &Directory) -> Result<(), Problems> {
    let mut problems = Vec::new();
    each(config, |path, route| {
        problems.extend(mute(path, route, directory));
        problems.extend(priceless(path, route, directory));
    });
    for (name, tenant) in &config.tenants {
        problems.extend(strangers(config, name, tenant, directory));
        problems.extend(unpriced(config, name, tenant, directory));
    }
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

/// The routes that serve a tenant.
fn serving<'a>(
    config: &'a Config,
    name: &'a String,
    tenant: &'a Tenant,
) -> impl Iterator<Item = &'a Route> {
    let routes = if tenant.routes.is_empty() {
        &config.routes
    } else {
        &tenant.routes
    };
    let routes = routes.iter();
    routes.filter(|route| route.tenants.is_empty() || route.tenants.contains(name))
}

/// A cap on money holds nothing where a message by SMS or voice counts as free because nobody said what it costs.
fn unpriced(
    config: &Config,
    name: &String,
    tenant: &Tenant,
    directory: &Directory,
) -> Option<(String, String)> {
    let (path, money) = match &tenant.guard.money {
        Some(money) => (format!("tenants.{name}.guard.money"), money),
        None => ("guard.money".to_owned(), &config.guard.money),
    };
    let caps = [money.per_day, money.per_country_day];
    let capped = caps.iter().any(Option::is_some) || !money.countries.is_empty();
    if !capped || money.mode == Mode::Disabled || money.unknown_price.0.millionths() > 0 {
        return None;
    }
    let routes = serving(config, name, tenant);
    let paid = routes.filter(|route| guard::settings::pays(Channel::from(route.channel)));
    let mut unknown = paid.flat_map(|route| {
        let channel = Channel::from(route.channel);
        let free = tried(route, directory).filter(move |one| !is_priced(one, channel, route));
        free.map(move |one| (one, channel))
    });
    let (provider, channel) = unknown.next()?;
    let problem = format!(
        "cannot hold, as provider {} does not say what a message costs: add prices.{}.default to it, or set unknown_price",
        provider.name,
        channel.as_str()
    );
    Some((path, problem))
}

/// Whether the price of each message that a route may give a provider is known.
fn is_priced(provider: &Configured, channel: Channel, route: &Route) -> bool {
    let prices = provider.prices(channel);
    let mut countries = route.countries.iter();
    prices.default.is_some()
        || !route.countries.is_empty() && countries.all(|one| prices.of(Some(one.0)).is_some())
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
    let mut providers = serving(config, name, tenant)
        .filter(|route| route.channel == ChannelName::Line)
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
