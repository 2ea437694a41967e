//! `crumb alerts`: what a person should look at.

use super::terminal::{json, one_line};
use super::{Context, Reply, Result};
use crate::cli::AlertsArguments;
use anyhow::anyhow;
use crumb_domain::selling::AlertCode;
use crumb_server::api::alerts::AlertRow;
use crumb_storage::alerts::AlertFilter;
use crumb_storage::{PageRequest, Store};

/// A line for each, newest first, or the API's JSON rows.
pub async fn alerts<S: Store + Clone>(context: &Context<'_, S>, arguments: &AlertsArguments) -> Result {
    let code = |text: &String| {
        let all: Vec<&str> = AlertCode::ALL.iter().map(|code| code.as_str()).collect();
        AlertCode::from_code(text).ok_or_else(|| anyhow!("--code: \"{text}\" is none of {}", all.join(", ")))
    };
    let filter = AlertFilter {
        code: arguments.code.as_ref().map(code).transpose()?,
        contract: arguments.contract,
        buyer: arguments.buyer,
        from: arguments.from,
        to: arguments.to,
    };
    let page = PageRequest { limit: arguments.limit, ..PageRequest::default() };
    let found = context.installation.store.alerts(filter, page).await?;
    let rows: Vec<AlertRow> = found.data.into_iter().map(AlertRow::from).collect();
    if arguments.json {
        return Ok(Reply::printed(json(&rows)?));
    }
    if rows.is_empty() {
        return Ok(Reply::said("no alerts\n".to_owned()));
    }
    let stdout = rows.iter().map(line).collect();
    let left = found.total.saturating_sub(rows.len() as u64);
    let stderr = if left == 0 { String::new() } else { format!("{left} older ones are not shown\n") };
    Ok(Reply { stdout, stderr, exit: 0 })
}

fn line(row: &AlertRow) -> String {
    let times =
        if row.count == 1 { String::new() } else { format!(" ({} times until {})", row.count, row.last_at) };
    let lead = row.lead.map(|lead| format!(" (lead {lead})")).unwrap_or_default();
    format!("{}  {}  {}{lead}{times}\n", row.at, row.code.as_str(), one_line(&row.text))
}
