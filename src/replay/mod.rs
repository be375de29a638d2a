//! Traces through the real guard in virtual time: how thresholds are chosen before they are enforced. Nothing is sent.

pub mod report;
pub mod row;
pub mod run;
pub mod trace;

mod gate;
mod outcomes;
mod reading;
mod route;
#[cfg(test)]
mod tests;
