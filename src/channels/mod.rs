//! Providers: what each can do, how each is asked, and the registry of kinds.

pub mod base_url;
pub mod basic_auth;
pub mod bounds;
pub mod directory;
pub mod kind;
pub mod kinds;
pub mod provider;
