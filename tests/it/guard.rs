//! What is refused costs nothing, is answered so that Okta does not send it either, and leaves a bounded trace.

use futures_util::{StreamExt, stream};
use rusqlite::Connection;
use serde_json::json;
use tollgate::{
    error::Reason,
    pb::v1::{DeliveryFilter, DeliveryState},
};
use tonic::Code;

use crate::support::{
    client::{fault, order},
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{OPERATOR, OTHER_TENANT, TENANT},
};

in_both_modes!(
    a_country_that_is_not_served_is_refused,
    a_premium_number_is_refused,
    a_refusal_is_told_where_okta_does_not_send_itself,
    ten_writings_of_a_number_share_a_limit,
    a_limit_says_when_it_has_room_again,
    a_limit_is_told_where_okta_does_not_send_itself,
    a_flood_leaves_few_rows,
    a_rule_in_shadow_only_watches,
);

const FRENCH: &str = "+33612345678";
const PREMIUM: &str = "+19002345678";
const PHONE: &str = "+14155552671";

/// The same number, as people write it.
const WRITINGS: [&str; 10] = [
    "+14155552671",
    "+1 415 555 2671",
    "+1 (415) 555-2671",
    "+1-415-555-2671",
    "+1.415.555.2671",
    " +1415 5552671 ",
    "+1(415)5552671",
    "14155552671",
    "1 415-555-2671",
    "+1 415.555-2671",
];

async fn a_country_that_is_not_served_is_refused(mode: Mode) {
    refused(mode, FRENCH, "country", Reason::CountryNotAllowed).await;
}

async fn a_premium_number_is_refused(mode: Mode) {
    refused(mode, PREMIUM, "number_type", Reason::NumberTypeNotAllowed).await;
}

/// Refused at both doors, with a decision, and recorded.
async fn refused(mode: Mode, phone: &str, rule: &str, reason: Reason) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let answer = gateway.hook(&Hook::to(phone)).await;
    assert!(answer.is_delivered() && answer.id().starts_with("dec_"));
    assert_eq!(
        answer.metadata(),
        format!("state=refused;reason={}", reason.as_str())
    );
    let delivery = gateway.delivery_to(phone, DeliveryState::Refused).await;
    assert_eq!(delivery.reason, reason.as_str());
    assert_eq!(delivery.decision_id, answer.id());
    assert!(delivery.attempts.is_empty());
    let status = gateway
        .client(OPERATOR)
        .await
        .send(order(phone))
        .await
        .unwrap_err();
    let fault = fault(&status, Code::PermissionDenied);
    assert_eq!(fault.reason, reason);
    assert_eq!(fault.metadata["rule"], rule);
    assert!(fault.metadata["decision_id"].starts_with("dec_"));
    assert!(fault.metadata["delivery_id"].starts_with("dlv_"));
    assert_eq!(fault.retry_after, None);
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    let labels = [("rule", rule), ("mode", "enforce")];
    gateway
        .has_counted("otp_guard_refusals_total", &labels, 2)
        .await;
}

async fn a_refusal_is_told_where_okta_does_not_send_itself(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let gateway = plan
        .with("tenants.acme.okta.failover", json!("disabled"))
        .start()
        .await;
    let answer = gateway.hook(&Hook::to(FRENCH)).await;
    assert_eq!(answer.reason(), "COUNTRY_NOT_ALLOWED");
    let answer = gateway.hook(&Hook::to(PREMIUM)).await;
    assert_eq!(answer.reason(), "NUMBER_TYPE_NOT_ALLOWED");
}

async fn ten_writings_of_a_number_share_a_limit(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    for (index, writing) in WRITINGS.into_iter().enumerate() {
        let answer = gateway.hook(&Hook::to(writing)).await;
        assert!(answer.is_delivered());
        let sent = answer.metadata().ends_with("state=accepted");
        assert_eq!(sent, index < 6, "{index}: {}", answer.metadata());
        if !sent {
            assert_eq!(answer.metadata(), "state=limited;reason=rate_limited");
            assert!(answer.id().starts_with("dec_"));
        }
    }
    assert_eq!(gateway.twilio().inbox().to(PHONE).len(), 6);
    assert_eq!(gateway.twilio().inbox().counts().seen, 6);
}

async fn a_limit_says_when_it_has_room_again(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    for writing in &WRITINGS[..6] {
        client.send(order(writing)).await.unwrap();
    }
    let seventh = order(PHONE);
    for _ in 0..2 {
        // A refusal with a time keeps no key: the same one may be tried again.
        let status = client.send(seventh.clone()).await.unwrap_err();
        let fault = fault(&status, Code::ResourceExhausted);
        assert_eq!(fault.reason, Reason::RateLimited);
        assert_eq!(fault.metadata["rule"], "destination_10m");
        // Six in ten minutes come back one every hundred seconds.
        let wait = fault.retry_after.unwrap();
        assert!((60..=100).contains(&wait.as_secs()), "{wait:?}");
    }
    // Another number, and the same one for another tenant, have room.
    client.send(order("+14155552672")).await.unwrap();
    let mut other = order(PHONE);
    other.tenant = OTHER_TENANT.into();
    client.send(other).await.unwrap();
}

async fn a_limit_is_told_where_okta_does_not_send_itself(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let plan = plan.with("tenants.acme.okta.failover", json!("disabled"));
    let limit = json!([{ "name": "once", "key": "destination", "count": 1, "per": "10m" }]);
    let gateway = plan.with("guard.limits", limit).start().await;
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
    let answer = gateway.hook(&Hook::to(PHONE)).await;
    assert_eq!(answer.reason(), "TOO_MANY_REQUESTS");
    assert_eq!(
        answer.text(),
        "Too many codes were requested. Try again in 10 minutes."
    );
}

async fn a_flood_leaves_few_rows(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let flood = stream::iter(0..1000).map(|number| {
        let hook = Hook::to(&format!("+336{number:08}"));
        let gateway = &gateway;
        async move { gateway.hook(&hook).await.is_delivered() }
    });
    assert!(
        flood
            .buffer_unordered(32)
            .all(async |delivered| delivered)
            .await
    );
    let client = gateway.client(OPERATOR).await;
    let rows = async || {
        let filter = DeliveryFilter {
            states: vec![DeliveryState::Refused.into()],
            ..DeliveryFilter::default()
        };
        client.list(TENANT, filter).await.len()
    };
    until("the flood's rows", async || {
        (rows().await == 10).then_some(())
    })
    .await;
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    let plan = gateway.stop().await;
    // All are written now: ten of their own, and the minute's one for the others.
    let ledger = Connection::open(plan.world().path("ledger.db")).unwrap();
    let sql = "SELECT (SELECT count(*) FROM deliveries), count(*), sum(count) FROM decisions";
    let counts = ledger.query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
    let [deliveries, decisions, refused]: [i64; 3] = counts.unwrap();
    assert_eq!([deliveries, decisions, refused], [10, 11, 1000]);
}

async fn a_rule_in_shadow_only_watches(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let limit = json!([
        { "name": "watched", "key": "destination", "count": 1, "per": "10m", "mode": "shadow" },
    ]);
    let plan = plan.with("guard.limits", limit);
    let gateway = plan
        .with("guard.number_policy", json!("shadow"))
        .start()
        .await;
    for _ in 0..2 {
        assert!(gateway.hook(&Hook::to(FRENCH)).await.is_delivered());
    }
    assert_eq!(gateway.twilio().inbox().to(FRENCH).len(), 2);
    for (rule, count) in [("country", 2), ("watched", 1)] {
        let labels = [("rule", rule), ("mode", "shadow")];
        let counted = gateway.counted("otp_guard_refusals_total", &labels);
        assert_eq!(counted, count, "{rule}");
    }
    gateway
        .has_counted("otp_requests_total", &[("outcome", "accepted")], 2)
        .await;
    assert_eq!(gateway.deliveries_to(FRENCH).await.len(), 2);
}
