//! A client in another language walks through the gRPC contract.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use tokio::process::Command;
use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};

use crate::support::{
    authority::{Authority, with_tls},
    process::{GRPC_TOKEN, Place, Serving},
};

/// How the client ended, and what it said of each step.
struct Walk {
    code: Option<i32>,
    steps: Vec<Value>,
    problem: String,
}

impl Walk {
    fn is_ok(&self, step: &str) -> bool {
        let mut steps = self.steps.iter();
        let found = steps.find(|line| line["step"] == step);
        found.is_some_and(|line| line["ok"] == true && line.get("left_out").is_none())
    }
}

/// Runs the client against a gateway.
async fn walk(gateway: &Serving, token: &str, more: &[&str]) -> Walk {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = repository.join(".cache/venv/bin/python");
    assert!(
        python.is_file(),
        "the Python client's environment is not there; run `make tools`, which installs it into .cache/venv"
    );
    let address = format!("localhost:{}", gateway.grpc().port());
    let client = Command::new(python)
        .arg(repository.join("tests/python/client.py"))
        .args(["--address", &address, "--token", token])
        .args(["--limited-phone", "+14155550177"])
        .args(more)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let lines = String::from_utf8(client.stdout).unwrap();
    Walk {
        code: client.status.code(),
        steps: lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        problem: String::from_utf8_lossy(&client.stderr).into_owned(),
    }
}

/// A gateway and its provider, in plain text or, with an authority, in TLS.
async fn start(authority: Option<&Authority>) -> (Place, Twilio, Serving) {
    let desk = Twilio::start(Settings::default(), Clock::system()).await;
    let desk = desk.unwrap();
    let place = Place::new();
    place.configure(&desk.url());
    let mut serve = place.serve();
    if let Some(authority) = authority {
        authority.sign(&place);
        serve = with_tls(serve, "GRPC");
    }
    let gateway = serve.ready().await;
    (place, desk, gateway)
}

fn all_went_well(walk: &Walk) {
    let Walk {
        code,
        steps,
        problem,
    } = walk;
    assert_eq!(*code, Some(0), "{steps:#?}\n{problem}");
    for step in [
        "health",
        "reflection",
        "send",
        "repeat",
        "mismatch",
        "read",
        "not_found",
        "invalid",
        "unauthenticated",
        "refused",
        "limited",
        "done",
    ] {
        assert!(walk.is_ok(step), "{step}: {steps:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sends_reads_and_understands_every_refusal() {
    let (_place, desk, gateway) = start(None).await;
    all_went_well(&walk(&gateway, GRPC_TOKEN, &[]).await);
    assert_eq!(desk.inbox().to("+14155550123").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_in_tls() {
    let authority = Authority::new();
    let (place, desk, gateway) = start(Some(&authority)).await;
    let ca = place.path("ca.pem").display().to_string();
    all_went_well(&walk(&gateway, GRPC_TOKEN, &["--ca", &ca]).await);
    assert_eq!(desk.inbox().to("+14155550123").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_right_it_gets_nowhere() {
    let (_place, desk, gateway) = start(None).await;
    let walk = walk(&gateway, "a-token-of-somebody-else", &[]).await;
    assert_eq!(walk.code, Some(1), "{}", walk.problem);
    assert!(!walk.is_ok("send") && !walk.is_ok("done"));
    assert!(walk.is_ok("unauthenticated"), "{:#?}", walk.steps);
    assert_eq!(desk.inbox().counts().seen, 0);
}
