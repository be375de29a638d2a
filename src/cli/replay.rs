//! `tollgate replay`: a trace through the real guard, and what came of it.

use std::{fs::File, io::BufReader, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;

use crate::{
    app::import::{self, ImportError},
    channels::kinds,
    clock::Clock,
    config::{
        self, Config,
        load::{Source, read_file},
    },
    domain::privacy::KeyedHash,
    replay::run::{self, Order, Stopped},
};

use super::{Failure, guard::import_verified, say};

/// Run a trace of requests through the guard, in virtual time; nothing is sent
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The trace, a CSV file as `trace` writes it
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// The configuration file
    #[arg(long, short, default_value = "tollgate.yaml", env = "TOLLGATE_CONFIG")]
    config: PathBuf,
    /// The tenant whose requests they are
    #[arg(long)]
    tenant: String,
    /// Kill the process and start another one, so long after the trace began: "7days 11h"
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    restart_at: Option<Duration>,
    /// Count only what comes so long after the trace began; what comes before teaches the guard
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    count_from: Duration,
    /// Numbers verified before the trace began, in a file as `guard import-verified` takes it
    #[arg(long, value_name = "FILE")]
    verified: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        let text = read_file(&self.config).map_err(|problem| Failure::usage(&problem))?;
        let config = Config::load(&Source {
            name: &self.config.display().to_string(),
            text: &text,
            variables: &config::environment(),
            kinds: &kinds::schemas(),
            sandbox: false,
        });
        let config = config.map_err(|problems| Failure::usage(&problems))?;
        let verified = self.verified(&config)?;
        let name = self.trace.display().to_string();
        let trace = File::open(&self.trace).with_context(|| name.clone())?;
        let order = Order {
            config: &config,
            tenant: &self.tenant,
            restart_at: self.restart_at,
            count_from: self.count_from,
            verified: &verified,
        };
        let report = match run::run(BufReader::with_capacity(1 << 16, trace), &order) {
            Ok(report) => report,
            Err(problem @ (Stopped::Tenant | Stopped::Settings(_) | Stopped::NoRestart)) => {
                return Err(Failure::usage(&problem));
            }
            Err(problem) => return Err(Failure::Other(anyhow::Error::new(problem).context(name))),
        };
        Ok(say(serde_json::to_string(&report)?)?)
    }

    /// Who is known beforehand. With a line that cannot be read the figures would be of others, so it ends there.
    fn verified(&self, config: &Config) -> Result<Vec<(KeyedHash, u32)>, Failure> {
        let Some(path) = &self.verified else {
            return Ok(Vec::new());
        };
        let name = path.display().to_string();
        let file = BufReader::new(File::open(path).with_context(|| name.clone())?);
        let clock = Clock::system();
        let read = import::read((config, &self.tenant), run::keys(), file, &clock);
        let (imported, rows) = match read {
            Ok(read) => read,
            Err(problem @ ImportError::Tenant(_)) => return Err(Failure::usage(&problem)),
            Err(problem) => return Err(Failure::Other(anyhow::Error::new(problem).context(name))),
        };
        if imported.bad > 0 {
            let said = import_verified::said(&imported);
            return Err(Failure::Other(anyhow::anyhow!("{name}: {said}")));
        }
        Ok(rows)
    }
}
