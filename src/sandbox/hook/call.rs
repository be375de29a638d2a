//! The requests of one hook: the token where the credential asks for one, then the hook itself.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::{
    Credential, Exchange, HookError, OauthClient, Options,
    body::{self, Occasion},
};
use crate::{
    outbound::{Answer, MAX_ANSWER, Outbound, Request, WriteGate, secret_header},
    sandbox::judge::{Sent, judge},
};

/// A call made ready: nothing in it can fail but the network and the peer.
pub(super) struct Call {
    token: Option<Request>,
    hook: Request,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<u64>,
}

impl Call {
    /// Writes the requests of a telephony hook.
    pub(super) fn new(options: &Options, occasion: &Occasion) -> Result<Self, HookError> {
        let body = body::write(options, occasion).to_string();
        Self::to(&options.url, body, &options.credential)
    }

    /// Writes the requests of any hook.
    pub(super) fn to(url: &str, body: String, credential: &Credential) -> Result<Self, HookError> {
        let mut hook = request(url, "application/json", body)?;
        let token = match credential {
            Credential::Header { name, value } => {
                let name: HeaderName = name.parse().map_err(|_| HookError::BadHeader)?;
                let value = secret_header(value.load().expose_secret());
                hook.headers
                    .insert(name, value.ok_or(HookError::BadHeader)?);
                None
            }
            Credential::Oauth(client) => Some(token_request(client)?),
        };
        Ok(Self { token, hook })
    }

    /// Makes the call of a telephony hook, however long it takes.
    pub(super) async fn make(self, outbound: &Outbound, sent: Sent<'_>) -> Exchange {
        match self.answer(outbound).await {
            Ok(answer) => answered(answer, sent),
            Err(NoAnswer::Token(why)) => Exchange::NoToken(why),
            Err(NoAnswer::Connection) => Exchange::Unreachable,
        }
    }

    /// Makes the call, however long it takes.
    pub(super) async fn answer(mut self, outbound: &Outbound) -> Result<Answer, NoAnswer> {
        if let Some(request) = self.token.take() {
            let bearer = fetch_token(outbound, request).await;
            let bearer = bearer.map_err(NoAnswer::Token)?;
            self.hook.headers.insert(header::AUTHORIZATION, bearer);
        }
        let answer = outbound.call(self.hook, &WriteGate::default()).await;
        answer.map_err(|_| NoAnswer::Connection)
    }
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// There is no token, for this reason.
    Token(&'static str),
    /// No connection, or a broken one.
    Connection,
}

fn request(url: &str, kind: &'static str, body: String) -> Result<Request, HookError> {
    let bad = || HookError::BadUrl(url.to_owned());
    let url: Url = url.parse().map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad());
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(Request {
        method: Method::POST,
        url,
        headers,
        body: Bytes::from(body),
    })
}

fn token_request(client: &OauthClient) -> Result<Request, HookError> {
    let secret = client.client_secret.load();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &client.client_id)
        .append_pair("client_secret", secret.expose_secret())
        .append_pair("scope", &client.scope);
    let kind = "application/x-www-form-urlencoded";
    request(&client.token_url, kind, form.finish())
}

async fn fetch_token(outbound: &Outbound, request: Request) -> Result<HeaderValue, &'static str> {
    let answer = outbound.call(request, &WriteGate::default()).await;
    let answer = answer.map_err(|_| "the token server cannot be reached")?;
    if !answer.status.is_success() {
        return Err("the token server refused");
    }
    let token: Token =
        serde_json::from_slice(&answer.body).map_err(|_| "the token server answered no token")?;
    token.expires_in.ok_or("the token's answer has no expiry")?;
    let bearer = format!("Bearer {}", token.access_token);
    secret_header(&bearer).ok_or("the token is none")
}

fn answered(answer: Answer, sent: Sent<'_>) -> Exchange {
    let status = answer.status.as_u16();
    let kind = answer.headers.get(header::CONTENT_TYPE);
    let content_type = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let mut judgement = judge(status, content_type.as_deref(), &answer.body, sent);
    if answer.body.len() == MAX_ANSWER {
        let problem = format!("only the first {MAX_ANSWER} bytes were read");
        judgement.problems.push(problem);
    }
    Exchange::Answered {
        status,
        content_type,
        body: answer.body,
        judgement,
    }
}
