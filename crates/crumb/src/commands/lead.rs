//! `crumb lead timeline`, `accept`, `throw-out`, `resell` and `settle`, and `crumb held`.

use super::pages::each_row;
use super::terminal::{one_line, push_table};
use super::{BY, Context, Reply, Result, find_lead};
use anyhow::{anyhow, bail};
use crumb_domain::lead::Lead;
use crumb_domain::network::UnknownRule;
use crumb_domain::{ContractId, LeadId, Money};
use crumb_intake::selling::actions::{Action, Said};
use crumb_intake::selling::held::{HeldEnd, HeldError};
use crumb_intake::selling::timeline;
use crumb_storage::Store;
use crumb_storage::selling::Held;
use serde::{Deserialize, Serialize};

/// What is done with a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadAction {
    /// `crumb lead accept`.
    Accept,
    /// `crumb lead throw-out`.
    ThrowOut,
    /// `crumb lead resell`.
    Resell,
    /// `crumb lead settle`.
    Settle {
        /// `--contract`.
        contract: ContractId,
        /// `--sold`, not `--rejected`.
        sold: bool,
        /// The price after `--sold`.
        price: Option<Money>,
    },
}

/// Does something with a lead, and prints how it stands then.
pub async fn act<S: Store + Clone>(
    context: &Context<'_, S>,
    id: LeadId,
    action: LeadAction,
    note: Option<String>,
) -> Result {
    let said = Said::new(Some(BY.to_owned()), note).map_err(|error| anyhow!("--note: {error}"))?;
    let selling = context.selling;
    let lead = match action {
        LeadAction::Accept => selling.act(id, Action::Accept, &said).await?,
        LeadAction::ThrowOut => selling.act(id, Action::ThrowOut, &said).await?,
        LeadAction::Resell => selling.act(id, Action::Resell, &said).await?,
        LeadAction::Settle { contract, sold, price } => {
            let end = if sold { HeldEnd::Sold(price) } else { HeldEnd::Refused };
            match selling.settle_held(id, contract, end, &said).await {
                Err(HeldError::Price(wrong)) => bail!("--sold: {wrong}"),
                Err(error @ HeldError::None(..)) => {
                    find_lead(&context.installation.store, id).await?;
                    return Err(error.into());
                }
                settled => settled?,
            }
        }
    };
    Ok(Reply::printed(stands(&lead)))
}

/// How a lead stands, as a line.
pub fn stands(lead: &Lead) -> String {
    let mut text = format!("lead {}: {}", lead.id, lead.status.as_str());
    if lead.status.as_str() != lead.outcome.as_str() {
        text += &format!(" ({})", lead.outcome.as_str());
    }
    text.push('\n');
    text
}

/// A line for each thing that happened to a lead: when, what, by whom, and for people.
pub async fn timeline<S: Store + Clone>(context: &Context<'_, S>, id: LeadId) -> Result {
    let store = &context.installation.store;
    let lead = find_lead(store, id).await?;
    let entries = timeline::of(store, &lead).await?;
    let width = entries.iter().map(|entry| entry.code.len()).max().unwrap_or(0);
    let mut text = stands(&lead);
    for entry in entries {
        let mut line = format!("{}  {:width$}  {}", entry.at, entry.code, entry.text);
        if let Some(by) = &entry.by {
            line += &format!(" (by {by})");
        }
        text += &one_line(&line);
        text.push('\n');
    }
    Ok(Reply::printed(text))
}

/// A line for each post whose end is not known, the oldest first.
pub async fn held<S: Store + Clone>(context: &Context<'_, S>) -> Result {
    let store = &context.installation.store;
    let mut rows = Vec::new();
    each_row(true, |page| store.held(page), |held| rows.push(row(&held))).await?;
    if rows.is_empty() {
        return Ok(Reply::said("no post whose end is not known\n".to_owned()));
    }
    let head = ["LEAD", "CONTRACT", "BUYER", "PRICE", "SENT", "UNTIL"].map(str::to_owned);
    rows.insert(0, head);
    let mut text = String::new();
    push_table(&mut text, &rows, &[0, 4, 5]);
    Ok(Reply::printed(text))
}

fn row(held: &Held) -> [String; 6] {
    [
        held.lead.to_string(),
        held.contract.to_string(),
        held.buyer.to_string(),
        held.price.to_string(),
        held.at.to_string(),
        format!("{} ({})", held.hold.until, counts_as(held.hold.rule)),
    ]
}

/// What a post counts as once the wait is over.
fn counts_as(rule: UnknownRule) -> &'static str {
    match rule {
        UnknownRule::Sold => "then sold",
        UnknownRule::Wait | UnknownRule::Rejected => "then rejected",
    }
}
