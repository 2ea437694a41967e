//! The reasons that are held before anybody is asked.

use crate::market::{Spec, after_ms, contract, market, money, noon};
use crumb_domain::time::Zone;
use crumb_domain::{BuyerId, ContractId, OfferId, Timestamp};
use crumb_routing::{Earlier, Ending, Had, Payout, Run};
use serde_json::json;

fn one() -> Spec {
    contract(7, "exclusive", "30.00")
}

/// How one contract ends for a lead: code and sentence.
fn end(spec: Spec, change: impl FnOnce(&mut Run)) -> (&'static str, String) {
    let played = market([spec]).run(change).play();
    (played.result(7), played.text(7))
}

fn ends(spec: Spec, code: &str, text: &str) {
    assert_eq!(end(spec, |_| ()), (code_of(code), text.to_owned()));
}

fn code_of(code: &str) -> &'static str {
    crumb_domain::selling::ContractResult::from_code(code).unwrap().as_str()
}

fn earlier(buyer: i64, group: Option<&str>, how: Had) -> Earlier {
    Earlier { buyer: BuyerId(buyer), group: group.map(str::to_owned), how }
}

/// At so many seconds of the lead's age.
fn aged(seconds: i64) -> impl FnOnce(&mut Run) {
    move |run| run.at = noon().plus_seconds(-seconds)
}

/// The same contracts with all that was read when the run began: what of that is lost rules
/// nobody out.
#[test]
fn of_a_run_that_is_lost_the_network_and_the_lead_still_tell_who_was_no_candidate() {
    let with = |id: i64| contract(id, "exclusive", "30.00");
    let all = [
        with(1),
        with(2).with("status", "inactive"),
        with(3).buyer_with("status", "inactive"),
        with(4).with("offer", 999),
        with(5).with("max_lead_age_minutes", 1),
        with(6).row("days", json!(["sat"])),
        with(7).row("cap", 1).facts(|facts| facts.counts = vec![(Zone::UTC.day_of(noon()), 1)]),
        with(8).facts(|facts| facts.available = Some(money("1.00"))),
        with(9).facts(|facts| facts.breaker_open = true),
        with(10).buyer(10),
        with(11).with("filter", json!([{ "field": "state", "op": "eq", "value": "ZZ" }])),
    ];
    let sent = vec![earlier(10, None, Had::Sent)];
    let market = market(all).run(|run| (run.earlier, run.at) = (sent, noon().plus_seconds(-600)));
    let lost = Run { facts: Vec::new(), ..market.inputs() };
    let told = |is_time_known| {
        let ruled_out = crumb_routing::exclusions(&market.tree(), &lost, is_time_known);
        let mut told: Vec<_> =
            ruled_out.iter().map(|(contract, reason)| (contract.0, reason.result().as_str())).collect();
        told.sort_unstable();
        told
    };
    let always = [
        (2, "contract_inactive"),
        (3, "buyer_inactive"),
        (4, "wrong_offer"),
        (10, "already_bought"),
        (11, "filter_unmatched"),
    ];
    let timed = [(5, "lead_too_old"), (6, "schedule_closed")];
    assert_eq!(told(false), always);
    let mut both = [&always[..], &timed[..]].concat();
    both.sort_unstable();
    assert_eq!(told(true), both);
    let reasons = crumb_routing::exclusions(&market.tree(), &lost, true);
    let played = market.play();
    for (contract, reason) in reasons {
        assert_eq!(
            (reason.result().as_str(), reason.text()),
            (played.result(contract.0), played.text(contract.0))
        );
    }
}

#[test]
fn an_inactive_contract_does_not_buy() {
    ends(one().with("status", "inactive"), "contract_inactive", "The contract is inactive.");
}

#[test]
fn a_contract_that_was_switched_off_is_inactive_and_says_so() {
    let mut market = market([one()]);
    market.switched_off.insert(ContractId(7));
    let played = market.play();
    assert_eq!(played.result(7), "contract_inactive");
    assert_eq!(played.text(7), "The contract was switched off after failed posts.");
}

#[test]
fn an_inactive_buyer_does_not_buy() {
    ends(one().buyer_with("status", "inactive"), "buyer_inactive", "Buyer 700 is inactive.");
}

#[test]
fn a_buyer_whose_breaker_is_open_is_inactive_and_says_so() {
    let text = "Buyer 700 is left alone for a while because its last answers timed out.";
    ends(one().facts(|facts| facts.breaker_open = true), "buyer_inactive", text);
}

#[test]
fn a_contract_for_one_offer_buys_no_other() {
    let text = "It buys leads of offer 101 only, and this one came on offer 100.";
    ends(one().with("offer", 101), "wrong_offer", text);
    assert_eq!(end(one().with("offer", 101), |run| run.offer = OfferId(101)).0, "sold");
}

#[test]
fn an_excluded_affiliates_lead_is_not_bought() {
    let text = "It does not want the leads of affiliate 12.";
    ends(one().with("exclude_affiliates", json!([99, 12, 3])), "affiliate_excluded", text);
    assert_eq!(end(one().with("exclude_affiliates", json!([99, 3])), |_| ()).0, "sold");
}

#[test]
fn upsells_are_bought_by_those_who_want_them_only() {
    assert_eq!(end(one(), |run| run.is_upsell = true).0, "upsells_not_bought");
    assert_eq!(end(one().with("buy_upsells", true), |run| run.is_upsell = true).0, "sold");
}

#[test]
fn a_lead_younger_than_the_least_age_is_too_young() {
    let spec = || one().with("min_lead_age_minutes", 5);
    let text = "The lead was 299 seconds old and must be at least 300.";
    assert_eq!(end(spec(), aged(299)), ("lead_too_young", text.to_owned()));
    assert_eq!(end(spec(), aged(300)).0, "sold");
}

#[test]
fn a_lead_is_too_young_while_the_posting_wait_is_not_over() {
    let spec = || one().with("posting_wait_seconds", 30);
    let text = "The lead was 29 seconds old and is posted only after 30.";
    assert_eq!(end(spec(), aged(29)), ("lead_too_young", text.to_owned()));
    assert_eq!(end(spec(), aged(30)).0, "sold");
}

#[test]
fn a_lead_older_than_the_greatest_age_is_too_old() {
    let spec = || one().with("max_lead_age_minutes", 10);
    assert_eq!(end(spec(), aged(600)).0, "sold");
    assert_eq!(end(spec(), aged(601)).0, "lead_too_old");
    // Five days where the contract does not say.
    assert_eq!(end(one(), aged(7_200 * 60)).0, "sold");
    assert_eq!(end(one(), aged(7_200 * 60 + 1)).0, "lead_too_old");
}

#[test]
fn a_contract_buys_while_a_row_is_open_on_its_own_wall_clock() {
    // Noon in UTC is 04:00 in Los Angeles and 07:00 in New York.
    let spec = |zone: &str| one().with("time_zone", zone).row("open", "07:00").row("close", "20:00");
    let text = "No row of its schedule was open on 2026-11-22 at 04:00.";
    ends(spec("America/Los_Angeles"), "schedule_closed", text);
    assert_eq!(end(spec("America/New_York"), |_| ()).0, "sold");
}

#[test]
fn a_reached_cap_is_told_as_50_of_50_today() {
    let today = Zone::UTC.day_of(noon());
    let spec = |count| one().row("cap", 50).facts(|facts| facts.counts = vec![(today, count)]);
    ends(spec(50), "cap_reached", "50 of 50 today");
    assert_eq!(market([spec(50)]).play().values(7), json!({ "count": 50, "cap": 50 }));
    assert_eq!(end(spec(49), |_| ()).0, "sold");
    ends(one().row("cap", 0), "cap_reached", "0 of 0 today");
}

#[test]
fn a_cap_counts_the_day_on_which_the_row_opened() {
    // Open since Saturday 20:00, past midnight: what Sunday sold does not matter.
    let today = Zone::UTC.day_of(noon());
    let yesterday = crumb_domain::time::Day(today.0 - 1);
    let spec = |counts: Vec<_>| {
        let night =
            one().row("open", "20:00").row("close", "13:00").row("days", json!(["sat"])).row("cap", 5);
        night.facts(|facts| facts.counts = counts)
    };
    assert_eq!(end(spec(vec![(today, 5)]), |_| ()).0, "sold");
    assert_eq!(end(spec(vec![(yesterday, 5)]), |_| ()).0, "cap_reached");
}

#[test]
fn where_the_first_open_rows_cap_is_reached_the_next_open_row_buys() {
    let today = Zone::UTC.day_of(noon());
    let row = |cap: u32, price: &str| {
        json!({ "days": ["all"], "open": "00:00", "close": "24:00", "cap": cap, "price": price,
            "type": "exclusive" })
    };
    let spec = |count| {
        let rows = json!([row(10, "30.00"), row(20, "20.00")]);
        one().with("schedule", rows).facts(|facts| facts.counts = vec![(today, count)])
    };
    assert_eq!(market([spec(9)]).play().sales(), ["7 30.00"]);
    assert_eq!(market([spec(10)]).play().sales(), ["7 20.00"]);
    ends(spec(20), "cap_reached", "20 of 20 today");
}

#[test]
fn a_buyer_without_credit_for_the_price_does_not_buy() {
    let spec = |available: &str, price: &str| {
        let available = money(available);
        contract(7, "exclusive", price).facts(|facts| facts.available = Some(available))
    };
    ends(spec("29.99", "30.00"), "no_credit", "The buyer has 29.99 left and the price is 30.00.");
    assert_eq!(end(spec("30.00", "30.00"), |_| ()).0, "sold");
    // A lead at 0.00 needs no credit, unless the balance fell below its limit.
    assert_eq!(end(spec("0.00", "0.00"), |_| ()).0, "sold");
    assert_eq!(end(spec("-0.01", "0.00"), |_| ()).0, "no_credit");
}

#[test]
fn a_buyer_that_was_sent_the_lead_before_is_not_sent_it_again() {
    for (how, text) in [
        (Had::Bought, "Buyer 700 has the lead."),
        (Had::Sent, "Buyer 700 was sent the lead before."),
        (Had::MayHave, "Buyer 700 was sent the lead before and may have it."),
    ] {
        let got = end(one(), |run| run.earlier = vec![earlier(700, None, how)]);
        assert_eq!(got, ("already_bought", text.to_owned()));
    }
}

#[test]
fn a_buyer_group_excludes_by_having_bought_or_maybe_not_by_having_refused() {
    let spec = || contract(7, "multisell", "30.00").group("carriers");
    let with = |how| move |run: &mut Run| run.earlier = vec![earlier(5, Some("carriers"), how)];
    let text = "Buyer 5 of the same buyer group has the lead.";
    assert_eq!(end(spec(), with(Had::Bought)), ("already_bought", text.to_owned()));
    let text = "Buyer 5 of the same buyer group may have the lead.";
    assert_eq!(end(spec(), with(Had::MayHave)), ("already_bought", text.to_owned()));
    assert_ne!(end(spec(), with(Had::Sent)).0, "already_bought");
    let other = |run: &mut Run| run.earlier = vec![earlier(5, Some("others"), Had::Bought)];
    assert_ne!(end(spec(), other).0, "already_bought");
}

#[test]
fn a_lead_that_was_sold_exclusively_is_not_offered_again() {
    let specs = [one(), contract(8, "multisell", "5.00").with("status", "inactive")];
    let played = market(specs).run(|run| run.sold_exclusively = true).play();
    assert_eq!(played.results(), ["7 already_bought", "8 already_bought"]);
    assert_eq!(played.ending(), Ending::GiveUp);
    assert_eq!(played.commands.len(), 1);
}

#[test]
fn an_unmatched_filter_is_told_with_its_condition() {
    let filter = json!([{ "field": "state", "op": "in", "value": "NV|TX" }]);
    let text = "state must be one of \"NV|TX\" but is \"CA\".";
    ends(one().with("filter", filter.clone()), "filter_unmatched", text);
    let values = json!({ "field": "state", "op": "in", "wanted": "NV|TX", "found": "CA" });
    assert_eq!(market([one().with("filter", filter)]).play().values(7), values);
}

#[test]
fn an_exclusive_that_leaves_too_small_a_margin_does_not_buy() {
    let play = |payout: &str| {
        let market = market([one()]).router("minimum_margin", "5.00").payout(payout);
        market.play()
    };
    assert_eq!(play("25.00").result(7), "sold");
    let played = play("25.01");
    assert_eq!(played.result(7), "margin_too_small");
    assert_eq!(
        played.text(7),
        "The price of 30.00 would leave 4.99 after the payout of 25.01, and the least margin is 5.00."
    );
}

#[test]
fn a_share_of_the_price_is_reckoned_into_the_margin() {
    let play = |percent: &str| {
        let percent = money(percent);
        let market = market([one()]).router("minimum_margin", "6.00");
        market.run(|run| run.payout = Payout::Percent(percent)).play().result(7)
    };
    assert_eq!(play("80"), "sold");
    assert_eq!(play("80.1"), "margin_too_small");
}

#[test]
fn the_first_reason_in_order_is_the_contracts() {
    // Each step mends the first fault; the next one in order shows.
    type Mend = fn(Spec, &mut Run) -> Spec;
    let steps: [(&str, Mend); 13] = [
        ("contract_inactive", |spec, _| spec.with("status", "active")),
        ("buyer_inactive", |spec, _| spec.buyer_with("status", "active")),
        ("wrong_offer", |spec, _| spec.with("offer", 0)),
        ("affiliate_excluded", |spec, _| spec.with("exclude_affiliates", json!([]))),
        ("upsells_not_bought", |spec, _| spec.with("buy_upsells", true)),
        ("lead_too_young", |spec, _| spec.with("min_lead_age_minutes", 0)),
        ("lead_too_old", |spec, _| spec.with("max_lead_age_minutes", 7_200)),
        ("schedule_closed", |spec, _| spec.row("open", "00:00").row("close", "24:00")),
        ("cap_reached", |spec, _| spec.row("cap", json!(null))),
        ("no_credit", |spec, _| spec.facts(|facts| facts.available = None)),
        ("already_bought", |spec, run| {
            run.earlier.clear();
            spec
        }),
        ("filter_unmatched", |spec, _| spec.with("filter", json!([]))),
        ("margin_too_small", |spec, run| {
            run.payout = Payout::Fixed(money("0.00"));
            spec
        }),
    ];
    let mut spec = one()
        .with("status", "inactive")
        .buyer_with("status", "inactive")
        .with("offer", 101)
        .with("exclude_affiliates", json!([12]))
        .with("min_lead_age_minutes", 20)
        .with("max_lead_age_minutes", 5)
        .row("open", "01:00")
        .row("close", "02:00")
        .row("cap", 0)
        .facts(|facts| facts.available = Some(money("-1.00")))
        .with("filter", json!([{ "field": "age", "op": "gt", "value": "40" }]));
    let mut run = market([]).run;
    run.at = after_ms(-600_000);
    run.is_upsell = true;
    run.earlier = vec![earlier(700, None, Had::Sent)];
    run.payout = Payout::Fixed(money("31.00"));
    for (code, mend) in steps {
        let inputs = run.clone();
        assert_eq!(end(spec.clone(), |run| *run = inputs).0, code);
        spec = mend(spec, &mut run);
    }
    assert_eq!(end(spec, |fresh| *fresh = run).0, "sold");
}

#[test]
fn a_clock_that_ran_back_makes_no_lead_older() {
    assert_eq!(end(one(), |run| run.at = Timestamp::from_micros(i64::MAX)).0, "sold");
}
