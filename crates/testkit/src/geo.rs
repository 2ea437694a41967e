//! A tiny MaxMind-format country database, written from a list of networks.
//!
//! Format: <https://maxmind.github.io/MaxMind-DB/> 2.0 — a binary search tree over
//! 128-bit addresses with 24-bit records, IPv4 under `::/96`, then a data section
//! of `{"country": {"iso_code": "US"}}`, then the metadata.

use std::net::IpAddr;
use std::path::Path;

/// Bits of the addresses in the tree.
const BITS: u8 = 128;
/// Zero bytes between the tree and the data.
const SEPARATOR: usize = 16;
/// What the metadata begins with.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Where a branch leads.
#[derive(Clone, Copy)]
enum Branch {
    Nowhere,
    Node(usize),
    /// Offset into the data section.
    Data(usize),
}

/// Writes a database that knows the countries of these networks, each an address
/// and a prefix length (of the address's own family).
///
/// # Panics
/// Where the file cannot be written.
pub fn write(path: &Path, networks: &[(&str, u8, &str)]) {
    std::fs::write(path, database(networks)).expect("the geo database is written");
}

fn database(networks: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Nowhere; 2]];
    let mut data = Vec::new();
    for (address, prefix, country) in networks {
        let offset = data.len();
        map(&mut data, 1);
        string(&mut data, "country");
        map(&mut data, 1);
        string(&mut data, "iso_code");
        string(&mut data, country);
        let (bits, prefix) = match address.parse().expect("an address") {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), prefix + 96),
            IpAddr::V6(v6) => (u128::from(v6), *prefix),
        };
        let mut at = 0;
        for depth in 0..prefix {
            let side = usize::from(bits >> (BITS - 1 - depth) & 1 == 1);
            if depth + 1 == prefix {
                nodes[at][side] = Branch::Data(offset);
            } else if let Branch::Node(next) = nodes[at][side] {
                at = next;
            } else {
                nodes.push([Branch::Nowhere; 2]);
                nodes[at][side] = Branch::Node(nodes.len() - 1);
                at = nodes.len() - 1;
            }
        }
    }
    let count = nodes.len();
    let record = |branch| match branch {
        Branch::Nowhere => count,
        Branch::Node(node) => node,
        Branch::Data(offset) => count + SEPARATOR + offset,
    };
    let mut file = Vec::new();
    for node in &nodes {
        for branch in node {
            let value = u32::try_from(record(*branch)).expect("a tiny database");
            file.extend_from_slice(&value.to_be_bytes()[1..]);
        }
    }
    file.extend_from_slice(&[0; SEPARATOR]);
    file.extend_from_slice(&data);
    file.extend_from_slice(MARKER);
    metadata(&mut file, u32::try_from(count).expect("a tiny database"));
    file
}

fn metadata(file: &mut Vec<u8>, node_count: u32) {
    map(file, 9);
    string(file, "binary_format_major_version");
    number(file, 5, &2_u16.to_be_bytes());
    string(file, "binary_format_minor_version");
    number(file, 5, &0_u16.to_be_bytes());
    string(file, "build_epoch");
    number(file, 9, &1_780_000_000_u64.to_be_bytes());
    string(file, "database_type");
    string(file, "Test-Country");
    string(file, "description");
    map(file, 0);
    string(file, "ip_version");
    number(file, 5, &6_u16.to_be_bytes());
    string(file, "languages");
    // An empty array: an extended type, 7 + 4.
    file.extend_from_slice(&[0, 4]);
    string(file, "node_count");
    number(file, 6, &node_count.to_be_bytes());
    string(file, "record_size");
    number(file, 5, &24_u16.to_be_bytes());
}

fn map(out: &mut Vec<u8>, entries: u8) {
    out.push(7 << 5 | entries);
}

fn string(out: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).expect("a short text");
    assert!(length < 29, "longer texts are written otherwise");
    out.push(2 << 5 | length);
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, kind: u8, big_endian: &[u8]) {
    let length = u8::try_from(big_endian.len()).expect("at most 16 bytes");
    if kind > 7 {
        out.extend_from_slice(&[length, kind - 7]);
    } else {
        out.push(kind << 5 | length);
    }
    out.extend_from_slice(big_endian);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_tracking::geo::GeoDatabase;

    #[test]
    fn what_is_written_can_be_looked_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("country.mmdb");
        write(&path, &[("192.0.2.0", 24, "US"), ("198.51.100.7", 32, "FR"), ("2001:db8::", 32, "DE")]);
        let geo = GeoDatabase::open(&path).expect("it opens");
        let country = |ip: &str| geo.country(ip.parse().expect("an address"));
        assert_eq!(country("192.0.2.200").as_deref(), Some("US"));
        assert_eq!(country("198.51.100.7").as_deref(), Some("FR"));
        assert_eq!(country("198.51.100.8"), None);
        assert_eq!(country("2001:db8::1").as_deref(), Some("DE"));
        assert_eq!(country("2001:db9::1"), None);
    }
}
