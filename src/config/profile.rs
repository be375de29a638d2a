//! `tenants.*.okta.profile`: which attributes of a person's profile decide, and how Okta is asked for them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{secret::SecretRef, values::Span};

/// The look-up of people's profiles.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The org's address, for example `https://acme.okta.com`.
    #[schemars(length(min = 1))]
    pub org_url: String,
    /// How we authenticate to Okta: by an API token or as a service app.
    pub auth: ProfileAuth,
    /// The attributes that decide.
    pub attributes: ProfileAttributes,
    /// How long a hook waits for a profile, at most 300 ms; what comes later serves the next hook.
    #[serde(default = "within")]
    pub within: Span,
    /// How long a profile is used before it is asked for again.
    #[serde(default = "keep")]
    pub keep: Span,
    /// How long a person that Okta does not know is not asked for again.
    #[serde(default = "keep_missing")]
    pub keep_missing: Span,
    /// Questions to Okta under way at once. Okta counts them together with the org's sign-ins.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 75))]
    pub max_in_flight: u32,
}

/// How we authenticate to Okta: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileAuth {
    /// An API token of an administrator who can read users.
    pub api_token: Option<SecretRef>,
    /// A service app with a key of its own.
    pub service_app: Option<ServiceApp>,
}

/// An API service app of the org that was granted `okta.users.read`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceApp {
    /// Its client id.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// Its private key as PEM, RSA or EC (P-256, P-384).
    pub key: SecretRef,
    /// The key's id in Okta (`kid`). Needed where the app has several keys.
    #[serde(default)]
    pub key_id: String,
    /// Whether the app requires DPoP.
    #[serde(default)]
    pub dpop: bool,
}

/// Names of attributes in the profile; one that is left empty is not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileAttributes {
    /// A list of channels in order: `sms`, `voice`, `whatsapp`, `line`.
    pub channels: String,
    /// Whether the person wants codes by WhatsApp: true or false.
    pub whatsapp_opt_in: String,
    /// The person's LINE user id.
    pub line_user_id: String,
    /// The person's language.
    pub locale: String,
}

fn within() -> Span {
    Span::millis(300)
}

fn keep() -> Span {
    Span::seconds(5 * 60)
}

fn keep_missing() -> Span {
    Span::seconds(60)
}

fn max_in_flight() -> u32 {
    16
}
