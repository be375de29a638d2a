//! `tollgate send`: the gRPC client.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Request;
use tower::BoxError;

use crate::{
    clock::Clock,
    config::secret::Secret,
    error::fault::Fault,
    outbound::channel::{self, Remote},
    pb::v1::{self, otp_service_client::OtpServiceClient},
    sandbox::configuration::{GRPC_TOKEN, TENANT},
};

use super::{Failure, hook::variable_of, say, wait_for};

/// Send one code over gRPC
#[derive(Debug, Args)]
pub(super) struct Send {
    /// The recipient's number, E.164 with a leading +
    #[arg(long, default_value = "+14155550123")]
    phone: String,
    /// The gateway
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    url: String,
    /// The authority that signed the gateway's certificate, PEM
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The environment variable that holds the bearer token; the sandbox's token when left out
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The tenant to send for
    #[arg(long, default_value = TENANT)]
    tenant: String,
    /// The code; random when left out
    #[arg(long)]
    code: Option<String>,
    /// The idempotency key; fresh when left out
    #[arg(long)]
    key: Option<String>,
    /// The channels to try, in this order; the tenant's default when left out
    #[arg(long, value_enum, value_delimiter = ',')]
    channels: Vec<ChannelArg>,
    /// Decide everything, send nothing, and say why
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChannelArg {
    Sms,
    Voice,
    Whatsapp,
    Line,
}

impl Send {
    pub(super) fn run(self) -> Result<(), Failure> {
        wait_for(self.send())?
    }

    async fn send(self) -> Result<(), Failure> {
        let token = match &self.token_env {
            Some(variable) => variable_of(variable)?,
            None => Secret::fixed(GRPC_TOKEN),
        };
        let ca = match &self.ca {
            None => None,
            Some(path) => {
                let pem = std::fs::read_to_string(path);
                let pem = pem.with_context(|| path.display().to_string())?;
                Some(Secret::fixed(pem))
            }
        };
        let remote = Remote {
            url: self.url.clone(),
            ca,
            token: Some(token),
        };
        let stop = CancellationToken::new();
        let transport = channel::connect::<BoxError>(remote, stop.clone(), &TaskTracker::new())
            .map_err(|problem| Failure::usage(&problem))?;
        let mut client = OtpServiceClient::new(transport);
        let request = self.request(&Clock::system());
        if self.dry_run {
            let explain = v1::ExplainRouteRequest {
                request: Some(request),
            };
            let answer = client
                .explain_route(timed(explain))
                .await
                .map_err(refused)?;
            say(answer.into_inner().explanation.join("\n"))?;
        } else {
            let answer = client.send_otp(timed(request)).await.map_err(refused)?;
            say(report(&answer.into_inner()))?;
        }
        stop.cancel();
        Ok(())
    }

    fn request(&self, clock: &Clock) -> v1::SendOtpRequest {
        let code = || format!("{:06}", clock.random() % 1_000_000);
        let key = || format!("{:032x}", clock.random());
        v1::SendOtpRequest {
            tenant: self.tenant.clone(),
            idempotency_key: self.key.clone().unwrap_or_else(key),
            recipient: Some(v1::Recipient {
                phone_number: self.phone.clone(),
                ..v1::Recipient::default()
            }),
            passcode: Some(v1::Passcode {
                code: self.code.clone().unwrap_or_else(code),
                valid_for: None,
            }),
            channels: self.channels.iter().map(|channel| channel.wire()).collect(),
            ..v1::SendOtpRequest::default()
        }
    }
}

impl ChannelArg {
    fn wire(self) -> i32 {
        let channel = match self {
            Self::Sms => v1::Channel::Sms,
            Self::Voice => v1::Channel::Voice,
            Self::Whatsapp => v1::Channel::Whatsapp,
            Self::Line => v1::Channel::Line,
        };
        channel.into()
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(10));
    request
}

fn refused(status: tonic::Status) -> anyhow::Error {
    let Some(fault) = Fault::from_status(&status) else {
        return anyhow::Error::new(status);
    };
    let mut lines = vec![format!(
        "{}: {}",
        fault.reason.as_str(),
        fault.reason.text()
    )];
    let fields = fault.violations.iter();
    lines.extend(fields.map(|(field, problem)| format!("  {field} {problem}")));
    let facts = fault.metadata.iter();
    lines.extend(facts.map(|(key, value)| format!("  {key}: {value}")));
    if let Some(after) = fault.retry_after {
        let after = humantime::format_duration(Duration::from_secs(after.as_secs()));
        lines.push(format!("  try again in {after}"));
    }
    anyhow::anyhow!(lines.join("\n"))
}

fn report(answer: &v1::SendOtpResponse) -> String {
    let word = |name: &str, prefix: &str| name.trim_start_matches(prefix).to_lowercase();
    let mut lines = vec![format!(
        "{} {} by {} over {}",
        answer.delivery_id,
        word(answer.state().as_str_name(), "DELIVERY_STATE_"),
        answer.provider,
        word(answer.channel().as_str_name(), "CHANNEL_"),
    )];
    for attempt in &answer.attempts {
        let state = word(attempt.state().as_str_name(), "DELIVERY_STATE_");
        lines.push(format!(
            "  attempt {}: {} {state} {} {}",
            attempt.ordinal, attempt.provider, attempt.failure, attempt.provider_message_id
        ));
    }
    lines.join("\n")
}
