//! The address of a person's device, which is theirs alone and does not print.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;

/// An IP address of a person's device.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

impl Address {
    /// Reads an address; one of IPv4 that is written as IPv6 is the same address.
    pub fn parse(text: &str) -> Option<Self> {
        let address: IpAddr = text.parse().ok()?;
        Some(Self(address.to_canonical()))
    }

    /// The address itself, for comparing and for nothing else.
    pub fn expose(self) -> IpAddr {
        self.0
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.into())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads a network such as `203.0.113.0/24`, or one address, which is a network too. One of IPv4 that is written as IPv6
/// is the same network.
pub fn network(text: &str) -> Option<IpNet> {
    let one = || {
        text.parse::<IpAddr>()
            .ok()
            .map(|one| IpNet::from(one.to_canonical()))
    };
    let network = text.parse::<IpNet>().ok().or_else(one)?;
    Some(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form_and_does_not_print() {
        let address = Address::parse("203.0.113.7").unwrap();
        assert_eq!(Address::parse("::ffff:203.0.113.7"), Some(address));
        assert_eq!(format!("{address:?}"), "***");
        assert!(Address::parse("localhost").is_none());
    }

    #[test]
    fn a_network_has_one_form() {
        let check = |text: &str, expect: Option<&str>| {
            let network = network(text).map(|network| network.to_string());
            assert_eq!(network.as_deref(), expect, "{text}");
        };
        check("203.0.113.7", Some("203.0.113.7/32"));
        check("::ffff:203.0.113.7", Some("203.0.113.7/32"));
        check("203.0.113.7/24", Some("203.0.113.0/24"));
        check("2001:db8::1/64", Some("2001:db8::/64"));
        check("office", None);
        check("10.0.0.0/33", None);
    }
}
