//! Deliveries and their attempts as rows.

use crate::codes::{moment, row_id};
use crate::error::{corrupt, from_sqlite};
use crate::statements::{Statements, values};
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryKind, DeliveryState};
use crumb_domain::{AffiliateId, CampaignId, LeadId, OfferId, RowId};
use crumb_storage::Result;
use rusqlite::{Connection, Row, params};

/// The columns that [`delivery`] reads.
pub(crate) const COLUMNS: &str = "id, webhook_id, at, kind, destination, affiliate, campaign, offer, conversion, lead, \
                                  url, body, state, tries, due, shown_url";

/// How many they are.
pub(crate) const COLUMN_COUNT: usize = 16;

/// Writes a delivery.
pub(crate) fn insert(statements: &dyn Statements, delivery: &Delivery) -> Result<()> {
    statements
        .execute(
            "INSERT INTO delivery (id, webhook_id, at, kind, destination, affiliate, campaign, offer, conversion,
                 lead, url, body, state, tries, due, shown_url, lease)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0)",
            values![
                delivery.id.as_i64(),
                delivery.webhook_id,
                delivery.at.micros(),
                delivery.kind.as_str(),
                delivery.destination,
                delivery.affiliate.map(|id| id.0),
                delivery.campaign.map(|id| id.0),
                delivery.offer.map(|id| id.0),
                delivery.conversion.map(RowId::as_i64),
                delivery.lead.map(|id| id.to_string()),
                delivery.url,
                delivery.body,
                delivery.state.as_str(),
                delivery.tries,
                delivery.due.micros(),
                delivery.shown_url,
            ],
        )
        .map_err(from_sqlite)?;
    Ok(())
}

/// A delivery by its place.
pub(crate) fn read(connection: &Connection, id: RowId) -> Result<Option<Delivery>> {
    let sql = format!("SELECT {COLUMNS} FROM delivery WHERE id = ?1");
    let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut rows = select.query([id.as_i64()]).map_err(from_sqlite)?;
    rows.next().map_err(from_sqlite)?.map(delivery).transpose()
}

/// A delivery from its row, which begins with [`COLUMNS`].
pub(crate) fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let text = |at| row.get::<_, String>(at).map_err(from_sqlite);
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let (kind, state) = (text(3)?, text(12)?);
    let lead: Option<String> = row.get(9).map_err(from_sqlite)?;
    let lead = lead.map(|id| id.parse::<LeadId>().map_err(|_| corrupt("a delivery's lead", id)));
    Ok(Delivery {
        id: row_id(row.get(0).map_err(from_sqlite)?)?,
        webhook_id: text(1)?,
        at: moment(row.get(2).map_err(from_sqlite)?),
        kind: DeliveryKind::from_code(&kind).ok_or_else(|| corrupt("a delivery's kind", kind))?,
        destination: text(4)?,
        affiliate: number(5)?.map(AffiliateId),
        campaign: number(6)?.map(CampaignId),
        offer: number(7)?.map(OfferId),
        conversion: number(8)?.map(row_id).transpose()?,
        lead: lead.transpose()?,
        url: text(10)?,
        shown_url: row.get(15).map_err(from_sqlite)?,
        body: row.get(11).map_err(from_sqlite)?,
        state: DeliveryState::from_code(&state).ok_or_else(|| corrupt("a delivery's state", state))?,
        tries: row.get(13).map_err(from_sqlite)?,
        due: moment(row.get(14).map_err(from_sqlite)?),
    })
}

/// Keeps an attempt.
pub(crate) fn insert_attempt(connection: &Connection, id: RowId, attempt: &DeliveryAttempt) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO delivery_attempt (delivery, number, at, phase, took_ms, status, answer, error)
             VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM delivery_attempt WHERE delivery = ?1),
                 ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                id.as_i64(),
                attempt.at.micros(),
                attempt.phase,
                attempt.took_ms,
                attempt.status,
                attempt.answer,
                attempt.error,
            ])
        })
        .map_err(from_sqlite)?;
    Ok(())
}

/// The attempts of a delivery, oldest first.
pub(crate) fn attempts_of(connection: &Connection, id: RowId) -> Result<Vec<DeliveryAttempt>> {
    let mut select = connection
        .prepare_cached(
            "SELECT at, phase, took_ms, status, answer, error FROM delivery_attempt
             WHERE delivery = ?1 ORDER BY number",
        )
        .map_err(from_sqlite)?;
    let rows = select
        .query_map([id.as_i64()], |row| {
            Ok(DeliveryAttempt {
                at: moment(row.get(0)?),
                phase: row.get(1)?,
                took_ms: row.get(2)?,
                status: row.get(3)?,
                answer: row.get(4)?,
                error: row.get(5)?,
            })
        })
        .map_err(from_sqlite)?;
    rows.collect::<rusqlite::Result<_>>().map_err(from_sqlite)
}
