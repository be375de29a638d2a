//! The people of a made-up company's service: where they live, what reaches them, and from where they sign in.

use crate::domain::{
    address::Address,
    channel::{Channel, Channels},
};

use super::{chance::Chance, networks, numbers::Numbers};

/// Where the company has customers: country, their share in per mille, and how many hours their clocks are ahead of UTC.
const HOMES: [(&str, u64, u64); 8] = [
    ("US", 400, 18),
    ("GB", 200, 0),
    ("JP", 120, 9),
    ("DE", 100, 1),
    ("FR", 70, 1),
    ("BR", 50, 21),
    ("MX", 30, 18),
    ("AU", 30, 10),
];

/// A served country in which it has none yet.
pub(super) const NEW_COUNTRY: &str = "ID";

/// How many people share one address of a mobile carrier.
const BEHIND_A_CARRIER: u64 = 150;

/// How many people share one address of an office.
const BEHIND_AN_OFFICE: u64 = 40;

/// Somebody who wants a code now and then.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) numbers: Numbers,
    pub(super) user: u32,
    /// How many hours their clock is ahead of UTC.
    pub(super) ahead: u64,
    pub(super) reachable: Channels,
    home: Address,
    carrier: Address,
    office: Option<Address>,
}

impl Person {
    /// The address they happen to be at.
    pub(super) fn place(&self, chance: &mut Chance) -> Address {
        match self.office {
            Some(office) if chance.permille(500) => office,
            Some(_) | None if chance.permille(650) => self.home,
            Some(_) | None => self.carrier,
        }
    }

    /// The same person, always at this address.
    pub(super) const fn only_at(mut self, office: Address) -> Self {
        self.home = office;
        self.carrier = office;
        self.office = Some(office);
        self
    }
}

/// Makes people up.
pub(super) struct Registry {
    /// How many of a hundred have WhatsApp or LINE.
    reachable: u8,
    users: u32,
    carriers: Vec<Address>,
    offices: Vec<Address>,
}

impl Registry {
    /// A registry for about so many people.
    pub(super) fn new(reachable: u8, people: u64, chance: &mut Chance) -> Self {
        let mut addresses = |count: u64| {
            let addresses = (0..count.max(1)).map(|_| networks::version_four(chance));
            addresses.collect()
        };
        Self {
            reachable,
            users: 0,
            carriers: addresses(people / BEHIND_A_CARRIER),
            offices: addresses(people / 3 / BEHIND_AN_OFFICE),
        }
    }

    /// Somebody new, somewhere among the company's countries.
    pub(super) fn anybody(&mut self, chance: &mut Chance) -> Person {
        let at = chance.weighted(HOMES.iter().map(|(_, share, _)| *share));
        self.somebody(HOMES[at].0, chance)
    }

    /// Somebody new in this country.
    pub(super) fn somebody(&mut self, country: &str, chance: &mut Chance) -> Person {
        let numbers = Numbers::of(country).expect("people live where the plan is known");
        let ahead = HOMES.iter().find(|(name, ..)| *name == country);
        Person {
            number: numbers.draw(chance),
            numbers,
            user: self.user(),
            ahead: ahead.map_or(0, |(.., ahead)| *ahead),
            reachable: self.channels(country, chance),
            home: networks::home(chance),
            carrier: self.carrier(chance),
            office: chance.permille(330).then(|| self.office(chance)),
        }
    }

    /// An address of a mobile carrier, behind which many people are.
    pub(super) fn carrier(&self, chance: &mut Chance) -> Address {
        *chance.one(&self.carriers)
    }

    /// An address of an office.
    pub(super) fn office(&self, chance: &mut Chance) -> Address {
        *chance.one(&self.offices)
    }

    /// An account that nobody had before.
    pub(super) const fn user(&mut self) -> u32 {
        self.users += 1;
        self.users
    }

    /// The free channels that reach somebody; LINE mostly where it is at home.
    fn channels(&self, country: &str, chance: &mut Chance) -> Channels {
        if chance.below(100) >= self.reachable.into() {
            return Channels::NONE;
        }
        let line = if country == "JP" { 850 } else { 30 };
        let (first, other) = if chance.permille(line) {
            (Channel::Line, Channel::Whatsapp)
        } else {
            (Channel::Whatsapp, Channel::Line)
        };
        let one = Channels::NONE.with(first);
        if chance.permille(50) {
            one.with(other)
        } else {
            one
        }
    }
}
