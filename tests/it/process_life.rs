//! A running gateway's life: it reads its configuration again when told, and it ends without dropping anything that it
//! has taken.

use std::time::Duration;

use http::StatusCode;
use rustix::process::Signal;
use tokio::net::TcpStream;
use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};
use tonic::Code;

use crate::support::{
    caller::{caller, request},
    line::{Line, get, hook},
    patience::until,
    process::{GRPC_TOKEN, Place, Program},
};

/// Answered late.
const SLOW: &str = "+14155550007";
/// Never answered.
const HANGS: &str = "+14155550009";

/// Far less than any deadline of these tests, and far more than an end without one takes.
const AT_ONCE: Duration = Duration::from_secs(4);

struct World {
    place: Place,
    desk: Twilio,
    clock: Clock,
}

impl World {
    async fn new() -> Self {
        let settings = Settings {
            slow: Duration::from_millis(800),
            ..Settings::default()
        };
        let desk = Twilio::start(settings, Clock::system()).await;
        let desk = desk.expect("a free port");
        let place = Place::new();
        place.configure(&desk.url());
        Self {
            place,
            desk,
            clock: Clock::system(),
        }
    }

    fn serve(&self) -> Program {
        self.place.serve()
    }

    /// Waits until so many requests have come to the provider.
    async fn seen(&self, requests: u64) {
        until("the request at the provider", async || {
            (self.desk.inbox().counts().seen >= requests).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_drops_nothing() {
    let world = World::new().await;
    let serve = world.serve();
    let serve = serve.with("TOLLGATE__DRAIN__PROPAGATION_DELAY", "1s");
    let mut gateway = serve.ready().await;
    let door = gateway.public();
    let mut first = Line::open(door).await.unwrap();
    let mut second = Line::open(door).await.unwrap();
    let body = hook("under-way", SLOW, "482913");
    let under_way = first.hook(&body);
    let story = async {
        world.seen(1).await;
        gateway.running.signal(Signal::TERM);
        // Readiness turns first, while the doors are still open to those who have not noticed.
        let admin = gateway.admin();
        until("readiness to turn", async || {
            let ready = get(admin, "/readyz").await.ok()?;
            (ready.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
        assert_eq!(get(admin, "/livez").await.unwrap().status, 200);
        let body = hook("too-late", SLOW, "482914");
        second.hook(&body).await.unwrap()
    };
    let (under_way, late) = tokio::join!(under_way, story);
    assert!(under_way.unwrap().is_successful());
    assert!(late.is_successful(), "{late:?}");
    let ended = gateway.running.ended().await;
    assert_eq!(ended.code(), Some(0));
    let log = gateway.running.log();
    assert!(log.contains("\"draining\"") && log.contains("\"stopped\""));
    assert!(!log.contains("deadline has passed"), "{log}");
    assert_eq!(log.matches("\"outcome\":\"accepted\"").count(), 2, "{log}");
    assert!(TcpStream::connect(door).await.is_err(), "the door is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_has_a_deadline() {
    let world = World::new().await;
    let serve = world.serve();
    let serve = serve.with("TOLLGATE__DRAIN__DEADLINE", "300ms");
    let mut gateway = serve.ready().await;
    let mut line = Line::open(gateway.public()).await.unwrap();
    let body = hook("hanging", HANGS, "482913");
    let story = async {
        world.seen(1).await;
        let begun = world.clock.now();
        let ended = gateway.running.stop().await;
        (ended, world.clock.now() - begun)
    };
    let (cut, (ended, took)) = tokio::join!(line.hook(&body), story);
    assert!(cut.is_err(), "{cut:?}");
    assert_eq!(ended.code(), Some(0));
    assert!(took < AT_ONCE, "{took:?}");
    gateway.running.logged(&["deadline has passed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let world = World::new().await;
    for [first, second] in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::TERM]] {
        let serve = world.serve();
        let serve = serve.with("TOLLGATE__DRAIN__PROPAGATION_DELAY", "30s");
        let mut gateway = serve.ready().await;
        gateway.running.signal(first);
        gateway.running.logged(&["\"draining\""]).await;
        let begun = world.clock.now();
        gateway.running.signal(second);
        let ended = gateway.running.ended().await;
        assert_eq!(ended.code(), Some(130));
        assert!(world.clock.now() - begun < AT_ONCE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_delay_the_end() {
    let world = World::new().await;
    let mut gateway = world.serve().ready().await;
    let doors = [gateway.public(), gateway.grpc(), gateway.admin()];
    let mut silent = Vec::new();
    let mut kept = Vec::new();
    for door in doors {
        silent.push(TcpStream::connect(door).await.unwrap());
        // A connection that was used, and is kept open for the next time.
        let mut line = Line::open(door).await.unwrap();
        line.get("/healthz").await.unwrap();
        kept.push(line);
    }
    let mut service = caller(gateway.grpc(), GRPC_TOKEN, None);
    let sent = service.send_otp(request("idle", "+14155550123", "482913"));
    sent.await.unwrap();
    let begun = world.clock.now();
    assert_eq!(gateway.running.stop().await.code(), Some(0));
    let took = world.clock.now() - begun;
    assert!(took < AT_ONCE, "{took:?}");
    let log = gateway.running.log();
    assert!(!log.contains("deadline has passed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_rules_and_drops_nothing() {
    let world = World::new().await;
    let mut gateway = world.serve().ready().await;
    let mut service = caller(gateway.grpc(), GRPC_TOKEN, None);
    let mut japan = async |key: &str| {
        let sent = service.send_otp(request(key, "+819012345678", "482913"));
        sent.await.map_err(|status| status.code()).map(drop)
    };
    assert_eq!(japan("first").await, Ok(()));

    // What is under way when the configuration changes ends as it began.
    let mut line = Line::open(gateway.public()).await.unwrap();
    let body = hook("under-way", SLOW, "482913");
    let reload = async {
        world.seen(2).await;
        let text = world.place.configuration(&world.desk.url());
        let text = text.replace("allow: [US, JP]", "allow: [US]");
        world.place.write("tollgate.yaml", &text);
        gateway.running.signal(Signal::HUP);
        gateway
            .running
            .logged(&["configuration was read again"])
            .await;
        japan("second").await
    };
    let (under_way, refused) = tokio::join!(line.hook(&body), reload);
    assert!(under_way.unwrap().is_successful());
    assert_eq!(refused, Err(Code::PermissionDenied));

    // A configuration that cannot be used changes nothing, whoever notices it first.
    world.place.write("tollgate.yaml", "tenants: 5");
    gateway
        .running
        .logged(&["configuration cannot be used", "tenants"])
        .await;
    assert_eq!(japan("third").await, Err(Code::PermissionDenied));
    let again = line.hook(&hook("after", "+14155550124", "482913")).await;
    assert!(again.unwrap().is_successful());

    // The file alone is enough: nobody has to send a signal.
    world.place.configure(&world.desk.url());
    let mut tries = 0;
    until("the file to be noticed", async || {
        // A refusal by policy keeps its key.
        tries += 1;
        japan(&format!("try {tries}")).await.ok()
    })
    .await;
    let metrics = get(gateway.admin(), "/metrics").await.unwrap().text;
    assert!(metrics.contains("otp_config_reloads_total{outcome=\"refused\"}"));
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}
