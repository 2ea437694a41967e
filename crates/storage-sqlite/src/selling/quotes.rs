//! Prices told for leads that are not sent yet.

use crate::codes::{from_json, moment, to_json};
use crate::error::from_sqlite;
use crumb_domain::{CampaignId, Money, Timestamp};
use crumb_storage::Result;
use crumb_storage::selling::{QUOTE_KEPT_HOURS, Quote, QuoteClaim};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Passed quotes that a new one sweeps away: more than it adds, so that the table holds
/// about a day's worth, and few enough not to be felt.
const SWEPT_PER_QUOTE: i64 = 4;

/// Keeps a quote.
pub(crate) fn put(connection: &Connection, quote: &Quote) -> Result<()> {
    let fields = to_json(&quote.fields)?;
    connection
        .prepare_cached(
            "INSERT INTO quote (id, campaign, at, expires, payout, fields, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                quote.id,
                quote.campaign.0,
                quote.at.micros(),
                quote.expires.micros(),
                quote.payout.micros(),
                fields,
                quote.record,
            ])
        })
        .map_err(from_sqlite)?;
    let passed = quote.at.plus_seconds(-QUOTE_KEPT_HOURS * 3_600).micros();
    connection
        .prepare_cached(
            "DELETE FROM quote WHERE id IN (SELECT id FROM quote WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
        )
        .and_then(|mut delete| delete.execute([passed, SWEPT_PER_QUOTE]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Uses a quote up, if it holds.
pub(crate) fn claim(
    connection: &Connection,
    id: &str,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<QuoteClaim> {
    let found = connection
        .prepare_cached(
            "SELECT at, expires, payout, fields, record FROM quote WHERE id = ?1 AND campaign = ?2",
        )
        .and_then(|mut select| {
            select
                .query_row(params![id, campaign.0], |row| {
                    let quote = Quote {
                        id: id.to_owned(),
                        campaign,
                        at: moment(row.get(0)?),
                        expires: moment(row.get(1)?),
                        payout: Money::from_micros(row.get(2)?),
                        fields: Vec::new(),
                        record: row.get(4)?,
                    };
                    Ok((quote, row.get::<_, String>(3)?))
                })
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((quote, fields)) = found else { return Ok(QuoteClaim::Unknown) };
    let kept_until = quote.expires.plus_seconds(QUOTE_KEPT_HOURS * 3_600);
    if now >= kept_until {
        return Ok(QuoteClaim::Unknown);
    }
    if now >= quote.expires {
        return Ok(QuoteClaim::Expired);
    }
    let quote = Quote { fields: from_json(&fields)?, ..quote };
    connection
        .prepare_cached("DELETE FROM quote WHERE id = ?1")
        .and_then(|mut delete| delete.execute([id]))
        .map_err(from_sqlite)?;
    Ok(QuoteClaim::Claimed(Box::new(quote)))
}
