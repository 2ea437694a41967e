//! Which addresses may be called.
//!
//! A buyer's URL is typed in by people, and its name resolves to what its owner
//! says: without this check a name could make the server call itself, its
//! neighbours or a cloud's metadata service. Only the public unicast space is
//! called; anything else only where the server's configuration names the network.

use super::target::Target;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Host;

/// Networks that may be called although they are not public.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allow: Vec<IpNet>,
}

/// IPv4 that is not the public internet's, by IANA's special-purpose registry.
const REFUSED_IPV4: &[(Ipv4Net, &str)] = &[
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol-assigned"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved or broadcast"),
];

/// What stands out of [`GLOBAL_IPV6`], and names for what lies outside of it.
const REFUSED_IPV6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "IPv4-compatible"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local NAT64"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "protocol-assigned"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique-local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// All that is given out as public unicast.
const GLOBAL_IPV6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// An IPv4 address behind a network's translator, where a host has no IPv4.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

impl AddressPolicy {
    /// Public addresses, and these networks.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Why an address may not be called (`loopback`, `private` …); `Ok` where it
    /// may.
    ///
    /// An IPv6 form that a system or a translator turns into an IPv4 address
    /// (mapped, NAT64) is judged as that address, by the allow list too.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        let meant = embedded_ipv4(address).map_or(address, IpAddr::V4);
        if self.allow.iter().any(|network| network.contains(&address) || network.contains(&meant)) {
            return Ok(());
        }
        let refused = match meant {
            IpAddr::V4(address) => {
                REFUSED_IPV4.iter().find(|(network, _)| network.contains(&address)).map(|(_, why)| *why)
            }
            IpAddr::V6(address) => REFUSED_IPV6
                .iter()
                .find(|(network, _)| network.contains(&address))
                .map(|(_, why)| *why)
                .or((!GLOBAL_IPV6.contains(&address)).then_some("not public")),
        };
        refused.map_or(Ok(()), Err)
    }

    /// The same of a host as it is written: as an address, or as this machine's own name.
    /// What any other name stands for is known when it is called; until then it may be.
    pub fn check_written(&self, target: &Target) -> Result<(), &'static str> {
        match target.host {
            Host::Ipv4(address) => self.check(address.into()),
            Host::Ipv6(address) => self.check(address.into()),
            // One of its addresses is enough.
            Host::Domain(ref name) if name == "localhost" => self
                .check(Ipv4Addr::LOCALHOST.into())
                .or_else(|refused| self.check(Ipv6Addr::LOCALHOST.into()).map_err(|_| refused)),
            Host::Domain(_) => Ok(()),
        }
    }
}

fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    address.to_ipv4_mapped().or_else(|| {
        let [.., a, b, c, d] = address.octets();
        NAT64.contains(&address).then(|| Ipv4Addr::new(a, b, c, d))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow: &[&str], address: &str) -> Result<(), &'static str> {
        let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
        AddressPolicy::new(allow).check(address.parse().unwrap())
    }

    #[test]
    fn only_the_public_internet_is_called() {
        for (address, why) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.0.0.1", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.8", "protocol-assigned"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4 relay"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved or broadcast"),
            ("255.255.255.255", "reserved or broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "IPv4-compatible"),
            ("::8.8.8.8", "IPv4-compatible"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.0.0.1", "private"),
            ("::ffff:169.254.169.254", "link-local"),
            ("::ffff:0:127.0.0.1", "not public"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::10.1.2.3", "private"),
            ("64:ff9b:1::808:808", "local NAT64"),
            ("100::1", "not public"),
            ("2001::1", "protocol-assigned"),
            ("2001:1ff::1", "protocol-assigned"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("2002:808:808::1", "6to4"),
            ("3fff:fff::1", "documentation"),
            ("5f00::1", "not public"),
            ("fc00::1", "unique-local"),
            ("fdff::1", "unique-local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(check(&[], address), Err(why), "{address}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert_eq!(check(&[], public), Ok(()), "{public}");
        }
    }

    #[test]
    fn a_written_address_is_judged_before_it_is_called() {
        let check = |allow: &[&str], url: &str| {
            let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
            AddressPolicy::new(allow).check_written(&Target::parse(url).unwrap())
        };
        assert_eq!(check(&[], "http://0x7f.1/"), Err("loopback"));
        assert_eq!(check(&[], "https://[fd00::1]/"), Err("unique-local"));
        assert_eq!(check(&[], "http://LOCALHOST:80/"), Err("loopback"));
        assert_eq!(check(&["::1/128"], "http://localhost/"), Ok(()));
        assert_eq!(check(&[], "https://buyer.example/"), Ok(()));
        assert_eq!(check(&[], "https://8.8.8.8/"), Ok(()));
    }

    #[test]
    fn a_network_that_the_allow_list_names_is_called() {
        let allow = ["127.0.0.0/8", "10.1.0.0/16", "fd00::/8", "203.0.113.5/32"];
        for allowed in [
            "127.0.0.1",
            "10.1.255.255",
            "::ffff:10.1.0.1",
            "64:ff9b::10.1.0.1",
            "fd12::1",
            "203.0.113.5",
            "8.8.8.8",
        ] {
            assert_eq!(check(&allow, allowed), Ok(()), "{allowed}");
        }
        for refused in ["10.2.0.1", "::1", "fc00::1", "203.0.113.6", "::ffff:192.168.0.1", "::127.0.0.1"] {
            assert!(check(&allow, refused).is_err(), "{refused}");
        }
        assert_eq!(check(&["::ffff:0:0/96"], "::ffff:10.0.0.1"), Ok(()), "as written");
    }
}
