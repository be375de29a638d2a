//! `drain`: how the process stops.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{self, Span};

/// How the process stops.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// How long the doors stay open after readiness has turned, so that load balancers notice.
    #[schemars(schema_with = "values::span_or_zero")]
    pub propagation_delay: Span,
    /// How long requests and sends under way may take to finish once the doors are closed.
    pub deadline: Span,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            propagation_delay: Span::seconds(2),
            deadline: Span::seconds(15),
        }
    }
}
