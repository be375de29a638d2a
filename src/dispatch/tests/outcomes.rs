//! Whether codes were used: reports find their deliveries, once each, also after a restart.

use std::{sync::Arc, time::Duration};

use super::house::{House, Plan, TENANT, delivery};
use crate::{
    dispatch::{
        outcome::{About, Joined, Report, ReportError},
        request::Request,
        standing::Whose,
    },
    domain::{
        channel::{Channel, Family},
        delivery::Outcome,
        failure::Failure,
        id::DeliveryId,
        phone::PhoneNumber,
        privacy::Private,
        purpose::Purpose,
    },
    store::Ledger,
};

use super::{moody::Mood, scripted::Act};

const ACCEPT: &[(&str, &[Act])] = &[("texts", &[Act::Accept, Act::Accept])];

/// A code for a person.
fn to_person(house: &House, key: &str) -> Request {
    Request {
        user: Some(Private::new("00u1")),
        ..house.request(key)
    }
}

fn report(key: &str, outcome: Outcome, about: About) -> Report {
    Report {
        tenant: TENANT.to_owned(),
        client: "okta".into(),
        idempotency_key: Private::new(key),
        outcome,
        about,
    }
}

fn person(family: Option<Family>) -> About {
    About::Person {
        user: Some(Private::new("00u1")),
        phone: None,
        family,
        purposes: Vec::new(),
        occurred_ms: None,
    }
}

async fn tell(house: &House, report: &Report) -> Option<Joined> {
    let told = house.dispatcher.report_outcome(report).await;
    told.expect("it is taken in")
}

/// The outcome of a delivery in the ledger.
async fn outcome(house: &House, id: DeliveryId) -> Outcome {
    house.record(id).await.row.outcome
}

/// How many destinations were verified.
async fn verified(house: &House) -> usize {
    house
        .ledger
        .verified(None, 100)
        .await
        .expect("it is there")
        .len()
}

#[tokio::test(start_paused = true)]
async fn the_last_code_of_a_person_is_the_one() {
    let house = House::sms(ACCEPT);
    let first = delivery(&house.send(to_person(&house, "a")).await);
    tokio::time::sleep(Duration::from_secs(31)).await;
    let second = delivery(&house.send(to_person(&house, "b")).await);
    let wrong = report("1", Outcome::Failed, person(Some(Family::Message)));
    let joined = tell(&house, &wrong).await;
    assert_eq!(
        joined,
        Some(Joined {
            delivery: second,
            outcome: Outcome::Failed
        })
    );
    assert_eq!(verified(&house).await, 0);
    let right = report("2", Outcome::Verified, person(None));
    for _ in 0..2 {
        let joined = tell(&house, &right).await;
        assert_eq!(
            joined,
            Some(Joined {
                delivery: second,
                outcome: Outcome::Verified
            })
        );
    }
    assert_eq!(outcome(&house, first).await, Outcome::Unknown);
    assert_eq!(outcome(&house, second).await, Outcome::Verified);
    assert_eq!(verified(&house).await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_fits_no_code_changes_nothing() {
    let house = House::sms(ACCEPT);
    let stranger = About::Person {
        user: Some(Private::new("00u2")),
        phone: None,
        family: None,
        purposes: Vec::new(),
        occurred_ms: None,
    };
    let id = delivery(&house.send(to_person(&house, "a")).await);
    let none = [
        report("1", Outcome::Verified, stranger),
        report("2", Outcome::Verified, person(Some(Family::Voice))),
    ];
    for report in &none {
        assert_eq!(tell(&house, report).await, None);
    }
    let early = About::Person {
        user: Some(Private::new("00u1")),
        phone: None,
        family: None,
        purposes: Vec::new(),
        occurred_ms: Some(id.unix_ms() - 60_000),
    };
    assert_eq!(
        tell(&house, &report("3", Outcome::Verified, early)).await,
        None
    );
    assert_eq!(outcome(&house, id).await, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn what_never_went_out_is_not_joined() {
    let house = House::sms(&[("texts", &[Act::Fail(Failure::Recipient)])]);
    assert!(house.send(to_person(&house, "a")).await.is_err());
    let right = report("1", Outcome::Verified, person(None));
    assert_eq!(tell(&house, &right).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_went_another_way_belongs_to_its_family() {
    let plan = Plan::sms(ACCEPT).and(Channel::Whatsapp, &[("chats", &[Act::Accept])]);
    let house = House::build(&plan);
    let chat = Request {
        channels: vec![Channel::Whatsapp],
        family: Some(Family::Message),
        ..to_person(&house, "a")
    };
    let id = delivery(&house.send(chat).await);
    let right = report("1", Outcome::Verified, person(Some(Family::Message)));
    assert_eq!(
        tell(&house, &right).await.map(|joined| joined.delivery),
        Some(id)
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_report() {
    let house = House::sms(ACCEPT);
    house
        .send(to_person(&house, "a"))
        .await
        .expect("it is sent");
    tell(&house, &report("1", Outcome::Failed, person(None))).await;
    let other = report("1", Outcome::Verified, person(None));
    let told = house.dispatcher.report_outcome(&other).await;
    assert!(matches!(told, Err(ReportError::KeyReused)));
    let elsewhere = Report {
        client: "billing".into(),
        ..other
    };
    assert!(tell(&house, &elsewhere).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_another_tenant_does_not_exist() {
    let house = House::sms(ACCEPT);
    let id = delivery(&house.send(to_person(&house, "a")).await);
    for (tenant, id) in [("umbrella", id), (TENANT, DeliveryId::new(&house.clock))] {
        let theirs = Report {
            tenant: tenant.to_owned(),
            ..report("1", Outcome::Verified, About::Delivery(id))
        };
        let told = house.dispatcher.report_outcome(&theirs).await;
        assert!(matches!(told, Err(ReportError::NotFound)));
    }
    let theirs = Report {
        tenant: "umbrella".to_owned(),
        ..report("2", Outcome::Verified, person(None))
    };
    assert_eq!(tell(&house, &theirs).await, None);
    assert_eq!(outcome(&house, id).await, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_new_process_finds_what_was_sent_and_what_was_used() {
    let plan = Plan::sms(ACCEPT);
    let before = House::build(&plan);
    let first = delivery(&before.send(to_person(&before, "a")).await);
    tell(&before, &report("1", Outcome::Verified, person(None))).await;
    // Sends of one millisecond have no order, and nobody asks twice within one.
    let now_ms = before.clock.unix_ms();
    while before.clock.unix_ms() == now_ms {
        std::thread::yield_now();
    }
    let second = delivery(&before.send(to_person(&before, "b")).await);
    let after = House::build(&plan);
    after
        .dispatcher
        .recover()
        .await
        .expect("the ledger is there");
    let joined = tell(&after, &report("2", Outcome::Verified, person(None))).await;
    assert_eq!(joined.map(|joined| joined.delivery), Some(second));
    let again = tell(
        &after,
        &report("3", Outcome::Failed, About::Delivery(first)),
    )
    .await;
    assert_eq!(again.map(|joined| joined.outcome), Some(Outcome::Verified));
}

/// Whether a number is known as verified.
fn is_known(house: &House, number: &str) -> bool {
    let number = PhoneNumber::parse(number).expect("a number");
    let (standings, _) = house.dispatcher.standing(TENANT, &Whose::Number(number));
    &*standings[0].rule == "verified" && standings[0].level == "yes"
}

async fn recovered(plan: &Plan) -> House {
    let house = House::build(plan);
    let recovered = house.dispatcher.recover().await;
    recovered.expect("the ledger is there");
    house
}

#[tokio::test(start_paused = true)]
async fn who_was_verified_is_known_under_a_new_key_and_moves_to_it() {
    let mut plan = Plan::sms(ACCEPT);
    let before = House::build(&plan);
    before
        .send(to_person(&before, "a"))
        .await
        .expect("it is sent");
    tell(&before, &report("1", Outcome::Verified, person(None))).await;
    let number = "+14155550123";
    assert!(is_known(&before, number));
    plan.keys.insert(0, b"a newer key");
    let between = recovered(&plan).await;
    assert!(is_known(&between, number));
    assert_eq!(verified(&between).await, 1);
    for key in ["b", "c"] {
        let sent = between.send(to_person(&between, key)).await;
        sent.expect("it is sent");
        assert_eq!(verified(&between).await, 2);
    }
    // What was sent under the older key is found all the same.
    let right = report("2", Outcome::Verified, person(None));
    assert!(tell(&between, &right).await.is_some());
    plan.keys.pop();
    let after = recovered(&plan).await;
    assert!(is_known(&after, number));
}

#[tokio::test(start_paused = true)]
async fn a_number_verified_in_one_writing_is_known_in_the_other() {
    let (with, without) = ("+5491123456789", "+541123456789");
    let plan = Plan::sms(ACCEPT);
    let house = House::build(&plan);
    let request = Request {
        phone: PhoneNumber::parse(with).expect("a number"),
        ..house.request("a")
    };
    let id = delivery(&house.send(request).await);
    assert!(!is_known(&house, with) && !is_known(&house, without));
    let other = About::Person {
        user: None,
        phone: PhoneNumber::parse(without),
        family: None,
        purposes: Vec::new(),
        occurred_ms: None,
    };
    let joined = tell(&house, &report("1", Outcome::Verified, other)).await;
    assert_eq!(joined.map(|joined| joined.delivery), Some(id));
    assert!(is_known(&house, with) && is_known(&house, without));
    assert!(is_known(&recovered(&plan).await, without));
}

#[tokio::test(start_paused = true)]
async fn a_recovery_vouches_for_no_code_that_was_sent_for_something_else() {
    let plan = Plan::sms(ACCEPT);
    let before = House::build(&plan);
    let asked = |house: &House, key, purpose| Request {
        purpose,
        ..to_person(house, key)
    };
    let enrolment = asked(&before, "a", Purpose::Enrollment);
    let id = delivery(&before.send(enrolment).await);
    let recovery = |key| {
        let about = About::Person {
            user: Some(Private::new("00u1")),
            phone: None,
            family: None,
            purposes: vec![Purpose::PasswordReset, Purpose::AccountUnlock],
            occurred_ms: None,
        };
        report(key, Outcome::Verified, about)
    };
    assert_eq!(tell(&before, &recovery("1")).await, None);
    let after = recovered(&plan).await;
    assert_eq!(tell(&after, &recovery("2")).await, None);
    assert_eq!(outcome(&after, id).await, Outcome::Unknown);
    let reset = asked(&after, "b", Purpose::PasswordReset);
    let reset = delivery(&after.send(reset).await);
    let joined = tell(&after, &recovery("3")).await;
    assert_eq!(joined.map(|joined| joined.delivery), Some(reset));
    assert_eq!(outcome(&after, id).await, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_old_delivery_is_looked_up_by_its_id() {
    let plan = Plan::sms(ACCEPT);
    let before = House::build(&plan);
    let id = delivery(&before.send(to_person(&before, "a")).await);
    // Without `recover` it knows of no send.
    let after = House::build(&plan);
    let right = report("1", Outcome::Verified, person(None));
    assert_eq!(tell(&after, &right).await, None);
    let by_id = report("2", Outcome::Verified, About::Delivery(id));
    let all = futures_util::future::join_all((0..20).map(|number| {
        let by_id = Report {
            idempotency_key: Private::new(format!("{number}")),
            ..by_id.clone()
        };
        let dispatcher = Arc::clone(&after.dispatcher);
        async move { dispatcher.report_outcome(&by_id).await }
    }));
    assert!(all.await.iter().all(|told| matches!(told, Ok(Some(_)))));
    assert_eq!(outcome(&after, id).await, Outcome::Verified);
    after.ledger.turn(Mood::Away);
    assert!(tell(&after, &by_id).await.is_some());
}
