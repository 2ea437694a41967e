//! `crumb deliveries`: postbacks and webhooks, and what became of them.

use super::terminal::json;
use super::{Context, Reply, Result};
use crate::cli::{DeliveryArguments, DeliveryFilterArguments};
use anyhow::bail;
use crumb_domain::Clock as _;
use crumb_domain::delivery::DeliveryState;
use crumb_server::api::deliveries::DeliveryRow;
use crumb_server::api::role::Role;
use crumb_storage::outbox::DeliveryFilter;
use crumb_storage::{PageRequest, Store};

/// A line for each, newest first, or the API's JSON rows.
pub async fn list<S: Store + Clone>(context: &Context<'_, S>, asked: DeliveryArguments) -> Result {
    let page = PageRequest { limit: asked.limit, ..PageRequest::default() };
    let found = context.installation.store.deliveries(filter(asked.which), page).await?;
    let names = &context.installation.keys.request_ids;
    let now = context.installation.clock.now();
    let row = |delivery| DeliveryRow::new(delivery, names, Role::Admin, now);
    let rows: Vec<DeliveryRow> = found.data.into_iter().map(row).collect();
    if asked.json {
        return Ok(Reply::printed(json(&rows)?));
    }
    if rows.is_empty() {
        return Ok(Reply::said("no deliveries\n".to_owned()));
    }
    let stdout = rows.iter().map(line).collect();
    let left = found.total.saturating_sub(rows.len() as u64);
    let stderr = if left == 0 { String::new() } else { format!("{left} older ones are not shown\n") };
    Ok(Reply { stdout, stderr, exit: 0 })
}

/// Sends delivered and parked ones again.
pub async fn replay<S: Store + Clone>(context: &Context<'_, S>, which: DeliveryFilterArguments) -> Result {
    let filter = filter(which);
    if filter.is_everything() {
        bail!(
            "say which: by --state, --kind, --destination, --affiliate, --campaign, --offer, --lead, --from or --to"
        );
    }
    let installation = context.installation;
    let replayed = installation.store.replay_deliveries(filter, installation.clock.now()).await?;
    Ok(Reply::printed(format!("{replayed}\n")))
}

fn filter(which: DeliveryFilterArguments) -> DeliveryFilter {
    DeliveryFilter {
        kind: which.kind,
        state: which.state,
        destination: which.destination,
        affiliate: which.affiliate,
        campaign: which.campaign,
        offer: which.offer,
        conversion: None,
        lead: which.lead,
        from: which.from,
        to: which.to,
    }
}

/// Without the URL, which may hold secrets and people's data: the API's rows have it.
fn line(row: &DeliveryRow) -> String {
    let lead = row.lead.map(|lead| format!(" (lead {lead})")).unwrap_or_default();
    let due = match (row.state, row.due) {
        (DeliveryState::Waits, Some(due)) => format!(", due {due}"),
        _ => String::new(),
    };
    let tries = if row.tries == 1 { "1 try".to_owned() } else { format!("{} tries", row.tries) };
    format!(
        "{}  {}  {}  {} to {}{lead}, {tries}{due}\n",
        row.at,
        row.webhook_id,
        row.state.as_str(),
        row.kind.as_str(),
        row.destination
    )
}
