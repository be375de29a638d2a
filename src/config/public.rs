//! `public`: the door on the internet.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    tls::Tls,
    values::{self, Span},
};

/// The door on the internet.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Public {
    /// Address and port to listen on.
    #[schemars(schema_with = "values::socket_address")]
    pub listen: SocketAddr,
    /// The address under which the world reaches this door, for example `https://otp.acme.example`. Empty: none, and
    /// providers are not asked for receipts.
    pub url: String,
    /// TLS of this door; left out where something before it ends TLS.
    pub tls: Option<Tls>,
    /// How long a client may take for the request's head, and again for its body.
    pub read_timeout: Span,
    /// Requests under way at once, over all tenants; more are turned away after authentication.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: u32,
}

impl Default for Public {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            url: String::new(),
            tls: None,
            read_timeout: Span::seconds(5),
            max_in_flight: 1024,
        }
    }
}
