//! Every small market there is: up to three contracts, each of any type, of two
//! prices, with each kind of answer and each rule, under each limit. What always
//! holds is checked of all of them, and what was sold is held against a plain
//! statement of the rules.

use crate::market::{Market, Played, Script, Spec, contract, cut, market, play, rejected, unreachable};
use crumb_domain::selling::BuyerAnswer;
use crumb_routing::State;
use std::collections::HashMap;

const TYPES: [&str; 3] = ["exclusive", "multisell", "hybrid"];
const PRICES: [&str; 2] = ["10.00", "20.00"];

/// What a buyer does when it is posted to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Does {
    Accepts,
    Rejects,
    Fails,
    CutsAndWaits,
    CutsAndIsRejected,
    CutsAndIsSold,
}

const ALL: [Does; 6] = [
    Does::Accepts,
    Does::Rejects,
    Does::Fails,
    Does::CutsAndWaits,
    Does::CutsAndIsRejected,
    Does::CutsAndIsSold,
];

impl Does {
    fn rule(self) -> &'static str {
        match self {
            Self::CutsAndIsRejected => "rejected",
            Self::CutsAndIsSold => "sold",
            _ => "wait",
        }
    }

    fn answer(self) -> Option<BuyerAnswer> {
        match self {
            Self::Accepts => None,
            Self::Rejects => Some(rejected()),
            Self::Fails => Some(unreachable()),
            Self::CutsAndWaits | Self::CutsAndIsRejected | Self::CutsAndIsSold => Some(cut()),
        }
    }

    fn buys(self) -> bool {
        matches!(self, Self::Accepts | Self::CutsAndIsSold)
    }
}

/// All sequences of that length over so many choices.
fn sequences(length: u32, choices: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..choices.pow(length))
        .map(move |number| (0..length).map(|place| number / choices.pow(place) % choices).collect())
}

fn scripted(does: &[Does]) -> Script {
    let posts: HashMap<i64, BuyerAnswer> =
        (1..).zip(does).filter_map(|(id, does)| Some((id, does.answer()?))).collect();
    Script { posts, ..Script::default() }
}

fn bytes(played: &Played) -> String {
    played.bytes()
}

/// Plays all markets of so many contracts that the specs allow, and looks at each.
fn each(count: u32, build: impl Fn(Vec<Spec>) -> Market, look: impl Fn(&[(usize, usize)], &[Does], &Played)) {
    let kinds = TYPES.len() * PRICES.len();
    let rules = ["wait", "rejected", "sold"];
    for shape in sequences(count, kinds) {
        let shape: Vec<(usize, usize)> =
            shape.iter().map(|kind| (kind % TYPES.len(), kind / TYPES.len())).collect();
        for ruled in sequences(count, rules.len()) {
            let spec = |place: usize| {
                let (sale_type, price) = shape[place];
                let id = i64::try_from(place).unwrap() + 1;
                contract(id, TYPES[sale_type], PRICES[price]).unknown_is(rules[ruled[place]])
            };
            let market = build((0..shape.len()).map(spec).collect());
            let tree = market.tree();
            for does in sequences(count, ALL.len()) {
                let does: Vec<Does> = does.iter().map(|index| ALL[*index]).collect();
                if does.iter().zip(&ruled).any(|(does, rule)| does.rule() != rules[*rule]) {
                    continue;
                }
                let played = play(tree.clone(), market.inputs(), scripted(&does));
                look(&shape, &does, &played);
            }
        }
    }
}

/// Who buys by the rules, said without a machine: try, in order of money, whatever
/// pays most, until somebody has it.
fn expected(shape: &[(usize, usize)], does: &[Does], limit: usize, tie_exclusive: bool) -> Vec<usize> {
    let price = |index: &usize| [10, 20][shape[*index].1];
    let mut left: Vec<usize> = (0..shape.len()).collect();
    left.sort_by_key(|index| (std::cmp::Reverse(price(index)), *index));
    let (mut sold, mut held) = (Vec::new(), 0);
    loop {
        let sharing: Vec<usize> = left.iter().copied().filter(|index| shape[*index].0 != 0).collect();
        let exclusive = left.iter().copied().find(|index| shape[*index].0 == 0);
        let have = sold.len() + held;
        if have > 0 {
            let Some(next) = sharing.first().filter(|_| have < limit).copied() else { return sold };
            left.retain(|index| *index != next);
            if does[next].buys() {
                sold.push(next);
            }
            held += usize::from(does[next] == Does::CutsAndWaits);
            continue;
        }
        let group: Vec<usize> = sharing.iter().copied().take(limit).collect();
        let (shared, next) = if group.len() > 1 {
            (group.iter().map(price).sum(), group.first().copied())
        } else {
            let hybrid = sharing.iter().copied().find(|index| shape[*index].0 == 2);
            (hybrid.as_ref().map_or(-1, price), hybrid)
        };
        let alone = exclusive.as_ref().map_or(-1, price);
        let takes_exclusive = alone > shared || (alone == shared && tie_exclusive && exclusive.is_some());
        let Some(turn) = (if takes_exclusive { exclusive } else { next }) else { return sold };
        left.retain(|index| *index != turn);
        let is_alone = takes_exclusive || group.len() < 2;
        match does[turn] {
            doing if doing.buys() => sold.push(turn),
            Does::CutsAndWaits => held += 1,
            _ => continue,
        }
        if is_alone {
            return sold;
        }
    }
}

fn sold(state: &State) -> Vec<usize> {
    state.sales().iter().map(|sale| usize::try_from(sale.reserved.contract.0).unwrap() - 1).collect()
}

fn the_rules_say_who_buys(contracts: u32, limit: usize, tie: bool) {
    for count in 1..=contracts {
        let build = |specs| market(specs).router("resell_limit", limit).router("tie_favors_exclusive", tie);
        each(count, build, |shape, does, played| {
            assert_eq!(sold(&played.state), expected(shape, does, limit, tie), "{shape:?} {does:?}");
        });
    }
}

#[test]
fn in_every_market_of_up_to_two_the_rules_say_who_buys_where_nobody_shares() {
    the_rules_say_who_buys(2, 1, false);
}

#[test]
fn in_every_market_of_up_to_three_the_rules_say_who_buys_where_two_share() {
    the_rules_say_who_buys(3, 2, false);
}

#[test]
fn in_every_market_of_up_to_three_the_rules_say_who_buys_where_all_share_and_ties_go_to_one() {
    the_rules_say_who_buys(3, 3, true);
}

#[test]
fn every_market_of_two_keeps_what_always_holds_whoever_they_are() {
    let builds: [fn(Vec<Spec>) -> Market; 7] = [
        |specs| market(specs.into_iter().map(|spec| spec.buyer(5))),
        |specs| market(specs.into_iter().map(|spec| spec.group("g"))),
        |specs| market(specs.into_iter().map(Spec::sweeper)),
        |specs| market(specs.into_iter().map(Spec::priority)),
        |specs| market(specs).payout("20.00"),
        |specs| market(specs.into_iter().map(|spec| spec.owed(1))),
        |specs| market(specs).run(|run| run.bought_count = 1),
    ];
    for build in builds {
        each(2, build, |_, does, played| {
            let (tree, run) = (played.state.tree(), played.state.run());
            let again = |_| bytes(&play(tree.clone(), run.clone(), scripted(does)));
            assert_eq!([0, 1].map(again), [(); 2].map(|()| bytes(played)));
        });
    }
}
