//! In what order a rule's providers are tried, and how traffic moves away from one that is not well.

use super::{health::Standing, plan::Candidate};
use crate::domain::phone::Country;

/// How a rule orders its providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// As listed.
    Order,
    /// By chance, each as often as its weight says.
    Weight,
    /// The cheapest first; those of unknown price after them.
    Cost,
}

impl Pick {
    /// The name used in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Weight => "weight",
            Self::Cost => "cost",
        }
    }
}

/// Orders the providers of a rule for one message. A share below that of the others makes one less likely to be first.
pub fn order(
    pick: Pick,
    country: Option<Country>,
    chance: u64,
    able: &mut [(&Candidate, Standing)],
) {
    if able.len() < 2 {
        return;
    }
    let mut chance = Chance(chance);
    match pick {
        Pick::Order => lead(able, &mut chance),
        Pick::Weight => shuffle(able, &mut chance),
        Pick::Cost => {
            // Not known sorts after every price.
            able.sort_by_key(|(one, _)| {
                let price = one.prices.of(country);
                (price.is_none(), price)
            });
            lead(able, &mut chance);
        }
    }
}

/// Lets another one lead now and then where the first has a smaller share; the others keep their order.
fn lead(able: &mut [(&Candidate, Standing)], chance: &mut Chance) {
    for index in 0..able.len() - 1 {
        let rest = able[index + 1..]
            .iter()
            .map(|(_, standing)| share(*standing));
        let best = rest.fold(0.0, f64::max);
        let own = share(able[index].1);
        if own >= best || chance.next() * best < own {
            able[..=index].rotate_right(1);
            return;
        }
    }
    able.rotate_right(1);
}

/// Draws one after the other, each by its weight and share.
fn shuffle(able: &mut [(&Candidate, Standing)], chance: &mut Chance) {
    let mut drawn: Vec<_> = able
        .iter()
        .map(|one| {
            // The key of weighted sampling: the larger, the earlier. See Efraimidis and Spirakis, 2006.
            let weight = f64::from(one.0.weight) * share(one.1);
            let key = if weight > 0.0 {
                chance.next().ln() / weight
            } else {
                f64::NEG_INFINITY
            };
            (*one, key)
        })
        .collect();
    drawn.sort_by(|(_, one), (_, two)| two.total_cmp(one));
    for (place, (one, _)) in able.iter_mut().zip(drawn) {
        *place = one;
    }
}

/// What one gets beside the others. A probe stands where one that is well would: only one message a second is it.
fn share(standing: Standing) -> f64 {
    match standing {
        Standing::Open(share) => share,
        Standing::Probe => 1.0,
        Standing::Shut => 0.0,
    }
}

/// Numbers between 0 and 1 from one seed, by `SplitMix64`: a plan is a function of its arguments.
struct Chance(u64);

impl Chance {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are kept, which a double holds"
    )]
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        ((mixed >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::price::{Price, Prices};

    fn candidate(name: &str, weight: u32, price: &str) -> Candidate {
        Candidate {
            provider: name.into(),
            weight,
            prices: Prices {
                default: Price::parse(price),
                by_country: Vec::new(),
            },
            by_line_user: false,
            countries: Vec::new(),
        }
    }

    /// The orders that so many messages get, and how often.
    fn orders(pick: Pick, told: &[(Candidate, Standing)]) -> BTreeMap<String, u32> {
        let mut orders = BTreeMap::new();
        for chance in 0..10_000 {
            let mut able: Vec<_> = told
                .iter()
                .map(|(one, standing)| (one, *standing))
                .collect();
            order(pick, None, chance, &mut able);
            let names: Vec<_> = able.iter().map(|(one, _)| &*one.provider).collect();
            *orders.entry(names.join("")).or_default() += 1;
        }
        orders
    }

    fn well(name: &str, weight: u32, price: &str) -> (Candidate, Standing) {
        (candidate(name, weight, price), Standing::Open(1.0))
    }

    #[test]
    fn the_list_is_the_order_while_all_are_well() {
        let told = [well("a", 1, ""), well("b", 9, ""), well("c", 1, "")];
        assert_eq!(
            orders(Pick::Order, &told),
            [("abc".to_owned(), 10_000)].into()
        );
    }

    #[test]
    fn the_cheapest_leads_and_the_unknown_come_last() {
        let told = [
            well("a", 1, ""),
            well("b", 1, "0.05"),
            well("c", 1, "0.007"),
        ];
        assert_eq!(
            orders(Pick::Cost, &told),
            [("cba".to_owned(), 10_000)].into()
        );
    }

    #[test]
    fn a_smaller_share_leads_less_often() {
        let mut told = [well("a", 1, ""), well("b", 1, ""), well("c", 1, "")];
        told[0].1 = Standing::Open(0.3);
        let orders = orders(Pick::Order, &told);
        assert_eq!(orders.len(), 2, "{orders:?}");
        assert!((2_800..3_200).contains(&orders["abc"]), "{orders:?}");
        assert!((6_800..7_200).contains(&orders["bac"]), "{orders:?}");
    }

    #[test]
    fn all_alike_unwell_keep_their_order() {
        let mut told = [well("a", 1, ""), well("b", 1, "")];
        for one in &mut told {
            one.1 = Standing::Open(0.2);
        }
        assert_eq!(orders(Pick::Order, &told).len(), 1);
        for one in &mut told {
            one.1 = Standing::Shut;
        }
        assert_eq!(orders(Pick::Order, &told).len(), 1);
    }

    #[test]
    fn weights_are_kept_and_shares_taken_into_account() {
        let mut told = [well("a", 3, ""), well("b", 1, "")];
        let first_a = |told: &[_]| orders(Pick::Weight, told).get("ab").copied().unwrap_or(0);
        let led = first_a(&told);
        assert!((7_300..7_700).contains(&led), "{led}");
        told[0].1 = Standing::Open(1.0 / 3.0);
        let led = first_a(&told);
        assert!((4_800..5_200).contains(&led), "{led}");
        told[0].1 = Standing::Shut;
        assert_eq!(first_a(&told), 0);
    }

    proptest! {
        #[test]
        fn nobody_is_lost_or_doubled(
            told in prop::collection::vec((0u32..5, 0.0f64..=1.0), 0..6),
            chance: u64,
            pick in prop::sample::select(vec![Pick::Order, Pick::Weight, Pick::Cost]),
        ) {
            let told: Vec<_> = told
                .iter()
                .enumerate()
                .map(|(index, (weight, share))| {
                    (candidate(&index.to_string(), *weight, ""), Standing::Open(*share))
                })
                .collect();
            let mut able: Vec<_> = told.iter().map(|(one, standing)| (one, *standing)).collect();
            order(pick, None, chance, &mut able);
            let mut names: Vec<_> = able.iter().map(|(one, _)| one.provider.to_string()).collect();
            names.sort();
            let all: Vec<_> = (0..told.len()).map(|index| index.to_string()).collect();
            prop_assert_eq!(names, all);
        }
    }
}
