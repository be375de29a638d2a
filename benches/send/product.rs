//! Tollgate as it is shipped, with everything on: its configuration, and how it is started.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use http::{HeaderMap, Method, StatusCode};
use tokio::process::Command;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tollgate::{
    clock::Clock,
    config::secret::Secret,
    outbound::{
        Outbound, Request, WriteGate,
        channel::{self, Remote},
    },
    pb::v1::{self, preference_service_client::PreferenceServiceClient},
};
use tower::BoxError;

use crate::process::Running;

/// What Okta shows us.
pub(crate) const SECRET: &str = "bench-hook-secret-0123456789";

/// What the gRPC client shows.
const TOKEN: &str = "bench-grpc-token-0123456789";

/// Longest that a start may take.
const START_WITHIN: Duration = Duration::from_secs(20);

/// Tollgate, ready.
pub(crate) struct Started {
    pub(crate) running: Running,
    /// Where hooks go.
    pub(crate) address: String,
    /// From the start of the process to its readiness.
    pub(crate) took: Duration,
}

/// Starts Tollgate in `folder`, where its ledger and its log will be.
pub(crate) async fn start(
    binary: &Path,
    folder: &Path,
    provider: &str,
    outbound: &Outbound,
) -> Result<Started> {
    let binary = fs::canonicalize(binary);
    let binary = binary.context("there is no such product; scripts/bench.sh builds it")?;
    let [public, grpc, admin] = free_addresses()?;
    let file = folder.join("tollgate.yaml");
    fs::write(&file, configuration(public, grpc, admin, provider))?;
    let log = folder.join("log.json");
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(&file);
    command.current_dir(folder);
    command.env("BENCH_HOOK_SECRET", SECRET);
    command.env("BENCH_AUTH_TOKEN", "bench-auth-token-0123456789");
    command.env("BENCH_TOKEN", TOKEN);
    command.stdout(File::create(&log)?);
    command.stderr(File::options().append(true).open(&log)?);
    let clock = Clock::system();
    let begun = clock.now();
    let mut running = Running::start(&mut command)?;
    while !is_ready(outbound, admin).await? {
        if running.has_ended()? || clock.now() - begun > START_WITHIN {
            let log = fs::read_to_string(&log)?;
            bail!("tollgate did not start:\n{}", log.trim_end());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = clock.now() - begun;
    store_preference(grpc).await?;
    Ok(Started {
        running,
        address: public.to_string(),
        took,
    })
}

/// Stores somebody's preference: from then on everybody is looked up.
async fn store_preference(gateway: SocketAddr) -> Result<()> {
    let stop = CancellationToken::new();
    let remote = Remote {
        url: format!("http://{gateway}"),
        ca: None,
        token: Some(Secret::fixed(TOKEN)),
    };
    let channel = channel::connect::<BoxError>(remote, stop.clone(), &TaskTracker::new())?;
    let mut request = tonic::Request::new(v1::SetPreferenceRequest {
        tenant: "bench".to_owned(),
        user_id: "00u-nobody-of-the-load".to_owned(),
        channels: vec![v1::Channel::Whatsapp.into()],
        ..v1::SetPreferenceRequest::default()
    });
    request.set_timeout(START_WITHIN);
    let mut client = PreferenceServiceClient::new(channel);
    client.set_preference(request).await?;
    stop.cancel();
    Ok(())
}

/// Three addresses that were free a moment ago.
fn free_addresses() -> Result<[SocketAddr; 3]> {
    let listen = || TcpListener::bind("127.0.0.1:0");
    // All are held at once, or the same one might come twice.
    let held = [listen()?, listen()?, listen()?];
    let [a, b, c] = held.each_ref().map(TcpListener::local_addr);
    Ok([a?, b?, c?])
}

async fn is_ready(outbound: &Outbound, admin: SocketAddr) -> Result<bool> {
    let answer = get(outbound, &format!("http://{admin}/readyz")).await;
    Ok(answer.is_ok_and(|(status, _)| status == StatusCode::OK))
}

/// Asks one of the servers something.
pub(crate) async fn get(outbound: &Outbound, url: &str) -> Result<(StatusCode, String)> {
    let request = Request {
        method: Method::GET,
        url: url.parse()?,
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    let answer = outbound.call(request, &WriteGate::default()).await;
    let answer = answer.with_context(|| format!("no answer from {url}"))?;
    Ok((answer.status, String::from_utf8(answer.body.to_vec())?))
}

fn configuration(
    public: SocketAddr,
    grpc: SocketAddr,
    admin: SocketAddr,
    provider: &str,
) -> String {
    format!(
        r#"allow_test_providers: true
public: {{ listen: "{public}" }}
grpc:
  listen: "{grpc}"
  clients: [ {{ name: bench, token: {{ env: BENCH_TOKEN }}, tenants: [bench], methods: [SetPreference] }} ]
admin: {{ listen: "{admin}" }}
ledger: {{ url: "sqlite://tollgate.db" }}
log: {{ level: info, format: json }}
providers:
  one:
    kind: twilio
    account_sid: AC00000000000000000000000000000001
    auth_token: {{ env: BENCH_AUTH_TOKEN }}
    base_url: "http://{provider}"
    senders: {{ default: "+15005550006" }}
  two:
    kind: twilio
    account_sid: AC00000000000000000000000000000001
    auth_token: {{ env: BENCH_AUTH_TOKEN }}
    base_url: "http://{provider}"
    senders: {{ default: "+15005550006" }}
tenants:
  bench:
    brand: Bench
    countries: {{ allow: [GB] }}
    templates:
      - {{ channels: [sms], locale: en, text: "{{{{ code }}}} is your code for {{{{ brand }}}}. It expires in {{{{ minutes }}}} minutes." }}
    okta: {{ auth: {{ secrets: [ {{ env: BENCH_HOOK_SECRET }} ] }} }}
routes:
  - {{ channel: sms, try: [one, two], pick: weight, weights: {{ one: 3 }} }}
"#
    )
}
