//! Conversions and the pixel log.
//!
//! * `rows`: conversions as rows, leads among them; `list`: conversions by filter.
//! * `record`: a call with what it makes, decided inside the write; `change`: one that is
//!   there changes; `import`: many at once.
//! * `take_over`: a lead that is accepted is what was reported before it;
//!   `conversion_caps`: whether one is full, for both kinds.
//! * `duplicates`: what is there already; `session`: what of its session a call rests on;
//!   `signatures`: signed calls of the last minutes.
//! * `pixels`: the log.

mod change;
pub(crate) mod conversion_caps;
mod duplicates;
mod import;
mod list;
pub(crate) mod pixels;
mod record;
mod rows;
mod session;
mod signatures;
pub(crate) mod take_over;

use crate::SqliteStore;
use crate::clicks::read;
use crate::readers::LaneOf;
use crumb_domain::conversion::Conversion;
use crumb_domain::pixel::PixelCall;
use crumb_domain::session::Session;
use crumb_domain::{EventId, OfferId, RowId, Timestamp};
use crumb_storage::conversions::{
    ChangeConversion, ConversionFilter, ImportConversions, ImportFault, PixelFilter, PixelWrite, Recorded,
    SessionQuery, SessionRead,
};
use crumb_storage::{ConversionStore, Page, PageRequest, Result};

impl ConversionStore for SqliteStore {
    fn record_pixel(&self, write: PixelWrite) -> impl Future<Output = Result<Option<Recorded>>> + Send {
        let prepared = record::Pixel::new(write).map(Box::new);
        async move {
            let pixel = prepared?;
            self.writer().write(move |context| record::pixel(context, &pixel)).await
        }
    }

    async fn conversions_of(&self, session: RowId, limit: u32) -> Result<Vec<Conversion>> {
        let recent = self.recent_leads();
        let read = move |connection: &_| list::of_session(connection, &recent, session, limit);
        self.readers().read(LaneOf::Short, read).await
    }

    async fn session_read(&self, query: SessionQuery) -> Result<SessionRead> {
        let recent = self.recent_leads();
        self.readers().read(LaneOf::Short, move |connection| session::read(connection, &recent, &query)).await
    }

    async fn before_lead(&self, session: RowId, event: EventId) -> Result<Option<Conversion>> {
        self.readers()
            .read(LaneOf::Short, move |connection| take_over::find(connection, session, event))
            .await
    }

    async fn conversion(&self, id: RowId) -> Result<Option<Conversion>> {
        self.readers().read(LaneOf::Short, move |connection| rows::read(connection, id)).await
    }

    async fn conversions(&self, filter: ConversionFilter, page: PageRequest) -> Result<Page<Conversion>> {
        let recent = self.recent_leads();
        self.readers()
            .read(LaneOf::Long, move |connection| list::conversions(connection, &recent, &filter, &page))
            .await
    }

    async fn change_conversion(&self, change: ChangeConversion) -> Result<Option<RowId>> {
        let change = change::Change::of(change)?;
        self.writer().write(move |context| change::say(context, &change)).await
    }

    async fn import_conversions(
        &self,
        import: ImportConversions,
    ) -> Result<std::result::Result<Vec<Recorded>, (usize, ImportFault)>> {
        let rows = import::prepare(import)?;
        self.writer().write(move |context| import::import(context, &rows)).await
    }

    async fn pixels(&self, filter: PixelFilter, page: PageRequest) -> Result<Page<PixelCall>> {
        self.readers().read(LaneOf::Long, move |connection| pixels::list(connection, &filter, &page)).await
    }

    async fn sessions_of_device(
        &self,
        device_id: String,
        offers: Vec<OfferId>,
        limit: u32,
    ) -> Result<Vec<Session>> {
        let recent = self.recent_leads();
        let find =
            move |connection: &_| read::sessions_of_device(connection, &recent, &device_id, &offers, limit);
        self.readers().read(LaneOf::Short, find).await
    }

    async fn last_click(&self, session: RowId) -> Result<RowId> {
        self.readers().read(LaneOf::Short, move |connection| read::last_click(connection, session)).await
    }
}

/// Since when signed calls are still remembered: one that was dated ahead can come again
/// until the end of the second in which its time is over.
fn remembered_since(now: Timestamp) -> Timestamp {
    now.plus_seconds(-2 * crumb_storage::conversions::SIGNATURE_SECONDS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteOptions;
    use crumb_domain::caps::{CapCheck, CapScope};
    use crumb_domain::network::CapOf;
    use crumb_domain::time::Day;
    use crumb_storage::contract::build::Rows;
    use crumb_storage::contract::build_conversions::{conversion, delivery, makes, new};
    use crumb_storage::conversions::{RecordConversion, SessionHad};
    use rusqlite::Connection;

    #[tokio::test]
    async fn only_a_new_conversion_within_its_caps_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crumb.db");
        let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
        let mut rows = Rows::new();
        let session = rows.next_row();
        let mut with_delivery = |session| {
            let id = rows.next_row();
            let told = delivery(rows.next_row(), id);
            (
                rows.next_row(),
                told.clone(),
                RecordConversion { deliveries: vec![told], ..new(conversion(id, session)) },
            )
        };
        let (call, told, first) = with_delivery(session);
        assert_eq!(store.record_pixel(makes(call, first)).await.unwrap(), Some(Recorded::New));
        let (call, _, again) = with_delivery(session);
        let again = RecordConversion { session_had: SessionHad::Leads(0), ..again };
        let recorded = store.record_pixel(makes(call, again)).await.unwrap();
        assert!(matches!(recorded, Some(Recorded::Duplicate(_))));
        let (call, _, over) = with_delivery(told.id);
        let (scope, of, day) = (CapScope::Offer(OfferId(100)), CapOf::Conversion, Day(20_779));
        let caps = vec![CapCheck { scope, of, first_day: day, day, limit: 0 }];
        let over = RecordConversion { caps, ..over };
        assert_eq!(store.record_pixel(makes(call, over)).await.unwrap(), Some(Recorded::OverCap));
        let file = Connection::open(&path).unwrap();
        let mut select = file.prepare("SELECT id, webhook_id, state, due, conversion FROM delivery").unwrap();
        let row =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
        let kept = select.query_map([], row).unwrap().collect::<rusqlite::Result<Vec<_>>>().unwrap();
        let expected: (i64, String, String, i64, Option<i64>) = (
            told.id.as_i64(),
            told.webhook_id,
            told.state.as_str().to_owned(),
            told.due.micros(),
            told.conversion.map(RowId::as_i64),
        );
        assert_eq!(kept, [expected]);
    }
}
