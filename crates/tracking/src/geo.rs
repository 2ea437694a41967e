//! Countries of addresses, from a MaxMind-format file that the operator supplies.

use std::net::IpAddr;
use std::path::Path;

/// A country database, read whole into memory.
pub struct GeoDatabase {
    reader: maxminddb::Reader<Vec<u8>>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the geo database {path} cannot be read: {reason}")]
pub struct GeoError {
    path: String,
    reason: String,
}

impl GeoDatabase {
    /// Reads a file like GeoLite2-Country.mmdb.
    ///
    /// # Errors
    /// Where it cannot be read or is not of that format.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let reader = maxminddb::Reader::open_readfile(path)
            .map_err(|error| GeoError { path: path.display().to_string(), reason: error.to_string() })?;
        Ok(Self { reader })
    }

    /// The ISO 3166 code of an address's country, `None` where unknown.
    pub fn country(&self, ip: IpAddr) -> Option<String> {
        let found = self.reader.lookup(ip).ok()?;
        let country: Option<maxminddb::geoip2::Country<'_>> = found.decode().ok()?;
        country?.country.iso_code.map(str::to_owned)
    }
}

impl std::fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeoDatabase(…)")
    }
}
