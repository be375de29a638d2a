//! An orderly end: readiness turns first, what was taken on is finished, nothing new is taken, and a deadline ends it.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tollgate::{clock::Clock, pb::v1::DeliveryState};

use crate::support::{
    client::order,
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::{GRACE, in_time, until},
    plan::{OPERATOR, Plan},
    vendor::{Act, Vendor},
};

in_both_modes!(
    a_hook_under_way_is_answered,
    a_call_under_way_is_answered,
    idle_connections_do_not_hold_it_up,
    a_deadline_ends_it_and_the_rows_are_closed,
);

const PHONE: &str = "+819012345678";

async fn a_hook_under_way_is_answered(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    // Long enough for a look between the turn and the closing, and shorter than the provider holds.
    let plan = plan(mode, &vendor)
        .await
        .with("drain.propagation_delay", json!("800ms"));
    let gateway = plan.start().await;
    let public = gateway.front.addresses.public.unwrap();
    gateway.answers_readiness(200).await;
    let hook = Hook::to(PHONE);
    let drain = async {
        vendor.has_seen(1).await;
        gateway.front.begin_to_stop();
        gateway.answers_readiness(503).await;
        // Until the balancers have noticed, the door is open.
        assert!(TcpStream::connect(public).await.is_ok());
        assert_eq!(gateway.admin("/livez").await.unwrap().status, 200);
        closed(public).await;
        vendor.release();
    };
    let (answer, ()) = tokio::join!(gateway.hook(&hook), drain);
    assert!(answer.is_delivered());
    assert!(answer.metadata().ends_with("state=accepted"));
    let gateway = gateway.restart().await;
    assert_eq!(gateway.hook(&hook).await.reply.body, answer.reply.body);
    assert_eq!(vendor.requests(), 1);
}

async fn a_call_under_way_is_answered(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let gateway = plan(mode, &vendor).await.start().await;
    let door = gateway.sender().addresses.grpc.unwrap();
    let client = gateway.client(OPERATOR).await;
    let drain = async {
        vendor.has_seen(1).await;
        gateway.sender().begin_to_stop();
        closed(door).await;
        vendor.release();
    };
    let (sent, ()) = tokio::join!(client.send(order(PHONE)), drain);
    assert_eq!(sent.unwrap().state(), DeliveryState::Accepted);
    let gateway = gateway.restart().await;
    gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
}

async fn idle_connections_do_not_hold_it_up(mode: Mode) {
    let vendor = Vendor::that(Act::Accept).await;
    let plan = plan(mode, &vendor)
        .await
        .with("drain.deadline", json!("30s"));
    let gateway = plan.start().await;
    // This leaves a connection behind that waits for its next request.
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
    let client = gateway.client(OPERATOR).await;
    let addresses = gateway.front.addresses;
    let doors = [addresses.public, addresses.admin].into_iter().flatten();
    let mut silent = Vec::new();
    for door in doors.chain(gateway.sender().addresses.grpc) {
        silent.push(TcpStream::connect(door).await.unwrap());
    }
    in_time("the end", gateway.stop()).await;
    for mut stream in silent {
        let mut rest = [0; 1];
        // Closed or reset: nobody is there any more.
        assert!(!matches!(stream.read(&mut rest).await, Ok(1..)));
    }
    drop(client);
}

async fn a_deadline_ends_it_and_the_rows_are_closed(mode: Mode) {
    let vendor = Vendor::that(Act::Hang).await;
    let plan = plan(mode, &vendor)
        .await
        .with("drain.deadline", json!("300ms"));
    let gateway = plan.start().await;
    let hook = Hook::to(PHONE);
    let clock = Clock::system();
    let stop = async {
        vendor.has_seen(1).await;
        let began = clock.now();
        gateway.front.begin_to_stop();
        gateway.sender().begin_to_stop();
        closed(gateway.front.addresses.public.unwrap()).await;
        began
    };
    let began = tokio::select! {
        began = stop => began,
        answer = gateway.hook(&hook) => panic!("{answer:?}"),
    };
    let plan = gateway.stop().await;
    let took = clock.now() - began;
    // Two parts end one after the other only because the test waits for them so.
    assert!(took < Duration::from_millis(300) + GRACE, "{took:?}");
    let gateway = plan.start().await;
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Unconfirmed).await;
    assert_eq!(delivery.attempts[0].state(), DeliveryState::Unconfirmed);
    let answer = gateway.hook(&hook).await;
    assert!(answer.is_delivered());
    assert!(answer.metadata().ends_with("state=unconfirmed"));
    assert_eq!(vendor.requests(), 1);
}

async fn plan(mode: Mode, vendor: &Vendor) -> Plan {
    let plan = TestGateway::plan(mode).await;
    let plan = plan.with("providers.held", vendor.settings("2300ms"));
    plan.sms_by(&["held"])
}

/// Waits until nobody listens there.
async fn closed(door: SocketAddr) {
    let refused = async || TcpStream::connect(door).await.err();
    until("a closed door", refused).await;
}
