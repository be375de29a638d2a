//! Tollgate delivers one-time passcodes: Okta's telephony hook or a gRPC call in, a message on a phone out.
//!
//! The modules stand on floors (see `ARCHITECTURE.md`); a module names only modules below its own.

pub mod adapters;
pub mod admin;
pub mod app;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dispatch;
pub mod domain;
pub mod error;
pub mod grpc;
pub mod guard;
pub mod lanes;
pub mod messages;
pub mod outbound;
pub mod pb;
pub mod replay;
pub mod routing;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod web;
