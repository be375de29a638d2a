//! The door put together: one stack of layers around the service, the same on the network and inside the process.

use std::sync::Arc;

use axum::Router;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::{body::Body, server::NamedService, service::RoutesBuilder};
use tonic_health::server::HealthReporter;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{
    clock::Clock,
    dispatch::Dispatcher,
    outbound::WriteGate,
    pb::{
        self,
        v1::{
            guard_service_server::GuardServiceServer, otp_service_server::OtpServiceServer,
            preference_service_server::PreferenceServiceServer,
        },
    },
};

use super::{
    bounded::Bounded,
    caller::{Authenticated, Caller, Callers},
    deadline::Timed,
    guard::GuardService,
    otp::OtpService,
    preference::PreferenceService,
};

/// Most bytes of a request; the largest lawful one has about 40 KiB, nearly all of it attributes.
const MAX_REQUEST: usize = 64 * 1024;

/// A service with everything that stands before it.
type Stack<S> = Timed<Authenticated<Bounded<S>>>;

type Otp = Stack<OtpServiceServer<OtpService>>;
type Preferences = Stack<PreferenceServiceServer<PreferenceService>>;
type Guard = Stack<GuardServiceServer<GuardService>>;

/// The door of a gateway.
#[derive(Clone)]
pub struct Door {
    otp: Otp,
    preferences: Preferences,
    guard: Guard,
    callers: Callers,
    health: HealthReporter,
}

impl Door {
    /// A door in front of a dispatcher, with at most `max_in_flight` calls under way.
    pub fn new(dispatcher: Arc<Dispatcher>, clock: &Clock, max_in_flight: u32) -> Self {
        let callers = Callers::default();
        let slots = Arc::new(Semaphore::new(max_in_flight as usize));
        let otp = OtpServiceServer::new(OtpService::new(dispatcher.clone()))
            .max_decoding_message_size(MAX_REQUEST);
        let preferences = PreferenceServiceServer::new(PreferenceService::new(dispatcher.clone()))
            .max_decoding_message_size(MAX_REQUEST);
        let guard = GuardService::new(dispatcher, clock.clone());
        let guard = GuardServiceServer::new(guard).max_decoding_message_size(MAX_REQUEST);
        let (health, _) = tonic_health::server::health_reporter();
        Self {
            otp: stack(otp, &slots, &callers, clock),
            preferences: stack(preferences, &slots, &callers, clock),
            guard: stack(guard, &slots, &callers, clock),
            callers,
            health,
        }
    }

    /// The clients in force.
    pub fn callers(&self) -> &Callers {
        &self.callers
    }

    /// Says over `grpc.health.v1` whether the door takes work.
    pub async fn set_serving(&self, serving: bool) {
        if serving {
            self.health.set_serving::<Otp>().await;
            self.health.set_serving::<Preferences>().await;
            self.health.set_serving::<Guard>().await;
        } else {
            self.health.set_not_serving::<Otp>().await;
            self.health.set_not_serving::<Preferences>().await;
            self.health.set_not_serving::<Guard>().await;
        }
        let status = if serving {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        self.health.set_service_status("", status).await;
    }

    /// Ends the streams of those who watch the health: they have been told, and would hold up a drain for ever.
    pub async fn end_watches(&self) {
        let mut health = self.health.clone();
        for service in [Otp::NAME, Preferences::NAME, Guard::NAME, ""] {
            health.clear_service_status(service).await;
        }
    }

    /// The door for the network: the services, health, and reflection if wanted.
    pub fn router(&self, reflection: bool) -> Router {
        let mut routes = RoutesBuilder::default();
        routes.add_service(self.otp.clone());
        routes.add_service(self.preferences.clone());
        routes.add_service(self.guard.clone());
        let health = tonic_health::server::HealthService::from_health_reporter(self.health.clone());
        routes.add_service(tonic_health::pb::health_server::HealthServer::new(health));
        if reflection {
            let builder = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                    // Tools read the details of errors with these.
                    .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            };
            let readable = "the descriptors were made by this build";
            routes.add_service(builder().build_v1().expect(readable));
            // Older tools ask for the version before.
            routes.add_service(builder().build_v1alpha().expect(readable));
        }
        routes.routes().into_axum_router()
    }

    /// The door for an adapter in the same process: no socket, the same layers, and only what an adapter may ask for.
    pub fn in_process<E: 'static>(&self) -> BoxCloneSyncService<Request<Body>, Response<Body>, E> {
        let caller = Arc::new(Caller::adapter());
        let stack = self
            .otp
            .clone()
            .map_request(move |mut request: Request<Body>| {
                request.extensions_mut().insert(caller.clone());
                if let Some(gate) = request.extensions().get::<WriteGate>() {
                    gate.pass();
                }
                request
            });
        BoxCloneSyncService::new(stack.map_err(|never| match never {}))
    }
}

/// Outermost last: time counts from arrival, strangers are turned away next, and only known clients take a slot.
fn stack<S>(service: S, slots: &Arc<Semaphore>, callers: &Callers, clock: &Clock) -> Stack<S> {
    let stack = Bounded::new(service, slots.clone());
    let stack = Authenticated::new(stack, callers.clone());
    Timed::new(stack, clock.clone())
}
