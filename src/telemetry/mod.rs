//! What the process tells about itself: log lines and metrics. Neither ever carries a number, a code or a secret.

pub mod journal;
pub mod metrics;
pub mod setup;

mod json;
mod series;
