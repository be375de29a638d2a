//! Okta's telephony inline hook: who calls, what the hook says, what the gateway is asked, and how Okta is answered.

pub mod answer;
pub mod auth;
pub mod body;
pub mod directory;
pub mod door;
pub mod ending;
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
