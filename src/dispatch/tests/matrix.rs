//! Each provider failing in each way, at each position of a route of three steps: what is done next, by when the caller
//! has its answer, and how many messages the person may have got.

use std::{fmt::Write as _, time::Duration};

use super::{
    house::{House, PATIENCE, Plan, reason},
    scripted::Act,
};
use crate::{
    dispatch::answer::Outcome,
    domain::{channel::Channel, failure::Failure},
};

/// The route: two providers of one channel, then one of another.
const ROUTE: [&str; 3] = ["a", "b", "c"];

/// How a provider may fail, by name.
fn ways() -> Vec<(&'static str, Act)> {
    let classes = Failure::CLASSES.into_iter();
    let mut ways: Vec<_> = classes
        .map(|failure| (failure.as_str(), Act::Fail(failure)))
        .collect();
    let slow = |act| Act::after(Duration::from_millis(900), act);
    ways.push(("slow, transient", slow(Act::Fail(Failure::Transient))));
    ways.push(("hangs, written", Act::Silent));
    ways.push(("hangs, not written", Act::Unreached));
    ways
}

/// What one failing provider leads to.
struct Row {
    asked: Vec<&'static str>,
    outcome: Outcome,
    took: Duration,
    /// Providers that may have sent the message.
    messages: usize,
    ambiguous: bool,
}

async fn row(position: usize, act: &Act) -> Row {
    // Those before it fail certainly, so that its turn comes; those after it work.
    let script = |index: usize| match index.cmp(&position) {
        std::cmp::Ordering::Less => vec![Act::Fail(Failure::Transient)],
        // One that is asked once more does the same again.
        std::cmp::Ordering::Equal => vec![act.clone(), act.clone()],
        std::cmp::Ordering::Greater => vec![Act::Accept],
    };
    let [a, b, c] = [script(0), script(1), script(2)];
    let plan = Plan::sms(&[("a", &a), ("b", &b)]).and(Channel::Voice, &[("c", &c)]);
    let house = House::build(&plan);
    let request = house.request_on("key", &[Channel::Sms, Channel::Voice]);
    let began = house.clock.now();
    let outcome = house.send(request).await;
    let took = house.clock.now() - began;
    let asked = ROUTE.iter().flat_map(|name| {
        let times = house.seen(name).len();
        std::iter::repeat_n(*name, times)
    });
    let attempts = house.records().await.remove(0).attempts;
    let states = attempts.iter().map(|attempt| attempt.result.failure);
    let maybe = attempts.iter().filter(|attempt| {
        attempt.result.failure == "ambiguous" || attempt.result.failure.is_empty()
    });
    Row {
        asked: asked.collect(),
        outcome,
        took,
        messages: maybe.count(),
        ambiguous: states.into_iter().any(|failure| failure == "ambiguous"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_failure_at_every_position() {
    let mut table = format!("{:<18} | {:<23} | {:<23} | 3rd\n", "fails", "1st", "2nd");
    for (name, act) in ways() {
        write!(table, "{name:<18}").expect("a string takes all");
        for position in 0..ROUTE.len() {
            let row = row(position, &act).await;
            assert!(
                row.took <= PATIENCE + Duration::from_millis(25),
                "{name}: {:?}",
                row.took
            );
            assert!(
                row.messages <= 1 || row.ambiguous,
                "{name}: two codes without a doubt"
            );
            let end = match (&row.outcome, reason(&row.outcome)) {
                (_, Some(reason)) => reason.as_str(),
                (Ok(answer), None) => answer.state.as_str(),
                (Err(_), None) => "",
            };
            let asked = row.asked.join("");
            write!(table, " | {:<23}", format!("{asked} {end}")).expect("a string takes all");
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    insta::assert_snapshot!(table, @r"
    fails              | 1st                     | 2nd                     | 3rd
    throttled          | ab accepted             | abc accepted            | abc providers_failed
    transient          | ab accepted             | abc accepted            | abc providers_failed
    ambiguous          | ab accepted             | abc accepted            | abc unconfirmed
    recipient          | ac accepted             | abc accepted            | abc providers_failed
    request            | ac accepted             | abc accepted            | abc providers_failed
    account            | ab accepted             | abc accepted            | abc providers_failed
    credential_stale   | aab accepted            | abbc accepted           | abcc providers_failed
    fraud_block        | a provider_fraud_block  | ab provider_fraud_block | abc provider_fraud_block
    slow, transient    | ab accepted             | abc accepted            | abc providers_failed
    hangs, written     | ab accepted             | abc accepted            | abc unconfirmed
    hangs, not written | b accepted              | ac accepted             | ab providers_failed
    ");
}
