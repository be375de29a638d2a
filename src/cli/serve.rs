//! `tollgate serve`: the gateway itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    app::{App, Options, Role},
    channels::kinds,
    clock::Clock,
    config::{
        self, Config,
        load::{Source, read_file},
    },
    lanes::Lanes,
    telemetry::setup,
};

use super::{Failure, signals::Signals, wait_for};

/// Run the gateway
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration file
    #[arg(long, short, default_value = "tollgate.yaml", env = "TOLLGATE_CONFIG")]
    config: PathBuf,
    /// Run only one part, so that the one on the internet holds no provider's secrets
    #[arg(long)]
    only: Option<Part>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    /// The door for Okta; needs `gateway` in the configuration
    Adapter,
    /// Everything else
    Gateway,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let variables = config::environment();
        let text = read_file(&self.config).map_err(|problem| Failure::usage(&problem))?;
        let config = Config::load(&Source {
            name: &self.config.display().to_string(),
            text: &text,
            variables: &variables,
            kinds: &kinds::schemas(),
            sandbox: false,
        });
        let config = config.map_err(|problems| Failure::usage(&problems))?;
        let clock = Clock::system();
        let _log =
            setup::begin(&config.log, clock.clone()).map_err(|problem| Failure::usage(&problem))?;
        let role = match self.only {
            None => Role::All,
            Some(Part::Adapter) => Role::Adapter,
            Some(Part::Gateway) => Role::Gateway,
        };
        // A part by itself hands each hook on over a connection that all of them share. They end last.
        let (lanes, _end) = match role {
            Role::All => Lanes::start()?,
            Role::Adapter | Role::Gateway => Lanes::start_some(0)?,
        };
        let options = Options {
            role,
            variables,
            file: Some(self.config),
            sandbox: false,
            lanes,
        };
        wait_for(serve(config, options, clock))?
    }
}

async fn serve(config: Config, options: Options, clock: Clock) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let app = App::build(config, options, clock).await;
    let app = app.map_err(|problem| {
        if problem.is_configuration() {
            Failure::usage(&problem)
        } else {
            Failure::Other(problem.into())
        }
    })?;
    Ok(app.run(signals.stop, signals.reload).await?)
}
