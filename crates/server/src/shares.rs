//! How many of a listener's connections one client may hold.

use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The bits of an IPv6 address that name a network: whoever has one address of it
/// has them all.
const IPV6_NETWORK: u128 = !0 << 64;

/// The connections that each client holds.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    /// Proxies, behind whose addresses all clients are.
    trusted_proxies: Vec<IpNet>,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place in its client's share; given back when dropped.
#[derive(Debug)]
pub struct Place(Option<(Arc<Shares>, IpAddr)>);

impl Shares {
    /// Shares of at most so many connections; trusted proxies may have any number.
    pub fn new(most: usize, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self { most, trusted_proxies, held: Mutex::default() })
    }

    /// A place for a connection, unless its client has all that it may have.
    pub fn place(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if self.trusted_proxies.iter().any(|network| network.contains(&peer)) {
            return Some(Place(None));
        }
        let client = network(peer);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = held.entry(client).or_default();
        if *connections >= self.most {
            return None;
        }
        *connections += 1;
        Some(Place(Some((Arc::clone(self), client))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((shares, client)) = self.0.take() else { return };
        let mut held = shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = held.get_mut(&client) {
            *connections -= 1;
            if *connections == 0 {
                held.remove(&client);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_its_share_and_no_more_until_it_gives_back() {
        let shares = Shares::new(2, Vec::new());
        let first = shares.place(ip("203.0.113.9"));
        let second = shares.place(ip("::ffff:203.0.113.9"));
        assert!(first.is_some() && second.is_some());
        assert!(shares.place(ip("203.0.113.9")).is_none());
        assert!(shares.place(ip("203.0.113.10")).is_some(), "others have their own");
        drop(first);
        assert!(shares.place(ip("203.0.113.9")).is_some());
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_client() {
        let shares = Shares::new(1, Vec::new());
        let _first = shares.place(ip("2001:db8::1")).unwrap();
        assert!(shares.place(ip("2001:db8::ffff:2")).is_none());
        assert!(shares.place(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn a_trusted_proxy_stands_for_many_clients_and_has_no_share() {
        let shares = Shares::new(1, vec!["10.0.0.0/8".parse().unwrap()]);
        let places: Vec<_> = (0..5).map(|_| shares.place(ip("10.1.2.3"))).collect();
        assert!(places.iter().all(Option::is_some));
    }

    #[test]
    fn nothing_is_kept_of_clients_that_are_gone() {
        let shares = Shares::new(1, Vec::new());
        for last in 0..100 {
            drop(shares.place(ip(&format!("203.0.113.{last}"))));
        }
        assert!(shares.held.lock().unwrap().is_empty());
    }
}
