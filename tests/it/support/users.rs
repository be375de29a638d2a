//! The Users API of an Okta org, as far as a look-up needs it, with everything that an org may do to a look-up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tollgate::sandbox::server::Server;

/// The API token that the org takes.
pub(crate) const API_TOKEN: &str = "00org-token-of-these-tests-0123456789";

/// How the org answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// As it should.
    Well,
    /// Not at all.
    Hangs,
    /// With an error.
    Broken,
}

/// The running org.
pub(crate) struct Users {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    profiles: Mutex<HashMap<String, Value>>,
    health: Mutex<Health>,
    asked: Mutex<Vec<String>>,
}

impl Users {
    pub(crate) async fn start() -> Self {
        let desk = Arc::new(Desk {
            profiles: Mutex::default(),
            health: Mutex::new(Health::Well),
            asked: Mutex::default(),
        });
        let routes = Router::new().route("/api/v1/users/{id}", get(user));
        let routes = routes.with_state(desk.clone());
        let server = Server::start(([127, 0, 0, 1], 0).into(), routes).await;
        let server = server.unwrap();
        Self { server, desk }
    }

    /// `tenants.*.okta.profile` for this org, with the attribute names of the guides.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "org_url": self.server.url(),
            "auth": { "api_token": { "env": "ORG_TOKEN" } },
            "attributes": {
                "whatsapp_opt_in": "whatsappOptIn", "channels": "otpChannels",
                "line_user_id": "lineUserId", "locale": "preferredLanguage",
            },
        })
    }

    /// A person with these attributes, beside a number of theirs that no code may go to.
    pub(crate) fn add(&self, id: &str, mut profile: Value) {
        profile["mobilePhone"] = json!("+1-415-555-0199");
        self.desk
            .profiles
            .lock()
            .unwrap()
            .insert(id.to_owned(), profile);
    }

    pub(crate) fn becomes(&self, health: Health) {
        *self.desk.health.lock().unwrap() = health;
    }

    /// Whose profiles were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.desk.asked.lock().unwrap().clone()
    }
}

async fn user(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    desk.asked.lock().unwrap().push(id.clone());
    let health = *desk.health.lock().unwrap();
    match health {
        Health::Well => {}
        Health::Hangs => return std::future::pending().await,
        Health::Broken => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    let shown = headers.get("authorization");
    if shown.is_none_or(|shown| shown != &format!("SSWS {API_TOKEN}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let profile = desk.profiles.lock().unwrap().get(&id).cloned();
    match profile {
        Some(profile) => {
            Json(json!({ "id": id, "status": "ACTIVE", "profile": profile })).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
