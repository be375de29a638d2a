//! Walls: what must not be named where, stated as absences.

use crate::{names::module_of, source::Source};

/// Something that only some modules may name.
struct Wall {
    /// Paths: crates, parts of crates, modules of ours, or `await`.
    names: &'static [&'static str],
    side: Side,
    because: &'static str,
}

enum Side {
    /// Named nowhere else than in these modules.
    OnlyIn(&'static [&'static str]),
    /// Not named in these modules.
    NeverIn(&'static [&'static str]),
}

const AXUM: &[&str] = &["axum", "axum_core", "axum_extra"];
const REDIS: &[&str] = &["redis", "fred", "deadpool_redis"];
const SQL: &[&str] = &[
    "rusqlite",
    "rusqlite_migration",
    "sqlx",
    "tokio_postgres",
    "deadpool_postgres",
];
const TONIC: &[&str] = &[
    "tonic",
    "tonic_health",
    "tonic_prost",
    "tonic_reflection",
    "tonic_types",
];

const WALLS: &[Wall] = &[
    Wall {
        names: &["await"],
        side: Side::NeverIn(&["domain", "error", "guard::rules", "routing"]),
        because: "what decides does not wait",
    },
    Wall {
        names: TONIC,
        side: Side::NeverIn(&["config", "dispatch", "domain", "guard::rules", "routing"]),
        because: "no transport where the product thinks",
    },
    Wall {
        names: AXUM,
        side: Side::OnlyIn(&["adapters", "admin", "grpc", "receipts", "sandbox", "web"]),
        because: "axum serves at the doors",
    },
    Wall {
        names: &["reqwest"],
        side: Side::OnlyIn(&["outbound"]),
        because: "there is one HTTP client",
    },
    Wall {
        names: REDIS,
        side: Side::OnlyIn(&["shared"]),
        because: "what replicas share is in `shared`",
    },
    Wall {
        names: SQL,
        side: Side::OnlyIn(&["store"]),
        because: "SQL is in `store`",
    },
    Wall {
        names: &["std::env"],
        side: Side::OnlyIn(&["config"]),
        because: "the environment is read in `config`",
    },
    Wall {
        names: &["anyhow"],
        side: Side::OnlyIn(&["cli", "main"]),
        because: "every other error is a type of its own",
    },
    Wall {
        names: &["crate::shared", "crate::store", "crate::telemetry"],
        side: Side::NeverIn(&["channels::kinds"]),
        because: "a kind reports facts; others count and record them",
    },
    Wall {
        names: &["crate::channels"],
        side: Side::NeverIn(&["sandbox"]),
        because: "a simulator that shares code with a kind shares its mistakes",
    },
];

/// A module among the kinds that is none: the questions that every kind is asked.
const CONTRACT: &str = "contract";

/// What `source` names and should not.
pub(crate) fn check(source: &Source<'_>) -> Vec<String> {
    let mut broken = walls(source);
    broken.extend(other_kinds(source));
    broken
}

fn walls(source: &Source<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for wall in WALLS.iter().filter(|wall| wall.keeps_out(source)) {
        for name in &source.names {
            if wall.names.iter().any(|walled| name.is_within(walled)) {
                let problem = format!("names `{}`: {}", name.path, wall.because);
                broken.push(source.at(name.line, &problem));
            }
        }
    }
    broken
}

impl Wall {
    fn keeps_out(&self, source: &Source<'_>) -> bool {
        let belongs = |modules: &[&str]| {
            modules.iter().any(|module| {
                source.belongs_to(module) || (*module == "main" && source.file == "main.rs")
            })
        };
        match self.side {
            Side::OnlyIn(modules) => !belongs(modules),
            Side::NeverIn(modules) => belongs(modules),
        }
    }
}

/// Kinds know nothing of each other, and nobody else knows one of them.
fn other_kinds(source: &Source<'_>) -> Vec<String> {
    if source.file == "channels/kinds/mod.rs" {
        return Vec::new();
    }
    let module = module_of(source.file);
    let named = source.names.iter().filter_map(|name| {
        let ours = name.ours()?;
        let kind = *ours.strip_prefix(&["channels", "kinds"])?.first()?;
        let is_module = kind.starts_with(|c: char| c.is_ascii_lowercase()) && kind != CONTRACT;
        let own =
            module.get(2).is_some_and(|own| own == kind) && source.belongs_to("channels::kinds");
        let problem = format!("names the kind `{kind}`: kinds are known to their registry only");
        (is_module && !own).then(|| source.at(name.line, &problem))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(file: &str, text: &str) {
        let broken = check(&Source::new(file, text));
        assert!(broken.is_empty(), "{broken:?}");
    }

    fn rejects(file: &str, text: &str, because: &str) {
        let broken = check(&Source::new(file, text));
        assert_eq!(broken.len(), 1, "{file}: {text}: {broken:?}");
        assert!(broken[0].contains(because), "{broken:?}");
    }

    #[test]
    fn what_decides_does_not_wait() {
        for file in [
            "domain/id.rs",
            "routing/plan.rs",
            "guard/rules/limits.rs",
            "error/mod.rs",
        ] {
            rejects(file, "async fn f() { g().await; }", "does not wait");
        }
        accepts("guard/admit.rs", "async fn f() { g().await; }");
        accepts("domain/id.rs", "// .await\nfn f() { let s = \".await\"; }");
    }

    #[test]
    fn no_transport_where_the_product_thinks() {
        let thinking = [
            "domain/a.rs",
            "config/a.rs",
            "routing/a.rs",
            "guard/rules/a.rs",
            "dispatch/a.rs",
        ];
        for file in thinking {
            rejects(file, "use tonic::Status;", "where the product thinks");
            rejects(
                file,
                "fn f() -> tonic_types::ErrorDetails {}",
                "where the product thinks",
            );
            rejects(file, "use axum::Router;", "at the doors");
            rejects(file, "use reqwest::Url;", "one HTTP client");
            rejects(file, "use rusqlite::Connection;", "SQL is in");
            rejects(file, "fn f(pool: sqlx::Pool) {}", "SQL is in");
            rejects(file, "use redis::Client;", "replicas share");
        }
        accepts("error/fault.rs", "use tonic::Code;");
    }

    #[test]
    fn each_library_has_its_place() {
        for file in [
            "web.rs",
            "adapters/okta/door.rs",
            "admin/mod.rs",
            "receipts.rs",
            "sandbox/twilio.rs",
        ] {
            accepts(file, "use axum::{Router, routing::get};");
        }
        rejects("app.rs", "use ::axum::Router;", "at the doors");
        accepts("outbound.rs", "use reqwest::Url;");
        rejects(
            "channels/kinds/twilio.rs",
            "use {reqwest::Url};",
            "one HTTP client",
        );
        accepts("shared/mod.rs", "use redis::aio;");
        accepts(
            "store/sqlite/mod.rs",
            "use rusqlite::Connection; use rusqlite_migration::M;",
        );
        rejects(
            "grpc/mod.rs",
            "#[cfg(test)] mod tests { use rusqlite::params; }",
            "SQL is in",
        );
    }

    #[test]
    fn the_environment_is_read_in_config() {
        accepts("config/environment.rs", "use std::env;");
        rejects("cli.rs", "use std::{fmt, env::{self}};", "read in `config`");
        rejects(
            "app.rs",
            "fn f() { std::env::temp_dir(); }",
            "read in `config`",
        );
        accepts("app.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\");");
    }

    #[test]
    fn loose_errors_stay_at_the_edge() {
        accepts("main.rs", "use anyhow::Result;");
        accepts("cli/serve.rs", "use anyhow::Context;");
        rejects("app.rs", "use anyhow::Context;", "a type of its own");
    }

    #[test]
    fn kinds_know_neither_each_other_nor_the_books() {
        rejects(
            "channels/kinds/twilio.rs",
            "use crate::store::record;",
            "reports facts",
        );
        rejects(
            "channels/kinds/twilio.rs",
            "use super::vonage;",
            "the kind `vonage`",
        );
        rejects(
            "app.rs",
            "use crate::channels::kinds::twilio;",
            "the kind `twilio`",
        );
        accepts("app.rs", "use crate::channels::kinds::KINDS;");
        accepts(
            "channels/kinds/twilio.rs",
            "mod tests { use super::super::contract; }",
        );
        accepts(
            "channels/kinds/mod.rs",
            "mod twilio; use self::twilio::Twilio;",
        );
        accepts("channels/kinds/twilio.rs", "mod tests { use super::*; }");
        rejects(
            "sandbox/twilio.rs",
            "use crate::channels::provider;",
            "shares its mistakes",
        );
    }
}
