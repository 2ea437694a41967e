//! Returns: a buyer gives a lead back, or asks to.
//!
//! A return is an entry of the ledger and a mark on the sale, never an edit of either: the
//! sale's own entry stays. What it does not do:
//!
//! * The contract's cap is not freed. The buyer was sent the lead on that day; if returns
//!   made room, a buyer could look through all leads and keep the best.
//! * The buyer is not sent the lead again, and a lead that was sold exclusively is not
//!   offered to others: its first buyer has its data.
//! * A lead that was delivered free in place of another is not given back for credit: it had
//!   no price. Nor is the price given back of a lead whose replacement is on its way.
//! * The affiliate keeps its payout: whose fault a return is, people decide. On demand it
//!   is taken back as well, by an entry of its own.

use super::Selling;
use super::after_sale::{AfterSaleError, Lines, WhichSale, text};
use super::standing::{self, Earning};
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::selling::{Redress, ReturnState, ReturnType, SaleReturn};
use crumb_domain::{ContractId, LeadId, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_storage::after_sale::LeadReturn;
use crumb_storage::selling::{LeadChange, TimelineEntry};

/// The longest reason, in characters: a line of a list.
const MAX_REASON_CHARACTERS: usize = 200;
/// The longest notes, in characters: a page.
const MAX_NOTES_CHARACTERS: usize = 2_000;
/// Days of a contract that the network no longer has, as of one that says nothing.
const DEFAULT_DAYS: u32 = 30;
/// A return's days count by the clock, not by the calendar.
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A return that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnRequest {
    /// Of which lead.
    pub lead: LeadId,
    /// Of which of its sales.
    pub sale: WhichSale,
    /// Why; must be said.
    pub reason: String,
    /// More of it.
    pub notes: String,
    /// What is asked.
    pub return_type: ReturnType,
    /// Also after the contract's days. Not where the lead was bought for good.
    pub force: bool,
    /// Of an approval: the affiliate's payout too is taken back.
    pub take_back_payout: bool,
    /// Whose key asks.
    pub by: Option<String>,
}

/// What a person decides of a return that was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is taken back.
    Approve {
        /// For what.
        redress: Redress,
        /// The affiliate's payout too: a share of the price, or a fixed payout once no sale
        /// is left.
        take_back_payout: bool,
    },
    /// It is not.
    Refuse,
}

/// A return, with the lead as it stands after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// The lead.
    pub lead: Lead,
    /// The return.
    pub returned: LeadReturn,
}

/// The redress of a type; none for what waits for a person.
pub fn redress_of(return_type: ReturnType) -> Option<Redress> {
    match return_type {
        ReturnType::ApproveForCredit => Some(Redress::Credited),
        ReturnType::ApproveToReplace => Some(Redress::Replaced),
        ReturnType::SubmitForApproval => None,
    }
}

impl<S: Store + Clone> Selling<S> {
    /// Returns a lead's sale, or has it wait for a person.
    ///
    /// # Errors
    /// Where there is no such sale, it was returned before, its days are over, or it was
    /// for good; the store's.
    pub async fn return_sale(&self, request: ReturnRequest) -> Result<Returned, AfterSaleError> {
        let reason = text("reason", &request.reason, MAX_REASON_CHARACTERS, Lines::One)?;
        let notes = text("notes", &request.notes, MAX_NOTES_CHARACTERS, Lines::Several)?;
        if reason.is_empty() {
            return Err(AfterSaleError::invalid("reason", "required"));
        }
        let redress = redress_of(request.return_type);
        if request.take_back_payout && redress.is_none() {
            let message = "a payout is taken back by an approval, not by what waits for one";
            return Err(AfterSaleError::invalid("take_back_payout", message));
        }
        let snapshot = self.site.network.snapshot();
        let id = self.site.rows.next(self.site.clock.now());
        let make = |lead: Lead, returns: &[LeadReturn], now| {
            let sale = request.sale.of(&lead)?.clone();
            refuse_second(&lead, &sale, returns)?;
            let is_late = is_late(&lead, &sale, &snapshot, now, request.force)?;
            refuse_credit_of_free(&lead, &sale, redress)?;
            let asked = LeadReturn {
                id,
                contract: sale.contract,
                buyer: sale.buyer,
                price: sale.price,
                at: now,
                by: request.by.clone(),
                reason: reason.clone(),
                notes: notes.clone(),
                state: ReturnState::Submitted,
                decided_at: None,
                decided_by: None,
                replaced_by: None,
                replaced_at: None,
            };
            let (mut change, returned) = match redress {
                None => submitted(lead, asked, now, is_late),
                Some(redress) => {
                    let taking = Taking { redress, take_back_payout: request.take_back_payout, is_late };
                    take_back(lead, asked, taking, &snapshot, now, request.by.clone())
                }
            };
            change.deliveries = self.return_created(&snapshot, &change.lead, &returned);
            Ok((change, returned))
        };
        let (lead, returned) = self.change_sold(request.lead, make).await?;
        self.after_return(&returned).await;
        Ok(Returned { lead, returned })
    }

    /// Decides a return that was submitted; one that was refused may still be approved,
    /// and the price of a lead that is owed be given back instead.
    ///
    /// # Errors
    /// Where there is none to decide; the store's.
    pub async fn decide_return(
        &self,
        lead: LeadId,
        contract: Option<ContractId>,
        decision: Decision,
        by: Option<String>,
    ) -> Result<Returned, AfterSaleError> {
        let snapshot = self.site.network.snapshot();
        let make = |lead: Lead, returns: &[LeadReturn], now| {
            let asked = to_decide(&lead, contract, returns, decision)?.clone();
            match decision {
                Decision::Approve { redress, take_back_payout } => {
                    if let Some(sale) = lead.sales.iter().find(|sale| sale.contract == asked.contract) {
                        refuse_credit_of_free(&lead, sale, Some(redress))?;
                    }
                    let taking = Taking { redress, take_back_payout, is_late: false };
                    Ok(take_back(lead, asked, taking, &snapshot, now, by.clone()))
                }
                Decision::Refuse if asked.state == ReturnState::Refused => {
                    Err(AfterSaleError::Refused(format!("{} was refused already", name(&lead, &asked))))
                }
                Decision::Refuse => Ok(refused(lead, asked, now, by.clone())),
            }
        };
        let (lead, returned) = self.change_sold(lead, make).await?;
        self.after_return(&returned).await;
        Ok(Returned { lead, returned })
    }

    async fn after_return(&self, returned: &LeadReturn) {
        match returned.state {
            // A buyer that had no credit may be sold to, or be delivered what it is owed.
            ReturnState::Credited | ReturnState::Replaced => self.credit_came(returned.buyer).await,
            ReturnState::Submitted | ReturnState::Refused => {}
        }
    }
}

/// How a sale is taken back.
#[derive(Clone, Copy)]
struct Taking {
    redress: Redress,
    take_back_payout: bool,
    /// Its days were over.
    is_late: bool,
}

fn name(lead: &Lead, returned: &LeadReturn) -> String {
    format!("the return of lead {} under contract {}", lead.id, returned.contract)
}

/// One return a sale.
fn refuse_second(lead: &Lead, sale: &Sale, returns: &[LeadReturn]) -> Result<(), AfterSaleError> {
    let Some(before) = returns.iter().find(|one| one.contract == sale.contract) else { return Ok(()) };
    let text = match before.state {
        ReturnState::Submitted => format!("{} waits for approval", name(lead, before)),
        ReturnState::Refused => format!("{} was refused", name(lead, before)),
        ReturnState::Credited | ReturnState::Replaced => {
            format!("lead {} was returned under contract {} already", lead.id, sale.contract)
        }
    };
    Err(AfterSaleError::Refused(text))
}

/// What was delivered free has no price to give back.
fn refuse_credit_of_free(lead: &Lead, sale: &Sale, redress: Option<Redress>) -> Result<(), AfterSaleError> {
    match (sale.replaces, redress) {
        (Some(given_back), Some(Redress::Credited)) => Err(AfterSaleError::Refused(format!(
            "lead {} was delivered free under contract {} in place of lead {given_back}: it has no price to give \
             back, but may be replaced",
            lead.id, sale.contract
        ))),
        _ => Ok(()),
    }
}

/// Whether the contract's days are over, which only force lets pass.
fn is_late(
    lead: &Lead,
    sale: &Sale,
    snapshot: &Snapshot,
    now: Timestamp,
    force: bool,
) -> Result<bool, AfterSaleError> {
    let (lead, contract) = (lead.id, sale.contract);
    if sale.no_return {
        return Err(AfterSaleError::Refused(format!(
            "lead {lead} was sold under contract {contract} for good (no_return): it is not taken back"
        )));
    }
    let days = snapshot.contract(contract).map_or(DEFAULT_DAYS, |contract| contract.max_return_days);
    let is_over = days == 0 || now > sale.at.plus_seconds(i64::from(days) * DAY_SECONDS);
    if !is_over || force {
        return Ok(is_over);
    }
    Err(AfterSaleError::Refused(match days {
        0 => format!("contract {contract} takes no leads back (max_return_days = 0)"),
        _ => format!(
            "lead {lead} was sold under contract {contract} on {}: the {days} days within which it is taken \
             back are over",
            sale.at
        ),
    }))
}

fn submitted(lead: Lead, asked: LeadReturn, now: Timestamp, is_late: bool) -> (LeadChange, LeadReturn) {
    let LeadReturn { buyer, contract, reason, .. } = &asked;
    let late = late(is_late);
    let text = format!("buyer {buyer} asks to give it back under contract {contract}{late}: {reason}");
    changed(LeadChange::new(lead, now), "return_submitted", text, asked.by.clone(), asked)
}

fn refused(lead: Lead, asked: LeadReturn, now: Timestamp, by: Option<String>) -> (LeadChange, LeadReturn) {
    let text = format!("it is not taken back from buyer {} under contract {}", asked.buyer, asked.contract);
    let returned = decided(asked, ReturnState::Refused, now, by.clone());
    changed(LeadChange::new(lead, now), "return_refused", text, by, returned)
}

fn decided(asked: LeadReturn, state: ReturnState, now: Timestamp, by: Option<String>) -> LeadReturn {
    LeadReturn { state, decided_at: Some(now), decided_by: by, ..asked }
}

/// Takes a sale back: the sale is marked, the money moves, the lead stands as its sales
/// tell.
fn take_back(
    mut lead: Lead,
    asked: LeadReturn,
    taking: Taking,
    snapshot: &Snapshot,
    now: Timestamp,
    by: Option<String>,
) -> (LeadChange, LeadReturn) {
    let LeadReturn { buyer, contract, price, .. } = asked;
    let before_payout = lead.payout;
    for sale in lead.sales.iter_mut().filter(|sale| sale.contract == contract) {
        let payout_taken_back = sale.returned.is_some_and(|before| before.payout_taken_back);
        sale.returned = Some(SaleReturn { redress: taking.redress, payout_taken_back });
    }
    lead.revenue = standing::brought(&lead);
    if lead.is_given_back() {
        (lead.status, lead.outcome) = (LeadStatus::Returned, LeadOutcome::Returned);
    }
    if taking.take_back_payout {
        take_back_payout(&mut lead, snapshot);
    }
    let (state, given) = match taking.redress {
        Redress::Credited => {
            let instead = match asked.state {
                ReturnState::Replaced => " instead of the lead that it was owed",
                ReturnState::Submitted | ReturnState::Refused | ReturnState::Credited => "",
            };
            (
                ReturnState::Credited,
                format!("buyer {buyer} has {price} back for contract {contract}{instead}"),
            )
        }
        Redress::Replaced => (
            ReturnState::Replaced,
            format!("buyer {buyer} is owed another lead in its place under contract {contract}"),
        ),
    };
    let mut text = format!("{given}{}: {}", late(taking.is_late), asked.reason);
    if lead.payout != before_payout {
        text += &format!("; its affiliate earns {} instead of {before_payout}", lead.payout);
    }
    let mut change = LeadChange::new(lead, now);
    if taking.redress == Redress::Credited {
        let (lead, reason) = (change.lead.id, asked.reason.clone());
        change.ledger.push(LedgerEntry::give_back(now, lead, buyer, contract, price, reason));
    }
    change.ledger.extend(standing::payout_entry(&change.lead, before_payout, now));
    let returned = decided(asked, state, now, by.clone());
    changed(change, "returned", text, by, returned)
}

/// For all its sales that were returned, earlier ones too.
fn take_back_payout(lead: &mut Lead, snapshot: &Snapshot) {
    // A lead that was sold late has no more than its payout to lose, whatever it would
    // have earned in time.
    let earning = snapshot.offer(lead.offer).map(|offer| Earning::of(snapshot, offer, lead, false));
    let left = standing::left_of_worth(lead, earning.as_ref());
    standing::now_worth(lead, left);
    for returned in lead.sales.iter_mut().filter_map(|sale| sale.returned.as_mut()) {
        returned.payout_taken_back = true;
    }
}

fn late(is_late: bool) -> &'static str {
    if is_late { " after its days" } else { "" }
}

fn changed(
    mut change: LeadChange,
    code: &str,
    text: String,
    by: Option<String>,
    returned: LeadReturn,
) -> (LeadChange, LeadReturn) {
    change.timeline.push(TimelineEntry { at: change.at, code: code.to_owned(), text, by });
    change.put_return = Some(returned.clone());
    (change, returned)
}

/// The return that is to be decided.
fn to_decide<'r>(
    lead: &Lead,
    contract: Option<ContractId>,
    returns: &'r [LeadReturn],
    decision: Decision,
) -> Result<&'r LeadReturn, AfterSaleError> {
    let id = lead.id;
    let is_open = |state| match state {
        ReturnState::Submitted | ReturnState::Refused => true,
        ReturnState::Replaced => matches!(decision, Decision::Approve { redress: Redress::Credited, .. }),
        ReturnState::Credited => false,
    };
    let mut asked = returns.iter().filter(|one| contract.is_none_or(|named| named == one.contract));
    let refused = match (asked.next(), asked.next(), contract) {
        (Some(LeadReturn { replaced_by: Some(other), replaced_at, contract, .. }), None, _) => {
            let how = if replaced_at.is_some() { "was delivered" } else { "is on its way" };
            format!("lead {other} {how} in place of lead {id} under contract {contract}")
        }
        (Some(one), None, _) if is_open(one.state) => return Ok(one),
        (Some(one), None, _) => format!("lead {id} was returned under contract {} already", one.contract),
        (Some(_), Some(_), _) => format!("lead {id} has more than one return: name the contract"),
        (None, _, Some(contract)) => {
            let text = format!("nobody asked to return lead {id} under contract {contract}");
            return Err(AfterSaleError::Missing(text));
        }
        (None, _, None) => {
            return Err(AfterSaleError::Missing(format!("nobody asked to return lead {id}")));
        }
    };
    Err(AfterSaleError::Refused(refused))
}
