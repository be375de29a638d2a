//! Plays Okta's side of a telephony hook: one call as Okta makes it, with Okta's patience, and the answer judged.

mod body;
mod call;
pub mod events;
mod report;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use tokio::time::timeout;

use self::{body::Occasion, call::Call};
use super::judge::{Judgement, Sent, Verdict};
use crate::{clock::Clock, config::secret::Secret, outbound::Outbound};

/// How long Okta waits for everything together: connection, token, and the whole answer.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// A hook to play.
#[derive(Clone)]
pub struct Options {
    /// The hook's address.
    pub url: String,
    /// How Okta proves who it is.
    pub credential: Credential,
    /// The enrolled number.
    pub phone: String,
    /// The code; six random digits where it is not chosen, `11111` in a preview.
    pub code: Option<String>,
    /// What the person chose.
    pub channel: Channel,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// Okta's id of the user.
    pub user: String,
    /// As Okta writes it, for example `EN-US`.
    pub locale: String,
    /// Plays the Preview tab of the Admin Console.
    pub preview: bool,
    /// `eventId`; a fresh one where it is not chosen.
    pub event_id: Option<String>,
    /// How long to wait.
    pub patience: Duration,
}

impl Options {
    /// An SMS for signing in.
    pub fn new(url: &str, credential: Credential, phone: &str) -> Self {
        Self {
            url: url.to_owned(),
            credential,
            phone: phone.to_owned(),
            code: None,
            channel: Channel::Sms,
            purpose: Purpose::SignIn,
            user: "00u0000000000000001".to_owned(),
            locale: "EN-US".to_owned(),
            preview: false,
            event_id: None,
            patience: PATIENCE,
        }
    }
}

/// How Okta proves who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A secret in a header.
    Header {
        /// The header.
        name: String,
        /// Its whole value.
        value: Secret,
    },
    /// A token, fetched anew for the call.
    Oauth(OauthClient),
}

/// A client of a token server (`client_secret_post`).
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// Where tokens are given.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// The scope to ask for.
    pub scope: String,
}

/// What the person chose on Okta's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A text message.
    Sms,
    /// A call.
    Voice,
}

impl Channel {
    /// `deliveryChannel`.
    pub const fn as_okta_says(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Voice => "voice call",
        }
    }
}

/// Why the code is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Enrolment of a phone.
    Enrollment,
    /// Sign-in.
    SignIn,
    /// Self-service unlock.
    AccountUnlock,
    /// Self-service password reset.
    PasswordReset,
}

impl Purpose {
    /// `requestType`.
    pub const fn as_okta_says(self) -> &'static str {
        match self {
            Self::Enrollment => "com.okta.user.telephony.pre-enrollment",
            Self::SignIn => "com.okta.user.telephony.mfa-verification",
            Self::AccountUnlock => "com.okta.user.telephony.account-unlock",
            Self::PasswordReset => "com.okta.user.telephony.password-reset",
        }
    }
}

/// Why a hook cannot be played at all. Quotes no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// An address is none.
    #[error("{0:?} is no http or https address")]
    BadUrl(String),
    /// The header that carries the secret cannot exist.
    #[error("the header name or the secret has characters that no header may have")]
    BadHeader,
}

/// A hook that was played. It prints with number and code, for the person who chose them.
pub struct Played {
    /// `eventId`.
    pub event_id: String,
    /// The number.
    pub phone: String,
    /// The code.
    pub code: String,
    /// What was asked for.
    pub channel: Channel,
    /// From the first byte to the last, the token included.
    pub took: Duration,
    /// What came of it.
    pub exchange: Exchange,
}

/// What came of a call.
pub enum Exchange {
    /// An answer, good or bad.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The content type, where it is text.
        content_type: Option<String>,
        /// The body, as far as it was read.
        body: Bytes,
        /// What Okta takes it for.
        judgement: Judgement,
    },
    /// Okta got no token, for this reason, and so did not call.
    NoToken(&'static str),
    /// No answer: no connection, or a broken one.
    Unreachable,
    /// No whole answer within Okta's patience.
    TooLate,
}

impl Played {
    /// What Okta does next.
    pub const fn consequence(&self) -> &'static str {
        match &self.exchange {
            Exchange::Answered { judgement, .. } => judgement.verdict.consequence(),
            Exchange::NoToken(_) | Exchange::Unreachable | Exchange::TooLate => {
                Verdict::Unusable.consequence()
            }
        }
    }

    /// Whether the answer was faultless and Okta waits for the user's code.
    pub fn is_good(&self) -> bool {
        let Exchange::Answered { judgement, .. } = &self.exchange else {
            return false;
        };
        let waits = matches!(judgement.verdict, Verdict::Delivered | Verdict::Pending);
        waits && judgement.problems.is_empty()
    }
}

/// Plays one hook. That nobody answers is a result; only options that make no request are an error.
pub async fn play(
    options: &Options,
    outbound: &Outbound,
    clock: &Clock,
) -> Result<Played, HookError> {
    let occasion = occasion(options, clock);
    let call = Call::new(options, &occasion)?;
    let sent = Sent {
        phone: &options.phone,
        code: &occasion.code,
    };
    let began = clock.now();
    let exchange = timeout(options.patience, call.make(outbound, sent)).await;
    Ok(Played {
        took: clock.now() - began,
        event_id: occasion.event_id,
        phone: options.phone.clone(),
        code: occasion.code,
        channel: options.channel,
        exchange: exchange.unwrap_or(Exchange::TooLate),
    })
}

fn occasion(options: &Options, clock: &Clock) -> Occasion {
    let fresh = || URL_SAFE_NO_PAD.encode(clock.random().to_be_bytes());
    Occasion {
        event_id: options.event_id.clone().unwrap_or_else(fresh),
        code: body::code(options, clock.random()),
        at: clock.unix_ms(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        sync::{Arc, Mutex},
    };

    use axum::{Json, Router, extract::State, routing::post};
    use http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        clock::Manual,
        config::outbound,
        sandbox::{
            okta::{self, Okta},
            server::Server,
        },
    };

    type Seen = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

    /// A door that remembers what it was sent and answers as told.
    async fn door(status: u16, answer: Value) -> (Server, Seen) {
        let seen = Seen::default();
        let status = StatusCode::from_u16(status).expect("a status");
        let hook = async move |State(seen): State<Seen>, headers: HeaderMap, Json(body)| {
            seen.lock().expect("no panic before").push((headers, body));
            (status, Json(answer))
        };
        let router = Router::new()
            .route("/okta/acme/telephony", post(hook))
            .route("/never", post(std::future::pending::<()>))
            .with_state(seen.clone());
        let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), router).await;
        (server.expect("a free port"), seen)
    }

    fn good() -> Value {
        let action = json!({ "status": "SUCCESSFUL", "transactionId": "dlv_1" });
        json!({ "commands": [{ "type": "com.okta.telephony.action", "value": [action] }] })
    }

    fn options(url: &str) -> Options {
        let credential = Credential::Header {
            name: "X-Telephony-Key".to_owned(),
            value: Secret::fixed("sandbox-hook-secret"),
        };
        Options::new(url, credential, "+819012345678")
    }

    async fn played(options: &Options) -> Result<Played, HookError> {
        let outbound = Outbound::new(&outbound::Outbound::default(), None).expect("a client");
        let clock = Clock::from_source(Manual::at(1_772_442_930_000));
        play(options, &outbound, &clock).await
    }

    fn hook_url(door: &Server) -> String {
        format!("{}/okta/acme/telephony", door.url())
    }

    #[tokio::test]
    async fn a_hook_is_sent_with_its_secret_and_judged() {
        let (door, seen) = door(200, good()).await;
        let played = played(&options(&hook_url(&door))).await.expect("played");
        assert!(played.is_good(), "{played}");
        let seen = seen.lock().expect("no panic before");
        let [(headers, body)] = &seen[..] else {
            panic!("one request")
        };
        assert_eq!(headers["x-telephony-key"], "sandbox-hook-secret");
        assert_eq!(headers["accept"], "application/json");
        assert_eq!(body["eventId"], played.event_id);
        assert_eq!(played.event_id.len(), 22);
        assert_eq!(body["data"]["messageProfile"]["otpCode"], played.code);
        assert_eq!(played.code.len(), 6);
    }

    #[tokio::test]
    async fn a_token_is_fetched_first() {
        let org = Okta::start(okta::Settings::default(), Clock::system()).await;
        let org = org.expect("a free port");
        let (door, seen) = door(200, good()).await;
        let with = |client_secret: &str| Options {
            credential: Credential::Oauth(OauthClient {
                token_url: org.token_url(),
                client_id: org.settings().client_id.clone(),
                client_secret: Secret::fixed(client_secret),
                scope: org.settings().scope.clone(),
            }),
            ..options(&hook_url(&door))
        };
        let good = played(&with("sandbox-client-secret"))
            .await
            .expect("played");
        assert!(good.is_good(), "{good}");
        let refused = played(&with("wrong")).await.expect("played");
        assert!(matches!(refused.exchange, Exchange::NoToken(_)));
        assert!(!refused.is_good());
        let seen = seen.lock().expect("no panic before");
        let [(headers, _)] = &seen[..] else {
            panic!("only one came with a token")
        };
        let token = headers["authorization"].to_str().expect("text");
        assert!(token.starts_with("Bearer ey"));
    }

    #[tokio::test]
    async fn bad_answers_are_told() {
        let (door, _) = door(500, json!({ "oops": true })).await;
        let played = played(&options(&hook_url(&door))).await.expect("played");
        assert!(!played.is_good());
        let shown = played.to_string();
        assert!(shown.contains("the HTTP status is 500, not 200"), "{shown}");
        assert!(shown.contains("Okta skips the hook"), "{shown}");
    }

    #[tokio::test]
    async fn okta_does_not_wait_for_ever() {
        let (door, _) = door(200, good()).await;
        let late = Options {
            patience: Duration::from_millis(50),
            ..options(&format!("{}/never", door.url()))
        };
        let late = played(&late).await.expect("played");
        assert!(matches!(late.exchange, Exchange::TooLate));
        door.stop().await;
        let gone = played(&options(&hook_url(&door))).await.expect("played");
        assert!(matches!(gone.exchange, Exchange::Unreachable));
        assert!(gone.consequence().starts_with("Okta skips the hook"));
    }

    #[tokio::test]
    async fn options_that_make_no_request_are_errors() {
        for url in ["", "/okta", "ftp://door/"] {
            let refused = played(&options(url)).await.map(|_| ());
            assert_eq!(refused, Err(HookError::BadUrl(url.to_owned())));
        }
        let mut bad = options("http://door/");
        bad.credential = Credential::Header {
            name: "two words".to_owned(),
            value: Secret::fixed("sandbox-hook-secret"),
        };
        let refused = played(&bad).await.map(|_| ());
        assert_eq!(refused, Err(HookError::BadHeader));
    }
}
