//! The sends of the last minutes, found by person or by id: the one place that knows whether a code was used before the
//! ledger does.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    domain::{
        channel::Family, delivery::Outcome, id::DeliveryId, phone::Country, privacy::KeyedHash,
        purpose::Purpose,
    },
    guard::Trail,
};

/// Most sends that are known; the oldest leave first.
pub(super) const MOST: usize = 131_072;

/// How long a send is known. Okta delivers events late now and then, and says when they happened.
const KEEP: Duration = Duration::from_mins(30);

/// How long before its outcome a send may lie: the five minutes of a code's life, and some for the way.
pub(super) const WINDOW: Duration = Duration::from_mins(6);

/// How far the clock of whoever reports may be behind ours.
const SKEW: Duration = Duration::from_secs(30);

/// Sends of one person that are looked at.
const LOOKS: usize = 32;

/// A send whose code may have gone out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Send {
    pub(super) tenant: Arc<str>,
    pub(super) phone: KeyedHash,
    pub(super) user: Option<KeyedHash>,
    pub(super) country: Option<Country>,
    pub(super) family: Family,
    pub(super) purpose: Purpose,
    /// When it was asked for, ms since 1970.
    pub(super) sent_ms: u64,
    pub(super) trail: Option<Trail>,
    pub(super) outcome: Outcome,
}

/// Whose send is looked for, and when its outcome happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) tenant: &'a str,
    /// The person's number or id under any key that may have hashed it.
    pub(super) people: &'a [KeyedHash],
    /// `None` stands for both.
    pub(super) family: Option<Family>,
    /// Empty for any.
    pub(super) purposes: &'a [Purpose],
    /// Ms since 1970.
    pub(super) occurred_ms: u64,
}

/// What came of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// What holds now.
    pub(super) outcome: Outcome,
    /// Whether that is new.
    pub(super) changed: bool,
    /// The send, if this was the first time that its right code was entered.
    pub(super) verified: Option<Send>,
}

/// The sends. Those of one person hang together as a chain, the one that came last in front.
#[derive(Default)]
pub(super) struct Sends {
    known: HashMap<DeliveryId, Known, foldhash::fast::RandomState>,
    /// The last send of a number and of a user; their hashes differ.
    last: HashMap<KeyedHash, DeliveryId, foldhash::fast::RandomState>,
    /// In the order in which they came.
    order: VecDeque<DeliveryId>,
}

struct Known {
    send: Send,
    before_of_phone: Option<DeliveryId>,
    before_of_user: Option<DeliveryId>,
}

impl Sends {
    /// Takes a send in, and drops what is too old or too much.
    pub(super) fn add(&mut self, id: DeliveryId, send: Send, now_ms: u64) {
        if self.known.contains_key(&id) {
            return;
        }
        let before_of_phone = self.last.insert(send.phone, id);
        let before_of_user = send.user.and_then(|user| self.last.insert(user, id));
        let known = Known {
            send,
            before_of_phone,
            before_of_user,
        };
        self.known.insert(id, known);
        self.order.push_back(id);
        if self.order.len() > MOST {
            self.drop_first();
        }
        self.expire(now_ms);
    }

    /// Drops what is too old.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let oldest = now_ms.saturating_sub(millis(KEEP));
        while self.order.front().is_some_and(|id| id.unix_ms() < oldest) {
            self.drop_first();
        }
    }

    /// Whether a send is known.
    pub(super) fn knows(&self, id: DeliveryId) -> bool {
        self.known.contains_key(&id)
    }

    /// The send that an outcome is most likely about: the last one before it, or one that only a clock that is behind
    /// puts after it.
    pub(super) fn find(&self, wanted: &Wanted<'_>) -> Option<DeliveryId> {
        let chains = wanted.people.iter().flat_map(|person| self.chain(*person));
        let fitting = chains.filter(|(_, send)| wanted.fits(send));
        let found = fitting.enumerate().max_by_key(|(place, (_, send))| {
            let after = send.sent_ms > wanted.occurred_ms;
            let distance = send.sent_ms.abs_diff(wanted.occurred_ms);
            (!after, Reverse(distance), Reverse(*place))
        });
        found.map(|(_, (id, _))| id)
    }

    /// Moves a send's outcome; `None` where this tenant has no such send here.
    pub(super) fn settle(
        &mut self,
        id: DeliveryId,
        tenant: &str,
        news: Outcome,
    ) -> Option<Settled> {
        let known = self.known.get_mut(&id);
        let send = known.map(|known| &mut known.send);
        let send = send.filter(|send| *send.tenant == *tenant)?;
        let before = send.outcome;
        send.outcome = before.after(news);
        let changed = send.outcome != before;
        let first = changed && send.outcome == Outcome::Verified;
        Some(Settled {
            outcome: send.outcome,
            changed,
            verified: first.then(|| send.clone()),
        })
    }

    /// The sends of a number or user, the one that came last in front.
    fn chain(&self, person: KeyedHash) -> impl Iterator<Item = (DeliveryId, &Send)> {
        let mut next = self.last.get(&person).copied();
        let links = std::iter::from_fn(move || {
            let id = next?;
            let known = self.known.get(&id)?;
            next = if known.send.phone == person {
                known.before_of_phone
            } else {
                known.before_of_user
            };
            Some((id, &known.send))
        });
        links.take(LOOKS)
    }

    fn drop_first(&mut self) {
        let Some(id) = self.order.pop_front() else {
            return;
        };
        let Some(Known { send, .. }) = self.known.remove(&id) else {
            return;
        };
        for person in [Some(send.phone), send.user].into_iter().flatten() {
            if self.last.get(&person) == Some(&id) {
                self.last.remove(&person);
            }
        }
    }
}

impl Wanted<'_> {
    fn fits(&self, send: &Send) -> bool {
        *send.tenant == *self.tenant
            && self.family.is_none_or(|family| family == send.family)
            && (self.purposes.is_empty() || self.purposes.contains(&send.purpose))
            && send.sent_ms.saturating_add(millis(WINDOW)) >= self.occurred_ms
            && send.sent_ms <= self.occurred_ms.saturating_add(millis(SKEW))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Manual};

    const START: u64 = 1_700_000_000_000;
    const PHONE: KeyedHash = KeyedHash([1; 16]);
    const USER: KeyedHash = KeyedHash([2; 16]);
    const STRANGER: KeyedHash = KeyedHash([9; 16]);

    fn send(sent_ms: u64) -> Send {
        Send {
            tenant: "acme".into(),
            phone: PHONE,
            user: Some(USER),
            country: Country::parse("US"),
            family: Family::Message,
            purpose: Purpose::SignIn,
            sent_ms,
            trail: None,
            outcome: Outcome::Unknown,
        }
    }

    fn id(at_ms: u64) -> DeliveryId {
        DeliveryId::new(&Clock::from_source(Manual::at(at_ms)))
    }

    /// Sends at these milliseconds after the start.
    fn sends(at: &[u64]) -> (Sends, Vec<DeliveryId>) {
        let mut sends = Sends::default();
        let ids = at.iter().map(|at| {
            let (id, now) = (id(START + at), START + at);
            sends.add(id, send(now), now);
            id
        });
        let ids = ids.collect();
        (sends, ids)
    }

    fn wanted(occurred_ms: u64) -> Wanted<'static> {
        Wanted {
            tenant: "acme",
            people: &[USER],
            family: Some(Family::Message),
            purposes: &[],
            occurred_ms: START + occurred_ms,
        }
    }

    #[test]
    fn the_last_send_before_it_is_the_one() {
        let (sends, ids) = sends(&[0, 31_000, 62_000]);
        let check = |occurred, expect: Option<usize>| {
            let expect = expect.map(|index| ids[index]);
            assert_eq!(sends.find(&wanted(occurred)), expect, "{occurred}");
        };
        check(10_000, Some(0));
        check(31_000, Some(1));
        check(61_999, Some(1));
        check(62_000, Some(2));
        check(300_000, Some(2));
        check(62_000 + 360_000, Some(2));
        check(62_000 + 360_001, None);
    }

    #[test]
    fn a_clock_that_is_behind_is_borne() {
        let (sends, ids) = sends(&[60_000, 70_000]);
        assert_eq!(sends.find(&wanted(59_000)), Some(ids[0]));
        assert_eq!(sends.find(&wanted(30_000)), Some(ids[0]));
        assert_eq!(sends.find(&wanted(29_999)), None);
    }

    #[test]
    fn who_says_what_it_was_for_finds_no_code_for_something_else() {
        let mut sends = Sends::default();
        let reset = id(START);
        let asked = Send {
            purpose: Purpose::PasswordReset,
            ..send(START)
        };
        sends.add(reset, asked, START);
        let enrolled = id(START + 1000);
        let asked = Send {
            purpose: Purpose::Enrollment,
            ..send(START + 1000)
        };
        sends.add(enrolled, asked, START + 1000);
        let check = |purposes: &'static [Purpose], expect| {
            let wanted = Wanted {
                purposes,
                ..wanted(2000)
            };
            assert_eq!(sends.find(&wanted), expect, "{purposes:?}");
        };
        check(&[], Some(enrolled));
        check(&[Purpose::Enrollment], Some(enrolled));
        check(
            &[Purpose::PasswordReset, Purpose::AccountUnlock],
            Some(reset),
        );
        check(&[Purpose::AccountUnlock], None);
    }

    #[test]
    fn tenant_family_and_person_must_be_the_same() {
        let (sends, ids) = sends(&[0]);
        let found = |wanted: Wanted<'_>| sends.find(&wanted).is_some();
        let right = wanted(1000);
        assert!(found(right));
        assert!(found(Wanted {
            family: None,
            ..right
        }));
        assert!(found(Wanted {
            people: &[STRANGER, PHONE],
            ..right
        }));
        assert!(!found(Wanted {
            tenant: "other",
            ..right
        }));
        assert!(!found(Wanted {
            people: &[STRANGER],
            ..right
        }));
        assert!(!found(Wanted {
            people: &[],
            ..right
        }));
        let voice = Some(Family::Voice);
        assert!(!found(Wanted {
            family: voice,
            ..right
        }));
        let mut sends = sends;
        assert_eq!(sends.settle(ids[0], "other", Outcome::Verified), None);
    }

    #[test]
    fn it_is_verified_once() {
        let (mut sends, ids) = sends(&[0]);
        let mut settle = |news| {
            let settled = sends.settle(ids[0], "acme", news).expect("it is known");
            (settled.outcome, settled.changed, settled.verified.is_some())
        };
        assert_eq!(settle(Outcome::Failed), (Outcome::Failed, true, false));
        assert_eq!(settle(Outcome::Failed), (Outcome::Failed, false, false));
        assert_eq!(settle(Outcome::Verified), (Outcome::Verified, true, true));
        assert_eq!(settle(Outcome::Verified), (Outcome::Verified, false, false));
        assert_eq!(settle(Outcome::Failed), (Outcome::Verified, false, false));
    }

    #[test]
    fn what_is_old_leaves_no_trace() {
        let (mut sends, ids) = sends(&[0, 1000]);
        sends.expire(START + millis(KEEP) + 1);
        assert!(!sends.knows(ids[0]) && sends.knows(ids[1]));
        assert_eq!(sends.find(&wanted(2000)), Some(ids[1]));
        sends.expire(START + millis(KEEP) + 1001);
        assert!(sends.known.is_empty() && sends.last.is_empty() && sends.order.is_empty());
    }

    #[test]
    fn there_is_a_bound() {
        let mut sends = Sends::default();
        let most = u64::try_from(MOST).expect("it is small");
        for number in 0..most + 100 {
            let mut phone = [0; 16];
            phone[..8].copy_from_slice(&number.to_be_bytes());
            let send = Send {
                phone: KeyedHash(phone),
                user: None,
                ..send(START)
            };
            sends.add(DeliveryId::from_bytes(phone), send, 0);
        }
        assert_eq!(sends.known.len(), MOST);
        assert_eq!(sends.last.len(), MOST);
        assert!(!sends.knows(DeliveryId::from_bytes([0; 16])));
    }
}
