//! What is told of one channel at LINE, and the reading of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};
use url::Url;

use crate::{
    channels::{
        base_url,
        bearer::Bearer,
        by_locale,
        kind::{BuildContext, BuildError},
        signing_key::SigningKey,
        token::{
            Tokens,
            grant::{Assertion, Client, Grant},
        },
    },
    config::secret::SecretRef,
};

const DEFAULT_BASE: &str = "https://api.line.me";

/// Whom an assertion is for.
const AUDIENCE: &str = "https://api.line.me/";

/// How long a v2.1 token is asked to live, in seconds. LINE keeps a limited number of them for a channel, so those of
/// processes that are gone must make room before long.
const TOKEN_SECONDS: u64 = 3600;

/// A channel (Messaging API) of an official account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// What it sends: `push` to a LINE user id, or notification messages to a phone number, either by `template` or
    /// `flexible`.
    #[serde(default)]
    pub(super) message: MessageName,
    /// A long-lived channel access token. Either this, `stateless` or `v2_1`.
    #[serde(default)]
    pub(super) channel_access_token: Option<SecretRef>,
    /// Tokens of 15 minutes, which this process mints. Either this, `channel_access_token` or `v2_1`.
    #[serde(default)]
    pub(super) stateless: Option<Stateless>,
    /// Tokens of version 2.1, which this process mints. Either this, `channel_access_token` or `stateless`.
    #[serde(default)]
    pub(super) v2_1: Option<Signed>,
    /// The approved templates of notification messages, by language, and `default` for all others.
    #[serde(default)]
    #[schemars(transform = by_locale::keys)]
    pub(super) templates: BTreeMap<String, Template>,
    /// Another address of the API, for example of an egress proxy.
    #[serde(default = "default_base")]
    pub(super) base_url: String,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::channels::kinds) enum MessageName {
    /// A push message to a user id.
    #[default]
    Push,
    /// A notification message by an approved template.
    Template,
    /// A notification message with our own text, for accounts that LINE allows it.
    Flexible,
}

/// Who asks for stateless tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Stateless {
    /// The channel's id.
    #[schemars(length(min = 1))]
    channel_id: String,
    /// The channel's secret. Either this or `assertion_key`.
    #[serde(default)]
    channel_secret: Option<SecretRef>,
    /// The assertion signing key. Either this or `channel_secret`.
    #[serde(default)]
    assertion_key: Option<AssertionKey>,
}

/// Who asks for v2.1 tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Signed {
    /// The channel's id.
    #[schemars(length(min = 1))]
    channel_id: String,
    /// The assertion signing key.
    assertion_key: AssertionKey,
}

/// A key that was registered with the channel.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct AssertionKey {
    /// The id (`kid`) that the console gave when the public key was registered.
    #[schemars(length(min = 1))]
    id: String,
    /// The private key: RSA, as PEM.
    private_key: SecretRef,
}

/// An approved template.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Template {
    /// Its key.
    #[schemars(length(min = 1))]
    pub(super) key: String,
    /// The key of its emphasized item, which shows the code.
    #[schemars(length(min = 1))]
    pub(super) code_item: String,
    /// Further items by key, each with its text: `{{ minutes }}` and the like are filled in. At most 15.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 15))]
    pub(super) items: BTreeMap<String, String>,
    /// Buttons by key, each with its address. At most 2.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 2))]
    pub(super) buttons: BTreeMap<String, String>,
}

/// How requests are signed for.
#[derive(Debug)]
pub(super) enum Access {
    /// A token that LINE's console issued.
    LongLived(Bearer),
    /// Tokens that this process mints.
    Minted(Tokens),
}

impl Settings {
    /// Where the API is.
    pub(super) fn base(&self, ctx: &BuildContext<'_>) -> Result<Url, BuildError> {
        let base = base_url::parse(&self.base_url, ctx.site.allow_test_providers);
        base.map_err(|problem| BuildError::at("base_url", problem))
    }

    /// Who signs in, with an API at `base`.
    pub(super) fn access(&self, base: &Url, ctx: &BuildContext<'_>) -> Result<Access, BuildError> {
        match (&self.channel_access_token, &self.stateless, &self.v2_1) {
            (Some(token), None, None) => {
                let path = "channel_access_token";
                let token = ctx.site.secrets.resolve(token);
                let token = token.map_err(|problem| BuildError::at(path, problem))?;
                let bearer = Bearer::new(token);
                let bearer = bearer.map_err(|problem| BuildError::at(path, problem))?;
                Ok(Access::LongLived(bearer))
            }
            (None, Some(stateless), None) => {
                let url = base_url::endpoint(base, &["oauth2", "v3", "token"]);
                let client = stateless.client(ctx)?;
                Ok(minted(url, client, ctx))
            }
            (None, None, Some(signed)) => {
                let url = base_url::endpoint(base, &["oauth2", "v2.1", "token"]);
                let key = &signed.assertion_key;
                let mut assertion = key.assertion("v2_1.assertion_key", &signed.channel_id, ctx)?;
                let life = json!(TOKEN_SECONDS);
                assertion.claims.insert("token_exp".to_owned(), life);
                Ok(minted(url, Client::Assertion(assertion), ctx))
            }
            (_, _, _) => {
                let text = "needs one of `channel_access_token`, `stateless` and `v2_1`";
                Err(BuildError::at("", text))
            }
        }
    }
}

impl Stateless {
    fn client(&self, ctx: &BuildContext<'_>) -> Result<Client, BuildError> {
        match (&self.channel_secret, &self.assertion_key) {
            (Some(secret), None) => {
                let secret = ctx.site.secrets.resolve(secret);
                let path = "stateless.channel_secret";
                Ok(Client::Form {
                    id: self.channel_id.clone(),
                    secret: secret.map_err(|problem| BuildError::at(path, problem))?,
                })
            }
            (None, Some(key)) => {
                let path = "stateless.assertion_key";
                let assertion = key.assertion(path, &self.channel_id, ctx)?;
                Ok(Client::Assertion(assertion))
            }
            (Some(_), Some(_)) | (None, None) => {
                let text = "needs either `channel_secret` or `assertion_key`";
                Err(BuildError::at("stateless", text))
            }
        }
    }
}

impl AssertionKey {
    fn assertion(
        &self,
        path: &str,
        channel_id: &str,
        ctx: &BuildContext<'_>,
    ) -> Result<Assertion, BuildError> {
        let path = format!("{path}.private_key");
        let secret = ctx.site.secrets.resolve(&self.private_key);
        let secret = secret.map_err(|problem| BuildError::at(&path, problem))?;
        let key = SigningKey::new(secret.clone());
        Ok(Assertion {
            client_id: channel_id.to_owned(),
            audience: AUDIENCE.to_owned(),
            key: key.map_err(|problem| BuildError::at(&path, problem))?,
            secret,
            key_id: self.id.clone(),
            claims: Map::new(),
            unique: false,
        })
    }
}

fn minted(url: Url, client: Client, ctx: &BuildContext<'_>) -> Access {
    let grant = Grant {
        url,
        client,
        parameters: Vec::new(),
    };
    let (outbound, clock) = (ctx.site.outbound.clone(), ctx.site.clock.clone());
    Access::Minted(Tokens::new(grant, outbound, clock))
}

fn default_base() -> String {
    DEFAULT_BASE.to_owned()
}
