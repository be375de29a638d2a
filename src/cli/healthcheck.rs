//! `tollgate healthcheck`: asks a door how it is, for probes and tests where no other program is at hand.

use std::{error::Error, fmt::Display, fs, iter, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{HeaderMap, Method};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tonic::Status;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use url::Url;

use crate::{
    config::{outbound as settings, secret::Secret, values::Span},
    outbound::{
        CallError, Outbound, Request, WriteGate,
        channel::{Remote, Single},
    },
};

use super::{Failure, say};

/// Ask a door how it is; the exit code says whether it is well
#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    #[command(subcommand)]
    door: Door,
}

#[derive(Debug, Subcommand)]
enum Door {
    /// Whether a GET is answered with a status from 200 to 299
    Http(Http),
    /// Whether gRPC's health service says SERVING
    Grpc(Grpc),
}

#[derive(Debug, Args)]
struct Http {
    /// The address, with the path
    url: Url,
    #[command(flatten)]
    way: Way,
}

#[derive(Debug, Args)]
struct Grpc {
    /// The address: http://host:port for plain text, https://host:port for TLS
    url: String,
    /// The service to ask for; all of them when left out
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,
    #[command(flatten)]
    way: Way,
}

#[derive(Debug, Args)]
struct Way {
    /// How long all of it may take
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// The authority that signed the door's certificate, PEM; the public ones when left out
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        // A probe runs every few seconds, so it does not start a thread for each of the machine's cores.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let well = match &self.door {
            Door::Http(http) => runtime.block_on(http.ask()),
            Door::Grpc(grpc) => runtime.block_on(grpc.ask()),
        };
        // Nobody waits for a name that is still being looked up.
        runtime.shutdown_background();
        Ok(say(well?)?)
    }
}

impl Http {
    async fn ask(&self) -> Result<String, Failure> {
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(Failure::Usage(format!(
                "{}: the address must begin with http:// or https://",
                self.url
            )));
        }
        let ca = self.way.authority()?;
        let within = Span(self.way.timeout);
        let settings = settings::Outbound {
            linger: within,
            connect_timeout: within,
            ..settings::Outbound::default()
        };
        let outbound = Outbound::new(&settings, ca.as_ref())?;
        let request = Request {
            method: Method::GET,
            url: self.url.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let gate = WriteGate::default();
        let asked = async {
            let answer = outbound.call(request, &gate).await;
            let answer = answer.map_err(|problem| self.way.broken(problem))?;
            if !answer.status.is_success() {
                bail!("HTTP {}", answer.status);
            }
            Ok(format!("{}: HTTP {}", self.url, answer.status))
        };
        self.way.bounded(&self.url, asked).await
    }
}

impl Grpc {
    async fn ask(&self) -> Result<String, Failure> {
        let remote = Remote {
            url: self.url.clone(),
            ca: self.way.authority()?,
            token: None,
        };
        let channel = Single::new(remote);
        let channel =
            channel.map_err(|problem| Failure::Usage(format!("{}: {problem}", self.url)))?;
        let request = HealthCheckRequest {
            service: self.service.clone(),
        };
        let asked = async {
            let answer = HealthClient::new(channel).check(request).await;
            let answer = answer.map_err(|status| refused(&status))?;
            let status = answer.into_inner().status();
            if status != ServingStatus::Serving {
                bail!("{}", status.as_str_name());
            }
            Ok(format!("{}: SERVING", self.url))
        };
        self.way.bounded(&self.url, asked).await
    }
}

/// What a refused check means: the status's own words, or what broke beneath.
fn refused(status: &Status) -> anyhow::Error {
    match innermost(status) {
        Some(cause) => anyhow!("{cause}"),
        // A peer that lies may send anything, and all of it is one line.
        None => anyhow!("{:?}: {}", status.code(), status.message().escape_debug()),
    }
}

fn innermost(status: &Status) -> Option<&(dyn Error + 'static)> {
    iter::successors(status.source(), |cause| (*cause).source()).last()
}

impl Way {
    /// The authority, read and looked at.
    fn authority(&self) -> Result<Option<Secret>, Failure> {
        let Some(path) = &self.ca else {
            return Ok(None);
        };
        let problem = |words: &dyn Display| Failure::Usage(format!("{}: {words}", path.display()));
        let pem = fs::read_to_string(path).map_err(|e| problem(&e))?;
        match CertificateDer::pem_slice_iter(pem.as_bytes()).next() {
            Some(Ok(_)) => Ok(Some(Secret::fixed(pem))),
            Some(Err(_)) | None => Err(problem(&"no PEM certificate in it")),
        }
    }

    /// What it means to a probe that there is no answer.
    fn broken(&self, problem: CallError) -> anyhow::Error {
        let (CallError::NotWritten(word) | CallError::Unanswered(word)) = problem;
        match word {
            "connect" => anyhow!("no connection: name, address or TLS failed"),
            "timeout" => self.late(),
            _ => anyhow!("no answer that is HTTP"),
        }
    }

    fn late(&self) -> anyhow::Error {
        anyhow!("no answer within {}", Span(self.timeout))
    }

    /// Waits for an answer, and no longer than it may take; `url` stands before what went wrong.
    async fn bounded(
        &self,
        url: &impl Display,
        asked: impl Future<Output = anyhow::Result<String>>,
    ) -> Result<String, Failure> {
        let answer = tokio::time::timeout(self.timeout, asked).await;
        let answer = answer.unwrap_or_else(|_| Err(self.late()));
        Ok(answer.with_context(|| url.to_string())?)
    }
}
