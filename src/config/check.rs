//! Checks what a schema cannot say: that names name something and nothing twice, and that what is needed is there.

use std::{collections::BTreeMap, time::Duration};

use serde::de::DeserializeOwned;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{
    path::Path,
    problem::Problem,
    routes::Route,
    suggest::did_you_mean,
    tenants::OktaAuth,
    tree::Tree,
    values::{ChannelName, Span},
};

/// Lists that name nothing twice.
const SETS: [&str; 14] = [
    "grpc/clients/*/name",
    "grpc/clients/*/tenants/*",
    "grpc/clients/*/methods/*",
    "guard/limits/*/name",
    "guard/limits/*/purposes/*",
    "guard/number_types/*",
    "guard/voice_number_types/*",
    "privacy/keys/*/id",
    "routes/*/countries/*",
    "routes/*/purposes/*",
    "tenants/*/channels/default/*",
    "tenants/*/countries/allow/*",
    "tenants/*/routes/*/countries/*",
    "tenants/*/routes/*/purposes/*",
];

/// When Okta must have its answer: it waits three seconds at most.
const ANSWER_WITHIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(2900)];

/// Names every problem of the parts that have their shape; what has not was reported by the schema.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let checks = [
        sets,
        providers_exist,
        every_tenant_has_a_route,
        tenants_exist,
        okta_can_authenticate,
        answers_in_time,
        log_level,
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
                !routes.iter().any(|route| channels.contains(&route.channel))
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
    let named = tree.every::<String>("grpc/clients/*/tenants/*").into_iter();
    let unknown = named.filter(|(_, name)| name != "*" && !known.contains(&name.as_str()));
    let explain = |(path, name): (Path, String)| {
        let hint = did_you_mean(&name, known.iter().copied());
        tree.problem(&path, format!("there is no tenant of this name{hint}"))
    };
    unknown.map(explain).collect()
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
