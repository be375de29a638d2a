//! Checks what a schema cannot say: that names name something and nothing twice, and that what is needed is there.

use std::{collections::BTreeMap, time::Duration};

use serde::de::DeserializeOwned;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{
    path::Path,
    problem::Problem,
    profile::{Profile, ProfileAttributes},
    routes::{Pick, Route},
    suggest::did_you_mean,
    templates,
    tenants::OktaAuth,
    tree::Tree,
    values::{ChannelName, Span},
};

/// Lists that name nothing twice.
const SETS: [&str; 30] = [
    "grpc/clients/*/name",
    "grpc/clients/*/tenants/*",
    "grpc/clients/*/methods/*",
    "guard/limits/*/name",
    "guard/limits/*/purposes/*",
    "guard/modes/*/purposes/*",
    "guard/modes/*/rules/*",
    "guard/number_types/*",
    "guard/shared_networks/*",
    "guard/voice_number_types/*",
    "privacy/keys/*/id",
    "routes/*/countries/*",
    "routes/*/purposes/*",
    "routes/*/tenants/*",
    "routes/*/try/*",
    "tenants/*/channels/default/*",
    "tenants/*/countries/allow/*",
    "tenants/*/countries/block/*",
    "tenants/*/countries/monitor/*",
    "tenants/*/countries/verified_only/*",
    "tenants/*/guard/limits/*/name",
    "tenants/*/guard/limits/*/purposes/*",
    "tenants/*/guard/modes/*/purposes/*",
    "tenants/*/guard/modes/*/rules/*",
    "tenants/*/guard/shared_networks/*",
    "tenants/*/routes/*/countries/*",
    "tenants/*/routes/*/purposes/*",
    "tenants/*/routes/*/try/*",
    "tenants/*/templates/*/channels/*",
    "tenants/*/templates/*/purposes/*",
];

/// When Okta must have its answer: it waits three seconds at most.
const ANSWER_WITHIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(2900)];

/// The most of a hook's time that a look-up may take.
const PROFILE_WITHIN: Duration = Duration::from_millis(300);

/// Names every problem of the parts that have their shape; what has not was reported by the schema.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let checks = [
        sets,
        providers_exist,
        every_tenant_has_a_route,
        tenants_exist,
        weights_are_of_the_tried,
        tenants_routes_are_their_own,
        okta_can_authenticate,
        answers_in_time,
        profiles_decide,
        log_level,
        templates::check,
    ];
    checks.iter().flat_map(|check| check(tree)).collect()
}

fn sets(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for pattern in SETS {
        let mut seen = BTreeMap::new();
        for (path, member) in tree.every::<String>(pattern) {
            let member = (path.list(), member);
            if let Some(first) = seen.get(&member) {
                problems.push(tree.problem(&path, format!("is the same as {first}")));
            } else {
                seen.insert(member, path);
            }
        }
    }
    problems
}

fn providers_exist(tree: &Tree) -> Vec<Problem> {
    let named = ["routes/*/try/*", "tenants/*/routes/*/try/*"];
    let named = named
        .iter()
        .flat_map(|pattern| tree.every::<String>(pattern));
    let known: Vec<_> = tree.keys(&Path::default().key("providers")).collect();
    let unknown = named.filter(|(_, name)| !known.contains(&name.as_str()));
    let explain = |(path, name): (Path, String)| {
        let hint = did_you_mean(&name, known.iter().copied());
        tree.problem(&path, format!("there is no provider of this name{hint}"))
    };
    unknown.map(explain).collect()
}

/// A tenant without a route could never send. Only an adapter's own file may have no routes at all.
fn every_tenant_has_a_route(tree: &Tree) -> Vec<Problem> {
    let shared = routes(tree, &Path::default().key("routes"));
    let is_adapters = tree
        .one::<String>("gateway/url")
        .is_some_and(|url| !url.is_empty());
    if is_adapters
        && tree
            .keys(&Path::default().key("providers"))
            .next()
            .is_none()
        && shared.as_ref().is_some_and(Vec::is_empty)
    {
        return Vec::new();
    }
    let lacks_route = |path: &Path| {
        let own = routes(tree, &path.key("routes"));
        let routes = own.and_then(|own| {
            if own.is_empty() {
                shared.clone()
            } else {
                Some(own)
            }
        });
        let channels = read_or(tree, &path.key("channels").key("default"), || {
            vec![ChannelName::Sms]
        });
        match (routes, channels) {
            (Some(routes), Some(channels)) => {
                let serves = |route: &Route| {
                    let tenants = &route.tenants;
                    let own = tenants.is_empty() || tenants.iter().any(|name| path.ends_in(name));
                    own && channels.contains(&route.channel)
                };
                !routes.iter().any(serves)
            }
            // What cannot be read was reported; what it would have said is not known.
            (None, _) | (_, None) => false,
        }
    };
    let message =
        "has no route for any of its default channels; add one here or to the routes of all";
    let tenants = tree.paths("tenants/*").into_iter().filter(lacks_route);
    tenants
        .map(|path| tree.problem_with_key(&path, message))
        .collect()
}

fn routes(tree: &Tree, path: &Path) -> Option<Vec<Route>> {
    read_or(tree, path, Vec::new)
}

/// What stands at a path, or the default where it is left out; `None` where it cannot be read.
fn read_or<T: DeserializeOwned>(tree: &Tree, path: &Path, default: fn() -> T) -> Option<T> {
    match tree.get(path) {
        Some(_) => tree.read(path),
        None => Some(default()),
    }
}

fn tenants_exist(tree: &Tree) -> Vec<Problem> {
    let known: Vec<_> = tree.keys(&Path::default().key("tenants")).collect();
    let named = ["grpc/clients/*/tenants/*", "routes/*/tenants/*"];
    let named = named
        .iter()
        .flat_map(|pattern| tree.every::<String>(pattern));
    let is_all = |path: &Path, name: &str| name == "*" && path.to_string().starts_with("grpc");
    let unknown =
        named.filter(|(path, name)| !is_all(path, name) && !known.contains(&name.as_str()));
    let explain = |(path, name): (Path, String)| {
        let hint = did_you_mean(&name, known.iter().copied());
        tree.problem(&path, format!("there is no tenant of this name{hint}"))
    };
    unknown.map(explain).collect()
}

/// A weight of a provider that is not tried, or where nothing is weighed, would be passed over in silence.
fn weights_are_of_the_tried(tree: &Tree) -> Vec<Problem> {
    let routes = ["routes/*", "tenants/*/routes/*"];
    let routes = routes
        .iter()
        .flat_map(|pattern| tree.every::<Route>(pattern));
    let mut problems = Vec::new();
    for (path, route) in routes {
        let weights = path.key("weights");
        for name in route.weights.keys() {
            if route.pick != Pick::Weight {
                let text = "weighs nothing, as the route has no `pick: weight`";
                problems.push(tree.problem_with_key(&weights.key(name), text));
            } else if !route.providers.contains(name) {
                let hint = did_you_mean(name, route.providers.iter().map(String::as_str));
                let text = format!("the route tries no provider of this name{hint}");
                problems.push(tree.problem_with_key(&weights.key(name), text));
            }
        }
    }
    problems
}

fn tenants_routes_are_their_own(tree: &Tree) -> Vec<Problem> {
    let routes = tree.every::<Route>("tenants/*/routes/*").into_iter();
    let wrong = routes.filter(|(_, route)| !route.tenants.is_empty());
    let text = "is for the routes of all; this one stands under its tenant";
    wrong
        .map(|(path, _)| tree.problem_with_key(&path.key("tenants"), text))
        .collect()
}

fn okta_can_authenticate(tree: &Tree) -> Vec<Problem> {
    let auths = tree.every::<OktaAuth>("tenants/*/okta/auth").into_iter();
    let open = auths.filter(|(_, auth)| auth.secrets.is_empty() && auth.oauth.is_none());
    let message = "needs secrets, oauth or both, or nobody could call";
    open.map(|(path, _)| tree.problem_with_key(&path, message))
        .collect()
}

fn answers_in_time(tree: &Tree) -> Vec<Problem> {
    let [least, most] = ANSWER_WITHIN;
    let spans = tree
        .every::<Span>("tenants/*/okta/answer_within")
        .into_iter();
    let wrong = spans.filter(|(_, span)| !(least..=most).contains(&span.0));
    let message = "must be from 500ms to 2900ms, as Okta waits three seconds";
    wrong
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

/// A look-up that no attribute needs would only cost time.
fn profiles_decide(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, profile) in tree.every::<Profile>("tenants/*/okta/profile") {
        let (auth, attributes) = (path.key("auth"), path.key("attributes"));
        if profile.auth.api_token.is_some() == profile.auth.service_app.is_some() {
            let message = "needs either api_token or service_app";
            problems.push(tree.problem_with_key(&auth, message));
        }
        if profile.attributes == ProfileAttributes::default() {
            let message = "names no attribute";
            problems.push(tree.problem_with_key(&attributes, message));
        }
        if profile.within.0 > PROFILE_WITHIN {
            let message = "must be at most 300ms, as the code has to be sent after that";
            problems.push(tree.problem(&path.key("within"), message));
        }
    }
    problems
}

/// A lone word that is no level would be taken for a module's name, and everything else would fall silent.
fn log_level(tree: &Tree) -> Vec<Problem> {
    let is_right = |filter: &str| {
        let words = filter
            .split(',')
            .map(str::trim)
            .filter(|part| !part.contains(['=', '[', ']', '{', '}']));
        let levels = words
            .into_iter()
            .all(|word| word.parse::<LevelFilter>().is_ok());
        !filter.trim().is_empty() && levels && EnvFilter::try_new(filter).is_ok()
    };
    let given = tree.every::<String>("log/level").into_iter();
    let wrong = given.filter(|(_, filter)| !is_right(filter));
    let message =
        "must be trace, debug, info, warn or error, or a filter such as tollgate=debug,warn";
    wrong
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{check, problems};

    #[test]
    fn a_filter_of_logs_leaves_something() {
        for good in [
            "trace",
            "INFO",
            "tollgate=debug,warn",
            "info,hyper=off",
            "tollgate[send]=debug",
        ] {
            check(&format!("log: {{ level: {good:?} }}"), "");
        }
        for bad in ["loud", "infos", "tollgate=loud", "info,loud", ""] {
            let expect = "log.level: must be trace, debug, info, warn or error, or a filter such as tollgate=debug,warn";
            check(&format!("log: {{ level: {bad:?} }}"), expect);
        }
    }

    #[test]
    fn a_profile_is_asked_for_in_one_way_and_for_something() {
        let check = |profile: &str, expect: &str| {
            let text = format!(
                "gateway: {{ url: https://gateway }}\ntenants: {{ acme: {{ countries: {{ allow: [US] }}, okta: {{ auth: \
                 {{ secrets: [{{ env: A }}] }}, profile: {{ org_url: https://acme.okta.example, {profile} }} }} }} }}\n"
            );
            let found = problems(&text);
            let messages: Vec<_> = found
                .lines()
                .filter_map(|line| line.split_once("profile."))
                .map(|(_, message)| message)
                .collect();
            assert_eq!(messages.join("; "), expect, "{found}");
        };
        let app = "service_app: { client_id: c, key: { file: k } }";
        let token = "api_token: { env: T }";
        let whatsapp = "attributes: { whatsapp_opt_in: whatsappOptIn }";
        check(&format!("auth: {{ {app} }}, {whatsapp}"), "");
        check(
            &format!("auth: {{ {token} }}, {whatsapp}, within: 300ms"),
            "",
        );
        let one = "auth: needs either api_token or service_app";
        check(&format!("auth: {{ {app}, {token} }}, {whatsapp}"), one);
        check(
            "auth: {}, attributes: {}, within: 301ms",
            &format!(
                "{one}; attributes: names no attribute; within: must be at most 300ms, as the code has to be sent after that"
            ),
        );
    }

    #[test]
    fn every_tenant_can_send() {
        let lacks = "tenants.acme: has no route for any of its default channels; add one here or to the routes of all";
        let acme =
            |more: &str| format!("tenants: {{ acme: {{ countries: {{ allow: [US] }}{more} }} }}\n");
        let twilio =
            "providers: { t: { kind: twilio, account_sid: AC1, auth_token: { env: X } } }\n";
        let check = |text: &str, expect: &str| {
            let found = problems(text);
            assert!(
                found.ends_with(expect) && found.is_empty() == expect.is_empty(),
                "{text}{found}"
            );
        };
        let route = "{ channel: sms, try: [t] }";
        check(&format!("{twilio}{}", acme("")), lacks);
        check(&format!("{twilio}{}routes: [{route}]", acme("")), "");
        check(
            &format!("{twilio}{}", acme(&format!(", routes: [{route}]"))),
            "",
        );
        check(
            &format!(
                "{twilio}{}routes: [{route}]",
                acme(", routes: [{ channel: voice, try: [t] }]")
            ),
            lacks,
        );
        check(
            &format!(
                "{twilio}{}routes: [{route}]",
                acme(", channels: { default: [voice] }")
            ),
            lacks,
        );
        check(
            &format!(
                "{twilio}{}routes: [{route}]",
                acme(", channels: { default: [voice, sms] }")
            ),
            "",
        );
        // An adapter's own file knows no providers.
        check(
            &format!("{}gateway: {{ url: https://gateway }}", acme("")),
            "",
        );
        check(&acme(""), lacks);
    }
}
