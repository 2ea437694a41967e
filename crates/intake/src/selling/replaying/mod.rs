//! Replays: recorded leads decided again, by the network that decided them or by a
//! changed one, and what that comes to, then and now.
//!
//! *Then* is what happened: revenue, payout and sales as the lead has them, what was
//! offered and posted as its runs recorded it. *Now* is what the replay comes to:
//!
//! * Each run is decided again by the very version of the network that decided it. That
//!   must come to the same, to the byte; what does not is a difference.
//! * With a changed network it is decided by that as well. Buyers answer as they did, or
//!   as assumed where no run of the lead asked them; leads are taken in the order in which their
//!   runs began, and each sees the caps and credit that those before it left.
//! * A lead counts once, however many runs it has. Its runs follow each other: those
//!   after the first that sells it do not happen, save re-sales, and a run is told what
//!   the replayed ones before it came to. Runs that nobody recorded are not made up: a
//!   lead that the last recorded run leaves unsold is unsold.
//! * A post of unknown end that was settled later counts as it was settled. A sale that
//!   comes out as it did then brings what it did then, and a lead that earns as much as
//!   by its own network is paid as it was.
//!
//! Deadlines and what was read of the clock stay as recorded, and so do buyers that were
//! skipped because they had not answered.
//!
//! Rooms: `versions` are the networks; `world` is a lead's way through one of them;
//! `inputs` are what a run is given by a changed one; `in_order` puts runs in the order in
//! which they began; `report` adds up.

mod in_order;
mod inputs;
mod report;
mod versions;
mod world;

pub use report::{
    Assumed, ContractSums, ContractTotals, Decided, Difference, LeadContract, LeadRunReport, MAX_DIFFERENCES,
    Report, Totals,
};

use super::record::{is_broken_off, was_nothing_sent};
use super::standing::Earning;
use crumb_domain::lead::{Lead, LeadStatus};
use crumb_domain::network::OfferType;
use crumb_domain::{ContractId, LeadId, RowId, Timestamp};
use crumb_network::{LiveNetwork, NetworkError, Snapshot};
use crumb_routing::replay::{Answers, Assumptions, Ledger, Really, Recorded, Replayed};
use crumb_routing::{Event, Run, replay, replay_changed};
use crumb_storage::selling::{LeadRun, RunRecord};
use crumb_storage::{Store, StoreError};
use in_order::InOrder;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use versions::{Version, Versions};
use world::World;

/// Runs that are read in one go: some megabytes of what they were given and met.
const RUNS_PER_READ: u32 = 200;

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An earlier version of the network's.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// A replay of leads, one run after the other.
pub struct Replaying<'n, S> {
    store: &'n S,
    versions: Versions<'n, S>,
    changed: Option<Arc<Version>>,
    ledger: Ledger,
    /// Leads that have a run to come.
    begun: HashMap<LeadId, Begun>,
    report: Report,
}

/// A lead some of whose runs were replayed.
#[derive(Default)]
struct Begun {
    /// What its buyers answered, in any of its runs.
    answers: Answers,
    own: World,
    now: World,
    /// As its runs recorded it.
    offered: BTreeSet<ContractId>,
    posted: BTreeSet<ContractId>,
    rests_on_assumptions: bool,
    /// One of its runs cannot be decided again.
    is_left_out: bool,
    /// One of them was.
    is_decided: bool,
    /// How many broke off with nobody having been sent it: nobody was answered then.
    unsent: u32,
}

/// A run as it was recorded.
struct Past {
    run: Run,
    events: Vec<Recorded>,
}

impl<'n, S: Store> Replaying<'n, S> {
    /// Of a network's leads, by the network that each was decided by, or by a changed one.
    pub fn new(store: &'n S, network: &'n LiveNetwork<S>, changed: Option<Snapshot>) -> Self {
        Self {
            store,
            versions: Versions::new(network),
            changed: changed.map(|snapshot| Arc::new(Version::new(snapshot, None))),
            ledger: Ledger::default(),
            begun: HashMap::new(),
            report: Report::default(),
        }
    }

    /// Replays the leads that came at or after a moment and before another, and that were
    /// offered to anybody. `progress` is told how many runs of how many are done.
    ///
    /// # Errors
    /// Where the store or a version of the network cannot be read.
    pub async fn leads(
        mut self,
        from: Timestamp,
        to: Timestamp,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Report, ReplayError> {
        let total = self.store.count_runs_of_leads(from, to).await?;
        let mut done = 0_u64;
        let mut after: Option<RowId> = None;
        let mut in_order = InOrder::default();
        progress(done, total);
        loop {
            let runs = self.store.runs_of_leads(from, to, after, RUNS_PER_READ).await?;
            let is_last = runs.is_empty();
            after = runs.last().map_or(after, |last| Some(last.run.id));
            in_order.take_in(runs);
            while let Some(found) = in_order.next(is_last) {
                self.run(&found, false).await?;
                done += 1;
                progress(done, total.max(done));
            }
            if is_last {
                return Ok(self.report.finished());
            }
        }
    }

    /// Replays one lead, each of its runs with each contract.
    ///
    /// # Errors
    /// As of [`Replaying::leads`].
    pub async fn lead(mut self, lead: &Lead) -> Result<Report, ReplayError> {
        let runs = self.store.runs_of(lead.row).await?;
        let count = u32::try_from(runs.len()).unwrap_or(u32::MAX);
        for run in runs {
            self.run(&LeadRun { lead: lead.clone(), runs: count, run }, true).await?;
        }
        Ok(self.report.finished())
    }

    /// Replays a run, and counts its lead if it is the last.
    async fn run(&mut self, found: &LeadRun, is_told_of: bool) -> Result<(), ReplayError> {
        let LeadRun { lead, runs, run: record } = found;
        if lead.test {
            return Ok(());
        }
        self.report.runs += 1;
        let mut begun = match self.begun.remove(&lead.id) {
            Some(begun) => begun,
            None => Begun { answers: self.answers(lead, *runs).await?, ..Begun::default() },
        };
        let version = self.versions.of(record.config_version).await?;
        match (past(record), version) {
            (Some(past), Some(version)) => self.again(&mut begun, lead, record, &past, &version, is_told_of),
            _ => self.leave_out(&mut begun, lead, record),
        }
        if record.number < *runs {
            self.begun.insert(lead.id, begun);
            return Ok(());
        }
        if begun.is_decided && !begun.is_left_out {
            begun.end(lead);
            self.report.count(lead, &begun);
        }
        Ok(())
    }

    /// What the buyers of a lead that has several runs answered in any of them: one that
    /// buys it sooner by a changed network says what it said later.
    async fn answers(&self, lead: &Lead, runs: u32) -> Result<Answers, ReplayError> {
        let mut answers = Answers::default();
        if runs > 1 && self.changed.is_some() {
            let all = self.store.runs_of(lead.row).await?;
            for past in all.iter().filter_map(past) {
                answers.note(&past.run, &past.events);
            }
        }
        Ok(answers)
    }

    fn leave_out(&mut self, begun: &mut Begun, lead: &Lead, record: &RunRecord) {
        let Report { broken_off, broken_off_unsent, not_replayable, .. } = &mut self.report;
        let left_out = match () {
            () if was_nothing_sent(record) => broken_off_unsent,
            () if is_broken_off(record) => broken_off,
            () => not_replayable,
        };
        left_out.push(lead.id, record.number);
        begun.unsent += u32::from(was_nothing_sent(record));
        begun.is_left_out |= !was_nothing_sent(record);
    }

    /// Decides a run again, by its own version of the network and by the changed one.
    fn again(
        &mut self,
        begun: &mut Begun,
        lead: &Lead,
        record: &RunRecord,
        past: &Past,
        version: &Version,
        is_told_of: bool,
    ) {
        let Some((offer, tree)) = version.tree_of(lead, &past.run) else {
            return self.leave_out(begun, lead, record);
        };
        let late = record.number > 1 + begun.unsent && was_answered_unsold(lead, offer.offer.offer_type);
        begun.is_decided = true;
        begun.note(record, past);
        begun.own.settle_by(&past.run, lead);
        begun.now.settle_by(&past.run, lead);
        let own = replay(Arc::clone(&tree), &past.run, &past.events);
        self.report.compare(lead.id, record, &own.state.results());
        let really = Really {
            state: &own.state,
            recorded: &past.events,
            elsewhere: &begun.answers,
            is_in_vain: &|contract| is_in_vain(lead, contract),
        };
        let now = match &self.changed {
            None => None,
            Some(changed) => {
                let (own, now, ledger) = (&begun.own, &begun.now, &self.ledger);
                let inputs = inputs::Inputs { past: &past.run, lead, own, now, late, ledger };
                inputs
                    .by(changed, version, &tree)
                    .map(|(tree, run)| replay_changed(tree, &run, &really, &mut self.ledger))
            }
        };
        if self.changed.is_some() {
            self.ledger.really(&really, now.as_ref().map(|now| &now.state));
            self.report.runs_not_reached += u64::from(now.is_none());
        }
        begun.own.ran(&own, &Earning::of(version.snapshot(), offer, lead, late));
        let now = match (&self.changed, &now) {
            (None, _) => Some(&own),
            (Some(_), now) => now.as_ref(),
        };
        if let Some(replayed) = now {
            let by = self.changed.as_deref().unwrap_or(version);
            if let Some(offer) = by.snapshot().offer(lead.offer) {
                begun.now.ran(replayed, &Earning::of(by.snapshot(), offer, lead, late));
            }
            begun.rests_on_assumptions |= replayed.assumptions != Assumptions::default();
            self.report.assume(&replayed.assumptions);
        }
        if is_told_of {
            self.report.tell(record, &own, now);
        }
    }
}

impl Begun {
    /// Keeps what a run recorded.
    fn note(&mut self, record: &RunRecord, past: &Past) {
        let offered = record.summary.iter().filter(|(_, result, _)| !result.was_no_candidate());
        self.offered.extend(offered.map(|(contract, ..)| *contract));
        self.posted.extend(past.events.iter().filter_map(|recorded| match &recorded.event {
            Event::Posted { contract, .. } => Some(*contract),
            _ => None,
        }));
    }

    /// What was settled after the last run.
    fn end(&mut self, lead: &Lead) {
        self.own.settle_by_lead(lead);
        self.now.settle_by_lead(lead);
    }
}

/// What a run was given and met, in the form that this program reads.
fn past(record: &RunRecord) -> Option<Past> {
    let run = serde_json::from_str(&record.inputs).ok()?;
    let events: Vec<Recorded> = serde_json::from_str(&record.events).ok()?;
    (!events.is_empty()).then_some(Past { run, events })
}

/// Whether a post of unknown end has sold nothing, as the lead stands by now.
fn is_in_vain(lead: &Lead, contract: ContractId) -> bool {
    let is_sold = lead.sales.iter().any(|sale| sale.contract == contract);
    !is_sold && lead.status != LeadStatus::PendingUnknown
}

/// Whether a sale rests on an answer that nobody gave.
fn is_assumed(replayed: &Replayed, contract: ContractId) -> bool {
    let Assumptions { pings, posts } = &replayed.assumptions;
    pings.contains(&contract) || posts.contains(&contract)
}
/// Whether a lead that is offered again was answered before that nobody bought it: on
/// host-n-post offers all were but those held back for bad fields.
fn was_answered_unsold(lead: &Lead, offer_type: OfferType) -> bool {
    offer_type == OfferType::HostNPost && lead.errors.is_empty()
}
