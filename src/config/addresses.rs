//! Checks addresses: that what travels to them is not overheard, and that they are no simulator by mistake.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::{problem::Problem, tree::Tree};

/// Addresses that credentials or codes travel to, beyond the providers' own.
const ADDRESSES: [&str; 4] = [
    "public/url",
    ORG_URL,
    "tenants/*/okta/auth/oauth/issuer",
    "tenants/*/okta/auth/oauth/jwks_url",
];

/// Where people's profiles are.
const ORG_URL: &str = "tenants/*/okta/profile/org_url";

/// Names every address that is wrong. In the sandbox, providers may be simulators.
pub(super) fn check(tree: &Tree, sandbox: bool) -> Vec<Problem> {
    let checks = [urls, gateway_address, grpc_is_not_overheard, ledger_address];
    let mut problems: Vec<_> = checks.iter().flat_map(|check| check(tree)).collect();
    if !sandbox && tree.one("allow_test_providers") != Some(true) {
        problems.extend(real_providers(tree));
    }
    problems
}

fn urls(tree: &Tree) -> Vec<Problem> {
    let given = ADDRESSES
        .iter()
        .flat_map(|pattern| tree.every::<String>(pattern));
    let wrong = given.filter(|(_, text)| !text.is_empty() && !is_safe_address(text));
    let message =
        "must be a URL with https (http on loopback only), a host, and neither user nor query";
    wrong
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

fn is_safe_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
        safe && is_bare(&url)
    })
}

fn is_bare(url: &Url) -> bool {
    let extras = [url.query(), url.fragment(), url.password()];
    url.has_host() && url.username().is_empty() && extras == [None; 3]
}

fn gateway_address(tree: &Tree) -> Vec<Problem> {
    let given = tree.every::<String>("gateway/url").into_iter();
    let is_right = |text: &str| {
        let url = Url::parse(text);
        url.is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http") && is_bare(&url) && url.path() == "/"
        })
    };
    let wrong = given.filter(|(_, text)| !text.is_empty() && !is_right(text));
    let message = "must be https://host:port or http://host:port";
    wrong
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

/// Codes and tokens pass this door.
fn grpc_is_not_overheard(tree: &Tree) -> Vec<Problem> {
    let open = tree.every::<SocketAddr>("grpc/listen").into_iter();
    let open = open.filter(|(_, address)| !address.ip().to_canonical().is_loopback());
    let has_tls = !tree.paths("grpc/tls").is_empty();
    let is_meant = tree.one("grpc/plaintext") == Some(true);
    let message = "is not on loopback: add tls, or say plaintext: true";
    let overheard = open.filter(|_| !has_tls && !is_meant);
    overheard
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

fn ledger_address(tree: &Tree) -> Vec<Problem> {
    let is_right = |url: &str| {
        let path = url.strip_prefix("sqlite://");
        url == "memory:" || path.is_some_and(|path| !path.is_empty())
    };
    let given = tree.every::<String>("ledger/url").into_iter();
    let wrong = given.filter(|(_, url)| !is_right(url));
    let message = "must be sqlite://PATH or memory:";
    wrong
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

/// Who forgets a simulator in production sends no codes and is told that all went well.
fn real_providers(tree: &Tree) -> Vec<Problem> {
    let stubs = tree.every::<String>("providers/*/kind").into_iter();
    let stubs = stubs.filter(|(_, kind)| kind == "stub");
    let near = ["providers/*/base_url", ORG_URL];
    let near = near
        .iter()
        .flat_map(|pattern| tree.every::<String>(pattern));
    let near = near.filter(|(_, url)| Url::parse(url).is_ok_and(|url| is_loopback(&url)));
    let message = "is no real vendor; say allow_test_providers: true if that is meant";
    stubs
        .chain(near)
        .map(|(path, _)| tree.problem(&path, message))
        .collect()
}

fn is_loopback(url: &Url) -> bool {
    // Connecting to the unspecified address leads to this machine as well.
    let is_near = |ip: IpAddr| ip.to_canonical().is_loopback() || ip.is_unspecified();
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => is_near(ip.into()),
        Some(Host::Ipv6(ip)) => is_near(ip.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        Config,
        load::Source,
        sample::{check, kinds},
        variables::Variables,
    };

    #[test]
    fn addresses_are_safe() {
        let expect = "public.url: must be a URL with https (http on loopback only), a host, and neither user nor query";
        for good in [
            "",
            "https://otp.acme.example",
            "https://otp.acme.example:8443/prefix",
            "http://localhost:8080",
            "http://[::1]",
        ] {
            check(&format!("public: {{ url: \"{good}\" }}"), "");
        }
        for bad in [
            "otp.acme.example",
            "http://otp.acme.example",
            "https://user@otp.acme.example",
            "https://a?b",
            "https://a#b",
            "ftp://localhost",
            "https://",
        ] {
            check(&format!("public: {{ url: \"{bad}\" }}"), expect);
        }
        for good in ["", "http://gateway:50051", "https://gateway"] {
            check(&format!("gateway: {{ url: \"{good}\" }}"), "");
        }
        for bad in ["gateway:50051", "https://gateway/path", "unix:///run/x"] {
            check(
                &format!("gateway: {{ url: \"{bad}\" }}"),
                "gateway.url: must be https://host:port or http://host:port",
            );
        }
    }

    #[test]
    fn the_grpc_door_is_not_overheard() {
        let expect = "grpc.listen: is not on loopback: add tls, or say plaintext: true";
        check("grpc: { listen: 0.0.0.0:1 }", expect);
        check("grpc: { listen: \"[::]:1\", plaintext: false }", expect);
        check("grpc: { listen: \"[::1]:1\" }", "");
        check("grpc: { listen: \"[::ffff:127.0.0.1]:1\" }", "");
        check("grpc: { listen: 0.0.0.0:1, plaintext: true }", "");
        check(
            "grpc: { listen: 0.0.0.0:1, tls: { certificate: { file: a }, key: { file: b } } }",
            "",
        );
        check("admin: { listen: 0.0.0.0:1 }", "");
    }

    #[test]
    fn a_ledger_is_sqlite_or_memory() {
        for good in ["sqlite://a.db", "sqlite:///var/a.db", "\"memory:\""] {
            check(&format!("ledger: {{ url: {good} }}"), "");
        }
        for bad in ["sqlite://", "postgres://db", "memory"] {
            check(
                &format!("ledger: {{ url: {bad:?} }}"),
                "ledger.url: must be sqlite://PATH or memory:",
            );
        }
    }

    #[test]
    fn simulators_are_for_the_sandbox() {
        let load = |kind: &str, more: &str, sandbox: bool| {
            let text = format!("providers: {{ s: {{ {kind} }} }}\n{more}\n");
            let loaded = Config::load(&Source {
                name: "c.yaml",
                text: &text,
                variables: &Variables::default(),
                kinds: &kinds(),
                sandbox,
            });
            loaded
                .err()
                .map_or_else(String::new, |problems| problems.to_string())
        };
        let refused = "is no real vendor; say allow_test_providers: true if that is meant";
        let stub = "kind: stub";
        assert_eq!(
            load(stub, "", false),
            format!("c.yaml:1:25: providers.s.kind: {refused}")
        );
        assert_eq!(load(stub, "", true), "");
        assert_eq!(load(stub, "allow_test_providers: true", false), "");
        for (host, near) in [
            ("127.0.0.1", true),
            ("127.9:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]", true),
            ("0.0.0.0", true),
            ("LocalHost.", true),
            ("api.localhost", true),
            ("api.twilio.com", false),
            ("127.0.0.1.nip.io", false),
        ] {
            let account = format!(
                "kind: twilio, account_sid: AC1, auth_token: {{ env: X }}, base_url: \"http://{host}\""
            );
            assert_eq!(load(&account, "", false).contains(refused), near, "{host}");
        }
    }
}
