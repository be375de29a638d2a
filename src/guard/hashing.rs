//! What is counted, as keyed hashes of 64 bits: one for each counter, the same after a restart, and nobody without the key
//! can aim two things at one counter or tell a number from one.

use std::{
    hash::{BuildHasherDefault, Hasher},
    net::IpAddr,
};

use siphasher::sip::SipHasher13;

use crate::domain::{address::Address, phone::Country};

/// What a hash is of; the same figure of two kinds has two hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A number.
    Destination = 1,
    /// A user id.
    User,
    /// Numbers that differ in the last four digits.
    Range10k,
    /// Numbers that differ in the last six digits.
    Range1m,
    /// A country.
    Country,
    /// A device's network.
    Network,
    /// A tenant.
    Tenant,
}

/// Hashes under a key of the guard's.
#[derive(Clone, Copy)]
pub struct Hashing(SipHasher13);

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashing")
    }
}

impl Hashing {
    /// Hashes under this key.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }

    /// A tenant's tag, which is part of every hash of its counters.
    pub fn tenant(&self, name: &str) -> Tag {
        Tag(self.text(Kind::Tenant, 0, name))
    }

    /// The hash of a figure.
    pub fn figure(&self, kind: Kind, tag: Tag, figure: u64) -> u64 {
        let mut hasher = self.0;
        hasher.write_u64(tag.0 ^ kind as u64);
        hasher.write_u64(figure);
        hasher.finish()
    }

    /// The hash of a user id.
    pub fn user(&self, tag: Tag, id: &str) -> u64 {
        self.text(Kind::User, tag.0, id)
    }

    /// The hash of a country.
    pub fn country(&self, tag: Tag, country: Country) -> u64 {
        let letters = country.as_str().bytes();
        let figure = letters.fold(0, |figure, letter| figure << 8 | u64::from(letter));
        self.figure(Kind::Country, tag, figure)
    }

    /// The hash of an address's network: one address of IPv4, 64 bits of IPv6.
    pub fn network(&self, tag: Tag, address: Address) -> u64 {
        let figure = match address.expose() {
            IpAddr::V4(one) => u64::from(one.to_bits()),
            // No network of IPv6 that is in use begins with 64 zeros, so it is none of IPv4.
            IpAddr::V6(one) => u64::try_from(one.to_bits() >> 64).unwrap_or(u64::MAX),
        };
        self.figure(Kind::Network, tag, figure)
    }

    fn text(&self, kind: Kind, tag: u64, text: &str) -> u64 {
        let mut hasher = self.0;
        hasher.write_u64(tag ^ kind as u64);
        hasher.write(text.as_bytes());
        hasher.finish()
    }
}

/// A tenant's part of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u64);

/// For maps whose keys are hashes already.
pub type Hashed = BuildHasherDefault<AsItIs>;

/// Takes a hash for its own hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys are single words; anything else is folded in, so that none is lost.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_kinds_and_figures_are_apart() {
        let hashing = Hashing::new(&[7; 16]);
        let (acme, other) = (hashing.tenant("acme"), hashing.tenant("other"));
        assert_ne!(acme, other);
        let one = hashing.figure(Kind::Range10k, acme, 1415);
        assert_eq!(one, hashing.figure(Kind::Range10k, acme, 1415));
        assert_ne!(one, hashing.figure(Kind::Range1m, acme, 1415));
        assert_ne!(one, hashing.figure(Kind::Range10k, other, 1415));
        assert_ne!(
            one,
            Hashing::new(&[8; 16]).figure(Kind::Range10k, acme, 1415)
        );
        assert_ne!(hashing.user(acme, "a"), hashing.user(other, "a"));
    }

    #[test]
    fn a_network_of_ipv6_has_64_bits_and_one_of_ipv4_is_an_address() {
        let hashing = Hashing::new(&[7; 16]);
        let tag = hashing.tenant("acme");
        let check = |one: &str, other: &str, same: bool| {
            let nth = format!("{one} and {other}");
            let [one, other] = [one, other].map(|text| Address::parse(text).unwrap());
            let hashes = [one, other].map(|address| hashing.network(tag, address));
            assert_eq!(hashes[0] == hashes[1], same, "{nth}");
        };
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
        check("203.0.113.7", "203.0.113.8", false);
        check("203.0.113.7", "::ffff:203.0.113.7", true);
    }
}
