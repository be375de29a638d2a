//! The access token of a service app: fetched beside the hooks, renewed before it ends, and fetched anew when Okta does
//! not take it any more.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::{
    sync::{Notify, watch},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use super::{
    proof::{AppKey, ProofKey},
    settings::{App, Settings},
};
use crate::{
    clock::Clock,
    outbound::{Answer, CallError, Outbound, Request, WriteGate, secret_header},
};

/// The header of a DPoP proof.
pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

const SCOPE: &str = "okta.users.read";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Most time that one request for a token may take.
const FETCH: Duration = Duration::from_secs(5);
/// The first pause after a failure, and the least between two fetches that a refused token asked for.
const APART: Duration = Duration::from_secs(2);
/// The longest pause after failures.
const MOST_APART: Duration = Duration::from_mins(1);
/// The life of a token whose answer does not say.
const USUAL_LIFE: u64 = 3600;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("no answer in time")]
    Slow,
    #[error("Okta refuses the service app: HTTP status {0}, {1}")]
    Refused(StatusCode, String),
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("the answer holds no token")]
    Garbage,
    #[error("the service app's key cannot sign")]
    Key,
}

/// A token as it is shown.
pub(super) struct Token {
    value: SecretString,
    /// Whether a proof has to be shown with it.
    proven: bool,
    ends: Instant,
    /// Whether Okta has refused it.
    refused: AtomicBool,
}

/// Keeps a token ready.
pub(super) struct TokenKeeper {
    app: App,
    endpoint: Url,
    proof_key: Option<ProofKey>,
    outbound: Outbound,
    clock: Clock,
    token: watch::Sender<Option<Arc<Token>>>,
    nonce: Mutex<Option<String>>,
    wanted: Notify,
}

impl TokenKeeper {
    /// Starts to fetch tokens for this app, until `stop`. The first fetch begins at once. `None` where the library
    /// cannot make a key for proofs.
    pub(super) fn start(
        settings: &Settings,
        app: &App,
        outbound: Outbound,
        clock: Clock,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> Option<Arc<Self>> {
        let proof_key = if app.dpop {
            Some(ProofKey::generate()?)
        } else {
            None
        };
        let keeper = Arc::new(Self {
            app: app.clone(),
            endpoint: settings.endpoint(&["oauth2", "v1", "token"]),
            proof_key,
            outbound,
            clock,
            token: watch::Sender::new(None),
            nonce: Mutex::default(),
            wanted: Notify::new(),
        });
        let work = keep_ready(keeper.clone());
        tracker.spawn(async move { stop.run_until_cancelled(work).await });
        Some(keeper)
    }

    /// The token, once there is one that Okta should take.
    pub(super) async fn token(&self) -> Arc<Token> {
        let mut token = self.token.subscribe();
        loop {
            let present = token.borrow_and_update().clone();
            if let Some(present) = present
                && present.is_good(&self.clock)
            {
                return present;
            }
            // The sender lives as long as this keeper.
            drop(token.changed().await);
        }
    }

    /// Okta does not take this token any more.
    pub(super) fn refuse(&self, token: &Token) {
        if !token.refused.swap(true, Ordering::AcqRel) {
            self.wanted.notify_one();
        }
    }

    /// The headers that show a token with one request; `None` where the library refuses.
    pub(super) fn show(&self, token: &Token, method: &Method, url: &Url) -> Option<HeaderMap> {
        let value = token.value.expose_secret();
        let mut headers = HeaderMap::new();
        let scheme = if token.proven { "DPoP" } else { "Bearer" };
        let shown = secret_header(&format!("{scheme} {value}"))?;
        headers.insert(http::header::AUTHORIZATION, shown);
        if token.proven {
            let proof = self.proof_key.as_ref()?;
            let proof = proof.proof(method, url, Some(value), None, &self.clock)?;
            headers.insert(DPOP, secret_header(&proof)?);
        }
        Some(headers)
    }

    async fn fetch(&self) -> Result<Token, FetchError> {
        let mut answer = self.ask().await?;
        if answer.status == StatusCode::BAD_REQUEST && error_of(&answer) == "use_dpop_nonce" {
            // The first answer of each day, and the first one of all, only names the nonce.
            answer = self.ask().await?;
        }
        match answer.status {
            StatusCode::OK => self.read(&answer).ok_or(FetchError::Garbage),
            status if status == StatusCode::TOO_MANY_REQUESTS => Err(FetchError::Status(status)),
            status if status.is_client_error() => {
                Err(FetchError::Refused(status, error_of(&answer)))
            }
            status => Err(FetchError::Status(status)),
        }
    }

    async fn ask(&self) -> Result<Answer, FetchError> {
        let request = self.request().ok_or(FetchError::Key)?;
        let gate = WriteGate::default();
        let answer = time::timeout(FETCH, self.outbound.call(request, &gate)).await;
        let answer = answer.map_err(|_| FetchError::Slow)??;
        let nonce = answer
            .headers
            .get(NONCE)
            .and_then(|nonce| nonce.to_str().ok());
        if let Some(nonce) = nonce {
            *self.nonce() = Some(nonce.to_owned());
        }
        Ok(answer)
    }

    fn request(&self) -> Option<Request> {
        // Read each time, as the key follows its file.
        let key = AppKey::read(self.app.key.load().expose_secret())?;
        let (client, key_id) = (&self.app.client_id, &self.app.key_id);
        let assertion = key.assertion(client, key_id, &self.endpoint, &self.clock)?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", SCOPE)
            .append_pair("client_assertion_type", ASSERTION)
            .append_pair("client_assertion", &assertion)
            .finish();
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.proof_key {
            let nonce = self.nonce().clone();
            let (url, nonce) = (&self.endpoint, nonce.as_deref());
            let proof = key.proof(&Method::POST, url, None, nonce, &self.clock)?;
            headers.insert(DPOP, secret_header(&proof)?);
        }
        Some(Request {
            method: Method::POST,
            url: self.endpoint.clone(),
            headers,
            body: Bytes::from(body),
        })
    }

    fn read(&self, answer: &Answer) -> Option<Token> {
        let granted: Granted = serde_json::from_slice(&answer.body).ok()?;
        let proven = granted.token_type.eq_ignore_ascii_case("dpop");
        if granted.access_token.is_empty() || (proven && self.proof_key.is_none()) {
            return None;
        }
        Some(Token {
            value: granted.access_token.into(),
            proven,
            ends: self.clock.now() + Duration::from_secs(granted.expires_in.min(USUAL_LIFE * 24)),
            refused: AtomicBool::new(false),
        })
    }

    fn has_refused(&self) -> bool {
        let present = self.token.borrow();
        present
            .as_ref()
            .is_some_and(|token| token.refused.load(Ordering::Acquire))
    }

    fn nonce(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.nonce.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn is_good(&self, clock: &Clock) -> bool {
        clock.now() < self.ends && !self.refused.load(Ordering::Acquire)
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default = "usual_life")]
    expires_in: u64,
}

fn usual_life() -> u64 {
    USUAL_LIFE
}

async fn keep_ready(keeper: Arc<TokenKeeper>) {
    let mut failures = 0;
    loop {
        let replaces_refused = keeper.has_refused();
        let pause = match keeper.fetch().await {
            Ok(token) => {
                failures = 0;
                let life = token.ends.saturating_duration_since(keeper.clock.now());
                keeper.token.send_replace(Some(Arc::new(token)));
                tracing::debug!(okta.url = %keeper.endpoint, "access token fetched");
                // The last sixth is left for trying again.
                (life / 6 * 5).max(APART)
            }
            Err(problem) => {
                failures += 1;
                tell(&problem, &keeper.endpoint);
                let doubled = APART.saturating_mul(1 << u32::min(failures - 1, 16));
                doubled.min(MOST_APART)
            }
        };
        // Okta may refuse every token: the second one in a row is not replaced faster than this.
        let rest = if failures > 0 || replaces_refused {
            time::sleep(APART).await;
            pause.saturating_sub(APART)
        } else {
            pause
        };
        drop(time::timeout(rest, keeper.wanted.notified()).await);
    }
}

/// A refusal stays until somebody acts; what else goes wrong passes.
fn tell(problem: &FetchError, endpoint: &Url) {
    match problem {
        FetchError::Refused(..) | FetchError::Key => {
            tracing::error!(okta.url = %endpoint, error = %problem, "no access token for people's profiles");
        }
        FetchError::Call(_) | FetchError::Slow | FetchError::Status(_) | FetchError::Garbage => {
            tracing::warn!(okta.url = %endpoint, error = %problem, "no access token for people's profiles");
        }
    }
}

/// The error code of a refusal, for the log: one word, or nothing.
fn error_of(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let refusal = serde_json::from_slice::<Refusal>(&answer.body);
    let word = refusal.map(|refusal| refusal.error).unwrap_or_default();
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if word.len() <= 64 && word.bytes().all(is_word) {
        word
    } else {
        String::new()
    }
}
