//! `crumb return` and `crumb returns`: leads that buyers give back.

use super::{Context, Reply, Result};
use crate::cli::{DecidedAs, DecisionArguments, ReturnArguments, ReturnedAs, ReturnsArguments};
use crumb_domain::LeadId;
use crumb_domain::selling::{Redress, ReturnType};
use crumb_intake::selling::after_sale::WhichSale;
use crumb_intake::selling::returns::{Decision, ReturnRequest, Returned};
use crumb_storage::after_sale::{ReturnFilter, StoredReturn};
use crumb_storage::{PageRequest, Store};
use std::fmt::Write as _;

/// Who does what a command does.
pub(super) const BY: &str = "the command line";

/// Takes a lead back, or has its return wait for a person.
pub async fn give_back<S: Store + Clone>(context: &Context<'_, S>, asked: ReturnArguments) -> Result {
    let request = ReturnRequest {
        lead: asked.lead,
        sale: WhichSale { contract: asked.contract, buyer: None },
        reason: asked.reason,
        notes: asked.notes.unwrap_or_default(),
        return_type: match asked.returned_as {
            ReturnedAs::Credit => ReturnType::ApproveForCredit,
            ReturnedAs::Replace => ReturnType::ApproveToReplace,
            ReturnedAs::Approval => ReturnType::SubmitForApproval,
        },
        force: asked.force,
        take_back_payout: asked.take_back_payout,
        by: Some(BY.to_owned()),
    };
    Ok(said(&context.selling.return_sale(request).await?))
}

/// Decides a return that was submitted; none refuses it.
pub async fn decide<S: Store + Clone>(
    context: &Context<'_, S>,
    asked: DecisionArguments,
    approved: Option<(DecidedAs, bool)>,
) -> Result {
    let decision = match approved {
        Some((DecidedAs::Credit, take_back_payout)) => {
            Decision::Approve { redress: Redress::Credited, take_back_payout }
        }
        Some((DecidedAs::Replace, take_back_payout)) => {
            Decision::Approve { redress: Redress::Replaced, take_back_payout }
        }
        None => Decision::Refuse,
    };
    let by = Some(BY.to_owned());
    Ok(said(&context.selling.decide_return(asked.lead, asked.contract, decision, by).await?))
}

fn said(Returned { lead, returned }: &Returned) -> Reply {
    Reply::said(format!(
        "return of lead {} under contract {}: {}; the lead is {}\n",
        lead.id,
        returned.contract,
        returned.state.as_str(),
        lead.status.as_str()
    ))
}

/// A line a return, oldest first; tabs between.
pub async fn list<S: Store + Clone>(context: &Context<'_, S>, asked: ReturnsArguments) -> Result {
    let filter = ReturnFilter { state: asked.state, buyer: asked.buyer, ..ReturnFilter::default() };
    let mut page = PageRequest { limit: PageRequest::MAX_LIMIT, cursor: None, ascending: true };
    let mut text = String::new();
    loop {
        let found = context.installation.store.returns(filter, page.clone()).await?;
        found.data.iter().for_each(|stored| push(&mut text, stored));
        match found.next {
            Some(next) => page.cursor = Some(next),
            None if text.is_empty() => return Ok(Reply::said("no returns\n".to_owned())),
            None => return Ok(Reply::printed(text)),
        }
    }
}

fn push(text: &mut String, StoredReturn { lead, returned }: &StoredReturn) {
    let id: &LeadId = lead;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{id}\tcontract {}\tbuyer {}\t{}\t{}\t{}\t{}",
        returned.contract,
        returned.buyer,
        returned.price,
        returned.at,
        returned.state.as_str(),
        returned.reason
    );
}
