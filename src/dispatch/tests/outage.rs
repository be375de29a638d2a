//! A provider goes down, hangs or comes back under load: codes arrive, by the other one, and nobody waits for long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::task::TaskTracker;

use super::house::{House, PATIENCE, Plan};
use crate::{
    channels::{
        directory::Directory,
        provider::{Accepted, Message, Provider, SendError},
    },
    dispatch::{answer::Outcome, health::Parts, policy::Policy, request::Request},
    domain::{
        capability::Capability,
        channel::Channels,
        delivery::State,
        failure::{Failure, Scope},
        phone::{Country, PhoneNumber},
    },
    outbound::WriteGate,
    routing::health::Sign,
};

/// What a provider does to every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Takes it within 80 ms.
    Well,
    /// Fails at once.
    Down,
    /// Has it and never answers.
    Hangs,
    /// Has no permission for a country.
    NotTo(Country),
}

/// A provider whose mood may change.
struct Weather {
    mood: std::sync::Mutex<Mood>,
    asked: AtomicUsize,
}

impl Weather {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            mood: std::sync::Mutex::new(Mood::Well),
            asked: AtomicUsize::new(0),
        })
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().expect("no test panics holding it") = mood;
    }

    /// How often it was asked since this was asked last.
    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl Provider for Weather {
    fn capability(&self) -> Capability {
        Capability {
            channels: Channels::ALL,
            ..Capability::default()
        }
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        assert!(gate.pass(), "nobody calls a message back that was begun");
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mood = *self.mood.lock().expect("no test panics holding it");
        let taken = Ok(Accepted { message_id: None });
        match mood {
            Mood::Well => {
                tokio::time::sleep(Duration::from_millis(80)).await;
                taken
            }
            Mood::Down => Err(SendError::new(Failure::Transient, "down")),
            Mood::Hangs => std::future::pending().await,
            Mood::NotTo(country) if message.to.country() == Some(country) => {
                Err(SendError::new(Failure::Account, "21408").within(Scope::Country))
            }
            Mood::NotTo(_) => taken,
        }
    }
}

/// A hook's end.
struct Hook {
    outcome: Outcome,
    took: Duration,
    attempts: usize,
}

impl Hook {
    fn arrived(&self) -> bool {
        let state = self.outcome.as_ref().map(|answer| answer.state);
        state.is_ok_and(|state| state == State::Accepted)
    }
}

/// Two providers under load.
struct Load {
    house: Arc<House>,
    first: Arc<Weather>,
    second: Arc<Weather>,
    sent: usize,
    tasks: TaskTracker,
}

impl Load {
    fn new() -> Self {
        let (first, second) = (Weather::new(), Weather::new());
        let providers: [(&'static str, Arc<dyn Provider>); 2] =
            [("first", first.clone()), ("second", second.clone())];
        let house = Arc::new(House::of(&providers));
        Self {
            house,
            first,
            second,
            sent: 0,
            tasks: TaskTracker::new(),
        }
    }

    /// Hooks for so many seconds, 200 in each, and how they ended.
    async fn run(&mut self, seconds: usize) -> Vec<Hook> {
        let mut hooks = Vec::new();
        for _ in 0..200 * seconds {
            self.sent += 1;
            let number = format!("+1415555{:04}", self.sent);
            hooks.push(self.tasks.spawn(hook(self.house.clone(), number)));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut ended = Vec::new();
        for hook in hooks {
            ended.push(hook.await.expect("it ends"));
        }
        ended
    }
}

async fn hook(house: Arc<House>, number: String) -> Hook {
    let request = Request {
        phone: PhoneNumber::parse(&number).expect("a number"),
        ..house.request(&number)
    };
    let began = house.clock.now();
    let outcome = house.send(request).await;
    let attempts = outcome.as_ref().map_or(0, |answer| answer.attempts.len());
    Hook {
        outcome,
        took: house.clock.now() - began,
        attempts,
    }
}

/// The time within which 99 of 100 hooks had their answer.
fn p99(hooks: &[Hook]) -> Duration {
    let mut times: Vec<_> = hooks.iter().map(|hook| hook.took).collect();
    times.sort();
    times[times.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_goes_down_loses_no_code() {
    let mut load = Load::new();
    load.run(2).await;
    assert_eq!((load.first.asked(), load.second.asked()), (400, 0));

    load.first.is(Mood::Down);
    let hooks = load.run(2).await;
    assert!(hooks.iter().all(Hook::arrived));
    assert!(p99(&hooks) <= Duration::from_millis(1500));
    load.first.asked();
    assert_eq!(load.second.asked(), 400, "one code for each hook");
    let later = load.run(5).await;
    assert!(later.iter().all(Hook::arrived));
    let tried = load.first.asked();
    assert!(tried <= 1000 / 20, "{tried} of 1000 tried it first");
    assert_eq!(load.second.asked(), 1000);

    load.first.is(Mood::Well);
    load.run(3).await;
    let early = load.first.asked();
    assert!(
        (1..450).contains(&early),
        "it comes back slowly: {early} of 600"
    );
    load.run(10).await;
    load.first.asked();
    load.run(2).await;
    assert_eq!(load.first.asked(), 400, "it has all of its traffic again");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_makes_few_wait() {
    let mut load = Load::new();
    load.run(1).await;
    load.first.is(Mood::Hangs);
    load.first.asked();
    let hooks = load.run(2).await;
    assert!(hooks.iter().all(|hook| hook.took <= PATIENCE));
    let arrived = hooks.iter().filter(|hook| hook.arrived()).count();
    assert!(
        arrived * 100 >= hooks.len() * 99,
        "{arrived} of {}",
        hooks.len()
    );

    load.first.asked();
    let later = load.run(10).await;
    assert!(
        p99(&later) <= Duration::from_millis(1500),
        "{:?}",
        p99(&later)
    );
    let probes = load.first.asked();
    assert!((1..=11).contains(&probes), "{probes} probes in ten seconds");
    // A second message follows only one that may have been sent, which its attempt's row says.
    let twice = later.iter().filter(|hook| hook.attempts > 1).count();
    assert_eq!(twice, probes);
    for hook in later.iter().filter(|hook| hook.attempts > 1) {
        let answer = hook.outcome.as_ref().expect("the second took it");
        assert_eq!(answer.attempts[0].result.failure, "ambiguous");
    }
}

#[tokio::test(start_paused = true)]
async fn a_country_without_permission_closes_nothing_for_others() {
    let mut load = Load::new();
    let country = Country::parse("CA").expect("a country");
    load.first.is(Mood::NotTo(country));
    let began = load.house.clock.now();
    for index in 0..1000 {
        let number = format!("+1416555{index:04}");
        assert!(hook(load.house.clone(), number).await.arrived());
    }
    let took = load.house.clock.now() - began;
    let asked = load.first.asked() as u64;
    assert!(
        (2..=took.as_secs() + 2).contains(&asked),
        "{asked} in {took:?}"
    );
    load.second.asked();
    load.run(1).await;
    assert_eq!((load.first.asked(), load.second.asked()), (200, 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_the_breakers_of_a_provider_that_is_gone() {
    const OPEN: &str = "otp_provider_open_breakers{provider=\"texts\"}";
    // Every order in which the second's and the minute's work can come after a reload.
    for minute_first in [false, true] {
        let house = House::build(&Plan::sms(&[("texts", &[])]));
        let dispatcher = &house.dispatcher;
        let everywhere = Parts {
            country: None,
            sender: None,
        };
        let patient = dispatcher.infirmary.patient(&"texts".into());
        patient.learn(Sign::Broken, Scope::Provider, everywhere);
        dispatcher.upkeep();
        dispatcher.drop_idle();
        assert_eq!(house.counted(OPEN), 1);
        dispatcher.reconfigure(Policy {
            tenants: std::collections::HashMap::new(),
            directory: Directory::default(),
            guard: dispatcher.policy().guard.clone(),
            verified_days: 180,
        });
        if minute_first {
            dispatcher.drop_idle();
        } else {
            dispatcher.upkeep();
        }
        assert_eq!(house.counted(OPEN), 0, "{minute_first}");
    }
}
