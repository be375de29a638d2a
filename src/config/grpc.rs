//! `grpc`: the door for services, and who may use it.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{secret::SecretRef, tls::Tls, values};

/// The gRPC door.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grpc {
    /// Address and port to listen on.
    #[schemars(schema_with = "values::socket_address")]
    pub listen: SocketAddr,
    /// TLS of this door. Elsewhere than on loopback it is required, or `plaintext: true`.
    pub tls: Option<Tls>,
    /// Says that plain text on the network is meant.
    pub plaintext: bool,
    /// Whether server reflection is offered.
    pub reflection: bool,
    /// Requests under way at once; more are turned away.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: u32,
    /// Who may call, and what.
    pub clients: Vec<Client>,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            tls: None,
            plaintext: false,
            reflection: true,
            max_in_flight: 4096,
            clients: Vec::new(),
        }
    }
}

/// A service that may call.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The name under which it appears in logs and claims.
    #[schemars(schema_with = "values::name")]
    pub name: String,
    /// Its bearer token, at least 16 bytes.
    pub token: SecretRef,
    /// The tenants it may act for; `"*"` for all.
    #[schemars(length(min = 1))]
    pub tenants: Vec<String>,
    /// The methods it may call.
    #[schemars(length(min = 1))]
    pub methods: Vec<Method>,
}

/// A method of the gRPC contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
pub enum Method {
    /// `OtpService.SendOtp`
    SendOtp,
    /// `OtpService.GetDelivery`
    GetDelivery,
    /// `OtpService.ListDeliveries`
    ListDeliveries,
    /// `OtpService.ExplainRoute`
    ExplainRoute,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 4] = [
        Self::SendOtp,
        Self::GetDelivery,
        Self::ListDeliveries,
        Self::ExplainRoute,
    ];

    /// The HTTP/2 path of the method.
    pub const fn path(self) -> &'static str {
        match self {
            Self::SendOtp => "/tollgate.v1.OtpService/SendOtp",
            Self::GetDelivery => "/tollgate.v1.OtpService/GetDelivery",
            Self::ListDeliveries => "/tollgate.v1.OtpService/ListDeliveries",
            Self::ExplainRoute => "/tollgate.v1.OtpService/ExplainRoute",
        }
    }
}
