//! Plays Vonage: its SMS, Messages and Voice APIs, with their checks, their answers, and failures on demand.

mod application;
mod desk;
mod messages;
mod problem;
mod sms;
#[cfg(test)]
mod tests;
mod voice;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jsonwebtoken::jwk::Jwk;

use self::desk::Vendor;
use super::{inbox::Inbox, server::Server, whatsapp::Template};
use crate::clock::Clock;

/// The account that is played. All three APIs answer at one address.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen: loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account's key.
    pub api_key: String,
    /// Its secret.
    pub api_secret: String,
    /// The application that may call and send messages.
    pub application_id: String,
    /// The public key of the application; without one no token is good.
    pub key: Option<Jwk>,
    /// The number of the approved WhatsApp sender, digits only. It sends templates only.
    pub whatsapp_sender: String,
    /// The number of the vendor's WhatsApp sandbox: everybody has written to it, so it also sends text.
    pub whatsapp_sandbox: String,
    /// The approved templates.
    pub templates: Vec<Template>,
    /// How long the slow destination waits for its answer.
    pub slow: Duration,
    /// How many messages are kept.
    pub capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            api_key: "5a4d0001".to_owned(),
            api_secret: "sandbox-vonage-secret".to_owned(),
            application_id: "5a4d0000-0000-4000-8000-000000000001".to_owned(),
            key: None,
            whatsapp_sender: "447700900002".to_owned(),
            whatsapp_sandbox: "14157386102".to_owned(),
            templates: Template::approved(),
            slow: Duration::from_millis(1200),
            capacity: 10_000,
        }
    }
}

/// The running simulator.
#[derive(Debug)]
pub struct Vonage {
    server: Server,
    vendor: Arc<Vendor>,
}

impl Vonage {
    /// Starts it. Fails when the address is not loopback or is taken.
    pub async fn start(settings: Settings, clock: Clock) -> io::Result<Self> {
        let listen = settings.listen;
        let vendor = Arc::new(Vendor {
            inbox: Inbox::new(settings.capacity),
            settings,
            clock,
        });
        let server = Server::start(listen, desk::router(vendor.clone())).await?;
        Ok(Self { server, vendor })
    }

    /// What a provider's `base_url` must say, for each of the APIs.
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

    /// Goes away: later requests find nobody listening.
    pub async fn stop(&self) {
        self.server.stop().await;
    }
}
