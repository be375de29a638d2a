//! What is recorded, settled and claimed.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    bench::{
        Bench, START, answer, attempt, claiming, decision, everything, first, hash, intent,
        refused, result,
    },
    questions,
};
use crate::{
    domain::{
        delivery::State,
        id::{AttemptId, DecisionId},
    },
    error::Reason,
    store::{Backlog, Recorded},
};

questions! {
    a_row_comes_back_as_it_was_written
    a_held_claim_writes_nothing
    a_released_claim_can_be_taken_again
    a_claim_is_not_released_by_a_result_that_came_too_late
    attempts_stand_in_their_order
    a_late_answer_settles_a_doubt
    nothing_goes_back
    a_delivery_may_come_to_something_else_than_its_first_attempt
    a_result_without_a_row_is_dropped
    a_record_may_be_repeated
    an_abandoned_record_leaves_nothing
    a_refusal_leaves_its_decision_and_its_delivery
    a_minutes_count_grows
    many_at_once_are_all_written
    one_claim_has_one_holder_among_many
}

async fn a_row_comes_back_as_it_was_written(bench: Bench) {
    let wanted = intent(&bench.clock());
    let id = bench.begin(wanted.clone()).await;
    let found = bench.read(id).await.unwrap();
    assert_eq!(found.row, wanted.delivery);
    assert_eq!(
        found.attempts,
        wanted.attempt.into_iter().collect::<Vec<_>>()
    );

    let mut bare = intent(&bench.clock());
    (bare.delivery.country, bare.delivery.user) = (None, None);
    let id = bench.begin(bare.clone()).await;
    assert_eq!(bench.read(id).await.unwrap().row, bare.delivery);

    let sent = answer(State::Accepted, "SM1");
    bench.ledger.settle_attempt(first(id), sent.clone());
    bench
        .ledger
        .settle_delivery(id, result(State::Accepted, false));
    let found = bench.read(id).await.unwrap();
    assert_eq!(found.attempts[0].result, sent);
    assert_eq!(found.row.state, State::Accepted);
    assert_eq!(found.row.updated_ms, START + 500);
}

async fn a_held_claim_writes_nothing(bench: Bench) {
    let clock = bench.clock();
    let holder = bench.begin(claiming(7, &clock)).await;
    let second = claiming(7, &clock);
    let id = second.delivery.id;
    let answer = bench.ledger.record(second).await;
    assert_eq!(answer, Ok(Recorded::ClaimedBy(holder)));
    assert_eq!(bench.read(id).await, None);
    bench.begin(claiming(8, &clock)).await;
}

async fn a_released_claim_can_be_taken_again(bench: Bench) {
    let clock = bench.clock();
    let before = bench.begin(claiming(7, &clock)).await;
    bench
        .ledger
        .settle_delivery(before, result(State::Failed, true));
    let after = bench.begin(claiming(7, &clock)).await;
    let third = bench.ledger.record(claiming(7, &clock)).await;
    assert_eq!(third, Ok(Recorded::ClaimedBy(after)));
    let found = bench.read(before).await.unwrap().row;
    assert_eq!(found.reason, Some(Reason::ProvidersFailed));
}

async fn a_claim_is_not_released_by_a_result_that_came_too_late(bench: Bench) {
    let clock = bench.clock();
    let holder = bench.begin(claiming(7, &clock)).await;
    bench
        .ledger
        .settle_delivery(holder, result(State::Accepted, false));
    bench
        .ledger
        .settle_delivery(holder, result(State::Failed, true));
    let second = bench.ledger.record(claiming(7, &clock)).await;
    assert_eq!(second, Ok(Recorded::ClaimedBy(holder)));
    assert_eq!(bench.states(holder).await.0, State::Accepted);
}

async fn attempts_stand_in_their_order(bench: Bench) {
    let clock = bench.clock();
    let id = bench.begin(intent(&clock)).await;
    for ordinal in [3, 2, 2] {
        let recorded = bench.ledger.record_attempt(attempt(id, ordinal, &clock));
        recorded.await.unwrap();
    }
    let second = AttemptId {
        delivery: id,
        ordinal: 2,
    };
    bench
        .ledger
        .settle_attempt(second, answer(State::Failed, ""));
    let attempts = bench.read(id).await.unwrap().attempts;
    let order: Vec<_> = attempts
        .iter()
        .map(|a| (a.id.ordinal, a.result.failure))
        .collect();
    assert_eq!(order, [(1, ""), (2, "account"), (3, "")]);
}

async fn a_late_answer_settles_a_doubt(bench: Bench) {
    let id = bench.begin(intent(&bench.clock())).await;
    bench
        .ledger
        .settle_attempt(first(id), answer(State::Unconfirmed, ""));
    bench
        .ledger
        .settle_delivery(id, result(State::Unconfirmed, false));
    assert_eq!(
        bench.states(id).await,
        (State::Unconfirmed, vec![State::Unconfirmed])
    );
    bench
        .ledger
        .settle_attempt(first(id), answer(State::Accepted, "SM9"));
    bench
        .ledger
        .settle_delivery(id, result(State::Accepted, false));
    assert_eq!(
        bench.states(id).await,
        (State::Accepted, vec![State::Accepted])
    );
    assert_eq!(
        bench.read(id).await.unwrap().attempts[0].result.message_id,
        "SM9"
    );
}

async fn nothing_goes_back(bench: Bench) {
    for now in State::ALL {
        for news in State::ALL {
            let id = bench.begin(intent(&bench.clock())).await;
            for (state, message_id) in [(now, "first"), (news, "second")] {
                bench
                    .ledger
                    .settle_attempt(first(id), answer(state, message_id));
                bench.ledger.settle_delivery(id, result(state, false));
            }
            let expect = State::Sending.after(now).after(news);
            let context = format!("{now:?} + {news:?}");
            assert_eq!(bench.states(id).await, (expect, vec![expect]), "{context}");
            let message_id = bench.read(id).await.unwrap().attempts[0]
                .result
                .message_id
                .clone();
            let moved = State::Sending.after(now) != expect;
            let first = if now == State::Sending { "" } else { "first" };
            assert_eq!(
                message_id,
                if moved { "second" } else { first },
                "{context}"
            );
        }
    }
}

async fn a_delivery_may_come_to_something_else_than_its_first_attempt(bench: Bench) {
    let clock = bench.clock();
    let id = bench.begin(claiming(7, &clock)).await;
    let doubt = answer(State::Unconfirmed, "");
    bench.ledger.settle_attempt(first(id), doubt);
    let failed = result(State::Failed, true);
    bench.ledger.settle_delivery(id, failed);
    let expect = (State::Failed, vec![State::Unconfirmed]);
    assert_eq!(bench.states(id).await, expect);

    // Both come to the same, but only one of them may still move there.
    let id = bench.begin(claiming(7, &clock)).await;
    let sent = result(State::Accepted, false);
    bench.ledger.settle_delivery(id, sent.clone());
    bench.ledger.flush().await.unwrap();
    let accepted = answer(State::Accepted, "SM1");
    bench.ledger.settle_attempt(first(id), accepted.clone());
    bench.ledger.settle_delivery(id, sent);
    let found = bench.read(id).await.unwrap();
    assert_eq!(found.row.state, State::Accepted);
    assert_eq!(found.attempts[0].result, accepted);
}

async fn a_result_without_a_row_is_dropped(bench: Bench) {
    let clock = bench.clock();
    let never = intent(&clock).delivery.id;
    bench
        .ledger
        .settle_attempt(first(never), answer(State::Accepted, "SM1"));
    bench
        .ledger
        .settle_delivery(never, result(State::Accepted, true));
    bench
        .ledger
        .record_attempt(attempt(never, 2, &clock))
        .await
        .unwrap();
    assert_eq!(bench.read(never).await, None);
    assert_eq!(bench.ledger.backlog(), Backlog::default());
}

async fn a_record_may_be_repeated(bench: Bench) {
    let once = claiming(7, &bench.clock());
    let id = bench.begin(once.clone()).await;
    bench
        .ledger
        .settle_delivery(id, result(State::Accepted, true));
    bench.begin(once).await;
    // The repetition did not take the claim again.
    bench.begin(claiming(7, &bench.clock())).await;
    assert_eq!(
        bench.states(id).await,
        (State::Accepted, vec![State::Sending])
    );
}

async fn an_abandoned_record_leaves_nothing(bench: Bench) {
    let intent = claiming(7, &bench.clock());
    let id = intent.delivery.id;
    drop(bench.ledger.record(intent));
    assert_eq!(bench.read(id).await, None);
    bench.begin(claiming(7, &bench.clock())).await;
}

async fn a_refusal_leaves_its_decision_and_its_delivery(bench: Bench) {
    let clock = bench.clock();
    let decided = decision(&clock);
    let mut intent = refused(decided.id, &clock);
    intent.claim = Some(hash(9));
    let id = intent.delivery.id;
    bench
        .ledger
        .record_refusal(decided.clone(), Some(intent.clone()));
    let found = bench.read(id).await.unwrap();
    assert_eq!(found.row, intent.delivery);
    assert!(found.attempts.is_empty());
    let ledger = &bench.ledger;
    let read = ledger.decision("acme", decided.id).await.unwrap();
    assert_eq!(read, Some(decided.clone()));
    assert_eq!(ledger.decision("umbrella", decided.id).await, Ok(None));
    let again = ledger.record(claiming(9, &clock)).await;
    assert_eq!(again, Ok(Recorded::ClaimedBy(id)));
}

async fn a_minutes_count_grows(bench: Bench) {
    let first = decision(&bench.clock());
    for count in 1..=40 {
        let mut minute = first.clone();
        (minute.count, minute.level) = (count, (count + 10).to_string());
        minute.until_ms = Some(START + 60_000);
        bench.ledger.record_refusal(minute, None);
    }
    bench.ledger.flush().await.unwrap();
    let read = bench
        .ledger
        .decision("acme", first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((read.count, read.level.as_str()), (40, "50"));
    let unknown = DecisionId::new(&bench.clock());
    assert_eq!(bench.ledger.decision("acme", unknown).await, Ok(None));
}

async fn many_at_once_are_all_written(bench: Bench) {
    let mut tasks = JoinSet::new();
    for _ in 0..2000 {
        let (ledger, intent) = (Arc::clone(&bench.ledger), intent(&bench.clock()));
        tasks.spawn(async move {
            let id = intent.delivery.id;
            let recorded = ledger.record(intent).await;
            ledger.settle_attempt(first(id), answer(State::Accepted, "SM1"));
            ledger.settle_delivery(id, result(State::Accepted, false));
            recorded
        });
    }
    for recorded in tasks.join_all().await {
        assert_eq!(recorded, Ok(Recorded::New));
    }
    bench.ledger.flush().await.unwrap();
    let mut filter = everything(5000);
    filter.states = vec![State::Accepted];
    let page = bench.ledger.deliveries(filter).await.unwrap();
    assert_eq!((page.deliveries.len(), page.next), (2000, None));
    let attempts = page.deliveries.iter().flat_map(|record| &record.attempts);
    let accepted = attempts.filter(|attempt| attempt.result.state == State::Accepted);
    assert_eq!(accepted.count(), 2000);
}

async fn one_claim_has_one_holder_among_many(bench: Bench) {
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let (ledger, intent) = (Arc::clone(&bench.ledger), claiming(7, &bench.clock()));
        tasks.spawn(async move { (intent.delivery.id, ledger.record(intent).await.unwrap()) });
    }
    let answers = tasks.join_all().await;
    let new: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| *answer == Recorded::New)
        .collect();
    assert_eq!(new.len(), 1);
    let others = answers
        .iter()
        .filter(|(_, answer)| *answer != Recorded::New);
    for (_, answer) in others {
        assert_eq!(*answer, Recorded::ClaimedBy(new[0].0));
    }
}
