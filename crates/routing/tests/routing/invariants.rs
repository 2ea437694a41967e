//! What holds of every run, whatever its buyers do.

use crate::market::Played;
use crumb_domain::network::SaleType;
use crumb_domain::selling::ContractResult;
use crumb_domain::{BuyerId, ContractId, Money, Timestamp};
use crumb_routing::{Command, Ending, Event, Had, Reservation, Run, exclusions};
use std::collections::HashSet;

pub fn check(played: &Played) {
    has_ended_once(played);
    posts_are_one_at_a_time_and_in_time(played);
    nobody_is_sent_it_twice(played);
    nobody_is_alone_with_a_lead_that_others_may_have(played);
    buyers_share_only_as_they_may(played);
    reservations_end_once(played);
    free_leads_are_owed(played);
    every_contract_has_one_result(played);
    whoever_is_ruled_out_afterwards_was_no_candidate(played);
}

/// What holds of a run that asks for prices only.
pub fn check_quote(played: &Played) {
    let state = &played.state;
    let is_asked = |command: &Command| matches!(command, Command::Ping { .. } | Command::End { .. });
    assert!(
        played.commands.iter().all(|(_, command)| is_asked(command)),
        "a quote reserves and posts nothing"
    );
    assert!(state.sales().is_empty() && state.held().is_empty() && state.releases().is_empty());
    let expected = if state.offered().is_empty() { Ending::GiveUp } else { Ending::Quoted };
    assert_eq!(played.ending(), expected);
    assert!(state.offered().len() <= 1.max(state.tree().router().resell_limit as usize));
    let ended = state.results().into_iter().map(|one| one.contract);
    let mut all: Vec<ContractId> = ended.chain(state.offered().iter().map(|one| one.contract)).collect();
    all.sort_unstable();
    assert_eq!(all, state.tree().contracts().collect::<Vec<_>>(), "each has a result or is in the offer");
}

/// What is told of a run that was broken off must be true of it had it gone on.
fn whoever_is_ruled_out_afterwards_was_no_candidate(played: &Played) {
    let (tree, run) = (played.state.tree(), played.state.run());
    let forgotten = Run { facts: Vec::new(), ..run.clone() };
    for is_time_known in [true, false] {
        let ruled_out = exclusions(tree, &forgotten, is_time_known);
        for one in played.state.results().iter().filter(|one| ruled_out.contains_key(&one.contract)) {
            // A margin may be known only once buyers have answered.
            let is_before = one.result.was_no_candidate() && one.result != ContractResult::MarginTooSmall;
            assert!(is_before, "{} although ruled out", one.result.as_str());
        }
    }
}

fn has_ended_once(played: &Played) {
    let ends = played.commands.iter().filter(|(_, command)| matches!(command, Command::End { .. }));
    assert_eq!(ends.count(), 1, "a run ends once");
    let expected = match (played.state.sales().is_empty(), played.state.held().is_empty()) {
        (false, _) => Ending::Sold,
        (true, false) => Ending::Hold,
        (true, true) => Ending::GiveUp,
    };
    assert_eq!(played.ending(), expected);
}

fn posts_are_one_at_a_time_and_in_time(played: &Played) {
    let deadline = played.state.run().deadline;
    let left_ms = |at: Timestamp| (deadline.micros() - at.micros()) / 1_000;
    let posted = posted(played);
    for (place, (at, contract)) in posted.iter().enumerate() {
        assert!(left_ms(*at) >= 500, "{contract} was posted to with {} ms left", left_ms(*at));
        let answered = played.recorded.iter().find(
            |one| matches!(&one.event, Event::Posted { contract: answered, .. } if answered == contract),
        );
        let answered = answered.expect("every post is answered").at;
        assert!(posted.get(place + 1).is_none_or(|(next, _)| *next >= answered), "two posts at once");
    }
    for (_, command) in &played.commands {
        if let Command::Ping { until, .. } | Command::Post { until, .. } = command {
            assert!(*until <= deadline);
        }
    }
}

/// Whoever is posted to alone is posted to while nobody has the lead and nobody may
/// have it.
fn nobody_is_alone_with_a_lead_that_others_may_have(played: &Played) {
    let sold = played.state.sales().iter().map(|sale| sale.reserved.contract);
    let have: Vec<ContractId> =
        sold.chain(played.state.held().iter().map(|held| held.reserved.contract)).collect();
    let (mut is_alone, mut has_somebody_got_it) = (false, false);
    for (_, command) in &played.commands {
        match command {
            Command::Reserve(reservation) => is_alone = reservation.alone,
            Command::Post { contract, .. } => {
                assert!(!(is_alone && has_somebody_got_it), "{contract} was posted to alone after others");
                has_somebody_got_it |= have.contains(contract);
            }
            Command::Ping { .. } | Command::End { .. } => {}
        }
    }
}

fn posted(played: &Played) -> Vec<(Timestamp, ContractId)> {
    let posts = played.commands.iter().filter_map(|(at, command)| match command {
        Command::Post { contract, .. } => Some((*at, *contract)),
        _ => None,
    });
    posts.collect()
}

fn nobody_is_sent_it_twice(played: &Played) {
    let run = played.state.run();
    let mut sent: HashSet<BuyerId> = run.earlier.iter().map(|earlier| earlier.buyer).collect();
    for (_, contract) in posted(played) {
        let buyer = played.state.tree().buyer_of(contract).unwrap();
        assert!(!sent.contains(&buyer), "buyer {buyer} was sent the lead twice");
        let was_sent = played.recorded.iter().any(|one| match &one.event {
            Event::Posted { contract: posted, answer } => {
                *posted == contract
                    && !matches!(answer, crumb_domain::selling::BuyerAnswer::Failed(why) if !why.is_sent())
            }
            _ => false,
        });
        if was_sent {
            sent.insert(buyer);
        }
    }
}

fn buyers_share_only_as_they_may(played: &Played) {
    let (run, tree) = (played.state.run(), played.state.tree());
    let sold = played.state.sales().iter().map(|sale| &sale.reserved);
    let have: Vec<&Reservation> = sold.chain(played.state.held().iter().map(|held| &held.reserved)).collect();
    let alone = have.iter().filter(|one| one.alone).count();
    assert!(alone == 0 || have.len() == 1, "sold alone, and to others");
    let may_have = run.earlier.iter().filter(|earlier| earlier.how == Had::MayHave).count();
    let earlier = run.bought_count as usize + may_have;
    assert!(alone == 0 || earlier == 0, "sold alone although others have it, or may");
    assert!(!run.sold_exclusively || have.is_empty(), "sold again after an exclusive sale");
    let exclusive = |one: &&&Reservation| one.sale_type == SaleType::Exclusive;
    assert!(have.iter().filter(exclusive).all(|one| one.alone));
    let sharing = have.len() - have.iter().filter(exclusive).count();
    let limit = tree.router().resell_limit as usize;
    assert!(sharing == 0 || earlier + sharing <= limit, "{sharing} share, of at most {limit}");
    let mut groups = HashSet::new();
    let earlier_groups = run.earlier.iter().filter(|one| one.how.keeps_group_out());
    groups.extend(earlier_groups.filter_map(|one| one.group.as_deref()));
    for one in have {
        if let Some(group) = tree.group_of(one.contract) {
            assert!(groups.insert(group), "two buyers of the group {group} have it");
        }
    }
}

fn reservations_end_once(played: &Played) {
    let asked: Vec<&Reservation> = played
        .commands
        .iter()
        .filter_map(|(_, command)| match command {
            Command::Reserve(reservation) => Some(reservation),
            _ => None,
        })
        .collect();
    let granted = played.recorded.iter().filter(|one| matches!(one.event, Event::Reserved { .. })).count();
    let (sold, held) = (played.state.sales(), played.state.held());
    let releases = played.state.releases();
    assert_eq!(granted, sold.len() + held.len() + releases.len(), "a reservation was lost");
    let ends = sold.iter().map(|sale| &sale.reserved);
    let ends = ends.chain(held.iter().map(|held| &held.reserved)).chain(releases);
    let sum = |of: &mut dyn Iterator<Item = &Reservation>| of.map(|one| one.price.micros()).sum::<i64>();
    for end in ends.clone() {
        assert!(asked.contains(&end), "{end:?} was never asked for");
    }
    let refused = played.recorded.iter().filter(|one| matches!(one.event, Event::Refused { .. })).count();
    assert_eq!(asked.len(), granted + refused);
    if refused == 0 {
        assert_eq!(sum(&mut asked.iter().copied()), sum(&mut ends.into_iter()), "money does not balance");
    }
}

/// A lead is free for a buyer only if that is owed one, and then it is charged nothing.
fn free_leads_are_owed(played: &Played) {
    let run = played.state.run();
    let owed = |one: &Reservation| run.facts.iter().any(|of| of.contract == one.contract && of.owed > 0);
    let held = played.state.held().iter().map(|held| &held.reserved);
    for reserved in held.chain(played.state.releases()) {
        assert!(!reserved.replacement || owed(reserved));
    }
    for sale in played.state.sales() {
        assert!(!sale.reserved.replacement || (owed(&sale.reserved) && sale.sold_price == Money::ZERO));
        assert!(sale.reserved.replacement || sale.replaces.is_none());
    }
}

fn every_contract_has_one_result(played: &Played) {
    let results = played.state.results();
    let named: Vec<ContractId> = results.iter().map(|one| one.contract).collect();
    assert_eq!(named, played.state.tree().contracts().collect::<Vec<_>>());
    for one in &results {
        let text = one.reason.text();
        let is_count = one.result.as_str() == "cap_reached";
        assert!(is_count || text.ends_with('.'), "{text:?} is no sentence");
        assert!(one.reason.values().is_object());
    }
    let sold = results.iter().filter(|one| one.result.as_str() == "sold").count();
    assert_eq!(sold, played.state.sales().len());
}
