//! In which order candidates have their turn.
//!
//! Priority rows come first, the lower rank before the higher, then the higher
//! price. All others: the higher price, then the lower rank. What is equal so far
//! goes by who bought longest ago (who never bought comes before all), then by id.
//!
//! Among those equal in priority, price and rank, the ones that set a weight draw
//! lots for the places that they hold: each place goes to one of those left with a
//! chance by its weight. Those without a weight keep their places.

use crate::random::SplitMix64;
use crumb_domain::{ContractId, Money, Timestamp};
use std::cmp::Reverse;

/// What a candidate is ordered by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Its place in the tree.
    pub index: usize,
    pub id: ContractId,
    pub priority: bool,
    pub price: Money,
    pub rank: i32,
    pub weight: Option<u32>,
    pub last_sold: Option<Timestamp>,
}

impl Standing {
    /// Equal for those that draw lots.
    fn key(&self) -> (Reverse<bool>, i32, Reverse<Money>, i32) {
        let first = if self.priority { self.rank } else { 0 };
        (Reverse(self.priority), first, Reverse(self.price), self.rank)
    }
}

/// The places in the tree, in order.
pub(crate) fn ordered(mut standings: Vec<Standing>, seed: u64) -> Vec<usize> {
    standings.sort_by_key(|one| (one.key(), one.last_sold.map(Timestamp::micros), one.id));
    let mut random = SplitMix64::new(seed);
    let mut order = Vec::with_capacity(standings.len());
    for equals in standings.chunk_by(|a, b| a.key() == b.key()) {
        place(equals, &mut random, &mut order);
    }
    order
}

fn place(equals: &[Standing], random: &mut SplitMix64, order: &mut Vec<usize>) {
    let weighted = |one: &&Standing| one.weight.is_some();
    let mut lots: Vec<&Standing> = equals.iter().filter(weighted).collect();
    if lots.len() < 2 {
        order.extend(equals.iter().map(|one| one.index));
        return;
    }
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

/// The place among the lots of the one drawn; the first where none weighs anything.
fn draw(lots: &[&Standing], total: u64, random: &mut SplitMix64) -> usize {
    let mut ticket = random.below(total);
    for (place, one) in lots.iter().enumerate() {
        match ticket.checked_sub(weight_of(one)) {
            Some(rest) if place + 1 < lots.len() && total > 0 => ticket = rest,
            _ => return place,
        }
    }
    0
}
