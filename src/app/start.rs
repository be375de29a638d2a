//! The start: everything connected and bound, or one clear word on why not.

use std::{fmt::Display, net::SocketAddr, sync::Arc};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    adapters::{
        self,
        okta::{
            self,
            door::{OktaDoor, Surroundings},
            jwks::Pace,
            tenant::Tenant,
        },
    },
    admin::{self, Readiness},
    clock::Clock,
    config::{Config, secret::Secrets},
    domain::phone,
    outbound::{
        Outbound,
        channel::{self, Remote},
    },
    telemetry::metrics::Metrics,
    web::serve::{Bound, health},
};

use super::{
    Addresses, App, Options, Shared,
    doors::{self, certificate, no_port},
    gateway::{Gateway, Read},
    observer::Counting,
    reload::Reload,
};

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Secrets that cannot be had, or settings that a provider does not take, each with its path.
    #[error("{}", lines(.0))]
    Settings(Vec<(String, String)>),
    /// A port that cannot be had.
    #[error("{door}.listen: cannot listen on {address}: {problem}")]
    Listen {
        /// The door's section.
        door: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        problem: String,
    },
    /// A certificate that cannot be used.
    #[error("{door}.tls: {problem}")]
    Tls {
        /// The door's section.
        door: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The ledger cannot be opened.
    #[error("ledger: {0}")]
    Ledger(String),
    /// The key for hashing cannot be read or made.
    #[error("privacy: the key cannot be read or made: {0}")]
    PrivacyKey(String),
    /// The HTTP client cannot be built.
    #[error("outbound: {0}")]
    Outbound(String),
    /// A separate adapter that does not know its gateway.
    #[error("gateway: {0}")]
    Gateway(String),
}

impl StartError {
    /// One secret that cannot be had.
    pub(super) fn one(path: impl Into<String>, problem: &impl Display) -> Self {
        Self::Settings(vec![(path.into(), problem.to_string())])
    }

    /// Whether it is the configuration's fault rather than the machine's.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Settings(_) | Self::Tls { .. } | Self::Outbound(_) | Self::Gateway(_) => true,
            Self::Listen { .. } | Self::Ledger(_) | Self::PrivacyKey(_) => false,
        }
    }
}

/// Secrets that cannot be had, gathered so that all of them are told at once.
#[derive(Default)]
pub(super) struct Missing(Vec<(String, String)>);

impl Missing {
    /// Keeps the problems of a part and goes on; what is no matter of secrets ends the start.
    pub(super) fn keep<T>(&mut self, part: Result<T, StartError>) -> Result<Option<T>, StartError> {
        match part {
            Ok(part) => Ok(Some(part)),
            Err(StartError::Settings(problems)) => {
                self.0.extend(problems);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Whether everything was there.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Missing> for StartError {
    fn from(missing: Missing) -> Self {
        Self::Settings(missing.0)
    }
}

impl App {
    /// Connects and binds everything that the role needs.
    pub async fn build(config: Config, options: Options, clock: Clock) -> Result<Self, StartError> {
        let shared = Shared {
            clock,
            metrics: Arc::new(Metrics::new()),
            secrets: Arc::new(Secrets::new(options.variables.environment())),
            ready: Readiness::default(),
            closing: CancellationToken::new(),
            ending: CancellationToken::new(),
            connections: TaskTracker::new(),
            tasks: TaskTracker::new(),
            lanes: options.lanes.clone(),
        };
        let mut bound_doors = Vec::new();
        let patience = config.public.read_timeout.0;
        let mut addresses = Addresses::default();
        let mut certificates = Vec::new();
        // The first number would otherwise pay for reading the numbering plans.
        phone::warm_up();
        let (read, tenants) = read(&config, &shared, &options)?;
        let gateway = match read {
            Some(read) => Some(Gateway::build(&config, &shared, options.sandbox, read).await?),
            None => None,
        };
        let mut okta = None;
        if let Some(tenants) = tenants {
            let tls = config.public.tls.as_ref();
            let tls = tls
                .map(|tls| certificate("public", tls, &shared))
                .transpose()?;
            let door = adapter(&config, &shared, tenants, gateway.as_ref())?;
            let mut opening = doors::door("public", tls.as_ref(), patience, &shared)?;
            opening.lanes = shared.lanes.clone();
            let router = okta::door::router(door.clone()).merge(health());
            let listen = config.public.listen;
            let bound = Bound::new(opening, listen, router).await;
            let bound = bound.map_err(no_port("public", listen))?;
            addresses.public = Some(bound.address());
            bound_doors.push(bound);
            certificates.extend(tls);
            okta = Some(door);
        }
        if let Some(gateway) = &gateway {
            let tls = config.grpc.tls.as_ref();
            let tls = tls
                .map(|tls| certificate("grpc", tls, &shared))
                .transpose()?;
            let opening = doors::door("grpc", tls.as_ref(), patience, &shared)?;
            let router = gateway.door.router(config.grpc.reflection);
            let listen = config.grpc.listen;
            let bound = Bound::new(opening, listen, router).await;
            let bound = bound.map_err(no_port("grpc", listen))?;
            addresses.grpc = Some(bound.address());
            bound_doors.push(bound);
            certificates.extend(tls);
        }
        let opening = doors::door("admin", None, patience, &shared)?;
        let router = admin::router(shared.metrics.clone(), shared.ready.clone());
        let listen = config.admin.listen;
        let bound = Bound::new(opening, listen, router).await;
        let bound = bound.map_err(no_port("admin", listen))?;
        addresses.admin = Some(bound.address());
        bound_doors.push(bound);
        let reload = Reload::new(
            &config,
            options,
            &shared,
            okta,
            gateway.clone(),
            certificates,
        );
        Ok(Self {
            config,
            addresses,
            doors: bound_doors,
            gateway,
            reload,
            shared,
        })
    }
}

/// What stands elsewhere of the parts that this process runs; all that is missing is told at once.
fn read(
    config: &Config,
    shared: &Shared,
    options: &Options,
) -> Result<(Option<Read>, Option<Vec<Tenant>>), StartError> {
    let mut missing = Missing::default();
    let role = options.role;
    let gateway = role
        .sends()
        .then(|| Read::all(config, shared, options.sandbox));
    let gateway = missing.keep(gateway.transpose())?;
    let tenants = role.adapts().then(|| okta_tenants(config, &shared.secrets));
    let tenants = missing.keep(tenants.transpose())?;
    match (gateway, tenants) {
        (Some(gateway), Some(tenants)) if missing.is_empty() => Ok((gateway, tenants)),
        _ => Err(missing.into()),
    }
}

/// The Okta door in front of the gateway of this process, or of another one.
fn adapter(
    config: &Config,
    shared: &Shared,
    tenants: Vec<Tenant>,
    gateway: Option<&Gateway>,
) -> Result<OktaDoor, StartError> {
    let gateway = match gateway {
        Some(gateway) => adapters::Gateway::here(gateway.door.in_process()),
        None => adapters::Gateway::elsewhere(remote(config, shared)?),
    };
    let outbound = Outbound::for_lanes(&config.outbound, None, shared.lanes.count())
        .map_err(|problem| StartError::Outbound(problem.to_string()))?;
    let surroundings = Surroundings {
        gateway,
        outbound,
        clock: shared.clock.clone(),
        observer: Arc::new(Counting(shared.metrics.clone())),
        pace: Pace::default(),
        cancel: shared.ending.clone(),
        tracker: shared.tasks.clone(),
    };
    Ok(OktaDoor::new(tenants, &config.public, surroundings))
}

/// The tenants that have an Okta org.
pub(super) fn okta_tenants(config: &Config, secrets: &Secrets) -> Result<Vec<Tenant>, StartError> {
    Tenant::all(&config.tenants, secrets).map_err(|problems| {
        let words = problems.into_iter();
        StartError::Settings(
            words
                .map(|(path, problem)| (path, problem.to_string()))
                .collect(),
        )
    })
}

/// A channel to a gateway in another process.
fn remote(config: &Config, shared: &Shared) -> Result<adapters::Transport, StartError> {
    let settings = &config.gateway;
    if settings.url.is_empty() {
        return Err(StartError::Gateway(
            "url is required with --only adapter".to_owned(),
        ));
    }
    let resolve = |part: &str, from: &Option<_>| {
        let secret = from
            .as_ref()
            .map(|from| shared.secrets.resolve(from))
            .transpose();
        secret.map_err(|problem| StartError::one(format!("gateway.{part}"), &problem))
    };
    let remote = Remote {
        url: settings.url.clone(),
        ca: resolve("ca", &settings.ca)?,
        token: resolve("token", &settings.token)?,
    };
    channel::connect(remote, shared.ending.clone(), &shared.tasks)
        .map_err(|problem| StartError::Gateway(problem.to_string()))
}

fn lines(problems: &[(String, String)]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|(path, problem)| format!("{path}: {problem}"))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use crate::{
        app::Role,
        channels::kinds,
        config::{load::Source, variables::Variables},
        lanes::Lanes,
    };

    use super::*;

    const TEXT: &str = "
grpc:
  clients:
    - { name: billing, token: { env: TOKEN }, tenants: [acme], methods: [SendOtp] }
ledger: { url: \"memory:\" }
providers:
  twilio-us:
    kind: twilio
    account_sid: AC00000000000000000000000000000000
    auth_token: { env: AUTH_TOKEN }
    senders: { default: \"+15005550006\" }
tenants:
  acme:
    countries: { allow: [US] }
    okta: { auth: { secrets: [{ env: HOOK_SECRET }] } }
routes:
  - { channel: sms, try: [twilio-us] }
";

    async fn missing(role: Role) -> String {
        let variables = Variables::from_iter([("HOOK_SECRET", "short")]);
        let config = Config::load(&Source {
            name: "test",
            text: TEXT,
            variables: &variables,
            kinds: &kinds::schemas(),
            sandbox: false,
        });
        let options = Options {
            role,
            variables,
            file: None,
            sandbox: false,
            lanes: Lanes::default(),
        };
        let built = App::build(config.unwrap(), options, Clock::system()).await;
        built.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn every_missing_secret_is_told_at_once() {
        let wanted = [
            "providers.twilio-us.auth_token: environment variable AUTH_TOKEN is not set or cannot be read",
            "grpc.clients[0].token: environment variable TOKEN is not set or cannot be read",
            "tenants.acme.okta.auth.secrets[0]: environment variable HOOK_SECRET has fewer than 16 bytes",
        ];
        assert_eq!(missing(Role::All).await, wanted.join("\n"));
        assert_eq!(missing(Role::Gateway).await, wanted[..2].join("\n"));
        assert_eq!(missing(Role::Adapter).await, wanted[2]);
    }
}
