//! Starts that fail: one clear line for each mistake, and the exit code that says whose it is.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::process::{Ended, Place, Program};

/// Bad usage or configuration.
const USAGE: i32 = 64;
/// Anything else that went wrong.
const FAILURE: i32 = 1;

/// A folder whose configuration is good; its provider is never called.
fn good() -> Place {
    let place = Place::new();
    place.configure("http://127.0.0.1:9");
    place
}

/// Runs the program to its end, which must have this code and exactly these lines, in this order, each by a part of it.
async fn check(program: Program, code: i32, lines: &[&str]) -> Ended {
    let ended = program.run().await;
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let told: Vec<_> = ended.log.lines().collect();
    assert_eq!(told.len(), lines.len(), "{ended:?}");
    for (told, expect) in told.iter().zip(lines) {
        assert!(told.contains(expect), "{told:?} does not say {expect:?}");
    }
    ended
}

#[tokio::test]
async fn bad_usage_is_told_from_a_question() {
    let place = Place::new();
    for arguments in [
        &["serve", "--only", "nothing"][..],
        &["serve", "--confg", "tollgate.yaml"],
        &["frobnicate"],
        &["hook", "--url"],
        &[],
    ] {
        let ended = place.program(arguments).run().await;
        assert_eq!(ended.code, Some(USAGE), "{arguments:?}: {ended:?}");
        assert!(ended.log.contains("--help"), "{ended:?}");
        assert_eq!(ended.out, "");
    }
    for arguments in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let ended = place.program(arguments).run().await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        assert!(ended.out.contains("tollgate") && ended.log.is_empty());
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let place = Place::new();
    for command in ["serve", "check-config"] {
        let program = place.program(&[command, "--config", "nowhere.yaml"]);
        let says = "tollgate: nowhere.yaml: there is no such file";
        check(program, USAGE, &[says]).await;
    }
}

#[tokio::test]
async fn five_mistakes_are_five_lines() {
    let place = good();
    let text = place.configuration("http://127.0.0.1:9");
    let text = text
        .replace("public: { listen", "public: { lisen")
        .replace("deadline: 10s", "deadline: 10")
        .replace("level: info", "level: loud")
        .replace("allow: [US, JP]", "allow: [US, NO]")
        .replace("try: [desk]", "try: [dask]");
    place.write("tollgate.yaml", &text);
    let lines = [
        "tollgate.yaml:2:11: public.lisen: ",
        "tollgate.yaml:10:43: drain.deadline: ",
        "tollgate.yaml:11:15: log.level: ",
        "tollgate.yaml:21:30: tenants.acme.countries.allow[1]: ",
        "tollgate.yaml:24:27: routes[0].try[0]: ",
    ];
    for command in ["serve", "check-config"] {
        let program = place.program(&[command, "--config", "tollgate.yaml"]);
        check(program, USAGE, &lines).await;
    }
}

#[tokio::test]
async fn secrets_that_cannot_be_had_are_named_by_their_paths() {
    let place = good();
    let empty = "tollgate: providers.desk.auth_token: environment variable PROVIDER_TOKEN is empty";
    let serve = place.serve().with("PROVIDER_TOKEN", "");
    check(serve, USAGE, &[empty]).await;
    let unset = "tenants.acme.okta.auth.secrets[0]: environment variable HOOK_SECRET is not set";
    let serve = place.serve().without("HOOK_SECRET");
    check(serve, USAGE, &[unset]).await;
    let short = "grpc.clients[0].token: environment variable GRPC_TOKEN has fewer than 16 bytes";
    let serve = place.serve().with("GRPC_TOKEN", "short");
    check(serve, USAGE, &[short]).await;
    let missing = "grpc.tls.certificate: file nowhere.pem is not set or cannot be read";
    let serve = place
        .serve()
        .with("TOLLGATE__GRPC__TLS__CERTIFICATE__FILE", "nowhere.pem")
        .with("TOLLGATE__GRPC__TLS__KEY__FILE", "nowhere.key");
    check(serve, USAGE, &[missing]).await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_door() {
    let place = good();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    for door in ["public", "grpc", "admin"] {
        let variable = format!("TOLLGATE__{}__LISTEN", door.to_uppercase());
        let serve = place.serve().with(&variable, &taken);
        let says = format!("tollgate: {door}.listen: cannot listen on {taken}: ");
        check(serve, FAILURE, &[&says]).await;
    }
    drop(holder);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_opened_says_why() {
    let place = good();
    let nowhere = "sqlite:///nowhere/at/all/ledger.db";
    let serve = place.serve().with("TOLLGATE__LEDGER__URL", nowhere);
    let says = "the folder /nowhere/at/all of the ledger does not exist";
    check(serve, FAILURE, &[says]).await;

    let first = place.serve().ready().await;
    let says = "ledger.db is in use by another process";
    check(place.serve(), FAILURE, &[says]).await;
    // The first one goes on as if nothing had been.
    let mut running = first.running;
    assert_eq!(running.stop().await.code(), Some(0));
}

#[tokio::test]
async fn plain_text_on_the_network_must_be_meant() {
    let place = good();
    let open = || place.serve().with("TOLLGATE__GRPC__LISTEN", "0.0.0.0:0");
    check(open(), USAGE, &["grpc.listen: "]).await;
    let mut meant = open()
        .with("TOLLGATE__GRPC__PLAINTEXT", "true")
        .ready()
        .await;
    assert!(meant.grpc().ip().is_unspecified());
    assert_eq!(meant.running.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_configuration_can_be_checked_without_its_secrets() {
    let place = good();
    for arguments in [
        &["check-config", "--config", "tollgate.yaml"][..],
        &["check-config", "tollgate.yaml"],
        &["check-config"],
    ] {
        let ended = check(place.program(arguments), 0, &[]).await;
        assert_eq!(ended.out, "tollgate.yaml: no problems found\n");
    }
}

#[tokio::test]
async fn the_schema_takes_no_unknown_key() {
    let place = Place::new();
    let program = place.program(&["check-config", "--print-schema"]);
    let ended = check(program, 0, &[]).await;
    let schema: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    let sections = schema["properties"].as_object().unwrap();
    assert!(sections.contains_key("providers") && sections.contains_key("tenants"));
    assert!(
        ended.out.contains("account_sid"),
        "the kinds' settings are left out"
    );
}
