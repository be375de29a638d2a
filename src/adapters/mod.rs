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

/// The gateway: the generated client over whatever carries it, a service in this process or a channel to another one.
/// The transport finds a [`WriteGate`](crate::outbound::WriteGate) among the request's extensions and passes it when it
/// writes the request.
pub type Gateway = OtpServiceClient<
    BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>,
>;
