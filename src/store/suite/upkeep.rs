//! What happens to rows that were left open, and to old ones.

use std::time::Duration;

use super::{
    bench::{
        Bench, answer, attempt, claiming, decision, everything, first, hash, intent, refused,
        result,
    },
    questions,
};
use crate::{
    domain::delivery::State::{self, Accepted, Failed, Unconfirmed},
    store::Recorded,
};

const QUARTER: Duration = Duration::from_mins(15);
const MONTH: Duration = Duration::from_hours(30 * 24);

questions! {
    a_sweep_closes_what_is_open
    recent_claims_are_found_with_their_records
    old_claims_and_old_rows_leave
    what_stays_open_too_long_is_closed
    thousands_of_old_rows_leave
}

async fn a_sweep_closes_what_is_open(bench: Bench) {
    let clock = bench.clock();
    let open = bench.begin(claiming(1, &clock)).await;
    let answered = bench.begin(claiming(2, &clock)).await;
    bench
        .ledger
        .settle_attempt(first(answered), answer(State::Accepted, "SM1"));
    let failing = bench.begin(intent(&clock)).await;
    bench
        .ledger
        .settle_attempt(first(failing), answer(State::Failed, ""));
    let retried = bench.begin(intent(&clock)).await;
    bench
        .ledger
        .settle_attempt(first(retried), answer(State::Failed, ""));
    let second = attempt(retried, 2, &clock);
    bench.ledger.record_attempt(second).await.unwrap();
    let lingering = bench.begin(intent(&clock)).await;
    bench
        .ledger
        .settle_delivery(lingering, result(State::Accepted, false));
    let closed = bench.begin(intent(&clock)).await;
    bench
        .ledger
        .settle_attempt(first(closed), answer(State::Accepted, "SM2"));
    bench
        .ledger
        .settle_delivery(closed, result(State::Accepted, false));

    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.ledger.sweep().await, Ok(4));
    assert_eq!(bench.states(open).await, (Unconfirmed, vec![Unconfirmed]));
    assert_eq!(bench.states(answered).await, (Accepted, vec![Accepted]));
    assert_eq!(bench.states(failing).await, (Failed, vec![Failed]));
    assert_eq!(
        bench.states(retried).await,
        (Unconfirmed, vec![Failed, Unconfirmed])
    );
    assert_eq!(bench.states(lingering).await, (Accepted, vec![Unconfirmed]));
    assert_eq!(bench.states(closed).await, (Accepted, vec![Accepted]));
    let swept = bench.read(open).await.unwrap().row;
    assert_eq!(swept.updated_ms, clock.unix_ms());
    let again = bench.ledger.record(claiming(1, &clock)).await;
    assert_eq!(again, Ok(Recorded::ClaimedBy(open)), "claims stay");
    assert_eq!(bench.ledger.sweep().await, Ok(0));
}

async fn recent_claims_are_found_with_their_records(bench: Bench) {
    let clock = bench.clock();
    bench.begin(claiming(1, &clock)).await;
    bench.pass(QUARTER + Duration::from_secs(1));
    let kept = bench.begin(claiming(2, &clock)).await;
    let released = bench.begin(claiming(3, &clock)).await;
    bench
        .ledger
        .settle_delivery(released, result(State::Failed, true));
    bench.begin(intent(&clock)).await;
    let decided = decision(&clock);
    let mut refusal = refused(decided.id, &clock);
    refusal.claim = Some(hash(4));
    bench.ledger.record_refusal(decided, Some(refusal.clone()));
    bench.ledger.flush().await.unwrap();

    let mut claims = bench.ledger.claims(QUARTER).await.unwrap();
    claims.sort_by_key(|claim| claim.key);
    let keys: Vec<_> = claims.iter().map(|claim| claim.key).collect();
    assert_eq!(keys, [hash(2), hash(4)]);
    assert_eq!(claims[0].fingerprint, hash(3));
    assert_eq!(Some(claims[0].record.clone()), bench.read(kept).await);
    assert_eq!(claims[0].record.attempts.len(), 1);
    assert_eq!(claims[1].record.row, refusal.delivery);
}

async fn old_claims_and_old_rows_leave(bench: Bench) {
    let clock = bench.clock();
    let decided = decision(&clock);
    bench.ledger.record_refusal(decided.clone(), None);
    let oldest = bench.begin(claiming(1, &clock)).await;
    bench.pass(MONTH.saturating_sub(QUARTER));
    let older = bench.begin(claiming(2, &clock)).await;
    bench.pass(QUARTER + Duration::from_secs(1));
    let young = bench.begin(claiming(3, &clock)).await;
    bench.ledger.expire(QUARTER, MONTH).await.unwrap();

    assert_eq!(bench.read(oldest).await, None);
    assert_eq!(bench.ledger.decision("acme", decided.id).await, Ok(None));
    assert!(bench.read(older).await.is_some() && bench.read(young).await.is_some());
    bench.begin(claiming(1, &clock)).await;
    bench.begin(claiming(2, &clock)).await;
    let held = bench.ledger.record(claiming(3, &clock)).await;
    assert_eq!(held, Ok(Recorded::ClaimedBy(young)));
}

async fn what_stays_open_too_long_is_closed(bench: Bench) {
    let clock = bench.clock();
    let lost = bench.begin(intent(&clock)).await;
    bench.pass(QUARTER + Duration::from_secs(1));
    let under_way = bench.begin(intent(&clock)).await;
    bench.ledger.expire(QUARTER, MONTH).await.unwrap();
    assert_eq!(
        bench.states(lost).await,
        (State::Unconfirmed, vec![State::Unconfirmed])
    );
    assert_eq!(
        bench.states(under_way).await,
        (State::Sending, vec![State::Sending])
    );
    bench
        .ledger
        .settle_attempt(first(lost), answer(State::Accepted, "SM1"));
    bench
        .ledger
        .settle_delivery(lost, result(State::Accepted, false));
    assert_eq!(
        bench.states(lost).await,
        (State::Accepted, vec![State::Accepted])
    );
}

async fn thousands_of_old_rows_leave(bench: Bench) {
    let clock = bench.clock();
    let intents = (0..3000_u16).map(|n| {
        let mut intent = claiming(0, &clock);
        let claim = intent.claim.as_mut().expect("it claims");
        claim.0[..2].copy_from_slice(&n.to_be_bytes());
        bench.ledger.record(intent)
    });
    for recorded in futures_util::future::join_all(intents).await {
        assert_eq!(recorded, Ok(Recorded::New));
    }
    bench.pass(QUARTER + Duration::from_secs(1));
    bench.ledger.expire(QUARTER, MONTH).await.unwrap();
    assert!(bench.ledger.claims(MONTH).await.unwrap().is_empty());
    bench.pass(MONTH);
    let young = bench.begin(intent(&clock)).await;
    bench.ledger.expire(QUARTER, MONTH).await.unwrap();
    let page = bench.ledger.deliveries(everything(10)).await.unwrap();
    let left: Vec<_> = page
        .deliveries
        .iter()
        .map(|delivery| delivery.row.id)
        .collect();
    assert_eq!(left, [young]);
}
