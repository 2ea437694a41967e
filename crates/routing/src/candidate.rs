//! Whether a contract may buy at all: the reasons that are held before anybody is
//! asked, in their order, of which the first that applies is the contract's.

use crate::reason::Reason;
use crate::run::{ContractFacts, Had, Run};
use crate::tree::{Node, Tree};
use crumb_domain::filter::LeadValues;
use crumb_domain::network::{Distribution, SaleType};
use crumb_domain::time::{Day, WallClock};
use crumb_domain::{BuyerId, Money};

/// A contract that may buy, by the schedule row that is open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// Place of the row in the schedule.
    pub row: usize,
    pub day: Day,
    pub cap: Option<u32>,
    /// The row's price: a ping must not be answered with less.
    pub floor: Money,
    /// What it pays: the floor, or what the ping was answered with.
    pub price: Money,
    pub sale_type: SaleType,
    pub sweeper: bool,
    pub priority: bool,
    pub no_return: bool,
    /// It would have the lead free, for one that it gave back.
    pub is_owed: bool,
    /// To be asked for a price before it is posted to.
    pub needs_ping: bool,
    /// Its ping was answered.
    pub is_pinged: bool,
    /// The token that its ping was answered with.
    pub session: Option<String>,
}

impl Candidate {
    pub fn is_exclusive(&self) -> bool {
        self.sale_type == SaleType::Exclusive
    }

    /// It must be pinged before it can be posted to.
    pub fn awaits_ping(&self) -> bool {
        self.needs_ping && !self.is_pinged
    }
}

/// Why a contract is no candidate. The filter's sentence is made when it is asked
/// for: most leads fail most filters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NoCandidate {
    Because(Reason),
    Filter,
}

/// All that candidates of one run are held against.
pub(crate) struct Judge<'a> {
    tree: &'a Tree,
    run: &'a Run,
    clocks: Vec<WallClock>,
    /// Read once for all filters; none where there are no contracts.
    values: Option<LeadValues>,
    /// Seconds.
    age: i64,
    had_buyers: Vec<(BuyerId, Had)>,
    /// By group.
    had_groups: Vec<(usize, BuyerId, Had)>,
}

impl<'a> Judge<'a> {
    pub fn new(tree: &'a Tree, run: &'a Run) -> Self {
        let age = run.begun_at.micros().saturating_sub(run.at.micros()).div_euclid(1_000_000).max(0);
        let value =
            |name: &str| run.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let group_of = |name: &Option<String>| tree.group_named(name.as_deref()?);
        let keeping = run.earlier.iter().filter(|earlier| earlier.how.keeps_group_out());
        Self {
            tree,
            run,
            clocks: tree.clocks(run.begun_at),
            values: tree.rules.as_ref().map(|rules| LeadValues::read(rules, &value)),
            age,
            had_buyers: run.earlier.iter().map(|earlier| (earlier.buyer, earlier.how)).collect(),
            had_groups: keeping
                .filter_map(|earlier| Some((group_of(&earlier.group)?, earlier.buyer, earlier.how)))
                .collect(),
        }
    }

    /// Holds a contract against the reasons, with the rows from a place of its
    /// schedule on.
    pub fn judge(
        &self,
        node: &Node,
        facts: Option<&ContractFacts>,
        from_row: usize,
    ) -> Result<Candidate, NoCandidate> {
        self.wants(node, facts).map_err(NoCandidate::Because)?;
        let candidate = self.open_row(node, facts, from_row).map_err(NoCandidate::Because)?;
        if !candidate.is_owed {
            can_pay(facts, candidate.price).map_err(NoCandidate::Because)?;
        }
        self.has_not(node).map_err(NoCandidate::Because)?;
        if self.values.as_ref().is_some_and(|values| !node.filter.holds(values, self.run.today)) {
            return Err(NoCandidate::Filter);
        }
        if candidate.is_exclusive() && !candidate.needs_ping {
            margin(self.tree, self.run, candidate.price, 1).map_err(NoCandidate::Because)?;
        }
        Ok(candidate)
    }

    /// Holds a contract against the reasons that the network and the lead tell by
    /// themselves; where it is known when the run began, also against its ages and hours.
    /// Caps, credit and prices are left out: they were read then, and have moved on.
    pub fn rules_out(&self, node: &Node, is_time_known: bool) -> Result<(), NoCandidate> {
        self.wants_such(node, None).map_err(NoCandidate::Because)?;
        if is_time_known {
            self.is_of_age(node).map_err(NoCandidate::Because)?;
            self.open_row(node, None, 0).map_err(NoCandidate::Because)?;
        }
        self.has_not(node).map_err(NoCandidate::Because)?;
        match &self.values {
            Some(values) if !node.filter.holds(values, self.run.today) => Err(NoCandidate::Filter),
            _ => Ok(()),
        }
    }

    /// What the contract wants, apart from the lead's values.
    fn wants(&self, node: &Node, facts: Option<&ContractFacts>) -> Result<(), Reason> {
        self.wants_such(node, facts)?;
        self.is_of_age(node)
    }

    fn wants_such(&self, node: &Node, facts: Option<&ContractFacts>) -> Result<(), Reason> {
        let run = self.run;
        if !node.is_active {
            return Err(Reason::Inactive);
        }
        if node.is_switched_off {
            return Err(Reason::SwitchedOff);
        }
        if !node.is_buyer_active {
            return Err(Reason::BuyerInactive(node.buyer));
        }
        if facts.is_some_and(|facts| facts.breaker_open) {
            return Err(Reason::BreakerOpen(node.buyer));
        }
        if let Some(wanted) = node.offer.filter(|wanted| *wanted != run.offer) {
            return Err(Reason::WrongOffer { wanted, offer: run.offer });
        }
        if node.excluded_affiliates.binary_search(&run.affiliate).is_ok() {
            return Err(Reason::AffiliateExcluded(run.affiliate));
        }
        if run.is_upsell && !node.buys_upsells {
            return Err(Reason::UpsellsNotBought);
        }
        Ok(())
    }

    fn is_of_age(&self, node: &Node) -> Result<(), Reason> {
        let age_s = self.age;
        if age_s < node.least_age {
            return Err(Reason::TooYoung { age_s, least_s: node.least_age });
        }
        if age_s < node.posting_wait {
            return Err(Reason::PostingWait { age_s, wait_s: node.posting_wait });
        }
        if age_s > node.greatest_age {
            return Err(Reason::TooOld { age_s, greatest_s: node.greatest_age });
        }
        Ok(())
    }

    /// The first open row whose cap is not reached. Rows of a day share one count:
    /// a later row with a greater cap may go on where an earlier one has ended.
    fn open_row(
        &self,
        node: &Node,
        facts: Option<&ContractFacts>,
        from_row: usize,
    ) -> Result<Candidate, Reason> {
        let clock = self.clocks.get(node.zone).copied().unwrap_or(WallClock { day: Day(0), minute: 0 });
        let mut full: Option<(u32, u32)> = None;
        for open in node.schedule.open_at(clock) {
            let count = facts.map_or(0, |facts| facts.count_on(open.day));
            let reached = open.row.cap.filter(|cap| open.index < from_row || count >= *cap);
            if let Some(cap) = reached {
                // The greatest cap is the one that holds the contract back.
                full = Some(full.filter(|(_, greatest)| *greatest >= cap).unwrap_or((count, cap)));
                continue;
            }
            if open.index < from_row {
                continue;
            }
            let is_owed = node.replaces_returns && facts.is_some_and(|facts| facts.owed > 0);
            return Ok(Candidate {
                row: open.index,
                day: open.day,
                cap: open.row.cap,
                floor: open.row.price,
                price: open.row.price,
                sale_type: open.row.sale_type,
                sweeper: open.row.sweeper,
                priority: open.row.priority,
                no_return: open.row.no_return,
                is_owed,
                needs_ping: node.has_ping && self.run.distribution != Distribution::Direct,
                is_pinged: false,
                session: None,
            });
        }
        Err(match full {
            Some((count, cap)) => Reason::CapReached { count, cap },
            None => Reason::ScheduleClosed(clock),
        })
    }

    /// Neither the buyer nor another of its group came by the lead in earlier runs.
    fn has_not(&self, node: &Node) -> Result<(), Reason> {
        if let Some((buyer, how)) = self.had_buyers.iter().find(|(buyer, _)| *buyer == node.buyer) {
            return Err(Reason::BuyerHad(*buyer, *how));
        }
        let group = self.had_groups.iter().find(|(group, ..)| Some(*group) == node.group);
        match group {
            Some((_, buyer, how)) => Err(Reason::GroupHad(*buyer, *how)),
            None => Ok(()),
        }
    }
}

impl Node {
    /// The filter's sentence, from the lead's values.
    pub fn unmatched(&self, run: &Run) -> Option<Reason> {
        let value =
            |name: &str| run.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
        let unmatched = self.filter.matches(&value, run.today).err()?;
        Some(Reason::Unmatched(Box::new(unmatched)))
    }
}

/// A sale at 0.00 needs no credit, but a buyer whose balance fell below its limit,
/// so that less than nothing is left, gets nothing. What it is owed is not asked here: that
/// it has paid for.
pub(crate) fn can_pay(facts: Option<&ContractFacts>, price: Money) -> Result<(), Reason> {
    match facts.and_then(|facts| facts.available) {
        Some(available) if price > available => Err(Reason::NoCredit { available, price }),
        _ => Ok(()),
    }
}

/// Whether a revenue leaves the vertical's least margin.
pub(crate) fn margin(tree: &Tree, run: &Run, revenue: Money, members: usize) -> Result<(), Reason> {
    let minimum = tree.router.minimum_margin;
    if run.payout.margin_of(revenue) >= minimum {
        return Ok(());
    }
    Err(Reason::MarginTooSmall { revenue, payout: run.payout.of(revenue), minimum, members })
}

/// The sum of prices, held at the largest amount.
pub(crate) fn sum_of(prices: impl Iterator<Item = Money>) -> Money {
    let micros = prices.fold(0i64, |sum, price| sum.saturating_add(price.micros()));
    Money::from_micros(micros)
}
