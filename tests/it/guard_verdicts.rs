//! What the guard sends another way, or not at all, stays that way: no later step, last resort or failover of Okta's goes
//! around it.

use serde_json::{Value, json};
use tollgate::{
    error::Reason,
    pb::v1::{
        Channel, Consequence, DeliveryState, GetStandingRequest, ListDecisionsRequest, Purpose,
        SendOtpRequest, get_standing_request::Subject,
    },
};
use tonic::Code;

use crate::support::{
    client::{Client, fault, order},
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{OPERATOR, Plan, TENANT},
};

in_both_modes!(
    a_deflected_code_goes_by_whatsapp_and_never_by_sms,
    a_deflection_that_reaches_nobody_is_a_refusal,
    a_budget_refuses_and_okta_does_not_send_it_either,
    where_okta_does_not_send_itself_it_is_told,
    each_org_may_be_answered_as_it_wishes,
    money_that_is_spent_sends_nothing_more,
    a_closed_range_shows_in_its_standing,
);

/// A number of the range that is attacked.
fn victim(number: usize) -> String {
    format!("+8190123401{number:02}")
}

/// An enrolment, as anybody may ask for.
fn enrolment(phone: &str) -> SendOtpRequest {
    SendOtpRequest {
        purpose: Purpose::Enrollment.into(),
        ..order(phone)
    }
}

/// Little is let out to strangers.
fn strict(plan: Plan) -> Plan {
    let budget = json!({ "floor": 2, "share": 1.0 });
    plan.with("guard.budgets.range_10k", budget)
}

/// Attacks the range until it is closed; says how many codes were let out.
async fn close_range(client: &Client) -> usize {
    for number in 0..60 {
        if client.send(enrolment(&victim(number))).await.is_err() {
            return number;
        }
    }
    panic!("the range does not close");
}

async fn decisions(client: &Client, consequence: Consequence) -> Vec<String> {
    let request = ListDecisionsRequest {
        tenant: TENANT.to_owned(),
        ..ListDecisionsRequest::default()
    };
    let (decisions, _) = client.decisions(request).await.unwrap();
    let wanted = decisions
        .into_iter()
        .filter(|one| one.consequence() == consequence);
    wanted.map(|one| one.decision_id).collect()
}

async fn a_deflected_code_goes_by_whatsapp_and_never_by_sms(mode: Mode) {
    let plan = strict(TestGateway::plan(mode).await.with_every_channel());
    let plan = plan.with("guard.deflect.line", json!("nobody"));
    let gateway = plan.start().await;
    let client = gateway.client(OPERATOR).await;
    close_range(&client).await;
    let let_out = gateway.twilio().inbox().counts().seen;
    let opted_in = SendOtpRequest {
        profile_channels: vec![Channel::Sms.into(), Channel::Whatsapp.into()],
        ..enrolment(&victim(70))
    };
    let explained = client.explain(opted_in.clone()).await.unwrap();
    assert!(explained.would_send, "{explained:?}");
    assert_eq!(explained.route.len(), 1, "{explained:?}");
    assert_eq!(explained.route[0].channel(), Channel::Whatsapp);
    let answer = client.send(opted_in).await.unwrap();
    assert_eq!(answer.channel(), Channel::Whatsapp);
    let delivery = client.delivery(TENANT, &answer.delivery_id).await.unwrap();
    let deflected = until("the decision", async || {
        let mut deflected = decisions(&client, Consequence::Deflected).await;
        deflected.pop()
    });
    assert_eq!(delivery.decision_id, deflected.await);
    assert_eq!(gateway.twilio().inbox().counts().seen, let_out);
    gateway
        .has_counted("otp_guard_deflections_total", &[], 1)
        .await;
}

async fn a_deflection_that_reaches_nobody_is_a_refusal(mode: Mode) {
    // Everybody is offered what no route serves, and the last resort would be an SMS.
    let plan = strict(TestGateway::plan(mode).await);
    let plan = plan.with("guard.deflect", json!({ "whatsapp": "all", "line": "all" }));
    let gateway = plan.start().await;
    let client = gateway.client(OPERATOR).await;
    close_range(&client).await;
    let let_out = gateway.twilio().inbox().counts().seen;
    let wishes_whatsapp = SendOtpRequest {
        profile_channels: vec![Channel::Whatsapp.into()],
        ..enrolment(&victim(70))
    };
    let explained = client.explain(wishes_whatsapp.clone()).await.unwrap();
    assert_eq!(explained.reason, Reason::BudgetExhausted.as_str());
    let status = client.send(wishes_whatsapp).await.unwrap_err();
    let refused = fault(&status, Code::ResourceExhausted);
    assert_eq!(refused.reason, Reason::BudgetExhausted);
    assert!(refused.metadata["decision_id"].starts_with("dec_"));
    assert_eq!(gateway.twilio().inbox().counts().seen, let_out);
}

async fn a_budget_refuses_and_okta_does_not_send_it_either(mode: Mode) {
    let gateway = strict(TestGateway::plan(mode).await).start().await;
    let client = gateway.client(OPERATOR).await;
    close_range(&client).await;
    let let_out = gateway.twilio().inbox().counts().seen;
    let answer = gateway.hook(&enrolling(&victim(70))).await;
    assert!(answer.is_delivered());
    assert!(answer.id().starts_with("dec_"));
    assert_eq!(answer.metadata(), "state=refused;reason=budget_exhausted");
    assert_eq!(gateway.twilio().inbox().counts().seen, let_out);
    let delivery = gateway
        .delivery_to(&victim(70), DeliveryState::Refused)
        .await;
    assert_eq!(delivery.decision_id, answer.id());
    // Another range, and a person who signs in, are none of it.
    client.send(enrolment("+819098765432")).await.unwrap();
    client.send(order(&victim(71))).await.unwrap_err();
    let signs_in = SendOtpRequest {
        purpose: Purpose::SignIn.into(),
        ..order(&victim(72))
    };
    client.send(signs_in).await.unwrap();
}

/// Okta's hook for an enrolment.
fn enrolling(phone: &str) -> Hook {
    Hook::to(phone).with(
        "/requestType",
        json!("com.okta.user.telephony.pre-enrollment"),
    )
}

async fn where_okta_does_not_send_itself_it_is_told(mode: Mode) {
    let plan = strict(TestGateway::plan(mode).await);
    let plan = plan.with("tenants.acme.okta.failover", json!("disabled"));
    let gateway = plan.start().await;
    close_range(&gateway.client(OPERATOR).await).await;
    let answer = gateway.hook(&enrolling(&victim(70))).await;
    assert_eq!(answer.reason(), "CODES_HELD_BACK");
}

async fn each_org_may_be_answered_as_it_wishes(mode: Mode) {
    let answers = json!({ "refused": "error", "limited": "error" });
    let plan = strict(TestGateway::plan(mode).await);
    let once = json!([{ "name": "once", "key": "user", "count": 1, "per": "10m" }]);
    let plan = plan
        .with("tenants.acme.okta.answers", answers)
        .with("guard.limits", once);
    let gateway = plan.start().await;
    close_range(&gateway.client(OPERATOR).await).await;
    let answer = gateway.hook(&enrolling(&victim(70))).await;
    assert_eq!(answer.reason(), "CODES_HELD_BACK");
    let once = gateway.hook(&enrolling("+819098765432")).await;
    assert!(once.is_delivered());
    let answer = gateway.hook(&enrolling("+819098765432")).await;
    assert_eq!(answer.reason(), "TOO_MANY_REQUESTS");
}

async fn money_that_is_spent_sends_nothing_more(mode: Mode) {
    let money = json!({ "per_day": "0.02", "unknown_price": "0.01" });
    let plan = TestGateway::plan(mode).await.with("guard.money", money);
    let gateway = plan.start().await;
    let client = gateway.client(OPERATOR).await;
    for number in 0..2 {
        client
            .send(order(&format!("+1415555267{number}")))
            .await
            .unwrap();
    }
    let status = client.send(order("+14155552679")).await.unwrap_err();
    let refused = fault(&status, Code::ResourceExhausted);
    assert_eq!(refused.reason, Reason::SpendingCapped);
    assert!(refused.retry_after.is_some());
    let answer = gateway.hook(&Hook::to("+14155552678")).await;
    assert!(answer.is_delivered());
    assert_eq!(answer.metadata(), "state=refused;reason=spending_capped");
    assert_eq!(gateway.twilio().inbox().counts().seen, 2);
}

async fn a_closed_range_shows_in_its_standing(mode: Mode) {
    let gateway = strict(TestGateway::plan(mode).await).start().await;
    let client = gateway.client(OPERATOR).await;
    let ask = async |subject: Subject| {
        let request = GetStandingRequest {
            tenant: TENANT.to_owned(),
            subject: Some(subject),
        };
        client.standing(request).await.unwrap()
    };
    let subjects = || {
        [
            (Subject::PhoneNumber(victim(99)), "+81********99"),
            (Subject::Range("+81901234".to_owned()), "+81901234"),
        ]
    };
    let closed = async |subject| {
        let standings = ask(subject).await.standings;
        standings.iter().any(|one| one.closed_until.is_some())
    };
    for (subject, told) in subjects() {
        assert_eq!(ask(subject.clone()).await.subject, told);
        assert!(!closed(subject).await);
    }
    close_range(&client).await;
    for (subject, _) in subjects() {
        assert!(closed(subject.clone()).await, "{:?}", ask(subject).await);
    }
    let others = [
        Subject::Country("JP".to_owned()),
        Subject::UserId("somebody".to_owned()),
        Subject::ClientIp("203.0.113.7".to_owned()),
    ];
    for subject in others {
        assert!(!closed(subject).await);
    }
    let explained = client.explain(order(&victim(98))).await.unwrap();
    assert_eq!(explained.reason, Reason::BudgetExhausted.as_str());
    let unsaid: Value = json!(explained.explanation);
    assert!(!unsaid.to_string().contains("+8190"), "{unsaid}");
}
