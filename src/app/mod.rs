//! The wiring: from a configuration to a running process, and to its orderly end.

pub mod import;
pub mod start;

mod background;
mod doors;
mod gateway;
mod observer;
mod privacy;
mod reload;
mod routes;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::task::{JoinError, JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admin::Readiness,
    clock::Clock,
    config::{Config, secret::Secrets, variables::Variables},
    lanes::Lanes,
    telemetry::metrics::Metrics,
    web::serve::Bound,
};

use gateway::Gateway;
use reload::Reload;

/// Which parts this process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything in one process.
    #[default]
    All,
    /// Only the door on the internet; it holds no secret of a provider.
    Adapter,
    /// Only the gateway.
    Gateway,
}

impl Role {
    /// Whether this process has the door on the internet.
    pub const fn adapts(self) -> bool {
        matches!(self, Self::All | Self::Adapter)
    }

    /// Whether this process sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::All | Self::Gateway)
    }
}

/// What a process is started with besides its configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which parts it runs.
    pub role: Role,
    /// Its environment.
    pub variables: Variables,
    /// The file that the configuration came from, to be read again on a change; none: no reload.
    pub file: Option<PathBuf>,
    /// Whether providers may be simulators without the file saying so.
    pub sandbox: bool,
    /// What carries the connections of the door on the internet.
    pub lanes: Lanes,
}

/// Where the doors are; ports that were 0 are known now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The door on the internet.
    pub public: Option<SocketAddr>,
    /// The gRPC door.
    pub grpc: Option<SocketAddr>,
    /// The door for operators.
    pub admin: Option<SocketAddr>,
}

/// Why a running process ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part that must run has stopped.
    #[error("{0} has stopped by itself")]
    Died(&'static str),
}

/// A process that is built and bound, and not yet serving.
pub struct App {
    config: Config,
    addresses: Addresses,
    doors: Vec<Bound>,
    gateway: Option<Gateway>,
    reload: Reload,
    shared: Shared,
}

/// What every part is handed.
#[derive(Clone)]
struct Shared {
    clock: Clock,
    metrics: Arc<Metrics>,
    secrets: Arc<Secrets>,
    ready: Readiness,
    /// Closes the doors.
    closing: CancellationToken,
    /// Ends tasks in the background.
    ending: CancellationToken,
    /// Connections.
    connections: TaskTracker,
    /// Sends under way and tasks in the background.
    tasks: TaskTracker,
    /// What carries the connections of the door on the internet.
    lanes: Lanes,
}

impl App {
    /// Where the doors are.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The process's metrics.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.shared.metrics.clone()
    }

    /// Serves until `stop`, then drains: readiness turns first, then the doors close, then requests and sends under way
    /// finish, then the ledger is closed. `reload` reads the configuration again.
    pub async fn run(
        self,
        stop: CancellationToken,
        reload: Arc<tokio::sync::Notify>,
    ) -> Result<(), RunError> {
        let Self {
            config,
            doors,
            gateway,
            reload: reloading,
            shared,
            addresses,
        } = self;
        let mut parts = JoinSet::new();
        for bound in doors {
            let name = bound.name();
            parts.spawn(async move {
                bound.serve().await;
                name
            });
        }
        let background = background::Background {
            gateway: gateway.clone(),
            reloading,
            reload,
            ending: shared.ending.clone(),
            metrics: shared.metrics.clone(),
        };
        parts.spawn(async move {
            background.run().await;
            "the background"
        });
        if let Some(gateway) = &gateway {
            gateway.set_serving(true).await;
        }
        shared.ready.set(true);
        tracing::info!(
            public = addresses.public.map(tracing::field::display),
            grpc = addresses.grpc.map(tracing::field::display),
            admin = addresses.admin.map(tracing::field::display),
            "ready"
        );
        let died = tokio::select! {
            () = stop.cancelled() => None,
            part = parts.join_next() => Some(dead(part.as_ref())),
        };
        shared.ready.set(false);
        if let Some(gateway) = &gateway {
            gateway.set_serving(false).await;
        }
        if died.is_none() {
            tracing::info!("draining");
            tokio::time::sleep(config.drain.propagation_delay.0).await;
        }
        if let Some(gateway) = &gateway {
            gateway.end_watches().await;
        }
        drain(&shared, config.drain.deadline.0).await;
        if let Some(gateway) = &gateway {
            gateway.close().await;
        }
        parts.shutdown().await;
        if let Some(name) = died {
            return Err(RunError::Died(name));
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Closes the doors and waits for what is under way, up to the deadline.
async fn drain(shared: &Shared, deadline: Duration) {
    shared.closing.cancel();
    shared.connections.close();
    shared.tasks.close();
    let finished = async {
        shared.connections.wait().await;
        shared.ending.cancel();
        shared.tasks.wait().await;
    };
    if tokio::time::timeout(deadline, finished).await.is_err() {
        tracing::error!(
            connections = shared.connections.len(),
            tasks = shared.tasks.len(),
            "the drain's deadline has passed; what is still under way is cut"
        );
        shared.ending.cancel();
    }
}

fn dead(part: Option<&Result<&'static str, JoinError>>) -> &'static str {
    match part {
        Some(Ok(name)) => name,
        Some(Err(_)) => "a part that panicked",
        None => "everything",
    }
}
