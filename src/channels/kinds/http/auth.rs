//! Who asks: nobody, one of the usual headers, or a token that is minted.

use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use secrecy::ExposeSecret;
use serde_json::Map;

use super::settings::{AssertionForm, AuthForms, CredentialsIn, HeaderForm, OauthForm};
use crate::{
    channels::{
        base_url,
        basic_auth::BasicAuth,
        bearer::Bearer,
        kind::{BuildContext, BuildError},
        provider::SendError,
        signing_key::SigningKey,
        token::{
            Token, Tokens,
            grant::{Assertion, Client, Grant},
        },
    },
    config::secret::{Secret, SecretRef},
    domain::failure::Failure,
    outbound::secret_header,
};

/// Who asks.
#[derive(Debug)]
pub(super) enum Auth {
    /// The request itself says it, or nothing does.
    Nobody,
    Basic(BasicAuth),
    Bearer(Bearer),
    Header(OwnHeader),
    Minted(Tokens),
}

/// A header of the vendor's own.
#[derive(Debug)]
pub(super) struct OwnHeader {
    name: HeaderName,
    prefix: String,
    secret: Secret,
}

/// What says who asks in one request.
#[derive(Debug, Default)]
pub(super) struct Credential {
    /// The header.
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// The token in it, where it is one that may have expired.
    pub(super) token: Option<Token>,
}

impl Auth {
    /// Reads `auth`.
    pub(super) fn parse(told: &AuthForms, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        match (&told.basic, &told.bearer, &told.header, &told.oauth) {
            (None, None, None, None) => Ok(Self::Nobody),
            (Some(basic), None, None, None) => {
                let password = resolve("auth.basic.password", &basic.password, ctx)?;
                Ok(Self::Basic(BasicAuth::new(basic.user.clone(), password)))
            }
            (None, Some(token), None, None) => {
                let bearer = Bearer::new(resolve("auth.bearer", token, ctx)?);
                let bearer = bearer.map_err(|problem| BuildError::at("auth.bearer", problem))?;
                Ok(Self::Bearer(bearer))
            }
            (None, None, Some(header), None) => OwnHeader::parse(header, ctx).map(Self::Header),
            (None, None, None, Some(oauth)) => tokens(oauth, ctx).map(Self::Minted),
            (_, _, _, _) => {
                let text = "has more than one of `basic`, `bearer`, `header` and `oauth`";
                Err(BuildError::at("auth", text))
            }
        }
    }

    /// The header by which it is said, where it is said by one.
    pub(super) fn header_name(&self) -> Option<&HeaderName> {
        match self {
            Self::Nobody => None,
            Self::Basic(_) | Self::Bearer(_) | Self::Minted(_) => Some(&AUTHORIZATION),
            Self::Header(header) => Some(&header.name),
        }
    }

    /// What one request says. Waits for a token where one must be minted; the failure is that of the minting.
    pub(super) async fn credential(&self) -> Result<Credential, SendError> {
        let header = match self {
            Self::Nobody => return Ok(Credential::default()),
            Self::Basic(basic) => (AUTHORIZATION, basic.header()),
            Self::Bearer(bearer) => (AUTHORIZATION, bearer.header()),
            Self::Header(header) => (header.name.clone(), header.value()?),
            Self::Minted(tokens) => {
                let token = tokens.get().await?;
                return Ok(Credential {
                    header: Some((AUTHORIZATION, token.header())),
                    token: Some(token),
                });
            }
        };
        Ok(Credential {
            header: Some(header),
            token: None,
        })
    }

    /// Takes note that a vendor would not take a credential's token.
    pub(super) fn put_aside(&self, credential: &Credential) {
        if let (Self::Minted(tokens), Some(token)) = (self, &credential.token) {
            tokens.put_aside(token);
        }
    }
}

impl OwnHeader {
    fn parse(told: &HeaderForm, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let name = told.name.parse();
        let header = Self {
            name: name.map_err(|_| BuildError::at("auth.header.name", "is no name of a header"))?,
            prefix: told.prefix.clone(),
            secret: resolve("auth.header.value", &told.value, ctx)?,
        };
        let text = "has bytes that no header may have";
        let tried = header.value();
        tried.map_err(|_| BuildError::at("auth.header", text))?;
        Ok(header)
    }

    fn value(&self) -> Result<HeaderValue, SendError> {
        let text = format!("{}{}", self.prefix, self.secret.load().expose_secret());
        // It was tried, but a file may hold something else since.
        secret_header(&text).ok_or_else(|| SendError::new(Failure::Account, "credential"))
    }
}

fn tokens(told: &OauthForm, ctx: &BuildContext<'_>) -> Result<Tokens, BuildError> {
    let mut problems = BuildError::default();
    let url = base_url::parse(&told.token_url, ctx.site.allow_test_providers);
    let url = problems.keep("auth.oauth.token_url", url);
    let client = problems.merge(client(told, ctx));
    let (Some(url), Some(client)) = (url, client) else {
        return Err(problems);
    };
    let grant = Grant {
        url,
        client,
        parameters: told.parameters.clone().into_iter().collect(),
    };
    let (outbound, clock) = (ctx.site.outbound.clone(), ctx.site.clock.clone());
    Ok(Tokens::new(grant, outbound, clock))
}

fn client(told: &OauthForm, ctx: &BuildContext<'_>) -> Result<Client, BuildError> {
    let id = told.client_id.clone();
    match (&told.client_secret, &told.assertion) {
        (Some(secret), None) => {
            let secret = resolve("auth.oauth.client_secret", secret, ctx)?;
            Ok(match told.credentials_in {
                CredentialsIn::Form => Client::Form { id, secret },
                CredentialsIn::Header => Client::Basic {
                    auth: BasicAuth::new(id, secret.clone()),
                    secret,
                },
            })
        }
        (None, Some(assertion)) => {
            let assertion = signed(assertion, id, &told.token_url, ctx)?;
            Ok(Client::Assertion(assertion))
        }
        (Some(_), Some(_)) | (None, None) => {
            let text = "needs either `client_secret` or `assertion`";
            Err(BuildError::at("auth.oauth", text))
        }
    }
}

fn signed(
    told: &AssertionForm,
    client_id: String,
    token_url: &str,
    ctx: &BuildContext<'_>,
) -> Result<Assertion, BuildError> {
    let path = "auth.oauth.assertion.private_key";
    let secret = resolve(path, &told.private_key, ctx)?;
    let key = SigningKey::new(secret.clone());
    let audience = match told.audience.as_str() {
        "" => token_url,
        audience => audience,
    };
    Ok(Assertion {
        client_id,
        audience: audience.to_owned(),
        key: key.map_err(|problem| BuildError::at(path, problem))?,
        secret,
        key_id: told.key_id.clone(),
        claims: Map::new(),
        unique: true,
    })
}

fn resolve(path: &str, told: &SecretRef, ctx: &BuildContext<'_>) -> Result<Secret, BuildError> {
    let secret = ctx.site.secrets.resolve(told);
    secret.map_err(|problem| BuildError::at(path, problem))
}
