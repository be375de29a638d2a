//! A provider that does as it was told, and notes what it was sent.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::house::TENANT;
use crate::{
    channels::provider::{Accepted, Message, Provider, SendError},
    domain::{capability::Capability, channel::Channels, failure::Failure, id::AttemptId},
    outbound::WriteGate,
    store::{Ledger, memory::MemoryLedger},
};

/// What it does with a message.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Takes it.
    Accept,
    /// Fails so.
    Fail(Failure),
    /// Takes this long, and then does that.
    Slow(Duration, Box<Act>),
    /// Has it and never answers.
    Silent,
    /// Cannot be reached: nothing is ever written.
    Unreached,
    /// Has it and breaks.
    Panic,
}

impl Act {
    pub(super) fn throttled(delay: Duration) -> Self {
        Self::Fail(Failure::Throttled { delay: Some(delay) })
    }

    pub(super) fn after(time: Duration, act: Self) -> Self {
        Self::Slow(time, Box::new(act))
    }
}

/// A message that reached it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) attempt: AttemptId,
    pub(super) text: String,
    pub(super) line_user: Option<String>,
    pub(super) first_attempt: AttemptId,
    /// Whether the attempt's row was there when the message came.
    pub(super) recorded: bool,
}

/// The provider. A message that nobody expected breaks it.
pub(super) struct Scripted {
    idempotent: bool,
    ledger: Arc<MemoryLedger>,
    script: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<Seen>>,
}

impl Scripted {
    pub(super) fn new(script: &[Act], idempotent: bool, ledger: Arc<MemoryLedger>) -> Arc<Self> {
        Arc::new(Self {
            idempotent,
            ledger,
            script: Mutex::new(script.iter().cloned().collect()),
            seen: Mutex::default(),
        })
    }

    /// What it was sent, in order.
    pub(super) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    async fn takes(&self, message: &Message) {
        let id = message.attempt;
        let record = self.ledger.delivery(TENANT, id.delivery).await;
        let record = record.expect("a ledger in memory answers");
        let recorded = record.is_some_and(|record| record.attempts.iter().any(|one| one.id == id));
        let seen = Seen {
            attempt: id,
            text: message.text.expose().to_owned(),
            line_user: message.line_user.as_ref().map(|id| id.expose().to_owned()),
            first_attempt: message.first_attempt,
            recorded,
        };
        lock(&self.seen).push(seen);
    }
}

#[async_trait]
impl Provider for Scripted {
    fn capability(&self) -> Capability {
        Capability {
            channels: Channels::ALL,
            idempotent: self.idempotent,
            ..Capability::default()
        }
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let act = lock(&self.script).pop_front();
        let mut act = act.expect("a message that the script has");
        if matches!(act, Act::Unreached) {
            return pending().await;
        }
        assert!(gate.pass(), "nobody calls a message back that was begun");
        self.takes(message).await;
        loop {
            match act {
                Act::Accept => {
                    let message_id = Some(format!("m-{}", message.attempt.ordinal));
                    return Ok(Accepted { message_id });
                }
                Act::Fail(failure) => {
                    return Err(SendError::new(failure, "scripted"));
                }
                Act::Slow(time, then) => {
                    tokio::time::sleep(time).await;
                    act = *then;
                }
                Act::Silent | Act::Unreached => return pending().await,
                Act::Panic => panic!("as the script has it"),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
