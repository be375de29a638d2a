//! Whether codes were used, as Okta's event hook and services say it: joined to deliveries, kept, and no more than a signal.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};
use tollgate::{
    clock::Clock,
    config::{outbound, secret::Secret},
    error::Reason,
    outbound::Outbound,
    pb::v1::{Delivery, DeliveryState, Family, Outcome, ReportOutcomeRequest},
    sandbox::hook::{
        Credential, Options, Purpose,
        events::{self, Entered, Told},
    },
};
use tonic::Code;

use crate::support::{
    client::{fault, order},
    gateway::TestGateway,
    hook::Hook,
    http::Reply,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{BILLING, HOOK_SECRET, OPERATOR, OTHER_TENANT, TENANT},
};

in_both_modes!(
    a_code_that_is_entered_is_joined_to_its_delivery,
    a_wrong_code_and_then_the_right_one,
    a_challenge_is_echoed_without_a_credential,
    events_in_any_order_and_number_count_once,
    what_is_no_event_of_ours_changes_nothing,
    another_tenants_events_do_not_reach_ours,
    a_service_reports_by_delivery_or_person,
    a_report_names_every_bad_field,
    a_restart_forgets_no_outcome,
    a_recovery_by_email_vouches_for_no_enrolment,
    a_verified_user_is_not_refused_in_an_attack_on_their_range,
);

const PHONE: &str = "+14155550123";
const USER: &str = "00u-14155550123";

impl TestGateway {
    fn events_url(&self, tenant: &str) -> String {
        self.hook_url(tenant).replace("/telephony", "/events")
    }

    /// Posts this to a tenant's event hook.
    async fn events(&self, tenant: &str, secret: &str, body: String) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, secret.parse().unwrap());
        let url = self.events_url(tenant);
        let call = self.http.call(Method::POST, &url, headers, body.into());
        call.await.unwrap()
    }

    /// The simulated Okta says what a person has entered.
    async fn entered(&self, user: &str, purpose: Purpose, entered: Entered) -> Told {
        let credential = Credential::Header {
            name: "authorization".to_owned(),
            value: Secret::fixed(HOOK_SECRET),
        };
        let options = Options {
            user: user.to_owned(),
            purpose,
            ..Options::new(&self.hook_url(TENANT), credential, PHONE)
        };
        let outbound = Outbound::new(&outbound::Outbound::default(), None).unwrap();
        let told = events::enter(&options, entered, &outbound, &Clock::system()).await;
        told.unwrap()
    }

    /// The only delivery to a number once it has this outcome.
    async fn outcome_of(&self, phone: &str, outcome: Outcome) -> Delivery {
        let found = async || {
            let mut all = self.deliveries_to(phone).await;
            assert_eq!(all.len(), 1);
            all.pop().filter(|delivery| delivery.outcome() == outcome)
        };
        until(outcome.as_str_name(), found).await
    }
}

fn event(uuid: &str, user: &str, result: &str) -> Value {
    json!({
        "uuid": uuid,
        "published": format!("{:.3}", jiff::Timestamp::now()),
        "eventType": "user.authentication.auth_via_mfa",
        "actor": { "id": user, "type": "User" },
        "outcome": { "result": result },
        "debugContext": { "debugData": { "factor": "SMS_FACTOR" } },
    })
}

fn body(events: &[Value]) -> String {
    json!({ "data": { "events": events } }).to_string()
}

fn taken(reply: &Reply) {
    assert_eq!(reply.status, 204);
    assert!(reply.body.is_empty());
}

async fn a_code_that_is_entered_is_joined_to_its_delivery(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    for purpose in [Purpose::SignIn, Purpose::Enrollment, Purpose::PasswordReset] {
        let phone = format!("+1415555012{}", purpose as u8);
        let hook = Hook::to(&phone);
        let user = hook.body["data"]["userProfile"]["userId"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(gateway.hook(&hook).await.is_delivered());
        let told = gateway.entered(&user, purpose, Entered::Right).await;
        assert!(told.is_good(), "{told}");
        let delivery = gateway.outcome_of(&phone, Outcome::Verified).await;
        assert_eq!(delivery.state(), DeliveryState::Accepted);
    }
    let labels = [
        ("tenant", TENANT),
        ("outcome", "verified"),
        ("match", "matched"),
    ];
    gateway.has_counted("otp_outcomes_total", &labels, 3).await;
    let sent = [("tenant", TENANT), ("family", "message")];
    assert_eq!(gateway.counted("otp_codes_sent_total", &sent), 3);
}

async fn a_wrong_code_and_then_the_right_one(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    gateway.hook(&Hook::to(PHONE)).await;
    gateway.entered(USER, Purpose::SignIn, Entered::Wrong).await;
    gateway.outcome_of(PHONE, Outcome::Failed).await;
    gateway.entered(USER, Purpose::SignIn, Entered::Right).await;
    gateway.outcome_of(PHONE, Outcome::Verified).await;
    gateway.entered(USER, Purpose::SignIn, Entered::Wrong).await;
    let labels = [
        ("tenant", TENANT),
        ("outcome", "failed"),
        ("match", "known"),
    ];
    gateway.has_counted("otp_outcomes_total", &labels, 1).await;
    gateway.outcome_of(PHONE, Outcome::Verified).await;
}

async fn a_challenge_is_echoed_without_a_credential(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    for tenant in [TENANT, "nobody"] {
        let mut headers = HeaderMap::new();
        headers.insert("x-okta-verification-challenge", "4b5e".parse().unwrap());
        let url = gateway.events_url(tenant);
        let call = gateway
            .http
            .call(Method::GET, &url, headers, Bytes::default());
        let reply = call.await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(&reply.body[..], br#"{"verification":"4b5e"}"#);
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    }
}

async fn events_in_any_order_and_number_count_once(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    gateway.hook(&Hook::to(PHONE)).await;
    let right = event("right", USER, "SUCCESS");
    let wrong = event("wrong", USER, "FAILURE");
    let other = json!({ "uuid": "x", "eventType": "user.session.start" });
    let batch = [right.clone(), other, wrong.clone(), right.clone()];
    taken(&gateway.events(TENANT, HOOK_SECRET, body(&batch)).await);
    taken(
        &gateway
            .events(TENANT, HOOK_SECRET, body(&[wrong, right]))
            .await,
    );
    gateway.outcome_of(PHONE, Outcome::Verified).await;
    let counted = |outcome| {
        let labels = [("tenant", TENANT), ("outcome", outcome)];
        gateway.counted("otp_okta_events_total", &labels)
    };
    assert_eq!([counted("verified"), counted("failed")], [1, 1]);
    assert_eq!([counted("other"), counted("duplicate")], [1, 3]);
}

async fn what_is_no_event_of_ours_changes_nothing(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    gateway.hook(&Hook::to(PHONE)).await;
    let right = body(&[event("1", USER, "SUCCESS")]);
    let stranger = gateway.events(TENANT, "wrong", right.clone()).await;
    let nobody = gateway.events("nobody", HOOK_SECRET, right.clone()).await;
    assert_eq!((stranger.status, nobody.status), (401, 401));
    assert_eq!(stranger.body, nobody.body);
    let too_large = format!("{right}{}", " ".repeat(1024 * 1024));
    assert_eq!(
        gateway.events(TENANT, HOOK_SECRET, too_large).await.status,
        413
    );
    for garbage in ["", "{", "[]", "code=482913"] {
        let reply = gateway
            .events(TENANT, HOOK_SECRET, garbage.to_owned())
            .await;
        assert_eq!(reply.status, 400, "{garbage}");
    }
    taken(&gateway.events(TENANT, HOOK_SECRET, "{}".to_owned()).await);
    let strangers = body(&[event("2", "00u-stranger", "SUCCESS")]);
    taken(&gateway.events(TENANT, HOOK_SECRET, strangers).await);
    let labels = [("tenant", TENANT), ("match", "unmatched")];
    gateway.has_counted("otp_outcomes_total", &labels, 1).await;
    gateway.outcome_of(PHONE, Outcome::Unknown).await;
    // The largest that is taken, with the event that counts at its end.
    let filler = json!({ "a": "x".repeat(1024 * 1024 - 1000) });
    let wide = body(&[filler, event("3", USER, "SUCCESS")]);
    taken(&gateway.events(TENANT, HOOK_SECRET, wide).await);
    gateway.outcome_of(PHONE, Outcome::Verified).await;
}

async fn another_tenants_events_do_not_reach_ours(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    gateway.hook(&Hook::to(PHONE)).await;
    let right = body(&[event("1", USER, "SUCCESS")]);
    taken(&gateway.events(OTHER_TENANT, HOOK_SECRET, right).await);
    let labels = [("tenant", OTHER_TENANT), ("match", "unmatched")];
    gateway.has_counted("otp_outcomes_total", &labels, 1).await;
    let delivery = gateway.outcome_of(PHONE, Outcome::Unknown).await;
    let by_id = ReportOutcomeRequest {
        tenant: OTHER_TENANT.to_owned(),
        delivery_id: delivery.delivery_id,
        ..report("2")
    };
    let client = gateway.client(OPERATOR).await;
    let status = client.report(by_id).await.unwrap_err();
    assert_eq!(fault(&status, Code::NotFound).reason, Reason::NotFound);
    gateway.outcome_of(PHONE, Outcome::Unknown).await;
}

/// A report that does not yet say on what.
fn report(key: &str) -> ReportOutcomeRequest {
    ReportOutcomeRequest {
        tenant: TENANT.to_owned(),
        idempotency_key: key.to_owned(),
        outcome: Outcome::Verified.into(),
        ..ReportOutcomeRequest::default()
    }
}

async fn a_service_reports_by_delivery_or_person(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let plan = plan.with_methods_of_billing(json!(["SendOtp", "ReportOutcome"]));
    let gateway = plan.start().await;
    let client = gateway.client(BILLING).await;
    let sent = client.send(order(PHONE)).await.unwrap();
    let by_number = ReportOutcomeRequest {
        phone_number: PHONE.to_owned(),
        family: Family::Message.into(),
        outcome: Outcome::Failed.into(),
        ..report("1")
    };
    for _ in 0..2 {
        let answer = client.report(by_number.clone()).await.unwrap();
        assert_eq!(answer.delivery_id, sent.delivery_id);
        assert_eq!(answer.outcome(), Outcome::Failed);
    }
    let by_id = ReportOutcomeRequest {
        delivery_id: sent.delivery_id.clone(),
        ..report("2")
    };
    let answer = client.report(by_id.clone()).await.unwrap();
    assert_eq!(answer.outcome(), Outcome::Verified);
    gateway.outcome_of(PHONE, Outcome::Verified).await;
    let mut voice = by_number.clone();
    "3".clone_into(&mut voice.idempotency_key);
    voice.family = Family::Voice.into();
    let answer = client.report(voice).await.unwrap();
    assert_eq!(
        (&*answer.delivery_id, answer.outcome()),
        ("", Outcome::Unspecified)
    );
    // The same key for something else, another tenant, and another method.
    let reused = ReportOutcomeRequest {
        idempotency_key: "1".to_owned(),
        ..by_id.clone()
    };
    let status = client.report(reused).await.unwrap_err();
    assert_eq!(
        fault(&status, Code::InvalidArgument).reason,
        Reason::IdempotencyMismatch
    );
    let theirs = ReportOutcomeRequest {
        tenant: OTHER_TENANT.to_owned(),
        ..by_id.clone()
    };
    let status = client.report(theirs).await.unwrap_err();
    assert_eq!(
        fault(&status, Code::PermissionDenied).reason,
        Reason::NotAllowed
    );
    let plan = gateway
        .plan
        .clone()
        .with_methods_of_billing(json!(["SendOtp"]));
    let mut gateway = gateway;
    gateway.reload(plan);
    gateway.every_part_reloaded(1).await;
    let status = client.report(by_id).await.unwrap_err();
    assert_eq!(
        fault(&status, Code::PermissionDenied).reason,
        Reason::NotAllowed
    );
}

async fn a_report_names_every_bad_field(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let bad = ReportOutcomeRequest {
        tenant: "nobody".to_owned(),
        phone_number: "12".to_owned(),
        family: 9,
        ..ReportOutcomeRequest::default()
    };
    let status = client.report(bad).await.unwrap_err();
    let fault = fault(&status, Code::InvalidArgument);
    let fields: Vec<_> = fault.violations.iter().map(|(field, _)| &**field).collect();
    let all = [
        "tenant",
        "idempotency_key",
        "outcome",
        "phone_number",
        "family",
    ];
    assert_eq!(fields, all);
}

async fn a_restart_forgets_no_outcome(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    gateway.hook(&Hook::to(PHONE)).await;
    let gateway = gateway.restart().await;
    gateway.entered(USER, Purpose::SignIn, Entered::Right).await;
    gateway.outcome_of(PHONE, Outcome::Verified).await;
    let gateway = gateway.restart().await;
    gateway.outcome_of(PHONE, Outcome::Verified).await;
    gateway.entered(USER, Purpose::SignIn, Entered::Wrong).await;
    let labels = [("tenant", TENANT), ("match", "known")];
    gateway.has_counted("otp_outcomes_total", &labels, 1).await;
    gateway.outcome_of(PHONE, Outcome::Verified).await;
}

/// A phone that is being enrolled: anybody may ask for that.
fn enrolling(phone: &str) -> Hook {
    Hook::to(phone).with(
        "/requestType",
        json!("com.okta.user.telephony.pre-enrollment"),
    )
}

async fn a_recovery_by_email_vouches_for_no_enrolment(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    assert!(gateway.hook(&enrolling(PHONE)).await.is_delivered());
    let mut reset = event("1", USER, "SUCCESS");
    reset["eventType"] = json!("user.account.reset_password");
    reset["target"] = json!([{ "id": USER, "type": "User" }]);
    taken(&gateway.events(TENANT, HOOK_SECRET, body(&[reset])).await);
    let labels = [("tenant", TENANT), ("match", "unmatched")];
    gateway.has_counted("otp_outcomes_total", &labels, 1).await;
    gateway.outcome_of(PHONE, Outcome::Unknown).await;
}

async fn a_verified_user_is_not_refused_in_an_attack_on_their_range(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let user = "+14155551999";
    let was_sent = async |phone: &str| {
        let answer = gateway.hook(&enrolling(phone)).await;
        assert!(answer.is_delivered());
        answer.metadata().ends_with("state=accepted")
    };
    assert!(was_sent(user).await);
    let told = gateway
        .entered("00u-14155551999", Purpose::Enrollment, Entered::Right)
        .await;
    assert!(told.is_good());
    gateway.outcome_of(user, Outcome::Verified).await;
    let (mut attack, mut mine) = (0, 0);
    for number in 1000..1060 {
        attack += u32::from(was_sent(&format!("+1415555{number}")).await);
        if number % 12 == 11 {
            mine += u32::from(was_sent(user).await);
        }
    }
    assert_eq!(mine, 5);
    assert!(attack <= 12, "{attack} of 60 went out");
    // Also after a restart it is known who is real, and who is not.
    let gateway = gateway.restart().await;
    let was_sent = async |hook: Hook| {
        let answer = gateway.hook(&hook).await;
        answer.metadata().ends_with("state=accepted")
    };
    assert!(was_sent(Hook::to(user)).await);
    assert!(!was_sent(enrolling("+14155551060")).await);
}

/// What Okta was told is taken in reaches a gateway that was away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_for_a_gateway_that_is_away() {
    let mut gateway = TestGateway::plan(Mode::Split).await.start().await;
    gateway.hook(&Hook::to(PHONE)).await;
    let address = gateway.sender().addresses.grpc.unwrap();
    gateway.back.take().unwrap().stop().await;
    taken(
        &gateway
            .events(TENANT, HOOK_SECRET, body(&[event("1", USER, "SUCCESS")]))
            .await,
    );
    let plan = gateway
        .plan
        .clone()
        .with("grpc.listen", json!(address.to_string()));
    let back =
        crate::support::part::Part::start(tollgate::app::Role::Gateway, plan.write("gateway.yaml"));
    gateway.back = Some(
        tokio::time::timeout(Duration::from_secs(30), back)
            .await
            .unwrap(),
    );
    gateway.outcome_of(PHONE, Outcome::Verified).await;
}
