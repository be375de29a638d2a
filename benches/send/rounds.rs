//! The rounds: floor and product under the same load in turns, so that whatever the machine does meanwhile meets both.

use std::{
    fs,
    path::{Path, PathBuf},
    slice,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tollgate::{config, outbound::Outbound};

use crate::{
    load::{self, CONNECTIONS, Seen},
    process::Running,
    product::{self, SECRET},
    report::{Rest, Stretch, Subject, table},
};

const ROUNDS: usize = 3;

/// Each server's load of a round comes in so many parts, between which the other one has its own.
const TURNS: u32 = 5;

/// How long a server is loaded to find out how long its answers take.
const TRIAL_SECONDS: u32 = 2;

/// Nothing has come for so long: nothing more comes. Far longer than a message takes after its caller has gone.
const QUIET: Duration = Duration::from_millis(100);

/// How often that is looked for: five seconds, longer than any hook lives.
const LOOKS: usize = 50;

/// The floor's form where there is no product to take the size from.
const USUAL_FORM: usize = 90;

/// What is measured, and for how long.
pub(crate) struct Plan {
    /// Seconds of each load in each round.
    pub(crate) seconds: u32,
    /// The product's binary; without one only the floor is measured.
    pub(crate) product: Option<PathBuf>,
}

/// A server under load, and what it showed so far.
struct Measured {
    running: Running,
    address: String,
    subject: Subject,
}

/// The provider's stand-in, and the next phase of the load.
struct Bench {
    company: String,
    outbound: Outbound,
    seconds: u32,
    phase: u32,
}

/// Measures everything and returns the table.
pub(crate) async fn measure(plan: &Plan) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let (phone_company, company) = Running::part(&["phone-company"]).await?;
    let mut bench = Bench {
        company,
        outbound: Outbound::new(&config::outbound::Outbound::default(), None)?,
        seconds: plan.seconds,
        phase: 0,
    };
    let mut measured = Vec::new();
    let mut form = USUAL_FORM;
    if let Some(binary) = &plan.product {
        let mut tollgate = bench.start_product(binary, folder.path()).await?;
        form = bench.warm(&mut tollgate).await?;
        measured.push(tollgate);
    }
    let mut floor = bench.start_floor(form).await?;
    bench.warm(&mut floor).await?;
    measured.insert(0, floor);
    for _ in 0..ROUNDS {
        bench.round(&mut measured).await?;
        // The one that came first comes last in the next round.
        measured.rotate_left(1);
    }
    let mut subjects = Vec::new();
    for mut one in measured {
        one.subject.rest.resident_after = one.running.resident()?;
        subjects.push(one.subject);
        one.running.end().await?;
    }
    phone_company.end().await?;
    subjects.sort_by_key(|subject| subject.name != "floor");
    Ok(table(&subjects))
}

impl Bench {
    async fn start_product(&self, binary: &Path, folder: &Path) -> Result<Measured> {
        let started = product::start(binary, folder, &self.company, &self.outbound).await?;
        let rest = Rest {
            resident_idle: started.running.resident()?,
            resident_after: 0.0,
            start: Some(started.took),
            binary: Some(fs::metadata(binary)?.len()),
        };
        Ok(Measured {
            subject: Subject::new("tollgate", rest),
            running: started.running,
            address: started.address,
        })
    }

    async fn start_floor(&self, form: usize) -> Result<Measured> {
        let part = ["floor", &self.company, &form.to_string()];
        let (running, address) = Running::part(&part).await?;
        let rest = Rest {
            resident_idle: running.resident()?,
            ..Rest::default()
        };
        Ok(Measured {
            subject: Subject::new("floor", rest),
            running,
            address,
        })
    }

    /// Opens connections and fills caches; returns how many bytes the form of a message has.
    async fn warm(&mut self, server: &mut Measured) -> Result<usize> {
        let before = self.taken().await?;
        self.stretch(server, 2, Duration::ZERO).await?;
        let after = self.taken().await?;
        let mean = (after.1 - before.1) / (after.0 - before.0);
        server.subject.form = mean;
        Ok(usize::try_from(mean)?)
    }

    /// As much as each can take, then both at what the slower one could, and both at half of that.
    async fn round(&mut self, measured: &mut [Measured]) -> Result<()> {
        let full = self
            .turns(measured, &vec![Duration::ZERO; measured.len()])
            .await?;
        let slowest = full.iter().map(|seen| seen.rate).fold(f64::MAX, f64::min);
        let mut equal = Vec::new();
        for (server, full) in measured.iter_mut().zip(&full) {
            if full.rate > slowest {
                let pause = self.pause_for(server, slowest).await?;
                equal.extend(self.turns(slice::from_mut(server), &[pause]).await?);
            } else {
                equal.push(*full);
            }
        }
        let mut pauses = Vec::new();
        for server in &mut *measured {
            pauses.push(self.pause_for(server, slowest / 2.0).await?);
        }
        let half = self.turns(measured, &pauses).await?;
        for (index, server) in measured.iter_mut().enumerate() {
            server.subject.full.push(full[index]);
            server.subject.equal.push(equal[index]);
            server.subject.half.push(half[index]);
        }
        Ok(())
    }

    /// How long each connection is to pause so that all of them together make `rate` requests a second.
    async fn pause_for(&mut self, server: &mut Measured, rate: f64) -> Result<Duration> {
        let between = |rate: f64| Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
        // A connection also waits for its answer, and how long that takes depends on the rate: it is found out first.
        let cycle = between(rate);
        let trial = self.stretch(server, TRIAL_SECONDS, cycle).await?;
        let answer = between(trial.rate).saturating_sub(cycle);
        Ok(cycle.saturating_sub(answer))
    }

    /// A load for each server, with this pause of its connections, in turns.
    async fn turns(
        &mut self,
        measured: &mut [Measured],
        pauses: &[Duration],
    ) -> Result<Vec<Stretch>> {
        let seconds = (self.seconds / TURNS).max(1);
        let mut seen = vec![Vec::new(); measured.len()];
        for _ in 0..TURNS {
            for (index, server) in measured.iter_mut().enumerate() {
                let stretch = self.stretch(server, seconds, pauses[index]).await?;
                seen[index].push(stretch);
            }
        }
        Ok(seen.iter().map(|parts| Stretch::of(parts)).collect())
    }

    /// One stretch of load on one server. Every request must have become one message at the provider.
    async fn stretch(
        &mut self,
        server: &mut Measured,
        seconds: u32,
        pause: Duration,
    ) -> Result<Stretch> {
        let (before, cpu) = (self.taken().await?, server.running.cpu()?);
        let seen = load::run(&server.address, SECRET, self.phase, seconds, pause).await?;
        self.phase += 1;
        let (after, used) = (
            self.settled().await?,
            server.running.cpu()?.saturating_sub(cpu),
        );
        let messages = after.0 - before.0;
        ensure!(
            all_were_sent(&seen, messages),
            "{} made {messages} messages of {} requests: what was measured is not sending",
            server.subject.name,
            seen.requests
        );
        Ok(Stretch {
            messages,
            cpu: used / u32::try_from(messages)?,
            rate: seen.rate,
            p50: seen.p50,
            p99: seen.p99,
        })
    }

    /// What the provider has taken once nothing more comes: what is under way when the load ends still arrives.
    async fn settled(&self) -> Result<(u64, u64)> {
        let mut before = self.taken().await?;
        for _ in 0..LOOKS {
            tokio::time::sleep(QUIET).await;
            let now = self.taken().await?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
        bail!("messages still arrive long after the load has ended")
    }

    /// Messages and bytes of their forms that the provider has taken so far.
    async fn taken(&self) -> Result<(u64, u64)> {
        let url = format!("http://{}/count", self.company);
        let (_, text) = product::get(&self.outbound, &url).await?;
        let (messages, bytes) = text.split_once(' ').context("no count")?;
        Ok((messages.parse()?, bytes.parse()?))
    }
}

/// `wrk` ends in the middle of things: up to one request for each connection is sent and not counted by it.
fn all_were_sent(seen: &Seen, messages: u64) -> bool {
    let open = u64::from(CONNECTIONS);
    (seen.requests..=seen.requests + open).contains(&messages)
}
