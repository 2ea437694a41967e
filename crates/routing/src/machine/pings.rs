//! Asking for prices: all at once, or one buyer just before its post.
//!
//! A ping is answered yes, with at least the row's price, or its contract is out. A
//! contract that has no pattern for the price is taken at its row's; where there is a
//! pattern and no price, the answer is worth 0.00, which a row that pays more than
//! nothing refuses. The price stands for the contract from then on: in the order, in
//! its group's sum, in what is reserved, and in the margin of one that buys alone,
//! which is tested now and not before. The token that came with it goes into the post.
//!
//! Pings end while there is time for a post: whoever has not answered by then is out.

use super::{Command, LEAST_POST_TIME_MS, Phase, Slot, State};
use crate::candidate::{Candidate, margin};
use crate::outcome::Alert;
use crate::reason::Reason;
use crate::tree::{Node, Tree};
use crumb_domain::network::Distribution;
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PriceRead};
use crumb_domain::{ContractId, Money, Timestamp};

/// A contract that names no maximum takes answers up to so many times its row's
/// price.
const DEFAULT_MAXIMUM_TIMES: i64 = 10;

/// Pings leave so many milliseconds of a sale's time to the posts, where there are twice as
/// many: most buyers answer a post within that, and one that lets its ping stand must not
/// take the sale from those that have answered theirs.
const MOST_KEPT_FOR_POSTS_MS: i64 = 2_000;
/// They leave as much at least: the time without which no post is begun, and a moment to
/// begin it in.
const LEAST_KEPT_FOR_POSTS_MS: i64 = LEAST_POST_TIME_MS + 50;

impl State {
    pub(super) fn ping(&mut self, indices: Vec<usize>, now: Timestamp) -> Vec<Command> {
        let nodes = indices.iter().filter_map(|index| self.node(*index));
        let commands = nodes
            .map(|node| Command::Ping {
                contract: node.id,
                buyer: node.buyer,
                until: self.until(now, node.ping_timeout_ms).min(self.pings_end(now)),
            })
            .collect();
        self.phase = Phase::Pinging(indices);
        commands
    }

    /// When pings that are made now are given up at the latest: while there is time for a
    /// post, if the lead is to be sold and not quoted.
    fn pings_end(&self, now: Timestamp) -> Timestamp {
        if self.is_quote {
            return self.run.deadline;
        }
        let left = self.run.deadline.micros().saturating_sub(now.micros());
        let kept = (left / 2).clamp(LEAST_KEPT_FOR_POSTS_MS * 1_000, MOST_KEPT_FOR_POSTS_MS * 1_000);
        Timestamp::from_micros(self.run.deadline.micros().saturating_sub(kept)).max(now)
    }

    pub(super) fn pinged(
        &mut self,
        contract: ContractId,
        answer: &BuyerAnswer,
        now: Timestamp,
    ) -> Vec<Command> {
        let Some(index) = self.tree.index_of(contract) else { return Vec::new() };
        let Phase::Pinging(waiting) = &mut self.phase else { return Vec::new() };
        let Some(place) = waiting.iter().position(|waited| *waited == index) else { return Vec::new() };
        waiting.remove(place);
        let is_last = waiting.is_empty();
        if let Err(reason) = self.read_ping(index, answer) {
            self.end(index, reason);
        }
        if !is_last {
            return Vec::new();
        }
        // Asked one at a time, they keep the order of their rows' prices: the first
        // that accepts is posted to.
        if self.run.distribution == Distribution::AsyncPing {
            self.sort();
        }
        self.go_on(now)
    }

    /// Takes what buyers answered when the lead was quoted for the answers to its pings.
    pub(super) fn recall_quoted(&mut self) {
        for quoted in std::mem::take(&mut self.run.quoted) {
            let index = self.tree.index_of(quoted.contract);
            let awaiting = |index: &usize| self.candidate(*index).is_some_and(Candidate::awaits_ping);
            if let Some(index) = index.filter(awaiting)
                && let Err(reason) = self.read_ping(index, &quoted.answer)
            {
                self.end(index, reason);
            }
            self.run.quoted.push(quoted);
        }
        if self.run.distribution == Distribution::AsyncPing && !self.run.quoted.is_empty() {
            self.sort();
        }
    }

    fn read_ping(&mut self, index: usize, answer: &BuyerAnswer) -> Result<(), Reason> {
        let BuyerAnswer::Accepted(reading) = answer else {
            return Reason::of_ping(answer).map_or(Ok(()), Err);
        };
        let Some((floor, is_exclusive)) = self.candidate(index).map(|one| (one.floor, one.is_exclusive()))
        else {
            return Ok(());
        };
        let (price, alert) = self.price_of(index, reading, floor, floor);
        // One without a price is no more than one that is too low.
        self.alerts.extend(alert.filter(|alert| !matches!(alert, Alert::PriceAbsent { .. })));
        if price < floor {
            return Err(Reason::PingTooLow { price, floor });
        }
        if is_exclusive {
            margin(&self.tree, &self.run, price, 1)?;
        }
        if let Some(Slot::Candidate(candidate)) = self.slots.get_mut(index) {
            candidate.is_pinged = true;
            candidate.price = price;
            candidate.session.clone_from(&reading.session);
        }
        Ok(())
    }

    /// The price that an accepted answer comes to. `agreed` holds where the contract
    /// has no pattern for prices; where it has one, an answer without a price is
    /// worth nothing. With what a person should see of it.
    pub(super) fn price_of(
        &self,
        index: usize,
        reading: &BuyerReading,
        agreed: Money,
        floor: Money,
    ) -> (Money, Option<Alert>) {
        self.node(index).map_or((agreed, None), |node| node.price_read(reading.price, agreed, floor))
    }
}

impl Tree {
    /// The price that an accepted answer comes to which came after its run: what the
    /// buyer's status address says. The row's price is no longer known then, but what was
    /// reserved, which is that or the ping's.
    pub fn late_price(
        &self,
        contract: ContractId,
        read: Option<PriceRead>,
        reserved: Money,
    ) -> (Money, Option<Alert>) {
        let node = self.contracts.iter().find(|node| node.id == contract);
        node.map_or((reserved, None), |node| node.price_read(read, reserved, reserved))
    }
}

impl Node {
    fn price_read(&self, read: Option<PriceRead>, agreed: Money, floor: Money) -> (Money, Option<Alert>) {
        let contract = self.id;
        match read {
            None => (agreed, None),
            Some(PriceRead::Absent) => (Money::ZERO, Some(Alert::PriceAbsent { contract })),
            Some(PriceRead::Amount(price)) if !price.is_negative() => match maximum_of(self, floor) {
                maximum if price > maximum => {
                    (maximum, Some(Alert::PriceOverMaximum { contract, price, maximum }))
                }
                _ => (price, None),
            },
            Some(PriceRead::Unreadable | PriceRead::Amount(_)) => {
                (Money::ZERO, Some(Alert::PriceUnreadable { contract }))
            }
        }
    }
}

/// The highest price that is believed of anybody, where the contract and its row name
/// none: sums of thousands of such sales are still amounts.
pub const MOST_BELIEVED: Money = Money::from_micros(1_000_000_000 * Money::MICROS_PER_UNIT);

/// The highest price that is believed, of a contract whose row pays `floor`.
fn maximum_of(node: &Node, floor: Money) -> Money {
    let times = || floor.micros().saturating_mul(DEFAULT_MAXIMUM_TIMES);
    let default = || (floor > Money::ZERO).then(|| Money::from_micros(times()));
    node.maximum_price.or_else(default).unwrap_or(MOST_BELIEVED)
}
