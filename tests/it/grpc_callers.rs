//! Who may call the contract, for whom, how often at once, and for how long.

use std::time::Duration;

use serde_json::json;
use tollgate::{
    clock::Clock,
    error::Reason,
    pb::v1::{DeliveryState, ListDeliveriesRequest, SendOtpResponse},
};
use tonic::{Code, Status};

use crate::support::{
    client::{Client, fault, order},
    gateway::TestGateway,
    mode::{Mode, in_both_modes},
    patience::GRACE,
    plan::{BILLING, OPERATOR, OTHER_TENANT, TENANT},
    vendor::{Act, Vendor},
};

in_both_modes!(
    strangers_are_unauthenticated,
    clients_keep_to_their_tenants_and_methods,
    a_callers_deadline_is_kept,
    too_many_calls_are_turned_away,
);

const PHONE: &str = "+14155552671";

async fn strangers_are_unauthenticated(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    for token in [
        "",
        "wrong-token-0123456789",
        &OPERATOR[1..],
        &format!("{OPERATOR}0"),
    ] {
        let client = gateway.client(token).await;
        let told = [
            client.send(order(PHONE)).await.unwrap_err(),
            client.delivery(TENANT, "dlv_0").await.unwrap_err(),
            client
                .page(ListDeliveriesRequest::default())
                .await
                .unwrap_err(),
            client.explain(order(PHONE)).await.unwrap_err(),
        ];
        for status in told {
            let fault = fault(&status, Code::Unauthenticated);
            assert_eq!(fault.reason, Reason::Unauthenticated);
        }
    }
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn clients_keep_to_their_tenants_and_methods(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let (billing, operator) = (
        gateway.client(BILLING).await,
        gateway.client(OPERATOR).await,
    );
    let mut other = order(PHONE);
    other.tenant = OTHER_TENANT.into();
    let theirs = operator.send(other.clone()).await.unwrap().delivery_id;
    let ours = billing.send(order(PHONE)).await.unwrap().delivery_id;

    let list = |tenant: &str| {
        let mut request = ListDeliveriesRequest::default();
        tenant.clone_into(&mut request.tenant);
        request
    };
    let mut nobodys = order(PHONE);
    nobodys.tenant = "nobody".into();
    for status in [
        billing.send(other).await.unwrap_err(),
        billing.send(nobodys).await.unwrap_err(),
        billing.page(list(OTHER_TENANT)).await.unwrap_err(),
        billing.delivery(OTHER_TENANT, &theirs).await.unwrap_err(),
        billing.explain(order(PHONE)).await.unwrap_err(),
    ] {
        let fault = fault(&status, Code::PermissionDenied);
        assert_eq!(fault.reason, Reason::NotAllowed);
    }
    // Of another tenant's delivery nothing is said but that there is none.
    for (client, tenant, id) in [
        (&billing, TENANT, &theirs),
        (&operator, OTHER_TENANT, &ours),
    ] {
        let status = client.delivery(tenant, id).await.unwrap_err();
        assert_eq!(fault(&status, Code::NotFound).reason, Reason::NotFound);
    }
    assert_eq!(
        billing.delivery(TENANT, &ours).await.unwrap().delivery_id,
        ours
    );
    let mine = billing.page(list(TENANT)).await.unwrap().deliveries;
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].delivery_id, ours);
}

async fn a_callers_deadline_is_kept(mode: Mode) {
    let vendor = Vendor::that(Act::Hang).await;
    let plan = TestGateway::plan(mode).await;
    let plan = plan.with("providers.hangs", vendor.settings("10s"));
    let gateway = plan.sms_by(&["hangs"]).start().await;
    let client = gateway.client(OPERATOR).await;
    // Too short for any attempt: nothing is sent.
    let (answer, took) = timed(&client, PHONE, 300).await;
    let told = fault(&answer.unwrap_err(), Code::DeadlineExceeded);
    assert_eq!(told.reason, Reason::DeadlineExceeded);
    assert!(took < Duration::from_millis(300) + GRACE, "{took:?}");
    assert_eq!(vendor.requests(), 0);
    // Long enough for one, which is still in doubt when the time is over.
    let (answer, took) = timed(&client, "+14155552672", 900).await;
    let answer = answer.unwrap();
    assert_eq!(answer.state(), DeliveryState::Unconfirmed);
    assert!(answer.delivery_id.starts_with("dlv_"));
    assert!(took < Duration::from_millis(900) + GRACE, "{took:?}");
    assert_eq!(vendor.requests(), 1);
}

async fn too_many_calls_are_turned_away(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode)
        .await
        .with("providers.held", vendor.settings("5s"));
    let plan = plan.with("grpc.max_in_flight", json!(2));
    let gateway = plan.sms_by(&["held"]).start().await;
    let client = gateway.client(OPERATOR).await;
    let third = async {
        vendor.has_seen(2).await;
        let status = client.send(order("+14155552673")).await.unwrap_err();
        assert_eq!(fault(&status, Code::Unavailable).reason, Reason::Overloaded);
        vendor.release();
    };
    let (one, two, ()) = tokio::join!(
        client.send(order(PHONE)),
        client.send(order("+14155552672")),
        third
    );
    assert_eq!(one.unwrap().state(), DeliveryState::Accepted);
    assert_eq!(two.unwrap().state(), DeliveryState::Accepted);
    assert_eq!(vendor.requests(), 2);
}

type Sent = Result<SendOtpResponse, Status>;

async fn timed(client: &Client, phone: &str, millis: u64) -> (Sent, Duration) {
    let clock = Clock::system();
    let began = clock.now();
    let answer = client
        .send_within(order(phone), Duration::from_millis(millis))
        .await;
    (answer, clock.now() - began)
}
