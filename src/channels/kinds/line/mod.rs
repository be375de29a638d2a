//! `line`: LINE messages, pushed to a user id, or as notification messages to whoever has a phone number.

mod answer;
mod notification;
mod settings;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use self::{
    answer::Asked,
    notification::{Approved, Filled},
    settings::{Access, MessageName, Settings},
};
use crate::{
    channels::{
        base_url,
        kind::{BuildContext, BuildError, ProviderKind},
        post,
        provider::{Accepted, Message, Provider, SendError},
        template::facts,
        token::Token,
    },
    clock::Clock,
    domain::{
        capability::Capability,
        channel::{Channel, Channels},
        failure::Failure,
        phone::Country,
    },
    outbound::{Outbound, Request, WriteGate},
};

/// By this header LINE knows a push again that it has had within 24 hours.
const RETRY_KEY: HeaderName = HeaderName::from_static("x-line-retry-key");

/// This header comes back in the event that tells of a notification's delivery.
const DELIVERY_TAG: HeaderName = HeaderName::from_static("x-line-delivery-tag");

/// Where LINE finds people by phone number.
const BY_NUMBER: [&str; 3] = ["JP", "TH", "TW"];

/// A channel at LINE.
pub(super) struct Line {
    outbound: Outbound,
    clock: Clock,
    access: Access,
    url: Url,
    sends: Sends,
}

/// What a configured channel sends.
#[derive(Debug)]
enum Sends {
    /// Push messages to user ids.
    Push,
    /// Notification messages by approved template.
    Template(Approved),
    /// Notification messages with our own text.
    Flexible,
}

impl Sends {
    const fn path(&self) -> &'static [&'static str] {
        match self {
            Self::Push => &["v2", "bot", "message", "push"],
            Self::Template(_) => &["v2", "bot", "message", "pnp", "templated", "push"],
            Self::Flexible => &["bot", "pnp", "push"],
        }
    }

    /// Only a push is known again by its key.
    const fn is_push(&self) -> bool {
        matches!(self, Self::Push)
    }
}

/// What LINE is asked to send.
#[derive(Serialize)]
struct Order<'a> {
    to: &'a str,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text { messages: [Text<'a>; 1] },
    Template(Filled<'a>),
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

impl ProviderKind for Line {
    const NAME: &'static str = "line";
    type Settings = Settings;

    fn build(settings: Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let sends = problems.merge(sends(&settings));
        let base = problems.merge(settings.base(ctx));
        let access = base.as_ref().map(|base| settings.access(base, ctx));
        let access = access.and_then(|access| problems.merge(access));
        let (Some(sends), Some(base), Some(access)) = (sends, base, access) else {
            return Err(problems);
        };
        Ok(Self {
            outbound: ctx.site.outbound.clone(),
            clock: ctx.site.clock.clone(),
            access,
            url: base_url::endpoint(&base, sends.path()),
            sends,
        })
    }
}

fn sends(settings: &Settings) -> Result<Sends, BuildError> {
    let unused = (!settings.templates.is_empty()).then_some("are for `message: template` alone");
    match (settings.message, unused) {
        (MessageName::Template, _) => Approved::parse(&settings.templates).map(Sends::Template),
        (_, Some(text)) => Err(BuildError::at("templates", text)),
        (MessageName::Push, None) => Ok(Sends::Push),
        (MessageName::Flexible, None) => Ok(Sends::Flexible),
    }
}

#[async_trait]
impl Provider for Line {
    fn capability(&self) -> Capability {
        let by_user = self.sends.is_push();
        let countries = BY_NUMBER.iter().filter(|_| !by_user);
        Capability {
            channels: Channels::NONE.with(Channel::Line),
            idempotent: by_user,
            by_line_user: by_user,
            countries: countries.filter_map(|name| Country::parse(name)).collect(),
        }
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let mut request = self.request(message)?;
        let token = self.access.token().await?;
        let authorization = self.access.authorization(token.as_ref());
        request
            .headers
            .extend(authorization.map(|value| (AUTHORIZATION, value)));
        let answer = self.outbound.call(request, gate).await?;
        let asked = Asked {
            message,
            repeatable: self.sends.is_push(),
            expirable: token.as_ref().is_some_and(|token| !token.is_fresh()),
        };
        let result = answer::read(&answer, asked, self.clock.unix_ms());
        self.access.put_aside_if_stale(token.as_ref(), &result);
        result
    }
}

impl Access {
    /// A minted token, where tokens are minted.
    async fn token(&self) -> Result<Option<Token>, SendError> {
        match self {
            Self::LongLived(_) => Ok(None),
            Self::Minted(tokens) => tokens.get().await.map(Some),
        }
    }

    fn authorization(&self, token: Option<&Token>) -> Option<HeaderValue> {
        match self {
            Self::LongLived(bearer) => Some(bearer.header()),
            Self::Minted(_) => token.map(Token::header),
        }
    }

    fn put_aside_if_stale(&self, token: Option<&Token>, result: &Result<Accepted, SendError>) {
        let failure = result.as_ref().err().map(|problem| problem.failure);
        if let (Self::Minted(tokens), Some(token)) = (self, token)
            && failure == Some(Failure::CredentialStale)
        {
            tokens.put_aside(token);
        }
    }
}

impl Line {
    /// What LINE is asked, but for who asks.
    fn request(&self, message: &Message) -> Result<Request, SendError> {
        let text = || Content::Text {
            messages: [Text {
                r#type: "text",
                text: message.text.expose(),
            }],
        };
        Ok(match &self.sends {
            Sends::Push => {
                let to = message.line_user.as_ref();
                let to = to.ok_or_else(|| SendError::new(Failure::Recipient, "no_line_user"))?;
                let key = facts::repeat_key(message).hyphenated().to_string();
                self.order(to.expose(), text(), RETRY_KEY, &key)
            }
            Sends::Flexible => self.notification(message, text()),
            Sends::Template(approved) => {
                let filled = approved.fill_in(message)?;
                self.notification(message, Content::Template(filled))
            }
        })
    }

    fn notification(&self, message: &Message, content: Content<'_>) -> Request {
        let to = hex::encode(Sha256::digest(message.to.expose_e164()));
        self.order(&to, content, DELIVERY_TAG, &message.attempt.to_string())
    }

    fn order(&self, to: &str, content: Content<'_>, mark: HeaderName, value: &str) -> Request {
        let mut request = post::json(self.url.clone(), None, &Order { to, content });
        let value = HeaderValue::from_str(value);
        let value = value.expect("ids of ours are letters, digits, hyphens and underscores");
        request.headers.insert(mark, value);
        request
    }
}
