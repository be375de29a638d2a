//! How a token is asked for: OAuth 2.0 client credentials, shown by a secret or by a signed assertion.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use uuid::Builder;

use crate::{
    channels::{basic_auth::BasicAuth, post, provider::SendError, signing_key::SigningKey},
    clock::Clock,
    config::secret::Secret,
    domain::failure::Failure,
    outbound::{Answer, CallError, Request, secret_header},
};

/// How long an assertion may be shown. Vendors take 30 minutes at most; ours is used at once.
const ASSERTION_LIFE: Duration = Duration::from_mins(5);

/// How long a token is taken to live whose server does not say.
const ASSUMED_LIFE: Duration = Duration::from_mins(5);

/// Longest life of a token that is believed.
const LONGEST_LIFE: Duration = Duration::from_hours(30 * 24);

/// The type of an assertion (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What OAuth 2.0 lets a server say of a refusal (RFC 6749, section 5.2). Nothing else of it is repeated.
const REFUSALS: &[&str] = &[
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Where tokens are minted, and what is shown for one.
pub struct Grant {
    /// The server's token endpoint.
    pub url: Url,
    /// Who asks.
    pub client: Client,
    /// What the server wants to know beside, such as a scope.
    pub parameters: Vec<(String, String)>,
}

/// Who asks for a token, and how it is shown.
pub enum Client {
    /// Id and secret in the form.
    Form {
        /// The client's id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
    /// Id and secret by HTTP Basic.
    Basic {
        /// Both of them.
        auth: BasicAuth,
        /// The secret, for its changes.
        secret: Secret,
    },
    /// An assertion that the client signs (RFC 7523).
    Assertion(Assertion),
}

/// What a client says of itself under its signature.
pub struct Assertion {
    /// The client's id: issuer and subject.
    pub client_id: String,
    /// Whom it is for.
    pub audience: String,
    /// The key that signs.
    pub key: SigningKey,
    /// The secret of the key, for its changes.
    pub secret: Secret,
    /// The server's name for the key; empty where it has none.
    pub key_id: String,
    /// Further claims.
    pub claims: Map<String, Value>,
    /// Whether it bears an id of its own and the time of its making.
    pub unique: bool,
}

/// A token as the server gave it.
pub(super) struct Minted {
    pub(super) header: http::HeaderValue,
    pub(super) life: Duration,
}

impl Grant {
    /// The credential as it is now. Another one wants another token.
    pub(super) fn credential(&self) -> Arc<SecretString> {
        match &self.client {
            Client::Form { secret, .. } | Client::Basic { secret, .. } => secret.load(),
            Client::Assertion(assertion) => assertion.secret.load(),
        }
    }

    pub(super) fn request(&self, clock: &Clock) -> Result<Request, SendError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let mut authorization = None;
        match &self.client {
            Client::Form { id, secret } => {
                form.append_pair("client_id", id);
                form.append_pair("client_secret", secret.load().expose_secret());
            }
            Client::Basic { auth, .. } => authorization = Some(auth.header()),
            Client::Assertion(assertion) => {
                form.append_pair("client_assertion_type", JWT_BEARER);
                form.append_pair("client_assertion", &assertion.sign(clock)?);
            }
        }
        form.extend_pairs(&self.parameters);
        Ok(post::form(self.url.clone(), authorization, form.finish()))
    }
}

impl Assertion {
    fn sign(&self, clock: &Clock) -> Result<String, SendError> {
        let now = Duration::from_millis(clock.unix_ms());
        let mut claims = self.claims.clone();
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("iss", self.client_id.as_str().into());
        claim("sub", self.client_id.as_str().into());
        claim("aud", self.audience.as_str().into());
        claim("exp", (now + ASSERTION_LIFE).as_secs().into());
        if self.unique {
            claim("iat", now.as_secs().into());
            let id = Builder::from_random_bytes(clock.random().to_be_bytes()).into_uuid();
            claim("jti", id.to_string().into());
        }
        let key_id = (!self.key_id.is_empty()).then_some(self.key_id.as_str());
        let signed = self.key.sign(key_id, &claims);
        signed.map_err(|_| SendError::new(Failure::Account, "token_signing"))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    access_token: Value,
    expires_in: Value,
    error: Value,
}

/// What became of asking. Whatever it was, no message has been sent, so nothing here is a doubt.
pub(super) fn read(result: Result<Answer, CallError>, now_ms: u64) -> Result<Minted, SendError> {
    let answer = result.map_err(|problem| {
        let (CallError::NotWritten(word) | CallError::Unanswered(word)) = problem;
        SendError::new(Failure::Transient, format!("token_{word}"))
    })?;
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !answer.status.is_success() {
        return Err(refusal(&answer, &body, now_ms));
    }
    let header = body.access_token.as_str().filter(|token| !token.is_empty());
    let header = header.and_then(|token| secret_header(&format!("Bearer {token}")));
    let header = header.ok_or_else(|| SendError::new(Failure::Transient, "token_garbage"))?;
    let life = seconds(&body.expires_in).unwrap_or(ASSUMED_LIFE);
    Ok(Minted {
        header,
        life: life.min(LONGEST_LIFE),
    })
}

fn refusal(answer: &Answer, body: &Body, now_ms: u64) -> SendError {
    let failure = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Failure::Throttled {
            delay: answer.retry_after(now_ms),
        },
        StatusCode::REQUEST_TIMEOUT => Failure::Transient,
        status if status.is_server_error() => Failure::Transient,
        _ => Failure::Account,
    };
    let error = body.error.as_str().unwrap_or_default();
    let known = REFUSALS.iter().find(|known| **known == error);
    let code = known.map_or_else(
        || format!("token_http_{}", answer.status.as_u16()),
        |known| format!("token_{known}"),
    );
    SendError::new(failure, code)
}

/// Seconds as a number or as digits in a text.
fn seconds(told: &Value) -> Option<Duration> {
    let seconds = told.as_u64().or_else(|| told.as_str()?.parse().ok())?;
    Some(Duration::from_secs(seconds))
}
