//! What the store kept of earlier runs, for the page that shows what arrives: a restart
//! does not empty it.

use super::journal::Journal;
use crumb_domain::Timestamp;
use crumb_domain::conversion::ConversionSource;
use crumb_domain::post::PostOutcome;
use crumb_server::api::events::{EventText, event_json};
use crumb_storage::clicks::ClickFilter;
use crumb_storage::conversions::{ConversionFilter, PixelFilter};
use crumb_storage::leads::{LeadFilter, RejectionFilter};
use crumb_storage::{ClickStore as _, ConversionStore as _, LeadStore as _, PageRequest, StoreError};
use crumb_storage_sqlite::SqliteStore;
use crumb_tracking::Installation;
use crumb_tracking::feed::Recorded;
use serde::Serialize;
use std::sync::Arc;

/// Rows shown of what was there before: some screens full, read at once.
const SHOWN: u32 = 200;

/// That the demo was started, and what stands before it.
#[derive(Serialize)]
struct Started {
    at: Timestamp,
    /// How many rows are shown of what was there before.
    rows: usize,
    /// Whether there are more.
    more: bool,
}

/// Writes down the newest of what is stored, oldest first, and then that the demo was
/// started; nothing where nothing is stored.
///
/// # Errors
/// The store's.
pub async fn recall(journal: &Journal, installation: &Installation<SqliteStore>) -> Result<(), StoreError> {
    let mut rows = read(&installation.store).await?;
    let surplus = rows.len().saturating_sub(SHOWN as usize);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_by_key(|(at, _)| *at);
    let network = installation.network.snapshot();
    let shown = rows.split_off(surplus);
    for (_, recorded) in &shown {
        if let Some(event) = event_json(recorded, &installation.keys.request_ids, &network) {
            journal.add(event);
        }
    }
    let started = Started { at: installation.clock.now(), rows: shown.len(), more: surplus > 0 };
    if let Ok(json) = serde_json::to_string(&started) {
        journal.add(EventText { name: "start", json });
    }
    Ok(())
}

/// The newest rows of each kind. One more than are shown of each, so that it is seen
/// where there are more.
async fn read(store: &SqliteStore) -> Result<Vec<(Timestamp, Recorded)>, StoreError> {
    let page = || PageRequest { limit: SHOWN + 1, ..PageRequest::default() };
    let mut rows = Vec::new();
    for click in store.clicks(ClickFilter::default(), page()).await?.data {
        rows.push((click.at, Recorded::Click(Arc::new(click))));
    }
    for lead in store.leads(LeadFilter::default(), page()).await?.data {
        rows.push((lead.at, Recorded::Lead(Arc::new(lead))));
    }
    for conversion in store.conversions(ConversionFilter::default(), page()).await?.data {
        // A lead is shown as such.
        if conversion.source != ConversionSource::Lead {
            rows.push((conversion.at, Recorded::Conversion(Arc::new(conversion))));
        }
    }
    for call in store.pixels(PixelFilter::default(), page()).await?.data {
        // One that made something is shown as what it made.
        if !call.disposition.is_success() {
            rows.push((call.at, Recorded::Pixel(Arc::new(call))));
        }
    }
    for post in store.rejections(RejectionFilter::default(), page()).await?.data {
        if let PostOutcome::Rejected(problem) = post.outcome {
            let (id, at, kind, offer, errors) = (post.id, post.at, post.kind, post.offer, post.errors);
            rows.push((at, Recorded::Rejection { id, at, kind, offer, problem, errors }));
        }
    }
    Ok(rows)
}
