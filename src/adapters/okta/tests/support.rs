//! A door with everything around it, in the words of the tests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::{
    adapters::{
        Gateway, TransportError,
        okta::{
            answer::Class,
            door::{OktaDoor, Surroundings, router},
            events::Became,
            jwks::Pace,
            observer::Observer,
            profile::Lookup,
            tenant::Tenant,
        },
    },
    clock::Clock,
    config::{self, public::Public, secret::Secrets, tenants::Answer, values::Span},
    error::fault::Fault,
    outbound::{Outbound, WriteGate},
    pb::v1::{
        self, ReportOutcomeRequest, ReportOutcomeResponse, SendOtpRequest, SendOtpResponse,
        otp_service_server::{OtpService, OtpServiceServer},
    },
};

/// The header secret of tenant `acme`.
pub(super) const SECRET: &str = "acme-secret-0123456789";

/// What the gateway does with the next requests.
#[derive(Clone, Debug)]
pub(super) enum Script {
    Accept,
    /// Takes it, perhaps sent.
    Doubt,
    Refuse(Fault),
    /// A status that is not ours.
    Status(tonic::Code),
    /// Never answers, though the request was written.
    Hang,
    /// Never gets to write the request.
    HangBefore,
    /// The connection is refused.
    Gone,
    /// The connection breaks after the request was written.
    Lost,
    /// A bug in a gateway of the same process.
    Panic,
}

/// A real gRPC service that does as it is told and remembers what it was asked.
#[derive(Clone)]
pub(super) struct FakeGateway(Arc<Scripted>);

struct Scripted {
    script: Mutex<Script>,
    asked: Mutex<Vec<(SendOtpRequest, Option<String>)>>,
    reported: Mutex<Vec<ReportOutcomeRequest>>,
    arrival: Notify,
}

impl FakeGateway {
    fn new() -> Self {
        Self(Arc::new(Scripted {
            script: Mutex::new(Script::Accept),
            asked: Mutex::default(),
            reported: Mutex::default(),
            arrival: Notify::new(),
        }))
    }

    pub(super) fn play(&self, script: Script) {
        *lock(&self.0.script) = script;
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<SendOtpRequest> {
        let asked = lock(&self.0.asked);
        asked.iter().map(|(request, _)| request.clone()).collect()
    }

    /// What was reported so far.
    pub(super) fn reported(&self) -> Vec<ReportOutcomeRequest> {
        lock(&self.0.reported).clone()
    }

    /// `grpc-timeout` of the last request.
    pub(super) fn deadline(&self) -> Option<String> {
        lock(&self.0.asked)
            .last()
            .and_then(|(_, deadline)| deadline.clone())
    }

    /// Waits until a request has come in.
    pub(super) async fn arrival(&self) {
        self.0.arrival.notified().await;
    }

    fn client(&self) -> Gateway {
        let service = OtpServiceServer::new(self.clone());
        let scripted = self.0.clone();
        let transport = service_fn(move |request: Request<tonic::body::Body>| {
            carry(service.clone(), scripted.clone(), request)
        });
        Gateway::elsewhere(BoxCloneSyncService::new(transport))
    }
}

/// Carries a request as a transport does: it passes the gate, or it does not get that far.
fn carry(
    mut service: OtpServiceServer<FakeGateway>,
    scripted: Arc<Scripted>,
    request: Request<tonic::body::Body>,
) -> BoxFuture<'static, Result<Response<tonic::body::Body>, TransportError>> {
    Box::pin(async move {
        let script = lock(&scripted.script).clone();
        if matches!(script, Script::HangBefore) {
            scripted.arrival.notify_one();
            std::future::pending::<()>().await;
        }
        if matches!(script, Script::Gone) {
            return Err(broken("connection refused"));
        }
        let gate = request.extensions().get::<WriteGate>();
        let open = gate.is_some_and(WriteGate::pass);
        assert!(open, "every request brings a gate that is still open");
        let answered = service.call(request).await;
        if matches!(script, Script::Lost) {
            return Err(broken("connection reset"));
        }
        answered.map_err(|never| match never {})
    })
}

fn broken(how: &str) -> TransportError {
    TransportError(how.to_owned().into())
}

#[tonic::async_trait]
impl OtpService for FakeGateway {
    async fn send_otp(
        &self,
        request: tonic::Request<SendOtpRequest>,
    ) -> Result<tonic::Response<SendOtpResponse>, Status> {
        let deadline = request.metadata().get("grpc-timeout");
        let deadline = deadline
            .and_then(|text| text.to_str().ok())
            .map(str::to_owned);
        let request = request.into_inner();
        lock(&self.0.asked).push((request, deadline));
        self.0.arrival.notify_one();
        let script = lock(&self.0.script).clone();
        let state = match script {
            Script::Accept | Script::Lost | Script::HangBefore | Script::Gone => {
                v1::DeliveryState::Accepted
            }
            Script::Doubt => v1::DeliveryState::Unconfirmed,
            Script::Refuse(fault) => return Err(fault.into()),
            Script::Status(code) => return Err(Status::new(code, "not ours")),
            Script::Hang => std::future::pending().await,
            Script::Panic => panic!("a bug, as the test wants it"),
        };
        Ok(tonic::Response::new(SendOtpResponse {
            delivery_id: "dlv_1".to_owned(),
            state: state.into(),
            channel: v1::Channel::Sms.into(),
            provider: "twilio-us".to_owned(),
            provider_message_id: "SM1".to_owned(),
            attempts: vec![v1::Attempt::default()],
        }))
    }

    async fn get_delivery(
        &self,
        _: tonic::Request<v1::GetDeliveryRequest>,
    ) -> Result<tonic::Response<v1::GetDeliveryResponse>, Status> {
        panic!("the adapter asked for GetDelivery")
    }

    async fn list_deliveries(
        &self,
        _: tonic::Request<v1::ListDeliveriesRequest>,
    ) -> Result<tonic::Response<v1::ListDeliveriesResponse>, Status> {
        panic!("the adapter asked for ListDeliveries")
    }

    async fn report_outcome(
        &self,
        request: tonic::Request<ReportOutcomeRequest>,
    ) -> Result<tonic::Response<ReportOutcomeResponse>, Status> {
        lock(&self.0.reported).push(request.into_inner());
        self.0.arrival.notify_one();
        let script = lock(&self.0.script).clone();
        match script {
            Script::Refuse(fault) => Err(fault.into()),
            Script::Status(code) => Err(Status::new(code, "not ours")),
            Script::Hang => std::future::pending().await,
            Script::Panic => panic!("a bug, as the test wants it"),
            Script::Accept | Script::Doubt | Script::Lost | Script::HangBefore | Script::Gone => {
                Ok(tonic::Response::new(ReportOutcomeResponse::default()))
            }
        }
    }

    async fn explain_route(
        &self,
        _: tonic::Request<v1::ExplainRouteRequest>,
    ) -> Result<tonic::Response<v1::ExplainRouteResponse>, Status> {
        panic!("the adapter asked for ExplainRoute")
    }
}

/// What was counted, in order.
#[derive(Default)]
pub(super) struct Counted(Mutex<Vec<String>>);

impl Counted {
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0))
    }

    fn note(&self, what: impl Into<String>) {
        lock(&self.0).push(what.into());
    }
}

impl Observer for Counted {
    fn answered(&self, tenant: &str, class: Class, answer: Answer, seconds: f64) {
        assert!(seconds >= 0.0);
        self.note(format!("{tenant} {} {answer:?}", class.as_str()));
    }

    fn previewed(&self, tenant: &str) {
        self.note(format!("{tenant} preview"));
    }

    fn unknown_channel(&self, _: &str) {
        self.note("unknown channel");
    }

    fn unknown_request_type(&self, _: &str) {
        self.note("unknown request type");
    }

    fn profile(&self, tenant: &str, lookup: Lookup) {
        self.note(format!("{tenant} profile {}", lookup.as_str()));
    }

    fn events(&self, tenant: &str, became: Became, count: u64) {
        self.note(format!("{tenant} {count} {}", became.as_str()));
    }

    fn events_waiting(&self, _: usize) {}

    fn unauthenticated(&self) {
        self.note("unauthenticated");
    }

    fn shed(&self, tenant: &str) {
        self.note(format!("{tenant} shed"));
    }

    fn unreadable(&self, tenant: &str) {
        self.note(format!("{tenant} unreadable"));
    }
}

/// A door for the tests.
pub(super) struct TestDoor {
    pub(super) gateway: FakeGateway,
    pub(super) counted: Arc<Counted>,
    pub(super) clock: Clock,
    pub(super) tracker: TaskTracker,
    cancel: CancellationToken,
    door: OktaDoor,
    router: Router,
    public: Public,
}

impl TestDoor {
    /// A door for `acme` with its header secret.
    pub(super) fn open() -> Self {
        Self::with(json!({}))
    }

    /// The same with these settings of `acme`'s `okta` changed.
    pub(super) fn with(okta: Value) -> Self {
        Self::of(&json!({ "acme": acme(okta) }), Pace::default(), |_| ())
    }

    /// A door for these tenants.
    pub(super) fn of(tenants: &Value, pace: Pace, change: impl Fn(&mut Public)) -> Self {
        let mut public = Public {
            read_timeout: Span::seconds(1),
            ..Public::default()
        };
        change(&mut public);
        let gateway = FakeGateway::new();
        let counted = Arc::new(Counted::default());
        let clock = Clock::system();
        let cancel = CancellationToken::new();
        let tracker = TaskTracker::new();
        let outbound = config::outbound::Outbound::default();
        let around = Surroundings {
            gateway: gateway.client(),
            outbound: Outbound::new(&outbound, None).expect("a client"),
            clock: clock.clone(),
            observer: counted.clone(),
            pace,
            cancel: cancel.clone(),
            tracker: tracker.clone(),
        };
        let door = OktaDoor::new(read(tenants), &public, around);
        Self {
            router: router(door.clone()),
            gateway,
            counted,
            clock,
            tracker,
            cancel,
            door,
            public,
        }
    }

    /// Serves other tenants from now on.
    pub(super) fn reconfigure(&self, tenants: &Value) {
        self.door.reconfigure(read(tenants), &self.public);
    }

    /// Ends the door's tasks and waits for them.
    pub(super) async fn shut(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Any request at all.
    pub(super) async fn ask(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await;
        Reply::read(response.expect("the router does not fail")).await
    }

    /// A hook of `acme`'s Okta.
    pub(super) async fn hook(&self, body: impl Into<Body>) -> Reply {
        self.ask(post("acme", ("authorization", SECRET), body))
            .await
    }
}

fn read(tenants: &Value) -> Vec<Tenant> {
    let tenants: BTreeMap<String, config::tenants::Tenant> =
        serde_json::from_value(tenants.clone()).expect("tenants as in the configuration");
    let secrets = Secrets::new(Arc::new(|name| match name {
        "ACME" => Some(SECRET.to_owned()),
        "ACME_NEXT" => Some("acme-secret-of-tomorrow".to_owned()),
        "EMCA" => Some("emca-secret-9876543210".to_owned()),
        _ => None,
    }));
    Tenant::all(&tenants, &secrets).expect("tenants without a problem")
}

/// Tenant `acme` with these settings of `okta` changed.
pub(super) fn acme(okta: Value) -> Value {
    let mut settings = json!({ "auth": { "secrets": [{ "env": "ACME" }] } });
    let (Value::Object(all), Value::Object(changed)) = (&mut settings, okta) else {
        panic!("settings are an object");
    };
    all.extend(changed);
    json!({ "countries": { "allow": ["JP"] }, "okta": settings })
}

/// A hook of a tenant with one header more.
pub(super) fn post(
    tenant: &str,
    (name, value): (&str, &str),
    body: impl Into<Body>,
) -> Request<Body> {
    Request::post(format!("/okta/{tenant}/telephony"))
        .header("content-type", "application/json")
        .header(name, value)
        .body(body.into())
        .expect("a request")
}

/// One of the bodies in `tests/fixtures/okta`.
pub(super) fn fixture(name: &str) -> String {
    file("okta", name)
}

/// A file in a folder of `tests/fixtures`.
pub(super) fn file(folder: &str, name: &str) -> String {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    std::fs::read_to_string(format!("{fixtures}/{folder}/{name}")).expect("the file is there")
}

/// `hook.json` with this value at this place.
pub(super) fn changed(pointer: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(&fixture("hook.json")).expect("JSON");
    *body.pointer_mut(pointer).expect("the place is there") = value;
    body.to_string()
}

/// An answer, read whole.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Bytes,
}

impl Reply {
    async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let headers = head.headers.iter().map(|(name, value)| {
            let value = value.to_str().expect("headers are text");
            (name.to_string(), value.to_owned())
        });
        Self {
            status: head.status,
            headers: headers.collect(),
            body: body.collect().await.expect("a whole body").to_bytes(),
        }
    }

    pub(super) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// `SUCCESSFUL`, `PENDING` or `FAILED` with its transaction's id, or the reason of an error.
    pub(super) fn told(&self) -> String {
        assert_eq!(self.status, StatusCode::OK);
        let json = self.json();
        let action = &json["commands"][0]["value"][0];
        match (action["status"].as_str(), action["transactionId"].as_str()) {
            (Some(status), Some(id)) => format!("{status} {id}"),
            _ => json["error"]["errorCauses"][0]["reason"]
                .as_str()
                .expect("an error has a reason")
                .to_owned(),
        }
    }
}

/// What `body` gives piece by piece, and then nothing for ever.
pub(super) fn never_ending(start: &'static str) -> Body {
    let start = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(start))]);
    Body::from_stream(futures_util::StreamExt::chain(
        start,
        futures_util::stream::pending(),
    ))
}

/// A pace that never comes to a second fetch of its own.
pub(super) fn patient() -> Pace {
    Pace {
        every: Duration::from_hours(24),
        apart: Duration::from_hours(24),
        fetch: Duration::from_mins(1),
        patience: Duration::from_mins(1),
    }
}

/// Takes a log in.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0)).into_owned()
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
