//! A changed configuration is taken up whole or not at all, and nothing is lost on the way.

use http::header;
use serde_json::json;
use tollgate::pb::v1::DeliveryState;

use crate::support::{
    client::order,
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{HOOK_SECRET, OPERATOR},
    vendor::{Act, Vendor},
};

in_both_modes!(
    a_new_tenant_is_served,
    a_bad_file_changes_nothing,
    a_secret_that_is_missing_changes_nothing,
    limits_keep_what_was_counted,
    a_send_under_way_ends_as_it_began,
    a_secret_in_a_file_is_followed,
    a_changed_file_is_noticed,
);

const PHONE: &str = "+819012345678";
const NEW_SECRET: &str = "another-secret-0123456789";
const RELOADS: &str = "otp_config_reloads_total";
const TAKEN: [(&str, &str); 1] = [("outcome", "taken")];
const REFUSED: [(&str, &str); 1] = [("outcome", "refused")];

async fn a_new_tenant_is_served(mode: Mode) {
    let mut gateway = TestGateway::plan(mode).await.start().await;
    let hook = Hook::to(PHONE).of("initech");
    assert_eq!(gateway.knock(&hook).await.status, 401);
    let tenant = json!({
        "countries": { "allow": ["JP"] },
        "okta": { "auth": { "secrets": [{ "env": "HOOK_SECRET" }] } },
    });
    let plan = gateway.plan.clone().with("tenants.initech", tenant);
    gateway.reload(plan);
    // In two parts, the adapter may know the tenant before the gateway does.
    let served = async || {
        let fresh = Hook::to(PHONE).of("initech");
        let reply = gateway.knock(&fresh).await;
        (reply.status == 200 && reply.text().contains("state=accepted")).then_some(())
    };
    until("the new tenant", served).await;
    assert_eq!(gateway.twilio().inbox().to(PHONE).len(), 1);
    let plan = gateway.plan.clone().with("tenants.initech", json!(null));
    gateway.reload(plan);
    let gone = async || (gateway.knock(&hook).await.status == 401).then_some(());
    until("the tenant's end", gone).await;
}

async fn a_bad_file_changes_nothing(mode: Mode) {
    let mut gateway = TestGateway::plan(mode).await.start().await;
    let before = gateway.plan.clone();
    // The tenant is right; what is wrong stands elsewhere.
    let tenant = json!({
        "countries": { "allow": ["JP"] },
        "okta": { "auth": { "secrets": [{ "env": "HOOK_SECRET" }] } },
    });
    let bad = before
        .clone()
        .with("tenants.initech", tenant)
        .with("log.level", json!("loud"));
    gateway.reload(bad);
    gateway.every_part_counted(RELOADS, &REFUSED).await;
    assert_eq!(
        gateway.knock(&Hook::to(PHONE).of("initech")).await.status,
        401
    );
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
    assert_eq!(gateway.counted(RELOADS, &TAKEN), 0);
    gateway.reload(before);
    gateway.every_part_counted(RELOADS, &TAKEN).await;
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
}

async fn a_secret_that_is_missing_changes_nothing(mode: Mode) {
    let mut gateway = TestGateway::plan(mode).await.start().await;
    let nowhere = json!({ "env": "NOT_SET" });
    let bad = gateway.plan.clone();
    let bad = bad
        .with("tenants.acme.okta.auth.secrets", json!([nowhere]))
        .with("providers.twilio-sim.auth_token", nowhere);
    gateway.reload(bad);
    gateway.every_part_counted(RELOADS, &REFUSED).await;
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
}

async fn limits_keep_what_was_counted(mode: Mode) {
    let mut gateway = TestGateway::plan(mode).await.start().await;
    for _ in 0..6 {
        let answer = gateway.hook(&Hook::to(PHONE)).await;
        assert!(answer.metadata().ends_with("state=accepted"));
    }
    let plan = gateway
        .plan
        .clone()
        .with("tenants.acme.brand", json!("Acme"));
    gateway.reload(plan);
    gateway.every_part_counted(RELOADS, &TAKEN).await;
    let seventh = gateway.hook(&Hook::to(PHONE)).await;
    assert_eq!(seventh.metadata(), "state=limited;reason=rate_limited");
    assert_eq!(gateway.twilio().inbox().counts().seen, 6);
}

async fn a_send_under_way_ends_as_it_began(mode: Mode) {
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode)
        .await
        .with("providers.held", vendor.settings("2300ms"));
    let mut gateway = plan.sms_by(&["held"]).start().await;
    let client = gateway.client(OPERATOR).await;
    let sending = client.send(order(PHONE));
    let reload = async {
        vendor.has_seen(1).await;
        let plan = gateway
            .plan
            .clone()
            .sms_by(&["twilio-sim"])
            .with("providers.held", json!(null));
        gateway.reload(plan);
        gateway.every_part_counted(RELOADS, &TAKEN).await;
        vendor.release();
    };
    let (sent, ()) = tokio::join!(sending, reload);
    let sent = sent.unwrap();
    assert_eq!(
        (sent.state(), &*sent.provider),
        (DeliveryState::Accepted, "held")
    );
    assert!(gateway.hook(&Hook::to("+14155552671")).await.is_delivered());
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
    assert_eq!(vendor.requests(), 1);
}

async fn a_secret_in_a_file_is_followed(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let file = plan.world().path("hook-secret");
    std::fs::write(&file, format!("{HOOK_SECRET}\n")).unwrap();
    let plan = plan.with("tenants.acme.okta.auth.secrets", json!([{ "file": file }]));
    let gateway = plan.start().await;
    let old = Hook::to(PHONE);
    let new = Hook::to(PHONE).showing(header::AUTHORIZATION, NEW_SECRET);
    assert!(gateway.hook(&old).await.is_delivered());
    assert_eq!(gateway.knock(&new).await.status, 401);
    std::fs::write(&file, NEW_SECRET).unwrap();
    let taken = async || (gateway.knock(&new).await.status == 200).then_some(());
    until("the new secret", taken).await;
    assert_eq!(gateway.knock(&old).await.status, 401);
    assert_eq!(gateway.counted(RELOADS, &[]), 0);
}

async fn a_changed_file_is_noticed(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let plan = gateway
        .plan
        .clone()
        .with("tenants.acme.okta.failover", json!("disabled"));
    gateway.rewrite(&plan);
    let told = async || {
        let reply = gateway.knock(&Hook::to("+33612345678")).await;
        reply.text().contains("COUNTRY_NOT_ALLOWED").then_some(())
    };
    until("the changed file", told).await;
}
