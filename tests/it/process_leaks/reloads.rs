//! Configurations and secrets that go bad while the program runs, with secrets written where none should be.

use std::fs;

use rustix::process::Signal;

use super::{World, people::People};
use crate::support::process::Serving;

/// Breaks each thing once, and mends it. The two may be one process.
pub(super) async fn play(world: &World, people: &mut People, [gateway, adapter]: [&Serving; 2]) {
    let (gateway, adapter) = (&gateway.running, &adapter.running);
    // This comes first: a reload that is still to come might take the fresh secret up by itself.
    fs::remove_file(world.place.path("hook.secret")).expect("it was there");
    adapter.logged(&["a secret could not be read again"]).await;
    let fresh = "a-fresh-hook-secret-from-a-file";
    people.secrets.text(fresh);
    world.place.write("hook.secret", fresh);
    adapter.logged(&["secrets were read again"]).await;

    let good = world.configuration();
    let literal = "a-secret-written-in-clear-by-mistake";
    people.secrets.text(literal);
    let quoted = format!("'{literal}'");
    let misspelt = format!("{{ evn: {literal} }}");
    let named = format!("{{ env: '{literal}' }}");
    let unclosed = format!("\"{literal}");
    let unknown = format!("kind: {literal}");
    // What a line says of each stands in none before it.
    for (from, to, says) in [
        ("{ env: PROVIDER_TOKEN }", &*quoted, "auth_token"),
        ("{ env: HOOK_SECRET }", &quoted, "secrets[0]"),
        ("{ env: GRPC_TOKEN }", &quoted, "grpc.clients[0].token"),
        ("{ env: GATEWAY_TOKEN }", &misspelt, "grpc.clients[1].token"),
        ("{ env: GATEWAY_TOKEN }", &named, "clients[1].token.env"),
        (
            "{ env: GRPC_TOKEN }",
            "{ file: there-is-none.secret }",
            "there-is-none",
        ),
        ("{ env: GRPC_TOKEN }", &unclosed, "no valid YAML"),
        ("kind: twilio", &unknown, ".kind"),
    ] {
        assert!(good.contains(from));
        world
            .place
            .write("tollgate.yaml", &good.replacen(from, to, 1));
        gateway.signal(Signal::HUP);
        gateway
            .logged(&["the configuration cannot be used", says])
            .await;
    }
    world.configure();
    gateway.signal(Signal::HUP);
    gateway.logged(&["the configuration was read again"]).await;
}
