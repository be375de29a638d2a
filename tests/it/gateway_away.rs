//! An adapter by itself whose gateway is gone, hangs, does not know it, or is lost in the middle.

use std::{net::SocketAddr, time::Duration};

use http::Method;
use serde_json::json;
use tollgate::{app::Role, pb::v1::DeliveryState};

use crate::support::{
    cable::Cable,
    gateway::TestGateway,
    hook::{Answer, Hook},
    mode::Mode,
    part::Part,
    patience::{GRACE, until},
    vendor::{Act, Vendor},
};

const PHONE: &str = "+819012345678";
const WITHIN: Duration = Duration::from_millis(1200);

/// A gateway, and an adapter that reaches it by a cable.
async fn joined(vendor: &Vendor) -> (TestGateway, Cable) {
    let plan = TestGateway::plan(Mode::Split)
        .await
        .with("providers.held", vendor.settings("2s"));
    let plan = plan.with("tenants.acme.okta.answer_within", json!("1200ms"));
    let mut gateway = plan.sms_by(&["held"]).start().await;
    let cable = Cable::to(gateway.sender().addresses.grpc.unwrap()).await;
    let adapter = TestGateway::adapter(gateway.plan.clone(), cable.port()).await;
    std::mem::replace(&mut gateway.front, adapter.front)
        .stop()
        .await;
    (gateway, cable)
}

fn in_time(answer: &Answer) {
    let took = answer.reply.took;
    assert!(took < WITHIN + GRACE, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_gone_and_comes_back() {
    let vendor = Vendor::that(Act::Accept).await;
    let (gateway, cable) = joined(&vendor).await;
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
    cable.cut().await;
    // The first may still be written into a connection that is dead already: then nobody knows.
    let noticed = async || {
        let answer = gateway.hook(&Hook::to(PHONE)).await;
        in_time(&answer);
        (!answer.is_delivered()).then_some(answer)
    };
    let answer = until("the gateway's absence", noticed).await;
    assert_eq!(answer.reason(), "DELIVERY_FAILED");
    assert_eq!(vendor.requests(), 1);
    cable.mend();
    let hook = Hook::to("+819012345679");
    let recovered = async || gateway.hook(&hook).await.is_delivered().then_some(());
    until("recovery", recovered).await;
    assert_eq!(vendor.requests(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_was_never_there() {
    let nobody = Vendor::refusing();
    let plan = TestGateway::plan(Mode::Split).await;
    let plan = plan.with("tenants.acme.okta.answer_within", json!("1200ms"));
    let adapter = TestGateway::adapter(plan, nobody.address().port()).await;
    let answer = adapter.hook(&Hook::to(PHONE)).await;
    assert_eq!(answer.reason(), "DELIVERY_FAILED");
    in_time(&answer);
    adapter.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_hangs_may_have_sent() {
    let hangs = Vendor::that(Act::HangUnread).await;
    let plan = TestGateway::plan(Mode::Split).await;
    let plan = plan.with("tenants.acme.okta.answer_within", json!("1200ms"));
    let adapter = TestGateway::adapter(plan, hangs.address().port()).await;
    let answer = adapter.hook(&Hook::to(PHONE)).await;
    assert!(answer.is_delivered());
    assert_eq!(answer.metadata(), "state=unconfirmed;reason=gateway_lost");
    in_time(&answer);
    adapter.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_does_not_know_us_sends_nothing() {
    let gateway = TestGateway::plan(Mode::Split).await.start().await;
    let plan = gateway.plan.clone();
    let port = gateway.sender().addresses.grpc.unwrap().port();
    let file = plan
        .of_adapter(port)
        .with("gateway.token", json!({ "env": "HOOK_SECRET" }));
    let front = Part::start(Role::Adapter, file.write("stranger.yaml")).await;
    let stranger = TestGateway {
        http: gateway.http.clone(),
        plan,
        front,
        back: None,
    };
    let answer = stranger.hook(&Hook::to(PHONE)).await;
    assert_eq!(answer.reason(), "DELIVERY_FAILED");
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_lost_in_the_middle_goes_on() {
    let vendor = Vendor::that(Act::Hold).await;
    let (gateway, cable) = joined(&vendor).await;
    let hook = Hook::to(PHONE);
    let cut = async {
        vendor.has_seen(1).await;
        cable.cut().await;
    };
    let (answer, ()) = tokio::join!(gateway.hook(&hook), cut);
    assert!(answer.is_delivered());
    assert_eq!(answer.metadata(), "state=unconfirmed;reason=gateway_lost");
    in_time(&answer);
    vendor.release();
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    cable.mend();
    let told = async || {
        let answer = gateway.hook(&hook).await;
        (answer.is_delivered() && answer.id() == delivery.delivery_id).then_some(())
    };
    until("the delivery's answer", told).await;
    assert_eq!(vendor.requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_needs_no_secret_of_a_provider() {
    let gateway = TestGateway::plan(Mode::Split).await.start().await;
    let port = gateway.sender().addresses.grpc.unwrap().port();
    // Of the same file it reads its own part only: these variables do not exist.
    let nowhere = json!({ "env": "NOT_SET" });
    let plan = gateway.plan.of_adapter(port);
    let plan = plan
        .with("providers.twilio-sim.auth_token", nowhere.clone())
        .with("privacy.keys", json!([{ "id": "k1", "secret": nowhere }]));
    let front = Part::start(Role::Adapter, plan.write("poor.yaml")).await;
    let poor: SocketAddr = front.addresses.public.unwrap();
    let hook = Hook::to(PHONE);
    let url = format!("http://{poor}/okta/{}/telephony", hook.tenant);
    let call = gateway
        .http
        .call(Method::POST, &url, hook.headers.clone(), hook.bytes());
    let answer = Answer::judged(call.await.unwrap(), &hook);
    assert!(answer.is_delivered());
    assert_eq!(gateway.twilio().inbox().to(PHONE).len(), 1);
}
