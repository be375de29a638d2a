//! A caller that hangs up ends its waiting, not the send.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tollgate::pb::v1::DeliveryState;

use crate::support::{
    client::order,
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    plan::{HOOK_SECRET, OPERATOR, Plan, TENANT},
    vendor::{Act, Vendor},
};

in_both_modes!(
    okta_hangs_up_after_the_provider_was_asked,
    a_service_hangs_up_after_the_provider_was_asked,
);

const PHONE: &str = "+819012345678";

async fn okta_hangs_up_after_the_provider_was_asked(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let gateway = plan(mode, &vendor).await.start().await;
    let hook = Hook::to(PHONE);
    let stream = call(gateway.front.addresses.public.unwrap(), &hook).await;
    vendor.has_seen(1).await;
    drop(stream);
    vendor.release();
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    assert_eq!(delivery.attempts.len(), 1);
    // Okta may well ask again: it is told what came of it, and nothing more is sent.
    let answer = gateway.hook(&hook).await;
    assert!(answer.is_delivered());
    assert_eq!(answer.id(), delivery.delivery_id);
    assert_eq!(answer.metadata(), "channel=sms;attempts=1;state=accepted");
    assert_eq!(vendor.requests(), 1);
}

async fn a_service_hangs_up_after_the_provider_was_asked(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let gateway = plan(mode, &vendor).await.start().await;
    let (client, order) = (gateway.client(OPERATOR).await, order(PHONE));
    tokio::select! {
        answer = client.send(order.clone()) => panic!("{answer:?}"),
        () = vendor.has_seen(1) => {}
    }
    vendor.release();
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    let answer = client.send(order).await.unwrap();
    assert_eq!(answer.delivery_id, delivery.delivery_id);
    assert_eq!(answer.state(), DeliveryState::Accepted);
    assert_eq!(vendor.requests(), 1);
}

async fn plan(mode: Mode, vendor: &Vendor) -> Plan {
    let plan = TestGateway::plan(mode).await.with_vendor("held", vendor);
    let plan = plan.with("providers.held.timeout", json!("2300ms"));
    plan.sms_by(&["held"])
}

/// Makes a hook and does not wait for its answer.
async fn call(door: SocketAddr, hook: &Hook) -> TcpStream {
    let mut stream = TcpStream::connect(door).await.unwrap();
    let body = hook.body.to_string();
    let length = body.len();
    let request = format!(
        "POST /okta/{TENANT}/telephony HTTP/1.1\r\nhost: x\r\nauthorization: {HOOK_SECRET}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}
