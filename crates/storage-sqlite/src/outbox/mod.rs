//! The outbox: what is to be delivered, who has it in hand, and how that went.
//!
//! * `rows`: deliveries and attempts as rows; `list`: deliveries by filter.
//! * `caps`: who is told that a cap is reached, once in its interval.
//! * `bell`: tells the worker that there is something to do.
//! * `claim`: what is due, and who takes it; `end`: what becomes of it then.

pub(crate) mod bell;
mod caps;
mod claim;
mod end;
mod list;
mod rows;

pub(crate) use caps::tell_caps;

use crate::SqliteStore;
use crate::alerts;
use crate::batch::WriteContext;
use crate::error::from_sqlite;
use crate::readers::LaneOf;
use crate::seen::Key;
use crate::statements::Statements;
use crumb_domain::delivery::{Delivery, DeliveryAttempt};
use crumb_domain::selling::Alert;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::outbox::{ClaimRoom, Claimed, DeliveryFilter, EndLease, NewDelivery, WaitingDeliveries};
use crumb_storage::{OutboxStore, Page, PageRequest, Result};

/// Deliveries that are set going again by one write, so that no commit is long.
const REPLAYED_PER_WRITE: usize = 2_000;

/// Writes deliveries with what they tell, and notes which node made them.
pub(crate) fn put(context: &mut WriteContext<'_>, deliveries: &[Delivery]) -> Result<()> {
    insert(context.statements, deliveries)?;
    let nodes = deliveries.iter().map(|delivery| Key::node(delivery.id));
    context.memory.seen.note_all(context.connection, nodes).map_err(from_sqlite)?;
    if !deliveries.is_empty() {
        context.memory.outbox.pull();
    }
    Ok(())
}

/// Writes deliveries whose node is noted with what they tell.
pub(crate) fn insert(statements: &dyn Statements, deliveries: &[Delivery]) -> Result<()> {
    deliveries.iter().try_for_each(|delivery| rows::insert(statements, delivery))
}

impl OutboxStore for SqliteStore {
    async fn put_deliveries(&self, deliveries: Vec<NewDelivery>) -> Result<()> {
        self.writer().write(move |context| put(context, &deliveries)).await
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        room: ClaimRoom,
    ) -> Result<Vec<Claimed>> {
        // They are looked for by a reader: among many that wait for paused destinations
        // that takes its time, and the writer has none.
        let find = move |connection: &_| claim::find(connection, now, until, &room);
        let found = self.readers().read(LaneOf::Short, find).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.writer().write(move |context| claim::take(context.connection, &found, now, until)).await
    }

    async fn end_leases(&self, ends: Vec<EndLease>, alerts: Vec<Alert>) -> Result<()> {
        self.writer()
            .write(move |context| {
                ends.iter().try_for_each(|ended| end::end(context.connection, ended))?;
                alerts::raise(context, &alerts)
            })
            .await
    }

    async fn release_leases(&self, now: Timestamp) -> Result<u64> {
        self.writer().write(move |context| end::release(context.connection, now)).await
    }

    async fn next_delivery_due(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.readers().read(LaneOf::Short, move |connection| claim::next_due(connection, after)).await
    }

    async fn deliveries_written(&self) {
        self.writer().outbox_bell().notified().await;
    }

    async fn waiting_deliveries(&self) -> Result<WaitingDeliveries> {
        self.readers().read(LaneOf::Long, list::waiting).await
    }

    async fn delivery(&self, id: RowId) -> Result<Option<Delivery>> {
        self.readers().read(LaneOf::Short, move |connection| rows::read(connection, id)).await
    }

    async fn deliveries(&self, filter: DeliveryFilter, page: PageRequest) -> Result<Page<Delivery>> {
        self.readers().read(LaneOf::Long, move |connection| list::page(connection, &filter, &page)).await
    }

    async fn attempts_of_delivery(&self, id: RowId) -> Result<Vec<DeliveryAttempt>> {
        self.readers().read(LaneOf::Short, move |connection| rows::attempts_of(connection, id)).await
    }

    async fn replay_deliveries(&self, filter: DeliveryFilter, now: Timestamp) -> Result<u64> {
        let (mut replayed, mut after) = (0, None);
        loop {
            let filter = filter.clone();
            // By place, so that one which ends again meanwhile is not met a second time.
            let find = move |connection: &_| list::ended(connection, &filter, after, REPLAYED_PER_WRITE);
            let found = self.readers().read(LaneOf::Long, find).await?;
            let Some(last) = found.last().copied() else { return Ok(replayed) };
            after = Some(last);
            let replay = move |context: &mut WriteContext<'_>| {
                context.memory.outbox.pull();
                end::replay(context.connection, &found, now)
            };
            replayed += self.writer().write(replay).await?;
        }
    }
}
