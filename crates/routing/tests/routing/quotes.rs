//! A price for a lead that is still to come, and the lead that comes after it.

use crate::market::{
    Market, Script, Spec, accepted_at, accepted_with, after_ms, contract, market, money, noon, rejected,
};
use crumb_domain::Money;
use crumb_domain::network::Distribution;
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PriceRead};
use crumb_routing::{Command, Ending, Event, Payout, QuotedPing, State, step};

fn exclusive(id: i64, floor: &str) -> Spec {
    contract(id, "exclusive", floor)
}

fn multisell(id: i64, floor: &str) -> Spec {
    contract(id, "multisell", floor)
}

fn one_by_one(specs: impl IntoIterator<Item = Spec>) -> Market {
    market(specs).distribution(Distribution::Ping)
}

fn at_once(specs: impl IntoIterator<Item = Spec>) -> Market {
    market(specs).distribution(Distribution::AsyncPing)
}

/// The lead of a quote: each buyer says at its ping what it said then, and takes it.
fn lead_after(market: &Market, quote: &crate::market::Played) -> Market {
    let answers = quote.recorded.iter().filter_map(|one| match &one.event {
        Event::Pinged { contract, answer } => {
            Some(QuotedPing { contract: *contract, answer: answer.clone() })
        }
        _ => None,
    });
    let answers: Vec<QuotedPing> = answers.collect();
    let mut lead = market.clone().run(|run| {
        run.quoted = answers;
        run.deadline = after_ms(60_000);
    });
    lead.script = Script { pings: market.script.pings.clone(), ..Script::default() };
    lead
}

/// A quote that is told is what the lead then brings, or more, where there was time to ask
/// all whose turn came. Who was passed over may come before the others when the lead does;
/// what is promised is paid out of that all the same, and leaves the least margin.
pub fn sells_at_the_quote_or_better(mut market: Market) {
    market.run.earlier.clear();
    market.run.bought_count = 0;
    let quote = market.clone().quote();
    let Some(sum) = quote.state.offered_sum() else { return };
    let is_short = quote.results().iter().any(|result| result.ends_with(" deadline"));
    let promised = market.run.payout.of(sum);
    let mut lead = lead_after(&market, &quote);
    if let Payout::Percent(percent) = lead.run.payout {
        lead.run.payout = Payout::PercentAtLeast { percent, least: promised };
    }
    let played = lead.play();
    let (sales, run) = (played.state.sales(), played.state.run());
    if is_short {
        let priced = sales.iter().map(|sale| sale.reserved.price.micros()).sum::<i64>();
        let margin = run.payout.margin_of(Money::from_micros(priced));
        let least = played.state.tree().router().minimum_margin;
        assert!(sales.is_empty() || margin >= least, "{margin} of {priced}: {:?}", played.results());
        return;
    }
    let brought = sales.iter().map(|sale| sale.sold_price.micros()).sum::<i64>();
    assert!(brought >= sum.micros(), "{brought} of {sum}: {:?}", played.results());
}

#[test]
fn a_direct_offer_is_told_the_best_price_and_nobody_is_asked() {
    let quote = market([exclusive(1, "10.00").ping(), exclusive(2, "20.00"), exclusive(3, "15.00")]).quote();
    assert!(quote.pings().is_empty());
    assert_eq!(quote.offered(), ["2 20.00"]);
    assert_eq!(quote.results(), ["1 not_needed", "3 not_needed"]);
    assert_eq!(quote.text(3), "A price was found before its turn.");
    assert_eq!(quote.ending(), Ending::Quoted);
}

#[test]
fn one_at_a_time_asks_until_the_first_accepts() {
    let specs = [exclusive(1, "30.00").ping(), exclusive(2, "20.00").ping(), exclusive(3, "10.00").ping()];
    let quote = one_by_one(specs).pinged(1, rejected()).pinged(2, accepted_at("25.00")).quote();
    assert_eq!(quote.pings(), [1, 2]);
    assert_eq!(quote.offered(), ["2 25.00"]);
    assert_eq!(quote.results(), ["1 ping_rejected", "3 not_needed"]);
}

#[test]
fn all_at_once_asks_all_and_tells_the_best_answer() {
    let specs = [exclusive(1, "10.00").ping(), exclusive(2, "10.00").ping(), exclusive(3, "14.00")];
    let quote = at_once(specs).pinged(1, accepted_at("12.00")).pinged(2, accepted_at("20.00")).quote();
    assert_eq!(quote.pings(), [1, 2]);
    assert!(quote.commands.iter().take(2).all(|(at, _)| *at == noon()));
    assert_eq!(quote.offered(), ["2 20.00"]);
    assert_eq!(quote.results(), ["1 outbid", "3 outbid"]);
}

#[test]
fn a_group_is_told_its_sum_once_all_its_members_have_said_their_price() {
    let specs = [
        multisell(1, "10.00").ping(),
        multisell(2, "8.00").ping(),
        multisell(3, "5.00"),
        exclusive(4, "20.00"),
    ];
    let quote = one_by_one(specs)
        .router("resell_limit", 3)
        .pinged(1, accepted_at("11.00"))
        .pinged(2, accepted_at("9.00"))
        .quote();
    assert_eq!(quote.pings(), [1, 2]);
    assert_eq!(quote.offered(), ["1 11.00", "2 9.00", "3 5.00"]);
    assert_eq!(quote.state.offered_sum(), Some(money("25.00")));
    assert_eq!(quote.results(), ["4 outbid"]);
}

#[test]
fn a_group_that_falls_apart_leaves_the_exclusive_price() {
    let specs = [multisell(1, "12.00").ping(), multisell(2, "12.00").ping(), exclusive(3, "20.00")];
    let market = one_by_one(specs).pinged(1, accepted_at("12.00")).pinged(2, rejected());
    let quote = market.clone().quote();
    assert_eq!(quote.offered(), ["3 20.00"]);
    let played = lead_after(&market, &quote).play();
    assert!(played.pings().is_empty(), "they have said it");
    assert_eq!(played.sales(), ["3 20.00"]);
}

#[test]
fn an_exclusive_price_beats_a_group_and_says_so() {
    let specs = [multisell(1, "10.00"), multisell(2, "9.00"), exclusive(3, "20.00")];
    let quote = market(specs).quote();
    assert_eq!(quote.offered(), ["3 20.00"]);
    assert_eq!(quote.results(), ["1 outbid", "2 outbid"]);
}

#[test]
fn whoever_was_neither_in_the_group_nor_held_against_it_was_not_needed() {
    let before = "A price was found before its turn.";
    let specs = [multisell(1, "10.00"), multisell(2, "9.00"), exclusive(3, "20.00"), exclusive(4, "15.00")];
    let quote = market(specs).quote();
    assert_eq!((quote.offered(), quote.text(4)), (vec!["3 20.00".to_owned()], before.to_owned()));
    let specs = [multisell(1, "10.00"), multisell(2, "9.00"), multisell(3, "8.00"), exclusive(4, "15.00")];
    let quote = market(specs).router("resell_limit", 2).quote();
    assert_eq!((quote.offered().len(), quote.text(3)), (2, before.to_owned()));
    assert_eq!(quote.text(4), "Its price of 15.00 lost to a group that pays 19.00 together.");
}

#[test]
fn what_was_quoted_changes_the_order_only_where_all_are_asked_at_once() {
    let specs = || [exclusive(1, "10.00").ping(), exclusive(2, "20.00")];
    let quoted = vec![QuotedPing { contract: crumb_domain::ContractId(1), answer: accepted_at("25.00") }];
    let first = |market: Market| market.run(|run| run.quoted = quoted.clone()).play().posts()[0];
    assert_eq!(first(one_by_one(specs())), 2, "in the order of their rows' prices");
    assert_eq!(first(at_once(specs())), 1);
}

#[test]
fn where_nobody_wants_it_there_is_no_offer() {
    let quote =
        one_by_one([exclusive(1, "30.00").ping(), multisell(2, "20.00")]).pinged(1, rejected()).quote();
    assert_eq!(quote.ending(), Ending::GiveUp);
    assert_eq!(quote.state.offered_sum(), None);
    assert_eq!(quote.results(), ["1 ping_rejected", "2 group_incomplete"]);
}

#[test]
fn what_leaves_too_little_is_not_offered() {
    let specs = || [exclusive(1, "10.00").ping(), multisell(2, "6.00"), multisell(3, "5.00")];
    let quote = at_once(specs()).pinged(1, accepted_at("11.99")).payout("12.00").quote();
    assert_eq!(quote.results(), ["1 margin_too_small", "2 margin_too_small", "3 margin_too_small"]);
    let quote = at_once(specs()).pinged(1, accepted_at("12.00")).payout("12.00").quote();
    assert_eq!(quote.offered(), ["1 12.00"]);
}

#[test]
fn a_sale_at_0_00_is_an_offer() {
    let quote = market([exclusive(1, "0.00")]).quote();
    assert_eq!(quote.state.offered_sum(), Some(Money::ZERO));
}

#[test]
fn when_time_is_up_what_the_others_offer_is_told() {
    let specs = [exclusive(1, "30.00").ping(), exclusive(2, "20.00").ping(), exclusive(3, "10.00")];
    let slow = |market: Market| market.takes_ms(1, 5_000).run(|run| run.deadline = after_ms(800)).quote();
    let quote = slow(at_once(specs.clone()));
    assert_eq!(quote.offered(), ["2 20.00"]);
    assert_eq!(quote.results(), ["1 ping_timeout", "3 outbid"]);
    let quote = slow(one_by_one(specs));
    assert_eq!(quote.offered(), ["3 10.00"]);
    assert_eq!(quote.results(), ["1 ping_timeout", "2 deadline"]);
    let last = quote.commands.last().unwrap().0;
    assert!(last <= after_ms(800), "{last}");
}

#[test]
fn with_no_time_at_all_nobody_is_asked() {
    for distribution in [Distribution::Ping, Distribution::AsyncPing] {
        let specs = [exclusive(1, "30.00").ping(), exclusive(2, "20.00")];
        let quote = market(specs).distribution(distribution).run(|run| run.deadline = noon()).quote();
        assert!(quote.pings().is_empty());
        assert_eq!((quote.offered(), quote.result(1)), (vec!["2 20.00".to_owned()], "deadline"));
    }
}

#[test]
fn whoever_was_quoted_is_not_asked_again_and_its_session_goes_into_the_post() {
    let session = BuyerReading {
        price: Some(PriceRead::Amount(money("12.00"))),
        session: Some("S77".to_owned()),
        ..BuyerReading::default()
    };
    for market in [one_by_one([exclusive(1, "10.00").ping()]), at_once([exclusive(1, "10.00").ping()])] {
        let market = market.pinged(1, BuyerAnswer::Accepted(session.clone()));
        let quote = market.clone().quote();
        let lead = lead_after(&market, &quote).pinged(1, accepted_with(PriceRead::Absent)).play();
        assert!(lead.pings().is_empty());
        assert_eq!(lead.sales(), ["1 12.00"]);
        let posted = lead.commands.iter().find_map(|(_, command)| match command {
            Command::Post { session, .. } => session.clone(),
            _ => None,
        });
        assert_eq!(posted.as_deref(), Some("S77"));
    }
}

#[test]
fn whoever_was_not_quoted_is_asked_once_the_others_have_failed() {
    let specs = [exclusive(1, "30.00").ping(), exclusive(2, "20.00").ping()];
    let market = one_by_one(specs).pinged(1, accepted_at("30.00")).pinged(2, accepted_at("21.00"));
    let quote = market.clone().quote();
    let lead = lead_after(&market, &quote).post(1, rejected()).play();
    assert_eq!((lead.pings(), lead.posts()), (vec![2], vec![1, 2]));
    assert_eq!(lead.sales(), ["2 21.00"]);
}

#[test]
fn a_promised_payout_is_part_of_the_margin() {
    let percent = money("50");
    let payout = Payout::PercentAtLeast { percent, least: money("12.00") };
    let played = market([exclusive(1, "11.99"), exclusive(2, "30.00")])
        .run(|run| run.payout = payout)
        .post(2, rejected())
        .play();
    assert_eq!(played.results(), ["1 margin_too_small", "2 post_rejected"]);
    assert_eq!(payout.of(money("30.00")), money("15.00"));
    assert_eq!(payout.of(money("20.00")), money("12.00"));
}

#[test]
fn a_quote_has_one_end_and_takes_no_answer_after_it() {
    let market = one_by_one([exclusive(1, "10.00").ping()]);
    let quote = market.quote();
    let late = Event::Pinged { contract: crumb_domain::ContractId(1), answer: accepted_at("90.00") };
    let (state, commands): (State, _) = step(quote.state, &late, noon());
    assert!(commands.is_empty());
    assert_eq!(state.offered_sum(), Some(money("10.00")));
}
