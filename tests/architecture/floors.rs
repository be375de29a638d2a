//! Floors: a module names only modules below its own.

use crate::{names::module_of, source::Source};

/// Lowest floor first. Modules that are planned and not there yet have their place already.
const FLOORS: &[&[&str]] = &[
    &["error", "clock"],
    &["domain"],
    &["config", "pb"],
    &["telemetry", "lanes"],
    &["store", "shared", "web", "outbound"],
    &["guard", "channels", "routing", "messages"],
    &["dispatch"],
    &["grpc", "receipts", "admin", "adapters"],
    &["app", "sandbox", "replay"],
    &["cli"],
];

/// Doors that reach the gateway by gRPC only, and so can run alone on the internet.
const LONE_DOORS: &[&str] = &["adapters", "receipts"];

/// The highest floor that a lone door may name.
const LONE_DOOR_SEES: usize = 4;

/// What `source` names and should not.
pub(crate) fn check(source: &Source<'_>) -> Vec<String> {
    let module = module_of(source.file);
    let Some(here) = module.first() else {
        // `lib.rs` only lists modules, and `main.rs` stands on top of all.
        return Vec::new();
    };
    let Some(mine) = floor(here) else {
        return vec![source.at(1, &format!("`{here}` stands on no floor"))];
    };
    let named = source.names.iter().filter_map(|name| {
        let there = *name.ours()?.first()?;
        let problem = problem(here, mine, there)?;
        Some(source.at(name.line, &problem))
    });
    let mut broken: Vec<_> = named.collect();
    // A group that takes three things from one module is one mistake.
    broken.dedup();
    broken
}

/// The top-level modules that `lib.rs` must not forget: all that have a floor.
pub(crate) fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&module))
}

fn problem(here: &str, mine: usize, there: &str) -> Option<String> {
    if there == here {
        return None;
    }
    match floor(there) {
        None => Some(format!("names `{there}`, which stands on no floor")),
        Some(theirs) if theirs >= mine => Some(format!("names `{there}`, which is not below it")),
        Some(theirs) if LONE_DOORS.contains(&here) && theirs > LONE_DOOR_SEES => Some(format!(
            "names `{there}`, but this door reaches the gateway by gRPC only"
        )),
        Some(_) => None,
    }
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
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].contains(because), "{broken:?}");
    }

    #[test]
    fn downwards_is_free() {
        accepts(
            "dispatch/send.rs",
            "use crate::{guard::admit, domain::phone};",
        );
        accepts(
            "dispatch/send.rs",
            "use super::status; use crate::dispatch::watch;",
        );
        accepts("adapters/okta/hook.rs", "use crate::{web, outbound, pb};");
        accepts("main.rs", "use tollgate::{app, cli};");
    }

    #[test]
    fn upwards_and_sideways_are_closed() {
        rejects(
            "domain/phone.rs",
            "use crate::config::guard;",
            "`config`, which is not below",
        );
        rejects(
            "guard/mod.rs",
            "use crate::routing;",
            "`routing`, which is not below",
        );
        rejects(
            "error/mod.rs",
            "use crate::clock;",
            "`clock`, which is not below",
        );
        rejects(
            "domain/id.rs",
            "fn f() { crate::app::build() }",
            "`app`, which is not below",
        );
    }

    #[test]
    fn no_spelling_gets_around_it() {
        rejects(
            "store/mod.rs",
            "use crate::{domain::id, grpc::{server, client}};",
            "`grpc`",
        );
        rejects(
            "store/sqlite.rs",
            "use super::super::dispatch;",
            "`dispatch`",
        );
        rejects("clock.rs", "use super::domain;", "`domain`");
        rejects(
            "clock.rs",
            "#[cfg(test)] mod tests { use super::super::domain::id; }",
            "`domain`",
        );
        rejects(
            "guard/local.rs",
            "pub(in crate::dispatch) fn f() {}",
            "`dispatch`",
        );
    }

    #[test]
    fn a_module_without_a_floor_is_told() {
        rejects("gadgets.rs", "fn f() {}", "`gadgets` stands on no floor");
        rejects(
            "app.rs",
            "use crate::gadgets;",
            "`gadgets`, which stands on no floor",
        );
    }

    #[test]
    fn lone_doors_reach_the_gateway_by_grpc_only() {
        for file in ["adapters/okta/hook.rs", "receipts.rs"] {
            rejects(file, "use crate::channels::provider;", "by gRPC only");
            rejects(file, "use crate::dispatch::send;", "by gRPC only");
            rejects(file, "mod tests { use crate::guard; }", "by gRPC only");
        }
    }
}
