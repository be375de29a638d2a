//! The gateway put together: ledger, providers, guard, dispatch and the gRPC door, and what a reload changes of them.

use std::{sync::Arc, time::Duration};

use crate::{
    channels::{directory::Directory, kind::Site},
    config::Config,
    dispatch::{Dispatcher, Settings, policy::Policy},
    domain::privacy::PrivacyKeys,
    grpc::{caller::Caller, door::Door},
    guard::Guard,
    outbound::Outbound,
    store::{self, Ledger},
};

use super::{
    Shared, privacy, routes,
    start::{Missing, StartError},
};

/// Least bytes of a client's token.
const LEAST_TOKEN: usize = 16;

/// How long a claim blocks its key in the ledger.
const CLAIMS: Duration = crate::dispatch::claims::KEEP;

/// How long the last rows may take: a ledger that hangs must not keep the process alive.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// The gateway.
#[derive(Clone)]
pub(super) struct Gateway {
    pub(super) door: Door,
    dispatcher: Arc<Dispatcher>,
    ledger: Arc<dyn Ledger>,
    outbound: Outbound,
    shared: Shared,
    sandbox: bool,
    keep: Duration,
}

/// What of a configuration stands elsewhere, read: secrets, and the providers that are made with them.
pub(super) struct Read {
    keys: Option<PrivacyKeys>,
    outbound: Outbound,
    directory: Directory,
    clients: Clients,
}

impl Read {
    /// Reads everything, or tells all that is wrong at once.
    pub(super) fn all(config: &Config, shared: &Shared, sandbox: bool) -> Result<Self, StartError> {
        let mut missing = Missing::default();
        let keys = missing.keep(privacy::configured(config, &shared.secrets))?;
        let ca = config.outbound.ca.as_ref();
        let ca = ca.map(|from| shared.secrets.resolve(from)).transpose();
        let ca = ca.map_err(|problem| StartError::one("outbound.ca", &problem));
        let ca = missing.keep(ca)?.flatten();
        let outbound = Outbound::for_lanes(&config.outbound, ca.as_ref(), shared.lanes.count())
            .map_err(|problem| StartError::Outbound(problem.to_string()))?;
        let site = site(config, shared, &outbound, sandbox);
        let directory = Directory::build(&config.providers, site).map_err(StartError::Settings);
        let directory = missing.keep(directory)?;
        if let Some(directory) = &directory {
            missing.keep(routes::check(config, directory).map_err(StartError::Settings))?;
        }
        let clients = missing.keep(clients(config, shared))?;
        match (keys, directory, clients) {
            (Some(keys), Some(directory), Some(clients)) if missing.is_empty() => Ok(Self {
                keys,
                outbound,
                directory,
                clients,
            }),
            _ => Err(missing.into()),
        }
    }
}

impl Gateway {
    /// Opens the ledger, closes what a dead process left open, and puts everything together.
    pub(super) async fn build(
        config: &Config,
        shared: &Shared,
        sandbox: bool,
        read: Read,
    ) -> Result<Self, StartError> {
        let Read {
            keys,
            outbound,
            directory,
            clients,
        } = read;
        let ledger = store::open::open(&config.ledger, shared.lanes.clone(), shared.clock.clone())
            .map_err(|problem| StartError::Ledger(problem.to_string()))?;
        let keys = match keys {
            Some(keys) => keys,
            None => privacy::own(config, &shared.clock)?,
        };
        let guard = Guard::new(config, &keys, &shared.clock);
        let settings = Settings {
            intent_within: config.ledger.intent_within.0,
            on_unavailable: config.ledger.on_unavailable,
            linger: config.outbound.linger.0,
        };
        let dispatcher = Dispatcher::new(
            settings,
            Policy::new(config, directory, guard),
            ledger.clone(),
            keys,
            shared.clock.clone(),
            shared.metrics.clone(),
            shared.tasks.clone(),
        );
        dispatcher
            .recover()
            .await
            .map_err(|problem| StartError::Ledger(problem.to_string()))?;
        let ledger_problem = |problem: store::LedgerError| StartError::Ledger(problem.to_string());
        dispatcher.restore_guard().await.map_err(ledger_problem)?;
        dispatcher.lists().refresh().await.map_err(ledger_problem)?;
        let (learner, stop) = (dispatcher.clone(), shared.ending.clone());
        shared
            .tasks
            .spawn(async move { learner.preferences().learn(stop).await });
        let door = Door::new(dispatcher.clone(), &shared.clock, config.grpc.max_in_flight);
        door.callers().replace(clients);
        Ok(Self {
            door,
            dispatcher,
            ledger,
            outbound,
            shared: shared.clone(),
            sandbox,
            keep: Duration::from_hours(24) * config.ledger.keep_days,
        })
    }

    /// Takes another configuration up; what did not change keeps its counters and connections. Nothing is changed when
    /// anything of it cannot be used.
    pub(super) fn reconfigure(&self, config: &Config) -> Result<(), StartError> {
        let before = self.dispatcher.policy();
        let site = site(config, &self.shared, &self.outbound, self.sandbox);
        let directory = before
            .directory
            .rebuild(&config.providers, site)
            .map_err(StartError::Settings)?;
        routes::check(config, &directory).map_err(StartError::Settings)?;
        let clients = clients(config, &self.shared)?;
        let guard = before.guard.renewed(config);
        self.dispatcher
            .reconfigure(Policy::new(config, directory, guard));
        self.door.callers().replace(clients);
        Ok(())
    }

    pub(super) async fn set_serving(&self, serving: bool) {
        self.door.set_serving(serving).await;
    }

    /// What is due every second.
    pub(super) fn upkeep(&self) {
        self.dispatcher.upkeep();
    }

    /// What is due every minute and takes its time.
    pub(super) fn drop_idle(&self) {
        self.dispatcher.drop_idle();
    }

    /// What is due every minute.
    pub(super) async fn expire(&self) {
        if let Err(problem) = self.ledger.expire(CLAIMS, self.keep).await {
            tracing::warn!(error = %problem, "old rows could not be removed");
        }
        if let Err(problem) = self.dispatcher.forget_verified().await {
            tracing::warn!(error = %problem, "old verified destinations could not be removed");
        }
        if let Err(problem) = self.dispatcher.lists().refresh().await {
            tracing::warn!(error = %problem, "the guard's lists could not be read");
        }
    }

    /// What is due every ten seconds.
    pub(super) async fn keep_guard(&self) {
        if let Err(problem) = self.dispatcher.keep_guard().await {
            tracing::warn!(error = %problem, "the guard's state could not be kept; it is tried again");
        }
    }

    /// Waits until the guard closes a range. At most one task may wait.
    pub(super) async fn range_closed(&self) {
        self.dispatcher.range_closed().await;
    }

    /// What is due when the guard has closed a range.
    pub(super) async fn keep_closed(&self) -> bool {
        let kept = self.dispatcher.keep_closed().await;
        if let Err(problem) = &kept {
            tracing::warn!(error = %problem, "a closed range could not be kept; it is tried again");
        }
        kept.is_ok()
    }

    /// Ends what would hold up a drain for ever.
    pub(super) async fn end_watches(&self) {
        self.door.end_watches().await;
    }

    /// Writes everything that is known and closes the ledger.
    pub(super) async fn close(&self) {
        self.dispatcher.halt();
        self.dispatcher.upkeep();
        let last = async {
            self.dispatcher.keep_guard().await?;
            self.ledger.flush().await
        };
        match tokio::time::timeout(FLUSH_WITHIN, last).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => {
                tracing::error!(error = %problem, "the last rows could not be written");
            }
            Err(_) => tracing::error!("the last rows could not be written in time"),
        }
        self.ledger.close().await;
    }
}

fn site<'a>(
    config: &'a Config,
    shared: &'a Shared,
    outbound: &'a Outbound,
    sandbox: bool,
) -> Site<'a> {
    Site {
        outbound,
        secrets: &shared.secrets,
        clock: &shared.clock,
        public_url: &config.public.url,
        allow_test_providers: config.allow_test_providers || sandbox,
    }
}

type Clients = Vec<(crate::config::secret::Secret, Arc<Caller>)>;

fn clients(config: &Config, shared: &Shared) -> Result<Clients, StartError> {
    let mut clients = Vec::new();
    let mut problems = Vec::new();
    for (index, client) in config.grpc.clients.iter().enumerate() {
        match shared.secrets.resolve_of(&client.token, LEAST_TOKEN) {
            Ok(token) => {
                let caller = Caller::new(&client.name, &client.tenants, &client.methods);
                clients.push((token, Arc::new(caller)));
            }
            Err(problem) => {
                problems.push((format!("grpc.clients[{index}].token"), problem.to_string()));
            }
        }
    }
    if problems.is_empty() {
        Ok(clients)
    } else {
        Err(StartError::Settings(problems))
    }
}
