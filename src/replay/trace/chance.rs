//! Chance that comes out the same for the same seed, on every machine and in every version.

/// A sequence of random numbers (`SplitMix64`). Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; zero where that is zero.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        ((self.bits() as u128 * end as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(super) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something happens that does so in this many of a thousand cases.
    pub(super) const fn permille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    /// One of these; there must be one.
    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or_default();
        &of[at]
    }

    /// The place of one of these, each as likely as its weight.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (at, weight) in weights.enumerate() {
            if left < weight {
                return at;
            }
            left -= weight;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all() {
        let mut one = Chance::new(7);
        let mut other = Chance::new(7);
        assert_eq!(one.bits(), other.bits());
        assert_ne!(Chance::new(8).bits(), Chance::new(7).bits());
    }

    #[test]
    fn shares_come_out() {
        let mut chance = Chance::new(1);
        let drawn = (0..10_000).filter(|_| chance.permille(300)).count();
        assert!((2800..3200).contains(&drawn), "{drawn}");
        let heavy = (0..10_000)
            .filter(|_| chance.weighted([1, 9].into_iter()) == 1)
            .count();
        assert!((8800..9200).contains(&heavy), "{heavy}");
        assert!((0..1000).all(|_| (5..=9).contains(&chance.between(5, 9))));
        assert_eq!(chance.below(0), 0);
    }
}
