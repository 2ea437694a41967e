//! `crumb buyer` and `crumb ledger`: what buyers have, and the movements of money.

use super::pages::each_row;
use super::{BY, Context, Reply, Result};
use crate::cli::LedgerArguments;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::post::StoredAnswer;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{BuyerId, Money};
use crumb_intake::selling::credit::{BuyerBalance, Credit, Credited, OnceKey};
use crumb_storage::Store;
use crumb_storage::after_sale::LedgerFilter;
use std::fmt::Write as _;

/// Whose the idempotency keys are that are given on the command line.
const CALLER: &str = "command-line";

/// Prints what a buyer has.
pub async fn balance<S: Store + Clone>(context: &Context<'_, S>, buyer: BuyerId) -> Result {
    Ok(Reply::printed(readable(&context.selling.buyer_balance(buyer).await?)))
}

/// Puts money into a buyer's account, and prints what it has then. Under a key that is
/// done once, and what was printed then is printed again.
pub async fn credit<S: Store + Clone>(
    context: &Context<'_, S>,
    buyer: BuyerId,
    amount: Money,
    note: Option<String>,
    key: Option<String>,
) -> Result {
    let once = key.map(|key| OnceKey { caller: CALLER.to_owned(), key });
    let credit = Credit { buyer, amount, note, by: Some(BY.to_owned()), once };
    let told = |has: &BuyerBalance| StoredAnswer {
        status: 200,
        content_type: None,
        location: None,
        body: readable(has),
    };
    Ok(match context.selling.credit(credit, told).await? {
        Credited::Now(answer) => Reply::printed(answer.body),
        Credited::Before(answer) => {
            let stderr = "this was done before under this idempotency key; it was told then:\n".to_owned();
            Reply { stderr, ..Reply::printed(answer.body) }
        }
        Credited::KeyUsed => Reply::failed("this idempotency key was used for another payment"),
    })
}

fn readable(has: &BuyerBalance) -> String {
    let or_unlimited =
        |amount: Option<Money>| amount.map_or_else(|| "unlimited".to_owned(), |amount| amount.to_string());
    let mut text = format!(
        "buyer {}\nbalance\t{}\nreserved\t{}\nlimit\t{}\navailable\t{}\n",
        has.buyer,
        has.balance,
        has.reserved,
        or_unlimited(has.limit),
        or_unlimited(has.available)
    );
    for (contract, leads) in &has.returns_owed {
        let leads = if *leads == 1 { "1 lead".to_owned() } else { format!("{leads} leads") };
        text += &format!("contract {contract} owes\t{leads}\n");
    }
    text
}

/// A line a movement, oldest first; tabs between.
pub async fn ledger<S: Store + Clone>(context: &Context<'_, S>, asked: LedgerArguments) -> Result {
    let filter = LedgerFilter {
        account: asked.account,
        kind: asked.kind,
        lead: asked.lead,
        ..LedgerFilter::default()
    };
    let store = &context.installation.store;
    let mut text = String::new();
    let names = &context.installation.keys.request_ids;
    each_row(true, |page| store.ledger(filter, page), |entry| push(&mut text, &entry, names)).await?;
    Ok(if text.is_empty() { Reply::said("no movements of money\n".to_owned()) } else { Reply::printed(text) })
}

fn push(text: &mut String, entry: &LedgerEntry, names: &RequestIdKey) {
    let lead = entry.lead.map_or_else(|| "-".to_owned(), |lead| lead.to_string());
    let contract = entry.contract.map(|contract| format!("contract {contract}"));
    let conversion = entry.conversion.and_then(|id| names.request_id(id));
    let conversion = conversion.map(|conversion| format!("conversion {conversion}"));
    // None is of both: only sales are under a contract.
    let of = contract.or(conversion).unwrap_or_else(|| "-".to_owned());
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}\t{}\t{} -> {}\t{}\t{lead}\t{of}\t{}",
        entry.at,
        entry.kind.as_str(),
        entry.from,
        entry.to,
        entry.amount,
        entry.note.as_deref().unwrap_or("-")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::{AdvertiserId, RowId, Timestamp};

    #[test]
    fn a_line_says_for_which_conversion_money_moved() {
        let names = RequestIdKey::new(&[7; 32]);
        let at = Timestamp::from_micros(1_795_348_800_000_000);
        let conversion = RowId::at_or_after(at);
        let amount = Money::from_micros(9_000_000);
        let mut text = String::new();
        push(&mut text, &LedgerEntry::received(at, conversion, AdvertiserId(1), amount), &names);
        let name = names.request_id(conversion).unwrap();
        let expected = format!("{at}\treceived\tadvertiser:1 -> house\t9.00\t-\tconversion {name}\t-\n");
        assert_eq!(text, expected);
    }
}
