//! What we were told: the configuration file as types, one file per section. Knows no provider: their settings stay raw
//! here and are read by their kind.

mod addresses;
mod check;
mod misfit;
mod overrides;
mod path;
#[cfg(test)]
mod sample;
mod scalar;
mod shape;
mod suggest;
mod tree;
mod yaml;

pub mod admin;
pub mod drain;
pub mod gateway;
pub mod grpc;
pub mod guard;
pub mod ledger;
pub mod load;
pub mod log;
pub mod outbound;
pub mod privacy;
pub mod problem;
pub mod profile;
pub mod providers;
pub mod public;
pub mod routes;
pub mod schema;
pub mod secret;
pub mod templates;
pub mod tenants;
pub mod tls;
pub mod values;
pub mod variables;
pub mod watch;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Every key with its default, explained: a configuration that changes nothing.
pub const DEFAULT: &str = include_str!("../../config/default.yaml");

/// The variables of this process's environment.
pub fn environment() -> variables::Variables {
    variables::Variables::of_process()
}

/// The name under which this process was started.
pub fn program() -> String {
    let first = std::env::args().next();
    first.unwrap_or_else(|| "tollgate".to_owned())
}

/// The whole configuration file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The door on the internet: Okta's hooks and, later, providers' receipts.
    pub public: public::Public,
    /// The gRPC door for other services and for a separate adapter.
    pub grpc: grpc::Grpc,
    /// Where a separate adapter finds the gateway; only for `--only adapter`.
    pub gateway: gateway::Gateway,
    /// Metrics and health.
    pub admin: admin::Admin,
    /// Where deliveries are recorded.
    pub ledger: ledger::Ledger,
    /// The keys under which numbers and ids are hashed.
    pub privacy: privacy::Privacy,
    /// How providers are called.
    pub outbound: outbound::Outbound,
    /// What may refuse a send.
    pub guard: guard::Guard,
    /// How the process stops.
    pub drain: drain::Drain,
    /// What is logged and how.
    pub log: log::Log,
    /// Accounts at providers, by a name of the operator's choosing.
    #[schemars(extend("propertyNames" = values::name_schema()))]
    pub providers: BTreeMap<String, providers::Provider>,
    /// Tenants by name: an Okta org or an internal product.
    #[schemars(extend("propertyNames" = values::name_schema()))]
    pub tenants: BTreeMap<String, tenants::Tenant>,
    /// Routes of tenants that have none of their own; first match wins.
    pub routes: Vec<routes::Route>,
    /// Allows providers that are no real vendor outside the sandbox: `kind: stub`, or a `base_url` on loopback.
    pub allow_test_providers: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sample::load;

    #[test]
    fn the_shipped_file_says_the_defaults() {
        assert_eq!(load(DEFAULT, &[]), Ok(Config::default()));
    }

    /// The examples in the shipped file are commented out by `#` and at least two spaces.
    fn shipped_file_with_its_examples() -> String {
        let is_example = |line: &str| line.trim_start().starts_with("#  ");
        let lines: Vec<_> = DEFAULT.lines().collect();
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            let line = match lines.get(at + 1) {
                _ if is_example(line) => line.replacen('#', " ", 1),
                Some(next) if is_example(next) => line.replace(" {}", "").replace(" []", ""),
                Some(_) | None => (*line).to_owned(),
            };
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    #[test]
    fn the_shipped_examples_are_right() {
        let config = load(&shipped_file_with_its_examples(), &[]).unwrap();
        assert_eq!(config.grpc.clients[0].name, "billing");
        assert_eq!(config.privacy.keys[0].id, "k1");
        assert!(
            config.tenants["acme"]
                .okta
                .as_ref()
                .unwrap()
                .auth
                .oauth
                .is_some()
        );
        assert_eq!(config.routes[0].providers, ["twilio-us"]);
    }

    #[test]
    fn the_shipped_file_has_every_key() {
        let schema = schema::compose(&BTreeMap::new());
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            for key in definition["properties"]
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys())
            {
                assert!(DEFAULT.contains(&format!("{key}:")), "{name}.{key}");
            }
        }
    }
}
