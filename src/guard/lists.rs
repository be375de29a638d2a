//! Allow and block lists, ready to be asked.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;

use crate::domain::{
    address::Address,
    listed::{Effect, ListEntry, Target},
    prefix,
    privacy::KeyedHash,
};

/// The lists by what their entries are about.
#[derive(Debug, Default)]
pub struct Lists {
    numbers: HashMap<KeyedHash, Vec<ListEntry>>,
    users: HashMap<KeyedHash, Vec<ListEntry>>,
    /// By the count of their digits, then by the digits.
    prefixes: BTreeMap<u32, HashMap<u64, Vec<ListEntry>>>,
    /// By length and family, then by the network.
    networks: BTreeMap<(bool, u8), HashMap<IpNet, Vec<ListEntry>>>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// All digits of the number in canonical form.
    pub digits: u64,
    /// All digits of the number as it was written.
    pub written: u64,
    /// The hash of tenant and user id.
    pub user: Option<KeyedHash>,
    /// Hashes of them by older keys.
    pub older: &'a [KeyedHash],
    /// The device's address.
    pub client: Option<Address>,
    /// Now, ms since 1970.
    pub now_ms: u64,
}

impl Lists {
    /// Lists of these entries.
    pub fn new(entries: Vec<ListEntry>) -> Self {
        let mut lists = Self::default();
        for entry in entries {
            let place = match &entry.target {
                Target::Number { hash, .. } => lists.numbers.entry(*hash),
                Target::User { hash } => lists.users.entry(*hash),
                Target::Prefix(digits) => {
                    let Ok(prefix) = prefix::canonical(digits).parse() else {
                        continue;
                    };
                    let length = count_digits(prefix);
                    lists
                        .prefixes
                        .entry(length)
                        .or_default()
                        .entry(prefix)
                        .or_default()
                        .push(entry);
                    continue;
                }
                Target::Network(network) => {
                    let length = (network.addr().is_ipv6(), network.prefix_len());
                    let network = network.trunc();
                    lists
                        .networks
                        .entry(length)
                        .or_default()
                        .entry(network)
                        .or_default()
                        .push(entry);
                    continue;
                }
            };
            place.or_default().push(entry);
        }
        lists
    }

    /// The entry that decides, if one does. What names a single number or user is stronger than a range; of two that are
    /// alike a block is the stronger one. `hashes` are those of the number, asked for only where one is listed.
    pub fn find(
        &self,
        asker: &Asker<'_>,
        hashes: impl FnOnce() -> Vec<KeyedHash>,
    ) -> Option<&ListEntry> {
        let mut single = Best::default();
        if !self.numbers.is_empty() {
            for hash in hashes() {
                single.look(self.numbers.get(&hash), asker);
            }
        }
        for user in asker.user.iter().chain(asker.older) {
            single.look(self.users.get(user), asker);
        }
        if single.0.is_some() {
            return single.0;
        }
        let mut range = Best::default();
        self.look_at_prefixes(asker.digits, asker, &mut range);
        if asker.written != asker.digits {
            self.look_at_prefixes(asker.written, asker, &mut range);
        }
        if let Some(address) = asker.client.map(Address::expose) {
            for ((is_v6, length), networks) in &self.networks {
                if *is_v6 == address.is_ipv6()
                    && let Ok(network) = IpNet::new(address, *length)
                {
                    range.look(networks.get(&network.trunc()), asker);
                }
            }
        }
        range.0
    }

    fn look_at_prefixes<'a>(&'a self, number: u64, asker: &Asker<'_>, best: &mut Best<'a>) {
        let length = count_digits(number);
        for (digits, prefixes) in self.prefixes.range(..=length) {
            best.look(prefixes.get(&(number / 10_u64.pow(length - digits))), asker);
        }
    }
}

/// The strongest entry so far.
#[derive(Default)]
struct Best<'a>(Option<&'a ListEntry>);

impl<'a> Best<'a> {
    fn look(&mut self, entries: Option<&'a Vec<ListEntry>>, asker: &Asker<'_>) {
        for entry in entries.into_iter().flatten() {
            let holds = entry.tenants.has(asker.tenant) && entry.is_live(asker.now_ms);
            if holds && self.0.is_none_or(|best| best.effect == Effect::Allow) {
                self.0 = Some(entry);
            }
        }
    }
}

fn count_digits(figure: u64) -> u32 {
    figure.checked_ilog10().map_or(1, |log| log + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{id::ListEntryId, listed::Tenants};

    fn entry(effect: Effect, tenants: Tenants, target: Target) -> ListEntry {
        ListEntry {
            id: ListEntryId::from_bytes([0; 16]),
            effect,
            tenants,
            target,
            expires_ms: Some(1000),
            author: "operator".to_owned(),
            reason: String::new(),
            created_ms: 0,
        }
    }

    fn prefix(digits: &str) -> Target {
        Target::Prefix(digits.to_owned())
    }

    fn network(text: &str) -> Target {
        Target::Network(crate::domain::address::network(text).unwrap())
    }

    fn number(byte: u8) -> Target {
        Target::Number {
            hash: KeyedHash([byte; 16]),
            masked: String::new(),
        }
    }

    fn effect(lists: &Lists, asker: &Asker<'_>) -> Option<Effect> {
        let found = lists.find(asker, || vec![KeyedHash([1; 16])]);
        found.map(|entry| entry.effect)
    }

    const ASKER: Asker<'_> = Asker {
        tenant: "acme",
        digits: 14_155_552_671,
        written: 14_155_552_671,
        user: None,
        older: &[],
        client: None,
        now_ms: 999,
    };

    #[test]
    fn each_target_finds_its_own() {
        let check = |target: Target, expect: bool| {
            let lists = Lists::new(vec![entry(Effect::Block, Tenants::All, target.clone())]);
            let asker = Asker {
                user: Some(KeyedHash([2; 16])),
                client: Address::parse("2001:db8:1:2::9"),
                ..ASKER
            };
            assert_eq!(effect(&lists, &asker).is_some(), expect, "{target:?}");
        };
        check(number(1), true);
        check(number(2), false);
        check(
            Target::User {
                hash: KeyedHash([2; 16]),
            },
            true,
        );
        check(
            Target::User {
                hash: KeyedHash([1; 16]),
            },
            false,
        );
        check(prefix("1"), true);
        check(prefix("1415555"), true);
        check(prefix("14155552671"), true);
        check(prefix("141555526710"), false);
        check(prefix("415"), false);
        check(network("2001:db8::/32"), true);
        check(network("2001:db8:1:2::9"), true);
        check(network("2001:db8:1:3::/64"), false);
        check(network("0.0.0.0/0"), false);
    }

    #[test]
    fn a_prefix_is_met_by_both_writings_of_a_number() {
        let argentine = |written| Asker {
            digits: 541_123_456_789,
            written,
            ..ASKER
        };
        let check = |digits: &str, with: bool, without: bool| {
            let lists = Lists::new(vec![entry(Effect::Block, Tenants::All, prefix(digits))]);
            let met = |written| effect(&lists, &argentine(written)).is_some();
            let met = [met(5_491_123_456_789), met(541_123_456_789)];
            assert_eq!(met, [with, without], "{digits}");
        };
        check("549112345", true, true);
        check("54112345", true, true);
        check("5491", true, true);
        check("54", true, true);
        // Who says no more than the 9 means how it is written.
        check("549", true, false);
        check("549112346", false, false);
    }

    #[test]
    fn a_user_is_met_under_an_older_key() {
        let target = Target::User {
            hash: KeyedHash([2; 16]),
        };
        let lists = Lists::new(vec![entry(Effect::Block, Tenants::All, target)]);
        let (user, older) = (Some(KeyedHash([3; 16])), [KeyedHash([2; 16])]);
        assert_eq!(effect(&lists, &Asker { user, ..ASKER }), None);
        let asker = Asker {
            user,
            older: &older,
            ..ASKER
        };
        assert_eq!(effect(&lists, &asker), Some(Effect::Block));
    }

    #[test]
    fn an_entry_holds_for_its_tenants_and_until_it_ends() {
        let one = || Tenants::One("acme".to_owned());
        let lists = Lists::new(vec![entry(Effect::Block, one(), prefix("1"))]);
        assert_eq!(effect(&lists, &ASKER), Some(Effect::Block));
        let other = Asker {
            tenant: "other",
            ..ASKER
        };
        assert_eq!(effect(&lists, &other), None);
        let later = Asker {
            now_ms: 1000,
            ..ASKER
        };
        assert_eq!(effect(&lists, &later), None);
    }

    #[test]
    fn a_single_number_is_stronger_than_a_range_and_a_block_than_an_allowance() {
        let check = |entries: &[(Effect, Target)], expect: Effect| {
            let listed = entries.iter().cloned();
            let listed = listed.map(|(effect, target)| entry(effect, Tenants::All, target));
            let lists = Lists::new(listed.collect());
            assert_eq!(effect(&lists, &ASKER), Some(expect), "{entries:?}");
        };
        let (allow, block) = (Effect::Allow, Effect::Block);
        check(&[(block, prefix("1415")), (allow, number(1))], allow);
        check(&[(allow, prefix("1415")), (block, prefix("1"))], block);
        check(&[(allow, number(1)), (block, number(1))], block);
        check(&[(block, number(1)), (allow, prefix("1"))], block);
    }
}
