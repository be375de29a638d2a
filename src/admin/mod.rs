//! The door for operators: is it alive, is it ready, what has it counted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, extract::State, routing::get};
use http::{StatusCode, header::CONTENT_TYPE};

use crate::telemetry::metrics::Metrics;

/// Whether this process takes work. Readiness never depends on what all replicas share, or they would go together.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether it does.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Clone)]
struct Door {
    metrics: Arc<Metrics>,
    ready: Readiness,
}

/// The door's paths.
pub fn router(metrics: Arc<Metrics>, ready: Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Door { metrics, ready })
}

async fn readyz(State(door): State<Door>) -> (StatusCode, &'static str) {
    if door.ready.get() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn scrape(State(door): State<Door>) -> ([(http::HeaderName, &'static str); 1], String) {
    let format = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (format, door.metrics.render())
}
