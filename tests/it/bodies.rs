//! Every body that was ever seen ends in the right request at the right provider.

use serde_json::{Value, json};
use tollgate::pb::v1::{Channel, Delivery, DeliveryState, Family, Purpose};

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{OPERATOR, TENANT},
};

in_both_modes!(
    every_text_ends_at_the_sms_provider,
    a_call_ends_at_the_voice_provider,
    a_preview_is_answered_without_a_send,
    a_preview_is_sent_when_that_is_wanted,
);

/// Bodies that ask for a text, the number each is for, and seconds that its code lives.
const TEXTS: [(&str, &str, u32); 5] = [
    ("hook.json", "+819012345678", 295),
    ("hook-both-names.json", "+819012345678", 295),
    ("hook-numbers-for-strings.json", "+819012345678", 295),
    (
        "hook-as-the-whatsapp-guide-names-it.json",
        "+819012345678",
        300,
    ),
    (
        "hook-as-the-workflows-guide-names-it.json",
        "+819012345679",
        300,
    ),
];
const VOICE: &str = "hook-voice.json";
const PREVIEW: &str = "hook-preview.json";

async fn every_text_ends_at_the_sms_provider(mode: Mode) {
    for (body, number, life) in TEXTS {
        let gateway = TestGateway::plan(mode).await.start().await;
        let hook = Hook::fixture(body);
        let answer = gateway.hook(&hook).await;
        assert!(answer.is_delivered(), "{body}");
        assert_eq!(answer.metadata(), "channel=sms;attempts=1;state=accepted");
        let messages = gateway.twilio().inbox().list();
        assert_eq!(messages.len(), 1, "{body}");
        let message = &messages[0];
        assert_eq!(message.to, number, "{body}");
        assert_eq!(message.body, "Your code is 482913", "{body}");
        assert_eq!(message.from, "+15005550006", "{body}");
        let validity = message.validity.unwrap();
        assert!((life - 5..=life).contains(&validity), "{body}: {validity}");
        let delivery = delivery(&gateway, answer.id()).await;
        assert_eq!(delivery.purpose(), Purpose::SignIn, "{body}");
        assert_eq!(delivery.requested_family(), Family::Message, "{body}");
        assert_eq!(delivery.country, "JP", "{body}");
        let asked = hook.body.pointer("/data/context/request/id");
        let asked = asked.and_then(Value::as_str).unwrap_or_default();
        assert_eq!(delivery.reference, asked, "{body}");
        let attempt = &delivery.attempts[0];
        assert_eq!(attempt.provider_message_id, message.sid, "{body}");
        gateway.stop().await;
    }
}

async fn a_call_ends_at_the_voice_provider(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let answer = gateway.hook(&Hook::fixture(VOICE)).await;
    assert!(answer.is_delivered());
    let delivery = delivery(&gateway, answer.id()).await;
    assert_eq!(delivery.requested_family(), Family::Voice);
    assert_eq!(delivery.purpose(), Purpose::AccountUnlock);
    assert_eq!(delivery.attempts.len(), 1);
    let attempt = &delivery.attempts[0];
    assert_eq!(attempt.channel(), Channel::Voice);
    assert_eq!(attempt.provider, "voice-stub");
    assert_eq!(attempt.state(), DeliveryState::Accepted);
    assert_eq!(
        attempt.provider_message_id,
        format!("stub-{}", attempt.attempt_id)
    );
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn a_preview_is_answered_without_a_send(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let answer = gateway.hook(&Hook::fixture(PREVIEW)).await;
    assert!(answer.is_delivered());
    assert_eq!(answer.id(), "preview");
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    assert!(gateway.deliveries_to("+819012345678").await.is_empty());
    assert!(gateway.counted("otp_okta_hook_previews_total", &[("tenant", TENANT)]) > 0);
}

async fn a_preview_is_sent_when_that_is_wanted(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let plan = plan.with("tenants.acme.okta.preview", json!("send"));
    let gateway = plan.start().await;
    let answer = gateway.hook(&Hook::fixture(PREVIEW)).await;
    assert!(answer.is_delivered());
    let messages = gateway.twilio().inbox().list();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].to, "+819012345678");
    assert_eq!(messages[0].body, "Your code is 11111");
    let delivery = delivery(&gateway, answer.id()).await;
    assert_eq!(delivery.purpose(), Purpose::Enrollment);
}

/// A body that is added to the folder must be added here too.
#[test]
fn no_body_is_forgotten() {
    let folder = std::fs::read_dir("tests/fixtures/okta").unwrap();
    let mut there: Vec<_> = folder
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut here: Vec<_> = TEXTS.map(|(body, ..)| body.to_owned()).to_vec();
    here.extend([VOICE.to_owned(), PREVIEW.to_owned()]);
    there.sort();
    here.sort();
    assert_eq!(there, here);
}

/// An accepted delivery as it is recorded.
async fn delivery(gateway: &TestGateway, id: &str) -> Delivery {
    let client = gateway.client(OPERATOR).await;
    let accepted = async || {
        let delivery = client.delivery(TENANT, id).await.unwrap();
        (delivery.state() == DeliveryState::Accepted).then_some(delivery)
    };
    until("an accepted delivery", accepted).await
}
