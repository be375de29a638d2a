//! A scripted org on port 0: it answers as it was told, when it was told, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use axum::{Router, body::Body, extract::State};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// What the org does with one request.
#[derive(Clone, Debug)]
pub(super) struct Act {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    held: bool,
}

impl Act {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: "{}".to_owned(),
            held: false,
        }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            body: body.to_string(),
            ..Self::status(status)
        }
    }

    /// A user with these attributes.
    pub(super) fn user(id: &str, profile: &Value) -> Self {
        Self::json(
            200,
            &json!({ "id": id, "status": "ACTIVE", "profile": profile }),
        )
    }

    pub(super) fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Answers only once [`Org::release`] says so.
    pub(super) fn held(mut self) -> Self {
        self.held = true;
        self
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.and_then(Result::ok).unwrap_or_default()
    }
}

/// The org; it says at its end what nobody expected or nobody asked for.
pub(super) struct Org {
    pub(super) url: String,
    desk: Arc<Desk>,
    _server: AbortOnDropHandle<()>,
}

struct Desk {
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
    released: Semaphore,
}

impl Org {
    pub(super) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let desk = Arc::new(Desk {
            acts: Mutex::new(acts.into_iter().collect()),
            asked: Mutex::default(),
            released: Semaphore::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new().fallback(answer).with_state(desk.clone());
        let serving = TaskTracker::new().spawn(async move {
            drop(axum::serve(listener, routes).await);
        });
        Self {
            url: format!("http://{address}"),
            desk,
            _server: AbortOnDropHandle::new(serving),
        }
    }

    pub(super) fn expect(&self, act: Act) {
        lock(&self.desk.acts).push_back(act);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.desk.asked).clone()
    }

    /// Lets one answer go that is held.
    pub(super) fn release(&self) {
        self.desk.released.add_permits(1);
    }
}

impl Drop for Org {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let asked: Vec<_> = self.asked().into_iter().map(|asked| asked.line).collect();
        let left = lock(&self.desk.acts).len();
        assert!(
            left == 0,
            "{left} answers nobody asked for, after {asked:?}"
        );
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let line = format!("{} {}", head.method, head.uri);
    let act = lock(&desk.acts).pop_front();
    let act = act.unwrap_or_else(|| panic!("nobody expected {line}"));
    lock(&desk.asked).push(Asked {
        line,
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    if act.held {
        desk.released
            .acquire()
            .await
            .expect("it is never closed")
            .forget();
    }
    let mut response = Response::builder().status(act.status);
    for (name, value) in act.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(act.body)).expect("an answer")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
