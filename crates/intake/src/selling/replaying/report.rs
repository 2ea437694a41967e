//! What a replay comes to, then and now.

use super::Begun;
use super::world::{World, plus};
use crumb_domain::lead::{Lead, LeadStatus, Sale};
use crumb_domain::selling::ContractResult;
use crumb_domain::{ConfigVersion, ContractId, LeadId, Money, Timestamp};
use crumb_routing::ContractOutcome;
use crumb_routing::replay::{Assumptions, Replayed};
use crumb_storage::selling::RunRecord;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// Differences that are told each by each; more are counted. Where there are so many,
/// one reason is behind them.
pub const MAX_DIFFERENCES: usize = 1_000;

/// What a replay came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Runs that were looked at.
    pub runs: u64,
    /// As it was.
    pub then: Totals,
    /// As it is by the replay.
    pub now: Totals,
    /// By contract.
    pub contracts: Vec<ContractTotals>,
    /// How much of `now` rests on answers that nobody gave.
    pub assumptions: Assumed,
    /// Recorded runs that a lead does not come to any more: it is sold before.
    pub runs_not_reached: u64,
    /// Runs that cannot be decided again: their record, or their version of the network,
    /// is not in the form that this program reads. Their leads count on neither side.
    pub not_replayable: LeftOut,
    /// Runs that broke off, by the server's end or a fault: what they met is lost. Their
    /// leads count on neither side.
    pub broken_off: LeftOut,
    /// Those that broke off before anybody had or may have had the lead. What they met is lost
    /// as well, but their leads went on from where they were: a lead counts by its other runs,
    /// if it has any.
    pub broken_off_unsent: LeftOut,
    /// Contracts whose results are others by the very network that decided them: so many.
    pub different: u64,
    /// The first [`MAX_DIFFERENCES`] of them.
    pub differences: Vec<Difference>,
    /// Of one lead: each of its runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lead_runs: Vec<LeadRunReport>,
    #[serde(skip)]
    by_contract: BTreeMap<ContractId, (ContractSums, ContractSums)>,
}

/// Sums over leads. As JSON also `margin` and `sell_rate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub leads: u64,
    /// Those that anybody bought.
    pub sold: u64,
    /// What they brought.
    pub revenue: Money,
    /// What their affiliates earn.
    pub payout: Money,
}

impl Totals {
    /// What remains.
    pub fn margin(&self) -> Money {
        Money::from_micros(self.revenue.micros().saturating_sub(self.payout.micros()))
    }

    /// Sold leads in percent, with one decimal, rounded; none of no leads.
    pub fn sell_rate(&self) -> Option<String> {
        let tenths = (self.sold.saturating_mul(2_000).saturating_add(self.leads))
            .checked_div(self.leads.saturating_mul(2))?;
        Some(format!("{}.{}", tenths / 10, tenths % 10))
    }
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut totals = serializer.serialize_struct("Totals", 6)?;
        totals.serialize_field("leads", &self.leads)?;
        totals.serialize_field("sold", &self.sold)?;
        totals.serialize_field("sell_rate", &self.sell_rate())?;
        totals.serialize_field("revenue", &self.revenue)?;
        totals.serialize_field("payout", &self.payout)?;
        totals.serialize_field("margin", &self.margin())?;
        totals.end()
    }
}

/// A contract, then and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ContractTotals {
    /// Which.
    pub contract: ContractId,
    /// As it was.
    pub then: ContractSums,
    /// As it is by the replay.
    pub now: ContractSums,
}

/// Sums of a contract. A lead counts once, however many runs it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ContractSums {
    /// Leads from which nothing kept it.
    pub offered: u64,
    /// Leads that were posted to it.
    pub posted: u64,
    /// Leads that it bought.
    pub sold: u64,
    /// What they brought.
    pub revenue: Money,
}

/// What rests on answers that nobody gave: buyers that were not asked then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Assumed {
    /// Leads with such an answer.
    pub leads: u64,
    /// Pings taken for accepted at the row's price.
    pub pings: u64,
    /// Posts taken for accepted at the reserved price.
    pub posts: u64,
    /// What sales brought that rest on them.
    pub revenue: Money,
}

/// Runs that are not decided again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many.
    pub runs: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<(LeadId, u32)>,
}

impl LeftOut {
    pub(super) fn push(&mut self, lead: LeadId, run: u32) {
        self.runs += 1;
        self.first.get_or_insert((lead, run));
    }
}

/// A contract whose result is another one when a run is decided again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of which lead.
    pub lead: LeadId,
    /// In which of its runs.
    pub run: u32,
    /// Which; none where the results are the same and their bytes are not.
    pub contract: Option<ContractId>,
    /// What was recorded: the result, and its sentence where the results are the same.
    pub recorded: String,
    /// What the replay came to.
    pub replayed: String,
}

/// One lead's run, then and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeadRunReport {
    /// Which of its runs.
    pub run: u32,
    /// When it began.
    pub at: Timestamp,
    /// By which version of the network.
    pub config_version: ConfigVersion,
    /// Whether the lead comes to this run now.
    pub reached: bool,
    /// Each contract.
    pub contracts: Vec<LeadContract>,
}

/// A contract in one lead's run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeadContract {
    /// Which.
    pub contract: ContractId,
    /// As it was; none where it took no part.
    pub then: Option<Decided>,
    /// As it is; none where it takes no part.
    pub now: Option<Decided>,
    /// It rests on an answer that nobody gave.
    pub assumed: bool,
}

/// How a contract's part ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// The code.
    pub result: ContractResult,
    /// The sentence.
    pub text: String,
    /// What it pays, if it bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
}

impl Report {
    /// Compares what was recorded of a run with what it came to again.
    pub(super) fn compare(&mut self, lead: LeadId, record: &RunRecord, results: &[ContractOutcome]) {
        let again = serde_json::to_value(results).unwrap_or_default();
        if serde_json::to_string(results).is_ok_and(|again| again == record.results) {
            return;
        }
        let recorded: Value = serde_json::from_str(&record.results).unwrap_or_default();
        let (recorded, again) = (by_contract(&recorded), by_contract(&again));
        let mut found = false;
        for contract in recorded.keys().chain(again.keys().filter(|id| !recorded.contains_key(*id))) {
            let (was, is) = (recorded.get(contract), again.get(contract));
            if was != is {
                found = true;
                let (recorded, replayed) = told(was.copied(), is.copied());
                let contract = Some(ContractId(*contract));
                self.differ(Difference { lead, run: record.number, contract, recorded, replayed });
            }
        }
        if !found {
            let (recorded, replayed) = ("the same results".to_owned(), "in other bytes".to_owned());
            self.differ(Difference { lead, run: record.number, contract: None, recorded, replayed });
        }
    }

    fn differ(&mut self, difference: Difference) {
        self.different += 1;
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(difference);
        }
    }

    /// Counts answers that nobody gave.
    pub(super) fn assume(&mut self, assumptions: &Assumptions) {
        self.assumptions.pings += assumptions.pings.len() as u64;
        self.assumptions.posts += assumptions.posts.len() as u64;
    }

    /// Tells of a run of the one lead.
    pub(super) fn tell(&mut self, record: &RunRecord, own: &Replayed, now: Option<&Replayed>) {
        let mut contracts: BTreeMap<ContractId, LeadContract> = BTreeMap::new();
        let mut put = |replayed: &Replayed, set: &dyn Fn(&mut LeadContract, Decided)| {
            for one in replayed.state.results() {
                let sales = replayed.state.sales();
                let sale = sales.iter().find(|sale| sale.reserved.contract == one.contract);
                let decided = Decided {
                    result: one.result,
                    text: one.reason.text(),
                    price: sale.map(|sale| sale.sold_price),
                };
                let none = LeadContract { contract: one.contract, then: None, now: None, assumed: false };
                set(contracts.entry(one.contract).or_insert(none), decided);
            }
        };
        put(own, &|contract, decided| contract.then = Some(decided));
        if let Some(now) = now {
            put(now, &|contract, decided| {
                contract.now = Some(decided);
                contract.assumed = super::is_assumed(now, contract.contract);
            });
        }
        self.lead_runs.push(LeadRunReport {
            run: record.number,
            at: record.at,
            config_version: record.config_version,
            reached: now.is_some(),
            contracts: contracts.into_values().collect(),
        });
    }

    /// Counts a lead, all of its runs taken in.
    pub(super) fn count(&mut self, lead: &Lead, begun: &Begun) {
        let now = &begun.now;
        self.then.leads += 1;
        self.then.sold += u64::from(!lead.sales.is_empty());
        self.then.revenue = plus(self.then.revenue, lead.revenue);
        self.then.payout = plus(self.then.payout, lead.payout);
        self.now.leads += 1;
        self.now.sold += u64::from(!now.sales.is_empty());
        self.now.payout = plus(self.now.payout, payout_now(lead, begun));
        self.assumptions.leads += u64::from(begun.rests_on_assumptions);
        for contract in &begun.offered {
            self.of(*contract).0.offered += 1;
        }
        for contract in &begun.posted {
            self.of(*contract).0.posted += 1;
        }
        for sale in &lead.sales {
            let then = &mut self.of(sale.contract).0;
            then.sold += 1;
            then.revenue = plus(then.revenue, brought(sale));
        }
        for contract in &now.offered {
            self.of(*contract).1.offered += 1;
        }
        for contract in &now.posted {
            self.of(*contract).1.posted += 1;
        }
        for sale in &now.sales {
            let brings = brings_now(lead, &begun.own, sale);
            self.now.revenue = plus(self.now.revenue, brings);
            if sale.is_assumed {
                self.assumptions.revenue = plus(self.assumptions.revenue, brings);
            }
            let sums = &mut self.of(sale.contract).1;
            sums.sold += 1;
            sums.revenue = plus(sums.revenue, brings);
        }
    }

    fn of(&mut self, contract: ContractId) -> &mut (ContractSums, ContractSums) {
        self.by_contract.entry(contract).or_default()
    }

    /// With the contracts listed.
    pub(super) fn finished(mut self) -> Self {
        let sums = std::mem::take(&mut self.by_contract).into_iter();
        self.contracts = sums.map(|(contract, (then, now))| ContractTotals { contract, then, now }).collect();
        self
    }
}

/// What a sale has brought.
fn brought(sale: &Sale) -> Money {
    sale.brings()
}

/// What a replayed sale brings: as much as it really did, where it really was made so.
fn brings_now(lead: &Lead, own: &World, sale: &super::world::Bought) -> Money {
    let is_the_same = own.sales.iter().any(|own| own.contract == sale.contract && own.price == sale.price);
    let really = lead.sales.iter().find(|really| really.contract == sale.contract && is_the_same);
    really.map_or(sale.price, brought)
}

/// What the affiliate is paid by the replay. Where the lead earns as much as by its own
/// network, it is what it really is paid: pixels and returns have their part in that.
fn payout_now(lead: &Lead, begun: &Begun) -> Money {
    let (own, now) = (begun.own.earned, begun.now.earned);
    let was_given_back = lead.status == LeadStatus::Returned && begun.own.sales != begun.now.sales;
    match now {
        Some(now) if own != Some(now) || was_given_back => now,
        _ => lead.payout,
    }
}

fn by_contract(results: &Value) -> BTreeMap<i64, &Value> {
    let results = results.as_array().map(Vec::as_slice).unwrap_or_default();
    results.iter().filter_map(|one| Some((one.get("contract")?.as_i64()?, one))).collect()
}

/// Two results as texts that are not the same.
fn told(was: Option<&Value>, is: Option<&Value>) -> (String, String) {
    let text = |one: Option<&Value>, key: &str| {
        let text = one.and_then(|one| one.get(key)?.as_str());
        text.unwrap_or("no part in it").to_owned()
    };
    let results = (text(was, "result"), text(is, "result"));
    if results.0 != results.1 {
        return results;
    }
    let texts = (text(was, "text"), text(is, "text"));
    if texts.0 != texts.1 {
        return texts;
    }
    let json = |one: Option<&Value>| one.map_or_else(String::new, ToString::to_string);
    (json(was), json(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sell_rate_is_in_percent_and_of_no_leads_there_is_none() {
        let rate = |sold, leads| Totals { leads, sold, ..Totals::default() }.sell_rate();
        assert_eq!(rate(0, 0), None);
        assert_eq!(rate(0, 3).as_deref(), Some("0.0"));
        assert_eq!(rate(1, 3).as_deref(), Some("33.3"));
        assert_eq!(rate(2, 3).as_deref(), Some("66.7"));
        assert_eq!(rate(3, 3).as_deref(), Some("100.0"));
    }
}
