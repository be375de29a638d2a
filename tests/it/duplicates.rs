//! One key is one message: copies at once, copies later, and copies after a restart get the first one's answer.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tollgate::{error::Reason, pb::v1::DeliveryState};
use tonic::Code;

use crate::support::{
    client::{fault, order},
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    plan::{BILLING, OPERATOR, OTHER_TENANT},
    vendor::{Act, Vendor},
};

in_both_modes!(
    twenty_copies_at_once_are_one_message,
    a_copy_whose_time_runs_out_is_told_of_a_doubt,
    a_later_copy_gets_the_first_answer,
    a_copy_after_a_restart_gets_the_first_answer,
    a_failure_may_be_tried_again,
    one_key_is_for_one_number_and_code,
    keys_of_tenants_and_clients_are_their_own,
    a_body_without_an_id_is_known_by_what_it_says,
);

const PHONE: &str = "+819012345678";

async fn twenty_copies_at_once_are_one_message(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode).await.with_vendor("held", &vendor);
    let plan = plan.with("providers.held.timeout", json!("2300ms"));
    let gateway = plan.sms_by(&["held"]).start().await;
    let hook = Hook::to(PHONE);
    let copies = join_all((0..20).map(|_| gateway.hook(&hook)));
    let release = async {
        vendor.has_seen(1).await;
        gateway
            .has_counted("otp_idempotent_replays_total", &[], 19)
            .await;
        vendor.release();
    };
    let (answers, ()) = tokio::join!(copies, release);
    for answer in &answers {
        assert!(answer.is_delivered());
        assert_eq!(answer.reply.body, answers[0].reply.body);
    }
    assert_eq!(vendor.requests(), 1);
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    assert_eq!(delivery.delivery_id, answers[0].id());
    assert_eq!(delivery.attempts.len(), 1);
}

async fn a_copy_whose_time_runs_out_is_told_of_a_doubt(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode).await;
    let plan = plan.with("providers.held", vendor.settings("9s"));
    let gateway = plan.sms_by(&["held"]).start().await;
    let (client, order) = (gateway.client(OPERATOR).await, order(PHONE));
    let copy = async {
        vendor.has_seen(1).await;
        let within = Duration::from_millis(300);
        let copy = client.send_within(order.clone(), within).await.unwrap();
        assert_eq!(copy.state(), DeliveryState::Unconfirmed);
        vendor.release();
        copy.delivery_id
    };
    let (first, told) = tokio::join!(client.send(order.clone()), copy);
    let first = first.unwrap();
    assert_eq!(first.state(), DeliveryState::Accepted);
    assert_eq!(first.delivery_id, told);
    assert_eq!(client.send(order).await.unwrap(), first);
    assert_eq!(vendor.requests(), 1);
}

async fn a_later_copy_gets_the_first_answer(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::to(PHONE);
    let first = gateway.hook(&hook).await;
    let later = gateway.hook(&hook).await;
    assert!(first.is_delivered());
    assert_eq!(later.reply.body, first.reply.body);
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
}

async fn a_copy_after_a_restart_gets_the_first_answer(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let sent = Hook::to(PHONE);
    // The simulator takes this one and closes the connection: nobody knows.
    let lost = Hook::to("+14155550008");
    let refused = Hook::to("+33612345678");
    let mut before = Vec::new();
    for hook in [&sent, &lost, &refused] {
        before.push(gateway.hook(hook).await);
    }
    assert!(before[1].metadata().contains("state=unconfirmed"));
    assert!(before[2].metadata().contains("reason=country_not_allowed"));
    let gateway = gateway.restart().await;
    for (hook, before) in [&sent, &lost, &refused].into_iter().zip(&before) {
        assert_eq!(gateway.hook(hook).await.reply.body, before.reply.body);
    }
    assert_eq!(gateway.twilio().inbox().counts().seen, 2);
    assert_eq!(
        gateway.hook(&sent.code("111222")).await.reason(),
        "INVALID_REQUEST"
    );
    assert_eq!(gateway.twilio().inbox().counts().seen, 2);
}

async fn a_failure_may_be_tried_again(mode: Mode) {
    let vendor = Vendor::script([Act::Answer(429, "", "{}"), Act::Accept]).await;
    let plan = TestGateway::plan(mode).await.with_vendor("busy", &vendor);
    let gateway = plan.sms_by(&["busy"]).start().await;
    let hook = Hook::to(PHONE);
    assert_eq!(gateway.hook(&hook).await.reason(), "DELIVERY_FAILED");
    assert!(gateway.hook(&hook).await.is_delivered());
    assert_eq!(vendor.requests(), 2);
    // Released in the ledger too, or the second would not have been let in there.
    assert_eq!(gateway.deliveries_to(PHONE).await.len(), 2);
}

async fn one_key_is_for_one_number_and_code(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::to(PHONE);
    assert!(gateway.hook(&hook).await.is_delivered());
    let number = json!("+819012345679");
    for other in [
        hook.clone().code("111222"),
        hook.clone().profile("phoneNumber", number),
    ] {
        assert_eq!(gateway.hook(&other).await.reason(), "INVALID_REQUEST");
    }
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
    // The same number in another writing is the same number.
    let writing = json!("81 90-1234-5678");
    let same = hook.profile("phoneNumber", writing);
    assert!(gateway.hook(&same).await.is_delivered());
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
}

async fn keys_of_tenants_and_clients_are_their_own(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::to(PHONE);
    assert!(gateway.hook(&hook).await.is_delivered());
    assert!(
        gateway
            .hook(&hook.clone().of(OTHER_TENANT))
            .await
            .is_delivered()
    );
    assert_eq!(gateway.twilio().inbox().counts().seen, 2);
    let mut order = order(PHONE);
    order.idempotency_key = hook.body["eventId"].as_str().unwrap().into();
    for token in [OPERATOR, BILLING] {
        gateway
            .client(token)
            .await
            .send(order.clone())
            .await
            .unwrap();
    }
    assert_eq!(gateway.twilio().inbox().counts().seen, 4);
    order.passcode.as_mut().unwrap().code = "111222".into();
    let status = gateway
        .client(OPERATOR)
        .await
        .send(order)
        .await
        .unwrap_err();
    let fault = fault(&status, Code::InvalidArgument);
    assert_eq!(fault.reason, Reason::IdempotencyMismatch);
}

async fn a_body_without_an_id_is_known_by_what_it_says(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::fixture("hook-as-the-whatsapp-guide-names-it.json");
    let first = gateway.hook(&hook).await;
    assert_eq!(gateway.hook(&hook).await.reply.body, first.reply.body);
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
    assert!(gateway.hook(&hook.code("111222")).await.is_delivered());
    assert_eq!(gateway.twilio().inbox().counts().seen, 2);
}
