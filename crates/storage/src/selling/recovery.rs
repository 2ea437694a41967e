//! What a start finds in hand, and how that is ended.

use super::{EarlierSend, Hold, RunRecord};
use crate::StoreError;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::selling::Attempt;
use crumb_domain::{ContractId, LeadId, RowId, Timestamp};

/// By contract, how what it may have been sent is held after a crash.
pub type HoldFn = Box<dyn Fn(ContractId) -> Hold + Send + Sync>;

/// The record of a run that broke off with nothing sent that may have been bought; none where
/// nothing can be said of it.
pub type RecordFn = Box<dyn Fn(&Unsent) -> Option<RunRecord> + Send + Sync>;

/// By contract and the moment of its reservation, what is kept of a post that may have been
/// under way.
pub type CutOffFn = Box<dyn Fn(ContractId, Timestamp) -> Attempt + Send + Sync>;

/// How whoever ends a run that broke off wants it done, from within the write that does.
pub struct Ending {
    /// Of what may have been sent.
    pub hold: HoldFn,
    /// The attempt of which that is left, kept by the same write; it does not count among those
    /// by which a contract is switched off.
    pub cut_off: CutOffFn,
    /// Of what was not.
    pub record: RecordFn,
}

/// A lead whose run broke off with nothing sent that may have been bought, and what is stored
/// of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsent {
    /// The lead, as it stands.
    pub lead: Lead,
    /// When the run began, where that is known: that of a lead's first post did with it.
    pub begun: Option<Timestamp>,
    /// Who was sent the lead: in earlier runs, or in this one and did not buy.
    pub earlier: Vec<EarlierSend>,
    /// Its runs before, oldest first.
    pub runs: Vec<RunRecord>,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A lead that was in hand when the server ended, or its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Which.
    pub lead: LeadId,
    /// As what it stands now.
    pub status: LeadStatus,
    /// What became of it.
    pub outcome: LeadOutcome,
    /// Something was sold or may have been: payout and answer are still to be told, by
    /// [`SellingStore::act`](super::SellingStore::act). Until then each start names the lead again.
    pub unsettled: bool,
}

/// What a start found in hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Leads whose runs are ended.
    pub ended: Vec<Recovered>,
    /// Leads that could not be ended, each for something about it alone.
    pub aside: Vec<Aside>,
}

/// A lead of which something is stored that cannot be read: it stays as the crash left it,
/// so that nobody is sent it, until a person has mended the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its place.
    pub row: RowId,
    /// Its name, where that can be read.
    pub lead: Option<LeadId>,
    /// Its run had been ended before, and is still to be told of; else it is in hand.
    pub is_ended: bool,
    /// What is wrong with it.
    pub error: StoreError,
}
