//! Request ids: the public name of a session, and the row id behind it.
//!
//! Inside, a session, click or post is a [`RowId`]: seconds (30 bits), node (7),
//! sequence (16), so that rows lie in the order in which they were made, and an
//! id says when and where. Outside, it is a [`RequestId`]: the row id through a
//! keyed permutation of 53-bit numbers. Whoever has seen one id can neither guess
//! nor count others, no table maps one to the other, and JavaScript, JSON and
//! spreadsheets hold it exactly.

use crate::Timestamp;
use crate::keyed_hash::{HASH_BYTES, KeyedHash};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const SEQUENCE_BITS: u32 = 16;
const NODE_BITS: u32 = 7;
const SECOND_BITS: u32 = 30;
/// Bits of a row id and of a request id: what a double holds exactly.
pub const ID_BITS: u32 = SECOND_BITS + NODE_BITS + SEQUENCE_BITS;
const ID_LIMIT: u64 = 1 << ID_BITS;
/// 2025-01-01T00:00:00Z: row ids count seconds from here, which lasts until 2059.
const EPOCH_SECONDS: i64 = 1_735_689_600;
/// The last second that a clock may say; the day behind it is for bursts and restarts.
const LAST_SECOND: i64 = (1 << SECOND_BITS) - 1 - 86_400;

/// The number of a server that makes ids beside others: 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(u8);

impl Node {
    /// `None` above 127.
    pub fn new(number: u8) -> Option<Self> {
        (u32::from(number) < 1 << NODE_BITS).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Where a record lies in its store: ascends with the time, 0 < id < 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(i64);

impl RowId {
    /// From a store's column; `None` outside 1 to 2^53 − 1.
    pub fn from_i64(value: i64) -> Option<Self> {
        (1..ID_LIMIT as i64).contains(&value).then_some(Self(value))
    }

    /// For a store's column.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The second in which it was made (or the next free one in a burst).
    pub fn made_at(self) -> Timestamp {
        let second = self.0 >> (NODE_BITS + SEQUENCE_BITS);
        Timestamp::from_micros((EPOCH_SECONDS + second) * 1_000_000)
    }

    /// The number of the node that made it.
    pub fn node(self) -> u8 {
        (self.0 >> SEQUENCE_BITS) as u8 & ((1 << NODE_BITS) - 1)
    }

    /// The least row id that could have been made at or after a moment: the
    /// lower end of a scan by time.
    pub fn at_or_after(moment: Timestamp) -> Self {
        let second = (moment.unix_seconds() - EPOCH_SECONDS).clamp(0, (1 << SECOND_BITS) - 1);
        Self((second << (NODE_BITS + SEQUENCE_BITS)).max(1))
    }
}

/// The public name of a session: what links carry as `#reqid#`, posts as
/// `ckm_request_id`, pixels as `r`. 0 < id < 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// The text is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a request id")]
pub struct InvalidRequestId;

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        let text = text.trim();
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidRequestId);
        }
        let value: u64 = text.parse().map_err(|_| InvalidRequestId)?;
        (1..ID_LIMIT).contains(&value).then_some(Self(value)).ok_or(InvalidRequestId)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As a string: the number passes what some JSON readers hold exactly.
impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The keyed permutation between row ids and request ids.
///
/// A Feistel network over the uneven halves of 26 and 27 bits, ten rounds as in
/// NIST's FF1, with a keyed function of 64 bits in each. The key belongs to the
/// installation: ids made under one key mean nothing under another.
#[derive(Clone)]
pub struct RequestIdKey {
    round_keys: [[u64; 2]; Self::ROUNDS],
}

impl fmt::Debug for RequestIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestIdKey(…)")
    }
}

impl RequestIdKey {
    const ROUNDS: usize = 10;
    const LEFT_BITS: u32 = ID_BITS / 2;
    const RIGHT_BITS: u32 = ID_BITS - Self::LEFT_BITS;
    const LEFT_MASK: u64 = (1 << Self::LEFT_BITS) - 1;
    const RIGHT_MASK: u64 = (1 << Self::RIGHT_BITS) - 1;

    /// Round keys from an installation's secret.
    pub fn new(secret: &[u8; HASH_BYTES]) -> Self {
        let hash = KeyedHash::new(secret);
        let mut round_keys = [[0; 2]; Self::ROUNDS];
        for (round, keys) in (0u8..).zip(&mut round_keys) {
            let bytes = hash.digest(&[b"crumb request id, round ", &[round]]);
            for (key, chunk) in keys.iter_mut().zip(bytes.chunks_exact(8)) {
                *key = chunk.iter().fold(0, |key, byte| key << 8 | u64::from(*byte));
            }
        }
        Self { round_keys }
    }

    /// The public name of a row; `None` for the one row id whose name would be 0.
    pub fn request_id(&self, row: RowId) -> Option<RequestId> {
        let value = row.0 as u64;
        let (mut left, mut right) = (value >> Self::RIGHT_BITS, value & Self::RIGHT_MASK);
        for (round, key) in self.round_keys.iter().enumerate() {
            if round % 2 == 0 {
                left = (left ^ mix(key, right)) & Self::LEFT_MASK;
            } else {
                right = (right ^ mix(key, left)) & Self::RIGHT_MASK;
            }
        }
        let name = left << Self::RIGHT_BITS | right;
        (name != 0).then_some(RequestId(name))
    }

    /// The row behind a public name; `None` for the one name whose row would be 0.
    pub fn row_id(&self, id: RequestId) -> Option<RowId> {
        self.row_behind(id.0)
    }

    /// The one row whose name would be 0; `None` where that would be the row 0.
    pub fn unnamed_row(&self) -> Option<RowId> {
        self.row_behind(0)
    }

    fn row_behind(&self, name: u64) -> Option<RowId> {
        let (mut left, mut right) = (name >> Self::RIGHT_BITS, name & Self::RIGHT_MASK);
        for (round, key) in self.round_keys.iter().enumerate().rev() {
            if round % 2 == 0 {
                left = (left ^ mix(key, right)) & Self::LEFT_MASK;
            } else {
                right = (right ^ mix(key, left)) & Self::RIGHT_MASK;
            }
        }
        RowId::from_i64((left << Self::RIGHT_BITS | right) as i64)
    }
}

/// SipHash-2-4 of one 8-byte word: a keyed function fast enough to stand on the
/// click path ten times an id.
fn mix(key: &[u64; 2], word: u64) -> u64 {
    fn round(v: &mut [u64; 4]) {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    }
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    for word in [word, 8 << 56] {
        v[3] ^= word;
        round(&mut v);
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// Makes row ids: ascending, never the same twice, also after a restart and when
/// the clock jumps back.
#[derive(Debug)]
pub struct RowIdSequence {
    node: Node,
    second: i64,
    sequence: i64,
}

impl RowIdSequence {
    /// Begins in a second of its own: after the present one and after that of
    /// the newest row in the store, since ids of either may have been given out.
    pub fn resume(node: Node, now: Timestamp, newest: Option<RowId>) -> Self {
        let now = (now.unix_seconds() - EPOCH_SECONDS).min(LAST_SECOND);
        let newest = newest.map_or(0, |row| row.0 >> (NODE_BITS + SEQUENCE_BITS));
        Self { node, second: now.max(newest).max(0) + 1, sequence: 0 }
    }

    /// The next row id. When a second's numbers are used up, or the clock stands
    /// behind, it goes on in the next free second, ahead of the clock.
    pub fn next(&mut self, now: Timestamp) -> RowId {
        // Beyond the last second that an id can say, ids go on from where they are:
        // a clock set to the far future must not make ids that no store can read.
        let now = (now.unix_seconds() - EPOCH_SECONDS).min(LAST_SECOND);
        if now > self.second {
            self.second = now;
            self.sequence = 0;
        } else if self.sequence >= 1 << SEQUENCE_BITS {
            self.second += 1;
            self.sequence = 0;
        }
        let id = self.second << (NODE_BITS + SEQUENCE_BITS)
            | i64::from(self.node.0) << SEQUENCE_BITS
            | self.sequence;
        self.sequence += 1;
        RowId(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EARLY_2027: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn key() -> RequestIdKey {
        RequestIdKey::new(&[1; HASH_BYTES])
    }

    #[test]
    fn the_keyed_function_is_siphash_2_4() {
        // The reference vector of the SipHash paper for the 8 bytes 00..07.
        let reference_key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(mix(&reference_key, 0x0706_0504_0302_0100), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn a_request_id_is_plain_digits_below_two_to_the_53() {
        for right in ["1", "9007199254740991", " 12 "] {
            assert!(right.parse::<RequestId>().is_ok(), "{right}");
        }
        let too_long = "00000000000000012";
        for wrong in ["", "0", "-1", "+1", "9007199254740992", "1e3", "12a", "99999999999999999999", too_long]
        {
            assert!(wrong.parse::<RequestId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_node_is_numbered_up_to_127_and_its_number_is_in_its_ids() {
        assert_eq!(Node::new(128), None);
        let node = Node::new(127).unwrap();
        assert_eq!(node.number(), 127);
        assert_eq!(RowIdSequence::resume(node, EARLY_2027, None).next(EARLY_2027).node(), 127);
    }

    #[test]
    fn an_id_says_when_it_was_made_from_a_second_after_the_start_on() {
        let mut sequence = RowIdSequence::resume(Node::new(3).unwrap(), EARLY_2027, None);
        let later = |seconds| EARLY_2027.plus_seconds(seconds);
        for (now, made_at) in [(0, 1), (1, 1), (7, 7), (7, 7), (2, 7)] {
            assert_eq!(sequence.next(later(now)).made_at(), later(made_at), "at {now}");
        }
        let newest = RowId::at_or_after(later(60));
        let mut resumed = RowIdSequence::resume(Node::new(3).unwrap(), later(10), Some(newest));
        assert_eq!(resumed.next(later(10)).made_at(), later(61), "after what was given out before");
    }

    #[test]
    fn a_scan_by_time_begins_with_the_first_id_of_its_second_and_never_beyond_the_ids() {
        let first = RowId::at_or_after(EARLY_2027);
        assert_eq!(first.made_at(), EARLY_2027);
        assert!(RowId(first.0 - 1).made_at() < EARLY_2027);
        assert_eq!(RowId::at_or_after(Timestamp::from_micros(0)), RowId(1));
        let last = RowId::at_or_after(Timestamp::from_micros(i64::MAX));
        assert_eq!(RowId::from_i64(last.0), Some(last));
        assert_eq!(last.0 >> (NODE_BITS + SEQUENCE_BITS), (1 << 30) - 1);
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", key()), "RequestIdKey(…)");
    }

    #[test]
    fn neighbours_have_names_far_apart() {
        let key = key();
        let names: Vec<u64> =
            (1..=1_000).filter_map(|row| key.request_id(RowId(row))).map(|id| id.0).collect();
        let near = names.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 1 << 32).count();
        assert!(near < 5, "{near} of 999 neighbours lie within 2^32 of each other");
    }

    #[test]
    fn the_unnamed_row_is_the_one_without_a_name() {
        for byte in 0..20 {
            let key = RequestIdKey::new(&[byte; HASH_BYTES]);
            assert_eq!(key.unnamed_row().map(|row| key.request_id(row)), Some(None));
        }
    }

    #[test]
    fn the_names_of_rows_stay_what_they_were() {
        let name = RequestIdKey::new(&[7; 32]).request_id(RowId(12_345)).unwrap();
        assert_eq!(name.to_string(), "8819795164653960");
    }

    #[test]
    fn another_key_gives_other_names() {
        let row = RowId(12_345);
        assert_ne!(key().request_id(row), RequestIdKey::new(&[2; HASH_BYTES]).request_id(row));
    }

    proptest! {
        #[test]
        fn the_permutation_is_bijective_and_stays_below_two_to_the_53(row in 1i64..ID_LIMIT as i64) {
            let row = RowId(row);
            if let Some(id) = key().request_id(row) {
                prop_assert!(id.0 < ID_LIMIT);
                prop_assert_eq!(key().row_id(id), Some(row));
            }
        }

        #[test]
        fn ids_ascend_whatever_the_clock_does(
            jumps in prop::collection::vec(-100_000i64..100_000, 1..50),
            burst in 1usize..2_000,
            restart_every in 1usize..10,
        ) {
            let node = Node::new(3).unwrap();
            let mut now = Timestamp::from_micros(1_800_000_000_000_000);
            let mut sequence = RowIdSequence::resume(node, now, None);
            let mut newest = None;
            for (step, jump) in jumps.into_iter().enumerate() {
                now = now.plus_seconds(jump);
                if step % restart_every == 0 {
                    sequence = RowIdSequence::resume(node, now, newest);
                }
                for _ in 0..burst {
                    let id = sequence.next(now);
                    prop_assert!(newest < Some(id));
                    prop_assert_eq!(id.node(), 3);
                    newest = Some(id);
                }
            }
        }
    }

    #[test]
    fn a_clock_set_to_the_far_future_makes_ids_that_can_be_read() {
        let far = Timestamp::from_micros(9_000_000_000_000_000);
        let mut sequence = RowIdSequence::resume(Node::new(127).unwrap(), far, None);
        let a_day_before_the_end = Timestamp::from_micros((EPOCH_SECONDS + (1 << 30) - 86_400) * 1_000_000);
        assert_eq!(sequence.next(far).made_at(), a_day_before_the_end);
        for _ in 0..70_000 {
            let id = sequence.next(far);
            assert_eq!(RowId::from_i64(id.as_i64()), Some(id));
        }
    }

    #[test]
    fn a_burst_beyond_a_seconds_numbers_goes_on_in_the_next_second() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let mut sequence = RowIdSequence::resume(Node::new(0).unwrap(), now, None);
        let ids: Vec<RowId> = (0..70_000).map(|_| sequence.next(now)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ids[69_999].made_at(), ids[0].made_at().plus_seconds(1));
    }
}
