//! One question to Okta's Users API, and what its answer says of the person, or of asking further.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{
    attributes::Profile,
    limit,
    settings::{Auth, Settings},
    token::{Token, TokenKeeper},
};
use crate::{
    clock::Clock,
    outbound::{Answer, CallError, Outbound, Request, WriteGate, secret_header},
};

/// Leaves out what nobody here reads.
const SMALLER: &str = "application/json; okta-response=\"omitCredentials,omitCredentialsLinks,omitTransitioningToStatus\"";

/// Why Okta said nothing of a person.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the credential was refused: HTTP status {0}")]
    Credential(StatusCode),
    #[error("Okta's rate limit is used up")]
    Limited,
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("the answer is no user, or too large")]
    Garbage,
    #[error("the answer is about somebody else")]
    SomebodyElse,
    #[error("no header can hold the credential")]
    Header,
}

/// What came of a question.
pub(super) struct Reply {
    /// The person's profile; `None` where Okta does not know the person.
    pub(super) said: Result<Option<Profile>, Problem>,
    /// How long not to ask.
    pub(super) pause: Option<Duration>,
}

/// Who asks.
pub(super) struct Asker {
    pub(super) settings: Settings,
    pub(super) tokens: Option<Arc<TokenKeeper>>,
    pub(super) outbound: Outbound,
    pub(super) clock: Clock,
}

impl Asker {
    /// Asks for one person. Waits for an access token as long as it takes; the caller sets the bound.
    pub(super) async fn ask(&self, user: &str) -> Reply {
        let url = self.settings.endpoint(&["api", "v1", "users", user]);
        let mut again = true;
        loop {
            let token = match &self.tokens {
                Some(tokens) => Some((tokens, tokens.token().await)),
                None => None,
            };
            let answer = self.call(&url, token.as_ref()).await;
            if let (Ok(answer), Some((tokens, token))) = (&answer, &token)
                && answer.status == StatusCode::UNAUTHORIZED
            {
                tokens.refuse(token);
                // Once more with another token: this one may just have been withdrawn.
                if std::mem::take(&mut again) {
                    continue;
                }
            }
            return match answer {
                Ok(answer) => self.read(user, &answer),
                Err(problem) => Reply {
                    said: Err(problem),
                    pause: None,
                },
            };
        }
    }

    async fn call(
        &self,
        url: &Url,
        token: Option<&(&Arc<TokenKeeper>, Arc<Token>)>,
    ) -> Result<Answer, Problem> {
        let credential = match (&self.settings.auth, token) {
            (Auth::ApiToken(secret), _) => api_token(secret.load().expose_secret()),
            (Auth::ServiceApp(_), Some((tokens, token))) => tokens.show(token, &Method::GET, url),
            (Auth::ServiceApp(_), None) => None,
        };
        let mut headers = credential.ok_or(Problem::Header)?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(SMALLER));
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers,
            body: Bytes::new(),
        };
        Ok(self.outbound.call(request, &WriteGate::default()).await?)
    }

    fn read(&self, user: &str, answer: &Answer) -> Reply {
        let said = match answer.status {
            StatusCode::OK => self.profile(user, &answer.body).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::TOO_MANY_REQUESTS => Err(Problem::Limited),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Problem::Credential(answer.status))
            }
            status => Err(Problem::Status(status)),
        };
        Reply {
            said,
            pause: limit::pause(answer.status, &answer.headers, self.clock.unix_ms()),
        }
    }

    fn profile(&self, user: &str, body: &[u8]) -> Result<Profile, Problem> {
        #[derive(Deserialize)]
        struct User {
            id: String,
            #[serde(default)]
            profile: Map<String, Value>,
        }
        let found: User = serde_json::from_slice(body).map_err(|_| Problem::Garbage)?;
        if found.id != user {
            return Err(Problem::SomebodyElse);
        }
        let names = &self.settings.source.attributes;
        Ok(Profile::read(names, &found.profile))
    }
}

fn api_token(token: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let shown = secret_header(&format!("SSWS {}", token.trim()))?;
    headers.insert(AUTHORIZATION, shown);
    Some(headers)
}
