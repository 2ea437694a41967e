//! `crumb buyer` and `crumb ledger`: what buyers have, and the movements of money.

use super::pages::each_row;
use super::terminal::one_line;
use super::{BY, Context, Reply, Result};
use crate::cli::LedgerArguments;
use crumb_domain::ledger::{LedgerEntry, LedgerKind};
use crumb_domain::post::StoredAnswer;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{BuyerId, CampaignId, Money};
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

/// A line a movement, oldest first; tabs between. The first column is when it was written, the
/// last when it counts for.
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
    let traffic = entry.campaign.map(|campaign| traffic(entry, campaign));
    // None is of two: only sales are under a contract, only traffic is a campaign's.
    let of = contract.or(conversion).or(traffic).unwrap_or_else(|| "-".to_owned());
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}\t{}\t{} -> {}\t{}\t{lead}\t{of}\t{}\t{}",
        entry.at,
        entry.kind.as_str(),
        entry.from,
        entry.to,
        entry.amount,
        entry.note.as_deref().map_or_else(|| "-".to_owned(), one_line),
        entry.effective_at()
    );
}

/// Of what a movement is that clicks or impressions made.
fn traffic(entry: &LedgerEntry, campaign: CampaignId) -> String {
    let of = match entry.kind {
        LedgerKind::ClickPayout | LedgerKind::ClickReceived => "click",
        _ => "impression",
    };
    let count = entry.count.unwrap_or(0);
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {of}{plural} of campaign {campaign}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::charge::{Charge, Party, Priced};
    use crumb_domain::time::Day;
    use crumb_domain::{AdvertiserId, AffiliateId, RowId, Timestamp};

    #[test]
    fn a_line_says_for_which_conversion_money_moved() {
        let names = RequestIdKey::new(&[7; 32]);
        let at = Timestamp::from_micros(1_795_348_800_000_000);
        let conversion = RowId::at_or_after(at);
        let amount = Money::from_micros(9_000_000);
        let mut text = String::new();
        push(&mut text, &LedgerEntry::received(at, conversion, AdvertiserId(1), amount), &names);
        let name = names.request_id(conversion).unwrap();
        let expected =
            format!("{at}\treceived\tadvertiser:1 -> house\t9.00\t-\tconversion {name}\t-\t{at}\n");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_line_says_for_how_many_clicks_or_impressions_of_which_campaign_money_moved() {
        let at = Timestamp::from_micros(1_795_348_800_000_000);
        let click = Charge {
            campaign: CampaignId(57),
            party: Party::Affiliate(AffiliateId(12)),
            priced: Priced::Click,
            price: Money::from_micros(500_000),
            at,
            day: Day(0),
        };
        let shown = Charge {
            party: Party::Advertiser(AdvertiserId(1)),
            priced: Priced::ThousandImpressions,
            ..click
        };
        let mut text = String::new();
        for (charge, count) in [(&click, 1), (&shown, 1_000)] {
            push(&mut text, &LedgerEntry::traffic(charge, count, click.price), &RequestIdKey::new(&[7; 32]));
        }
        let expected = format!(
            "{at}\tclick_payout\thouse -> affiliate:12\t0.50\t-\t1 click of campaign 57\t-\t{at}\n\
             {at}\timpression_received\tadvertiser:1 -> house\t0.50\t-\t1000 impressions of campaign 57\t-\t{at}\n"
        );
        assert_eq!(text, expected);
    }
}
