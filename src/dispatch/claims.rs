//! Idempotency: who has claimed which key, and what came of it. One send per key; everybody else waits for its result.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::{DashMap, mapref::entry::Entry};
use foldhash::fast::RandomState;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    domain::{id::DeliveryId, privacy::KeyedHash},
    error::{Reason, fault, fault::Fault},
    store::record::Claim,
};

use super::answer::{Outcome, keeps_key};

/// How long a final result answers repetitions of its key.
pub const KEEP: Duration = Duration::from_mins(15);

/// Most claims held at once; at about half a KiB each, a GiB. Further ones are turned away as overload.
const MAX_CLAIMS: usize = 2_000_000;

/// All claims of this process. Clones share them.
#[derive(Clone)]
pub struct Claims(Arc<Shared>);

struct Shared {
    clock: Clock,
    /// The keys are hashes under a secret already, so that nobody can aim two at each other.
    held: DashMap<KeyedHash, Held, RandomState>,
    count: AtomicUsize,
    /// Final claims in the order in which they end.
    ending: Mutex<VecDeque<(Instant, KeyedHash, DeliveryId)>>,
}

struct Held {
    fingerprint: KeyedHash,
    delivery: DeliveryId,
    stage: Stage,
}

enum Stage {
    Open(watch::Receiver<Option<Outcome>>),
    Final(Outcome),
}

/// What asking for a key came to.
#[derive(Debug)]
pub enum Claimed {
    /// The key is ours: send, and say what came of it.
    Mine(Ticket, Waiter),
    /// Somebody is sending for this key.
    Open(Waiter),
    /// The key was used; this came of it.
    Final(Outcome),
    /// The key was used for another number or code.
    Mismatch,
    /// Too many claims are held.
    Full,
}

/// Waits for the result of a send.
#[derive(Debug)]
pub struct Waiter {
    /// The delivery that is being sent.
    pub delivery: DeliveryId,
    results: watch::Receiver<Option<Outcome>>,
}

/// The right, and the duty, to say what came of a key. Dropped unsaid, as by a panic, it counts as a bug and keeps the
/// key: nobody knows what was done.
pub struct Ticket {
    claims: Claims,
    key: KeyedHash,
    delivery: DeliveryId,
    results: watch::Sender<Option<Outcome>>,
    said: bool,
}

impl Claims {
    /// No claims yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            held: DashMap::default(),
            count: AtomicUsize::new(0),
            ending: Mutex::new(VecDeque::new()),
        }))
    }

    /// Asks for a key on behalf of a delivery.
    pub fn claim(&self, key: KeyedHash, fingerprint: KeyedHash, delivery: DeliveryId) -> Claimed {
        let vacant = match self.0.held.entry(key) {
            Entry::Occupied(held) => return held.get().answer(fingerprint),
            Entry::Vacant(vacant) => vacant,
        };
        if self.0.count.fetch_add(1, Ordering::Relaxed) >= MAX_CLAIMS {
            self.0.count.fetch_sub(1, Ordering::Relaxed);
            return Claimed::Full;
        }
        let (sender, results) = watch::channel(None);
        vacant.insert(Held {
            fingerprint,
            delivery,
            stage: Stage::Open(results.clone()),
        });
        let ticket = Ticket {
            claims: self.clone(),
            key,
            delivery,
            results: sender,
            said: false,
        };
        Claimed::Mine(ticket, Waiter { delivery, results })
    }

    /// Takes over a claim that the ledger kept, and what came of it.
    pub fn restore(&self, claim: &Claim, outcome: Outcome) {
        let delivery = claim.record.row.id;
        let age = self
            .0
            .clock
            .unix_ms()
            .saturating_sub(claim.record.row.created_ms);
        let Some(left) = KEEP.checked_sub(Duration::from_millis(age)) else {
            return;
        };
        let held = Held {
            fingerprint: claim.fingerprint,
            delivery,
            stage: Stage::Final(outcome),
        };
        if self.0.held.insert(claim.key, held).is_none() {
            self.0.count.fetch_add(1, Ordering::Relaxed);
        }
        self.end(self.0.clock.now() + left, claim.key, delivery);
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops final claims whose time is over.
    pub fn expire(&self) {
        let now = self.0.clock.now();
        let mut ending = self.ending();
        while let Some((ends, key, delivery)) = ending.front().copied() {
            if ends > now {
                break;
            }
            ending.pop_front();
            self.drop_claim(key, delivery);
        }
    }

    fn end(&self, at: Instant, key: KeyedHash, delivery: DeliveryId) {
        self.ending().push_back((at, key, delivery));
    }

    fn ending(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, KeyedHash, DeliveryId)>> {
        self.0.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_claim(&self, key: KeyedHash, delivery: DeliveryId) {
        let gone = self
            .0
            .held
            .remove_if(&key, |_, held| held.delivery == delivery);
        if gone.is_some() {
            self.0.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({})", self.len())
    }
}

impl Held {
    fn answer(&self, fingerprint: KeyedHash) -> Claimed {
        if self.fingerprint != fingerprint {
            return Claimed::Mismatch;
        }
        match &self.stage {
            Stage::Open(results) => Claimed::Open(Waiter {
                delivery: self.delivery,
                results: results.clone(),
            }),
            Stage::Final(outcome) => Claimed::Final(outcome.clone()),
        }
    }
}

impl Waiter {
    /// The result, once there is one.
    pub async fn result(mut self) -> Outcome {
        let said = self.results.wait_for(Option::is_some).await;
        let said = said.ok().and_then(|result| result.clone());
        said.unwrap_or_else(|| bug(self.delivery))
    }
}

impl Ticket {
    /// Says what came of the key, to everybody who waits and to later repetitions, or releases it.
    pub fn say(mut self, outcome: Outcome) {
        self.conclude(outcome);
    }

    fn conclude(&mut self, outcome: Outcome) {
        self.said = true;
        if keeps_key(&outcome) {
            if let Some(mut held) = self.claims.0.held.get_mut(&self.key) {
                held.stage = Stage::Final(outcome.clone());
            }
            let ends = self.claims.0.clock.now() + KEEP;
            self.claims.end(ends, self.key, self.delivery);
        } else {
            self.claims.drop_claim(self.key, self.delivery);
        }
        self.results.send_replace(Some(outcome));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.said {
            self.conclude(bug(self.delivery));
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.delivery)
    }
}

fn bug(delivery: DeliveryId) -> Outcome {
    let fault = Fault::new(Reason::Internal).with(fault::DELIVERY_ID, delivery.to_string());
    Err(Arc::new(fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Manual, dispatch::answer::Answer};

    const KEY: KeyedHash = KeyedHash([1; 16]);
    const USE: KeyedHash = KeyedHash([2; 16]);

    fn claims() -> (Arc<Manual>, Clock, Claims) {
        let time = Manual::at(1_700_000_000_000);
        let clock = Clock::from_source(time.clone());
        (time, clock.clone(), Claims::new(clock))
    }

    fn mine(claims: &Claims, delivery: DeliveryId) -> (Ticket, Waiter) {
        match claims.claim(KEY, USE, delivery) {
            Claimed::Mine(ticket, waiter) => (ticket, waiter),
            Claimed::Open(_) | Claimed::Final(_) | Claimed::Mismatch | Claimed::Full => {
                panic!("the key is free")
            }
        }
    }

    #[tokio::test]
    async fn copies_wait_for_the_first_and_later_ones_get_its_result() {
        let (time, clock, claims) = claims();
        let delivery = DeliveryId::new(&clock);
        let (ticket, first) = mine(&claims, delivery);
        let Claimed::Open(copy) = claims.claim(KEY, USE, DeliveryId::new(&clock)) else {
            panic!("the key is in use");
        };
        let outcome: Outcome = Ok(Arc::new(Answer::unconfirmed(delivery)));
        ticket.say(outcome.clone());
        assert_eq!(first.result().await, outcome);
        assert_eq!(copy.result().await, outcome);
        let Claimed::Final(later) = claims.claim(KEY, USE, DeliveryId::new(&clock)) else {
            panic!("the key was used");
        };
        assert_eq!(later, outcome);
        time.advance(KEEP);
        claims.expire();
        assert!(claims.is_empty());
        mine(&claims, delivery);
    }

    #[tokio::test]
    async fn what_may_be_tried_again_releases_the_key() {
        let (_, clock, claims) = claims();
        let (ticket, waiter) = mine(&claims, DeliveryId::new(&clock));
        ticket.say(Err(Arc::new(Fault::new(Reason::ProvidersFailed))));
        assert!(waiter.result().await.is_err());
        let (second, _) = mine(&claims, DeliveryId::new(&clock));
        second.say(Err(Arc::new(Fault::new(Reason::CountryNotAllowed))));
        assert!(matches!(
            claims.claim(KEY, USE, DeliveryId::new(&clock)),
            Claimed::Final(Err(_))
        ));
    }

    #[tokio::test]
    async fn a_panic_in_between_keeps_the_key_and_wakes_those_who_wait() {
        let (_, clock, claims) = claims();
        let (ticket, waiter) = mine(&claims, DeliveryId::new(&clock));
        drop(ticket);
        let fault = waiter.result().await.expect_err("a bug");
        assert_eq!(fault.reason, Reason::Internal);
        assert!(matches!(
            claims.claim(KEY, USE, DeliveryId::new(&clock)),
            Claimed::Final(Err(_))
        ));
    }

    #[test]
    fn another_number_or_code_under_one_key_is_refused() {
        let (_, clock, claims) = claims();
        let _held = mine(&claims, DeliveryId::new(&clock));
        let other = KeyedHash([3; 16]);
        assert!(matches!(
            claims.claim(KEY, other, DeliveryId::new(&clock)),
            Claimed::Mismatch
        ));
    }
}
