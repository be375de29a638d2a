//! What is told of a provider that has no kind of its own: what to ask it, and what its answers mean.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::meaning::Meaning;
use crate::{
    channels::{by_country, by_locale},
    config::{
        secret::SecretRef,
        values::{ChannelName, Country},
    },
};

/// Any provider that is asked by one HTTP request for each message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Settings {
    /// Where the API is: `https://`, a host, and perhaps the beginning of its paths.
    pub(super) base_url: String,
    /// The channels it serves.
    #[schemars(length(min = 1))]
    pub(super) channels: Vec<ChannelName>,
    /// How it is asked.
    #[serde(default)]
    pub(super) method: MethodName,
    /// The path, as a template; what is filled in is percent-encoded.
    #[serde(default)]
    pub(super) path: String,
    /// What follows the path, by name: templates, whose texts are encoded as a whole.
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// Headers by name: templates.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The body; none when left out.
    #[serde(default)]
    pub(super) body: BodyForms,
    /// Who asks; nobody when left out, for credentials that stand in the body.
    #[serde(default)]
    pub(super) auth: AuthForms,
    /// Secrets for the templates: `{{ secrets.NAME }}`.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, SecretRef>,
    /// Who a message comes from (`{{ sender }}`), by country of the recipient, and `default` for all others.
    #[serde(default)]
    #[schemars(transform = by_country::keys)]
    pub(super) senders: BTreeMap<String, String>,
    /// What is approved for a language (`{{ template }}`), by language, and `default` for all others.
    #[serde(default)]
    #[schemars(transform = by_locale::keys)]
    pub(super) templates: BTreeMap<String, String>,
    /// The countries whose numbers it reaches; all when left out.
    #[serde(default)]
    pub(super) countries: Vec<Country>,
    /// Which answers say that it took the message.
    #[serde(default)]
    pub(super) success: Success,
    /// Where an answer has the message's id: the first of these that has one.
    #[serde(default)]
    pub(super) message_id: Vec<IdPlace>,
    /// What the other answers mean.
    #[serde(default)]
    pub(super) errors: Errors,
    /// Whether the same request may be sent again where it is in doubt, because the vendor knows it by `{{ key }}`.
    #[serde(default)]
    pub(super) safe_to_retry: bool,
}

/// How a provider is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::channels::kinds) enum MethodName {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// GET.
    Get,
}

/// The forms of a body, of which there is one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::channels::kinds) struct BodyForms {
    /// Fields by name, each a template or a list of them.
    pub(super) form: BTreeMap<String, Field>,
    /// JSON as it stands here; its texts are templates. A text that is one `{{ … }}` alone keeps the type of its value.
    pub(super) json: Option<Value>,
    /// Any other document.
    pub(super) raw: Option<Raw>,
}

/// The value of a field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a text or a list of texts")]
pub(in crate::channels::kinds) enum Field {
    /// One.
    One(String),
    /// Several of one name.
    Several(Vec<String>),
}

/// A document of the operator's wording.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Raw {
    /// Its media type. What is filled in is escaped for XML, JSON or a form when it is one of them.
    #[schemars(length(min = 1))]
    pub(super) content_type: String,
    /// The document, as a template.
    pub(super) text: String,
}

/// The ways to say who asks, of which there is at most one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::channels::kinds) struct AuthForms {
    /// HTTP Basic.
    pub(super) basic: Option<BasicForm>,
    /// `Authorization: Bearer` and this token.
    pub(super) bearer: Option<SecretRef>,
    /// A header of the vendor's own.
    pub(super) header: Option<HeaderForm>,
    /// A token that a server of the vendor's mints for a while (OAuth 2.0 client credentials).
    pub(super) oauth: Option<OauthForm>,
}

/// HTTP Basic.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct BasicForm {
    /// The user.
    pub(super) user: String,
    /// The password.
    pub(super) password: SecretRef,
}

/// A header that says who asks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct HeaderForm {
    /// Its name.
    #[serde(default = "authorization")]
    pub(super) name: String,
    /// What stands before the secret, for example `App ` with its space.
    #[serde(default)]
    pub(super) prefix: String,
    /// The secret.
    pub(super) value: SecretRef,
}

/// A minted token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct OauthForm {
    /// Where tokens are minted.
    pub(super) token_url: String,
    /// The client's id.
    #[schemars(length(min = 1))]
    pub(super) client_id: String,
    /// The client's secret. Either this or `assertion`.
    #[serde(default)]
    pub(super) client_secret: Option<SecretRef>,
    /// Where id and secret stand.
    #[serde(default)]
    pub(super) credentials_in: CredentialsIn,
    /// A key that signs for the client. Either this or `client_secret`.
    #[serde(default)]
    pub(super) assertion: Option<AssertionForm>,
    /// What the server wants to know beside, for example `scope`.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
}

/// Where a client's id and secret stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::channels::kinds) enum CredentialsIn {
    /// In the form.
    #[default]
    Form,
    /// In the header, by HTTP Basic.
    Header,
}

/// What signs for a client.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct AssertionForm {
    /// The private key: RSA, as PEM.
    pub(super) private_key: SecretRef,
    /// The server's name for the key; empty where it has none.
    #[serde(default)]
    pub(super) key_id: String,
    /// Whom the assertion is for; `token_url` when left empty.
    #[serde(default)]
    pub(super) audience: String,
}

/// Which answers say that a message was taken.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::channels::kinds) struct Success {
    /// The statuses; every one from 200 to 299 when left out.
    pub(super) statuses: Vec<u16>,
    /// What the body must say as well.
    pub(super) body: Option<Said>,
    /// Statuses that say it had taken this very request before.
    pub(super) duplicates: Vec<u16>,
}

/// What a body says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct Said {
    /// Where: a JSON pointer such as `/messages/0/status`.
    pub(super) pointer: String,
    /// What: one of these, as text.
    #[schemars(length(min = 1))]
    pub(super) one_of: Vec<String>,
}

/// Where an id is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::channels::kinds) enum IdPlace {
    /// In the body: a JSON pointer.
    Pointer(String),
    /// In a header.
    Header(String),
}

/// What answers mean that do not say success.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::channels::kinds) struct Errors {
    /// Where the vendor's code is: JSON pointers, of which the first that leads to a known code decides.
    pub(super) code: Vec<String>,
    /// What a code means; `30*` stands for all that begin so and are not listed.
    pub(super) codes: BTreeMap<String, Meaning>,
    /// What a status means where the code is not listed.
    pub(super) statuses: BTreeMap<String, Meaning>,
    /// Where the body says how long to wait; `Retry-After` is read in any case.
    pub(super) delay: Option<DelayPlace>,
}

/// Where a body says how long to wait.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::channels::kinds) struct DelayPlace {
    /// Where: a JSON pointer.
    pub(super) pointer: String,
    /// A regular expression whose first group is the number.
    pub(super) pattern: String,
    /// The number's unit.
    pub(super) unit: Unit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::channels::kinds) enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

fn authorization() -> String {
    "authorization".to_owned()
}
