//! `crumb return` and `crumb returns`: leads that buyers give back.

use super::pages::each_row;
use super::terminal::one_line;
use super::{BY, Context, Reply, Result};
use crate::cli::{DecidedAs, DecisionArguments, ReturnArguments, ReturnedAs, ReturnsArguments};
use crumb_domain::selling::{Redress, ReturnType};
use crumb_intake::selling::after_sale::WhichSale;
use crumb_intake::selling::returns::{Decision, ReturnRequest, Returned};
use crumb_storage::Store;
use crumb_storage::after_sale::{ReturnFilter, StoredReturn};
use std::fmt::Write as _;

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
    let store = &context.installation.store;
    let mut text = String::new();
    each_row(true, |page| store.returns(filter, page), |stored| push(&mut text, &stored)).await?;
    Ok(if text.is_empty() { Reply::said("no returns\n".to_owned()) } else { Reply::printed(text) })
}

fn push(text: &mut String, StoredReturn { lead, returned }: &StoredReturn) {
    let replaced = match returned.replaced_by.filter(|_| returned.replaced_at.is_some()) {
        Some(by) => format!("\treplaced by {by}"),
        None => String::new(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{lead}\tcontract {}\tbuyer {}\t{}\t{}\t{}\t{}{replaced}",
        returned.contract,
        returned.buyer,
        returned.price,
        returned.at,
        returned.state.as_str(),
        one_line(&returned.reason)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::selling::ReturnState;
    use crumb_domain::{BuyerId, ContractId, Money, RowId, Timestamp};
    use crumb_storage::after_sale::LeadReturn;

    #[test]
    fn a_return_says_which_lead_was_delivered_in_its_place() {
        let at = Timestamp::from_micros(0);
        let delivered = LeadReturn {
            id: RowId::from_i64(1).unwrap(),
            contract: ContractId(7),
            buyer: BuyerId(5),
            price: "30.00".parse::<Money>().unwrap(),
            at,
            by: None,
            reason: "wrong number".to_owned(),
            notes: String::new(),
            state: ReturnState::Replaced,
            decided_at: Some(at),
            decided_by: None,
            replaced_by: Some("C8097F17".parse().unwrap()),
            replaced_at: Some(at),
        };
        let on_its_way = LeadReturn { replaced_at: None, ..delivered.clone() };
        for (returned, end) in
            [(delivered, "\twrong number\treplaced by C8097F17\n"), (on_its_way, "\twrong number\n")]
        {
            let mut text = String::new();
            push(&mut text, &StoredReturn { lead: "VM3NYDBN".parse().unwrap(), returned });
            assert!(text.ends_with(end), "{text}");
        }
    }
}
