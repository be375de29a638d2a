//! `outbound`: how providers are called.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{secret::SecretRef, values::Span};

/// How providers are called.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// How long a request may live in all. Dispatch moves on earlier; a late answer is still recorded.
    pub linger: Span,
    /// How long a connection may take, TLS included.
    pub connect_timeout: Span,
    /// Idle connections are closed after this; keep it below the providers' own limit.
    pub idle_timeout: Span,
    /// Further certificate authorities to trust, PEM.
    pub ca: Option<SecretRef>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            linger: Span::seconds(10),
            connect_timeout: Span::seconds(1),
            idle_timeout: Span::seconds(30),
            ca: None,
        }
    }
}
