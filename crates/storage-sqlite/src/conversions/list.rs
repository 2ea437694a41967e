//! Conversions by filter.

use super::rows::{ALL, COLUMNS, from_row};
use crate::codes::to_json;
use crate::error::from_sqlite;
use crate::listing::Listing;
use crumb_domain::RowId;
use crumb_domain::conversion::Conversion;
use crumb_storage::conversions::ConversionFilter;
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// A session's oldest conversions, in the order in which they came.
pub(crate) fn of_session(connection: &Connection, session: RowId, limit: u32) -> Result<Vec<Conversion>> {
    let sql = format!("SELECT {COLUMNS} FROM {ALL} WHERE session = ?1 ORDER BY place LIMIT ?2");
    let mut select = connection.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut rows = select.query(params![session.as_i64(), limit]).map_err(from_sqlite)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

/// A page of conversions.
pub(crate) fn conversions(
    connection: &Connection,
    filter: &ConversionFilter,
    page: &PageRequest,
) -> Result<Page<Conversion>> {
    let mut listing = Listing::new(ALL, "place");
    listing.equals("session", filter.session.map(RowId::as_i64));
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
        let steps = explain.query_map([], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        steps.join("\n")
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
        for (condition, index) in [
            ("session = 1 ORDER BY place", "lead_of_session"),
            ("session = 1 ORDER BY place", "conversion_of_session"),
            ("session = 1 AND event = 1", "lead_of_session"),
            ("session = 1 AND event = 1", "conversion_of_session"),
            ("place = 1", "INTEGER PRIMARY KEY"),
            ("transaction_id = '1' AND offer = 1 AND event = 1", "lead_by_transaction"),
            ("transaction_id = '1' AND offer = 1 AND event = 1", "conversion_by_transaction"),
            ("transaction_id = '1'", "lead_by_transaction"),
        ] {
            let plan = plan(&format!("SELECT {COLUMNS} FROM {ALL} WHERE {condition}"));
            assert!(plan.contains(index) && !plan.contains("SCAN"), "{condition}: {plan}");
        }
    }

    #[test]
    fn a_duplicate_is_looked_for_by_indexes() {
        for (condition, index) in [
            ("session = 1 AND event = 1", "lead_of_session"),
            ("transaction_id = '1' AND offer = 1 AND event = 1 AND place <> 5", "lead_by_transaction"),
            ("transaction_id = '1' AND offer = 1 AND event = 1 AND place <> 5", "conversion_by_transaction"),
        ] {
            let plan = plan(&format!("SELECT min(place) FROM {ALL} WHERE {condition}"));
            let scans = ["SCAN lead", "SCAN conversion"].iter().any(|scan| plan.contains(scan));
            assert!(plan.contains(index) && !scans, "{condition}: {plan}");
        }
    }
}
