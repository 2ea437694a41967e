//! Exclusives, groups, sweepers, buyer groups, and their margins.

use crate::market::{Spec, bought_by, contract, cut, market, money, rejected, unreachable};
use crumb_domain::BuyerId;
use crumb_domain::network::SaleType;
use crumb_routing::{Earlier, Ending, Had, Payout};

fn exclusive(id: i64, price: &str) -> Spec {
    contract(id, "exclusive", price)
}

fn multisell(id: i64, price: &str) -> Spec {
    contract(id, "multisell", price)
}

fn hybrid(id: i64, price: &str) -> Spec {
    contract(id, "hybrid", price)
}

#[test]
fn an_exclusive_sells_once() {
    let played = market([exclusive(1, "30.00"), exclusive(2, "20.00")]).play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed"]);
    assert_eq!(played.text(1), "Bought for 30.00.");
    assert_eq!(played.text(2), "The lead was sold before its turn.");
    assert_eq!(played.ending(), Ending::Sold);
}

#[test]
fn the_larger_of_the_best_exclusive_and_the_best_sum_wins() {
    let play = |price: &str| {
        let specs = [exclusive(1, price), exclusive(2, "1.00"), multisell(3, "12.00"), multisell(4, "10.00")];
        market(specs).play()
    };
    let played = play("21.99");
    assert_eq!(played.results(), ["1 outbid", "2 outbid", "3 sold", "4 sold"]);
    assert_eq!(played.text(1), "Its price of 21.99 lost to a group that pays 22.00 together.");
    assert_eq!(played.posts(), [3, 4]);
    let played = play("22.01");
    assert_eq!(played.results(), ["1 sold", "2 not_needed", "3 outbid", "4 outbid"]);
    assert_eq!(
        played.text(4),
        "Its group would have paid 22.00 together and lost to an exclusive price of 22.01."
    );
}

#[test]
fn at_equal_money_tie_favors_exclusive_settles() {
    let specs = || [exclusive(1, "22.00"), multisell(3, "12.00"), multisell(4, "10.00")];
    assert_eq!(market(specs()).play().results(), ["1 outbid", "3 sold", "4 sold"]);
    let favoured = market(specs()).router("tie_favors_exclusive", true).play();
    assert_eq!(favoured.results(), ["1 sold", "3 outbid", "4 outbid"]);
}

#[test]
fn a_group_has_at_most_as_many_buyers_as_the_resell_limit() {
    let specs = (1..=5).map(|id| multisell(id, "10.00"));
    let played = market(specs).router("resell_limit", 2).play();
    assert_eq!(played.results(), ["1 sold", "2 sold", "3 not_needed", "4 not_needed", "5 not_needed"]);
    assert_eq!(played.text(5), "2 buyers have the lead or may have it, of at most 2.");
}

#[test]
fn only_as_many_prices_as_the_resell_limit_count_for_the_sum() {
    let specs =
        || [exclusive(1, "25.00"), multisell(2, "10.00"), multisell(3, "10.00"), multisell(4, "10.00")];
    assert_eq!(market(specs()).play().result(1), "outbid");
    let limited = market(specs()).router("resell_limit", 2).play();
    assert_eq!(limited.results(), ["1 sold", "2 outbid", "3 outbid", "4 not_needed"]);
}

#[test]
fn a_lone_multisell_sells_nothing() {
    let played = market([multisell(1, "30.00")]).play();
    assert_eq!(played.results(), ["1 group_incomplete"]);
    assert_eq!(played.text(1), "It buys with others only, and no second buyer was possible.");
    assert!(played.posts().is_empty());
    assert_eq!(played.ending(), Ending::GiveUp);
    let played = market([multisell(1, "30.00")]).payout("31.00").play();
    assert_eq!(played.results(), ["1 group_incomplete"], "what its price alone would leave is not asked");
}

#[test]
fn two_contracts_of_one_buyer_or_of_one_buyer_group_make_no_group() {
    let played = market([multisell(1, "30.00").buyer(5), multisell(2, "20.00").buyer(5)]).play();
    assert_eq!(played.results(), ["1 group_incomplete", "2 group_incomplete"]);
    let played = market([multisell(1, "30.00").group("g"), multisell(2, "20.00").group("g")]).play();
    assert_eq!(played.results(), ["1 group_incomplete", "2 group_incomplete"]);
}

#[test]
fn a_multisell_left_alone_by_a_refusal_is_not_posted_to() {
    let played = market([multisell(1, "30.00"), multisell(2, "20.00")]).post(1, rejected()).play();
    assert_eq!(played.results(), ["1 post_rejected", "2 group_incomplete"]);
    assert_eq!(played.posts(), [1]);
}

#[test]
fn a_member_that_has_accepted_keeps_its_sale_although_the_others_refuse() {
    let played = market([multisell(1, "30.00"), multisell(2, "20.00")]).post(2, rejected()).play();
    assert_eq!(played.results(), ["1 sold", "2 post_rejected"]);
    assert_eq!(played.ending(), Ending::Sold);
}

#[test]
fn after_an_acceptance_substitutes_join_in_order_up_to_the_limit() {
    let specs = (1..=5).map(|id| multisell(id, &format!("{}.00", 20 - id)));
    let played = market(specs).router("resell_limit", 2).post(2, rejected()).post(3, unreachable()).play();
    assert_eq!(played.posts(), [1, 2, 3, 4]);
    assert_eq!(played.results(), ["1 sold", "2 post_rejected", "3 post_error", "4 sold", "5 not_needed"]);
}

#[test]
fn a_refusal_before_any_acceptance_decides_anew() {
    let specs = [exclusive(1, "25.00"), multisell(2, "20.00"), multisell(3, "10.00"), multisell(4, "8.00")];
    let played = market(specs).router("resell_limit", 2).post(2, rejected()).play();
    assert_eq!(played.posts(), [2, 1]);
    assert_eq!(played.results(), ["1 sold", "2 post_rejected", "3 outbid", "4 outbid"]);
}

#[test]
fn an_exclusive_that_refuses_leaves_the_lead_to_the_group() {
    let specs = [exclusive(1, "25.00"), multisell(2, "10.00"), multisell(3, "10.00")];
    let played = market(specs).post(1, rejected()).play();
    assert_eq!(played.results(), ["1 post_rejected", "2 sold", "3 sold"]);
}

#[test]
fn a_lone_multisell_is_not_needed_once_an_exclusive_has_bought() {
    let played = market([exclusive(1, "5.00"), multisell(2, "30.00")]).play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed"]);
}

#[test]
fn a_hybrid_joins_a_multisell() {
    let played = market([hybrid(1, "30.00"), multisell(2, "20.00")]).play();
    assert_eq!(played.sales(), ["1 30.00", "2 20.00"]);
    assert!(played.state.sales().iter().all(|sale| !sale.reserved.alone));
}

#[test]
fn a_hybrid_without_others_sells_alone() {
    let played = market([hybrid(1, "30.00")]).play();
    assert_eq!(played.sales(), ["1 30.00"]);
    let sale = &played.state.sales()[0].reserved;
    assert!(sale.alone && sale.sale_type == SaleType::Hybrid);
}

#[test]
fn a_hybrid_alone_is_held_against_the_best_exclusive() {
    let specs = |price: &str| [exclusive(1, price), hybrid(2, "20.00")];
    assert_eq!(market(specs("20.01")).play().results(), ["1 sold", "2 not_needed"]);
    assert_eq!(market(specs("19.99")).play().results(), ["1 not_needed", "2 sold"]);
    assert_eq!(market(specs("20.00")).play().result(2), "sold");
    assert_eq!(market(specs("20.00")).router("tie_favors_exclusive", true).play().result(1), "sold");
}

#[test]
fn with_a_resell_limit_of_one_nobody_shares_and_a_hybrid_still_sells_alone() {
    let played = market([hybrid(1, "30.00"), multisell(2, "20.00"), hybrid(3, "10.00")])
        .router("resell_limit", 1)
        .play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed", "3 not_needed"]);
}

#[test]
fn with_a_resell_limit_of_zero_only_exclusives_sell() {
    let specs = [hybrid(1, "30.00"), multisell(2, "20.00")];
    let played = market(specs).router("resell_limit", 0).play();
    assert_eq!(played.results(), ["1 group_incomplete", "2 group_incomplete"]);
    assert_eq!(played.text(1), "It shares leads, and the vertical's resell limit is 0.");
}

#[test]
fn a_priority_row_that_shares_leads_a_group_which_others_join_in_order() {
    let specs =
        [exclusive(1, "90.00"), multisell(2, "10.00"), multisell(3, "1.00").priority(), hybrid(4, "20.00")];
    let played = market(specs).router("resell_limit", 2).play();
    assert_eq!(played.posts(), [3, 4]);
    assert_eq!(played.results(), ["1 not_needed", "2 not_needed", "3 sold", "4 sold"]);
}

#[test]
fn a_priority_multisell_for_which_no_other_is_possible_has_no_turn() {
    let played = market([multisell(1, "90.00").priority(), exclusive(2, "10.00")]).play();
    assert_eq!(played.results(), ["1 not_needed", "2 sold"]);
}

#[test]
fn a_priority_exclusive_goes_before_any_sum() {
    let specs = [exclusive(1, "1.00").priority(), multisell(2, "50.00"), multisell(3, "50.00")];
    assert_eq!(market(specs.clone()).play().results(), ["1 sold", "2 not_needed", "3 not_needed"]);
    let played = market(specs).post(1, rejected()).play();
    assert_eq!(played.results(), ["1 post_rejected", "2 sold", "3 sold"]);
}

#[test]
fn a_sweeper_joins_once_enough_buyers_have_the_lead() {
    let specs = || [multisell(1, "10.00"), multisell(2, "9.00"), multisell(3, "20.00").sweeper()];
    let played = market(specs()).router("sweeper_partners", 2).play();
    assert_eq!(played.posts(), [1, 2, 3]);
    assert_eq!(played.results(), ["1 sold", "2 sold", "3 sold"]);
    // With one partner it comes as soon as the first has bought.
    assert_eq!(market(specs()).play().posts(), [1, 3, 2]);
}

#[test]
fn a_sweeper_never_begins_a_group() {
    let played = market([multisell(1, "10.00").sweeper(), hybrid(2, "9.00").sweeper()]).play();
    assert_eq!(played.results(), ["1 group_incomplete", "2 group_incomplete"]);
    assert_eq!(
        played.text(1),
        "It joins once the number of buyers that have the lead is 1, and the lead stayed unsold."
    );
    let priority = market([multisell(1, "10.00").sweeper().priority(), exclusive(2, "9.00")]).play();
    assert_eq!(priority.results(), ["1 not_needed", "2 sold"]);
}

#[test]
fn a_sweeper_that_needs_no_partners_needs_one_all_the_same() {
    let specs = [multisell(1, "10.00").sweeper(), multisell(2, "9.00").sweeper()];
    let played = market(specs).router("sweeper_partners", 0).play();
    assert_eq!(played.results(), ["1 group_incomplete", "2 group_incomplete"]);
}

#[test]
fn a_sweeper_is_a_possible_second_buyer_once_one_is_enough() {
    let specs = || [multisell(1, "10.00"), multisell(2, "5.00").sweeper()];
    assert_eq!(market(specs()).play().posts(), [1, 2]);
    let two = market(specs()).router("sweeper_partners", 2).play();
    assert_eq!(two.results(), ["1 group_incomplete", "2 group_incomplete"]);
}

#[test]
fn sweepers_keep_the_resell_limit() {
    let specs = [multisell(1, "10.00"), multisell(2, "9.00"), multisell(3, "20.00").sweeper()];
    let played = market(specs).router("resell_limit", 2).router("sweeper_partners", 2).play();
    assert_eq!(played.results(), ["1 sold", "2 sold", "3 not_needed"]);
}

#[test]
fn a_sweeper_that_lacked_partners_on_a_sold_lead_was_not_needed() {
    let specs = [multisell(1, "10.00"), multisell(2, "9.00"), multisell(3, "20.00").sweeper()];
    let played = market(specs).router("sweeper_partners", 2).post(2, rejected()).play();
    assert_eq!(played.results(), ["1 sold", "2 post_rejected", "3 not_needed"]);
    assert_eq!(played.text(3), "It joins once the number of buyers that have the lead is 2, and it was 1.");
}

#[test]
fn a_sweeper_that_had_its_partners_and_no_time_had_no_turn() {
    let specs = [multisell(1, "10.00"), multisell(2, "9.00"), multisell(3, "20.00").sweeper()];
    let played = market(specs)
        .router("sweeper_partners", 2)
        .router("resell_limit", 5)
        .takes_ms(2, 5_000)
        .run(|run| run.deadline = crate::market::after_ms(10_100))
        .play();
    assert_eq!(played.results(), ["1 sold", "2 sold", "3 deadline"]);
}

#[test]
fn buyers_of_earlier_runs_count_for_sweepers_and_for_the_limit() {
    let specs = [multisell(1, "10.00").sweeper(), multisell(2, "9.00")];
    let earlier = |run: &mut crumb_routing::Run| {
        run.bought_count = 2;
        run.earlier = vec![bought_by(90), bought_by(91)];
    };
    let played = market(specs).router("sweeper_partners", 2).run(earlier).play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed"]);
    assert_eq!(played.text(2), "3 buyers have the lead or may have it, of at most 3.");
}

#[test]
fn a_lone_multisell_joins_a_lead_that_others_bought_and_an_exclusive_does_not() {
    let earlier = |run: &mut crumb_routing::Run| {
        run.bought_count = 1;
        run.earlier = vec![bought_by(90)];
    };
    let played = market([multisell(1, "10.00"), exclusive(2, "90.00")]).run(earlier).play();
    assert_eq!(played.results(), ["1 sold", "2 not_needed"]);
    let played = market([exclusive(2, "90.00")]).run(earlier).play();
    assert_eq!(played.text(2), "It buys alone, and others bought the lead in an earlier run.");
    assert_eq!(played.ending(), Ending::GiveUp);
}

#[test]
fn nobody_gets_a_lead_alone_that_somebody_may_have_from_an_earlier_run() {
    let earlier = |run: &mut crumb_routing::Run| {
        run.earlier = vec![Earlier { buyer: BuyerId(90), group: None, how: Had::MayHave }];
    };
    let played = market([exclusive(1, "90.00"), multisell(2, "10.00")]).run(earlier).play();
    assert_eq!(played.results(), ["1 not_needed", "2 sold"]);
    let played = market([exclusive(1, "90.00")]).run(earlier).play();
    assert_eq!(played.text(1), "Buyer 90 may have the lead, so it was offered to nobody else.");
}

#[test]
fn once_a_buyer_was_posted_to_its_other_contracts_are_out() {
    let specs = || [exclusive(1, "30.00").buyer(5), exclusive(2, "20.00").buyer(5), exclusive(3, "10.00")];
    let played = market(specs()).post(1, rejected()).play();
    assert_eq!(played.results(), ["1 post_rejected", "2 already_bought", "3 sold"]);
    assert_eq!(played.text(2), "Buyer 5 was sent the lead before.");
    // It has not heard of the lead where no byte was sent.
    let played = market(specs()).post(1, unreachable()).play();
    assert_eq!(played.results(), ["1 post_error", "2 sold", "3 not_needed"]);
}

#[test]
fn a_buyer_groups_others_are_out_once_one_has_bought_and_not_when_it_refused() {
    let specs =
        || [multisell(1, "30.00").group("g"), multisell(2, "20.00").group("g"), multisell(3, "10.00")];
    let played = market(specs()).play();
    assert_eq!(played.results(), ["1 sold", "2 already_bought", "3 sold"]);
    assert_eq!(played.text(2), "Buyer 100 of the same buyer group has the lead.");
    let played = market(specs()).post(1, rejected()).play();
    assert_eq!(played.results(), ["1 post_rejected", "2 sold", "3 sold"]);
    let played = market(specs()).post(1, cut()).play();
    assert_eq!(played.results(), ["1 post_unknown", "2 already_bought", "3 sold"]);
    assert_eq!(played.text(2), "Buyer 100 of the same buyer group may have the lead.");
}

#[test]
fn a_groups_margin_is_its_sum_less_the_payout_tested_when_it_is_formed() {
    let specs = || [multisell(1, "12.00"), multisell(2, "10.00")];
    let play = |payout: &str| market(specs()).router("minimum_margin", "2.00").payout(payout).play();
    assert_eq!(play("20.00").results(), ["1 sold", "2 sold"]);
    let played = play("20.01");
    assert_eq!(played.results(), ["1 margin_too_small", "2 margin_too_small"]);
    assert_eq!(
        played.text(1),
        "The group's prices of 22.00 would leave 1.99 after the payout of 20.01, and the least margin is 2.00."
    );
    let share = market(specs()).router("minimum_margin", "2.00");
    let share = share.run(|run| run.payout = Payout::Percent(money("95"))).play();
    assert_eq!(share.results(), ["1 margin_too_small", "2 margin_too_small"]);
}

#[test]
fn a_group_that_is_formed_anew_is_tested_anew() {
    let specs = [multisell(1, "12.00"), multisell(2, "10.00"), multisell(3, "5.00")];
    let played = market(specs).payout("20.00").post(1, rejected()).play();
    assert_eq!(played.results(), ["1 post_rejected", "2 margin_too_small", "3 margin_too_small"]);
}

#[test]
fn a_group_that_has_sold_goes_on_without_its_margin_being_tested_again() {
    let specs = [multisell(1, "12.00"), multisell(2, "10.00"), multisell(3, "5.00")];
    let played = market(specs).router("resell_limit", 2).payout("20.00").post(2, rejected()).play();
    assert_eq!(played.results(), ["1 sold", "2 post_rejected", "3 sold"]);
}

#[test]
fn a_hybrid_that_leaves_too_little_alone_may_still_join_a_group() {
    let play = |specs: Vec<Spec>| market(specs).payout("20.00").play();
    assert_eq!(play(vec![hybrid(1, "15.00")]).results(), ["1 margin_too_small"]);
    assert_eq!(play(vec![hybrid(1, "15.00"), multisell(2, "5.00")]).results(), ["1 sold", "2 sold"]);
}
