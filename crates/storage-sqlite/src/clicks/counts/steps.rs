//! The steps of a commit as bytes. They are written with each commit, so they are small: a
//! step lies near the one before it, and differs from it in few bits.
//!
//! A step is a place and by how much its counts change, as numbers: scope, id, day, and one
//! for each count of a row. Scope, id and day are told by their distance from the step
//! before, the first from 0. A number has its sign in its lowest bit and stands in groups of
//! seven bits, the lowest first; all bytes but its last have the eighth set.

use super::{Place, Row, Sums};

/// A usual step: one byte each for scope, day and counts, two for the id.
const LIKELY_BYTES: usize = 8;

pub(super) fn encode(steps: &Sums) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(steps.len() * LIKELY_BYTES);
    let mut before = Place::default();
    for (&place, row) in steps {
        put(&mut bytes, place.0.wrapping_sub(before.0));
        put(&mut bytes, place.1.wrapping_sub(before.1));
        put(&mut bytes, i64::from(place.2.wrapping_sub(before.2)));
        row.iter().for_each(|by| put(&mut bytes, *by));
        before = place;
    }
    bytes
}

/// Hands on each step. `None` where the bytes are none.
pub(super) fn decode(mut bytes: &[u8], mut each: impl FnMut(Place, Row)) -> Option<()> {
    let mut place = Place::default();
    while !bytes.is_empty() {
        place.0 = place.0.wrapping_add(take(&mut bytes)?);
        place.1 = place.1.wrapping_add(take(&mut bytes)?);
        place.2 = place.2.wrapping_add(i32::try_from(take(&mut bytes)?).ok()?);
        let mut row = Row::default();
        for by in &mut row {
            *by = take(&mut bytes)?;
        }
        each(place, row);
    }
    Some(())
}

fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut left = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    while left >= 0x80 {
        bytes.push(0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    bytes.push(left as u8);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for group in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steps_are_read_as_they_were_written(
            steps in prop::collection::btree_map(any::<Place>(), any::<Row>(), 0..20)
        ) {
            let mut read = Sums::new();
            prop_assert_eq!(decode(&encode(&steps), |place, row| {
                read.insert(place, row);
            }), Some(()));
            prop_assert_eq!(read, steps);
        }

        #[test]
        fn bytes_of_any_kind_are_steps_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut steps = 0;
            decode(&bytes, |_, _| steps += 1);
            prop_assert!(steps * 7 <= bytes.len());
        }
    }

    #[test]
    fn the_clicks_of_neighbours_take_few_bytes() {
        let click = [1, 0, 0, 0];
        let steps = Sums::from([((2, 1_000, 20_000), click), ((2, 1_003, 20_000), click)]);
        assert_eq!(encode(&steps), [4, 0xd0, 0x0f, 0xc0, 0xb8, 0x02, 2, 0, 0, 0, 0, 6, 0, 2, 0, 0, 0]);
    }
}
