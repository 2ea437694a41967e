//! What is said of each reason: its code, its sentence and the values that were compared.

use crate::market::{given_back, money, noon};
use crumb_domain::filter::Unmatched;
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::ContractResult;
use crumb_domain::time::Zone;
use crumb_domain::{AffiliateId, BuyerId, OfferId};
use crumb_routing::{Had, Reason};
use serde_json::json;

const UNANSWERED: &str = "The buyer was sent the lead and its answer is unknown; by the contract's rule";

#[test]
fn each_reason_has_one_sentence_and_the_values_that_were_compared() {
    use Reason as R;
    let (buyer, offer) = (BuyerId(5), OfferId(100));
    let unmatched = |found: Option<&str>| {
        let found = found.map(str::to_owned);
        R::Unmatched(Box::new(Unmatched {
            field: "state".to_owned(),
            op: "in",
            wanted: "NV|TX".to_owned(),
            found,
        }))
    };
    let margin = |members| R::MarginTooSmall {
        revenue: money("22.00"),
        payout: money("20.01"),
        minimum: money("2.00"),
        members,
    };
    let free = |worth: Option<&str>, unanswered| R::Replacement {
        replaces: worth.map(|_| given_back()),
        worth: worth.map(money),
        unanswered,
    };
    let unknown = |rule| R::PostUnknown { price: money("30.00"), rule };
    let all = [
        (R::Sold(money("30.00")), "sold", "Bought for 30.00.".to_owned(), json!({ "price": "30.00" })),
        (
            R::SoldUnanswered(money("30.00")),
            "sold",
            format!("{UNANSWERED} it counts as bought for 30.00."),
            json!({ "price": "30.00" }),
        ),
        (
            free(Some("30.00"), false),
            "sold",
            "Delivered free in place of lead BACK0001, which the buyer had given back; its price would have \
             been 30.00."
                .to_owned(),
            json!({ "price": "0.00", "worth": "30.00", "replaces": "BACK0001" }),
        ),
        (
            free(None, true),
            "sold",
            format!("{UNANSWERED}: Delivered free in place of a lead that the buyer had given back."),
            json!({ "price": "0.00", "worth": null, "replaces": null }),
        ),
        (R::Inactive, "contract_inactive", "The contract is inactive.".to_owned(), json!({})),
        (
            R::SwitchedOff,
            "contract_inactive",
            "The contract was switched off after failed posts.".to_owned(),
            json!({}),
        ),
        (
            R::RouterOff,
            "contract_inactive",
            "The vertical's router is off, so nothing is offered for sale.".to_owned(),
            json!({}),
        ),
        (R::BuyerInactive(buyer), "buyer_inactive", "Buyer 5 is inactive.".to_owned(), json!({ "buyer": 5 })),
        (
            R::BreakerOpen(buyer),
            "buyer_inactive",
            "Buyer 5 is left alone for a while because its last answers timed out.".to_owned(),
            json!({ "buyer": 5 }),
        ),
        (
            R::WrongOffer { wanted: OfferId(101), offer },
            "wrong_offer",
            "It buys leads of offer 101 only, and this one came on offer 100.".to_owned(),
            json!({ "wanted": 101, "offer": 100 }),
        ),
        (
            R::AffiliateExcluded(AffiliateId(12)),
            "affiliate_excluded",
            "It does not want the leads of affiliate 12.".to_owned(),
            json!({ "affiliate": 12 }),
        ),
        (
            R::UpsellsNotBought,
            "upsells_not_bought",
            "The lead is an upsell, and the contract buys none.".to_owned(),
            json!({}),
        ),
        (
            R::TooYoung { age_s: 299, least_s: 300 },
            "lead_too_young",
            "The lead was 299 seconds old and must be at least 300.".to_owned(),
            json!({ "age_seconds": 299, "least_seconds": 300 }),
        ),
        (
            R::PostingWait { age_s: 29, wait_s: 30 },
            "lead_too_young",
            "The lead was 29 seconds old and is posted only after 30.".to_owned(),
            json!({ "age_seconds": 29, "wait_seconds": 30 }),
        ),
        (
            R::TooOld { age_s: 601, greatest_s: 600 },
            "lead_too_old",
            "The lead was 601 seconds old and may be at most 600.".to_owned(),
            json!({ "age_seconds": 601, "greatest_seconds": 600 }),
        ),
        (
            R::ScheduleClosed(Zone::UTC.wall_clock(noon())),
            "schedule_closed",
            "No row of its schedule was open on 2026-11-22 at 12:00.".to_owned(),
            json!({ "day": "2026-11-22", "time": "12:00" }),
        ),
        (
            R::CapReached { count: 50, cap: 50 },
            "cap_reached",
            "50 of 50 today".to_owned(),
            json!({ "count": 50, "cap": 50 }),
        ),
        (
            R::NoCredit { available: money("-1.00"), price: money("30.00") },
            "no_credit",
            "The buyer has -1.00 left and the price is 30.00.".to_owned(),
            json!({ "available": "-1.00", "price": "30.00" }),
        ),
        (
            R::BuyerHad(buyer, Had::Bought),
            "already_bought",
            "Buyer 5 has the lead.".to_owned(),
            json!({ "buyer": 5, "how": "bought" }),
        ),
        (
            R::BuyerHad(buyer, Had::Sent),
            "already_bought",
            "Buyer 5 was sent the lead before.".to_owned(),
            json!({ "buyer": 5, "how": "sent" }),
        ),
        (
            R::BuyerHad(buyer, Had::MayHave),
            "already_bought",
            "Buyer 5 was sent the lead before and may have it.".to_owned(),
            json!({ "buyer": 5, "how": "may_have" }),
        ),
        (
            R::GroupHad(buyer, Had::Bought),
            "already_bought",
            "Buyer 5 of the same buyer group has the lead.".to_owned(),
            json!({ "buyer": 5, "how": "bought" }),
        ),
        (
            R::GroupHad(buyer, Had::MayHave),
            "already_bought",
            "Buyer 5 of the same buyer group may have the lead.".to_owned(),
            json!({ "buyer": 5, "how": "may_have" }),
        ),
        (
            R::SoldExclusively,
            "already_bought",
            "The lead was sold before to one buyer alone, or may have been.".to_owned(),
            json!({}),
        ),
        (
            unmatched(Some("CA")),
            "filter_unmatched",
            "state must be one of \"NV|TX\" but is \"CA\".".to_owned(),
            json!({ "field": "state", "op": "in", "wanted": "NV|TX", "found": "CA" }),
        ),
        (
            unmatched(None),
            "filter_unmatched",
            "state must be one of \"NV|TX\" but is not given.".to_owned(),
            json!({ "field": "state", "op": "in", "wanted": "NV|TX", "found": null }),
        ),
        (
            margin(1),
            "margin_too_small",
            "The price of 22.00 would leave 1.99 after the payout of 20.01, and the least margin is 2.00."
                .to_owned(),
            json!({ "revenue": "22.00", "payout": "20.01", "minimum": "2.00", "members": 1 }),
        ),
        (
            margin(2),
            "margin_too_small",
            "The group's prices of 22.00 would leave 1.99 after the payout of 20.01, and the least margin is \
             2.00."
                .to_owned(),
            json!({ "revenue": "22.00", "payout": "20.01", "minimum": "2.00", "members": 2 }),
        ),
        (R::PingRefused, "ping_rejected", "The ping was answered no.".to_owned(), json!({})),
        (
            R::PingDuplicate,
            "ping_rejected",
            "The ping was answered that the buyer has the lead.".to_owned(),
            json!({}),
        ),
        (
            R::PingTooLow { price: money("9.99"), floor: money("10.00") },
            "ping_rejected",
            "The ping was answered with 9.99, below the row's price of 10.00.".to_owned(),
            json!({ "price": "9.99", "floor": "10.00" }),
        ),
        (
            R::PingNotUnderstood,
            "ping_rejected",
            "The ping's answer was not understood, which counts as a refusal: no pattern matched.".to_owned(),
            json!({}),
        ),
        (R::PingTimeout, "ping_timeout", "The ping was not answered in time.".to_owned(), json!({})),
        (R::PingError(true), "ping_error", "The ping was answered with an error.".to_owned(), json!({})),
        (R::PingError(false), "ping_error", "The ping failed.".to_owned(), json!({})),
        (R::PostRefused, "post_rejected", "The post was answered no.".to_owned(), json!({})),
        (
            R::PostNotUnderstood,
            "post_rejected",
            "The post's answer was not understood, which counts as a refusal: no pattern matched.".to_owned(),
            json!({}),
        ),
        (
            R::PostDuplicate,
            "post_duplicate",
            "The post was answered that the buyer has the lead.".to_owned(),
            json!({}),
        ),
        (
            R::PostTimeout,
            "post_timeout",
            "Time was up before a byte of the post was sent.".to_owned(),
            json!({}),
        ),
        (
            unknown(UnknownRule::Wait),
            "post_unknown",
            "The buyer was sent the lead at 30.00 and its answer is unknown; it may have bought it.".to_owned(),
            json!({ "price": "30.00", "unknown_is": "wait" }),
        ),
        (
            unknown(UnknownRule::Rejected),
            "post_unknown",
            "The buyer was sent the lead at 30.00 and its answer is unknown; by the contract's rule it counts \
             as rejected."
                .to_owned(),
            json!({ "price": "30.00", "unknown_is": "rejected" }),
        ),
        (R::PostError(true), "post_error", "The post was answered with an error.".to_owned(), json!({})),
        (
            R::PostError(false),
            "post_error",
            "The post failed before a byte was sent.".to_owned(),
            json!({}),
        ),
        (
            R::OutbidByGroup { price: money("20.00"), sum: money("22.00") },
            "outbid",
            "Its price of 20.00 lost to a group that pays 22.00 together.".to_owned(),
            json!({ "price": "20.00", "sum": "22.00" }),
        ),
        (
            R::OutbidByExclusive { sum: money("20.00"), price: money("22.00") },
            "outbid",
            "Its group would have paid 20.00 together and lost to an exclusive price of 22.00.".to_owned(),
            json!({ "price": "22.00", "sum": "20.00" }),
        ),
        (
            R::OutbidByPrice { price: money("12.00"), sold: money("15.00") },
            "outbid",
            "Its price of 12.00 lost to 15.00.".to_owned(),
            json!({ "price": "12.00", "sold": "15.00" }),
        ),
        (R::SoldBefore, "not_needed", "The lead was sold before its turn.".to_owned(), json!({})),
        (R::QuotedBefore, "not_needed", "A price was found before its turn.".to_owned(), json!({})),
        (
            R::SoldEarlier,
            "not_needed",
            "It buys alone, and others bought the lead in an earlier run.".to_owned(),
            json!({}),
        ),
        (
            R::NoPlace { buyers: 2, limit: 2 },
            "not_needed",
            "2 buyers have the lead or may have it, of at most 2.".to_owned(),
            json!({ "buyers": 2, "limit": 2 }),
        ),
        (
            R::TooFewPartners { buyers: 1, partners: 2 },
            "not_needed",
            "It joins once the number of buyers that have the lead is 2, and it was 1.".to_owned(),
            json!({ "buyers": 1, "partners": 2 }),
        ),
        (
            R::MayBeSold(buyer),
            "not_needed",
            "Buyer 5 may have the lead, so it was offered to nobody else.".to_owned(),
            json!({ "buyer": 5 }),
        ),
        (
            R::NoSecondBuyer,
            "group_incomplete",
            "It buys with others only, and no second buyer was possible.".to_owned(),
            json!({}),
        ),
        (
            R::NoPartners { partners: 2 },
            "group_incomplete",
            "It joins once the number of buyers that have the lead is 2, and the lead stayed unsold.".to_owned(),
            json!({ "partners": 2 }),
        ),
        (
            R::NoSharing,
            "group_incomplete",
            "It shares leads, and the vertical's resell limit is 0.".to_owned(),
            json!({}),
        ),
        (R::Deadline, "deadline", "The sale's time was up before its turn.".to_owned(), json!({})),
    ];
    let mut met = Vec::new();
    for (reason, code, text, values) in all {
        assert_eq!((reason.result().as_str(), reason.text(), reason.values()), (code, text, values));
        met.push(reason.result());
    }
    for result in ContractResult::ALL {
        assert!(met.contains(result), "nothing is said of {result:?}");
    }
}
