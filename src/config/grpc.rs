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
    /// The methods it may call, and what else it may ask for.
    #[schemars(length(min = 1))]
    pub methods: Vec<Method>,
}

/// What a client may be allowed: a method of the gRPC contract, or something that one of them may be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
pub enum Method {
    /// `OtpService.SendOtp`
    SendOtp,
    /// `OtpService.GetDelivery`
    GetDelivery,
    /// `OtpService.ListDeliveries`
    ListDeliveries,
    /// `OtpService.ReportOutcome`
    ReportOutcome,
    /// `OtpService.ExplainRoute`
    ExplainRoute,
    /// `PreferenceService.GetPreference`
    GetPreference,
    /// `PreferenceService.SetPreference`
    SetPreference,
    /// `PreferenceService.DeletePreference`
    DeletePreference,
    /// Setting a person's LINE user id by `SetPreference`, and removing it by that or `DeletePreference`: it says to whose
    /// LINE account codes go.
    SetLineUser,
    /// `GuardService.GetStanding`
    GetStanding,
    /// `GuardService.Block`
    Block,
    /// `GuardService.Unblock`
    Unblock,
    /// `GuardService.ListBlocks`
    ListBlocks,
    /// `GuardService.ListDecisions`
    ListDecisions,
}

impl Method {
    /// Everything.
    pub const ALL: [Self; 14] = [
        Self::SendOtp,
        Self::GetDelivery,
        Self::ListDeliveries,
        Self::ReportOutcome,
        Self::ExplainRoute,
        Self::GetPreference,
        Self::SetPreference,
        Self::DeletePreference,
        Self::SetLineUser,
        Self::GetStanding,
        Self::Block,
        Self::Unblock,
        Self::ListBlocks,
        Self::ListDecisions,
    ];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendOtp => "SendOtp",
            Self::GetDelivery => "GetDelivery",
            Self::ListDeliveries => "ListDeliveries",
            Self::ReportOutcome => "ReportOutcome",
            Self::ExplainRoute => "ExplainRoute",
            Self::GetPreference => "GetPreference",
            Self::SetPreference => "SetPreference",
            Self::DeletePreference => "DeletePreference",
            Self::SetLineUser => "SetLineUser",
            Self::GetStanding => "GetStanding",
            Self::Block => "Block",
            Self::Unblock => "Unblock",
            Self::ListBlocks => "ListBlocks",
            Self::ListDecisions => "ListDecisions",
        }
    }

    /// The HTTP/2 path of the method; `None` for what is asked for by another method.
    pub const fn path(self) -> Option<&'static str> {
        match self {
            Self::SendOtp => Some("/tollgate.v1.OtpService/SendOtp"),
            Self::GetDelivery => Some("/tollgate.v1.OtpService/GetDelivery"),
            Self::ListDeliveries => Some("/tollgate.v1.OtpService/ListDeliveries"),
            Self::ReportOutcome => Some("/tollgate.v1.OtpService/ReportOutcome"),
            Self::ExplainRoute => Some("/tollgate.v1.OtpService/ExplainRoute"),
            Self::GetPreference => Some("/tollgate.v1.PreferenceService/GetPreference"),
            Self::SetPreference => Some("/tollgate.v1.PreferenceService/SetPreference"),
            Self::DeletePreference => Some("/tollgate.v1.PreferenceService/DeletePreference"),
            Self::SetLineUser => None,
            Self::GetStanding => Some("/tollgate.v1.GuardService/GetStanding"),
            Self::Block => Some("/tollgate.v1.GuardService/Block"),
            Self::Unblock => Some("/tollgate.v1.GuardService/Unblock"),
            Self::ListBlocks => Some("/tollgate.v1.GuardService/ListBlocks"),
            Self::ListDecisions => Some("/tollgate.v1.GuardService/ListDecisions"),
        }
    }
}
