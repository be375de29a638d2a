//! What may be asked of the contract, and what is said of a request that cannot be sent.

use std::collections::BTreeSet;

use prost_types::Duration as WireDuration;
use serde_json::json;
use tollgate::{
    error::Reason,
    pb::v1::{Channel, DeliveryFilter, DeliveryState, SendOtpRequest},
};
use tonic::{Code, Status};

use crate::support::{
    client::{fault, order},
    gateway::TestGateway,
    mode::{Mode, in_both_modes},
    plan::{OPERATOR, TENANT},
};

in_both_modes!(
    every_bad_field_is_named_at_once,
    errors_say_what_a_caller_can_act_on,
    a_dry_run_leaves_no_trace,
    a_route_is_explained,
);

const PHONE: &str = "+14155552671";

async fn every_bad_field_is_named_at_once(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut bad = order("0123");
    let recipient = bad.recipient.as_mut().unwrap();
    recipient.line_user_id = "U12".into();
    recipient.user_id = "u".repeat(257);
    let passcode = bad.passcode.as_mut().unwrap();
    passcode.code = "48 29 13".into();
    passcode.valid_for = Some(WireDuration {
        seconds: 3601,
        nanos: 0,
    });
    bad.idempotency_key = String::new();
    bad.reference = "r".repeat(257);
    bad.message = "é".repeat(1601);
    bad.locale = "not a language".into();
    bad.purpose = 99;
    bad.requested_family = 99;
    bad.channels = vec![1, 1];
    bad.profile_channels = vec![99];
    bad.client_ip = "nowhere".into();
    bad.attributes = (0..33).map(|n| (n.to_string(), String::new())).collect();
    let status = client.send(bad).await.unwrap_err();
    let fault = fault(&status, Code::InvalidArgument);
    assert_eq!(fault.reason, Reason::InvalidRequest);
    let named: BTreeSet<_> = fault.violations.iter().map(|(field, _)| &**field).collect();
    let expect = [
        "recipient.phone_number",
        "recipient.user_id",
        "recipient.line_user_id",
        "passcode.code",
        "passcode.valid_for",
        "idempotency_key",
        "reference",
        "message",
        "locale",
        "purpose",
        "requested_family",
        "channels",
        "profile_channels",
        "client_ip",
        "attributes",
    ];
    assert_eq!(named, BTreeSet::from(expect));
    assert_eq!(fault.violations.len(), expect.len());
    let status = client.send(SendOtpRequest::default()).await.unwrap_err();
    let named = violations(&status);
    let expect = [
        "idempotency_key",
        "passcode.code",
        "recipient.phone_number",
        "tenant",
    ];
    assert_eq!(named, BTreeSet::from(expect.map(str::to_owned)));
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

async fn errors_say_what_a_caller_can_act_on(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let uk_only = json!([{ "channel": "sms", "countries": ["GB"], "try": ["twilio-sim"] }]);
    let gateway = plan.with("routes", uk_only).start().await;
    let client = gateway.client(OPERATOR).await;
    let send = async |order, code| fault(&client.send(order).await.unwrap_err(), code);

    let mut unknown = order(PHONE);
    unknown.tenant = "nobody".into();
    let told = send(unknown, Code::InvalidArgument).await;
    assert_eq!(told.violations[0].0, "tenant");

    let told = send(order("+1415555"), Code::InvalidArgument).await;
    assert_eq!(told.reason, Reason::InvalidRecipient);

    let told = send(order(PHONE), Code::FailedPrecondition).await;
    assert_eq!(told.reason, Reason::NoRoute);
    assert!(told.metadata["delivery_id"].starts_with("dlv_"));

    let mut expired = order("+447400123456");
    expired.passcode.as_mut().unwrap().valid_for = Some(WireDuration::default());
    let told = send(expired, Code::FailedPrecondition).await;
    assert_eq!(told.reason, Reason::CodeExpired);

    // The simulator knows this one as opted out, and that one as busy.
    let told = send(order("+447400120002"), Code::FailedPrecondition).await;
    assert_eq!(told.reason, Reason::RecipientUnreachable);
    let told = send(order("+447400120003"), Code::Unavailable).await;
    assert_eq!(told.reason, Reason::ProvidersFailed);
    let told = send(order("+447400120005"), Code::PermissionDenied).await;
    assert_eq!(told.reason, Reason::ProviderFraudBlock);
}

async fn a_dry_run_leaves_no_trace(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut dry = order(PHONE);
    dry.dry_run = true;
    for _ in 0..20 {
        let answer = client.send(dry.clone()).await.unwrap();
        assert_eq!(answer.state(), DeliveryState::Unspecified);
        assert_eq!(answer.channel(), Channel::Sms);
        assert_eq!(answer.provider, "twilio-sim");
        assert!(answer.delivery_id.is_empty() && answer.attempts.is_empty());
    }
    let mut refused = order("+33612345678");
    refused.dry_run = true;
    let status = client.send(refused).await.unwrap_err();
    let told = fault(&status, Code::PermissionDenied);
    assert_eq!(told.reason, Reason::CountryNotAllowed);
    assert!(
        client
            .list(TENANT, DeliveryFilter::default())
            .await
            .is_empty()
    );
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    // Neither the key nor the limit of six was used.
    dry.dry_run = false;
    dry.passcode.as_mut().unwrap().code = "111222".into();
    client.send(dry).await.unwrap();
    for _ in 0..5 {
        client.send(order(PHONE)).await.unwrap();
    }
    client.send(order(PHONE)).await.unwrap_err();
}

async fn a_route_is_explained(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut asked = order(PHONE);
    asked.idempotency_key = String::new();
    asked.passcode = None;
    asked.channels = vec![Channel::Voice.into(), Channel::Sms.into()];
    let explained = client.explain(asked).await.unwrap();
    assert!(explained.would_send && explained.reason.is_empty());
    let steps: Vec<_> = explained
        .route
        .iter()
        .map(|s| (s.channel(), &*s.provider))
        .collect();
    assert_eq!(
        steps,
        [(Channel::Voice, "voice-stub"), (Channel::Sms, "twilio-sim")]
    );
    assert!(!explained.explanation.is_empty());
    let explained = client.explain(order("+33612345678")).await.unwrap();
    assert!(!explained.would_send && explained.route.is_empty());
    assert_eq!(explained.reason, "country_not_allowed");
    let status = client.explain(order("nobody")).await.unwrap_err();
    assert_eq!(
        violations(&status),
        BTreeSet::from(["request.recipient.phone_number".to_owned()])
    );
    assert!(
        client
            .list(TENANT, DeliveryFilter::default())
            .await
            .is_empty()
    );
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
}

fn violations(status: &Status) -> BTreeSet<String> {
    let fault = fault(status, Code::InvalidArgument);
    fault
        .violations
        .into_iter()
        .map(|(field, _)| field)
        .collect()
}
