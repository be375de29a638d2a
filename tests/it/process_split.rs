//! Two processes: the part on the internet holds no secret of a provider, and the gateway none of Okta's.

use rustix::process::Signal;
use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};

use crate::support::{
    authority::{Authority, with_tls},
    line::{Line, hook},
    patience::until,
    process::{GATEWAY_TOKEN, HOOK_SECRET, PROVIDER_TOKEN, Place, Program},
};

struct World {
    place: Place,
    desk: Twilio,
}

impl World {
    async fn new() -> Self {
        let desk = Twilio::start(Settings::default(), Clock::system()).await;
        let desk = desk.unwrap();
        let place = Place::new();
        place.configure(&desk.url());
        Authority::new().sign(&place);
        Self { place, desk }
    }

    /// The gateway, which is given none of Okta's secrets.
    fn gateway(&self) -> Program {
        let serve = self.place.serve_with(&["--only", "gateway"]);
        with_tls(serve, "GRPC").without("HOOK_SECRET")
    }

    /// The adapter for a gateway on this port, which is given no secret but Okta's and its own token.
    fn adapter(&self, port: u16) -> Program {
        let serve = self.place.serve_with(&["--only", "adapter"]);
        serve
            .without("PROVIDER_TOKEN")
            .without("GRPC_TOKEN")
            .with(
                "TOLLGATE__GATEWAY__URL",
                &format!("https://localhost:{port}"),
            )
            .with("TOLLGATE__GATEWAY__CA__FILE", "ca.pem")
            .with("TOLLGATE__GATEWAY__TOKEN__ENV", "GATEWAY_TOKEN")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_passes_both() {
    let world = World::new().await;
    let mut gateway = world.gateway().ready().await;
    let port = gateway.grpc().port();
    let mut adapter = world.adapter(port).ready().await;
    let mut line = Line::open(adapter.public()).await.unwrap();
    let sent = line.hook(&hook("one", "+14155550101", "482913")).await;
    assert!(sent.unwrap().is_successful());
    let arrived = world.desk.inbox().to("+14155550101");
    assert_eq!(arrived[0].body, "Your code is 482913");

    // The gateway goes away and comes back; the adapter finds it again, and a copy is not sent twice.
    gateway.running.signal(Signal::KILL);
    gateway.running.ended().await;
    let away = line.hook(&hook("two", "+14155550102", "482913")).await;
    let away = away.unwrap();
    assert!(away.status == 200 && !away.is_successful(), "{away:?}");
    let listen = format!("127.0.0.1:{port}");
    let again = world.gateway().with("TOLLGATE__GRPC__LISTEN", &listen);
    let mut gateway = again.ready().await;
    until("the adapter to find the gateway again", async || {
        let sent = line.hook(&hook("two", "+14155550102", "482913")).await;
        sent.unwrap().is_successful().then_some(())
    })
    .await;
    let copy = line.hook(&hook("one", "+14155550101", "482913")).await;
    assert!(copy.unwrap().is_successful());
    assert_eq!(world.desk.inbox().counts().taken, 2);
    assert_eq!(adapter.running.stop().await.code(), Some(0));
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_wants_its_own_secrets_and_no_others() {
    let world = World::new().await;
    let ended = world.adapter(1).without("HOOK_SECRET").run().await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.log.contains("tenants.acme.okta.auth.secrets[0]"));
    let ended = world.adapter(1).without("GATEWAY_TOKEN").run().await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.log.contains("gateway.token"));
    let ended = world.gateway().without("PROVIDER_TOKEN").run().await;
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.log.contains("providers.desk.auth_token"));
    let lost = world.place.serve_with(&["--only", "adapter"]).run().await;
    assert_eq!(lost.code, Some(64), "{lost:?}");
    assert!(lost.log.contains("gateway: url is required"), "{lost:?}");
    let told = format!("{ended:?} {lost:?}");
    for secret in [HOOK_SECRET, GATEWAY_TOKEN, PROVIDER_TOKEN] {
        assert!(!told.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_with_a_wrong_token_is_refused() {
    let world = World::new().await;
    let gateway = world.gateway().ready().await;
    let adapter = world.adapter(gateway.grpc().port());
    let wrong = adapter.with("GATEWAY_TOKEN", "a-token-of-somebody-else");
    let adapter = wrong.ready().await;
    let mut line = Line::open(adapter.public()).await.unwrap();
    let refused = line.hook(&hook("one", "+14155550101", "482913")).await;
    let refused = refused.unwrap();
    assert!(refused.status == 200 && !refused.is_successful());
    assert_eq!(world.desk.inbox().counts().seen, 0);
}
