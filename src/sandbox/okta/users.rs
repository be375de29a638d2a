//! The org's users, as its Users API gives them out: to whom, how often, and in which mood.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json,
    extract::{Path, State},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde_json::{Map, Value, json};

use super::{Org, service::Binding};
use crate::sandbox::reading;

const WINDOW_MS: u64 = 60_000;

/// Somebody in the org.
#[derive(Clone, Debug)]
pub struct User {
    /// Okta's id.
    pub id: String,
    /// `profile`: `login` and whatever attributes the org has.
    pub profile: Map<String, Value>,
}

impl User {
    /// An active user with these attributes beside the usual ones.
    pub fn new(id: &str, login: &str, attributes: Value) -> Self {
        let mut profile = Map::from_iter([
            ("login".to_owned(), login.into()),
            ("email".to_owned(), login.into()),
        ]);
        if let Value::Object(attributes) = attributes {
            profile.extend(attributes);
        }
        Self {
            id: id.to_owned(),
            profile,
        }
    }
}

/// How requests for users are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As they should be.
    Well,
    /// Late.
    Slow(Duration),
    /// By 429, for too many requests at once: the limit's headers are zero, and the time is only a hint.
    Crowded,
    /// By a page that no API should answer.
    Outage,
    /// Never.
    Hang,
}

/// The users, and how often they were asked for.
pub(super) struct Users {
    list: Mutex<Vec<User>>,
    mood: Mutex<Mood>,
    window: Mutex<Window>,
    reads: AtomicU64,
}

/// A minute, and the requests in it.
#[derive(Clone, Copy, Default)]
struct Window {
    ends_ms: u64,
    used: u32,
}

impl Users {
    pub(super) fn new(list: Vec<User>) -> Self {
        Self {
            list: Mutex::new(list),
            mood: Mutex::new(Mood::Well),
            window: Mutex::default(),
            reads: AtomicU64::new(0),
        }
    }

    pub(super) fn set(&self, user: User) {
        let mut list = locked(&self.list);
        list.retain(|other| other.id != user.id);
        list.push(user);
    }

    pub(super) fn set_mood(&self, mood: Mood) {
        *locked(&self.mood) = mood;
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The user with this id or login.
    fn find(&self, name: &str) -> Option<User> {
        let list = locked(&self.list);
        let mut users = list.iter();
        let found = users.find(|user| user.id == name || user.profile["login"] == name);
        found.cloned()
    }

    /// Counts a request. Says how many are left in this minute, `None` when there were too many, and when the next minute
    /// begins, in seconds since 1970.
    fn take(&self, limit: u32, now_ms: u64) -> (Option<u32>, u64) {
        let mut window = locked(&self.window);
        if window.ends_ms <= now_ms {
            *window = Window {
                ends_ms: now_ms + WINDOW_MS,
                used: 0,
            };
        }
        let left = limit.checked_sub(window.used + 1);
        if left.is_some() {
            window.used += 1;
        }
        (left, window.ends_ms.div_ceil(1000))
    }
}

/// Answers `GET /api/v1/users/{id}`.
pub(super) async fn read(
    State(org): State<Arc<Org>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    org.users.reads.fetch_add(1, Ordering::Relaxed);
    let mood = *locked(&org.users.mood);
    match mood {
        Mood::Well => {}
        Mood::Slow(wait) => tokio::time::sleep(wait).await,
        Mood::Crowded => {
            let reset = org.clock.unix_ms() / 1000 + 60;
            return limited(TOO_MANY.into_response(), 0, 0, reset);
        }
        Mood::Outage => {
            let page = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>";
            return (StatusCode::SERVICE_UNAVAILABLE, Html(page)).into_response();
        }
        Mood::Hang => std::future::pending().await,
    }
    if !org.lets_in(&headers, uri.path()) {
        return BAD_TOKEN.into_response();
    }
    let limit = org.settings.reads_per_minute;
    let (left, reset) = org.users.take(limit, org.clock.unix_ms());
    let Some(left) = left else {
        return limited(TOO_MANY.into_response(), limit, 0, reset);
    };
    let answer = match org.users.find(&name) {
        Some(user) => Json(resource(&user, &headers)).into_response(),
        None => NOT_FOUND.into_response(),
    };
    limited(answer, limit, left, reset)
}

impl Org {
    /// Whether a request shows one of the credentials that may read users.
    fn lets_in(&self, headers: &HeaderMap, path: &str) -> bool {
        let now = self.clock.unix_ms();
        if let Some(token) = reading::credentials(headers, "ssws") {
            return token == self.settings.api_token;
        }
        if let Some(token) = reading::credentials(headers, "dpop") {
            let Some(Binding::Key(key)) = self.services.binding(token, now) else {
                return false;
            };
            let url = format!("{}{path}", self.url);
            let proof = self.services.proofs.check(headers, "GET", &url, now);
            return proof.is_some_and(|proof| proof.key == key && proof.is_of(token));
        }
        let bearer = reading::credentials(headers, "bearer");
        // A token that is bound to a key is worth nothing without the proof.
        bearer.is_some_and(|token| self.services.binding(token, now) == Some(Binding::Free))
    }
}

fn resource(user: &User, headers: &HeaderMap) -> Value {
    let mut resource = json!({
        "id": user.id,
        "status": "ACTIVE",
        "lastUpdated": "2026-02-01T00:00:00.000Z",
        "profile": user.profile,
    });
    let asked = reading::text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !asked.contains("omitCredentials") {
        resource["credentials"] = json!({ "provider": { "type": "OKTA", "name": "OKTA" } });
    }
    resource
}

/// An error as the org words it.
struct Refusal(StatusCode, &'static str, &'static str);

const BAD_TOKEN: Refusal = Refusal(
    StatusCode::UNAUTHORIZED,
    "E0000011",
    "Invalid token provided",
);
const NOT_FOUND: Refusal = Refusal(
    StatusCode::NOT_FOUND,
    "E0000007",
    "Not found: Resource not found (User)",
);
const TOO_MANY: Refusal = Refusal(
    StatusCode::TOO_MANY_REQUESTS,
    "E0000047",
    "API call exceeded rate limit due to too many requests.",
);

impl IntoResponse for &Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, code, summary) = self;
        let body = json!({
            "errorCode": code,
            "errorSummary": summary,
            "errorLink": code,
            "errorId": "oaesandbox0000000001",
            "errorCauses": [],
        });
        (*status, Json(body)).into_response()
    }
}

/// Adds what is left of the limit, and when it starts anew, in seconds since 1970.
fn limited(mut response: Response, limit: u32, left: u32, reset: u64) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-rate-limit-limit", u64::from(limit)),
        ("x-rate-limit-remaining", u64::from(left)),
        ("x-rate-limit-reset", reset),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    response
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
