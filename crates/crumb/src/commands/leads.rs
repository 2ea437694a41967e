//! `crumb leads`: leads and where they stand.

use super::terminal::{one_line, push_table};
use super::{Context, Reply, Result};
use crate::cli::LeadsArguments;
use crumb_domain::Money;
use crumb_domain::lead::Lead;
use crumb_server::api::leads::{LeadRow, Sight, find_session};
use crumb_storage::leads::LeadFilter;
use crumb_storage::{PageRequest, Store};

/// A line for each, newest first, or the API's JSON rows.
pub async fn list<S: Store + Clone>(context: &Context<'_, S>, asked: LeadsArguments) -> Result {
    let site = context.installation;
    let names = &site.keys.request_ids;
    let page = PageRequest { limit: asked.limit, ..PageRequest::default() };
    let mut filter = LeadFilter {
        status: asked.status,
        offer: asked.offer,
        affiliate: asked.affiliate,
        buyer: asked.buyer,
        session: None,
        from: asked.from,
        to: asked.to,
        text: asked.search,
    };
    find_session(&site.store, names, &mut filter).await?;
    let found = site.store.leads(filter, page).await?;
    if asked.json {
        let row = |lead| LeadRow::new(lead, names, Sight::Network);
        let rows: Vec<LeadRow> = found.data.iter().filter_map(row).collect();
        return Ok(Reply::printed(serde_json::to_string(&rows)? + "\n"));
    }
    if found.data.is_empty() {
        return Ok(Reply::said("no leads\n".to_owned()));
    }
    let head = ["AT", "LEAD", "STATUS", "OFFER", "AFFILIATE", "PAYOUT", "REVENUE", "WHY"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(found.data.iter().map(row)).collect();
    let mut stdout = String::new();
    push_table(&mut stdout, &rows, &[0, 1, 2, 7]);
    let left = found.total.saturating_sub(found.data.len() as u64);
    let stderr = if left == 0 { String::new() } else { format!("{left} older ones are not shown\n") };
    Ok(Reply { stdout, stderr, exit: 0 })
}

fn row(lead: &Lead) -> [String; 8] {
    [
        lead.at.to_string(),
        lead.id.to_string(),
        lead.status.as_str().to_owned(),
        lead.offer.to_string(),
        lead.affiliate.to_string(),
        amount(lead.payout),
        amount(lead.revenue),
        why(lead),
    ]
}

/// Nothing is easier to see as nothing.
fn amount(money: Money) -> String {
    if money == Money::ZERO { String::new() } else { money.to_string() }
}

/// What the status does not say: what became of the lead, and what its fields were told.
fn why(lead: &Lead) -> String {
    let outcome = (lead.status.as_str() != lead.outcome.as_str()).then(|| lead.outcome.as_str());
    let said = outcome.into_iter().chain(lead.errors.iter().map(String::as_str));
    one_line(&said.collect::<Vec<_>>().join("; "))
}
