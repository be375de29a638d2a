//! `tenants`: an Okta org or an internal product, with its own credentials, routes and limits.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    guard::TenantGuard,
    profile::Profile,
    routes::Route,
    secret::SecretRef,
    templates::{self, Template},
    values::{ChannelName, Country, Span},
};

/// One tenant.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The countries it serves. Must be said: whoever does not need a country should not pay for its fraud.
    pub countries: Countries,
    /// Which channels codes take.
    #[serde(default)]
    pub channels: TenantChannels,
    /// The name that a message carries when the gateway words it itself, and `brand` in templates.
    #[serde(default)]
    pub brand: String,
    /// Whether a LINE user id may decide who gets a code.
    #[serde(default)]
    pub line: Line,
    /// Messages in its own words; where none fits, the caller's text is sent, and ours where it gave none.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// The domain of the page where codes are entered. Every SMS then ends in a line for phones that fill the code in
    /// there, and nowhere else.
    #[serde(default)]
    #[schemars(schema_with = "templates::domain_name")]
    pub autofill_domain: String,
    /// What follows an attempt that may have been sent.
    #[serde(default)]
    pub on_ambiguous: OnAmbiguous,
    /// Its own routes; the top-level ones when left out.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What may refuse a send of this tenant's, where it differs from `guard`.
    #[serde(default)]
    pub guard: TenantGuard,
    /// Its Okta org; left out for a tenant that only calls by gRPC.
    #[serde(default)]
    pub okta: Option<Okta>,
}

/// The countries a tenant serves. A country that is not named is not served.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Countries {
    /// Codes are sent to numbers of these countries.
    #[schemars(length(min = 1))]
    pub allow: Vec<Country>,
    /// Codes are sent to numbers of these countries too, and each leaves a decision: to find out who needs them.
    #[serde(default)]
    pub monitor: Vec<Country>,
    /// Codes are sent to numbers of these countries only that this tenant has seen verified.
    #[serde(default)]
    pub verified_only: Vec<Country>,
    /// Codes are never sent to numbers of these countries, whatever the other lists say.
    #[serde(default)]
    pub block: Vec<Country>,
    /// The country in which numbers without `+` are read; none when left out.
    #[serde(default)]
    pub default: Option<Country>,
}

/// Which channels codes take.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantChannels {
    /// The order where nobody prefers another one.
    #[schemars(length(min = 1))]
    pub default: Vec<ChannelName>,
    /// Whether SMS is tried last when it was not among the preferred channels.
    pub last_resort_sms: bool,
    /// How long a channel is left out on which a recipient could not be reached (not on WhatsApp, opted out, blocked us);
    /// unless nothing else is left. `0s` remembers nothing.
    #[schemars(schema_with = "super::values::span_or_zero")]
    pub unreachable_for: Span,
}

/// LINE by user id. WhatsApp, SMS and calls go to the number that is being proven; a LINE user id names a person by itself,
/// and whoever can write it can have the codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// Whose word a LINE user id is taken on. Left out: nobody's, and no code goes to one.
    pub user_id_from: Option<UserIdFrom>,
    /// Whether it may also receive codes that reset a password or unlock an account.
    pub recovery: bool,
}

/// Whose word a LINE user id is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserIdFrom {
    /// The caller's, and so the identity provider's attribute: one that administrators write, and users cannot.
    AdminAttribute,
    /// Only the stored preference's, where a client put it that may, once the person had proven it.
    Proven,
}

impl Default for TenantChannels {
    fn default() -> Self {
        Self {
            default: vec![ChannelName::Sms],
            last_resort_sms: true,
            unreachable_for: Span::seconds(6 * 3600),
        }
    }
}

/// What follows an attempt that may have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnAmbiguous {
    /// Nothing: the person may get no code, but never two.
    Stop,
    /// The next step, while time is left: the person may get the code twice.
    #[default]
    Next,
}

/// An Okta org whose telephony hook we answer.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Okta {
    /// How Okta authenticates to us.
    pub auth: OktaAuth,
    /// Whether this org's Okta sends a code itself when we report failure. Okta's default is that it does.
    #[serde(default)]
    pub failover: Failover,
    /// When Okta must have its answer, counted from the request's head. Default 2400 ms; 1900 ms with OAuth, as Okta's
    /// token request shares its three seconds.
    #[serde(default)]
    pub answer_within: Option<Span>,
    /// Answers that differ from the defaults of `failover`.
    #[serde(default)]
    pub answers: Answers,
    /// What a preview from the Admin Console gets.
    #[serde(default)]
    pub preview: Preview,
    /// The family of a request whose `deliveryChannel` is missing or unknown.
    #[serde(default)]
    pub unknown_channel: UnknownChannel,
    /// People's profiles, where they say which channels they want; left out: they are not looked at.
    #[serde(default)]
    pub profile: Option<Profile>,
}

/// How Okta authenticates to us: a header secret, OAuth, or either.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OktaAuth {
    /// The header that carries the secret, in any case.
    #[schemars(
        title = "the name of a header",
        regex(pattern = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")
    )]
    pub header: String,
    /// Secrets that are valid now, at least 16 bytes each; several during rotation.
    pub secrets: Vec<SecretRef>,
    /// OAuth 2.0 bearer tokens.
    pub oauth: Option<OktaOauth>,
}

impl Default for OktaAuth {
    fn default() -> Self {
        Self {
            header: "authorization".to_owned(),
            secrets: Vec::new(),
            oauth: None,
        }
    }
}

/// What a bearer token of Okta must say.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OktaOauth {
    /// `iss`, for example `https://acme.okta.com/oauth2/default`.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// `aud`.
    #[schemars(length(min = 1))]
    pub audience: String,
    /// A scope that `scp` must contain.
    #[schemars(length(min = 1))]
    pub scope: String,
    /// `cid`: the client that the hook uses.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// Where the signing keys are; `{issuer}/v1/keys` when left out.
    #[serde(default)]
    pub jwks_url: String,
}

/// Whether Okta sends a code itself when we report failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failover {
    /// It does.
    #[default]
    Enabled,
    /// It does not: Okta Support switched it off, or the org has no telephony of Okta's.
    Disabled,
}

/// The answer to each class of result; the default of `failover` where left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// A provider took it.
    pub accepted: Option<Answer>,
    /// Perhaps sent.
    pub unconfirmed: Option<Answer>,
    /// Certainly not sent, and nobody refused it.
    pub undeliverable: Option<Answer>,
    /// A rate limit.
    pub limited: Option<Answer>,
    /// Policy, budget or fraud.
    pub refused: Option<Answer>,
}

/// What Okta is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Status `SUCCESSFUL`: known not to start a second message.
    Successful,
    /// Status `PENDING`.
    Pending,
    /// Status `FAILED`.
    Failed,
    /// An `error` object, whose text the person reads.
    Error,
}

/// What a preview from the Admin Console gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preview {
    /// A valid answer; nothing is sent.
    #[default]
    Answer,
    /// It is sent like any other code.
    Send,
}

/// The family of a request whose `deliveryChannel` is missing or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownChannel {
    /// A message.
    #[default]
    Message,
    /// A call.
    Voice,
}
