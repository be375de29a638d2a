//! What a person's profile at Okta decides, and what becomes of a hook when Okta does not say.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate::{
    clock::Clock,
    pb::v1::{Channel, Delivery, DeliveryState, SetPreferenceRequest},
};

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::GRACE,
    plan::{OPERATOR, OTHER_TENANT, TENANT},
    users::{Health, Users},
};

in_both_modes!(
    who_opted_in_gets_whatsapp_at_the_hooks_number,
    a_stored_preference_goes_before_the_profile,
    okta_away_means_the_usual_channel_in_time,
    a_resend_does_not_ask_again,
    a_reload_takes_the_look_up_up,
);

const LOOKUPS: &str = "otp_okta_profile_lookups_total";
/// `answer_within` where nothing else is configured.
const ANSWER_WITHIN: Duration = Duration::from_millis(2400);

fn user(phone: &str) -> String {
    format!("00u-{}", phone.trim_start_matches('+'))
}

/// A gateway that carries every channel, whose tenant looks at profiles in this org.
async fn gateway(mode: Mode, users: &Users) -> TestGateway {
    let plan = TestGateway::plan(mode).await;
    let profile = format!("tenants.{TENANT}.okta.profile");
    plan.with_every_channel()
        .with(&profile, users.settings())
        .start()
        .await
}

async fn hook(gateway: &TestGateway, phone: &str) -> Delivery {
    let answer = gateway.hook(&Hook::to(phone)).await;
    assert!(answer.is_delivered(), "{answer:?}");
    gateway.delivery_to(phone, DeliveryState::Accepted).await
}

fn took(delivery: &Delivery) -> Vec<(Channel, &str)> {
    let attempts = delivery.attempts.iter();
    attempts
        .map(|one| (one.channel(), &*one.provider))
        .collect()
}

async fn who_opted_in_gets_whatsapp_at_the_hooks_number(mode: Mode) {
    let users = Users::start().await;
    let gateway = gateway(mode, &users).await;
    let cases: [(&str, Value, (Channel, &str)); 5] = [
        (
            "+819012345601",
            json!({ "whatsappOptIn": true }),
            (Channel::Whatsapp, "whatsapp-stub"),
        ),
        (
            "+819012345602",
            json!({ "whatsappOptIn": false }),
            (Channel::Sms, "twilio-sim"),
        ),
        ("+819012345603", json!({}), (Channel::Sms, "twilio-sim")),
        (
            "+819012345604",
            json!({ "otpChannels": ["whatsapp"] }),
            (Channel::Whatsapp, "whatsapp-stub"),
        ),
        // A call was not promised.
        (
            "+819012345605",
            json!({ "otpChannels": ["voice"] }),
            (Channel::Sms, "twilio-sim"),
        ),
    ];
    for (phone, profile, expect) in cases {
        users.add(&user(phone), profile);
        let delivery = hook(&gateway, phone).await;
        assert_eq!(took(&delivery), [expect], "{phone}");
        // `delivery_to` found it by the hook's number: the profile's was not used.
    }
    // A person whom Okta does not know.
    assert_eq!(
        took(&hook(&gateway, "+819012345606").await),
        [(Channel::Sms, "twilio-sim")]
    );
    let counted = |outcome| gateway.counted(LOOKUPS, &[("outcome", outcome)]);
    assert_eq!((counted("found"), counted("missing")), (5, 1));
    // Another tenant's hooks do not ask this one's org.
    let asked = users.asked().len();
    gateway
        .hook(&Hook::to("+819012345607").of(OTHER_TENANT))
        .await;
    assert_eq!(users.asked().len(), asked);
}

async fn a_stored_preference_goes_before_the_profile(mode: Mode) {
    let users = Users::start().await;
    let gateway = gateway(mode, &users).await;
    let phone = "+819012345611";
    users.add(&user(phone), json!({ "whatsappOptIn": true }));
    let stored = SetPreferenceRequest {
        tenant: TENANT.to_owned(),
        user_id: user(phone),
        channels: vec![Channel::Sms.into()],
        ..SetPreferenceRequest::default()
    };
    gateway
        .client(OPERATOR)
        .await
        .set_preference(stored)
        .await
        .unwrap();
    assert_eq!(
        took(&hook(&gateway, phone).await),
        [(Channel::Sms, "twilio-sim")]
    );
}

async fn okta_away_means_the_usual_channel_in_time(mode: Mode) {
    let users = Users::start().await;
    let gateway = gateway(mode, &users).await;
    for (phone, health, outcome) in [
        ("+819012345621", Health::Hangs, "late"),
        ("+819012345622", Health::Broken, "failed"),
    ] {
        users.add(&user(phone), json!({ "whatsappOptIn": true }));
        users.becomes(health);
        let begun = now();
        let delivery = hook(&gateway, phone).await;
        assert!(now() - begun < ANSWER_WITHIN + GRACE);
        assert_eq!(took(&delivery), [(Channel::Sms, "twilio-sim")], "{outcome}");
        assert_eq!(gateway.counted(LOOKUPS, &[("outcome", outcome)]), 1);
    }
}

async fn a_resend_does_not_ask_again(mode: Mode) {
    let users = Users::start().await;
    let gateway = gateway(mode, &users).await;
    let phone = "+819012345631";
    users.add(&user(phone), json!({ "whatsappOptIn": true }));
    for _ in 0..2 {
        assert!(gateway.hook(&Hook::to(phone)).await.is_delivered());
    }
    assert_eq!(users.asked(), [user(phone)]);
    assert_eq!(gateway.counted(LOOKUPS, &[("outcome", "kept")]), 1);
}

async fn a_reload_takes_the_look_up_up(mode: Mode) {
    let users = Users::start().await;
    let plan = TestGateway::plan(mode).await.with_every_channel();
    let mut gateway = plan.start().await;
    let phone = "+819012345641";
    users.add(&user(phone), json!({ "whatsappOptIn": true }));
    assert_eq!(
        took(&hook(&gateway, phone).await),
        [(Channel::Sms, "twilio-sim")]
    );
    let profile = format!("tenants.{TENANT}.okta.profile");
    let plan = gateway.plan.clone().with(&profile, users.settings());
    gateway.reload(plan);
    gateway.every_part_reloaded(1).await;
    let phone = "+819012345642";
    users.add(&user(phone), json!({ "whatsappOptIn": true }));
    assert_eq!(
        took(&hook(&gateway, phone).await),
        [(Channel::Whatsapp, "whatsapp-stub")]
    );
    // The same org is asked in the same way: what is in memory stays, whatever else changes.
    let mut longer = users.settings();
    longer["keep"] = json!("10m");
    let plan = gateway
        .plan
        .clone()
        .with(&profile, longer)
        .with("guard.number_policy", json!("enforce"));
    gateway.reload(plan);
    gateway.every_part_reloaded(2).await;
    assert!(gateway.hook(&Hook::to(phone)).await.is_delivered());
    assert_eq!(users.asked(), [user(phone)]);
}

fn now() -> Instant {
    Clock::system().now()
}
