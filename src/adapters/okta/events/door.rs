//! The route for events: authenticated like a hook, answered at once with nothing in it, and never kept waiting for the
//! gateway.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
};
use http::{HeaderValue, StatusCode};

use super::reading;
use crate::{
    adapters::okta::{
        directory::Resident,
        door::{OktaDoor, Serving},
        exchange::{REQUEST_ID, read, refusal},
    },
    error::Reason,
};

/// Most bytes of the events of one request.
pub const MAX_BODY: usize = 1024 * 1024;

/// One request with events, from its head on.
pub(in crate::adapters::okta) async fn events(
    State(door): State<OktaDoor>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let around = &door.0.around;
    let arrived = around.clock.now();
    let serving = door.0.serving.load_full();
    let (head, body) = request.into_parts();
    // A name that cannot be read is a name that nobody has.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let directory = &serving.directory;
    let admitted = directory.admit(&name, &head.headers, arrived, &around.clock);
    let Some(resident) = admitted.await else {
        around.observer.unauthenticated();
        return refusal(Reason::Unauthenticated.http(), Reason::Unauthenticated);
    };
    let id = format!("req_{:032x}", around.clock.random());
    let visit = Visit {
        id: &id,
        door: &door,
        serving: &serving,
        resident: &resident,
    };
    let mut response = visit.serve(body).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// One authenticated request.
struct Visit<'a> {
    id: &'a str,
    door: &'a OktaDoor,
    serving: &'a Serving,
    resident: &'a Arc<Resident>,
}

impl Visit<'_> {
    async fn serve(&self, body: Body) -> Response {
        let around = &self.door.0.around;
        let tenant = &self.resident.tenant.name;
        let load = &self.door.0.events_load;
        let under_way = load.enter(&self.resident.events_load, self.serving.max_in_flight);
        let Some(_under_way) = under_way else {
            around.observer.shed(tenant);
            return self.overloaded();
        };
        let until = around.clock.now() + self.serving.read_timeout;
        let body = match read(body, MAX_BODY, until).await {
            Ok(body) => body,
            Err((status, reason)) => return self.refuse(status, reason),
        };
        let findings = match reading::read(&body) {
            Ok(findings) => findings,
            Err(problem) => {
                tracing::debug!(request.id = self.id, error = %problem, "okta events are no JSON object");
                return self.refuse(Reason::InvalidRequest.http(), Reason::InvalidRequest);
            }
        };
        let count = findings.len();
        if !self
            .door
            .0
            .events
            .offer(tenant, findings, around.clock.now())
        {
            return self.overloaded();
        }
        tracing::debug!(
            request.id = self.id,
            tenant,
            events = count,
            "okta events taken in"
        );
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }

    /// Okta sends it once more.
    fn overloaded(&self) -> Response {
        tracing::warn!(
            request.id = self.id,
            tenant = self.resident.tenant.name,
            "okta events not taken in: too many wait"
        );
        refusal(Reason::Overloaded.http(), Reason::Overloaded)
    }

    /// The answer to what are no events; Okta does not send it again.
    fn refuse(&self, status: StatusCode, reason: Reason) -> Response {
        let tenant = &self.resident.tenant.name;
        self.door.0.around.observer.unreadable(tenant);
        tracing::warn!(
            request.id = self.id,
            tenant,
            status = status.as_u16(),
            reason = reason.as_str(),
            "okta events not readable"
        );
        refusal(status, reason)
    }
}
