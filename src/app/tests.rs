//! The process as it is built and as it ends.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};

use super::{App, Options, Role, start::StartError};
use crate::{
    channels::kinds,
    clock::Clock,
    config::{Config, load::Source, variables::Variables},
    lanes::Lanes,
};

/// Long before the drain's deadline, and long after a drain that nothing holds up.
const SOON: Duration = Duration::from_secs(10);

async fn build(routes: &str) -> Result<App, StartError> {
    let providers = "stub: { kind: stub, channels: [sms] }";
    build_with(providers, "countries: { allow: [US] }", routes).await
}

async fn build_with(providers: &str, tenant: &str, routes: &str) -> Result<App, StartError> {
    let text = format!(
        r#"
public: {{ listen: "127.0.0.1:0" }}
grpc: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
ledger: {{ url: "memory:" }}
drain: {{ propagation_delay: 0s, deadline: 60s }}
providers: {{ {providers} }}
tenants: {{ acme: {{ {tenant} }} }}
routes: [{routes}]
"#
    );
    let options = Options {
        role: Role::All,
        variables: Variables::from_iter([("LINE_TOKEN", "a-token-of-line")]),
        file: None,
        sandbox: true,
        lanes: Lanes::default(),
    };
    let config = Config::load(&Source {
        name: "test",
        text: &text,
        variables: &options.variables,
        kinds: &kinds::schemas(),
        sandbox: true,
    });
    App::build(config.expect("it is right"), options, Clock::system()).await
}

#[tokio::test]
async fn a_route_over_a_channel_that_its_provider_lacks_is_no_start() {
    let sms = "{ channel: sms, try: [stub] }";
    assert!(build(sms).await.is_ok());
    let voice = "{ channel: voice, try: [stub] }";
    let refused = build(&format!("{sms}, {voice}")).await;
    let problem = refused.err().expect("it must be refused");
    assert!(problem.is_configuration());
    assert_eq!(
        problem.to_string(),
        "routes[1].try: provider stub cannot send over voice"
    );
}

#[tokio::test]
async fn the_cheapest_cannot_be_picked_where_no_price_is_known() {
    let routes = "{ channel: sms, try: [a, b], pick: cost }";
    let build = async |prices: &str| {
        let providers = format!(
            "a: {{ kind: stub, channels: [sms, voice] }}, b: {{ kind: stub, channels: [sms, voice]{prices} }}"
        );
        build_with(&providers, "countries: { allow: [US] }", routes).await
    };
    assert!(build(", prices: { sms: { US: 0.01 } }").await.is_ok());
    for prices in ["", ", prices: { voice: { default: 0.01 } }"] {
        let refused = build(prices).await;
        let problem = refused.err().expect("it must be refused").to_string();
        let wanted =
            "routes[0].pick: none of the providers has a price for sms; add prices.sms to one";
        assert_eq!(problem, wanted);
    }
}

#[tokio::test]
async fn a_cap_on_money_wants_prices() {
    let build = async |prices: &str, money: &str, route: &str| {
        let providers = format!("a: {{ kind: stub, channels: [sms, line]{prices} }}");
        let tenant = format!("countries: {{ allow: [US] }}, guard: {{ money: {{ {money} }} }}");
        build_with(&providers, &tenant, route).await
    };
    let sms = "{ channel: sms, try: [a] }";
    let refused = build("", "per_day: 10", sms).await;
    let problem = refused.err().expect("it must be refused").to_string();
    assert_eq!(
        problem,
        "tenants.acme.guard.money: cannot hold, as provider a does not say what a message costs: \
         add prices.sms.default to it, or set unknown_price"
    );
    let partly = ", prices: { sms: { US: 0.01 } }";
    assert!(build(partly, "countries: { US: 5 }", sms).await.is_err());
    let us = "{ channel: sms, countries: [US], try: [a] }";
    for (prices, money, route) in [
        (partly, "per_day: 10", us),
        (", prices: { sms: { default: 0 } }", "per_day: 10", sms),
        ("", "per_day: 10, unknown_price: 0.1", sms),
        ("", "per_day: 10, mode: disabled", sms),
        ("", "unknown_price: 0", sms),
        (
            ", prices: { sms: { default: 0.01 } }",
            "per_day: 10",
            "{ channel: sms, try: [a] }, { channel: line, try: [a] }",
        ),
    ] {
        let done = build(prices, money, route).await;
        assert!(done.is_ok(), "{prices} {money} {route}: {:?}", done.err());
    }
}

#[tokio::test]
async fn a_tenant_that_wants_line_says_whose_word_an_id_is_taken_on() {
    let line = "line: { kind: line, channel_access_token: { env: LINE_TOKEN } }";
    let stub = "stub: { kind: stub, channels: [sms, line] }";
    let providers = format!("{line}, {stub}");
    let build = async |tenant: &str, route: &str| {
        let tenant = format!("countries: {{ allow: [JP] }}, {tenant}");
        let routes = format!("{{ channel: sms, try: [stub] }}, {route}");
        build_with(&providers, &tenant, &routes).await
    };
    let wants = "channels: { default: [line, sms] }";
    let by_id = "{ channel: line, try: [line] }";
    let refused = build(wants, by_id).await;
    let problem = refused.err().expect("it must be refused").to_string();
    assert!(
        problem.starts_with("tenants.acme.line.user_id_from: is required"),
        "{problem}"
    );
    let says = format!("{wants}, line: {{ user_id_from: proven }}");
    for (tenant, route) in [
        (&*says, by_id),
        ("channels: { default: [sms] }", by_id),
        (wants, "{ channel: line, try: [line, stub] }"),
    ] {
        let started = build(tenant, route).await;
        assert!(started.is_ok(), "{tenant} {route}");
    }
}

#[tokio::test]
async fn somebody_who_watches_the_health_is_told_and_does_not_hold_up_the_end() {
    let app = build("{ channel: sms, try: [stub] }").await;
    let app = app.expect("it can start");
    let door = app.addresses().grpc.expect("it has a gRPC door");
    let stop = CancellationToken::new();
    let watching = async {
        let door = Endpoint::from_shared(format!("http://{door}")).expect("an address");
        let door = door.connect().await.expect("the door is open");
        let mut health = HealthClient::new(door);
        let watch = health.watch(HealthCheckRequest::default()).await;
        let mut watch = watch.expect("anybody may watch").into_inner();
        let mut told = Vec::new();
        while let Ok(Some(news)) = watch.message().await {
            told.push(news.status);
            stop.cancel();
        }
        told
    };
    let running = app.run(stop.clone(), Arc::new(Notify::new()));
    let both = Box::pin(async { tokio::join!(running, watching) });
    let (ended, told) = tokio::time::timeout(SOON, both).await.expect("it ends");
    assert!(ended.is_ok());
    assert_eq!(told.last(), Some(&(ServingStatus::NotServing as i32)));
}
