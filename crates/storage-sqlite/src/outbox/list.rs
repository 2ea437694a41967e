//! Deliveries by filter, and how many wait.

use super::rows::{self, COLUMNS};
use crate::codes::{moment, row_id};
use crate::error::from_sqlite;
use crate::listing::Listing;
use crumb_domain::RowId;
use crumb_domain::delivery::Delivery;
use crumb_storage::outbox::{DeliveryFilter, WaitingDeliveries};
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::Connection;

/// A page of deliveries.
pub(crate) fn page(
    connection: &Connection,
    filter: &DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<Delivery>> {
    listing(filter).page(connection, page, COLUMNS, |row| Ok((rows::delivery(row), row.get(0)?)))
}

/// The places of the first that are delivered or parked, after one of them.
pub(crate) fn ended(
    connection: &Connection,
    filter: &DeliveryFilter,
    after: Option<RowId>,
    limit: usize,
) -> Result<Vec<RowId>> {
    let mut listing = listing(filter);
    listing.also::<i64>("state <> 'waiting'", []);
    let places = listing.places(connection, after.map(RowId::as_i64), limit)?;
    places.into_iter().map(row_id).collect()
}

fn listing(filter: &DeliveryFilter) -> Listing {
    let mut listing = Listing::new("delivery", "id");
    listing.equals("kind", filter.kind.map(|kind| kind.as_str().to_owned()));
    listing.equals("state", filter.state.map(|state| state.as_str().to_owned()));
    listing.equals("destination", filter.destination.clone());
    listing.equals("affiliate", filter.affiliate.map(|id| id.0));
    listing.equals("campaign", filter.campaign.map(|id| id.0));
    listing.equals("offer", filter.offer.map(|id| id.0));
    listing.equals("conversion", filter.conversion.map(RowId::as_i64));
    listing.equals("lead", filter.lead.map(|id| id.to_string()));
    listing.between(filter.from, filter.to);
    listing
}

/// How many wait, by the indexes of what waits alone, and when the first of them was made.
pub(crate) fn waiting(connection: &Connection) -> Result<WaitingDeliveries> {
    let (free, leased, first): (i64, i64, Option<i64>) = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM delivery WHERE state = 'waiting' AND lease_until IS NULL),
                 (SELECT count(*) FROM delivery WHERE lease_until IS NOT NULL),
                 (SELECT at FROM delivery WHERE id = min(
                     coalesce((SELECT min(id) FROM delivery INDEXED BY delivery_by_due
                               WHERE state = 'waiting' AND lease_until IS NULL), 9223372036854775807),
                     coalesce((SELECT min(id) FROM delivery INDEXED BY delivery_by_lease
                               WHERE lease_until IS NOT NULL), 9223372036854775807)))",
        )
        .and_then(|mut select| select.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
        .map_err(from_sqlite)?;
    let count = free.saturating_add(leased).cast_unsigned();
    Ok(WaitingDeliveries { count, oldest: first.map(moment) })
}
