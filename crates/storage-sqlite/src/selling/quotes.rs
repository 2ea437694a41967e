//! Prices told for leads that are not sent yet.

use crate::codes::{from_json, moment, to_json};
use crate::error::from_sqlite;
use crumb_domain::outcome::Problem;
use crumb_domain::{CampaignId, Money, Timestamp};
use crumb_storage::Result;
use crumb_storage::leads::QuoteUse;
use crumb_storage::selling::{QUOTE_KEPT_HOURS, Quote, QuoteFound};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Passed quotes that a new one sweeps away: more than it adds, so that the table holds
/// about a day's worth, and few enough not to be felt.
const SWEPT_PER_QUOTE: i64 = 4;

/// Keeps a quote. Of some that have passed only that is left; some that passed long ago
/// go.
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
    connection
        .prepare_cached(
            "UPDATE quote SET fields = '[]', record = '' WHERE rowid IN
                 (SELECT rowid FROM quote WHERE record <> '' AND expires <= ?1 ORDER BY expires LIMIT ?2)",
        )
        .and_then(|mut empty| empty.execute([quote.at.micros(), SWEPT_PER_QUOTE]))
        .map_err(from_sqlite)?;
    let passed = quote.at.plus_seconds(-QUOTE_KEPT_HOURS * 3_600).micros();
    connection
        .prepare_cached(
            "DELETE FROM quote WHERE rowid IN (SELECT rowid FROM quote WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
        )
        .and_then(|mut delete| delete.execute([passed, SWEPT_PER_QUOTE]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// A campaign's quote.
pub(crate) fn find(
    connection: &Connection,
    id: &str,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<QuoteFound> {
    let found = connection
        .prepare_cached(
            "SELECT at, expires, payout, record, fields FROM quote WHERE id = ?1 AND campaign = ?2",
        )
        .and_then(|mut select| {
            select
                .query_row(params![id, campaign.0], |row| Ok((quote(id, campaign, row)?, row.get(4)?)))
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some((quote, fields)): Option<(Quote, String)> = found else { return Ok(QuoteFound::Unknown) };
    if now >= quote.expires.plus_seconds(QUOTE_KEPT_HOURS * 3_600) {
        return Ok(QuoteFound::Unknown);
    }
    if now >= quote.expires {
        return Ok(QuoteFound::Expired);
    }
    Ok(QuoteFound::Holds(Box::new(Quote { fields: from_json(&fields)?, ..quote })))
}

fn quote(id: &str, campaign: CampaignId, row: &Row<'_>) -> rusqlite::Result<Quote> {
    Ok(Quote {
        id: id.to_owned(),
        campaign,
        at: moment(row.get(0)?),
        expires: moment(row.get(1)?),
        payout: Money::from_micros(row.get(2)?),
        fields: Vec::new(),
        record: row.get(3)?,
    })
}

/// Why a lead cannot be accepted under a quote, if it cannot.
pub(crate) fn problem(connection: &Connection, wanted: &QuoteUse, now: Timestamp) -> Result<Option<Problem>> {
    Ok(match find(connection, &wanted.id, wanted.campaign, now)? {
        QuoteFound::Holds(_) => None,
        QuoteFound::Expired => Some(Problem::PingExpired),
        QuoteFound::Unknown => Some(Problem::InvalidPingId),
    })
}

/// Uses a quote up.
pub(crate) fn use_up(connection: &Connection, used: &QuoteUse) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM quote WHERE id = ?1")
        .and_then(|mut delete| delete.execute([&used.id]))
        .map_err(from_sqlite)?;
    Ok(())
}
