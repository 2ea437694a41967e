//! Asking for prices before a post.

use crate::market::{
    Market, Spec, accepted, accepted_at, accepted_with, after_ms, contract, cut, market, money, rejected,
    unreachable,
};
use crumb_domain::ContractId;
use crumb_domain::network::Distribution;
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PostFailure, PriceRead};
use crumb_routing::{Alert, Command, Refusal};
use serde_json::json;

fn exclusive(id: i64, floor: &str) -> Spec {
    contract(id, "exclusive", floor).ping()
}

fn multisell(id: i64, floor: &str) -> Spec {
    contract(id, "multisell", floor).ping()
}

fn at_once(specs: impl IntoIterator<Item = Spec>) -> Market {
    market(specs).distribution(Distribution::AsyncPing)
}

fn one_by_one(specs: impl IntoIterator<Item = Spec>) -> Market {
    market(specs).distribution(Distribution::Ping)
}

#[test]
fn a_direct_offer_pings_nobody() {
    let played = market([exclusive(1, "10.00")]).play();
    assert!(played.pings().is_empty());
    assert_eq!(played.posts(), [1]);
}

#[test]
fn async_ping_asks_all_candidates_with_a_ping_at_once_and_orders_by_the_answers() {
    let specs = [exclusive(1, "10.00"), exclusive(2, "10.00"), contract(3, "exclusive", "15.00")];
    let played = at_once(specs)
        .pinged(1, accepted_at("12.00"))
        .pinged(2, accepted_at("20.00"))
        .post(2, rejected())
        .play();
    assert_eq!(played.pings(), [1, 2]);
    assert!(played.commands.iter().take(2).all(|(at, _)| *at == crate::market::noon()));
    assert_eq!(played.posts(), [2, 3]);
    assert_eq!(played.results(), ["1 outbid", "2 post_rejected", "3 sold"]);
    assert_eq!(played.text(1), "Its price of 12.00 lost to 15.00.");
}

#[test]
fn a_contract_without_a_ping_takes_part_at_its_rows_price_and_may_be_outbid() {
    let specs = [exclusive(1, "10.00"), contract(2, "exclusive", "15.00"), contract(3, "exclusive", "16.00")];
    let played = at_once(specs).pinged(1, accepted_at("16.00")).play();
    assert_eq!(played.results(), ["1 sold", "2 outbid", "3 not_needed"]);
}

#[test]
fn only_candidates_are_pinged() {
    let specs = [exclusive(1, "10.00"), exclusive(2, "10.00").with("status", "inactive")];
    assert_eq!(at_once(specs).play().pings(), [1]);
}

#[test]
fn priority_rows_come_first_whatever_pings_return() {
    let specs = [exclusive(1, "10.00").priority(), exclusive(2, "10.00")];
    let played = at_once(specs).pinged(2, accepted_at("90.00")).play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed"]);
}

#[test]
fn a_priority_row_that_had_no_turn_was_not_outbid() {
    let specs = [multisell(1, "10.00").priority(), exclusive(2, "10.00")];
    let played = at_once(specs).pinged(2, accepted_at("90.00")).play();
    assert_eq!(played.results(), ["1 not_needed", "2 sold"]);
}

#[test]
fn a_ping_price_below_the_rows_is_a_reject_with_its_values() {
    let played = at_once([exclusive(1, "10.00")]).pinged(1, accepted_at("9.99")).play();
    assert_eq!(played.result(1), "ping_rejected");
    assert_eq!(played.text(1), "The ping was answered with 9.99, below the row's price of 10.00.");
    assert_eq!(played.values(1), json!({ "price": "9.99", "floor": "10.00" }));
}

#[test]
fn an_accepted_ping_without_its_price_is_worth_nothing() {
    for price in [PriceRead::Absent, PriceRead::Unreadable, PriceRead::Amount(money("-5.00"))] {
        let played = at_once([exclusive(1, "10.00")]).pinged(1, accepted_with(price)).play();
        assert_eq!(played.values(1), json!({ "price": "0.00", "floor": "10.00" }));
        let played = at_once([exclusive(1, "0.00")]).pinged(1, accepted_with(price)).play();
        assert_eq!(played.sales(), ["1 0.00"]);
    }
    let played = at_once([exclusive(1, "10.00")]).pinged(1, accepted()).play();
    assert_eq!(played.sales(), ["1 10.00"], "no pattern for prices: the row's holds");
}

#[test]
fn a_pings_answer_says_how_it_ended() {
    let reading = BuyerReading::default;
    for (answer, code, text) in [
        (rejected(), "ping_rejected", "The ping was answered no."),
        (
            BuyerAnswer::Duplicate(reading()),
            "ping_rejected",
            "The ping was answered that the buyer has the lead.",
        ),
        (
            BuyerAnswer::UnknownAnswer(reading()),
            "ping_rejected",
            "The ping's answer was not understood, which counts as a refusal: no pattern matched.",
        ),
        (BuyerAnswer::Error(reading()), "ping_error", "The ping was answered with an error."),
        (cut(), "ping_error", "The ping failed."),
        (unreachable(), "ping_error", "The ping failed."),
        (
            BuyerAnswer::Failed(PostFailure::TimedOut { sent: true }),
            "ping_timeout",
            "The ping was not answered in time.",
        ),
    ] {
        for market in [at_once([exclusive(1, "1.00")]), one_by_one([exclusive(1, "1.00")])] {
            let played = market.pinged(1, answer.clone()).play();
            assert_eq!((played.result(1), played.text(1)), (code, text.to_owned()));
            assert!(played.posts().is_empty());
        }
    }
}

#[test]
fn a_pings_session_token_goes_into_the_post() {
    let reading = BuyerReading { session: Some("T7".to_owned()), ..BuyerReading::default() };
    let played = at_once([exclusive(1, "1.00")]).pinged(1, BuyerAnswer::Accepted(reading)).play();
    let tokens = played.commands.iter().filter_map(|(_, command)| match command {
        Command::Post { session, .. } => session.clone(),
        _ => None,
    });
    assert_eq!(tokens.collect::<Vec<_>>(), ["T7"]);
}

#[test]
fn one_at_a_time_pings_in_order_and_posts_to_the_first_that_accepts() {
    let specs = || [exclusive(1, "30.00"), exclusive(2, "20.00"), exclusive(3, "10.00")];
    let played = one_by_one(specs()).pinged(1, rejected()).pinged(3, accepted_at("90.00")).play();
    assert_eq!((played.pings(), played.posts()), (vec![1, 2], vec![2]));
    assert_eq!(played.results(), ["1 ping_rejected", "2 sold", "3 not_needed"]);
    let played = one_by_one(specs()).post(1, rejected()).play();
    assert_eq!((played.pings(), played.posts()), (vec![1, 2], vec![1, 2]), "it goes on if the post fails");
}

#[test]
fn one_at_a_time_a_contract_without_a_ping_is_posted_to_in_its_turn() {
    let played =
        one_by_one([exclusive(1, "30.00"), contract(2, "exclusive", "20.00")]).pinged(1, rejected()).play();
    assert_eq!((played.pings(), played.posts()), (vec![1], vec![2]));
}

#[test]
fn the_margin_of_a_pinged_contract_is_tested_on_the_pings_price() {
    for market in [at_once([exclusive(1, "0.00")]), one_by_one([exclusive(1, "0.00")])] {
        let market = market.payout("20.00");
        let played = market.clone().pinged(1, accepted_at("20.00")).play();
        assert_eq!(played.sales(), ["1 20.00"]);
        let played = market.pinged(1, accepted_at("19.99")).play();
        assert_eq!(played.result(1), "margin_too_small");
        assert_eq!(played.pings(), [1]);
    }
}

#[test]
fn a_group_whose_rows_pay_too_little_is_pinged_one_by_one_before_its_first_post() {
    let specs = || [multisell(1, "0.00"), multisell(2, "0.00")];
    let play = |second: &str| {
        let market = one_by_one(specs()).payout("20.00");
        market.pinged(1, accepted_at("12.00")).pinged(2, accepted_at(second)).play()
    };
    let played = play("8.00");
    assert_eq!((played.pings(), played.posts()), (vec![1, 2], vec![1, 2]));
    assert_eq!(played.sales(), ["1 12.00", "2 8.00"]);
    let played = play("7.99");
    assert_eq!(played.results(), ["1 margin_too_small", "2 margin_too_small"]);
}

#[test]
fn a_group_is_pinged_member_by_member_just_before_each_post() {
    let played = one_by_one([multisell(1, "10.00"), multisell(2, "9.00"), multisell(3, "8.00")])
        .pinged(2, rejected())
        .play();
    let kinds: Vec<String> = played
        .commands
        .iter()
        .filter_map(|(_, command)| match command {
            Command::Ping { contract, .. } => Some(format!("ping {contract}")),
            Command::Post { contract, .. } => Some(format!("post {contract}")),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["ping 1", "post 1", "ping 2", "ping 3", "post 3"]);
}

#[test]
fn a_groups_sum_is_that_of_the_prices_that_pings_returned() {
    let specs = [exclusive(1, "10.00"), multisell(2, "5.00"), multisell(3, "5.00")];
    let played = at_once(specs)
        .pinged(1, accepted_at("20.00"))
        .pinged(2, accepted_at("15.00"))
        .pinged(3, accepted_at("6.00"))
        .play();
    assert_eq!(played.results(), ["1 outbid", "2 sold", "3 sold"]);
    assert_eq!(played.text(1), "Its price of 20.00 lost to a group that pays 21.00 together.");
}

#[test]
fn an_incredible_ping_price_counts_as_the_maximum_with_an_alert() {
    let played = at_once([exclusive(1, "10.00")]).pinged(1, accepted_at("100.01")).play();
    assert_eq!(played.sales(), ["1 100.00"]);
    let alert =
        Alert::PriceOverMaximum { contract: ContractId(1), price: money("100.01"), maximum: money("100.00") };
    assert_eq!(played.alerts(), [alert]);
}

#[test]
fn what_is_reserved_after_a_ping_is_its_price() {
    let played = at_once([exclusive(1, "10.00")]).pinged(1, accepted_at("12.00")).play();
    assert_eq!(played.state.sales()[0].reserved.price, money("12.00"));
}

#[test]
fn a_pinged_contract_whose_cap_was_reached_meanwhile_does_not_change_its_row() {
    let row = |cap: u32, price: &str| {
        json!({ "days": ["all"], "open": "00:00", "close": "24:00", "cap": cap, "price": price,
            "type": "exclusive" })
    };
    let spec = exclusive(1, "1.00").with("schedule", json!([row(10, "30.00"), row(20, "20.00")]));
    let played = at_once([spec]).refuses(1, Refusal::CapReached { count: 10, cap: 10 }).play();
    assert_eq!((played.result(1), played.text(1)), ("cap_reached", "10 of 10 today".to_owned()));
}

#[test]
fn a_ping_is_given_its_timeout_and_leaves_time_for_a_post() {
    let until = |market: Market| {
        let played = market.play();
        let (_, ping) = played.commands.into_iter().next().unwrap();
        let Command::Ping { until, .. } = ping else { panic!("no ping") };
        until
    };
    assert_eq!(until(at_once([exclusive(1, "1.00")])), after_ms(2_000));
    let mut spec = exclusive(1, "1.00");
    spec.contract["ping"]["timeout_ms"] = json!(700);
    assert_eq!(until(at_once([spec])), after_ms(700));
    let patient = |deadline: i64| {
        let mut spec = exclusive(1, "1.00");
        spec.contract["ping"]["timeout_ms"] = json!(60_000);
        until(at_once([spec]).run(|run| run.deadline = after_ms(deadline)))
    };
    for (deadline, end) in [(20_000, 18_000), (4_000, 2_000), (1_500, 750), (1_000, 450), (550, 0)] {
        assert_eq!(patient(deadline), after_ms(end), "{deadline}");
    }
}

#[test]
fn a_ping_that_is_not_answered_takes_the_sale_from_nobody_else() {
    let slow = || {
        let mut slow = exclusive(1, "10.00");
        slow.contract["ping"]["timeout_ms"] = json!(60_000);
        slow
    };
    for deadline in [20_000, 2_000, 1_200] {
        for market in [
            at_once([slow(), exclusive(2, "5.00")]),
            at_once([slow(), contract(2, "exclusive", "5.00")]),
            one_by_one([slow(), exclusive(2, "5.00")]),
        ] {
            let played = market.run(|run| run.deadline = after_ms(deadline)).takes_ms(1, 30_000).play();
            assert_eq!(played.results(), ["1 ping_timeout", "2 sold"], "{deadline}");
        }
    }
}

#[test]
fn nobody_is_pinged_when_no_post_could_follow() {
    for market in [at_once([exclusive(1, "1.00")]), one_by_one([exclusive(1, "1.00")])] {
        let played = market.run(|run| run.deadline = after_ms(499)).play();
        assert!(played.pings().is_empty());
        assert_eq!(played.result(1), "deadline");
    }
}
