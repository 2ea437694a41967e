//! Leads that buyers are owed for those that they gave back: decided as any other, and free.

use crate::market::{
    Market, Played, Spec, accepted_at, accepted_with, after_ms, contract, cut, given_back, market, money,
    noon, rejected,
};
use crumb_domain::Money;
use crumb_domain::network::Distribution;
use crumb_domain::selling::PriceRead;
use crumb_domain::time::Zone;
use crumb_routing::replay::{Answers, Ledger, Really, Replayed};
use crumb_routing::{Alert, Ending, Payout, Refusal, Tree, replay, replay_changed};
use std::sync::Arc;

fn exclusive(id: i64, price: &str) -> Spec {
    contract(id, "exclusive", price)
}

fn owed(id: i64, price: &str) -> Spec {
    exclusive(id, price).owed(1)
}

fn results(state: &crumb_routing::State) -> Vec<String> {
    let sales = state.sales().iter();
    sales.map(|sale| format!("{} {}", sale.reserved.contract, sale.sold_price)).collect()
}

#[test]
fn a_buyer_that_is_owed_a_lead_has_it_free_and_needs_no_credit() {
    for available in [Some(Money::ZERO), Some(money("-5.00")), None] {
        let played = market([owed(1, "30.00").facts(|facts| facts.available = available)]).play();
        assert_eq!(played.sales(), ["1 0.00"]);
        let sale = &played.state.sales()[0];
        assert_eq!((sale.reserved.charged(), sale.replaces), (Money::ZERO, Some(given_back())));
        assert_eq!(
            played.text(1),
            "Delivered free in place of lead BACK0001, which the buyer had given back; its price would have \
             been 30.00."
        );
        assert_eq!(played.values(1)["price"], "0.00");
        assert_eq!(
            (&played.values(1)["worth"], &played.values(1)["replaces"]),
            (&"30.00".into(), &"BACK0001".into())
        );
        assert_eq!(played.result(1), "sold");
    }
}

#[test]
fn it_has_its_place_by_its_price_and_leaves_the_margin_of_it() {
    let played = market([owed(1, "20.00"), exclusive(2, "25.00")]).payout("10.00").play();
    assert_eq!(played.sales(), ["2 25.00"], "a debt is no reason to be first");
    let played = market([owed(1, "30.00"), exclusive(2, "25.00")]).payout("10.00").play();
    assert_eq!(
        (played.sales(), played.alerts()),
        (vec!["1 0.00".to_owned()], &[][..]),
        "nor an undercut margin"
    );
    let played = market([owed(1, "9.00")]).payout("10.00").play();
    assert_eq!(played.results(), ["1 margin_too_small"]);
    let group =
        [contract(1, "multisell", "20.00").owed(1), contract(2, "multisell", "10.00"), exclusive(3, "25.00")];
    assert_eq!(market(group).payout("26.00").play().sales(), ["1 0.00", "2 10.00"]);
    let share = |run: &mut crumb_routing::Run| run.payout = Payout::Percent(money("90.00"));
    let played = market([owed(1, "30.00")]).router("minimum_margin", "3.00").run(share).play();
    assert_eq!((played.sales().len(), played.alerts()), (1, &[][..]));
}

#[test]
fn what_its_answer_says_of_a_price_counts_for_nothing() {
    for answer in [accepted_at("500.00"), accepted_at("-1.00"), accepted_with(PriceRead::Unreadable)] {
        let played = market([owed(1, "30.00")]).post(1, answer).play();
        assert_eq!((played.sales(), played.alerts()), (vec!["1 0.00".to_owned()], &[][..]));
    }
    // What its ping says is its price in the order, as of any other.
    let played = market([owed(1, "30.00").ping(), exclusive(2, "35.00")])
        .distribution(Distribution::AsyncPing)
        .pinged(1, accepted_at("40.00"))
        .play();
    assert_eq!(played.sales(), ["1 0.00"]);
    assert_eq!(played.values(1)["worth"], "40.00");
}

#[test]
fn a_lead_that_is_owed_no_more_is_sold_for_its_price_to_those_that_can_pay() {
    let taken = |available: &str| {
        let available = Some(money(available));
        market([owed(1, "30.00").facts(|facts| facts.available = available), exclusive(2, "20.00")])
            .refuses(1, Refusal::NothingOwed)
            .play()
    };
    let played = taken("30.00");
    assert_eq!(
        (played.sales(), played.text(1)),
        (vec!["1 30.00".to_owned()], "Bought for 30.00.".to_owned())
    );
    assert!(!played.state.sales()[0].reserved.replacement);
    let played = taken("29.99");
    assert_eq!(
        (played.results(), played.sales()),
        (vec!["1 no_credit".to_owned(), "2 sold".to_owned()], vec!["2 20.00".to_owned()])
    );
}

#[test]
fn by_a_later_row_it_is_owed_what_it_was_owed_before() {
    let rows = |spec: Spec| {
        let mut row = spec.contract["schedule"][0].clone();
        row["price"] = "20.00".into();
        row["cap"] = 9.into();
        let mut spec = spec.row("cap", 5);
        spec.contract["schedule"].as_array_mut().unwrap().push(row);
        spec
    };
    let full = Refusal::CapReached { count: 5, cap: 5 };
    let played = market([rows(owed(1, "30.00"))]).refuses(1, full).play();
    assert_eq!((played.sales(), &played.values(1)["worth"]), (vec!["1 0.00".to_owned()], &"20.00".into()));
    let played = market([rows(owed(1, "30.00"))]).refuses(1, Refusal::NothingOwed).refuses(1, full).play();
    assert_eq!(played.sales(), ["1 20.00"]);
}

#[test]
fn one_that_is_refused_is_set_free_and_one_that_nobody_answered_is_held_or_sold_as_such() {
    let end = |rule: &str, answer| market([owed(1, "30.00").unknown_is(rule)]).post(1, answer).play();
    let refused = end("wait", rejected());
    assert_eq!((refused.ending(), refused.state.releases().len()), (Ending::GiveUp, 1));
    assert!(refused.state.releases()[0].replacement);
    let held = end("wait", cut());
    assert!(held.ending() == Ending::Hold && held.state.held()[0].reserved.replacement);
    assert_eq!(held.values(1)["price"], "0.00");
    let sold = end("sold", cut());
    assert_eq!(sold.sales(), ["1 0.00"]);
    assert!(sold.text(1).starts_with(
        "The buyer was sent the lead and its answer is unknown; by the contract's rule: Delivered free"
    ));
}

#[test]
fn a_contract_may_take_replacements_for_good_or_have_none_delivered() {
    let no_return = |spec: Spec| market([spec]).play().state.sales()[0].reserved.no_return;
    let for_good = |spec: Spec| spec.with("replacements_non_returnable", true);
    assert!(!no_return(owed(1, "30.00")));
    assert!(no_return(for_good(owed(1, "30.00"))));
    assert!(!no_return(for_good(exclusive(1, "30.00"))));
    let played = market([for_good(owed(1, "30.00"))]).refuses(1, Refusal::NothingOwed).play();
    assert!(!played.state.sales()[0].reserved.no_return, "it paid for this one");
    assert_eq!(market([owed(1, "30.00").with("replace_returns", false)]).play().sales(), ["1 30.00"]);
}

#[test]
fn a_quote_tells_that_a_replacement_brings_nothing() {
    let played = market([owed(1, "30.00")]).quote();
    assert_eq!(
        (played.offered(), played.state.offered_sum()),
        (vec!["1 30.00".to_owned()], Some(Money::ZERO))
    );
    let group = [contract(1, "multisell", "20.00").owed(1), contract(2, "multisell", "10.00")];
    assert_eq!(market(group).quote().state.offered_sum(), Some(money("10.00")));
}

/// By a changed tree; what it really was is taken in as well.
fn changed(tree: Arc<Tree>, played: &Played, ledger: &mut Ledger) -> Replayed {
    let Played { state, recorded, .. } = played;
    let really = Really { state, recorded, elsewhere: &Answers::default(), is_in_vain: &|_| false };
    let again = replay_changed(tree, state.run(), &really, ledger);
    ledger.really(&really, Some(&again.state));
    again
}

fn played_and_again(market: &Market) -> (Played, String) {
    let played = market.clone().play();
    let again = replay(market.tree(), played.state.run(), &played.recorded);
    let again = Played { state: again.state, recorded: Vec::new(), commands: Vec::new() };
    let bytes = again.bytes();
    (played, bytes)
}

#[test]
fn replays_are_the_same_to_the_byte() {
    for refusals in [vec![], vec![Refusal::NothingOwed], vec![Refusal::NothingOwed, Refusal::AlreadySent]] {
        let mut market = market([owed(1, "30.00"), owed(2, "20.00")]).post(2, cut());
        for why in refusals {
            market = market.refuses(1, why);
        }
        let (played, again) = played_and_again(&market);
        assert_eq!(played.bytes(), again);
    }
}

#[test]
fn a_changed_tree_delivers_what_is_owed_by_its_own_rules() {
    let today = Zone::UTC.day_of(noon());
    let has = |spec: Spec| {
        spec.facts(|facts| (facts.available, facts.counts) = (Some(money("10.00")), vec![(today, 1)]))
    };
    let replayed = |was: &Market, now: Spec| {
        let played = was.clone().play();
        let again = changed(market([now]).tree(), &played, &mut Ledger::default());
        results(&again.state)
    };
    let free = market([has(owed(1, "30.00"))]);
    assert_eq!(replayed(&free, owed(1, "35.00")), ["1 0.00"]);
    assert_eq!(replayed(&free, owed(1, "35.00").with("replace_returns", false)), [""; 0], "it cannot pay");
    let not_owed = market([owed(1, "30.00")]).refuses(1, Refusal::NothingOwed);
    assert_eq!(replayed(&not_owed, owed(1, "30.00").with("replace_returns", false)), ["1 30.00"]);
    let charged = market([owed(1, "30.00").with("replace_returns", false)]);
    assert_eq!(replayed(&charged, owed(1, "30.00")), ["1 0.00"]);
}

#[test]
fn of_leads_that_are_replayed_one_after_the_other_each_sees_what_is_still_owed() {
    let really = market([owed(1, "30.00"), exclusive(2, "40.00")]);
    let (mut ledger, mut sold) = (Ledger::default(), Vec::new());
    let now = market([owed(1, "30.00"), exclusive(2, "20.00")]).tree();
    for second in 0..2 {
        let played = really.clone().run(|run| run.begun_at = after_ms(second * 1_000)).play();
        assert_eq!(played.sales(), ["2 40.00"]);
        let again = changed(now.clone(), &played, &mut ledger);
        sold.extend(results(&again.state));
    }
    assert_eq!(sold, ["1 0.00", "1 30.00"]);
    assert_eq!(ledger.more_replaced(crumb_domain::ContractId(1)), 1);
}

#[test]
fn a_lead_that_was_owed_no_more_is_owed_again_where_the_one_before_was_sold_to_another() {
    let dearer = |price: &str| exclusive(2, price).row("cap", 1);
    let now = market([owed(1, "30.00"), dearer("40.00")]).tree();
    let really = market([owed(1, "30.00"), dearer("20.00")]);
    let leads = [
        (really.clone(), "1 0.00"),
        // Read before the first had its end.
        (really.refuses(1, Refusal::NothingOwed), "1 30.00"),
    ];
    let mut ledger = Ledger::default();
    let sold = leads.map(|(market, expected)| {
        let played = market.play();
        assert_eq!(played.sales(), [expected]);
        let again = changed(now.clone(), &played, &mut ledger);
        results(&again.state)
    });
    assert_eq!(sold, [["2 40.00"], ["1 0.00"]]);
}

#[test]
fn what_is_held_against_the_least_margin_is_the_price_that_was_paid_for_the_lead_given_back() {
    let both = [contract(1, "multisell", "20.00").owed(1), contract(2, "multisell", "10.00")];
    let alerts = |second| market(both.clone()).payout("25.00").post(2, second).play().alerts().to_vec();
    assert_eq!(alerts(accepted_at("10.00")), []);
    assert!(
        matches!(alerts(accepted_at("1.00"))[..], [Alert::MarginUndercut { revenue, .. }] if revenue == money("21.00"))
    );
}
