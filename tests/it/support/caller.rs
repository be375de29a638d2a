//! A caller of the gRPC door by the channel that a separate adapter uses.

use std::net::SocketAddr;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tollgate::{
    config::secret::Secret,
    outbound::channel::{self, Remote},
    pb::v1::{Passcode, Recipient, SendOtpRequest, otp_service_client::OtpServiceClient},
};
use tonic::body::Body;
use tower::{BoxError, util::BoxCloneSyncService};

type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>;

/// A caller with this token; in TLS where there is an authority to trust.
pub(crate) fn caller(
    door: SocketAddr,
    token: &str,
    authority: Option<&str>,
) -> OtpServiceClient<Transport> {
    let scheme = if authority.is_some() { "https" } else { "http" };
    let remote = Remote {
        url: format!("{scheme}://localhost:{}", door.port()),
        ca: authority.map(Secret::fixed),
        token: Some(Secret::fixed(token)),
    };
    let transport = channel::connect(remote, CancellationToken::new(), &TaskTracker::new());
    OtpServiceClient::new(transport.expect("the address is good"))
}

/// A request to send a code of the tenant `acme`.
pub(crate) fn request(key: &str, phone: &str, code: &str) -> SendOtpRequest {
    SendOtpRequest {
        tenant: "acme".to_owned(),
        idempotency_key: key.to_owned(),
        recipient: Some(Recipient {
            phone_number: phone.to_owned(),
            ..Recipient::default()
        }),
        passcode: Some(Passcode {
            code: code.to_owned(),
            valid_for: None,
        }),
        message: format!("Your code is {code}"),
        ..SendOtpRequest::default()
    }
}
