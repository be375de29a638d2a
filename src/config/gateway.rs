//! `gateway`: where a separate adapter finds the gateway.

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;

/// Where a separate adapter finds the gateway; only for `--only adapter`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// `https://host:port` or `http://host:port`. Calls are spread over all addresses of the host.
    pub url: String,
    /// The authority that signed the gateway's certificate, PEM; the public authorities where left out.
    pub ca: Option<SecretRef>,
    /// The adapter's bearer token: a client of the gateway's `grpc.clients`.
    pub token: Option<SecretRef>,
}
