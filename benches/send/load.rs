//! The load: `wrk` on loopback for a bounded time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Connections that are kept open; each has one request under way.
pub(crate) const CONNECTIONS: u32 = 64;

/// What one stretch of load showed.
pub(crate) struct Seen {
    pub(crate) requests: u64,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Sends hooks to `server` for `seconds`. Each connection pauses for `pause` on average between two of them; `phase` must
/// differ each time, so that no number comes twice.
pub(crate) async fn run(
    server: &str,
    secret: &str,
    phase: u32,
    seconds: u32,
    pause: Duration,
) -> Result<Seen> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--timeout", "5s"]);
    command.args(["--connections", &CONNECTIONS.to_string()]);
    command.args(["--duration", &format!("{seconds}s")]);
    command.args(["--header", &format!("Authorization: {secret}")]);
    command.arg("--script");
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/benches/send/hooks.lua"
    ));
    command.arg(format!("http://{server}/okta/bench/telephony"));
    let pause = pause.as_micros().to_string();
    command.args(["--", &phase.to_string(), &pause]);
    let output = command.kill_on_drop(true).output().await;
    let output = output.context("wrk cannot be started")?;
    let text = String::from_utf8(output.stdout)?;
    let result = text.lines().find_map(|line| line.strip_prefix("result "));
    let result = result.with_context(|| format!("wrk gave no result: {text}"))?;
    let numbers: Vec<u64> = result
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, micros, failed, p50, p99] = numbers[..] else {
        anyhow::bail!("wrk's result is odd: {result}");
    };
    ensure!(
        failed == 0,
        "{failed} of {requests} requests to {server} failed"
    );
    ensure!(requests > 0, "no request to {server} was answered");
    Ok(Seen {
        requests,
        rate: f64::from(u32::try_from(requests)?) / Duration::from_micros(micros).as_secs_f64(),
        p50: Duration::from_micros(p50),
        p99: Duration::from_micros(p99),
    })
}
