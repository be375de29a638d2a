//! `tls`: certificate and key of a door, read again when the files change.

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;

/// Certificate and key of a door.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, PEM, the door's own certificate first.
    pub certificate: SecretRef,
    /// The private key, PEM.
    pub key: SecretRef,
}
