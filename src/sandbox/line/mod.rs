//! Plays LINE: messages by user id, notifications by phone number, and the tokens that open both, with its checks, its
//! answers, and failures on demand.

mod access;
mod answer;
mod desk;
pub mod notify;
mod objects;
pub mod people;
mod push;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jsonwebtoken::jwk::Jwk;

use self::{desk::Vendor, notify::Notice, people::Person};
use super::{inbox::Inbox, memory::Memory, server::Server};
use crate::clock::Clock;

/// Tokens that are valid at once; older ones lapse.
const TOKENS: usize = 1000;

/// The channel that is played: LINE's word for an official account's access to its API.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen: loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The channel's id.
    pub channel_id: String,
    /// Its secret.
    pub channel_secret: String,
    /// A token that does not expire.
    pub token: String,
    /// The key that was registered for signing assertions; without one there are none.
    pub key: Option<Jwk>,
    /// The name under which people see the account.
    pub account: String,
    /// The templates of notifications.
    pub notices: Vec<Notice>,
    /// Who can be reached by phone number.
    pub people: Vec<Person>,
    /// How long the slow destination waits for its answer.
    pub slow: Duration,
    /// How many messages are kept.
    pub capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            channel_id: "1650000001".to_owned(),
            channel_secret: "sandbox-line-secret".to_owned(),
            token: "sandbox-line-token".to_owned(),
            key: None,
            account: "Acme".to_owned(),
            notices: Notice::approved(),
            people: Person::known(),
            slow: Duration::from_millis(1200),
            capacity: 10_000,
        }
    }
}

/// The running simulator.
#[derive(Debug)]
pub struct Line {
    server: Server,
    vendor: Arc<Vendor>,
}

impl Line {
    /// Starts it. Fails when the address is not loopback or is taken.
    pub async fn start(settings: Settings, clock: Clock) -> io::Result<Self> {
        let listen = settings.listen;
        let vendor = Arc::new(Vendor {
            inbox: Inbox::new(settings.capacity),
            accepted: Memory::new(settings.capacity),
            tokens: Memory::new(TOKENS),
            settings,
            clock,
        });
        let server = Server::start(listen, desk::router(vendor.clone())).await?;
        Ok(Self { server, vendor })
    }

    /// What a provider's `base_url` must say.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What it was started with.
    pub fn settings(&self) -> &Settings {
        &self.vendor.settings
    }

    /// The phones, and the count of requests.
    pub fn inbox(&self) -> &Inbox {
        &self.vendor.inbox
    }

    /// Lets every token lapse that was given out, as if its time were over.
    pub fn lapse_tokens(&self) {
        self.vendor.tokens.clear();
    }

    /// Goes away: later requests find nobody listening.
    pub async fn stop(&self) {
        self.server.stop().await;
    }
}
