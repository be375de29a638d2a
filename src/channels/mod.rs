//! Providers: what each can do, how each is asked, and the registry of kinds.

pub mod base_url;
pub mod basic_auth;
pub mod bearer;
pub mod bounds;
pub mod by_country;
pub mod by_locale;
pub mod calls;
pub mod directory;
pub mod kind;
pub mod kinds;
pub mod post;
pub mod provider;
pub mod sender_id;
pub mod signing_key;
pub mod template;
pub mod token;
pub mod vendor_word;
pub mod whatsapp;
pub mod xml;
