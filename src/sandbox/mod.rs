//! The outside world played on loopback: simulators of vendors and of Okta, the tools that play Okta, and a
//! configuration for a gateway that lives among them. Shares no code with what speaks to the real ones.

#[cfg(test)]
mod asking;
mod carrier;
pub mod configuration;
pub mod hook;
pub mod inbox;
pub mod judge;
mod jwt;
pub mod keys;
pub mod line;
mod memory;
pub mod meta;
pub mod okta;
pub mod people;
pub mod phone;
mod reading;
mod segments;
pub mod server;
mod terminal;
pub mod triggers;
pub mod twilio;
pub mod vonage;
pub mod whatsapp;

use std::{io, net::SocketAddr};

use tempfile::TempDir;

use self::{
    configuration::{Doors, HOOK_SECRET, OAUTH_TENANT, TENANT},
    hook::{Credential, OauthClient, Options},
    inbox::Arrivals,
    keys::RsaKey,
    line::Line,
    meta::Meta,
    okta::Okta,
    people::{PEOPLE, Person},
    twilio::Twilio,
    vonage::Vonage,
};
use crate::{
    clock::Clock,
    config::{secret::Secret, variables::Variables},
};

/// The simulators, and all that a gateway needs to live among them. Its ledger's folder goes when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    twilio: Twilio,
    vonage: Vonage,
    meta: Meta,
    line: Line,
    okta: Okta,
    /// The private half of the key that every simulator knows by its public half, PEM.
    private_key: Secret,
    /// The key's name at every simulator.
    key_id: String,
    doors: Doors,
    folder: TempDir,
}

impl Sandbox {
    /// Starts every simulator on a free port. `doors` are the gateway's, which is not started here.
    pub async fn start(doors: Doors, clock: Clock) -> io::Result<Self> {
        let key = RsaKey::generate(&clock).await?;
        let public = Some(key.jwk()?);
        let vonage = vonage::Settings {
            key: public.clone(),
            ..vonage::Settings::default()
        };
        let line = line::Settings {
            key: public.clone(),
            ..line::Settings::default()
        };
        let okta = okta::Settings {
            service_key: public,
            users: PEOPLE.iter().map(Person::user).collect(),
            ..okta::Settings::default()
        };
        Ok(Self {
            twilio: Twilio::start(twilio::Settings::default(), clock.clone()).await?,
            vonage: Vonage::start(vonage, clock.clone()).await?,
            meta: Meta::start(meta::Settings::default(), clock.clone()).await?,
            line: Line::start(line, clock.clone()).await?,
            okta: Okta::start(okta, clock).await?,
            private_key: Secret::fixed(key.private_pem()?),
            key_id: key.id().to_owned(),
            doors,
            folder: TempDir::with_prefix("tollgate-sandbox-")?,
        })
    }

    /// The simulated Twilio, with its phones.
    pub fn twilio(&self) -> &Twilio {
        &self.twilio
    }

    /// The simulated Vonage, with its phones.
    pub fn vonage(&self) -> &Vonage {
        &self.vonage
    }

    /// The simulated Meta, with its phones.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The simulated LINE, with its phones.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The simulated Okta org.
    pub fn okta(&self) -> &Okta {
        &self.okta
    }

    /// Whatever arrives at any phone from now on.
    pub fn arrivals(&self) -> Arrivals {
        Arrivals::of([
            self.twilio.inbox(),
            self.vonage.inbox(),
            self.meta.inbox(),
            self.line.inbox(),
        ])
    }

    /// The gateway's configuration, YAML.
    pub fn configuration(&self) -> String {
        configuration::text(self)
    }

    /// The variables to which the configuration refers.
    pub fn variables(&self) -> Variables {
        configuration::variables(self)
    }

    /// A hook with a header secret to the gateway whose public door is at `door`.
    pub fn hook(&self, door: SocketAddr, phone: &str) -> Options {
        let credential = Credential::Header {
            name: "authorization".to_owned(),
            value: Secret::fixed(HOOK_SECRET),
        };
        Options::new(&hook_url(door, TENANT), credential, phone)
    }

    /// A hook for one of the sandbox's people.
    pub fn hook_for(&self, door: SocketAddr, person: &Person) -> Options {
        Options {
            user: person.user_id(),
            channel: person.chooses,
            ..self.hook(door, person.phone)
        }
    }

    /// A hook with an OAuth token to the gateway whose public door is at `door`.
    pub fn oauth_hook(&self, door: SocketAddr, phone: &str) -> Options {
        let org = self.okta.settings();
        let credential = Credential::Oauth(OauthClient {
            token_url: self.okta.token_url(),
            client_id: org.client_id.clone(),
            client_secret: Secret::fixed(org.client_secret.clone()),
            scope: org.scope.clone(),
        });
        Options::new(&hook_url(door, OAUTH_TENANT), credential, phone)
    }

    /// Stops every simulator and removes the ledger's folder.
    pub async fn stop(self) -> io::Result<()> {
        tokio::join!(
            self.twilio.stop(),
            self.vonage.stop(),
            self.meta.stop(),
            self.line.stop(),
            self.okta.stop(),
        );
        self.folder.close()
    }
}

/// The hook's address at a gateway.
pub fn hook_url(door: SocketAddr, tenant: &str) -> String {
    format!("http://{door}/okta/{tenant}/telephony")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[tokio::test]
    async fn it_starts_and_leaves_nothing_behind() {
        let sandbox = Sandbox::start(Doors::at(0, 0, 0), Clock::system()).await;
        let sandbox = sandbox.expect("free ports");
        let folder = PathBuf::from(sandbox.folder.path());
        assert!(folder.is_dir());
        sandbox.stop().await.expect("an empty folder");
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn hooks_go_to_their_tenants() {
        let sandbox = Sandbox::start(Doors::default(), Clock::system()).await;
        let sandbox = sandbox.expect("free ports");
        let door = ([127, 0, 0, 1], 8080).into();
        let hook = sandbox.hook(door, "+14155550123");
        assert_eq!(hook.url, "http://127.0.0.1:8080/okta/acme/telephony");
        let hook = sandbox.oauth_hook(door, "+14155550123");
        assert_eq!(hook.url, "http://127.0.0.1:8080/okta/globex/telephony");
        assert!(matches!(hook.credential, Credential::Oauth(_)));
    }
}
