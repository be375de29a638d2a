//! Deliveries as they are found again: by id, by what is known of them, and page by page.

use prost_types::Timestamp;
use tollgate::{
    clock::Clock,
    error::Reason,
    pb::v1::{
        Channel, Delivery, DeliveryFilter, DeliveryState, Family, ListDeliveriesRequest, Outcome,
        Purpose, SendOtpRequest,
    },
};
use tonic::Code;

use crate::support::{
    client::{Client, fault, order},
    gateway::TestGateway,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{OPERATOR, OTHER_TENANT, TENANT},
};

in_both_modes!(
    a_delivery_is_read_as_it_went,
    filters_add_up,
    pages_follow_each_other,
    a_bad_question_is_named,
);

async fn a_delivery_is_read_as_it_went(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut asked = order("+14155552671");
    asked.reference = "order-7".into();
    asked.purpose = Purpose::PasswordReset.into();
    asked.requested_family = Family::Message.into();
    let sent = client.send(asked).await.unwrap();
    assert_eq!(sent.state(), DeliveryState::Accepted);
    assert_eq!(
        (sent.channel(), &*sent.provider),
        (Channel::Sms, "twilio-sim")
    );
    assert_eq!(sent.attempts.len(), 1);
    let read = accepted(&client, &sent.delivery_id).await;
    assert_eq!(read.tenant, TENANT);
    assert_eq!(read.reference, "order-7");
    assert_eq!(read.masked_phone_number, "+1********71");
    assert_eq!(read.country, "US");
    assert_eq!(read.purpose(), Purpose::PasswordReset);
    assert_eq!(read.requested_family(), Family::Message);
    assert_eq!(read.outcome(), Outcome::Unknown);
    assert!(read.reason.is_empty() && read.decision_id.is_empty());
    let (created, updated) = (read.created_at.unwrap(), read.updated_at.unwrap());
    assert!((created.seconds, created.nanos) <= (updated.seconds, updated.nanos));
    let attempt = &read.attempts[0];
    assert_eq!(attempt.ordinal, 1);
    assert_eq!(
        attempt.provider_message_id,
        gateway.twilio().inbox().list()[0].sid
    );
    assert_eq!(attempt.provider_message_id, sent.provider_message_id);
    assert_eq!(attempt.attempt_id, sent.attempts[0].attempt_id);
    assert!(attempt.took.is_some() && attempt.failure.is_empty());
}

async fn filters_add_up(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let send = async |phone: &str, user: &str, reference: &str| {
        let mut asked = order(phone);
        asked.recipient.as_mut().unwrap().user_id = user.into();
        asked.reference = reference.into();
        let sent = client.send(asked).await;
        a_millisecond_passes().await;
        sent.map_or_else(|_| String::new(), |sent| sent.delivery_id)
    };
    let (one, two) = ("+14155550101", "+14155550102");
    let first = send(one, "mina", "a").await;
    let second = send(two, "mina", "b").await;
    let third = send(one, "jun", "b").await;
    // Refused, so that there is another state too.
    send("+33612345678", "jun", "a").await;
    let mut other = order(one);
    other.tenant = OTHER_TENANT.into();
    client.send(other).await.unwrap();
    for id in [&first, &second, &third] {
        accepted(&client, id).await;
    }
    let list = async |filter: DeliveryFilter| ids(&client.list(TENANT, filter).await);
    let by = |phone: &str, user: &str, reference: &str| DeliveryFilter {
        phone_number: phone.to_owned(),
        user_id: user.to_owned(),
        reference: reference.to_owned(),
        ..DeliveryFilter::default()
    };
    until("the refused one", async || {
        (list(by("", "", "")).await.len() == 4).then_some(())
    })
    .await;
    assert_eq!(list(by(one, "", "")).await, [&*third, &first]);
    assert_eq!(list(by("+1 (415) 555-0102", "", "")).await, [&*second]);
    assert_eq!(list(by("", "mina", "")).await, [&*second, &first]);
    assert_eq!(list(by("", "", "b")).await, [&*third, &second]);
    assert_eq!(list(by(one, "jun", "b")).await, [&*third]);
    assert_eq!(list(by(two, "jun", "")).await, [""; 0]);
    assert_eq!(list(by("", "Mina", "")).await, [""; 0]);
    let states = |states: &[DeliveryState]| DeliveryFilter {
        states: states.iter().map(|state| (*state).into()).collect(),
        ..DeliveryFilter::default()
    };
    assert_eq!(list(states(&[DeliveryState::Refused])).await.len(), 1);
    let both = [DeliveryState::Refused, DeliveryState::Accepted];
    assert_eq!(list(states(&both)).await.len(), 4);
    assert_eq!(list(states(&[DeliveryState::Unconfirmed])).await.len(), 0);
    let second_at = client
        .delivery(TENANT, &second)
        .await
        .unwrap()
        .created_at
        .unwrap();
    let between = |after: Option<Timestamp>, before: Option<Timestamp>| DeliveryFilter {
        created_after: after,
        created_before: before,
        ..DeliveryFilter::default()
    };
    assert!(!list(between(Some(second_at), None)).await.contains(&first));
    assert!(list(between(Some(second_at), None)).await.contains(&second));
    assert_eq!(list(between(None, Some(second_at))).await, [&*first]);
}

async fn pages_follow_each_other(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut sent = Vec::new();
    for number in 0..5 {
        let answer = client.send(order(&format!("+141555501{number:02}"))).await;
        sent.insert(0, answer.unwrap().delivery_id);
        a_millisecond_passes().await;
    }
    let mut request = ListDeliveriesRequest {
        tenant: TENANT.to_owned(),
        page_size: 2,
        ..ListDeliveriesRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = client.page(request.clone()).await.unwrap();
        assert!(page.deliveries.len() <= 2);
        found.extend(ids(&page.deliveries));
        // What comes in meanwhile belongs to no later page.
        client.send(order("+14155550190")).await.unwrap();
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(found, sent);
}

async fn a_bad_question_is_named(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let request = ListDeliveriesRequest {
        page_size: 1001,
        page_token: "none".to_owned(),
        filter: Some(DeliveryFilter {
            phone_number: "nobody".to_owned(),
            states: vec![99],
            ..DeliveryFilter::default()
        }),
        ..ListDeliveriesRequest::default()
    };
    let told = fault(
        &client.page(request).await.unwrap_err(),
        Code::InvalidArgument,
    );
    let mut named: Vec<_> = told.violations.iter().map(|(field, _)| &**field).collect();
    named.sort_unstable();
    let expect = [
        "filter.phone_number",
        "filter.states",
        "page_size",
        "page_token",
        "tenant",
    ];
    assert_eq!(named, expect);
    let told = fault(
        &client.delivery(TENANT, "7").await.unwrap_err(),
        Code::InvalidArgument,
    );
    assert_eq!(told.violations[0].0, "delivery_id");
    let nobody = format!("dlv_{}", "0".repeat(32));
    let told = fault(
        &client.delivery(TENANT, &nobody).await.unwrap_err(),
        Code::NotFound,
    );
    assert_eq!(told.reason, Reason::NotFound);
    // The key alone is no recipient.
    let told = client
        .send(SendOtpRequest {
            recipient: None,
            ..order("")
        })
        .await;
    assert_eq!(
        fault(&told.unwrap_err(), Code::InvalidArgument).reason,
        Reason::InvalidRecipient
    );
}

async fn accepted(client: &Client, id: &str) -> Delivery {
    let accepted = async || {
        let delivery = client.delivery(TENANT, id).await.unwrap();
        (delivery.state() == DeliveryState::Accepted).then_some(delivery)
    };
    until("an accepted delivery", accepted).await
}

/// Deliveries are told apart by time to the millisecond; within one, their order is anybody's guess.
async fn a_millisecond_passes() {
    let clock = Clock::system();
    let now = clock.unix_ms();
    until("the clock", async || (clock.unix_ms() > now).then_some(())).await;
}

fn ids(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|one| one.delivery_id.clone())
        .collect()
}
