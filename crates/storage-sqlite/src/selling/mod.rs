//! Selling: reservations, runs, the queue, and what comes after.
//!
//! * `queue`: leads that are in hand or wait; `reservations`: who was or may have been
//!   sent a lead; `held`: those of which the end is not known;
//!   `replacements`: those in place of leads that were given back.
//! * `change`: a run begins or ends, or a lead changes after it; `recover`: what a crash, or a run that broke off, left.
//! * `accounts`, `contracts`: sums kept by buyer and by contract; `facts`: what routing
//!   reads of all that.
//! * `records`: runs, attempts, time line; `after_sale`: returns, what buyers say; `quotes`: prices told before.
//! * `prepare`: what is made ready before a write.

pub(crate) mod accounts;
mod after_sale;
mod change;
pub(crate) mod contracts;
mod facts;
mod held;
mod prepare;
pub(crate) mod queue;
pub(crate) mod quotes;
pub(crate) mod records;
mod recover;
mod replacements;
mod reservations;

use crate::SqliteStore;
use crate::ledger;
use crate::readers::LaneOf;
use crumb_domain::lead::Lead;
use crumb_domain::ledger::{Account, LedgerEntry};
use crumb_domain::selling::Attempt;
use crumb_domain::time::Day;
use crumb_domain::{CampaignId, ContractId, Money, RowId, Timestamp, VerticalId};
use crumb_storage::selling::{
    Ending, Held, LeadChange, LeadRun, PostFailures, Quote, QuoteFound, Recovered, Recovery, Reserve,
    Reserved, RunRecord, SellingCounts, SellingFacts, TimelineEntry, Waiting,
};
use crumb_storage::{Page, PageRequest, Result, SellingStore};
use std::sync::Arc;

/// Waiting leads that are woken by one write, so that no commit is long.
const WOKEN_PER_WRITE: usize = 5_000;

impl SellingStore for SqliteStore {
    async fn begin_run(&self, lead: RowId, days_from: Day) -> Result<Option<(Lead, SellingFacts)>> {
        // Of contracts and buyers before, so that a read which fails leaves nothing in
        // hand; of the lead with the taking, so that no other run comes between.
        let facts = self.selling_facts(None, days_from).await?;
        let taken = self.writer().write(move |context| change::take(context.connection, lead)).await?;
        Ok(taken.map(|(lead, own)| (lead, own.beside(facts))))
    }

    async fn selling_facts(&self, lead: Option<RowId>, days_from: Day) -> Result<SellingFacts> {
        self.readers().read(LaneOf::Short, move |connection| facts::read(connection, lead, days_from)).await
    }

    async fn reserve(&self, mut reserve: Reserve) -> Result<Reserved> {
        let attempts = prepare::attempts(&mut reserve.attempts)?;
        self.writer().write(move |context| reservations::reserve(context, &reserve, &attempts)).await
    }

    async fn settle(&self, change: LeadChange) -> Result<()> {
        let change = prepare::Change::new(change)?;
        self.writer().write(move |context| change::settle(context, &change)).await
    }

    async fn recover(&self, at: Timestamp, ending: Ending) -> Result<Recovery> {
        self.writer().write(move |context| recover::recover(context, at, &ending)).await
    }

    async fn break_off(
        &self,
        lead: RowId,
        at: Timestamp,
        due: Timestamp,
        ending: Ending,
    ) -> Result<Option<Recovered>> {
        self.writer().write(move |context| recover::break_off(context, lead, at, due, &ending)).await
    }

    async fn act(&self, change: LeadChange) -> Result<()> {
        let change = prepare::Change::new(change)?;
        self.writer().write(move |context| change::act(context, &change)).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Waiting>> {
        self.readers().read(LaneOf::Short, move |connection| queue::due(connection, now, limit)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.readers().read(LaneOf::Short, queue::next_due).await
    }

    async fn selling_counts(&self) -> Result<SellingCounts> {
        self.readers().read(LaneOf::Long, queue::counts).await
    }

    async fn wake(&self, now: Timestamp) -> Result<u64> {
        self.wake_those(now, None).await
    }

    async fn wake_of(&self, now: Timestamp, verticals: Vec<VerticalId>) -> Result<u64> {
        if verticals.is_empty() {
            return Ok(0);
        }
        self.wake_those(now, Some(verticals.into())).await
    }

    async fn held(&self, page: PageRequest) -> Result<Page<Held>> {
        self.readers().read(LaneOf::Long, move |connection| held::list(connection, &page)).await
    }

    async fn runs_of(&self, lead: RowId) -> Result<Vec<RunRecord>> {
        let lead = lead.as_i64();
        self.readers().read(LaneOf::Short, move |connection| records::runs_of(connection, lead)).await
    }

    async fn attempts_of(&self, lead: RowId) -> Result<Vec<Attempt>> {
        let lead = lead.as_i64();
        self.readers().read(LaneOf::Short, move |connection| records::attempts_of(connection, lead)).await
    }

    async fn timeline_of(&self, of: RowId) -> Result<Vec<TimelineEntry>> {
        let of = of.as_i64();
        self.readers().read(LaneOf::Short, move |connection| records::timeline_of(connection, of)).await
    }

    async fn ledger_of(&self, lead: RowId) -> Result<Vec<LedgerEntry>> {
        let lead = lead.as_i64();
        self.readers().read(LaneOf::Short, move |connection| ledger::of_lead(connection, lead)).await
    }

    async fn runs_of_leads(
        &self,
        from: Timestamp,
        to: Timestamp,
        after: Option<RowId>,
        limit: u32,
    ) -> Result<Vec<LeadRun>> {
        let read = move |connection: &_| records::runs_of_leads(connection, from, to, after, limit);
        self.readers().read(LaneOf::Long, read).await
    }

    async fn count_runs_of_leads(&self, from: Timestamp, to: Timestamp) -> Result<u64> {
        let read = move |connection: &_| records::count_runs_of_leads(connection, from, to);
        self.readers().read(LaneOf::Long, read).await
    }

    async fn post_failures(&self, contract: ContractId) -> Result<PostFailures> {
        self.readers().read(LaneOf::Short, move |connection| contracts::failures(connection, contract)).await
    }

    async fn balance(&self, account: Account) -> Result<Money> {
        self.readers().read(LaneOf::Long, move |connection| ledger::balance(connection, account)).await
    }

    async fn put_quote(&self, quote: Quote) -> Result<()> {
        self.writer().write(move |context| quotes::put(context.connection, &quote)).await
    }

    async fn quote(&self, id: String, campaign: CampaignId, now: Timestamp) -> Result<QuoteFound> {
        self.readers()
            .read(LaneOf::Short, move |connection| quotes::find(connection, &id, campaign, now))
            .await
    }
}

impl SqliteStore {
    /// Makes waiting leads due now, so many with each write.
    async fn wake_those(&self, now: Timestamp, of: Option<Arc<[VerticalId]>>) -> Result<u64> {
        let mut woken = 0;
        loop {
            let of = of.clone();
            let wake = move |context: &mut crate::batch::WriteContext<'_>| {
                queue::wake(context.connection, now, of.as_deref(), WOKEN_PER_WRITE)
            };
            let n = self.writer().write(wake).await?;
            woken += n as u64;
            if n < WOKEN_PER_WRITE {
                return Ok(woken);
            }
        }
    }
}
