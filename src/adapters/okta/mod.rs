//! Okta's hooks: who calls, what a telephony hook or an event says, what the gateway is told, and how Okta is answered.

pub mod answer;
pub mod auth;
pub mod body;
pub mod directory;
pub mod door;
pub mod ending;
pub mod events;
pub mod exchange;
pub mod gateway;
pub mod hook;
pub mod jwks;
pub mod jwt;
pub mod key;
pub mod load;
pub mod observer;
pub mod profile;
pub mod tenant;

#[cfg(test)]
mod tests;
