//! The words of the product as types: what a code, a number, a channel, a delivery and a verdict are.

pub mod address;
pub mod attributes;
pub mod capability;
pub mod channel;
pub mod delivery;
pub mod failure;
pub mod gsm7;
pub mod id;
pub mod listed;
pub mod passcode;
pub mod person;
pub mod phone;
pub mod preference;
pub mod prefix;
pub mod price;
pub mod privacy;
pub mod purpose;
pub mod seal;
pub mod template;
pub mod verdict;
