//! How long it takes to decide who gets a lead: 500 contracts in three zones, with
//! schedules, caps, credit and filters, held against it and ordered, up to the first
//! reservation.

use crumb_domain::fields::FieldRules;
use crumb_domain::network::{Buyer, Contract, Distribution, Settings, Vertical};
use crumb_domain::time::Zone;
use crumb_domain::{AffiliateId, ContractId, Money, OfferId, Timestamp};
use crumb_routing::{ContractFacts, Event, Payout, Run, State, Tree, step};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

const CONTRACTS: i64 = 500;

fn main() {
    divan::main();
}

/// Every third contract is open to the lead's state; the others' filters refuse it.
#[divan::bench]
fn mixed_500_contracts(bencher: divan::Bencher<'_, '_>) {
    decide(bencher, |id| if id % 3 == 0 { "CA|NV|OR" } else { "TX|FL" });
}

/// Every contract is a candidate: the worst case.
#[divan::bench]
fn eager_500_contracts(bencher: divan::Bencher<'_, '_>) {
    decide(bencher, |_| "CA|NV|OR");
}

fn decide(bencher: divan::Bencher<'_, '_>, states: fn(i64) -> &'static str) {
    let (tree, run, now) = inputs(states);
    bencher.with_inputs(|| State::new(Arc::clone(&tree), run.clone())).bench_values(|state| {
        let (state, commands) = step(state, &Event::Begin, now);
        assert_eq!(commands.len(), 1);
        state
    });
}

fn inputs(states: fn(i64) -> &'static str) -> (Arc<Tree>, Run, Timestamp) {
    let vertical = vertical();
    let rules = FieldRules::compile(&vertical).expect("fields");
    let contracts: Vec<Contract> = (1..=CONTRACTS).map(|id| contract(id, states(id))).collect();
    let buyers: Vec<Buyer> = (1..=CONTRACTS).map(buyer).collect();
    let off = HashSet::new();
    let tree = Tree::compile(&vertical, &rules, &contracts, &buyers, &Settings::default(), &off);
    let now: Timestamp = "2026-11-22T20:00:00Z".parse().expect("a moment");
    let today = Zone::UTC.day_of(now);
    let facts = |id: i64| ContractFacts {
        counts: vec![(today, 3)],
        available: Some(Money::from_micros(500_000_000)),
        last_sold: Some(now.plus_seconds(-id)),
        ..ContractFacts::none_of(ContractId(id))
    };
    let run = Run {
        lead: "C8097F17".parse().expect("a lead's id"),
        number: 1,
        at: now,
        begun_at: now,
        offer: OfferId(100),
        affiliate: AffiliateId(12),
        is_upsell: false,
        fields: fields(),
        today,
        payout: Payout::Fixed(Money::from_micros(1_000_000)),
        distribution: Distribution::Direct,
        deadline: now.plus_seconds(20),
        seed: 7,
        facts: (1..=CONTRACTS).map(facts).collect(),
        earlier: Vec::new(),
        sold_exclusively: false,
        bought_count: 0,
        quoted: Vec::new(),
    };
    (Arc::new(tree.expect("a tree")), run, now)
}

fn fields() -> Vec<(String, String)> {
    let given = [
        ("first_name", "Ann"),
        ("last_name", "Lee"),
        ("email_address", "ann@example.com"),
        ("state", "CA"),
        ("age", "34"),
        ("zip_code", "90210"),
    ];
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn vertical() -> Vertical {
    let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let states = json!({ "name": "state", "type": "list", "values": ["CA", "NV", "OR", "TX", "FL"] });
    let fields = json!([
        field("first_name", "string"),
        field("last_name", "string"),
        field("email_address", "email"),
        states,
        field("age", "number"),
        field("zip_code", "zip")
    ]);
    serde_json::from_value(json!({ "id": 1, "name": "Auto", "field": fields })).expect("a vertical")
}

fn contract(id: i64, states: &str) -> Contract {
    let zone = ["America/New_York", "America/Los_Angeles", "America/Chicago"][id as usize % 3];
    let sale_type = ["exclusive", "multisell", "hybrid"][id as usize % 3];
    let weekdays = json!({ "days": ["mon", "tue", "wed", "thu", "fri"], "open": "08:00", "close": "20:00",
        "cap": 50, "price": "30.00", "type": sale_type });
    let weekend = json!({ "days": ["sat", "sun"], "open": "10:00", "close": "18:00", "cap": 50,
        "price": format!("{}.00", 10 + id % 40), "type": sale_type });
    let filter = json!([{ "field": "state", "op": "in", "value": states },
        { "field": "age", "op": "between", "value": "18|65" }]);
    let contract = json!({ "id": id, "buyer": id, "vertical": 1, "name": "c", "time_zone": zone,
        "exclude_affiliates": [13, 14], "schedule": [weekdays, weekend], "filter": filter,
        "post": { "method": "post", "url": "http://b.example/", "accepted": ["contains:ok"] } });
    serde_json::from_value(contract).expect("a contract")
}

fn buyer(id: i64) -> Buyer {
    serde_json::from_value(json!({ "id": id, "name": "b" })).expect("a buyer")
}
