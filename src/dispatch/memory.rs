//! What is remembered of recipients: on which channels they could not be reached a while ago.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use dashmap::DashMap;

use crate::{
    clock::Clock,
    domain::{
        channel::{Channel, Channels},
        phone::PhoneNumber,
    },
};

/// Most entries; beyond them nothing more is remembered until some have lapsed.
const MOST: usize = 1_000_000;

/// Recipients by channel, as hashes under a secret of the process: nobody can read numbers out of it.
pub(super) struct Memory {
    clock: Clock,
    hasher: RandomState,
    until: DashMap<u64, Instant, foldhash::fast::RandomState>,
    /// Nearly always none for a channel, and then nobody looks.
    count: AtomicUsize,
}

impl Memory {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            hasher: RandomState::new(),
            until: DashMap::default(),
            count: AtomicUsize::new(0),
        }
    }

    /// Notes that a recipient could not be reached on a channel.
    pub(super) fn note(
        &self,
        tenant: &str,
        phone: &PhoneNumber,
        channel: Channel,
        lasting: Duration,
    ) {
        if lasting.is_zero() || self.count.load(Ordering::Relaxed) >= MOST {
            return;
        }
        let until = self.clock.now() + lasting;
        self.until.insert(self.key(tenant, phone, channel), until);
        self.count.store(self.until.len(), Ordering::Relaxed);
    }

    /// Forgets it: they were reached after all.
    pub(super) fn forget(&self, tenant: &str, phone: &PhoneNumber, channel: Channel) {
        if self.count.load(Ordering::Relaxed) > 0 {
            self.until.remove(&self.key(tenant, phone, channel));
        }
    }

    /// Those of these channels on which a recipient could not be reached a while ago.
    pub(super) fn of(&self, tenant: &str, phone: &PhoneNumber, channels: &[Channel]) -> Channels {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Channels::NONE;
        }
        let now = self.clock.now();
        let is_known = |channel: &Channel| {
            let until = self.until.get(&self.key(tenant, phone, *channel));
            until.is_some_and(|until| *until > now)
        };
        channels.iter().copied().filter(is_known).collect()
    }

    /// Drops what has lapsed. This looks at every entry.
    pub(super) fn expire(&self) {
        let now = self.clock.now();
        self.until.retain(|_, until| *until > now);
        self.count.store(self.until.len(), Ordering::Relaxed);
    }

    fn key(&self, tenant: &str, phone: &PhoneNumber, channel: Channel) -> u64 {
        self.hasher.hash_one((tenant, phone, channel))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({})", self.until.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Manual;

    #[test]
    fn a_recipient_is_remembered_for_a_tenant_and_a_channel_and_a_while() {
        let time = Manual::at(0);
        let memory = Memory::new(Clock::from_source(time.clone()));
        let phone = PhoneNumber::parse("+14155550123").unwrap();
        let other = PhoneNumber::parse("+14155550124").unwrap();
        let all = Channel::ALL;
        let hour = Duration::from_hours(1);
        memory.note("acme", &phone, Channel::Whatsapp, hour);
        memory.note("acme", &phone, Channel::Sms, Duration::ZERO);
        let whatsapp = Channels::NONE.with(Channel::Whatsapp);
        assert_eq!(memory.of("acme", &phone, &all), whatsapp);
        assert_eq!(memory.of("acme", &phone, &[Channel::Sms]), Channels::NONE);
        assert_eq!(memory.of("acme", &other, &all), Channels::NONE);
        assert_eq!(memory.of("other", &phone, &all), Channels::NONE);
        time.advance(hour);
        assert_eq!(memory.of("acme", &phone, &all), Channels::NONE);
        memory.expire();
        assert_eq!(format!("{memory:?}"), "Memory(0)");
    }

    #[test]
    fn whoever_was_reached_is_forgotten() {
        let memory = Memory::new(Clock::system());
        let phone = PhoneNumber::parse("+14155550123").unwrap();
        memory.note("acme", &phone, Channel::Line, Duration::from_hours(1));
        memory.forget("acme", &phone, Channel::Line);
        assert_eq!(memory.of("acme", &phone, &Channel::ALL), Channels::NONE);
    }
}
