//! Doors for identity providers, one folder each. They reach the gateway through its gRPC client and in no other way, so
//! that they can run in a process of their own.

pub mod okta;

use tonic::body::Body;
use tower::util::BoxCloneSyncService;

use crate::pb::v1::otp_service_client::OtpServiceClient;

/// What a transport failed with. A type of its own, as the compiler cannot show that a client over a bare boxed error may
/// move between threads.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// What carries calls to the gateway: a service in this process or a channel to another one. It finds a
/// [`WriteGate`](crate::outbound::WriteGate) among a request's extensions and passes it when it writes the request.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>;

/// The gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The generated client over whatever carries it.
    client: OtpServiceClient<Transport>,
    /// Whether it is in this process: then messages are [`Handed`](crate::pb::Handed) over, and nobody need write and read
    /// them.
    is_here: bool,
}

impl Gateway {
    /// A gateway in this process.
    pub fn here(transport: Transport) -> Self {
        Self {
            client: OtpServiceClient::new(transport),
            is_here: true,
        }
    }

    /// A gateway in another process.
    pub fn elsewhere(transport: Transport) -> Self {
        Self {
            client: OtpServiceClient::new(transport),
            is_here: false,
        }
    }
}
