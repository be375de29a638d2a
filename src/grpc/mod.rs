//! The gRPC door: who may call, how long, and the contract's methods in front of `dispatch`.

pub mod bounded;
pub mod caller;
pub mod deadline;
pub mod door;
pub mod otp;
pub mod preference;

mod parse;
mod render;
