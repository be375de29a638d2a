//! `tollgate sandbox`: everything at once, against simulated vendors.

use std::net::SocketAddr;

use clap::Args;

use crate::{
    app::{App, Options, Role, start::StartError},
    channels::kinds,
    clock::Clock,
    config::{Config, load::Source, log::Log},
    lanes::Lanes,
    outbound::Outbound,
    sandbox::{self, configuration::Doors, triggers},
    telemetry::setup,
};

use super::{Failure, say, signals::Signals, tour::Tour, wait_for};

/// Run everything against simulated vendors; needs no file and no network
#[derive(Debug, Args)]
#[command(after_help = format!("Numbers and LINE ids that end in these digits fail on purpose:\n\n{}", triggers::table()))]
pub(super) struct Sandbox {
    /// Port of the door for Okta; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    public_port: u16,
    /// Port of the gRPC door
    #[arg(long, default_value_t = 50051)]
    grpc_port: u16,
    /// Port of the door for operators
    #[arg(long, default_value_t = 9090)]
    admin_port: u16,
    /// The least level of log lines
    #[arg(long, default_value = "warn")]
    log: String,
    /// Print the configuration under which it runs, as an example, and end
    #[arg(long)]
    print_config: bool,
}

impl Sandbox {
    pub(super) fn run(self) -> Result<(), Failure> {
        let log = Log {
            level: self.log.clone(),
            ..Log::default()
        };
        let clock = Clock::system();
        let _log = setup::begin(&log, clock.clone()).map_err(|problem| Failure::usage(&problem))?;
        // They end last.
        let (lanes, _end) = Lanes::start()?;
        wait_for(self.play(clock, lanes))?
    }

    async fn play(self, clock: Clock, lanes: Lanes) -> Result<(), Failure> {
        let doors = Doors::at(self.public_port, self.grpc_port, self.admin_port);
        let world = sandbox::Sandbox::start(doors, clock.clone()).await?;
        let text = world.configuration();
        if self.print_config {
            say(&text)?;
            return Ok(world.stop().await?);
        }
        let config = Config::load(&Source {
            name: "sandbox",
            text: &text,
            variables: &world.variables(),
            kinds: &kinds::schemas(),
            sandbox: true,
        });
        let config = config.map_err(|problems| Failure::usage(&problems))?;
        let outbound = Outbound::new(&config.outbound, None)?;
        let options = Options {
            role: Role::All,
            variables: world.variables(),
            file: None,
            sandbox: true,
            lanes,
        };
        let signals = Signals::listen()?;
        let app = App::build(config, options, clock.clone()).await;
        let app = app.map_err(|problem| Failure::Other(with_hint(problem)))?;
        let addresses = app.addresses();
        let public = addresses.public.unwrap_or(doors.public);
        let mut arrivals = world.arrivals();
        let run = app.run(signals.stop.clone(), signals.reload);
        let tour = Tour {
            world: &world,
            public,
            outbound: &outbound,
            clock: &clock,
        };
        let watch = async {
            say(welcome(public, addresses.grpc, addresses.admin))?;
            tour.show(&mut arrivals).await?;
            tour.watch(&mut arrivals).await
        };
        tokio::select! {
            ended = run => ended?,
            ended = watch => ended?,
        }
        Ok(world.stop().await?)
    }
}

/// What keeps a port is usually another sandbox.
fn with_hint(problem: StartError) -> anyhow::Error {
    let door = match &problem {
        StartError::Listen { door, .. } => *door,
        StartError::Settings(_)
        | StartError::Tls { .. }
        | StartError::Ledger(_)
        | StartError::PrivacyKey(_)
        | StartError::Outbound(_)
        | StartError::Gateway(_) => return problem.into(),
    };
    anyhow::anyhow!("{problem}\nend what listens there, or take another port with --{door}-port")
}

fn welcome(public: SocketAddr, grpc: Option<SocketAddr>, admin: Option<SocketAddr>) -> String {
    let shown = |door: Option<SocketAddr>| door.map(|at| at.to_string()).unwrap_or_default();
    format!(
        "Tollgate's sandbox: the whole gateway, with Twilio, Vonage, Meta, LINE and Okta simulated on loopback.\n\n  \
         Okta's hook     http://{public}/okta/acme/telephony\n  \
         Okta's events   http://{public}/okta/acme/events\n  \
         gRPC            {}\n  \
         metrics, health http://{}/metrics\n\n\
         Numbers that end in 0001 to 0014 fail on purpose (see `sandbox --help`). Ctrl-C ends it.\n\
         With --verify a command below also has the person enter the code, and Okta say so: see otp_outcomes_total.\n\n\
         Okta asks for a code for each of these people:\n",
        shown(grpc),
        shown(admin),
    )
}
