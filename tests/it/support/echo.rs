//! A provider that answers in every bad way there is, and says back whatever it was told: number, code and password.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tollgate::sandbox::server::{HangUp, Server};

/// The last four digits of a number, and what becomes of its message. Any other number's message is taken.
pub(crate) const ENDS: [(&str, End); 11] = [
    ("0201", End::Json(400, "21211")),
    ("0202", End::Page(500)),
    ("0203", End::Page(200)),
    ("0204", End::Hang),
    ("0205", End::Redirect),
    ("0206", End::Json(401, "20003")),
    ("0207", End::Json(429, "20429")),
    ("0208", End::HangUp),
    ("0209", End::CodeIsNumber),
    ("0210", End::Json(400, "30450")),
    ("0211", End::Page(404)),
];

/// How a request ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// An error in the vendor's form with this status and code.
    Json(u16, &'static str),
    /// A page with this status.
    Page(u16),
    /// An error whose code is the number.
    CodeIsNumber,
    /// A redirect to an address that has everything in it.
    Redirect,
    /// Nothing, ever.
    Hang,
    /// The connection is closed.
    HangUp,
}

/// The running provider.
pub(crate) struct Echo {
    server: Server,
    heard: Arc<Mutex<String>>,
}

impl Echo {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Self {
        let heard = Arc::<Mutex<String>>::default();
        let path = "/2010-04-01/Accounts/{account}/Messages.json";
        let router = Router::new()
            .route(path, post(answer))
            .route("/api/v1/users/{user}", get(person));
        let router = router.with_state(heard.clone());
        let server = Server::start(([127, 0, 0, 1], 0).into(), router).await;
        Self {
            server: server.expect("a free port"),
            heard,
        }
    }

    /// What a provider's `base_url` must say.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Everything it was ever told.
    pub(crate) fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

async fn answer(
    State(heard): State<Arc<Mutex<String>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let raw = String::from_utf8_lossy(&body);
    let password = headers.get(header::AUTHORIZATION);
    let password = password.and_then(|value| value.to_str().ok()).unwrap_or("");
    let (to, text) = (field("To"), field("Body"));
    let told = format!("{to} {text} {raw} {password}");
    heard
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push_str(&told);
    let end = ENDS.iter().find(|(digits, _)| to.ends_with(digits));
    let mut response = match end {
        None => accepted(&told),
        Some((_, End::Json(status, code))) => error(*status, &format!("\"{code}\""), &told),
        Some((_, End::CodeIsNumber)) => error(400, to.trim_start_matches("+1"), &told),
        Some((_, End::Page(status))) => page(*status, &told),
        Some((_, End::Redirect)) => redirect(&raw),
        Some((_, End::Hang)) => std::future::pending().await,
        Some((_, End::HangUp)) => HangUp.into_response(),
    };
    let headers = response.headers_mut();
    // A wait that nobody will grant, made of the number.
    let wait = to.trim_start_matches('+').parse().expect("digits");
    headers.insert(header::RETRY_AFTER, wait);
    if let Ok(told) = told.parse() {
        headers.insert("x-echo", told);
    }
    response
}

/// An Okta org that says back who asked for whom.
async fn person(Path(user): Path<String>, headers: HeaderMap) -> Response {
    let password = headers.get(header::AUTHORIZATION);
    let password = password.and_then(|value| value.to_str().ok()).unwrap_or("");
    let told = format!("{user} {password}");
    let mut response = page(500, &told);
    if let Ok(told) = told.parse() {
        response.headers_mut().insert("x-echo", told);
    }
    response
}

fn accepted(told: &str) -> Response {
    let body = serde_json::json!({ "sid": format!("SM{:032x}", told.len()), "body": told });
    (StatusCode::CREATED, body.to_string()).into_response()
}

fn error(status: u16, code: &str, told: &str) -> Response {
    let told = serde_json::Value::from(told);
    let body = format!("{{ \"code\": {code}, \"message\": {told}, \"status\": {status} }}");
    (as_status(status), body).into_response()
}

fn page(status: u16, told: &str) -> Response {
    (as_status(status), format!("<html><h1>{told}</h1></html>")).into_response()
}

fn redirect(raw: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let place = format!("/elsewhere?{raw}")
        .parse()
        .expect("a form is a query");
    response.headers_mut().insert(header::LOCATION, place);
    response
}

fn as_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}
