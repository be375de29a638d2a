//! Numbers that the plans know as mobile, drawn from all over a country or from one block of it.

use std::ops::Range;

use crate::domain::phone::{Country, NumberType, PhoneNumber};

use super::chance::Chance;

/// How many numbers have all but their last four digits in common.
pub(super) const BLOCK: u64 = 10_000;

/// Prefixes of mobile numbers with the calling code, and how many digits follow. The parts of the plan that are in wide
/// use, not all of it; the plan itself has the last word on each number.
const PLANS: &[(&str, &[(&str, u32)])] = &[
    ("AU", &[("614", 8)]),
    (
        "BR",
        &[
            ("55119", 8),
            ("55219", 8),
            ("55319", 8),
            ("55419", 8),
            ("55719", 8),
        ],
    ),
    (
        "DE",
        &[
            ("49151", 8),
            ("49152", 8),
            ("49157", 8),
            ("49159", 8),
            ("4916", 8),
            ("4917", 8),
        ],
    ),
    ("FR", &[("336", 8), ("337", 8)]),
    (
        "GB",
        &[
            ("4474", 8),
            ("4475", 8),
            ("4477", 8),
            ("4478", 8),
            ("4479", 8),
        ],
    ),
    (
        "ID",
        &[
            ("62811", 8),
            ("62812", 8),
            ("62813", 8),
            ("62852", 8),
            ("62857", 8),
            ("62878", 8),
            ("62896", 8),
        ],
    ),
    ("IN", &[("917", 9), ("918", 9), ("919", 9)]),
    ("JP", &[("8170", 8), ("8180", 8), ("8190", 8)]),
    ("MX", &[("5255", 8), ("5233", 8), ("5281", 8)]),
    ("NG", &[("23480", 8), ("23481", 8), ("23490", 8)]),
    ("PK", &[("9230", 8), ("9231", 8), ("9233", 8), ("9234", 8)]),
    (
        "US",
        &[
            ("1212", 7),
            ("1213", 7),
            ("1214", 7),
            ("1303", 7),
            ("1305", 7),
            ("1312", 7),
            ("1404", 7),
            ("1415", 7),
            ("1503", 7),
            ("1512", 7),
            ("1602", 7),
            ("1612", 7),
            ("1617", 7),
            ("1646", 7),
            ("1702", 7),
            ("1713", 7),
            ("1718", 7),
            ("1818", 7),
            ("1917", 7),
            ("1954", 7),
        ],
    ),
    (
        "UZ",
        &[
            ("99890", 7),
            ("99891", 7),
            ("99893", 7),
            ("99894", 7),
            ("99897", 7),
        ],
    ),
];

/// The mobile numbers of one country.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    country: Country,
    ranges: &'static [(&'static str, u32)],
}

impl Numbers {
    /// Those of a country whose plan is known here.
    pub(super) fn of(country: &str) -> Option<Self> {
        let (name, ranges) = PLANS.iter().find(|(name, _)| *name == country)?;
        let country = Country::parse(name)?;
        Some(Self { country, ranges })
    }

    /// The countries whose plans are known here.
    pub(super) fn known() -> impl Iterator<Item = &'static str> {
        PLANS.iter().map(|(name, _)| *name)
    }

    /// The country.
    pub(super) const fn country(self) -> Country {
        self.country
    }

    /// A number from anywhere in the country, each as likely as any other.
    pub(super) fn draw(self, chance: &mut Chance) -> u64 {
        loop {
            let at = chance.weighted(self.ranges.iter().map(|(_, digits)| 10_u64.pow(*digits)));
            let (prefix, digits) = self.ranges[at];
            let size = 10_u64.pow(digits);
            let first = prefix.parse::<u64>().unwrap_or_default() * size;
            let number = first + chance.below(size);
            if self.has(number) {
                return number;
            }
        }
    }

    /// A block of ten thousand numbers, all of which are mobile.
    pub(super) fn block(self, chance: &mut Chance) -> u64 {
        loop {
            let block = self.draw(chance) / BLOCK;
            if self.has(block * BLOCK) && self.has(block * BLOCK + BLOCK - 1) {
                return block;
            }
        }
    }

    /// As many different blocks.
    pub(super) fn blocks(self, count: usize, chance: &mut Chance) -> Vec<u64> {
        let mut blocks = Vec::with_capacity(count);
        while blocks.len() < count {
            let block = self.block(chance);
            if !blocks.contains(&block) {
                blocks.push(block);
            }
        }
        blocks
    }

    /// What somebody types who hits one wrong key near the end.
    pub(super) fn mistyped(self, number: u64, chance: &mut Chance) -> u64 {
        loop {
            let place = 10_u64.pow(u32::try_from(chance.below(5)).unwrap_or_default());
            let digit = number / place % 10;
            let other = (digit + chance.between(1, 9)) % 10;
            let mistyped = number - digit * place + other * place;
            if self.has(mistyped) {
                return mistyped;
            }
        }
    }

    fn has(self, number: u64) -> bool {
        let number = PhoneNumber::parse(&format!("+{number}"));
        number.is_some_and(|number| {
            let mobile = [NumberType::Mobile, NumberType::FixedLineOrMobile];
            number.country() == Some(self.country) && mobile.contains(&number.kind())
        })
    }
}

/// A number of a part of a block.
pub(super) fn within(block: u64, part: Range<u64>, chance: &mut Chance) -> u64 {
    block * BLOCK + part.start + chance.below(part.end - part.start)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_country_has_numbers_blocks_and_typing_errors() {
        for country in Numbers::known() {
            let numbers = Numbers::of(country).expect("a country");
            let mut chance = Chance::new(1);
            for _ in 0..20 {
                let number = numbers.draw(&mut chance);
                assert!(numbers.has(number), "{country}");
                let mistyped = numbers.mistyped(number, &mut chance);
                assert!(numbers.has(mistyped) && mistyped != number, "{country}");
            }
            let blocks = numbers.blocks(5, &mut chance);
            let different: HashSet<_> = blocks.iter().collect();
            assert_eq!(different.len(), 5);
            let one = within(blocks[0], 0..BLOCK, &mut chance);
            assert!(numbers.has(one) && one / BLOCK == blocks[0], "{country}");
        }
        assert!(Numbers::of("ZZ").is_none());
    }

    #[test]
    fn a_whole_country_is_thousands_of_blocks() {
        let numbers = Numbers::of("GB").expect("a country");
        let mut chance = Chance::new(1);
        let blocks: HashSet<_> = (0..2000)
            .map(|_| numbers.draw(&mut chance) / BLOCK)
            .collect();
        assert!(blocks.len() > 1900, "{}", blocks.len());
    }
}
