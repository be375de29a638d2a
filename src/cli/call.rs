//! What the gRPC commands share: whom they ask, and about what code.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, body::Body};
use tower::{BoxError, util::BoxCloneSyncService};

use crate::{
    config::secret::Secret,
    error::fault::Fault,
    outbound::channel::{self, Remote},
    pb::v1::{self, otp_service_client::OtpServiceClient},
    sandbox::configuration::{GRPC_TOKEN, TENANT},
};

use super::{Failure, hook::variable_of};

/// The way to the gateway.
pub(super) type Transport =
    BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>;

/// A client of the gateway.
pub(super) type Client = OtpServiceClient<Transport>;

/// Whom to ask, and in whose name.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    /// The gateway
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    url: String,
    /// The authority that signed the gateway's certificate, PEM
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The environment variable that holds the bearer token; the sandbox's token when left out
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The tenant it is about
    #[arg(long, default_value = TENANT)]
    pub(super) tenant: String,
}

/// Whom to ask, and about what code.
#[derive(Debug, Args)]
pub(super) struct Call {
    #[command(flatten)]
    gateway: Gateway,
    /// The recipient's number, E.164 with a leading +
    #[arg(long, default_value = "+14155550123")]
    phone: String,
    /// The person, by your own id
    #[arg(long, default_value = "")]
    user: String,
    /// The person's LINE user id
    #[arg(long, default_value = "")]
    line_user: String,
    /// The person's language, for example ja-JP
    #[arg(long, default_value = "")]
    locale: String,
    /// Why the code is needed
    #[arg(long, value_enum, default_value_t = PurposeArg::SignIn)]
    purpose: PurposeArg,
    /// The channels to try, in this order; the person's preference or the tenant's default when left out
    #[arg(long, value_enum, value_delimiter = ',')]
    channels: Vec<ChannelArg>,
    /// The channels that stand in the person's profile, in this order
    #[arg(long, value_enum, value_delimiter = ',')]
    profile_channels: Vec<ChannelArg>,
}

/// Declares words of the command line that stand for values of the wire.
macro_rules! wire_words {
    ($($name:ident => $wire:ty { $($word:ident),* $(,)? })*) => {
        $(#[derive(Clone, Copy, Debug, ValueEnum)]
        enum $name {
            $($word,)*
        }

        impl $name {
            fn wire(self) -> i32 {
                let wire = match self { $(Self::$word => <$wire>::$word,)* };
                wire.into()
            }
        })*
    };
}

wire_words! {
    ChannelArg => v1::Channel { Sms, Voice, Whatsapp, Line }
    PurposeArg => v1::Purpose { Enrollment, SignIn, AccountUnlock, PasswordReset, Other }
}

impl Gateway {
    /// The way there, connected until the token is cancelled.
    pub(super) fn transport(&self, stop: &CancellationToken) -> Result<Transport, Failure> {
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
        let transport = channel::connect::<BoxError>(remote, stop.clone(), &TaskTracker::new());
        transport.map_err(|problem| Failure::usage(&problem))
    }
}

impl Call {
    /// A client of the gateway, connected until the token is cancelled.
    pub(super) fn client(&self, stop: &CancellationToken) -> Result<Client, Failure> {
        Ok(OtpServiceClient::new(self.gateway.transport(stop)?))
    }

    /// The request for a code.
    pub(super) fn request(&self, code: String, key: String) -> v1::SendOtpRequest {
        v1::SendOtpRequest {
            tenant: self.gateway.tenant.clone(),
            idempotency_key: key,
            recipient: Some(v1::Recipient {
                phone_number: self.phone.clone(),
                user_id: self.user.clone(),
                line_user_id: self.line_user.clone(),
            }),
            passcode: Some(v1::Passcode {
                code,
                valid_for: None,
            }),
            locale: self.locale.clone(),
            purpose: self.purpose.wire(),
            channels: self.channels.iter().map(|channel| channel.wire()).collect(),
            profile_channels: (self.profile_channels.iter())
                .map(|channel| channel.wire())
                .collect(),
            ..v1::SendOtpRequest::default()
        }
    }
}

/// A message with the time that we have for its answer.
pub(super) fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(10));
    request
}

/// Why a call was refused, in words.
pub(super) fn refused(status: tonic::Status) -> anyhow::Error {
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

/// A value's name as people write it.
pub(super) fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}
