//! A flood of refusals over a ledger in a file: four hours of them leave little, and do not slow down what is sent.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::house::{Plan, configured_as, dispatcher, request_at};
use crate::{
    channels::provider::{Accepted, Message, Provider, SendError},
    clock::{Clock, Manual},
    config::{guard::Guard, ledger},
    dispatch::{Dispatcher, request::Request},
    domain::{capability::Capability, channel::Channels, phone::PhoneNumber},
    lanes::Lanes,
    outbound::WriteGate,
    store::open::open,
    telemetry::metrics::Metrics,
};

/// A thousand a minute, for four hours.
const MINUTES: u64 = 240;
const PER_MINUTE: u64 = 1000;

/// What all of them may leave in the ledger.
const MOST_BYTES: u64 = 5_000_000;

/// Takes every message.
struct Open;

#[async_trait]
impl Provider for Open {
    fn capability(&self) -> Capability {
        Capability {
            channels: Channels::ALL,
            ..Capability::default()
        }
    }

    async fn send(&self, _: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        gate.pass();
        Ok(Accepted { message_id: None })
    }
}

/// A gateway's inside, on a clock of ours.
struct Inside {
    dispatcher: Arc<Dispatcher>,
    clock: Clock,
    sent: u64,
}

impl Inside {
    /// Sends one; says how long that took.
    async fn send(&mut self) -> Duration {
        self.sent += 1;
        let phone = format!("+1415{:07}", 5_550_000 + self.sent);
        let request = self.request(&phone, &format!("sent {}", self.sent));
        let began = Clock::system().now();
        let outcome = self
            .dispatcher
            .send(Box::new(request), self.deadline())
            .await;
        assert!(outcome.is_ok(), "{outcome:?}");
        Clock::system().now().duration_since(began)
    }

    /// Sends some; says how long the one in the middle took.
    async fn median(&mut self, count: usize) -> Duration {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            times.push(self.send().await);
        }
        times.sort_unstable();
        times[count / 2]
    }

    async fn refused(&self, number: u64) {
        let phone = format!("+336{:08}", number % 100_000_000);
        let request = self.request(&phone, &format!("refused {number}"));
        let outcome = self
            .dispatcher
            .send(Box::new(request), self.deadline())
            .await;
        assert!(outcome.is_err());
    }

    fn request(&self, phone: &str, key: &str) -> Request {
        Request {
            phone: PhoneNumber::parse(phone).expect("a number"),
            ..request_at(self.clock.now(), key)
        }
    }

    fn deadline(&self) -> Instant {
        self.clock.now() + Duration::from_secs(10)
    }
}

/// Bytes of the ledger's files.
fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).expect("it is there");
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    sizes.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hours_of_refusals_leave_little_and_slow_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let time = Manual::at(1_700_000_000_000);
    let clock = Clock::from_source(time.clone());
    let settings = ledger::Ledger {
        url: format!("sqlite://{}", folder.path().join("ledger.db").display()),
        ..ledger::Ledger::default()
    };
    let ledger = open(&settings, Lanes::default(), clock.clone()).expect("a ledger");
    let plan = Plan {
        guard: Guard {
            limits: Vec::new(),
            ..Guard::default()
        },
        ..Plan::sms(&[("open", &[])])
    };
    let configured = vec![configured_as("open", Arc::new(Open), 64)];
    let place = (ledger.clone(), clock.clone());
    let dispatcher = dispatcher(&plan, configured, place, Arc::new(Metrics::new()));
    let mut inside = Inside {
        dispatcher,
        clock,
        sent: 0,
    };
    let calm = inside.median(200).await;
    ledger.close().await;
    let before = size(folder.path());

    let ledger = open(&settings, Lanes::default(), inside.clock.clone()).expect("a ledger");
    let configured = vec![configured_as("open", Arc::new(Open), 64)];
    let place = (ledger.clone(), inside.clock.clone());
    inside.dispatcher =
        super::house::dispatcher(&plan, configured, place, Arc::new(Metrics::new()));
    for number in 0..MINUTES * PER_MINUTE {
        inside.refused(number).await;
        if number % PER_MINUTE == PER_MINUTE - 1 {
            inside.dispatcher.upkeep();
            time.advance(Duration::from_mins(1));
        }
    }
    inside.dispatcher.upkeep();
    ledger.flush().await.expect("it is there");
    let flooded = inside.median(200).await;
    ledger.close().await;
    let grown = size(folder.path()) - before;
    assert!(grown < MOST_BYTES, "{grown} bytes");
    let most = calm * 4 + Duration::from_millis(20);
    assert!(flooded < most, "{calm:?} before, {flooded:?} after");
}
