//! Reservations, posts, their ends, and time.

use crate::market::{
    Market, Played, Spec, accepted, accepted_at, accepted_with, after_ms, contract, cut, market, money, noon,
    rejected, unreachable,
};
use crumb_domain::ContractId;
use crumb_domain::network::UnknownRule;
use crumb_domain::selling::{BuyerAnswer, BuyerReading, PostFailure, PriceRead};
use crumb_domain::time::Zone;
use crumb_routing::{Alert, Command, Ending, Event, Refusal, State, step};
use serde_json::json;

fn exclusive(id: i64, price: &str) -> Spec {
    contract(id, "exclusive", price)
}

fn multisell(id: i64, price: &str) -> Spec {
    contract(id, "multisell", price)
}

fn timed_out(sent: bool) -> BuyerAnswer {
    BuyerAnswer::Failed(PostFailure::TimedOut { sent })
}

fn two(first: BuyerAnswer) -> Played {
    market([exclusive(1, "30.00"), exclusive(2, "20.00")]).post(1, first).play()
}

#[test]
fn a_post_is_reserved_first_and_says_what_of() {
    let played = market([exclusive(1, "30.00").row("cap", 5).row("no_return", true)]).play();
    let [(_, Command::Reserve(asked)), (_, Command::Post { contract, .. }), (_, Command::End { .. })] =
        played.commands.as_slice()
    else {
        panic!("{:?}", played.commands)
    };
    assert_eq!(*contract, ContractId(1));
    assert_eq!((asked.buyer.0, asked.price, asked.cap), (100, money("30.00"), Some(5)));
    assert_eq!((asked.day, asked.no_return), (Zone::UTC.day_of(noon()), true));
    assert_eq!(played.state.sales()[0].reserved, *asked);
}

#[test]
fn a_post_that_fails_goes_on_to_the_next_and_says_how() {
    let reading = BuyerReading::default;
    for (answer, code, text) in [
        (rejected(), "post_rejected", "The post was answered no."),
        (
            BuyerAnswer::UnknownAnswer(reading()),
            "post_rejected",
            "The post's answer was not understood, which counts as a refusal: no pattern matched.",
        ),
        (
            BuyerAnswer::Duplicate(reading()),
            "post_duplicate",
            "The post was answered that the buyer has the lead.",
        ),
        (BuyerAnswer::Error(reading()), "post_error", "The post was answered with an error."),
        (unreachable(), "post_error", "The post failed before a byte was sent."),
        (timed_out(false), "post_timeout", "Time was up before a byte of the post was sent."),
    ] {
        let played = two(answer);
        assert_eq!((played.result(1), played.text(1)), (code, text.to_owned()));
        assert_eq!(played.result(2), "sold");
        assert_eq!(played.state.releases().len(), 1, "{code} sets its reservation free");
    }
}

#[test]
fn a_post_without_an_answer_after_a_byte_was_sent_is_held_and_nobody_else_is_asked() {
    for answer in [cut(), timed_out(true)] {
        let played = two(answer);
        assert_eq!(played.results(), ["1 post_unknown", "2 not_needed"]);
        assert_eq!(played.ending(), Ending::Hold);
        assert_eq!(played.posts(), [1]);
        let held = &played.state.held()[0];
        assert_eq!((held.rule, held.wait_minutes), (UnknownRule::Wait, 1_440));
        assert_eq!((held.reserved.contract, held.reserved.price), (ContractId(1), money("30.00")));
        assert!(played.state.releases().is_empty(), "its price and cap stay reserved");
        assert_eq!(
            played.text(1),
            "The buyer was sent the lead at 30.00 and its answer is unknown; it may have bought it."
        );
        assert_eq!(played.text(2), "Buyer 100 may have the lead, so it was offered to nobody else.");
    }
}

#[test]
fn an_unknown_that_is_rejected_settles_at_once_and_the_next_is_tried() {
    let specs = [exclusive(1, "30.00").unknown_is("rejected"), exclusive(2, "20.00")];
    let played = market(specs).post(1, cut()).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 sold"]);
    assert_eq!(played.state.releases().len(), 1);
    assert!(played.text(1).ends_with("by the contract's rule it counts as rejected."));
}

#[test]
fn an_unknown_that_is_sold_settles_at_once_at_the_reserved_price() {
    let specs = [exclusive(1, "30.00").unknown_is("sold"), exclusive(2, "20.00")];
    let played = market(specs).post(1, cut()).play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed"]);
    assert_eq!(played.sales(), ["1 30.00"]);
    assert!(played.state.sales()[0].unanswered);
    assert!(played.text(1).contains("its answer is unknown"));
}

#[test]
fn the_networks_rule_holds_where_the_contract_has_none() {
    // The network's default is to wait.
    assert_eq!(two(cut()).held(), [1]);
}

#[test]
fn in_a_group_an_unknown_member_counts_as_one_that_may_have_bought() {
    let specs = || [multisell(1, "30.00"), multisell(2, "20.00"), exclusive(3, "10.00")];
    let played = market(specs()).post(1, cut()).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 sold", "3 outbid"]);
    assert_eq!(played.ending(), Ending::Sold);
    assert_eq!(played.held(), [1]);
    let played = market(specs()).post(1, cut()).post(2, rejected()).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 post_rejected", "3 not_needed"]);
    assert_eq!(played.ending(), Ending::Hold);
    assert_eq!(played.text(3), "Buyer 100 may have the lead, so it was offered to nobody else.");
}

#[test]
fn an_unknown_member_takes_a_place_under_the_resell_limit() {
    let specs = (1..=3).map(|id| multisell(id, "10.00"));
    let played = market(specs).router("resell_limit", 2).post(1, cut()).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 sold", "3 not_needed"]);
}

#[test]
fn a_hybrid_alone_whose_end_is_unknown_is_held_like_an_exclusive() {
    let played = market([contract(1, "hybrid", "30.00"), exclusive(2, "20.00")]).post(1, cut()).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 not_needed"]);
    assert_eq!(played.ending(), Ending::Hold);
}

#[test]
fn an_accepted_answer_sells_at_its_price_or_the_rows() {
    let sold = |answer| market([exclusive(1, "30.00")]).post(1, answer).play();
    assert_eq!(sold(accepted()).sales(), ["1 30.00"]);
    assert_eq!(sold(accepted_at("31.50")).sales(), ["1 31.50"]);
    assert_eq!(sold(accepted_with(PriceRead::Absent)).sales(), ["1 0.00"]);
    let absent = [Alert::PriceAbsent { contract: ContractId(1) }];
    assert_eq!(sold(accepted_with(PriceRead::Absent)).alerts(), absent);
    for price in [PriceRead::Unreadable, PriceRead::Amount(money("-1.00"))] {
        let played = sold(accepted_with(price));
        assert_eq!(played.sales(), ["1 0.00"]);
        assert_eq!(played.alerts(), [Alert::PriceUnreadable { contract: ContractId(1) }]);
    }
    let played = sold(accepted_at("31.50"));
    assert_eq!(played.state.sales()[0].reserved.price, money("30.00"), "the row's price was reserved");
}

#[test]
fn a_price_over_the_maximum_sells_at_the_maximum_with_an_alert() {
    let over = |price: &str, maximum: &str| {
        let (price, maximum) = (money(price), money(maximum));
        [Alert::PriceOverMaximum { contract: ContractId(1), price, maximum }]
    };
    let sold = |spec: Spec, price: &str| market([spec]).post(1, accepted_at(price)).play();
    let played = sold(exclusive(1, "30.00"), "300.01");
    assert_eq!(played.sales(), ["1 300.00"], "ten times the row's where the contract names none");
    assert_eq!(played.alerts(), over("300.01", "300.00"));
    let played = sold(exclusive(1, "30.00").with("maximum_price", "40.00"), "40.01");
    assert_eq!(played.sales(), ["1 40.00"]);
    assert_eq!(played.alerts(), over("40.01", "40.00"));
    let played = sold(exclusive(1, "30.00").with("maximum_price", "40.00"), "40.00");
    assert_eq!(
        (played.sales(), played.alerts()),
        (vec!["1 40.00".to_owned()], &[][..]),
        "the maximum itself"
    );
    let played = sold(exclusive(1, "0.00"), "5000.00");
    assert_eq!(played.sales(), ["1 5000.00"], "none where the row's price is 0");
    assert!(played.alerts().is_empty());
    let played = sold(exclusive(1, "0.00"), "900000000000.00");
    assert_eq!(played.sales(), ["1 1000000000.00"], "but what no sum of money can hold");
    assert_eq!(played.alerts(), over("900000000000.00", "1000000000.00"));
}

#[test]
fn a_sale_says_what_its_answer_said_where_that_is_not_what_counts() {
    let said = |answer| market([exclusive(1, "30.00")]).post(1, answer).play().text(1);
    assert_eq!(said(accepted_at("31.50")), "Bought for 31.50.");
    let over = "Bought for 300.00: its answer said 1000.00, which is over the maximum.";
    assert_eq!(said(accepted_at("1000.00")), over);
    let absent = "Bought for 0.00: its answer named no price.";
    assert_eq!(said(accepted_with(PriceRead::Absent)), absent);
    let unreadable = "Bought for 0.00: what its answer named as the price is no amount.";
    assert_eq!(said(accepted_with(PriceRead::Unreadable)), unreadable);
    assert_eq!(said(accepted_with(PriceRead::Amount(money("-1.00")))), unreadable);
}

#[test]
fn a_price_that_comes_after_its_run_is_held_against_what_was_reserved() {
    let specs = [exclusive(1, "30.00"), exclusive(2, "30.00").with("maximum_price", "40.00")];
    let tree = market(specs).tree();
    let reserved = money("20.00");
    let late = |contract: i64, read: Option<PriceRead>| {
        let (price, alert) = tree.late_price(ContractId(contract), read, reserved);
        (price.to_string(), alert)
    };
    let says = |price: &str| Some(PriceRead::Amount(money(price)));
    assert_eq!(late(1, None), ("20.00".to_owned(), None));
    assert_eq!(late(1, says("25.00")), ("25.00".to_owned(), None));
    let absent = Some(Alert::PriceAbsent { contract: ContractId(1) });
    assert_eq!(late(1, Some(PriceRead::Absent)), ("0.00".to_owned(), absent));
    let over = |contract: i64, maximum: &str| {
        let (contract, price, maximum) = (ContractId(contract), money("500.00"), money(maximum));
        Some(Alert::PriceOverMaximum { contract, price, maximum })
    };
    assert_eq!(
        late(1, says("500.00")),
        ("200.00".to_owned(), over(1, "200.00")),
        "ten times what was reserved"
    );
    assert_eq!(late(2, says("500.00")), ("40.00".to_owned(), over(2, "40.00")));
    let unreadable = Some(Alert::PriceUnreadable { contract: ContractId(2) });
    assert_eq!(late(2, Some(PriceRead::Unreadable)), ("0.00".to_owned(), unreadable));
    assert_eq!(late(9, says("25.00")), ("20.00".to_owned(), None), "its contract is gone");
}

#[test]
fn an_undercut_margin_is_an_alert_and_never_an_unsold_lead() {
    let played = market([exclusive(1, "30.00")]).payout("20.00").post(1, accepted_at("19.99")).play();
    assert_eq!(played.result(1), "sold");
    let (revenue, payout, minimum) = (money("19.99"), money("20.00"), money("0.00"));
    assert_eq!(played.alerts(), [Alert::MarginUndercut { revenue, payout, minimum }]);
    let played = market([exclusive(1, "30.00")]).payout("20.00").post(1, accepted_at("20.00")).play();
    assert!(played.alerts().is_empty());
}

#[test]
fn what_may_yet_come_counts_for_the_margin() {
    let specs = || [multisell(1, "15.00"), multisell(2, "10.00")];
    let market = || market(specs()).payout("20.00");
    assert!(market().post(1, cut()).play().alerts().is_empty());
    let (revenue, payout, minimum) = (money("15.00"), money("20.00"), money("0.00"));
    let played = market().post(2, rejected()).play();
    assert_eq!(played.alerts(), [Alert::MarginUndercut { revenue, payout, minimum }]);
}

#[test]
fn the_redirect_is_that_of_the_buyer_that_pays_most() {
    let with = |price: &str, redirect: Option<&str>| {
        BuyerAnswer::Accepted(BuyerReading {
            price: Some(PriceRead::Amount(money(price))),
            redirect: redirect.map(str::to_owned),
            lead_id: Some(format!("id-{price}")),
            ..BuyerReading::default()
        })
    };
    let specs = (1..=3).map(|id| multisell(id, "10.00"));
    let played = market(specs)
        .post(1, with("10.00", Some("https://one.example/")))
        .post(2, with("12.00", Some("https://two.example/")))
        .post(3, with("15.00", None))
        .play();
    assert_eq!(played.state.redirect(), Some("https://two.example/"));
    assert_eq!(played.state.sales()[2].lead_id.as_deref(), Some("id-15.00"));
    let equals = market((1..=2).map(|id| multisell(id, "10.00")))
        .post(1, with("12.00", Some("https://one.example/")))
        .post(2, with("12.00", Some("https://two.example/")))
        .play();
    assert_eq!(equals.state.redirect(), Some("https://one.example/"), "of equals the first that bought");
}

#[test]
fn a_bad_redirect_is_an_alert() {
    let reading = BuyerReading { bad_redirect: true, ..BuyerReading::default() };
    let played = market([exclusive(1, "30.00")]).post(1, BuyerAnswer::Accepted(reading)).play();
    assert_eq!(played.alerts(), [Alert::BadRedirect { contract: ContractId(1) }]);
    assert_eq!(played.state.redirect(), None);
}

#[test]
fn a_refused_reservation_goes_on_to_the_next_and_says_why() {
    let specs = || [exclusive(1, "30.00").row("cap", 50), exclusive(2, "20.00")];
    let (available, price) = (money("3.00"), money("30.00"));
    for (why, code, text) in [
        (Refusal::CapReached { count: 50, cap: 50 }, "cap_reached", "50 of 50 today"),
        (
            Refusal::NoCredit { available, price },
            "no_credit",
            "The buyer has 3.00 left and the price is 30.00.",
        ),
        (Refusal::AlreadySent, "already_bought", "Buyer 100 was sent the lead before."),
    ] {
        let played = market(specs()).refuses(1, why).play();
        assert_eq!((played.result(1), played.text(1)), (code, text.to_owned()));
        assert_eq!(played.posts(), [2]);
        assert!(played.state.releases().is_empty(), "nothing was reserved");
    }
}

#[test]
fn a_buyer_that_the_store_knows_to_have_been_sent_it_is_out_with_all_its_contracts() {
    let specs = [exclusive(1, "30.00").buyer(5), exclusive(2, "20.00").buyer(5)];
    let played = market(specs).refuses(1, Refusal::AlreadySent).play();
    assert_eq!(played.results(), ["1 already_bought", "2 already_bought"]);
}

#[test]
fn a_cap_reached_meanwhile_goes_on_by_the_next_open_row() {
    let row = |cap: Option<u32>, price: &str| {
        json!({ "days": ["all"], "open": "00:00", "close": "24:00", "cap": cap, "price": price,
            "type": "exclusive" })
    };
    let rows = json!([row(Some(10), "30.00"), row(Some(20), "20.00")]);
    let specs = || [exclusive(1, "1.00").with("schedule", rows.clone()), exclusive(2, "25.00")];
    let full = |count, cap| Refusal::CapReached { count, cap };
    let played = market(specs()).refuses(1, full(10, 10)).post(2, rejected()).play();
    assert_eq!(played.posts(), [2, 1], "its new price has its own place in the order");
    assert_eq!(played.sales(), ["1 20.00"]);
    let played = market(specs()).refuses(1, full(20, 10)).play();
    assert_eq!((played.result(1), played.text(1)), ("cap_reached", "20 of 10 today".to_owned()));
    // What the store counts stands for what was read before.
    let today = Zone::UTC.day_of(noon());
    let read = specs().map(|spec| spec.facts(|facts| facts.counts = vec![(today, 9)]));
    let played = market(read).refuses(1, full(20, 10)).play();
    assert_eq!((played.result(1), played.posts()), ("cap_reached", vec![2]));
    // A store that goes on refusing ends it.
    let played = market(specs()).refuses(1, full(0, 10)).refuses(1, full(0, 20)).post(2, rejected()).play();
    assert_eq!(played.result(1), "cap_reached");
}

#[test]
fn a_post_is_given_its_timeout_and_no_more_than_the_deadline() {
    let until = |market: Market| {
        let played = market.play();
        let post = played.commands.iter().find_map(|(_, command)| match command {
            Command::Post { until, .. } => Some(*until),
            _ => None,
        });
        post.unwrap()
    };
    // The reservation takes 10 ms.
    assert_eq!(until(market([exclusive(1, "1.00")])), after_ms(10_010));
    let mut spec = exclusive(1, "1.00");
    spec.contract["post"]["timeout_ms"] = json!(900);
    assert_eq!(until(market([spec])), after_ms(910));
    assert_eq!(
        until(market([exclusive(1, "1.00")]).run(|run| run.deadline = after_ms(5_000))),
        after_ms(5_000)
    );
}

#[test]
fn no_post_is_begun_with_less_than_500_ms_left() {
    let play = |deadline: i64| {
        let specs = [exclusive(1, "30.00"), exclusive(2, "20.00")];
        market(specs).run(|run| run.deadline = after_ms(deadline)).post(1, rejected()).play()
    };
    // The first is answered 20 ms after the beginning, the second reserved 10 ms later.
    assert_eq!(play(530).results(), ["1 post_rejected", "2 sold"]);
    let late = play(529);
    assert_eq!(late.results(), ["1 post_rejected", "2 deadline"]);
    assert_eq!(late.state.releases().len(), 2, "what was reserved for nothing is set free");
    assert_eq!(play(519).results(), ["1 post_rejected", "2 deadline"]);
    assert_eq!(late.text(2), "The sale's time was up before its turn.");
}

#[test]
fn a_deadline_that_passes_during_a_post_makes_it_unknown_and_the_rest_had_no_turn() {
    let specs = || [exclusive(1, "30.00"), exclusive(2, "20.00")];
    let short = |market: Market| market.run(|run| run.deadline = after_ms(2_000));
    let played = short(market(specs())).takes_ms(1, 1_400).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 not_needed"]);
    assert_eq!(played.ending(), Ending::Hold);
    let rejecting = [exclusive(1, "30.00").unknown_is("rejected"), exclusive(2, "20.00")];
    let played = short(market(rejecting)).takes_ms(1, 1_400).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 deadline"]);
    assert_eq!(played.ending(), Ending::GiveUp);
}

#[test]
fn a_deadline_in_a_group_ends_the_others_turns_and_keeps_the_sales() {
    let specs = [multisell(1, "30.00"), multisell(2, "20.00"), multisell(3, "10.00"), exclusive(4, "5.00")];
    let played = market(specs)
        .router("sweeper_partners", 5)
        .takes_ms(2, 9_900)
        .run(|run| run.deadline = after_ms(20_200))
        .play();
    assert_eq!(played.results(), ["1 sold", "2 sold", "3 deadline", "4 outbid"]);
    assert_eq!(played.ending(), Ending::Sold);
}

#[test]
fn a_run_that_begins_after_its_deadline_offers_nobody_anything() {
    let played = market([exclusive(1, "30.00")]).run(|run| run.deadline = after_ms(-1)).play();
    assert_eq!(played.results(), ["1 deadline"]);
    assert_eq!(played.ending(), Ending::GiveUp);
}

#[test]
fn with_the_router_off_or_without_contracts_the_run_is_over_at_once() {
    let played = market([exclusive(1, "30.00")]).router("on", false).play();
    assert_eq!(played.results(), ["1 contract_inactive"]);
    assert_eq!(played.text(1), "The vertical's router is off, so nothing is offered for sale.");
    assert_eq!((played.ending(), played.commands.len()), (Ending::GiveUp, 1));
    let played = market([]).play();
    assert_eq!((played.ending(), played.commands.len()), (Ending::GiveUp, 1));
    assert!(played.state.results().is_empty());
}

#[test]
fn events_that_cannot_be_change_nothing() {
    let market = market([exclusive(1, "30.00"), exclusive(2, "20.00")]);
    let contract = ContractId(1);
    let strays = [
        Event::Begin,
        Event::Reserved { contract: ContractId(2), replaces: None },
        Event::Reserved { contract: ContractId(99), replaces: None },
        Event::Refused { contract: ContractId(2), why: Refusal::AlreadySent },
        Event::Pinged { contract, answer: accepted() },
        Event::Posted { contract: ContractId(2), answer: accepted() },
        Event::Posted { contract: ContractId(99), answer: accepted() },
    ];
    let mut state = State::new(market.tree(), market.inputs());
    let hits = [
        Event::Begin,
        Event::Reserved { contract, replaces: None },
        Event::Posted { contract, answer: accepted() },
    ];
    for hit in &hits {
        state = step(state, hit, noon()).0;
        let before = format!("{state:?}");
        for stray in &strays {
            let (after, commands) = step(state, stray, noon());
            assert!(commands.is_empty(), "{stray:?}");
            assert_eq!(format!("{after:?}"), before, "{stray:?}");
            state = after;
        }
    }
    assert!(state.is_ended());
    // A second end of what has ended, and the deadline after the end.
    for late in hits.iter().chain([&Event::DeadlineReached]) {
        let (after, commands) = step(state, late, noon());
        assert!(commands.is_empty());
        assert_eq!(after.sales().len(), 1);
        state = after;
    }
}

#[test]
fn events_before_the_beginning_change_nothing_and_a_deadline_ends_the_run() {
    let market = market([exclusive(1, "30.00")]);
    let state = State::new(market.tree(), market.inputs());
    let posted = Event::Posted { contract: ContractId(1), answer: accepted() };
    let (state, commands) = step(state, &posted, noon());
    assert!(commands.is_empty() && state.results().is_empty());
    let (state, commands) = step(state, &Event::DeadlineReached, noon());
    assert_eq!(commands, [Command::End { ending: Ending::GiveUp }]);
    assert_eq!(state.results()[0].result.as_str(), "deadline");
}

#[test]
fn a_deadline_during_a_reservation_waits_for_it_and_sets_it_free() {
    let market = market([exclusive(1, "30.00")]);
    let contract = ContractId(1);
    let (state, _) = step(State::new(market.tree(), market.inputs()), &Event::Begin, noon());
    let (state, commands) = step(state, &Event::DeadlineReached, after_ms(20_000));
    assert!(commands.is_empty() && !state.is_ended());
    let (state, commands) = step(state, &Event::Reserved { contract, replaces: None }, after_ms(20_001));
    assert_eq!(commands, [Command::End { ending: Ending::GiveUp }]);
    assert_eq!((state.releases().len(), state.results()[0].result.as_str()), (1, "deadline"));
}
