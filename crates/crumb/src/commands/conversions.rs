//! `crumb conversions`: conversions and where they stand.

use super::terminal::json;
use super::{Context, Reply, Result};
use crate::cli::ConversionsArguments;
use crumb_domain::RequestId;
use crumb_server::api::conversions::ConversionRow;
use crumb_storage::conversions::ConversionFilter;
use crumb_storage::{PageRequest, Store};

/// A line for each, newest first, or the API's JSON rows.
pub async fn list<S: Store + Clone>(context: &Context<'_, S>, asked: ConversionsArguments) -> Result {
    let site = context.installation;
    let page = PageRequest { limit: asked.limit, ..PageRequest::default() };
    let filter = ConversionFilter {
        offer: asked.offer,
        affiliate: asked.affiliate,
        campaign: asked.campaign,
        event: asked.event,
        disposition: asked.disposition,
        transaction_id: asked.transaction_id,
        from: asked.from,
        to: asked.to,
        ..ConversionFilter::default()
    };
    let found = site.store.conversions(filter, page).await?;
    let (names, snapshot) = (&site.keys.request_ids, site.network.snapshot());
    let rows: Vec<ConversionRow> =
        found.data.into_iter().map(|one| ConversionRow::new(one, names, &snapshot)).collect();
    if asked.json {
        return Ok(Reply::printed(json(&rows)?));
    }
    if rows.is_empty() {
        return Ok(Reply::said("no conversions\n".to_owned()));
    }
    let stdout = rows.iter().map(line).collect();
    let left = found.total.saturating_sub(rows.len() as u64);
    let stderr = if left == 0 { String::new() } else { format!("{left} older ones are not shown\n") };
    Ok(Reply { stdout, stderr, exit: 0 })
}

fn line(row: &ConversionRow) -> String {
    let id = named(row.id);
    let whose = format!("offer {}, event {}, affiliate {}", row.offer, row.event, row.affiliate);
    let received = row.received.map(|received| format!(", received {received}")).unwrap_or_default();
    let lead = row.lead.map(|lead| format!(" (lead {lead})")).unwrap_or_default();
    let test = if row.test { ", a test" } else { "" };
    format!(
        "{}  {id}  {}  {whose}{lead}, payout {}{received}{test}\n",
        row.at,
        row.disposition.as_str(),
        row.payout
    )
}

/// A public id as text; every row has one.
pub(super) fn named(id: Option<RequestId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
