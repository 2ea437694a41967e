//! Clicks, sessions, pre-fill values and counts.

pub(crate) mod counts;
mod read;
pub(crate) mod write;

use crate::SqliteStore;
use crate::readers::LaneOf;
use crumb_domain::caps::CapCheck;
use crumb_domain::click::Click;
use crumb_domain::session::Session;
use crumb_domain::{OfferId, RowId, Timestamp};
use crumb_storage::clicks::{ClickBatch, ClickFilter};
use crumb_storage::{ClickStore, Page, PageRequest, Result};

impl ClickStore for SqliteStore {
    async fn record_clicks(&self, batch: ClickBatch) -> Result<()> {
        self.writer().clicks(batch).await
    }

    async fn session(&self, id: RowId) -> Result<Option<Session>> {
        self.readers().read(LaneOf::Short, move |connection| read::session(connection, id)).await
    }

    async fn prefill(&self, session: RowId) -> Result<Vec<(String, String)>> {
        self.readers().read(LaneOf::Short, move |connection| read::prefill(connection, session)).await
    }

    async fn count(&self, check: CapCheck) -> Result<u64> {
        self.readers().read(LaneOf::Short, move |connection| counts::count(connection, &check)).await
    }

    async fn newest_row(&self, node: u8) -> Result<Option<RowId>> {
        self.readers().read(LaneOf::Long, move |connection| read::newest_row(connection, node)).await
    }

    async fn recent_openings(
        &self,
        offers: Vec<OfferId>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Click>> {
        self.readers()
            .read(LaneOf::Long, move |connection| read::recent_openings(connection, &offers, since, limit))
            .await
    }

    async fn clicks(&self, filter: ClickFilter, page: PageRequest) -> Result<Page<Click>> {
        self.readers().read(LaneOf::Long, move |connection| read::clicks(connection, &filter, &page)).await
    }
}
