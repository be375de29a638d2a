//! SMS pumping: somebody asks for codes to numbers that earn them money, each time in the name of another account, and
//! from a new address or from one of those that real people share.

use std::collections::HashSet;

use crate::{
    domain::{address::Address, channel::Channels, purpose::Purpose},
    replay::row::Label,
};

use super::{
    Through, World,
    event::Event,
    networks,
    numbers::{BLOCK, Numbers, within},
    rhythm::HOUR,
};

/// Requests of one attack.
const REQUESTS: u64 = 240_000;
/// For how long.
const LENGTH: u64 = 4 * HOUR;

/// Real people in each block, and the part of it in which they are.
const NEIGHBOURS: u64 = 3;
const THOUSAND: u64 = 1000;

/// What is pumped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// Numbers of so many blocks of ten thousand.
    Blocks(usize),
    /// Numbers from all over the country.
    Country,
}

/// An attack on a country.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attack {
    pub(super) numbers: Numbers,
    pub(super) begins: u64,
    /// Whose addresses it comes through.
    pub(super) through: Through,
    /// How many of a thousand codes it reads and uses.
    pub(super) verifies: u64,
}

impl World {
    /// 240,000 requests in four hours.
    pub(super) fn pump(&mut self, attack: &Attack, spread: Spread) {
        let blocks = match spread {
            Spread::Blocks(count) => attack.numbers.blocks(count, &mut self.chance),
            Spread::Country => Vec::new(),
        };
        let mut seen = HashSet::new();
        for _ in 0..self.scaled(REQUESTS) {
            let number = if blocks.is_empty() {
                attack.numbers.draw(&mut self.chance)
            } else {
                within(*self.chance.one(&blocks), THOUSAND..BLOCK, &mut self.chance)
            };
            let at = attack.begins + self.chance.below(LENGTH);
            let ip = self.way(attack.through, &mut seen);
            self.pumped(attack, at, number, ip);
        }
        self.neighbours(attack, &blocks);
    }

    /// One request an hour to each of many blocks, for so many hours.
    pub(super) fn trickle(&mut self, attack: &Attack, blocks: u64, hours: u64) {
        let count = usize::try_from(self.scaled(blocks)).unwrap_or_default();
        let blocks: Vec<_> = (0..count)
            .map(|_| attack.numbers.block(&mut self.chance))
            .collect();
        let mut seen = HashSet::new();
        for hour in 0..hours {
            for block in &blocks {
                let at = attack.begins + hour * HOUR + self.chance.below(HOUR);
                let number = within(*block, 0..BLOCK, &mut self.chance);
                let ip = self.way(attack.through, &mut seen);
                self.pumped(attack, at, number, ip);
            }
        }
    }

    fn pumped(&mut self, attack: &Attack, at: u64, number: u64, ip: Address) {
        let purpose = match self.chance.below(10) {
            0..7 => Purpose::Enrollment,
            7..9 => Purpose::PasswordReset,
            _ => Purpose::AccountUnlock,
        };
        let verifies = self.chance.permille(attack.verifies);
        let verifies_after = verifies.then(|| self.reading());
        self.events.push(Event {
            at,
            number,
            user: self.registry.user(),
            ip,
            purpose,
            label: Label::Attack,
            verifies_after,
            reachable: Channels::NONE,
        });
    }

    /// The address of the next request.
    fn way(&mut self, through: Through, seen: &mut HashSet<Address>) -> Address {
        match through {
            Through::Fresh => self.fresh(seen),
            Through::Carriers => self.registry.carrier(&mut self.chance),
            Through::Offices => self.registry.office(&mut self.chance),
        }
    }

    /// An address that the attack has not used yet.
    fn fresh(&mut self, seen: &mut HashSet<Address>) -> Address {
        loop {
            let ip = networks::home(&mut self.chance);
            if seen.insert(ip) {
                return ip;
            }
        }
    }

    /// Real people with numbers in the pumped blocks, in the thousand that the attacker does not own: they signed in during
    /// the days before, and while the attack is on two of them do so again and one has lost the password.
    fn neighbours(&mut self, attack: &Attack, blocks: &[u64]) {
        let country = attack.numbers.country();
        for block in blocks {
            for at in 0..NEIGHBOURS {
                let mut person = self.registry.somebody(country.as_str(), &mut self.chance);
                person.number = within(*block, 0..THOUSAND, &mut self.chance);
                let before = self.chance.between(attack.begins / 8, attack.begins - HOUR);
                self.session(&person, before, Purpose::SignIn);
                let during = attack.begins + self.chance.below(LENGTH);
                let purpose = if at == 0 {
                    Purpose::PasswordReset
                } else {
                    Purpose::SignIn
                };
                self.session(&person, during, purpose);
            }
        }
    }
}
