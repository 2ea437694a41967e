//! Properties over random trees, runs and answers.

use crate::market::{Market, Spec, after_ms, contract, market, money, noon};
use crate::quotes::sells_at_the_quote_or_better;
use crate::replays::check_replay;
use crumb_domain::network::Distribution;
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PostFailure, PriceRead};
use crumb_domain::time::Zone;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_routing::{Earlier, Event, Had, Payout, Refusal, State, step};
use proptest::prelude::*;

fn price() -> impl Strategy<Value = String> {
    (0u32..6).prop_map(|units| format!("{}.00", units * 5))
}

fn spec() -> impl Strategy<Value = Spec> {
    let row = (price(), prop::sample::select(vec!["exclusive", "multisell", "hybrid"]), 0u8..16);
    let owed = prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(2u32)];
    let facts = (prop::option::of(0u32..3), prop::option::of(-5i64..40), prop::option::of(0i64..100), owed);
    let who = (
        1i64..5,
        -1i32..2,
        prop::option::of(0u32..3),
        prop::sample::select(vec!["wait", "rejected", "sold"]),
    );
    (row, facts, who).prop_map(
        |((price, sale_type, flags), (count, available, sold, owed), (buyer, rank, weight, rule))| {
            let today = Zone::UTC.day_of(noon());
            let mut spec = contract(1, sale_type, &price).unknown_is(rule).rank(rank).buyer(buyer);
            // A buyer has one group, whichever contract it is.
            spec = if buyer % 2 == 0 { spec.group("g") } else { spec };
            for (bit, key) in [(1, "sweeper"), (2, "priority")] {
                spec = if flags & bit != 0 && flags & 8 == 0 { spec.row(key, true) } else { spec };
            }
            spec = if flags & 4 != 0 { spec.ping() } else { spec };
            spec = match weight {
                Some(weight) => spec.with("weight", weight),
                None => spec,
            };
            spec.row("cap", 2).facts(|facts| {
                facts.counts = count.map(|count| vec![(today, count)]).unwrap_or_default();
                facts.available = available.map(|units| Money::from_micros(units * 1_000_000));
                facts.owed = owed;
                facts.last_sold = sold.map(|seconds| noon().plus_seconds(-seconds));
            })
        },
    )
}

fn reading() -> impl Strategy<Value = BuyerReading> {
    let price = prop_oneof![
        3 => Just(None),
        1 => Just(Some(PriceRead::Absent)),
        1 => Just(Some(PriceRead::Unreadable)),
        3 => (-5i64..400).prop_map(|units| Some(PriceRead::Amount(Money::from_micros(units * 1_000_000)))),
    ];
    (price, any::<bool>()).prop_map(|(price, bad_redirect)| BuyerReading {
        price,
        bad_redirect,
        ..BuyerReading::default()
    })
}

pub fn answer() -> impl Strategy<Value = BuyerAnswer> {
    prop_oneof![
        4 => reading().prop_map(BuyerAnswer::Accepted),
        2 => reading().prop_map(BuyerAnswer::Rejected),
        1 => reading().prop_map(BuyerAnswer::Duplicate),
        1 => reading().prop_map(BuyerAnswer::Error),
        1 => reading().prop_map(BuyerAnswer::UnknownAnswer),
        2 => any::<bool>().prop_map(|sent| BuyerAnswer::Failed(PostFailure::TimedOut { sent })),
        2 => any::<bool>().prop_map(|sent| BuyerAnswer::Failed(PostFailure::Broken { sent })),
    ]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        (0u32..3).prop_map(|count| Refusal::CapReached { count, cap: 2 }),
        Just(Refusal::NoCredit { available: Money::ZERO, price: money("5.00") }),
        Just(Refusal::AlreadySent),
        Just(Refusal::NothingOwed),
    ]
}

pub fn a_market() -> impl Strategy<Value = Market> {
    let scripted = (spec(), answer(), answer(), prop::option::weighted(0.1, refusal()), 0i64..3_000);
    let router = (0u32..5, any::<bool>(), 0u32..4, price());
    let payout = prop_oneof![
        (0i64..20).prop_map(|units| Payout::Fixed(Money::from_micros(units * 1_000_000))),
        (0i64..120).prop_map(|percent| Payout::Percent(Money::from_micros(percent * 1_000_000))),
    ];
    let how = prop::sample::select(vec![Had::Bought, Had::Sent, Had::MayHave]);
    let earlier = prop::option::weighted(0.3, (1i64..6, how));
    let distribution =
        prop::sample::select(vec![Distribution::Direct, Distribution::Ping, Distribution::AsyncPing]);
    let run = (payout, earlier, distribution, 0i64..12_000, any::<u64>());
    (prop::collection::vec(scripted, 0..9), router, run).prop_map(
        |(contracts, (limit, tie, partners, margin), (payout, earlier, distribution, deadline, seed))| {
            let numbered =
                |(id, (mut spec, ping, post, refusal, takes)): (i64, (Spec, _, _, Option<Refusal>, i64))| {
                    spec = spec.with("id", id);
                    spec.facts.contract = ContractId(id);
                    (id, spec, ping, post, refusal, takes)
                };
            let contracts: Vec<_> = (1..).zip(contracts).map(numbered).collect();
            let mut market = market(contracts.iter().map(|(_, spec, ..)| spec.clone()))
                .router("resell_limit", limit)
                .router("tie_favors_exclusive", tie)
                .router("sweeper_partners", partners)
                .router("minimum_margin", if margin == "25.00" { margin } else { "0.00".to_owned() })
                .run(|run| {
                    (run.payout, run.distribution, run.seed) = (payout, distribution, seed);
                    run.deadline = after_ms(deadline);
                    if let Some((buyer, how)) = earlier {
                        let group = (buyer % 2 == 0).then(|| "g".to_owned());
                        run.earlier = vec![Earlier { buyer: BuyerId(buyer), group, how }];
                        run.bought_count = u32::from(how == Had::Bought);
                    }
                });
            for (id, _, ping, post, refusal, takes) in contracts {
                market = market.pinged(id, ping).post(id, post).takes_ms(id, takes);
                market = match refusal {
                    Some(why) => market.refuses(id, why),
                    None => market,
                };
            }
            market
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let contract = || (0i64..6).prop_map(ContractId);
    prop_oneof![
        Just(Event::Begin),
        Just(Event::DeadlineReached),
        contract().prop_map(|contract| Event::Reserved { contract, replaces: None }),
        (contract(), refusal()).prop_map(|(contract, why)| Event::Refused { contract, why }),
        (contract(), answer()).prop_map(|(contract, answer)| Event::Pinged { contract, answer }),
        (contract(), answer()).prop_map(|(contract, answer)| Event::Posted { contract, answer }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_market_keeps_what_always_holds_and_replays_to_the_byte(market in a_market()) {
        let played = market.clone().play();
        check_replay(&market, &played);
    }

    #[test]
    fn a_quote_is_kept_where_each_buyer_takes_the_lead(market in a_market()) {
        sells_at_the_quote_or_better(market);
    }

    #[test]
    fn any_events_in_any_order_do_no_harm(market in a_market(), events in prop::collection::vec(event(), 0..60)) {
        let mut state = State::new(market.tree(), market.inputs());
        let mut ends = 0;
        for event in events {
            let commands;
            (state, commands) = step(state, &event, noon());
            ends += commands.iter().filter(|one| matches!(one, crumb_routing::Command::End { .. })).count();
            prop_assert_eq!(state.is_ended(), ends == 1);
        }
        if state.is_ended() {
            prop_assert_eq!(state.results().len(), market.specs.len());
        }
    }
}
