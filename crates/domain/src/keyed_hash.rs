//! HMAC-SHA-256 under a key of 32 bytes: what signs cookies, names sessions and
//! derives one key from another.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

/// Bytes of a key, and of a digest.
pub const HASH_BYTES: usize = 32;

/// A keyed hash, ready to be used: the key's own part of each digest is worked out
/// once.
#[derive(Clone)]
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// Under a key.
    pub fn new(key: &[u8; HASH_BYTES]) -> Self {
        // HMAC fills a key up to the hash's block with zeros. Filled up here, it is
        // of the one size that needs no check.
        let mut block = [0; 64];
        for (byte, of_key) in block.iter_mut().zip(key) {
            *byte = *of_key;
        }
        Self(Hmac::new(&block.into()))
    }

    /// The digest of the parts, one after the other. Where they begin and end is not
    /// part of it: the caller sees to it that no two meanings read the same.
    pub fn digest(&self, parts: &[&[u8]]) -> [u8; HASH_BYTES] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha_256() {
        // As Python's hmac has it, of the key 00 01 … 1f.
        let mut key = [0; HASH_BYTES];
        key.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        let digest = KeyedHash::new(&key).digest(&[b"one, ", b"two"]);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6a4fd7a149edb88fe1ef5cf9bce3fc87bbeeabb9d3ad8834f69aa8c0bf214676");
    }
}
