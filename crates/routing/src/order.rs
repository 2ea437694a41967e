//! In which order candidates have their turn.
//!
//! Priority rows come first, the lower rank before the higher, then the higher
//! price. All others: the higher price, then the lower rank. What is equal so far
//! goes by who bought longest ago (who never bought comes before all), then by id.
//!
//! Among those equal in priority, price and rank, the ones that set a weight draw
//! lots for the places that they hold: each place goes to one of those left with a
//! chance by its weight. Those without a weight keep their places.

use crate::candidate::Candidate;
use crate::random::SplitMix64;
use crate::tree::Node;
use crumb_domain::Timestamp;

/// A candidate in the order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Its place in the tree, which is by id.
    index: usize,
    weight: Option<u32>,
    key: u128,
    tie: u128,
}

impl Standing {
    pub fn of(index: usize, node: &Node, candidate: &Candidate, last_sold: Option<Timestamp>) -> Self {
        Self { index, weight: node.weight, key: key(node, candidate), tie: tie(index, last_sold) }
    }
}

/// Equal for those that draw lots. One number, because hundreds are sorted for every
/// lead: priority, and in 96 bits its rank and price, or price and rank.
fn key(node: &Node, candidate: &Candidate) -> u128 {
    const BODY_BITS: u32 = 96;
    let rank = u128::from(ascending_i32(node.rank));
    let price = u128::from(!ascending_i64(candidate.price.micros()));
    if candidate.priority { rank << 64 | price } else { 1 << BODY_BITS | price << 32 | rank }
}

/// Who never bought, then who bought longest ago, then the id.
fn tie(index: usize, last_sold: Option<Timestamp>) -> u128 {
    let since = last_sold.map_or(0, |sold| u128::from(ascending_i64(sold.micros())) + 1);
    since << 32 | u128::from(u32::try_from(index).unwrap_or(u32::MAX))
}

/// Numbers without a sign, in the order of those with one.
fn ascending_i32(number: i32) -> u32 {
    number.cast_unsigned() ^ (1 << 31)
}

/// As [`ascending_i32`].
fn ascending_i64(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

/// The places in the tree, in order.
pub(crate) fn ordered(mut standings: Vec<Standing>, seed: u64) -> Vec<usize> {
    standings.sort_unstable_by_key(|one| (one.key, one.tie));
    let mut random = SplitMix64::new(seed);
    let mut order = Vec::with_capacity(standings.len());
    for equals in standings.chunk_by(|a, b| a.key == b.key) {
        place(equals, &mut random, &mut order);
    }
    order
}

fn place(equals: &[Standing], random: &mut SplitMix64, order: &mut Vec<usize>) {
    if equals.iter().filter(|one| one.weight.is_some()).count() < 2 {
        order.extend(equals.iter().map(|one| one.index));
        return;
    }
    let mut lots: Vec<&Standing> = equals.iter().filter(|one| one.weight.is_some()).collect();
    let mut total: u64 = lots.iter().map(|one| weight_of(one)).sum();
    for one in equals {
        let placed = match one.weight {
            None => one,
            Some(_) => {
                let drawn = lots.remove(draw(&lots, total, random));
                total -= weight_of(drawn);
                drawn
            }
        };
        order.push(placed.index);
    }
}

fn weight_of(standing: &Standing) -> u64 {
    standing.weight.map_or(0, u64::from)
}

/// The place among the lots of the one drawn; the first where none weighs anything, which
/// alone is when no lot has the ticket. `total` is what they weigh together.
fn draw(lots: &[&Standing], total: u64, random: &mut SplitMix64) -> usize {
    let mut ticket = random.below(total);
    for (place, one) in lots.iter().enumerate() {
        match ticket.checked_sub(weight_of(one)) {
            Some(rest) => ticket = rest,
            None => return place,
        }
    }
    0
}
