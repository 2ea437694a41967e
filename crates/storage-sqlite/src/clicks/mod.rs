//! Clicks, sessions, pre-fill values and counts.

pub(crate) mod charges;
pub(crate) mod counts;
pub(crate) mod impressions;
pub(crate) mod read;
pub(crate) mod sessions;
pub(crate) mod write;

use crate::SqliteStore;
use crate::readers::LaneOf;
use crate::sub_affiliates;
use crumb_domain::caps::CapCheck;
use crumb_domain::click::{Click, Disposition};
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::time::Day;
use crumb_domain::{AffiliateId, OfferId, RowId, Timestamp};
use crumb_storage::clicks::{ClickBatch, ClickFilter, Impression, ImpressionsOf, SubAffiliate};
use crumb_storage::{ClickStore, Page, PageRequest, Result};

impl ClickStore for SqliteStore {
    async fn record_clicks(&self, batch: ClickBatch) -> Result<()> {
        self.writer().clicks(batch).await
    }

    async fn session(&self, id: RowId) -> Result<Option<Session>> {
        let kept = self.sessions();
        if let Some(session) = kept.get(id) {
            return Ok(Some(session));
        }
        let recent = self.recent_leads();
        self.readers()
            .with(LaneOf::Short, move |reader| {
                let moment = kept.moment();
                let at_a_look =
                    reader.at_a_look(|statements| read::usual_session(statements, &recent, id))?;
                let found = match at_a_look {
                    None => reader.on_snapshot(|connection| read::session(connection, &recent, id))?,
                    found => found,
                };
                found.iter().for_each(|session| kept.keep_read(moment, session));
                Ok(found)
            })
            .await
    }

    async fn prefill(&self, session: RowId) -> Result<Vec<(String, String)>> {
        self.readers().read(LaneOf::Short, move |connection| read::prefill(connection, session)).await
    }

    async fn count(&self, check: CapCheck) -> Result<u64> {
        let steps = self.steps_read();
        self.readers().read(LaneOf::Short, move |connection| counts::count(connection, &steps, &check)).await
    }

    async fn record_impression(&self, impression: Impression) -> Result<()> {
        self.writer().write(move |context| impressions::record(context, &impression)).await
    }

    async fn impressions(&self, of: ImpressionsOf, first: Day, last: Day) -> Result<Vec<(Day, u64)>> {
        let steps = self.steps_read();
        self.readers()
            .read(LaneOf::Long, move |connection| impressions::by_day(connection, &steps, of, first, last))
            .await
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

    async fn sub_affiliates(&self, affiliate: AffiliateId, page: PageRequest) -> Result<Page<SubAffiliate>> {
        self.readers()
            .read(LaneOf::Long, move |connection| sub_affiliates::page(connection, affiliate, &page))
            .await
    }
}

/// Whether a click opens a session.
fn opens_session(click: &Click) -> bool {
    opens(click.session == Some(click.id), click.duplicate, click.disposition)
}

/// Whether a click opens a session: it is its own, goes to the offer, and is no duplicate.
fn opens(own_session: bool, duplicate: bool, disposition: Disposition) -> bool {
    own_session && !duplicate && disposition == Disposition::Ok
}

/// The session that a click opens. `None` where it opens none.
fn opened_session(click: Click, converted: bool) -> Option<Session> {
    let opens = opens_session(&click);
    let (Some(affiliate), Some(offer), true) = (click.affiliate, click.offer, opens) else { return None };
    Some(Session {
        id: click.id,
        at: click.at,
        origin: SessionOrigin::Click,
        affiliate,
        offer,
        campaign: click.campaign,
        creative: click.creative,
        offer_contract: click.offer_contract,
        sub_ids: click.sub_ids,
        device_id: click.device_id,
        visitor: click.visitor,
        test: click.test,
        ip: click.ip,
        country: click.country,
        converted,
    })
}
