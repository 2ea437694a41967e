//! Leads by filter.

use super::indexes::{OfSession, id_column, is_of_session, row_of};
use super::recent::Recently;
use super::rows;
use crate::codes::to_json;
use crate::listing::Listing;
use crumb_domain::LeadId;
use crumb_domain::lead::Lead;
use crumb_storage::leads::LeadFilter;
use crumb_storage::{Page, PageRequest, Result, lead_search};
use rusqlite::Connection;
use rusqlite::types::Value;

/// A page of leads.
pub(crate) fn leads(
    connection: &Connection,
    recent: &Recently,
    filter: &LeadFilter,
    page: &PageRequest,
) -> Result<Page<Lead>> {
    let mut listing = Listing::new("lead", "row");
    if let Some(session) = filter.session {
        // The first of all conditions: it names its parameters by their numbers.
        let its = OfSession::of_snapshot(connection, recent, session)?;
        listing.also(is_of_session!(), its.into_values());
    }
    listing.equals("status", filter.status.map(|status| status.as_str().to_owned()));
    listing.equals("offer", filter.offer.map(|id| id.0));
    listing.equals("affiliate", filter.affiliate.map(|id| id.0));
    if let Some(buyer) = filter.buyer {
        listing.also("row IN (SELECT lead FROM sale WHERE buyer = ?)", [buyer.0]);
    }
    if let Some(text) = &filter.text {
        let key = lead_search::key_of(text);
        let among_recent = key.as_ref().map_or_else(Vec::new, |key| recent.with_key(key));
        // An id is shown in upper case; people type it as they like.
        let id: Option<LeadId> = text.trim().to_uppercase().parse().ok();
        let row = id.map_or(Ok(None), |id| row_of(connection, recent, id_column(id)))?;
        listing.also(
            "row IN (SELECT ? UNION ALL SELECT lead FROM lead_search WHERE key = ?
                 UNION ALL SELECT value FROM json_each(?))",
            [Value::from(row), Value::from(key), Value::from(to_json(&among_recent)?)],
        );
    }
    listing.between(filter.from, filter.to);
    listing.page(connection, page, rows::COLUMNS, |row| Ok((rows::from_row(connection, row), row.get(0)?)))
}
