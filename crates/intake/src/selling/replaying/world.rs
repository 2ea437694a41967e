//! A lead's way through its runs, in one network.

use super::is_assumed;
use crate::selling::standing::Earning;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::network::SaleType;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_routing::replay::Replayed;
use crumb_routing::{Had, Run};
use std::collections::{BTreeMap, BTreeSet};

/// What became of a lead.
#[derive(Default)]
pub(super) struct World {
    pub sales: Vec<Bought>,
    /// Posts of unknown end; at the price that is reserved.
    pub held: Vec<Bought>,
    /// Who was sent it.
    pub sent: BTreeMap<BuyerId, Had>,
    /// What its affiliate has earned; none before the first run.
    pub earned: Option<Money>,
    pub offered: BTreeSet<ContractId>,
    pub posted: BTreeSet<ContractId>,
}

/// A sale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bought {
    pub contract: ContractId,
    pub buyer: BuyerId,
    pub price: Money,
    pub sale_type: SaleType,
    /// It rests on an answer that nobody gave.
    pub is_assumed: bool,
}

impl World {
    /// What the sales bring.
    pub fn brought(&self) -> Money {
        self.sales.iter().fold(Money::ZERO, |sum, sale| plus(sum, sale.price))
    }

    /// Whether a buyer has it alone.
    pub fn is_sold_alone(&self) -> bool {
        self.sales.iter().any(|sale| sale.sale_type == SaleType::Exclusive)
    }

    /// Takes in what a run came to.
    pub fn ran(&mut self, replayed: &Replayed, earning: &Earning<'_>) {
        let state = &replayed.state;
        let tree = state.tree();
        self.posted.extend(replayed.posts.iter().map(|post| post.contract));
        let sent = replayed.posts.iter().filter(|post| post.was_sent);
        self.sent.extend(sent.filter_map(|post| Some((tree.buyer_of(post.contract)?, Had::Sent))));
        let offered = state.results().into_iter().filter(|one| !one.result.was_no_candidate());
        self.offered.extend(offered.map(|one| one.contract));
        for held in state.held() {
            self.sent.insert(held.reserved.buyer, Had::MayHave);
            self.held.push(Bought {
                contract: held.reserved.contract,
                buyer: held.reserved.buyer,
                price: held.reserved.charged(),
                sale_type: held.reserved.sale_type,
                is_assumed: is_assumed(replayed, held.reserved.contract),
            });
        }
        // What it earned by being accepted.
        let mut earned = self.earned.unwrap_or_else(|| earning.after(None));
        for sale in state.sales() {
            self.sent.insert(sale.reserved.buyer, Had::Bought);
            self.sales.push(Bought {
                contract: sale.reserved.contract,
                buyer: sale.reserved.buyer,
                price: sale.sold_price,
                sale_type: sale.reserved.sale_type,
                is_assumed: is_assumed(replayed, sale.reserved.contract),
            });
        }
        earned = earning.total((!self.sales.is_empty()).then(|| self.brought()), earned, false);
        self.earned = Some(earned);
    }

    /// Settles what was not known, by what a later run was given.
    pub fn settle_by(&mut self, later: &Run, lead: &Lead) {
        let end =
            |held: &Bought| later.earlier.iter().find(|sent| sent.buyer == held.buyer).map(|sent| sent.how);
        self.settle(lead, |held| end(held).unwrap_or(Had::MayHave));
    }

    /// Settles what was not known, by how the lead stands.
    pub fn settle_by_lead(&mut self, lead: &Lead) {
        self.settle(lead, |held| match lead.sales.iter().any(|sale| sale.contract == held.contract) {
            true => Had::Bought,
            false if lead.status == LeadStatus::PendingUnknown => Had::MayHave,
            false => Had::Sent,
        });
    }

    fn settle(&mut self, lead: &Lead, end: impl Fn(&Bought) -> Had) {
        for held in std::mem::take(&mut self.held) {
            let how = end(&held);
            self.sent.insert(held.buyer, how);
            match how {
                Had::Bought => {
                    let sale = lead.sales.iter().find(|sale| sale.contract == held.contract);
                    let price = sale.map_or(held.price, |sale| sale.price);
                    self.sales.push(Bought { price, ..held });
                }
                Had::MayHave => self.held.push(held),
                Had::Sent => {}
            }
        }
    }
}

/// The sum of two amounts, held at the ends of what an amount can be.
pub(super) fn plus(a: Money, b: Money) -> Money {
    Money::from_micros(a.micros().saturating_add(b.micros()))
}
