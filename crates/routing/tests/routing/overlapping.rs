//! Replays of leads that came at the same time: what each read when its run began does not
//! say what those under way took, and yet nobody sells more than there is.

use crate::market::{Market, Played, after_ms, contract, market, money};
use crate::simulation::rand_of_the_simulation::Dice;
use crate::simulation::{FUNDS, Simulation, TODAY_CAP};
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_routing::replay::{Answers, Ledger, Really, Replayed};
use crumb_routing::{Refusal, State, replay, replay_changed};
use std::collections::BTreeMap;

/// Some leads at random moments, the ends of whose turns come in any order; other leads,
/// which nobody replays, have some places under the caps.
fn overlapping(seed: u64) -> (Simulation, BTreeMap<ContractId, u32>) {
    let mut simulation = Simulation::new(seed);
    (simulation.is_honest, simulation.pause_ms) = (true, simulation.dice.pick(&[1, 40, 900]));
    let contracts: Vec<ContractId> = simulation.market.tree().contracts().collect();
    let elsewhere: BTreeMap<ContractId, u32> =
        contracts.iter().map(|one| (*one, simulation.dice.pick(&[0, 0, 1, 2]))).collect();
    simulation.books.counts = elsewhere.clone();
    let mut to_come = 12;
    while to_come > 0 || !simulation.pending.is_empty() {
        if to_come > 0 && (simulation.pending.is_empty() || simulation.dice.below(6) == 0) {
            to_come -= 1;
            simulation.lead();
        } else {
            simulation.happen();
        }
    }
    (simulation, elsewhere)
}

/// Each lead by a market, in the order in which their runs began.
fn replayed(simulation: &Simulation, market: &Market) -> Vec<State> {
    let (tree, mut ledger, elsewhere) = (market.tree(), Ledger::default(), Answers::default());
    let runs = simulation.runs.iter().zip(&simulation.recorded);
    let again = runs.map(|(state, recorded)| {
        let really = Really { state, recorded, elsewhere: &elsewhere, is_in_vain: &|_| false };
        let Replayed { state: now, .. } = replay_changed(tree.clone(), state.run(), &really, &mut ledger);
        ledger.really(&really, Some(&now));
        now
    });
    again.collect()
}

fn bytes(state: &State) -> String {
    serde_json::to_string(&(state.results(), state.sales(), state.held(), state.releases())).unwrap()
}

/// Other caps, prices, ways to share and rules, here and there.
fn change(market: &Market, dice: &mut Dice) -> (Market, BTreeMap<ContractId, u32>) {
    let (mut changed, mut caps) = (market.clone(), BTreeMap::new());
    for spec in &mut changed.specs {
        let mut other = spec.clone();
        let mut cap = TODAY_CAP;
        if dice.below(2) == 0 {
            cap = dice.pick(&[1, 2, 3, 5, 7, 9]);
            other = other.row("cap", cap);
        }
        if dice.below(3) == 0 {
            other = other.row("price", dice.pick(&["2.00", "12.00", "30.00", "45.00"]));
        }
        if dice.below(4) == 0 {
            other = other.row("type", dice.pick(&["exclusive", "multisell", "hybrid"]));
        }
        if dice.below(4) == 0 {
            other = other.unknown_is(dice.pick(&["wait", "rejected", "sold"]));
        }
        caps.insert(other.id(), cap);
        *spec = other;
    }
    (changed, caps)
}

#[test]
fn in_a_replay_of_leads_that_came_at_once_nobody_sells_over_its_cap_or_beyond_its_credit() {
    let (mut sold, mut full, mut spent_out) = (0, 0, 0);
    for seed in 0..500 {
        let (mut simulation, elsewhere) = overlapping(seed);
        let (changed, caps) = change(&simulation.market.clone(), &mut simulation.dice);
        let (mut counts, mut spent) = (elsewhere.clone(), BTreeMap::<BuyerId, Money>::new());
        let mut free = BTreeMap::<ContractId, u32>::new();
        for state in replayed(&simulation, &changed) {
            let kept = state.sales().iter().map(|sale| &sale.reserved);
            for one in kept.chain(state.held().iter().map(|held| &held.reserved)) {
                sold += 1;
                let count = counts.entry(one.contract).or_default();
                *count += 1;
                assert!(*count <= caps[&one.contract], "seed {seed}: {} is over its cap", one.contract);
                full += u32::from(*count == caps[&one.contract]);
                let spent = spent.entry(one.buyer).or_insert(Money::ZERO);
                *spent = Money::from_micros(spent.micros() + one.charged().micros());
                let is_free = one.charged() == Money::ZERO;
                assert!(is_free || *spent <= money(FUNDS), "seed {seed}: {} spent {spent}", one.buyer);
                spent_out += u32::from(*spent > money("75.00"));
                let free = free.entry(one.contract).or_default();
                *free += u32::from(one.replacement);
                assert!(*free <= 2, "seed {seed}: {} had {free} leads free and was owed two", one.contract);
            }
        }
    }
    assert!(sold > 3_000 && full > 300 && spent_out > 300, "{sold}, {full}, {spent_out}: it shows nothing");
}

#[test]
fn leads_that_came_at_once_come_to_the_same_to_the_byte_by_the_same_market() {
    for seed in 0..300 {
        let (simulation, _) = overlapping(seed);
        let tree = simulation.market.tree();
        let same = replayed(&simulation, &simulation.market);
        let runs = simulation.runs.iter().zip(&simulation.recorded);
        for ((state, recorded), again) in runs.zip(&same) {
            assert_eq!(bytes(again), bytes(state), "seed {seed}, among others");
            let alone = replay(tree.clone(), state.run(), recorded);
            assert_eq!(bytes(&alone.state), bytes(state), "seed {seed}, by itself");
        }
    }
}

/// All begin before any of them has bought.
#[test]
fn of_forty_leads_at_once_exactly_as_many_sell_as_a_changed_cap_or_credit_allows() {
    let capped = |cap: u32, price: &str| {
        let spec = contract(1, "exclusive", price).row("cap", cap);
        market([spec.facts(|facts| facts.available = Some(money("300.00")))])
    };
    let played: Vec<_> = (0..40)
        .map(|number| {
            let begun_at = after_ms(number);
            let lead = capped(10, "30.00").takes_ms(1, 100 + number);
            let lead = lead.run(|run| (run.begun_at, run.deadline) = (begun_at, begun_at.plus_seconds(20)));
            let refused = Refusal::CapReached { count: 10, cap: 10 };
            // Not those that began first.
            if number % 4 == 1 { lead.play() } else { lead.refuses(1, refused).play() }
        })
        .collect();
    let sold = |cap: u32, price: &str| {
        let (tree, mut ledger) = (capped(cap, price).tree(), Ledger::default());
        let sold = played.iter().map(|one| {
            let Played { state, recorded, .. } = one;
            let really = Really { state, recorded, elsewhere: &Answers::default(), is_in_vain: &|_| false };
            let now = replay_changed(tree.clone(), state.run(), &really, &mut ledger).state;
            ledger.really(&really, Some(&now));
            now.sales().len()
        });
        sold.sum::<usize>()
    };
    assert_eq!(played.iter().map(|one| one.state.sales().len()).sum::<usize>(), 10);
    assert_eq!([10, 3, 1, 9].map(|cap| sold(cap, "30.00")), [10, 3, 1, 9]);
    assert_eq!(sold(20, "30.00"), 10, "there is money for ten");
    assert_eq!((sold(10, "100.00"), sold(20, "15.00")), (3, 20));
}
