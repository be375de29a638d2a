//! What the guard refuses on the way: no later step, deflection or last resort sends what was refused, and the caller hears
//! of the refusal and of nothing else.

use std::time::Duration;

use super::{
    house::{House, Plan, delivery, fault, reason},
    scripted::Act,
};
use crate::{
    config::guard::{Budget, Budgets, Deflect, DeflectTo, Guard, Money},
    dispatch::{answer::Outcome, request::Request},
    domain::{
        channel::Channel, delivery::State, failure::Failure, phone::PhoneNumber, purpose::Purpose,
    },
    error::{Reason, fault},
    store::Ledger,
};

const ACCEPT: &[Act] = &[const { Act::Accept }; 8];

/// Little is let out to strangers, and everybody may be sent another way.
fn strict() -> Guard {
    Guard {
        budgets: Budgets {
            range_10k: Budget {
                floor: 1,
                share: 1.0,
            },
            ..Budgets::default()
        },
        deflect: Deflect {
            whatsapp: DeflectTo::All,
            line: DeflectTo::Nobody,
        },
        ..Guard::default()
    }
}

/// A day's money, in messages that cost one each.
fn purse(messages: u32) -> Guard {
    let price = |text: &str| serde_json::from_value(text.into()).expect("a price");
    Guard {
        money: Money {
            per_day: Some(price(&messages.to_string())),
            unknown_price: price("1"),
            ..Money::default()
        },
        ..Guard::default()
    }
}

/// An enrolment of one number of a range.
fn enrolment(house: &House, number: u32) -> Request {
    let phone = format!("+1415555{number:04}");
    Request {
        phone: PhoneNumber::parse(&phone).expect("a number"),
        purpose: Purpose::Enrollment,
        ..house.request(&phone)
    }
}

/// A house whose range is closed. The first number to be refused is the next one.
async fn attacked(whatsapp: &[Act]) -> (House, u32) {
    let mut plan = Plan::sms(&[("s", ACCEPT)]);
    if !whatsapp.is_empty() {
        plan = plan.and(Channel::Whatsapp, &[("w", whatsapp)]);
    }
    let house = House::build(&Plan {
        guard: strict(),
        ..plan
    });
    for number in 2000..2008 {
        let before = house.seen("s").len();
        if whatsapp.is_empty() {
            if house.send(enrolment(&house, number)).await.is_err() {
                return (house, number + 1);
            }
        } else {
            let explained = house.dispatcher.explain(&enrolment(&house, number));
            let steps = explained.expect("a tenant").steps;
            if steps[0].channel == Channel::Whatsapp {
                return (house, number);
            }
            assert_eq!(reason(&house.send(enrolment(&house, number)).await), None);
        }
        assert_eq!(house.seen("s").len(), before + 1);
    }
    panic!("the range does not close");
}

/// The outcome is the refusal of a budget, and the ledger says so too.
async fn is_held_back(house: &House, outcome: &Outcome) {
    let refused = fault(outcome);
    assert_eq!(refused.reason, Reason::BudgetExhausted);
    assert!(refused.retry_after.is_some());
    let decision = &refused.metadata[fault::DECISION_ID];
    let record = house.record(delivery(outcome)).await;
    assert_eq!(record.row.state, State::Refused);
    assert_eq!(record.row.reason, Some(Reason::BudgetExhausted));
    let kept = record.row.decision.expect("a decision");
    assert_eq!(kept.to_string(), *decision);
    let kept = house.ledger.decision("acme", kept).await;
    assert!(kept.expect("a ledger in memory answers").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_deflected_code_goes_another_way() {
    let (house, number) = attacked(ACCEPT).await;
    let let_out = house.seen("s").len();
    let outcome = house.send(enrolment(&house, number)).await;
    let answer = outcome.as_ref().expect("it is sent");
    assert_eq!(
        answer.best().expect("an attempt").channel,
        Channel::Whatsapp
    );
    assert_eq!(house.seen("s").len(), let_out);
    let record = house.record(answer.delivery).await;
    let decision = record.row.decision.expect("a decision");
    let decision = house.ledger.decision("acme", decision).await;
    let decision = decision.expect("a ledger in memory answers");
    assert!(decision.expect("a row").deflected);
    assert_eq!(record.row.reason, None);
    assert_eq!(house.counted("otp_guard_deflections_total"), 1);
    assert_eq!(house.counted("otp_guard_refusals_total"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deflection_that_fails_is_a_refusal() {
    let slow = Act::after(Duration::from_millis(1400), Act::Fail(Failure::Transient));
    let ways = [
        Act::Fail(Failure::Transient),
        Act::Fail(Failure::Recipient),
        Act::Fail(Failure::Request),
        Act::Fail(Failure::Account),
        Act::Fail(Failure::Throttled { delay: None }),
        Act::Unreached,
        slow,
    ];
    for act in ways {
        let (house, number) = attacked(&[act.clone(), act.clone()]).await;
        let let_out = house.seen("s").len();
        let outcome = house.send(enrolment(&house, number)).await;
        is_held_back(&house, &outcome).await;
        assert_eq!(house.seen("s").len(), let_out, "{act:?}");
        // It is decided again when it is asked for again, and not sent then either.
        let again = house.send(enrolment(&house, number)).await;
        assert_eq!(reason(&again), Some(Reason::BudgetExhausted), "{act:?}");
        assert_eq!(house.seen("s").len(), let_out, "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deflection_that_was_perhaps_sent_is_no_refusal() {
    let (house, number) = attacked(&[Act::Silent]).await;
    let let_out = house.seen("s").len();
    let outcome = house.send(enrolment(&house, number)).await;
    let answer = outcome.as_ref().expect("perhaps it is sent");
    assert_eq!(answer.state, State::Unconfirmed);
    assert_eq!(house.seen("s").len(), let_out);
}

#[tokio::test(start_paused = true)]
async fn a_deflection_for_which_there_is_no_time_or_room_is_a_refusal() {
    let (house, number) = attacked(ACCEPT).await;
    let let_out = house.messages();
    let late = house.send_within(enrolment(&house, number), Duration::from_millis(300));
    is_held_back(&house, &late.await).await;
    let policy = house.dispatcher.policy();
    let busy = policy.directory.get("w").expect("it is configured");
    let taken = busy.slots.clone().try_acquire_many_owned(64);
    let outcome = house.send(enrolment(&house, number + 1)).await;
    is_held_back(&house, &outcome).await;
    drop(taken);
    assert_eq!(house.messages(), let_out);
}

#[tokio::test(start_paused = true)]
async fn a_deflection_that_no_route_serves_is_a_refusal() {
    let (house, number) = attacked(&[]).await;
    let let_out = house.messages();
    let explained = house.dispatcher.explain(&enrolment(&house, number));
    let explained = explained.expect("a tenant");
    assert_eq!(explained.reason, Some(Reason::BudgetExhausted));
    let told = explained.lines.join("\n");
    assert!(told.contains("sends it another way"), "{told}");
    let outcome = house.send(enrolment(&house, number)).await;
    is_held_back(&house, &outcome).await;
    assert_eq!(house.messages(), let_out);
    assert_eq!(house.counted("otp_guard_deflections_total"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_names_channels_gets_no_other() {
    let (house, number) = attacked(ACCEPT).await;
    let let_out = house.messages();
    let only_sms = Request {
        channels: vec![Channel::Sms],
        ..enrolment(&house, number)
    };
    is_held_back(&house, &house.send(only_sms).await).await;
    assert_eq!(house.messages(), let_out);
}

#[tokio::test(start_paused = true)]
async fn failover_pays_too_and_a_refused_charge_ends_it() {
    let fails: &[Act] = &[Act::Fail(Failure::Transient)];
    let house = House::build(&Plan {
        guard: purse(1),
        ..Plan::sms(&[("a", fails), ("b", ACCEPT)])
    });
    let outcome = house.send(house.request("key")).await;
    let refused = fault(&outcome);
    assert_eq!(refused.reason, Reason::SpendingCapped);
    assert_eq!(refused.metadata[fault::RULE], "tenant_money");
    assert!(
        house.seen("b").is_empty(),
        "the second one was not paid for"
    );
    let record = house.record(delivery(&outcome)).await;
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.row.state, State::Refused);
    let decision = record.row.decision.expect("a decision").to_string();
    assert_eq!(refused.metadata[fault::DECISION_ID], decision);
    // With the money for it, it goes out.
    let house = House::build(&Plan {
        guard: purse(2),
        ..Plan::sms(&[("a", fails), ("b", ACCEPT)])
    });
    assert_eq!(reason(&house.send(house.request("key")).await), None);
}

#[tokio::test(start_paused = true)]
async fn what_was_perhaps_sent_outweighs_a_refused_charge() {
    let house = House::build(&Plan {
        guard: purse(1),
        ..Plan::sms(&[("a", &[Act::Silent]), ("b", ACCEPT)])
    });
    let outcome = house.send(house.request("key")).await;
    assert_eq!(outcome.expect("perhaps").state, State::Unconfirmed);
    assert!(house.seen("b").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_made_once_more_is_paid_once() {
    let soon = Act::throttled(Duration::from_millis(10));
    let house = House::build(&Plan {
        guard: purse(1),
        ..Plan::sms(&[("a", &[soon, Act::Accept])])
    });
    let outcome = house.send(house.request("key")).await;
    assert_eq!(outcome.expect("it is sent").attempts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn money_that_is_spent_leaves_few_rows() {
    let house = House::build(&Plan {
        guard: purse(1),
        ..Plan::sms(&[("a", ACCEPT)])
    });
    let number = |n: u32| Request {
        phone: PhoneNumber::parse(&format!("+1415555{n:04}")).expect("a number"),
        ..house.request(&n.to_string())
    };
    assert_eq!(reason(&house.send(number(2000)).await), None);
    for n in 2001..2031 {
        let outcome = house.send(number(n)).await;
        assert_eq!(reason(&outcome), Some(Reason::SpendingCapped));
    }
    assert_eq!(house.messages(), 1);
    assert_eq!(house.records().await.len(), 11);
}
