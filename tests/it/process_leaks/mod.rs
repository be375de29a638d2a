//! Nothing private is told: traffic with failures of every kind goes through the program at its most talkative, and
//! then its output, its metrics, its ledger and every answer are searched for whatever went in.

mod calls;
mod hooks;
mod people;
mod reloads;

use std::fs;

use rustix::process::Signal;
use tollgate::{
    clock::Clock,
    sandbox::okta::{self, Okta},
};

use crate::support::{
    authority::{Authority, with_tls},
    echo::Echo,
    line::get,
    process::{GATEWAY_TOKEN, GRPC_TOKEN, HOOK_SECRET, PROVIDER_TOKEN, Place, Program, Serving},
};

use people::People;

/// A hook secret that stands in a file.
const FILE_SECRET: &str = "file-hook-secret-of-these-tests";

#[tokio::test(flavor = "multi_thread")]
async fn one_process_that_logs_json() {
    let world = World::new().await;
    let serve = with_tls(with_tls(world.serve(&[]), "PUBLIC"), "GRPC");
    let gateway = talkative(serve, "json").ready().await;
    let mut people = people();
    hooks::play(&world, &mut people, gateway.public(), &gateway.running).await;
    calls::play(&world, &mut people, gateway.grpc()).await;
    reloads::play(&world, &mut people, [&gateway, &gateway]).await;
    world.judge(&people, [gateway]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_log_for_people() {
    let world = World::new().await;
    let serve = with_tls(world.serve(&["--only", "gateway"]), "GRPC");
    let gateway = talkative(serve, "pretty").ready().await;
    let url = format!("https://localhost:{}", gateway.grpc().port());
    let serve = with_tls(world.serve(&["--only", "adapter"]), "PUBLIC")
        .with("TOLLGATE__GATEWAY__URL", &url)
        .with("TOLLGATE__GATEWAY__CA__FILE", "ca.pem")
        .with("TOLLGATE__GATEWAY__TOKEN__ENV", "GATEWAY_TOKEN");
    let adapter = talkative(serve, "pretty").ready().await;
    let mut people = people();
    hooks::play(&world, &mut people, adapter.public(), &adapter.running).await;
    calls::play(&world, &mut people, gateway.grpc()).await;
    reloads::play(&world, &mut people, [&gateway, &adapter]).await;
    world.judge(&people, [adapter, gateway]).await;
}

/// What a gateway lives among: two accounts at a provider that says everything back, and an Okta org with OAuth.
struct World {
    place: Place,
    echo: Echo,
    okta: Okta,
    authority: Authority,
}

impl World {
    async fn new() -> Self {
        let okta = Okta::start(okta::Settings::default(), Clock::system()).await;
        let world = Self {
            place: Place::new(),
            echo: Echo::start().await,
            okta: okta.expect("a free port"),
            authority: Authority::new(),
        };
        world.authority.sign(&world.place);
        world.place.write("hook.secret", FILE_SECRET);
        world.configure();
        world
    }

    fn configure(&self) {
        self.place.write("tollgate.yaml", &self.configuration());
    }

    fn configuration(&self) -> String {
        let spare = format!(
            "providers:\n  spare: {{ kind: twilio, base_url: {}, account_sid: AC5a4d0000000000000000000000000002, \
             auth_token: {{ env: PROVIDER_TOKEN }}, senders: {{ default: ACME }}, timeout: 300ms }}\n",
            self.echo.url()
        );
        let org = self.okta.settings();
        let globex = format!(
            "tenants:\n  globex:\n    countries: {{ allow: [US] }}\n    okta: {{ auth: {{ oauth: {{ issuer: '{}', \
             audience: '{}', scope: {}, client_id: {} }} }} }}\n",
            self.okta.issuer(),
            org.audience,
            org.scope,
            org.client_id,
        );
        let profile = format!(
            "okta: {{ profile: {{ org_url: '{}', auth: {{ api_token: {{ env: PROVIDER_TOKEN }} }}, attributes: {{ \
             line_user_id: lineUserId }} }}, auth: {{ header: x-hook-secret",
            self.echo.url()
        );
        let text = self.place.configuration(&self.echo.url());
        text.replace("providers:\n", &spare)
            .replace("okta: { auth: { header: x-hook-secret", &profile)
            .replace("tenants:\n", &globex)
            .replace("try: [desk]", "try: [desk, spare]")
            .replace(
                "{ env: HOOK_SECRET }",
                "{ env: HOOK_SECRET }, { file: hook.secret }",
            )
            .replace("    kind: twilio", "    timeout: 300ms\n    kind: twilio")
    }

    fn serve(&self, arguments: &[&str]) -> Program {
        self.place.serve_with(arguments)
    }

    /// Ends the processes and searches everything that they have left.
    async fn judge<const N: usize>(self, people: &People, gateways: [Serving; N]) {
        let heard = self.echo.heard();
        for code in people.sent() {
            assert!(heard.contains(code), "a code that should be sent was not");
        }
        let secrets = &people.secrets;
        secrets.must_not_be_in("an answer", people.answers.as_bytes());
        for mut gateway in gateways {
            let metrics = get(gateway.admin(), "/metrics").await.expect("a page");
            assert!(metrics.text.contains("otp_build_info"));
            secrets.must_not_be_in("the metrics", metrics.text.as_bytes());
            self.search_files(people);
            // The last lines, and what the ledger looks like once it is closed.
            gateway.running.signal(Signal::TERM);
            let ended = gateway.running.ended().await;
            assert_eq!(ended.code(), Some(0), "{}", gateway.running.log());
            expect_talk(&gateway.running.log());
        }
        self.search_files(people);
    }

    /// Searches every file of the folder that a gateway has written; what it was given is left out.
    fn search_files(&self, people: &People) {
        let mut ledger = 0;
        for entry in fs::read_dir(self.place.path("")).expect("the folder is there") {
            let entry = entry.expect("a name");
            let name = entry.file_name().to_string_lossy().into_owned();
            let given = [".yaml", ".secret", ".key", ".crt", ".pem"];
            if given.iter().any(|end| name.ends_with(end)) {
                continue;
            }
            let bytes = fs::read(entry.path()).expect("a file");
            ledger += usize::from(name.starts_with("ledger.db"))
                * usize::from(String::from_utf8_lossy(&bytes).contains("req-leak-"));
            people.secrets.must_not_be_in(&name, &bytes);
        }
        assert!(ledger > 0, "the ledger's files have none of the deliveries");
    }
}

/// Nobody yet; but the configuration's own secrets are secrets, too.
fn people() -> People {
    let mut people = People::default();
    for secret in [
        HOOK_SECRET,
        FILE_SECRET,
        GRPC_TOKEN,
        GATEWAY_TOKEN,
        PROVIDER_TOKEN,
    ] {
        people.secrets.text(secret);
    }
    people
}

/// The program at its most talkative.
fn talkative(program: Program, format: &str) -> Program {
    program
        .with("TOLLGATE__LOG__LEVEL", "trace")
        .with("TOLLGATE__LOG__FORMAT", format)
        .with("RUST_BACKTRACE", "1")
}

/// A log without the lines that were to be searched would prove nothing.
fn expect_talk(log: &str) {
    assert!(log.contains("DEBUG") || log.contains("INFO"), "{log}");
    assert!(
        log.contains("okta hook answered") || log.contains("attempt failed"),
        "{log}"
    );
    assert!(!log.contains("panicked"), "{log}");
}
