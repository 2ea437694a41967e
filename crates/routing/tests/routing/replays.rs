//! Deciding again.

use crate::market::{
    Market, Played, Spec, accepted_at, after_ms, contract, cut, market, money, play, rejected,
};
use crumb_domain::network::Distribution;
use crumb_domain::time::Zone;
use crumb_domain::{BuyerId, ContractId};
use crumb_routing::replay::{Answers, Ledger, Really, Recorded, Replayed};
use crumb_routing::{Ending, Refusal, Run, State, replay, replay_changed, step};

fn exclusive(id: i64, price: &str) -> Spec {
    contract(id, "exclusive", price)
}

fn again(market: &Market, played: &Played) -> Replayed {
    replay(market.tree(), played.state.run(), &played.recorded)
}

/// By a changed market, with what it was by its own.
fn changed(market: &Market, played: &Played, ledger: &mut Ledger) -> Replayed {
    changed_with(market, &played.state, &played.recorded, &Answers::default(), ledger)
}

fn changed_with(
    market: &Market,
    state: &State,
    recorded: &[Recorded],
    elsewhere: &Answers,
    ledger: &mut Ledger,
) -> Replayed {
    let really = Really { state, recorded, elsewhere, is_in_vain: &|_| false };
    replay_changed(market.tree(), state.run(), &really, ledger)
}

/// What it really was is taken in as well.
fn changed_then(market: &Market, played: &Played, ledger: &mut Ledger) -> Replayed {
    let replayed = changed(market, played, ledger);
    really(played, Some(&replayed.state), ledger);
    replayed
}

fn really(played: &Played, replayed: Option<&State>, ledger: &mut Ledger) {
    let elsewhere = &Answers::default();
    let Played { state, recorded, .. } = played;
    ledger.really(&Really { state, recorded, elsewhere, is_in_vain: &|_| false }, replayed);
}

/// A lead that was not offered to anybody yet.
fn unheard(market: &Market, ledger: &mut Ledger) -> Replayed {
    let state = State::new(market.tree(), market.inputs());
    changed_with(market, &state, &[], &Answers::default(), ledger)
}

fn results(replayed: &Replayed) -> Vec<String> {
    let results = replayed.state.results();
    results.iter().map(|one| format!("{} {}", one.contract, one.result.as_str())).collect()
}

/// What is kept of it, whether it was played or replayed.
fn bytes(state: crumb_routing::State) -> String {
    Played { state, recorded: Vec::new(), commands: Vec::new() }.bytes()
}

fn busy() -> Market {
    let specs = [
        exclusive(1, "30.00").ping(),
        exclusive(2, "25.00").row("cap", 5),
        contract(3, "multisell", "9.00").ping(),
        contract(4, "hybrid", "8.00"),
        contract(5, "multisell", "7.00"),
    ];
    market(specs)
        .pinged(1, accepted_at("31.00"))
        .post(1, rejected())
        .refuses(2, Refusal::CapReached { count: 5, cap: 5 })
        .pinged(3, accepted_at("11.00"))
        .post(4, cut())
        .takes_ms(1, 700)
        .takes_ms(3, 400)
}

#[test]
fn the_same_tree_and_events_give_the_same_results_to_the_byte() {
    for distribution in [Distribution::Direct, Distribution::Ping, Distribution::AsyncPing] {
        let market = busy().distribution(distribution);
        let played = market.clone().play();
        let replayed = again(&market, &played);
        assert_eq!(bytes(replayed.state), played.bytes());
        assert_eq!(replayed.assumptions, Default::default());
    }
}

#[test]
fn a_run_that_time_cut_short_is_cut_short_again() {
    for deadline in [100, 900, 1_250, 1_700] {
        let market = busy().distribution(Distribution::Ping).run(|run| run.deadline = after_ms(deadline));
        let played = market.clone().play();
        assert_eq!(bytes(again(&market, &played).state), played.bytes());
    }
}

#[test]
fn inputs_and_events_are_kept_as_json() {
    let mut market = busy().distribution(Distribution::AsyncPing);
    market.specs[4] = market.specs[4].clone().owed(2);
    let played = market.clone().play();
    let run = serde_json::to_string(played.state.run()).unwrap();
    assert!(
        run.contains(r#"{"contract":4},{"contract":5,"owed":2}"#),
        "what is not so is not written: {run}"
    );
    let recorded = serde_json::to_string(&played.recorded).unwrap();
    let run: Run = serde_json::from_str(&run).unwrap();
    let recorded: Vec<Recorded> = serde_json::from_str(&recorded).unwrap();
    assert_eq!((&run, &recorded), (played.state.run(), &played.recorded));
    let replayed = replay(market.tree(), &run, &recorded);
    assert_eq!(bytes(replayed.state), played.bytes());
}

#[test]
fn a_changed_tree_shows_what_would_have_happened_with_answers_that_were_given() {
    let market = market([exclusive(1, "30.00"), exclusive(2, "20.00")]).post(1, rejected());
    let played = market.clone().play();
    assert_eq!(played.results(), ["1 post_rejected", "2 sold"]);
    let mut dearer = market.clone();
    dearer.specs[1] = exclusive(2, "35.00");
    let replayed = changed(&dearer, &played, &mut Ledger::default());
    assert_eq!(results(&replayed), ["1 not_needed", "2 sold"]);
    assert_eq!(replayed.state.sales()[0].sold_price, money("35.00"));
    assert_eq!(replayed.assumptions, Default::default());
}

#[test]
fn answers_that_nobody_gave_are_assumed_and_listed() {
    let market = market([exclusive(1, "30.00")]).distribution(Distribution::Ping);
    let played = market.clone().play();
    let mut more = market.clone();
    more.specs.push(exclusive(2, "40.00").ping());
    let replayed = changed(&more, &played, &mut Ledger::default());
    assert_eq!(results(&replayed), ["1 not_needed", "2 sold"]);
    assert_eq!(replayed.state.sales()[0].sold_price, money("40.00"), "at the row's price");
    assert_eq!(replayed.assumptions.pings, [ContractId(2)]);
    assert_eq!(replayed.assumptions.posts, [ContractId(2)]);
}

#[test]
fn a_cap_that_was_raised_lets_a_refused_contract_buy() {
    let refused = market([exclusive(1, "30.00").row("cap", 5), exclusive(2, "20.00")])
        .refuses(1, Refusal::CapReached { count: 5, cap: 5 });
    let played = refused.clone().play();
    assert_eq!(played.results(), ["1 cap_reached", "2 sold"]);
    let with_cap = |cap: u32| {
        let mut other = refused.clone();
        other.specs[0] = exclusive(1, "30.00").row("cap", cap);
        results(&changed(&other, &played, &mut Ledger::default()))
    };
    assert_eq!(with_cap(6), ["1 sold", "2 not_needed"]);
    assert_eq!(with_cap(4), ["1 cap_reached", "2 sold"]);
}

#[test]
fn credit_that_was_refused_is_refused_again_unless_price_or_credit_are_others_now() {
    let refused = Refusal::NoCredit { available: money("10.00"), price: money("30.00") };
    let market = market([exclusive(1, "30.00"), exclusive(2, "5.00")]).refuses(1, refused);
    let played = market.clone().play();
    assert_eq!(played.results(), ["1 no_credit", "2 sold"]);
    let with_price = |price: &str, mut ledger: Ledger| {
        let mut other = market.clone();
        other.specs[0] = exclusive(1, price);
        let again = changed(&other, &played, &mut ledger);
        let reason = again.state.results()[0].reason.text();
        (results(&again)[0].clone(), reason)
    };
    let left = |available: &str, price: &str| {
        let text = format!("The buyer has {available} left and the price is {price}.");
        ("1 no_credit".to_owned(), text)
    };
    let sold = |price: &str| ("1 sold".to_owned(), format!("Bought for {price}."));
    assert_eq!(with_price("30.00", Ledger::default()), left("10.00", "30.00"));
    assert_eq!(with_price("10.01", Ledger::default()), left("10.00", "10.01"));
    assert_eq!(with_price("10.00", Ledger::default()), sold("10.00"));
    assert_eq!(with_price("8.00", Ledger::default()), sold("8.00"));
    // By another contract the buyer really spent 25.00, which in the replays it has left.
    let spent = |price: &str| {
        let other = crate::market::market([exclusive(9, price).buyer(100)]).play();
        let mut ledger = Ledger::default();
        really(&other, None, &mut ledger);
        assert_eq!(ledger.more_spent(BuyerId(100)), money(&format!("-{price}")));
        assert_eq!(ledger.really_spent(BuyerId(100)), money(price));
        ledger
    };
    assert_eq!(with_price("30.00", spent("25.00")), sold("30.00"));
    assert_eq!(with_price("30.00", spent("15.00")), left("25.00", "30.00"));
}

#[test]
fn what_was_granted_is_reckoned_anew_where_other_replays_used_it_up() {
    let market = market([exclusive(1, "30.00").row("cap", 1), exclusive(2, "20.00")]);
    let played = market.clone().run(|run| run.facts.clear()).play();
    // Nothing was read of the contracts: that its cap is reached only the ledger knows.
    assert!(played.state.run().facts.iter().all(|facts| facts.counts.is_empty()));
    let mut ledger = Ledger::default();
    let again = [(); 2].map(|()| results(&changed(&market, &played, &mut ledger)));
    assert_eq!(again, [["1 sold", "2 not_needed"], ["1 cap_reached", "2 sold"]]);
    assert_eq!(ledger.really_spent(BuyerId(100)), money("0.00"), "replays spend nothing really");
}

#[test]
fn nobody_is_asked_whose_cap_earlier_replays_have_filled() {
    let yesterday = Zone::UTC.day_of(after_ms(-86_400_000));
    let capped =
        exclusive(1, "30.00").ping().row("cap", 1).facts(|facts| facts.counts = vec![(yesterday, 1)]);
    let market = market([capped, exclusive(2, "20.00")]).distribution(Distribution::Ping);
    let mut ledger = Ledger::default();
    let asked = [(); 2].map(|()| {
        let replayed = unheard(&market, &mut ledger);
        (results(&replayed)[0].clone(), replayed.assumptions.pings)
    });
    assert_eq!(asked, [("1 sold".to_owned(), vec![ContractId(1)]), ("1 cap_reached".to_owned(), vec![])]);
}

#[test]
fn a_run_that_its_deadline_began_is_begun_by_it_again() {
    let market = market([exclusive(1, "30.00")]);
    let at = after_ms(20_000);
    let event = crumb_routing::Event::DeadlineReached;
    let (state, _) = step(State::new(market.tree(), market.inputs()), &event, at);
    assert_eq!(state.results()[0].result.as_str(), "deadline");
    let recorded = [Recorded { at, event }];
    let again = replay(market.tree(), &market.inputs(), &recorded);
    assert_eq!(bytes(again.state), bytes(state));
}

#[test]
fn several_leads_share_a_ledger_of_caps_and_credit() {
    let today = Zone::UTC.day_of(crate::market::noon());
    let capped = exclusive(1, "30.00").row("cap", 2).facts(|facts| facts.counts = vec![(today, 1)]);
    let poor = exclusive(2, "20.00").facts(|facts| facts.available = Some(money("30.00")));
    let market = market([capped, poor, exclusive(3, "10.00")]);
    let mut ledger = Ledger::default();
    let mut sold = Vec::new();
    for _ in 0..3 {
        let replayed = unheard(&market, &mut ledger);
        sold.push(replayed.state.sales()[0].reserved.contract.0);
        assert_eq!(replayed.state.ending(), Some(Ending::Sold));
    }
    assert_eq!(sold, [1, 2, 3]);
    assert_eq!(ledger.more_leads(ContractId(1), today), 1);
    assert_eq!(ledger.more_spent(BuyerId(200)), money("20.00"));
    let last = unheard(&market, &mut ledger);
    assert_eq!(results(&last), ["1 cap_reached", "2 no_credit", "3 sold"]);
}

/// What really happened is in the facts of those that came later.
#[test]
fn leads_see_what_replays_changed_and_not_what_really_happened_twice() {
    let today = Zone::UTC.day_of(crate::market::noon());
    let real = |count: u32, left: &'static str| {
        let capped = exclusive(1, "30.00").row("cap", 2);
        let capped = capped.facts(move |facts| {
            (facts.counts, facts.available) = (vec![(today, count)], Some(money(left)));
        });
        market([capped, exclusive(2, "20.00")])
    };
    let played: Vec<_> = [real(0, "60.00"), real(1, "30.00"), real(2, "0.00")]
        .into_iter()
        .map(|market| (market.clone().play(), market))
        .collect();
    let bought = |change: &dyn Fn(&mut Market)| {
        let mut ledger = Ledger::default();
        let each = played.iter().map(|(played, market)| {
            let mut other = market.clone();
            change(&mut other);
            let replayed = changed_then(&other, played, &mut ledger);
            replayed.state.sales()[0].reserved.contract.0
        });
        (each.collect::<Vec<_>>(), ledger.more_leads(ContractId(1), today))
    };
    assert_eq!(bought(&|_| {}), (vec![1, 1, 2], 0));
    let lower_cap = |market: &mut Market| market.specs[0] = exclusive(1, "30.00").row("cap", 1);
    assert_eq!(bought(&lower_cap), (vec![1, 2, 2], -1));
    // Its buyer has money for two, whatever the cap.
    let higher_cap = |market: &mut Market| market.specs[0] = exclusive(1, "30.00").row("cap", 3);
    assert_eq!(bought(&higher_cap), (vec![1, 1, 2], 0));
    let cheaper = |market: &mut Market| market.specs[0] = exclusive(1, "10.00").row("cap", 2);
    assert_eq!(bought(&cheaper), (vec![2, 2, 2], -2));
    let cheap = |market: &mut Market| market.specs[0] = exclusive(1, "20.00").row("cap", 3);
    assert_eq!(bought(&cheap), (vec![1, 1, 1], 1));
}

#[test]
fn who_bought_least_recently_is_who_did_so_in_the_replays() {
    let earlier = after_ms(-60_000);
    let market = |sold: Option<crumb_domain::Timestamp>| {
        let dear = exclusive(3, "30.00").facts(move |facts| facts.last_sold = sold);
        market([exclusive(1, "20.00"), exclusive(2, "20.00"), dear])
    };
    let bought = |price: &str| {
        let mut ledger = Ledger::default();
        [market(None), market(Some(earlier)), market(Some(earlier))].map(|market| {
            let played = market.clone().play();
            let mut other = market.clone();
            other.specs[2] = exclusive(3, price);
            let replayed = changed_then(&other, &played, &mut ledger);
            replayed.state.sales()[0].reserved.contract.0
        })
    };
    assert_eq!(bought("30.00"), [3, 3, 3]);
    assert_eq!(bought("10.00")[..2], [1, 2], "in turns, as they have bought");
    assert_eq!(bought("20.00"), [1, 2, 3], "what it really bought does not count");
}

#[test]
fn what_a_contract_did_not_buy_in_the_replays_leaves_it_where_it_was_among_equals() {
    let ago = |seconds: i64| Some(after_ms(-seconds * 1_000));
    let mut ledger = Ledger::default();
    // The third really bought each lead, as its facts say from the second on.
    let bought = [(0, ago(100)), (60, ago(0)), (120, ago(-60))].map(|(second, third)| {
        let of = |id: i64, price: &str, sold| exclusive(id, price).facts(|facts| facts.last_sold = sold);
        let specs = |price: &str| [of(1, "20.00", ago(200)), of(2, "20.00", ago(150)), of(3, price, third)];
        let begun_at = after_ms(second * 1_000);
        let played = market(specs("30.00"))
            .run(|run| (run.begun_at, run.deadline) = (begun_at, begun_at.plus_seconds(20)))
            .play();
        assert_eq!(played.sales(), ["3 30.00"]);
        let replayed = changed_then(&market(specs("20.00")), &played, &mut ledger);
        replayed.state.sales()[0].reserved.contract.0
    });
    assert_eq!(bought, [1, 2, 3]);
}

#[test]
fn what_a_buyer_answered_in_another_run_it_answers_in_this_one() {
    let mut other = market([exclusive(1, "30.00")]).post(1, rejected()).run(|run| run.number = 2).play();
    let market = market([exclusive(1, "30.00"), exclusive(2, "20.00")]);
    let answer = |answers: &Answers| {
        let state = State::new(market.tree(), market.inputs());
        let replayed = changed_with(&market, &state, &[], answers, &mut Ledger::default());
        (results(&replayed), replayed.assumptions.posts)
    };
    let mut answers = Answers::default();
    assert_eq!(answer(&answers), (vec!["1 sold".into(), "2 not_needed".into()], vec![ContractId(1)]));
    answers.note(other.state.run(), &other.recorded);
    assert_eq!(answer(&answers), (vec!["1 post_rejected".into(), "2 sold".into()], vec![ContractId(2)]));
    // The first answer is the one that counts.
    other.recorded.retain(|recorded| !matches!(recorded.event, crumb_routing::Event::Posted { .. }));
    answers.note(other.state.run(), &other.recorded);
    assert_eq!(answer(&answers).0[0], "1 post_rejected");
}

#[test]
fn a_replay_tells_what_was_posted_and_who_may_know_the_lead() {
    let market = market([exclusive(1, "30.00"), exclusive(2, "20.00")]).post(1, rejected());
    let played = market.clone().play();
    let posts = again(&market, &played).posts;
    assert_eq!(
        posts.iter().map(|post| (post.contract.0, post.was_sent)).collect::<Vec<_>>(),
        [(1, true), (2, true)]
    );
}

#[test]
fn events_of_another_run_do_no_harm() {
    let other = market([exclusive(8, "30.00"), exclusive(9, "20.00")]).post(8, cut()).play();
    let market = market([exclusive(1, "30.00")]);
    let replayed = replay(market.tree(), &market.inputs(), &other.recorded);
    assert_eq!(results(&replayed), ["1 sold"]);
}

/// Used by the other properties: a run, played and replayed, comes to the same.
pub fn check_replay(market: &Market, played: &Played) {
    let fresh = play(market.tree(), market.inputs(), market.script.clone());
    assert_eq!(fresh.bytes(), played.bytes(), "the same inputs came to something else");
    assert_eq!(bytes(again(market, played).state), played.bytes(), "the replay came to something else");
}
