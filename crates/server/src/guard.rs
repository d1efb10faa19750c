//! Which addresses this node may open a connection to: the public Internet, and what the operator lists.
//!
//! Checked on resolved addresses at connect, never on names, so that no DNS answer reaches an inner network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The operator's allow list in front of the built-in list of inner networks.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
}

/// An address no connection is opened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {why} and is not on the allow list")]
pub struct Blocked {
    /// The refused address, as it was resolved.
    pub address: IpAddr,
    /// What kind of address it is: "a loopback address", "a private address", …
    pub why: &'static str,
}

impl Guard {
    /// A guard that lets public addresses and the listed networks pass.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Refuses every address that is neither public nor listed.
    pub fn check(&self, address: IpAddr) -> Result<(), Blocked> {
        match inner(address) {
            Some(why) if !self.listed(address) => Err(Blocked { address, why }),
            _ => Ok(()),
        }
    }

    /// Whether the operator listed this address, which is what allows plain `http://` to it.
    pub fn listed(&self, address: IpAddr) -> bool {
        // The kernel connects an IPv4-mapped address over IPv4, so both spellings are one destination.
        let canonical = address.to_canonical();
        self.allow
            .iter()
            .any(|net| net.contains(&canonical) || net.contains(&address))
    }
}

/// What kind of non-public address this is, or nothing for a public one.
fn inner(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(v4) => inner_v4(v4),
        IpAddr::V6(v6) => inner_v6(v6),
    }
}

/// The IANA special-purpose registry (RFC 6890) without the documentation networks, which lead nowhere.
fn inner_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("an unspecified address"),
        [127, ..] => Some("a loopback address"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some("a private address"),
        [169, 254, ..] => Some("a link-local address"),
        [100, 64..=127, ..] => Some("a carrier-grade NAT address"),
        [192, 0, 0, _] | [198, 18..=19, ..] | [240..=255, ..] => Some("a reserved address"),
        [192, 88, 99, _] => Some("a 6to4 relay address"),
        [224..=239, ..] => Some("a multicast address"),
        _ => None,
    }
}

fn inner_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // The translator behind 64:ff9b::/96 (RFC 6052) would reach the IPv4 address written in the last half.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let v4 = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
            inner_v4(v4).map(|_| "a NAT64 form of an inner address")
        }
        [0x64, 0xff9b, ..] => Some("a local NAT64 address"),
        [0xfc00..=0xfdff, ..] => Some("a unique local address"),
        [0xfe80..=0xfeff, ..] => Some("a link-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x2001, 0, ..] => Some("a Teredo address"),
        [0x2001, 1..=0x1ff, ..] => Some("a reserved address"),
        [0x2002, ..] => Some("a 6to4 address"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("not a global unicast address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow: &[&str], address: &str) -> Result<(), Blocked> {
        let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        Guard::new(allow).check(address.parse().unwrap())
    }

    #[test]
    fn inner_networks_are_refused_in_every_spelling() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::1",
            "2001:0:4136:e378::1",
            "2001:20::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(check(&[], address).is_err(), "{address} must be refused");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert_eq!(check(&[], address), Ok(()), "{address} must pass");
        }
    }

    #[test]
    fn a_listed_network_passes_also_in_its_mapped_spelling_but_never_through_a_translator() {
        assert_eq!(check(&["127.0.0.0/8"], "127.0.0.1"), Ok(()));
        assert_eq!(check(&["127.0.0.0/8"], "::ffff:127.0.0.1"), Ok(()));
        assert_eq!(check(&["fd00::/8"], "fd00::1"), Ok(()));
        assert!(check(&["127.0.0.0/8"], "10.0.0.1").is_err());
        assert!(check(&["127.0.0.0/8"], "::1").is_err());
        assert!(check(&["10.0.0.0/8"], "64:ff9b::10.0.0.1").is_err());
    }

    #[test]
    fn the_reason_is_one_a_person_can_read() {
        let blocked = check(&[], "127.0.0.1").unwrap_err();
        assert_eq!(
            blocked.to_string(),
            "127.0.0.1 is a loopback address and is not on the allow list"
        );
    }
}
