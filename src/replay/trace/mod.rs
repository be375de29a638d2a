//! Traces made up to measure the guard with: the traffic of a company with customers in eight countries, and whatever
//! happens to it on its eighth day. Whoever makes them up knows nothing of the guard.

mod attack;
mod chance;
mod crowds;
mod event;
mod networks;
mod numbers;
mod people;
mod rhythm;
mod traffic;

use std::io::{self, Write};

use crate::replay::row::Label;

use attack::{Attack, Spread};
use chance::Chance;
use event::Event;
use numbers::Numbers;
use people::{Person, Registry};
use rhythm::{DAY, HOUR};

/// When whatever a trace is about begins: on the eighth day, at nine o'clock UTC.
pub const BEGINS_MS: u64 = 7 * DAY + 9 * HOUR;

/// How long traces go on after an attack, so that its lasting harm is seen.
const AFTERMATH: u64 = 4 * HOUR;

/// How long a low and slow attack goes on.
const SLOW_HOURS: u64 = 24;

/// What happens in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// Nothing out of the ordinary
    Normal,
    /// 240,000 requests in 4 h, one address each, to numbers of one block of 10,000
    OneBlock,
    /// The same to twenty blocks
    TwentyBlocks,
    /// The same all over a country
    WholeCountry,
    /// The same in a country that the company does not serve
    NeverServed,
    /// One request an hour to each of 5,000 blocks, for a day
    LowAndSlow,
    /// An attack all over a country that uses one code in ten
    VerifiesTenth,
    /// An attack all over a country that uses every code
    VerifiesAll,
    /// Ten times the ordinary traffic, all of it real
    LaunchDay,
    /// Codes are slow, and thousands press the button again and again
    ResendStorm,
    /// Five hundred people behind one address
    SharedOffice,
}

/// Whose addresses an attack comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Through {
    /// New ones, one for each request
    Fresh,
    /// Those of the mobile carriers that real people share
    Carriers,
    /// Those of the offices in which real people are
    Offices,
}

/// A trace that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What happens.
    pub shape: Shape,
    /// Another seed is another trace of the same shape.
    pub seed: u64,
    /// The attacked country; each shape has its own where left out.
    pub country: Option<&'a str>,
    /// How many of a hundred people have WhatsApp or LINE.
    pub reachable: u8,
    /// How many of a hundred codes the attacker uses; each shape has its own share where left out.
    pub verifies: Option<u8>,
    /// Whose addresses the attack comes through.
    pub through: Through,
    /// Whether real people are left out, for a trace that is to be mixed into another one.
    pub attack_only: bool,
    /// How large everything is, in per mille of the usual size.
    pub size: u64,
}

/// Why a trace cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// A country whose numbers are not known here.
    #[error("the numbers of {country} are not known; there are: {known}")]
    Country {
        /// What was asked for.
        country: String,
        /// What there is.
        known: String,
    },
    /// Only the attack is wanted of a shape that has none.
    #[error("there is no attack in this shape")]
    NoAttack,
    /// It cannot be written.
    #[error("the trace cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Makes a trace up and writes it.
pub fn write(order: &Order<'_>, out: &mut impl Write) -> Result<(), Unwritten> {
    let country = order.country.unwrap_or(order.shape.country());
    let numbers = Numbers::of(country).ok_or_else(|| Unwritten::Country {
        country: country.to_owned(),
        known: Numbers::known().collect::<Vec<_>>().join(", "),
    })?;
    let verifies = order.verifies.map_or(order.shape.verifies(), u64::from);
    let attack = Attack {
        numbers,
        begins: BEGINS_MS,
        through: order.through,
        verifies: verifies * 10,
    };
    let mut world = World::new(order);
    world.live(BEGINS_MS + order.shape.length());
    world.happen(order.shape, &attack);
    if order.attack_only {
        world.events.retain(|event| event.label == Label::Attack);
        if world.events.is_empty() {
            return Err(Unwritten::NoAttack);
        }
    }
    Ok(event::write(world.events, out)?)
}

impl Shape {
    /// Where its attack is by default.
    const fn country(self) -> &'static str {
        match self {
            Self::NeverServed => "UZ",
            Self::Normal
            | Self::OneBlock
            | Self::TwentyBlocks
            | Self::WholeCountry
            | Self::LowAndSlow
            | Self::VerifiesTenth
            | Self::VerifiesAll
            | Self::LaunchDay
            | Self::ResendStorm
            | Self::SharedOffice => "GB",
        }
    }

    /// How many of a hundred codes its attacker uses by default.
    const fn verifies(self) -> u64 {
        match self {
            Self::VerifiesTenth => 10,
            Self::VerifiesAll => 100,
            Self::Normal
            | Self::OneBlock
            | Self::TwentyBlocks
            | Self::WholeCountry
            | Self::NeverServed
            | Self::LowAndSlow
            | Self::LaunchDay
            | Self::ResendStorm
            | Self::SharedOffice => 0,
        }
    }

    /// How long its trace goes on once it has begun.
    const fn length(self) -> u64 {
        match self {
            Self::LowAndSlow => SLOW_HOURS * HOUR + AFTERMATH,
            Self::Normal
            | Self::OneBlock
            | Self::TwentyBlocks
            | Self::WholeCountry
            | Self::NeverServed
            | Self::VerifiesTenth
            | Self::VerifiesAll
            | Self::LaunchDay
            | Self::ResendStorm
            | Self::SharedOffice => 4 * HOUR + AFTERMATH,
        }
    }
}

/// A trace in the making.
struct World {
    chance: Chance,
    registry: Registry,
    people: Vec<Person>,
    events: Vec<Event>,
    size: u64,
}

impl World {
    fn new(order: &Order<'_>) -> Self {
        let mut chance = Chance::new(order.seed);
        let people = 20_000 * order.size / 1000;
        Self {
            registry: Registry::new(order.reachable, people, &mut chance),
            chance,
            people: Vec::new(),
            events: Vec::new(),
            size: order.size,
        }
    }

    /// As many, in the size of this trace.
    const fn scaled(&self, count: u64) -> u64 {
        count * self.size / 1000
    }

    fn happen(&mut self, shape: Shape, attack: &Attack) {
        match shape {
            Shape::Normal => {}
            Shape::OneBlock => self.pump(attack, Spread::Blocks(1)),
            Shape::TwentyBlocks => self.pump(attack, Spread::Blocks(20)),
            Shape::WholeCountry
            | Shape::NeverServed
            | Shape::VerifiesTenth
            | Shape::VerifiesAll => self.pump(attack, Spread::Country),
            Shape::LowAndSlow => self.trickle(attack, 5000, SLOW_HOURS),
            Shape::LaunchDay => self.launch(attack.begins),
            Shape::ResendStorm => self.storm(attack.begins),
            Shape::SharedOffice => self.office(attack.begins),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{domain::phone::PhoneNumber, replay::row::Row};

    const ORDER: Order<'static> = Order {
        shape: Shape::Normal,
        seed: 1,
        country: None,
        reachable: 40,
        verifies: None,
        through: Through::Fresh,
        attack_only: false,
        size: 10,
    };

    fn text(order: &Order<'_>) -> String {
        let mut out = Vec::new();
        write(order, &mut out).expect("memory takes everything");
        String::from_utf8(out).expect("it is text")
    }

    fn rows(text: &str) -> impl Iterator<Item = Row<'_>> + Clone {
        let read = |line| Row::parse(line).unwrap_or_else(|problem| panic!("{line}: {problem}"));
        text.lines().skip(1).map(read)
    }

    fn shapes() -> &'static [Shape] {
        clap::ValueEnum::value_variants()
    }

    #[test]
    fn every_shape_is_in_order_and_has_numbers_that_are_valid() {
        for shape in shapes() {
            let text = text(&Order {
                shape: *shape,
                ..ORDER
            });
            let mut last = 0;
            for row in rows(&text) {
                assert!(row.offset_ms >= last, "{shape:?}");
                last = row.offset_ms;
                assert!(PhoneNumber::parse(row.phone).is_some(), "{shape:?}");
            }
            assert!(last < BEGINS_MS + shape.length() + HOUR, "{shape:?}");
        }
    }

    #[test]
    fn a_seed_says_it_all() {
        let one = text(&ORDER);
        assert_eq!(one, text(&ORDER));
        assert_ne!(one, text(&Order { seed: 2, ..ORDER }));
    }

    #[test]
    fn most_real_people_use_their_codes_within_a_minute() {
        let text = text(&Order { size: 100, ..ORDER });
        let verified = rows(&text).filter_map(|row| row.verifies_after_ms);
        assert!(
            verified
                .clone()
                .all(|after| (5000..=60_000).contains(&after))
        );
        let share = verified.count() * 100 / rows(&text).count();
        assert!((85..=92).contains(&share), "{share}");
        let reachable = rows(&text).filter(|row| !row.reachable.is_empty());
        let share = reachable.count() * 100 / rows(&text).count();
        assert!((36..=44).contains(&share), "{share}");
    }

    #[test]
    fn attackers_come_from_everywhere_and_once() {
        for (shape, expected) in [
            (Shape::OneBlock, 1..=1),
            (Shape::TwentyBlocks, 20..=20),
            (Shape::WholeCountry, 2000..=2400),
        ] {
            let text = text(&Order { shape, ..ORDER });
            let attack: Vec<_> = rows(&text)
                .filter(|row| row.label == Label::Attack)
                .collect();
            assert_eq!(attack.len(), 2400, "{shape:?}");
            let addresses: HashSet<_> = attack.iter().map(|row| row.ip).collect();
            assert_eq!(addresses.len(), 2400, "{shape:?}");
            let blocks: HashSet<_> = attack.iter().map(|row| &row.phone[..9]).collect();
            assert!(
                expected.contains(&blocks.len()),
                "{shape:?}: {}",
                blocks.len()
            );
            assert!(attack.iter().all(|row| row.verifies_after_ms.is_none()));
        }
    }

    #[test]
    fn attackers_may_come_through_addresses_that_real_people_share() {
        for through in [Through::Carriers, Through::Offices] {
            let shape = Shape::WholeCountry;
            let text = text(&Order {
                shape,
                through,
                ..ORDER
            });
            let of = |label| {
                let rows = rows(&text).filter(move |row| row.label == label);
                rows.map(|row| row.ip).collect::<HashSet<_>>()
            };
            let (attack, real) = (of(Label::Attack), of(Label::Legit));
            assert!(attack.len() <= 2, "{through:?}: {}", attack.len());
            assert!(attack.is_subset(&real), "{through:?}");
        }
    }

    #[test]
    fn an_attack_can_be_had_by_itself() {
        let order = Order {
            shape: Shape::TwentyBlocks,
            ..ORDER
        };
        let whole = text(&order);
        let attack = text(&Order {
            attack_only: true,
            ..order
        });
        let of_whole: Vec<_> = rows(&whole)
            .filter(|row| row.label == Label::Attack)
            .collect();
        assert!(rows(&attack).eq(of_whole));
        let order = Order {
            shape: Shape::LaunchDay,
            attack_only: true,
            ..ORDER
        };
        let problem = write(&order, &mut Vec::new()).unwrap_err();
        assert!(matches!(problem, Unwritten::NoAttack));
    }

    #[test]
    fn a_country_without_known_numbers_is_told() {
        let order = Order {
            country: Some("ZZ"),
            ..ORDER
        };
        let problem = write(&order, &mut Vec::new()).unwrap_err().to_string();
        assert!(problem.starts_with("the numbers of ZZ are not known; there are: AU, BR"));
    }
}
