//! Providers that are slow, busy or late: the next step waits for none of them longer than there is time.

use std::time::Duration;

use serde_json::json;
use tollgate::pb::v1::{Delivery, DeliveryState};

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::GRACE,
    vendor::{Act, MESSAGE_ID, Vendor},
};

in_both_modes!(
    a_provider_that_asks_for_a_moment_gets_it,
    two_that_hang_are_answered_in_time,
    a_late_answer_is_recorded,
    a_provider_with_all_its_slots_taken_is_passed_over,
);

const PHONE: &str = "+14155552671";
const OTHER: &str = "+14155552672";

async fn a_provider_that_asks_for_a_moment_gets_it(mode: Mode) {
    let moment = Act::Answer(429, "retry-after: 1\r\n", "{}");
    let vendor = Vendor::script([moment, Act::Accept]).await;
    let plan = TestGateway::plan(mode).await.with_vendor("busy", &vendor);
    let gateway = plan.sms_by(&["busy", "twilio-sim"]).start().await;
    let answer = gateway.hook(&Hook::to(PHONE)).await;
    assert!(answer.is_delivered());
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    assert_eq!(asked(&delivery), ["busy", "busy"]);
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn two_that_hang_are_answered_in_time(mode: Mode) {
    let (one, two) = (
        Vendor::that(Act::Hang).await,
        Vendor::that(Act::HangUnread).await,
    );
    let plan = TestGateway::plan(mode).await;
    // Each alone would take longer than there is time.
    let plan = plan
        .with("providers.one", one.settings("10s"))
        .with("providers.two", two.settings("10s"))
        .with("tenants.acme.okta.answer_within", json!("1200ms"));
    let gateway = plan.sms_by(&["one", "two", "twilio-sim"]).start().await;
    let answer = gateway.hook(&Hook::to(PHONE)).await;
    assert!(answer.is_delivered());
    assert!(
        answer.reply.took < Duration::from_millis(1200) + GRACE,
        "{:?}",
        answer.reply.took
    );
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Unconfirmed).await;
    assert_eq!(asked(&delivery), ["one", "two"]);
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn a_late_answer_is_recorded(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode).await.with_vendor("late", &vendor);
    let gateway = plan.sms_by(&["late"]).start().await;
    let hook = Hook::to(PHONE);
    let answer = gateway.hook(&hook).await;
    assert_eq!(
        answer.metadata(),
        "channel=sms;attempts=1;state=unconfirmed"
    );
    vendor.release();
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    let attempt = &delivery.attempts[0];
    assert_eq!(attempt.state(), DeliveryState::Accepted);
    assert_eq!(attempt.provider_message_id, MESSAGE_ID);
    // It still says why dispatch moved on.
    assert_eq!(attempt.failure, "ambiguous");
    let late = [("provider", "late"), ("outcome", "accepted")];
    gateway
        .has_counted("otp_provider_late_answers_total", &late, 1)
        .await;
    assert!(gateway.hook(&hook).await.is_delivered());
    assert_eq!(vendor.requests(), 1);
}

async fn a_provider_with_all_its_slots_taken_is_passed_over(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode).await;
    let plan = plan
        .with("providers.small", vendor.settings("2s"))
        .with("providers.small.concurrency", json!(1));
    let gateway = plan.sms_by(&["small", "twilio-sim"]).start().await;
    let held = Hook::to(PHONE);
    let others = async {
        vendor.has_seen(1).await;
        assert!(gateway.hook(&Hook::to(OTHER)).await.is_delivered());
        let delivery = gateway.delivery_to(OTHER, DeliveryState::Accepted).await;
        assert_eq!(asked(&delivery), ["twilio-sim"]);
        vendor.release();
    };
    let (answer, ()) = tokio::join!(gateway.hook(&held), others);
    assert!(answer.is_delivered());
    assert_eq!(vendor.requests(), 1);
}

/// The providers that were asked, in order.
fn asked(delivery: &Delivery) -> Vec<&str> {
    delivery.attempts.iter().map(|one| &*one.provider).collect()
}
