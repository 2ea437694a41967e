//! How a vertical's contracts become a tree.

use crate::market::{Market, Spec, contract, cut, market, noon};
use crumb_domain::ContractId;
use crumb_domain::fields::FieldRules;
use crumb_domain::network::{Buyer, Contract, Settings, UnknownRule, Vertical};
use crumb_routing::{Event, State, Tree, TreeError, step};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

fn compile(market: &Market, settings: &Settings) -> Result<Tree, TreeError> {
    let vertical: Vertical = serde_json::from_value(market.vertical.clone()).unwrap();
    let rules = FieldRules::compile(&vertical).unwrap();
    let specs = market.specs.iter();
    let contracts: Vec<Contract> =
        specs.clone().map(|spec| serde_json::from_value(spec.contract.clone()).unwrap()).collect();
    let buyers: Vec<Buyer> = specs
        .filter(|spec| !spec.buyer.is_null())
        .map(|spec| serde_json::from_value(spec.buyer.clone()).unwrap())
        .collect();
    Tree::compile(&vertical, &rules, &contracts, &buyers, settings, &HashSet::new())
}

fn error(specs: impl IntoIterator<Item = Spec>) -> String {
    compile(&market(specs), &Settings::default()).unwrap_err().to_string()
}

fn one() -> Spec {
    contract(7, "exclusive", "30.00")
}

#[test]
fn the_contracts_of_the_vertical_stand_by_id() {
    let elsewhere = contract(3, "exclusive", "1.00").with("vertical", 2);
    let specs = [contract(9, "exclusive", "1.00"), elsewhere, one().group("carriers")];
    let tree = compile(&market(specs), &Settings::default()).unwrap();
    assert_eq!(tree.contracts().collect::<Vec<_>>(), [ContractId(7), ContractId(9)]);
    assert_eq!(tree.vertical().0, 1);
    assert_eq!(tree.buyer_of(ContractId(7)).map(|buyer| buyer.0), Some(700));
    assert_eq!(tree.group_of(ContractId(7)), Some("carriers"));
    assert_eq!((tree.buyer_of(ContractId(3)), tree.group_of(ContractId(9))), (None, None));
    assert_eq!(tree.router().resell_limit, 3);
    let wide = market([one()]).router("resell_limit", 5);
    assert_eq!(compile(&wide, &Settings::default()).unwrap().router().resell_limit, 5);
}

#[test]
fn a_tree_tells_when_a_contract_opens_next_and_when_a_lead_is_old_enough_for_it() {
    // 20:00 in Tokyo is 11:00 in UTC.
    let evening = one().row("open", "20:00").row("close", "22:00").with("time_zone", "Asia/Tokyo");
    let waits = |minutes: i64, seconds: i64| {
        contract(8, "exclusive", "1.00")
            .with("min_lead_age_minutes", minutes)
            .with("posting_wait_seconds", seconds)
    };
    let tree = |spec: Spec| compile(&market([evening.clone(), spec]), &Settings::default()).unwrap();
    let opens = tree(waits(0, 0)).next_opening(ContractId(7), noon());
    assert_eq!(opens, Some("2026-11-23T11:00:00Z".parse().unwrap()));
    let old_enough = |spec| tree(spec).old_enough_at(ContractId(8), noon());
    assert_eq!(old_enough(waits(5, 30)), Some(noon().plus_seconds(300)));
    assert_eq!(old_enough(waits(0, 30)), Some(noon().plus_seconds(30)));
    let none = ContractId(9);
    let tree = tree(waits(0, 0));
    assert_eq!((tree.next_opening(none, noon()), tree.old_enough_at(none, noon())), (None, None));
}

#[test]
fn what_cannot_be_compiled_is_named_with_its_contract() {
    assert_eq!(
        error([one().row("open", "8 am")]),
        "contract 7: schedule[0].open: \"8 am\" is no time like \"08:00\""
    );
    let filter = json!([{ "field": "colour", "op": "exists" }]);
    assert_eq!(
        error([one().with("filter", filter)]),
        "contract 7: filter[0].field: no field \"colour\" in the vertical"
    );
    assert_eq!(
        error([one().with("time_zone", "Mars")]),
        "contract 7: no time zone \"Mars\"; expected an IANA name like \"America/New_York\""
    );
    assert_eq!(error([one().with("buyer", 8)]), "contract 7: no buyer 8");
    assert_eq!(error([one(), one()]), "contract 7 is there twice");
}

#[test]
fn the_networks_zone_and_unknown_rule_hold_where_the_contract_has_none() {
    // Noon in UTC is 21:00 in Tokyo.
    let evening = || one().row("open", "20:00").row("close", "22:00");
    let settings =
        Settings { time_zone: "Asia/Tokyo".to_owned(), unknown_is: UnknownRule::Sold, ..Settings::default() };
    let end = |spec: Spec| {
        let market = market([spec]);
        let tree = compile(&market, &settings).unwrap();
        let mut state = State::new(Arc::new(tree), market.inputs());
        let contract = ContractId(7);
        for event in [
            Event::Begin,
            Event::Reserved { contract, replaces: None },
            Event::Posted { contract, answer: cut() },
        ] {
            (state, _) = step(state, &event, noon());
        }
        state.results()[0].result.as_str()
    };
    assert_eq!(end(evening()), "sold");
    assert_eq!(end(evening().unknown_is("wait")), "post_unknown");
    assert_eq!(end(evening().with("time_zone", "UTC")), "schedule_closed");
}

#[test]
fn facts_may_stand_in_any_order_and_be_missing() {
    let specs = [one().row("cap", 0), contract(8, "exclusive", "20.00"), contract(9, "exclusive", "10.00")];
    let market = market(specs);
    let mut run = market.inputs();
    run.facts[1].breaker_open = true;
    run.facts.reverse();
    run.facts.truncate(2);
    let (state, _) = step(State::new(market.tree(), run), &Event::Begin, noon());
    let results: Vec<_> = state.results().iter().map(|one| (one.contract.0, one.result.as_str())).collect();
    assert_eq!(results, [(7, "cap_reached"), (8, "buyer_inactive")]);
}
