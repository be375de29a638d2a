//! What is told of one account at Twilio, and the reading of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{voice, whatsapp};
use crate::{
    channels::{base_url, basic_auth::BasicAuth, by_country, kind::BuildError},
    config::secret::{SecretRef, Secrets},
};

const DEFAULT_BASE: &str = "https://api.twilio.com";

/// An account at Twilio.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// The account: `AC` and 32 hexadecimal digits.
    #[schemars(regex(pattern = "^AC[0-9a-fA-F]{32}$"))]
    pub(super) account_sid: String,
    /// The account's token. Either this or `api_key`.
    #[serde(default)]
    pub(super) auth_token: Option<SecretRef>,
    /// An API key of the account, which can be withdrawn by itself. Either this or `auth_token`.
    #[serde(default)]
    pub(super) api_key: Option<ApiKey>,
    /// Another address of the API, for example of an egress proxy.
    #[serde(default = "default_base")]
    pub(super) base_url: String,
    /// Where requests enter Twilio, for example `dublin`; goes with `region`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z0-9-]*$"))]
    pub(super) edge: String,
    /// Where Twilio processes them, for example `ie1`; goes with `edge`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z0-9-]*$"))]
    pub(super) region: String,
    /// Who an SMS comes from, by country of the recipient, and `default` for all others: a number (`+15005550006`),
    /// a short code (`12345`), a sender name (`ACME`) or a messaging service (`MG…`). No SMS where left out.
    #[serde(default)]
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// How WhatsApp messages are sent; none where left out.
    #[serde(default)]
    pub(super) whatsapp: Option<whatsapp::Settings>,
    /// How calls are made; none where left out.
    #[serde(default)]
    pub(super) voice: Option<voice::Settings>,
}

/// An API key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct ApiKey {
    /// Its name: `SK` and 32 hexadecimal digits.
    #[schemars(regex(pattern = "^SK[0-9a-fA-F]{32}$"))]
    pub(super) sid: String,
    /// Its secret.
    pub(super) secret: SecretRef,
}

impl Settings {
    /// The account that stands in every path, whoever signs in.
    pub(super) fn account(&self) -> Result<&str, &'static str> {
        let good = is_sid(&self.account_sid, "AC");
        good.then_some(self.account_sid.as_str())
            .ok_or("is not AC and 32 hexadecimal digits")
    }

    /// Who signs in.
    pub(super) fn credentials(&self, secrets: &Secrets) -> Result<BasicAuth, BuildError> {
        let (user, path, secret) = match (&self.auth_token, &self.api_key) {
            (Some(token), None) => (&self.account_sid, "auth_token", token),
            (None, Some(key)) if !is_sid(&key.sid, "SK") => {
                let text = "is not SK and 32 hexadecimal digits";
                return Err(BuildError::at("api_key.sid", text));
            }
            (None, Some(key)) => (&key.sid, "api_key.secret", &key.secret),
            (Some(_), Some(_)) | (None, None) => {
                let text = "needs either `auth_token` or `api_key`";
                return Err(BuildError::at("", text));
            }
        };
        let secret = secrets.resolve(secret);
        let secret = secret.map_err(|problem| BuildError::at(path, problem))?;
        Ok(BasicAuth::new(user.clone(), secret))
    }

    /// The host to call.
    pub(super) fn base(&self, allow_test_providers: bool) -> Result<Url, BuildError> {
        let (edge, region) = (self.edge.as_str(), self.region.as_str());
        let address = match (edge.is_empty(), region.is_empty()) {
            (true, true) => self.base_url.clone(),
            (false, false) if self.base_url != DEFAULT_BASE => {
                let text = "cannot be given together with `edge` and `region`";
                return Err(BuildError::at("base_url", text));
            }
            (false, false) => regional(edge, region)?,
            (false, true) => return Err(BuildError::at("edge", "needs `region` too")),
            (true, false) => return Err(BuildError::at("region", "needs `edge` too")),
        };
        let base = base_url::parse(&address, allow_test_providers);
        base.map_err(|problem| BuildError::at("base_url", problem))
    }
}

fn regional(edge: &str, region: &str) -> Result<String, BuildError> {
    let mut problems = BuildError::default();
    for (path, part) in [("edge", edge), ("region", region)] {
        let label = part
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let text = "has more than small letters, digits and hyphens";
        problems.keep(path, label.then_some(()).ok_or(text));
    }
    problems
        .is_empty()
        .then(|| format!("https://api.{edge}.{region}.twilio.com"))
        .ok_or(problems)
}

/// Whether a text is one of Twilio's ids: two letters and 32 hexadecimal digits.
pub(super) fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn default_base() -> String {
    DEFAULT_BASE.to_owned()
}
