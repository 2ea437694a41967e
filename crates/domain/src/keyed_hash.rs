//! HMAC-SHA-256: under a key of 32 bytes what signs cookies, names sessions and
//! derives one key from another; under a text what advertisers sign their calls with.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Bytes of a key, and of a digest.
pub const HASH_BYTES: usize = 32;

/// Bytes that HMAC fills a key up to: the hash's block.
const BLOCK_BYTES: usize = 64;

/// A keyed hash, ready to be used: the key's own part of each digest is worked out
/// once.
#[derive(Clone)]
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// Under a key.
    pub fn new(key: &[u8; HASH_BYTES]) -> Self {
        Self::filled_up(key)
    }

    /// Under a key of any length, as RFC 2104 has it: one that is longer than the hash's
    /// block stands for its hash.
    pub fn of_any_key(key: &[u8]) -> Self {
        if key.len() > BLOCK_BYTES { Self::filled_up(&Sha256::digest(key)) } else { Self::filled_up(key) }
    }

    /// HMAC fills a key up to the hash's block with zeros. Filled up here, it is of the
    /// one size that needs no check.
    fn filled_up(key: &[u8]) -> Self {
        let mut block = [0; BLOCK_BYTES];
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

    #[test]
    fn a_key_may_be_of_any_length() {
        // RFC 4231, test cases 2 and 6.
        let hex = |key: &[u8], text: &[u8]| -> String {
            KeyedHash::of_any_key(key).digest(&[text]).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(
            hex(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        // As Python's hmac has it, of a key that is as long as the block.
        assert_eq!(
            hex(&[b'k'; BLOCK_BYTES], b"text"),
            "0414bb1d8c0c4556cdb2028727b16610ae377b1a194b6db1f853d4297f2329bc"
        );
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", KeyedHash::new(&[7; HASH_BYTES])), "KeyedHash(…)");
    }
}
