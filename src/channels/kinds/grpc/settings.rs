//! What is told of one plugin, and the reading of it.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::{
    channels::{base_url, kind::BuildError},
    config::{
        secret::{SecretRef, Secrets},
        values::{ChannelName, Country},
    },
    domain::{
        capability::Capability,
        channel::{Channel, Channels},
    },
    outbound::channel::{Remote, Single},
};

/// A plugin.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Where it listens: `https://host:port`; or `http://host:port` on this machine.
    url: String,
    /// The authority that signed its certificate, PEM; the public ones when left out.
    #[serde(default)]
    ca: Option<SecretRef>,
    /// Says that plain text on the network is meant, because something else encrypts.
    #[serde(default)]
    plaintext: bool,
    /// A bearer token to show it.
    #[serde(default)]
    token: Option<SecretRef>,
    /// The channels it speaks.
    #[schemars(length(min = 1))]
    channels: Vec<ChannelName>,
    /// Whether a message with the same idempotency key is sent once only.
    #[serde(default)]
    idempotent: bool,
    /// Whether it finds people by their LINE user id rather than by their phone number.
    #[serde(default)]
    by_line_user: bool,
    /// The countries whose numbers it can reach; all when left out.
    #[serde(default)]
    countries: Vec<Country>,
}

impl Settings {
    /// What it can do.
    pub(super) fn capability(&self) -> Result<Capability, BuildError> {
        let channels: Channels = self.channels.iter().copied().map(Channel::from).collect();
        if channels.is_empty() {
            return Err(BuildError::at("channels", "names no channel"));
        }
        Ok(Capability {
            channels,
            idempotent: self.idempotent,
            by_line_user: self.by_line_user,
            countries: self.countries.iter().map(|country| country.0).collect(),
        })
    }

    /// The channel to it.
    pub(super) fn single(&self, secrets: &Secrets) -> Result<Single, BuildError> {
        let mut problems = BuildError::default();
        problems.keep("url", self.is_not_overheard());
        let resolve = |from: &Option<SecretRef>| {
            let from = from.as_ref();
            from.map(|from| secrets.resolve(from)).transpose()
        };
        let ca = problems.keep("ca", resolve(&self.ca));
        let token = problems.keep("token", resolve(&self.token));
        let (Some(ca), Some(token), true) = (ca, token, problems.is_empty()) else {
            return Err(problems);
        };
        let url = self.url.clone();
        Single::new(Remote { url, ca, token }).map_err(|problem| BuildError::at("url", problem))
    }

    /// Codes and the token pass here.
    fn is_not_overheard(&self) -> Result<(), &'static str> {
        let bare = |url: &Url| {
            let extras = url.query().is_some() || url.fragment().is_some();
            url.path() == "/" && url.username().is_empty() && url.password().is_none() && !extras
        };
        let url = Url::parse(&self.url).ok().filter(bare);
        let url = url.ok_or("the address must be https://host:port or http://host:port")?;
        let plain = url.scheme() == "http";
        if plain && !self.plaintext && !base_url::on_this_machine(&url) {
            return Err("is not on this machine: use https, or say `plaintext: true`");
        }
        Ok(())
    }
}
