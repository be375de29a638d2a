//! Addresses of people's devices: at home, in an office, behind a mobile carrier.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::address::Address;

use super::chance::Chance;

/// First parts of IPv4 addresses that nobody has at home.
const SPECIAL: [u64; 9] = [0, 10, 100, 127, 169, 172, 192, 198, 203];

/// An address of IPv4 that belongs to somebody.
pub(super) fn version_four(chance: &mut Chance) -> Address {
    loop {
        let first = chance.below(224);
        if SPECIAL.contains(&first) {
            continue;
        }
        let rest = chance.between(1, (1 << 24) - 2);
        let bits = u32::try_from(first << 24 | rest).unwrap_or_default();
        return known(Ipv4Addr::from_bits(bits).into());
    }
}

/// An address of IPv6 in a network of its own.
pub(super) fn version_six(chance: &mut Chance) -> Address {
    let network = 0x2a00_u128 << 112 | u128::from(chance.bits() >> 16) << 64;
    known(Ipv6Addr::from_bits(network | u128::from(chance.bits())).into())
}

/// What a household has.
pub(super) fn home(chance: &mut Chance) -> Address {
    if chance.permille(400) {
        version_six(chance)
    } else {
        version_four(chance)
    }
}

fn known(ip: IpAddr) -> Address {
    Address::parse(&ip.to_string()).expect("what an address is written as is an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_internet() {
        let mut chance = Chance::new(1);
        for _ in 0..1000 {
            let IpAddr::V4(four) = version_four(&mut chance).expose() else {
                panic!("it is of IPv4");
            };
            assert!(!four.is_private() && !four.is_loopback() && !four.is_multicast());
            assert!(version_six(&mut chance).expose().is_ipv6());
        }
    }
}
