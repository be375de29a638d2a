//! The chart from the outside: what the real Helm makes of it, held against Kubernetes' own schemas and against what a
//! pod of Tollgate must be.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod additions;
mod charts;
mod configuration;
mod documents;
mod golden;
mod helm;
mod lifecycle;
mod mistakes;
mod network;
mod objects;
mod pods;
mod read_yaml;
mod refusals;
mod routes;
mod schemas;
mod secrets;
mod services;
mod values_schema;
