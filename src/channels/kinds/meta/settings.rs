//! What is told of one WhatsApp number at Meta.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    channels::{by_locale, whatsapp::Template},
    config::secret::SecretRef,
};

const DEFAULT_BASE: &str = "https://graph.facebook.com";
const DEFAULT_VERSION: &str = "v23.0";

/// A WhatsApp number at Meta.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Meta's id of the number that messages come from: digits, and not the number itself.
    #[schemars(regex(pattern = "^[0-9]{5,32}$"))]
    pub(super) phone_number_id: String,
    /// The token of a system user who may send from it.
    pub(super) access_token: SecretRef,
    /// The authentication template by language, and `default` for all others.
    #[schemars(transform = by_locale::keys)]
    pub(super) templates: BTreeMap<String, Template>,
    /// The version of the API.
    #[serde(default = "default_version")]
    #[schemars(regex(pattern = r"^v[0-9]{1,3}\.[0-9]{1,3}$"))]
    pub(super) version: String,
    /// Another address of the API, for example of an egress proxy.
    #[serde(default = "default_base")]
    pub(super) base_url: String,
}

impl Settings {
    /// The number's id.
    pub(super) fn phone_number_id(&self) -> Result<&str, &'static str> {
        let id = self.phone_number_id.as_str();
        let good = (5..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
        good.then_some(id)
            .ok_or("is no id of a number: 5 to 32 digits")
    }

    /// The version.
    pub(super) fn version(&self) -> Result<&str, &'static str> {
        let number = |part: &str| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let parts = self
            .version
            .strip_prefix('v')
            .and_then(|v| v.split_once('.'));
        let good = parts.is_some_and(|(major, minor)| number(major) && number(minor));
        good.then_some(self.version.as_str())
            .ok_or("is no version such as v23.0")
    }
}

fn default_base() -> String {
    DEFAULT_BASE.to_owned()
}

fn default_version() -> String {
    DEFAULT_VERSION.to_owned()
}
