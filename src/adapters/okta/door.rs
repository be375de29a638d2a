//! The door for Okta's hooks. Of the telephony hooks every authenticated and readable request is answered with HTTP 200, in time and
//! in Okta's dialect.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    answer,
    directory::{Directory, Resident},
    ending::Ending,
    events::{self, queue::Queue},
    exchange::{REQUEST_ID, json, read, refusal},
    gateway,
    hook::Hook,
    jwks::{KeySet, Pace},
    load::Load,
    observer::Observer,
    profile::{Around, Profiles},
    tenant::Tenant,
};
use crate::{
    adapters::Gateway, clock::Clock, config::public::Public, error::Reason, outbound::Outbound,
    pb::v1::SendOtpRequest,
};

/// Most bytes of a hook's body.
pub const MAX_BODY: usize = 64 * 1024;

/// The last part of `answer_within`, for writing the answer.
const WRITING: Duration = Duration::from_millis(20);

/// What the door needs of the rest of the process.
pub struct Surroundings {
    /// Where codes are handed over.
    pub gateway: Gateway,
    /// Fetches signing keys.
    pub outbound: Outbound,
    /// Time and chance.
    pub clock: Clock,
    /// Who counts.
    pub observer: Arc<dyn Observer>,
    /// How often signing keys are fetched.
    pub pace: Pace,
    /// Ends the door's own tasks; what waits to be handed to the gateway gets one more try.
    pub cancel: CancellationToken,
    /// Tracks the door's own tasks.
    pub tracker: TaskTracker,
}

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct OktaDoor(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) around: Surroundings,
    load: Arc<Load>,
    /// Events under way, which take no room from hooks.
    pub(super) events_load: Arc<Load>,
    pub(super) events: Queue,
    pub(super) serving: ArcSwap<Serving>,
}

/// What a reload may change.
pub(super) struct Serving {
    pub(super) directory: Directory,
    pub(super) read_timeout: Duration,
    pub(super) max_in_flight: usize,
}

/// The routes of the door. A wrong method gets 405, a wrong path 404, both without a look at any tenant.
pub fn router(door: OktaDoor) -> Router {
    // No layer stands around these routes: what has to happen happens in the handlers, in the order in which it is written
    // there, because most of it depends on the tenant. Listeners, TLS and the head's timeout are the listener's.
    Router::new()
        .route("/okta/{tenant}/telephony", post(telephony))
        .route(
            "/okta/{tenant}/events",
            get(events::challenge::answer).post(events::door::events),
        )
        .with_state(door)
}

impl OktaDoor {
    /// Opens the door for these tenants and begins to fetch their signing keys.
    pub fn new(tenants: Vec<Tenant>, public: &Public, around: Surroundings) -> Self {
        let serving = serving(tenants, public, None, &around);
        let events = Queue::start(&around);
        Self(Arc::new(Inner {
            load: Arc::default(),
            events_load: Arc::default(),
            events,
            serving: ArcSwap::from_pointee(serving),
            around,
        }))
    }

    /// Serves these tenants from now on. Requests under way end as they began.
    pub fn reconfigure(&self, tenants: Vec<Tenant>, public: &Public) {
        let before = self.0.serving.load_full();
        let now = serving(tenants, public, Some(&before.directory), &self.0.around);
        self.0.serving.store(Arc::new(now));
    }
}

fn serving(
    tenants: Vec<Tenant>,
    public: &Public,
    before: Option<&Directory>,
    around: &Surroundings,
) -> Serving {
    let start = |url| {
        KeySet::start(
            url,
            around.pace,
            around.outbound.clone(),
            around.clock.clone(),
            &around.cancel,
            &around.tracker,
        )
    };
    let ask = |tenant: &str, settings| {
        let around = Around {
            outbound: around.outbound.clone(),
            clock: around.clock.clone(),
            observer: around.observer.clone(),
            cancel: around.cancel.clone(),
            tracker: around.tracker.clone(),
        };
        Profiles::start(tenant, settings, around)
    };
    Serving {
        directory: Directory::new(tenants, before, &around.clock, start, ask),
        read_timeout: public.read_timeout.0,
        max_in_flight: public.max_in_flight as usize,
    }
}

/// One request, from its head on. What comes first is cheapest and believes least.
async fn telephony(
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
        // Without an id of the request: this answer is the same for everybody, byte for byte.
        return refusal(Reason::Unauthenticated.http(), Reason::Unauthenticated);
    };
    let mut visit = Visit {
        id: request_id(&around.clock),
        deadline: arrived + resident.tenant.answer_within.saturating_sub(WRITING),
        arrived,
        resident,
        door: &door,
        answered: false,
    };
    let mut response = visit.serve(body, &serving).await;
    if let Ok(id) = HeaderValue::from_str(&visit.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn request_id(clock: &Clock) -> String {
    let random = Uuid::from_u128(clock.random()).simple();
    // Formatted without a formatter: every request has one.
    ["req_", random.encode_lower(&mut [0; 32])].concat()
}

/// One authenticated request.
struct Visit<'a> {
    id: String,
    arrived: Instant,
    /// When an ending must be known.
    deadline: Instant,
    resident: Arc<Resident>,
    door: &'a OktaDoor,
    answered: bool,
}

impl Visit<'_> {
    async fn serve(&mut self, body: Body, serving: &Serving) -> Response {
        let observer = &self.door.0.around.observer;
        let load = &self.door.0.load;
        let under_way = load.enter(&self.resident.load, serving.max_in_flight);
        let Some(_under_way) = under_way else {
            observer.shed(&self.resident.tenant.name);
            return self.answer(&Reason::Overloaded.into());
        };
        let body = match self.read(body, serving.read_timeout).await {
            Ok(body) => body,
            Err((status, reason)) => return self.refuse(status, reason),
        };
        let request = match Hook::read(&body).map(|hook| self.meaning(&hook)) {
            Ok(Ok(request)) => request,
            Ok(Err(ending)) => return self.answer(&ending),
            Err(problem) => {
                tracing::debug!(request.id = self.id, error = %problem, "okta hook is no JSON object");
                return self.refuse(Reason::InvalidRequest.http(), Reason::InvalidRequest);
            }
        };
        // What the request needs of it is copied; the rest is not kept while the gateway works.
        drop(body);
        let ending = self.send(request).await;
        self.answer(&ending)
    }

    /// Reads the body as far as it may go, in the time it may take.
    async fn read(&self, body: Body, within: Duration) -> Result<Bytes, (StatusCode, Reason)> {
        let until = self.deadline.min(self.door.0.around.clock.now() + within);
        read(body, MAX_BODY, until).await
    }

    /// What a hook asks for, or how it ends without a question to the gateway.
    fn meaning(&self, hook: &Hook<'_>) -> Result<Box<SendOtpRequest>, Ending> {
        let around = &self.door.0.around;
        let tenant = &self.resident.tenant;
        if hook.is_preview() && !tenant.sends_previews {
            return Err(Ending::Preview);
        }
        if hook.purpose().is_none() {
            around.observer.unknown_request_type(&tenant.name);
        }
        let family = hook.family().unwrap_or_else(|| {
            around.observer.unknown_channel(&tenant.name);
            tracing::debug!(
                request.id = self.id,
                tenant = tenant.name,
                "okta hook names no known channel"
            );
            tenant.usual_family
        });
        let request = hook.request(&tenant.name, tenant.country, family)?;
        Ok(Box::new(request))
    }

    /// Has a code sent.
    async fn send(&self, mut request: Box<SendOtpRequest>) -> Ending {
        let around = &self.door.0.around;
        self.add_profile(&mut request).await;
        gateway::send(&around.gateway, request, self.deadline, &around.clock).await
    }

    /// Adds what the person's profile says, if that can be had in time.
    async fn add_profile(&self, request: &mut SendOtpRequest) {
        let user = request.recipient.as_ref().map(|who| who.user_id.as_str());
        let user = user.filter(|user| !user.is_empty());
        if let (Some(profiles), Some(user)) = (&self.resident.profiles, user)
            && let Some(profile) = Box::pin(profiles.find(user, self.deadline)).await
        {
            profile.fill(request);
        }
    }

    /// The answer to a hook: always HTTP 200.
    fn answer(&mut self, ending: &Ending) -> Response {
        let around = &self.door.0.around;
        let tenant = &self.resident.tenant;
        let class = ending.class();
        let answer = tenant.policy.answer_to(ending);
        let took = around.clock.now().saturating_duration_since(self.arrived);
        match ending {
            Ending::Preview => around.observer.previewed(&tenant.name),
            Ending::Taken(_) | Ending::Fault(_) => {
                let seconds = took.as_secs_f64();
                around
                    .observer
                    .answered(&tenant.name, class, answer, seconds);
            }
        }
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    request.id = self.id,
                    tenant = tenant.name,
                    class = class.as_str(),
                    reason = ending.reason(),
                    answer = ?answer,
                    delivery.id = ending.delivery_id(),
                    decision.id = ending.decision_id(),
                    // A number in JSON, which 128 bits are not.
                    duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                    "okta hook answered"
                )
            };
        }
        // Of an accepted code the gateway's line says all there is: a second one would tell nothing and cost as much.
        if matches!(ending, Ending::Taken(_)) && class == answer::Class::Accepted {
            tell!(debug);
        } else {
            tell!(info);
        }
        self.answered = true;
        json(StatusCode::OK, answer::body(ending, answer, &self.id))
    }

    /// The answer to what is no hook: the only ones that are not HTTP 200.
    fn refuse(&mut self, status: StatusCode, reason: Reason) -> Response {
        let tenant = &self.resident.tenant.name;
        self.door.0.around.observer.unreadable(tenant);
        tracing::warn!(
            request.id = self.id,
            tenant,
            status = status.as_u16(),
            reason = reason.as_str(),
            "okta request not readable"
        );
        self.answered = true;
        refusal(status, reason)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // The gateway's own task goes on with whatever it has begun.
            tracing::warn!(
                request.id = self.id,
                tenant = self.resident.tenant.name,
                "okta hung up before its answer"
            );
        }
    }
}
