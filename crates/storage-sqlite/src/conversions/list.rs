//! Conversions by filter.

use super::rows::{ALL, COLUMNS, OF_SESSION, from_row};
use crate::codes::to_json;
use crate::error::from_sqlite;
use crate::leads::indexes::OfSession;
use crate::leads::recent::Recently;
use crate::listing::Listing;
use crumb_domain::RowId;
use crumb_domain::conversion::Conversion;
use crumb_storage::conversions::ConversionFilter;
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::Connection;
use rusqlite::types::Value;

/// A session's oldest conversions, in the order in which they came.
pub(crate) fn of_session(
    connection: &Connection,
    recent: &Recently,
    session: RowId,
    limit: u32,
) -> Result<Vec<Conversion>> {
    let its = OfSession::of_snapshot(connection, recent, session)?;
    let sql = format!("SELECT {COLUMNS} FROM {OF_SESSION} WHERE TRUE ORDER BY place LIMIT ?3");
    let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut rows = select.query(its.and(&[&limit]).as_slice()).map_err(from_sqlite)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

/// A page of conversions.
pub(crate) fn conversions(
    connection: &Connection,
    recent: &Recently,
    filter: &ConversionFilter,
    page: &PageRequest,
) -> Result<Page<Conversion>> {
    let mut listing = match filter.session {
        Some(session) => {
            let its = OfSession::of_snapshot(connection, recent, session)?;
            Listing::given(OF_SESSION, "place", its.into_values().into())
        }
        None => Listing::new(ALL, "place"),
    };
    listing.equals("transaction_id", filter.transaction_id.clone());
    listing.equals("offer", filter.offer.map(|id| id.0));
    listing.equals("affiliate", filter.affiliate.map(|id| id.0));
    listing.equals("campaign", filter.campaign.map(|id| id.0));
    listing.equals("event", filter.event.map(|id| id.0));
    listing.equals("disposition", filter.disposition.map(|disposition| disposition.as_str().to_owned()));
    if let Some(advertiser) = filter.advertiser {
        let offers: Vec<i64> = filter.advertiser_offers.iter().map(|offer| offer.0).collect();
        listing.also(
            "(advertiser = ? OR (advertiser IS NULL AND offer IN (SELECT value FROM json_each(?))))",
            [Value::from(advertiser.0), Value::from(to_json(&offers)?)],
        );
    }
    listing.between(filter.from, filter.to);
    listing.page(connection, page, COLUMNS, |row| Ok((from_row(row), row.get(0)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};

    fn plan(sql: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_writer(&folder.path().join("crumb.db"), &SqliteOptions::default()).unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // What is bound does not matter: nothing is.
        let steps = explain.raw_query().mapped(|row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        steps.join("\n")
    }

    /// Whether all leads or all conversions are read.
    fn scans(plan: &str) -> bool {
        plan.lines().any(|step| {
            step.starts_with("SCAN")
                && ["lead", "lead_by_session", "conversion"]
                    .iter()
                    .any(|table| step.split(' ').nth(1) == Some(table))
        })
    }

    #[test]
    fn both_kinds_are_read_in_step_and_nothing_is_sorted() {
        for direction in ["ASC", "DESC"] {
            let list = format!(
                "SELECT {COLUMNS} FROM {ALL} WHERE TRUE AND offer = 1 AND place < 5 ORDER BY place {direction} LIMIT 3"
            );
            let plan = plan(&list);
            assert!(plan.contains("MERGE (UNION ALL)"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }

    #[test]
    fn a_session_a_place_and_a_transaction_are_found_by_indexes() {
        for (of, condition, index) in [
            (OF_SESSION, "TRUE ORDER BY place", "lead_by_session"),
            (OF_SESSION, "TRUE ORDER BY place", "conversion_of_session"),
            (OF_SESSION, "event = 1", "lead_by_session"),
            (OF_SESSION, "event = 1", "conversion_of_session"),
            (ALL, "place = 1", "INTEGER PRIMARY KEY"),
            (ALL, "transaction_id = '1' AND offer = 1 AND event = 1", "lead_by_transaction"),
            (ALL, "transaction_id = '1' AND offer = 1 AND event = 1", "conversion_by_transaction"),
            (ALL, "transaction_id = '1'", "lead_by_transaction"),
        ] {
            let plan = plan(&format!("SELECT {COLUMNS} FROM {of} WHERE {condition}"));
            assert!(plan.contains(index) && !scans(&plan), "{condition}: {plan}");
        }
    }

    #[test]
    fn a_duplicate_is_looked_for_by_indexes() {
        for (of, condition, index) in [
            (OF_SESSION, "event = 1", "lead_by_session"),
            (ALL, "transaction_id = '1' AND offer = 1 AND event = 1 AND place <> 5", "lead_by_transaction"),
            (
                ALL,
                "transaction_id = '1' AND offer = 1 AND event = 1 AND place <> 5",
                "conversion_by_transaction",
            ),
        ] {
            for what in ["min(place)", "count(*)"] {
                let plan = plan(&format!("SELECT {what} FROM {of} WHERE {condition}"));
                assert!(plan.contains(index) && !scans(&plan), "{condition}: {plan}");
            }
        }
    }
}
