//! The gRPC door: who may call, how long, and the contract's methods in front of `dispatch`.

pub mod bounded;
pub mod caller;
pub mod deadline;
pub mod door;
pub mod guard;
pub mod otp;
pub mod preference;

mod outcome;
mod parse;
mod render;
