//! Who comes first.

use crate::market::{Market, Spec, contract, market, noon, play, rejected};
use serde_json::json;
use std::collections::BTreeMap;

/// The contracts in the order in which they are posted to, when all refuse.
fn order(market: Market) -> Vec<i64> {
    let ids: Vec<i64> = market.specs.iter().map(|spec| spec.id().0).collect();
    ids.iter().fold(market, |market, id| market.post(*id, rejected())).play().posts()
}

fn exclusive(id: i64, price: &str) -> Spec {
    contract(id, "exclusive", price)
}

#[test]
fn the_higher_price_comes_first() {
    let specs = [exclusive(1, "10.00"), exclusive(2, "30.00"), exclusive(3, "20.00")];
    assert_eq!(order(market(specs)), [2, 3, 1]);
}

#[test]
fn priority_rows_come_first_whatever_they_pay() {
    let specs = [exclusive(1, "10.00"), exclusive(2, "30.00"), exclusive(3, "5.00").priority()];
    assert_eq!(order(market(specs)), [3, 2, 1]);
}

#[test]
fn among_priority_rows_the_rank_comes_before_the_price() {
    let specs = [
        exclusive(1, "10.00").priority().rank(1),
        exclusive(2, "30.00").priority().rank(2),
        exclusive(3, "20.00").priority().rank(1),
        exclusive(4, "40.00").rank(0),
    ];
    assert_eq!(order(market(specs)), [3, 1, 2, 4]);
}

#[test]
fn ties_go_by_rank_then_by_least_recently_sold_then_by_id() {
    let sold = |seconds: i64| Some(noon().plus_seconds(-seconds));
    let specs = [
        exclusive(1, "10.00").facts(|facts| facts.last_sold = sold(5)),
        exclusive(2, "10.00").facts(|facts| facts.last_sold = sold(50)),
        exclusive(3, "10.00").rank(-1).facts(|facts| facts.last_sold = sold(1)),
        exclusive(5, "10.00"),
        exclusive(4, "10.00"),
    ];
    assert_eq!(order(market(specs)), [3, 4, 5, 2, 1]);
}

#[test]
fn who_never_bought_comes_before_whoever_did_however_long_ago() {
    let sold = |id: i64, at: crumb_domain::Timestamp| {
        exclusive(id, "10.00").facts(|facts| facts.last_sold = Some(at))
    };
    let at = crumb_domain::Timestamp::from_micros;
    let specs =
        [sold(1, noon()), sold(2, at(0)), sold(3, at(-1)), sold(4, at(i64::MIN)), exclusive(5, "10.00")];
    assert_eq!(order(market(specs)), [5, 4, 3, 2, 1]);
}

#[test]
fn equals_that_set_a_weight_come_first_as_often_as_they_weigh() {
    let mut first = BTreeMap::new();
    for seed in 0..2_000 {
        let specs = [exclusive(1, "10.00").with("weight", 1), exclusive(2, "10.00").with("weight", 3)];
        let posts = order(market(specs).run(|run| run.seed = seed));
        *first.entry(posts[0]).or_insert(0u32) += 1;
    }
    // 1,500 of 2,000 are expected; 7 standard deviations are 136.
    assert!((1_364..1_636).contains(&first[&2]), "{first:?}");
}

#[test]
fn each_further_place_goes_to_one_of_those_left_as_often_as_they_weigh() {
    let mut orders = BTreeMap::new();
    for seed in 0..2_000 {
        let specs = (1..=3).map(|id| exclusive(id, "10.00").with("weight", 5));
        *orders.entry(order(market(specs).run(|run| run.seed = seed))).or_insert(0u32) += 1;
    }
    // 333 of 2,000 are expected of each of the six; 7 standard deviations are 117.
    assert!(orders.len() == 6 && orders.values().all(|times| (217..450).contains(times)), "{orders:?}");
}

#[test]
fn the_same_seed_chooses_the_same() {
    let play = || {
        let specs = (1..=6).map(|id| exclusive(id, "10.00").with("weight", id));
        order(market(specs))
    };
    assert_eq!(play(), play());
}

#[test]
fn only_those_that_set_a_weight_change_places_among_themselves() {
    let mut firsts = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let weights = [Some(1), None, Some(5), None];
        let specs =
            (1..).zip(weights).map(|(id, weight)| exclusive(id, "10.00").with("weight", json!(weight)));
        let posts = order(market(specs).run(|run| run.seed = seed));
        assert_eq!((posts[1], posts[3]), (2, 4));
        firsts.insert(posts[0]);
    }
    assert_eq!(firsts.into_iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_weight_decides_nothing_between_prices_or_ranks() {
    for seed in 0..50 {
        let specs = [
            exclusive(1, "10.00").with("weight", 1_000).rank(1),
            exclusive(2, "10.00").with("weight", 1),
            exclusive(3, "11.00").with("weight", 1),
        ];
        assert_eq!(order(market(specs).run(|run| run.seed = seed)), [3, 2, 1]);
    }
}

#[test]
fn weights_of_nothing_leave_the_order_as_it_is() {
    let specs = [exclusive(1, "10.00").with("weight", 0), exclusive(2, "10.00").with("weight", 0)];
    assert_eq!(order(market(specs)), [1, 2]);
}

#[test]
fn facts_are_of_the_contract_that_they_name_in_whatever_order_they_come() {
    let tried = exclusive(1, "20.00").facts(|facts| facts.breaker_open = true);
    let market = market([tried, exclusive(2, "10.00")]);
    let mut run = market.inputs();
    run.facts.reverse();
    let played = play(market.tree(), run, market.script.clone());
    assert_eq!(played.results(), market.play().results());
    assert_eq!(played.result(2), "sold");
}
