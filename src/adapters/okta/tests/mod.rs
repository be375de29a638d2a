//! The whole door, against a gateway and a key server of the tests' own.

mod callers;
mod endings;
mod events;
mod hooks;
mod support;
mod tokens;
