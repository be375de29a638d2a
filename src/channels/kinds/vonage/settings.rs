//! What is told of one account at Vonage, and the reading of it.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{application::Application, sms, voice, whatsapp};
use crate::{
    channels::{
        base_url,
        kind::{BuildContext, BuildError},
        signing_key::SigningKey,
    },
    config::secret::{Secret, SecretRef},
};

const DEFAULT_BASE: &str = "https://api.nexmo.com";
const DEFAULT_SMS_BASE: &str = "https://rest.nexmo.com";

/// An account at Vonage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// The account's key; goes with `api_secret`. The SMS API wants both.
    #[serde(default)]
    pub(super) api_key: Option<String>,
    /// The account's secret; goes with `api_key`.
    #[serde(default)]
    pub(super) api_secret: Option<SecretRef>,
    /// An application of the account. Calls want it, and the Messages API prefers it to key and secret.
    #[serde(default)]
    pub(super) application: Option<ApplicationSettings>,
    /// Another address of the APIs, for example of a region or an egress proxy.
    #[serde(default = "default_base")]
    pub(super) base_url: String,
    /// Another address of the SMS API alone. Where left out it is Vonage's own, or that of `base_url` if one is given.
    #[serde(default)]
    pub(super) sms_base_url: Option<String>,
    /// How SMS are sent; none where left out.
    #[serde(default)]
    pub(super) sms: Option<sms::Settings>,
    /// How WhatsApp messages are sent; none where left out.
    #[serde(default)]
    pub(super) whatsapp: Option<whatsapp::Settings>,
    /// How calls are made; none where left out.
    #[serde(default)]
    pub(super) voice: Option<voice::Settings>,
}

/// An application of an account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct ApplicationSettings {
    /// Its id, a UUID.
    #[schemars(length(min = 1))]
    pub(super) id: String,
    /// Its private key, in PEM.
    pub(super) private_key: SecretRef,
}

/// The account's key and secret.
pub(super) struct Key {
    pub(super) key: String,
    pub(super) secret: Secret,
}

impl Settings {
    /// The account's key and secret, where they are given.
    pub(super) fn key(&self, ctx: &BuildContext<'_>) -> Result<Option<Key>, BuildError> {
        let (key, secret) = match (&self.api_key, &self.api_secret) {
            (Some(key), Some(secret)) => (key, secret),
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(BuildError::at("api_secret", "is missing")),
            (None, Some(_)) => return Err(BuildError::at("api_key", "is missing")),
        };
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(BuildError::at(
                "api_key",
                "has more than letters and digits",
            ));
        }
        let secret = ctx.site.secrets.resolve(secret);
        let secret = secret.map_err(|problem| BuildError::at("api_secret", problem))?;
        let key = key.clone();
        Ok(Some(Key { key, secret }))
    }

    /// The application, where one is given.
    pub(super) fn application(
        &self,
        ctx: &BuildContext<'_>,
    ) -> Result<Option<Application>, BuildError> {
        let Some(told) = &self.application else {
            return Ok(None);
        };
        if told.id.trim().is_empty() {
            return Err(BuildError::at("application.id", "is empty"));
        }
        let at =
            |problem: &dyn std::fmt::Display| BuildError::at("application.private_key", problem);
        let pem = ctx.site.secrets.resolve(&told.private_key);
        let key = SigningKey::new(pem.map_err(|problem| at(&problem))?);
        let key = key.map_err(|problem| at(&problem))?;
        let clock = ctx.site.clock.clone();
        Ok(Some(Application::new(told.id.clone(), key, clock)))
    }

    /// Where the Messages and Voice APIs are, and where the SMS API is.
    pub(super) fn bases(&self, allow_test_providers: bool) -> Result<(Url, Url), BuildError> {
        let mut problems = BuildError::default();
        let base = base_url::parse(&self.base_url, allow_test_providers);
        let base = problems.keep("base_url", base);
        let sms = match &self.sms_base_url {
            Some(told) => {
                problems.keep("sms_base_url", base_url::parse(told, allow_test_providers))
            }
            None if self.base_url == DEFAULT_BASE => {
                let own = base_url::parse(DEFAULT_SMS_BASE, allow_test_providers);
                problems.keep("sms_base_url", own)
            }
            None => base.clone(),
        };
        base.zip(sms).ok_or(problems)
    }
}

fn default_base() -> String {
    DEFAULT_BASE.to_owned()
}
