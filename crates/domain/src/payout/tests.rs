use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// An offer that pays 10.00, with these keys besides.
fn offer(keys: Value) -> Offer {
    let mut offer =
        json!({ "id": 100, "name": "Quote", "vertical": 1, "type": "host_n_post", "payout": "10.00" });
    offer.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    serde_json::from_value(offer).unwrap()
}

fn contract(keys: Value) -> OfferContract {
    let mut contract = json!({ "id": 900 });
    contract.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    serde_json::from_value(contract).unwrap()
}

fn campaign(keys: Value) -> Campaign {
    let mut campaign = json!({ "id": 57, "affiliate": 12, "offer": 100 });
    campaign.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    serde_json::from_value(campaign).unwrap()
}

fn terms(keys: Value) -> Terms {
    Terms::of(&offer(keys), None, None)
}

const ACCEPTED: LeadFacts = LeadFacts {
    standing: Standing::Sellable,
    tier_payout: None,
    sold: None,
    is_late_sale: false,
    has_pixel: false,
};

fn paid(terms: &Terms, lead: LeadFacts) -> String {
    lead_payout(terms, &lead).to_string()
}

#[test]
fn the_campaigns_payout_beats_the_contracts_and_that_the_offers() {
    let offer = offer(json!({}));
    let contract_11 = contract(json!({ "payout": "11.00" }));
    let campaign_12 = campaign(json!({ "payout": "12.00" }));
    let plain = campaign(json!({}));
    let (empty_contract, zero) = (contract(json!({ "payout": "" })), campaign(json!({ "payout": "0.00" })));
    let payout = |contract, campaign| campaign_payout(&offer, contract, campaign).to_string();
    assert_eq!(payout(None, None), "10.00");
    assert_eq!(payout(None, Some(&plain)), "10.00");
    assert_eq!(payout(Some(&contract_11), Some(&plain)), "11.00");
    assert_eq!(payout(Some(&contract_11), Some(&campaign_12)), "12.00");
    assert_eq!(payout(Some(&empty_contract), None), "10.00");
    assert_eq!(payout(None, Some(&zero)), "0.00");
}

#[test]
fn the_campaigns_price_format_beats_the_contracts_and_that_the_offers() {
    let offer = offer(json!({ "price_format": "cpc" }));
    let fixed = contract(json!({ "price_format": "fixed" }));
    let revshare = campaign(json!({ "price_format": "revshare" }));
    assert_eq!(price_format(&offer, None, None), PriceFormat::Cpc);
    assert_eq!(price_format(&offer, Some(&fixed), Some(&campaign(json!({})))), PriceFormat::Fixed);
    assert_eq!(price_format(&offer, Some(&fixed), Some(&revshare)), PriceFormat::Revshare);
}

#[test]
fn a_hosted_lead_pays_at_once_sold_or_not_and_only_once() {
    for flags in [json!({}), json!({ "pay_on_post": false, "pay_only_when_sold": true })] {
        let mut keys = flags;
        keys["type"] = json!("hosted");
        let terms = terms(keys);
        assert_eq!(paid(&terms, ACCEPTED), "10.00");
        assert_eq!(paid(&terms, ACCEPTED.sold_for(money("30.00"))), "10.00");
    }
}

#[test]
fn a_host_n_post_lead_pays_by_the_two_flags_of_its_offer() {
    let sold = ACCEPTED.sold_for(money("30.00"));
    let pixel = |lead| LeadFacts { has_pixel: true, ..lead };
    // pay_on_post, pay_only_when_sold: accepted, sold, accepted + pixel, sold + pixel
    for (on_post, when_sold, expected) in [
        (true, true, ["0.00", "10.00", "0.00", "10.00"]),
        (false, true, ["0.00", "0.00", "0.00", "10.00"]),
        (false, false, ["0.00", "0.00", "10.00", "10.00"]),
        (true, false, ["10.00", "10.00", "10.00", "10.00"]),
    ] {
        let terms = terms(json!({ "pay_on_post": on_post, "pay_only_when_sold": when_sold }));
        let all = [ACCEPTED, sold, pixel(ACCEPTED), pixel(sold)].map(|lead| paid(&terms, lead));
        assert_eq!(all, expected, "{on_post} {when_sold}");
    }
}

#[test]
fn a_lead_is_a_conversion_once_its_offer_pays_for_it_or_would_if_a_pixel_had_come() {
    let sold = ACCEPTED.sold_for(money("30.00"));
    for has_pixel in [false, true] {
        let is = |keys: &Value, lead| is_conversion(&terms(keys.clone()), &LeadFacts { has_pixel, ..lead });
        for on_post in [true, false] {
            let flags = |kind: &str, when_sold: bool| json!({ "type": kind, "pay_on_post": on_post, "pay_only_when_sold": when_sold });
            for when_sold in [true, false] {
                let hosted = flags("hosted", when_sold);
                assert!(is(&hosted, ACCEPTED) && is(&hosted, sold), "{hosted}");
                let third_party = flags("third_party", when_sold);
                assert!(!is(&third_party, ACCEPTED) && !is(&third_party, sold), "{third_party}");
            }
            let by_sale = flags("host_n_post", true);
            assert!(!is(&by_sale, ACCEPTED) && is(&by_sale, sold), "{by_sale}");
            assert!(is(&by_sale, ACCEPTED.sold_for(Money::ZERO)), "a sale at 0.00 is a sale");
            let by_post = flags("host_n_post", false);
            assert!(is(&by_post, ACCEPTED) && is(&by_post, sold), "{by_post}");
        }
    }
}

#[test]
fn what_the_campaign_is_paid_for_and_how_much_makes_no_lead_a_conversion_or_none() {
    for format in ["cpa", "revshare", "cpc", "cpm", "fixed"] {
        let hosted = terms(json!({ "type": "hosted", "price_format": format, "payout": "0.00" }));
        assert!(is_conversion(&hosted, &ACCEPTED), "{format}");
    }
}

#[test]
fn a_late_sale_makes_a_lead_a_conversion_only_where_the_campaign_pays_late_sales() {
    let late = LeadFacts { is_late_sale: true, ..ACCEPTED.sold_for(money("30.00")) };
    let of =
        |pays: bool| Terms::of(&offer(json!({})), None, Some(&campaign(json!({ "pay_late_sales": pays }))));
    assert!(!is_conversion(&of(false), &late));
    assert!(is_conversion(&of(true), &late));
}

#[test]
fn tests_the_unattributed_and_the_held_back_are_no_conversions() {
    for kind in ["host_n_post", "hosted"] {
        for standing in [Standing::HeldBack, Standing::Unattributed, Standing::Test] {
            let sold = LeadFacts { standing, has_pixel: true, ..ACCEPTED.sold_for(money("30.00")) };
            assert!(!is_conversion(&terms(json!({ "type": kind })), &sold), "{kind} {standing:?}");
        }
    }
}

#[test]
fn only_a_host_n_post_offer_that_does_not_pay_on_the_post_pays_by_the_pixel() {
    for (kind, on_post, expected) in [
        ("host_n_post", false, true),
        ("host_n_post", true, false),
        ("hosted", false, false),
        ("third_party", false, false),
    ] {
        assert_eq!(pays_by_pixel(&offer(json!({ "type": kind, "pay_on_post": on_post }))), expected);
    }
}

#[test]
fn host_n_post_pays_sold_leads_on_the_post_unless_told_otherwise() {
    let terms = terms(json!({}));
    assert!(terms.pay_on_post && terms.pay_only_when_sold);
    assert_eq!(paid(&terms, ACCEPTED.sold_for(Money::ZERO)), "10.00", "a sale at 0.00 is a sale");
}

#[test]
fn a_third_party_offer_pays_nothing_for_leads() {
    assert_eq!(paid(&terms(json!({ "type": "third_party" })), ACCEPTED.sold_for(money("30.00"))), "0.00");
}

#[test]
fn a_lead_tier_beats_the_campaigns_payout_and_the_share() {
    let tier = LeadFacts { tier_payout: Some(money("20.00")), ..ACCEPTED };
    let plain = terms(json!({}));
    assert_eq!(paid(&plain, tier.sold_for(money("30.00"))), "20.00");
    assert_eq!(paid(&plain, tier), "0.00", "it changes how much, not when");
    let share = terms(json!({ "payout_percent": "80" }));
    assert_eq!(paid(&share, tier.sold_for(money("30.00"))), "20.00");
}

#[test]
fn a_payout_percent_pays_its_share_of_each_sale() {
    for kind in ["host_n_post", "hosted"] {
        let terms = terms(json!({ "type": kind, "payout_percent": "80" }));
        assert_eq!(paid(&terms, ACCEPTED), "0.00", "nothing is sold");
        assert_eq!(paid(&terms, ACCEPTED.sold_for(money("30.00"))), "24.00");
        assert_eq!(paid(&terms, ACCEPTED.sold_for(money("42.50"))), "34.00", "a second sale for 12.50");
    }
    let exact = terms(json!({ "payout_percent": "33.333333" }));
    assert_eq!(exact.share_of(money("0.01")), Some(money("0.003333")));
    assert_eq!(exact.share_of(money("-0.01")), Some(money("-0.003333")));
    assert_eq!(terms(json!({ "payout_percent": "50" })).share_of(money("0.000001")), Some(money("0.000001")));
    assert_eq!(terms(json!({})).share_of(money("1.00")), None);
}

#[test]
fn a_written_payout_of_the_campaign_or_contract_beats_the_offers_share() {
    let offer = offer(json!({ "payout_percent": "80" }));
    let sold = ACCEPTED.sold_for(money("30.00"));
    let internal = campaign(json!({ "payout": "0.00" }));
    assert_eq!(paid(&Terms::of(&offer, None, Some(&internal)), sold), "0.00");
    let eleven = contract(json!({ "payout": "11.00" }));
    assert_eq!(paid(&Terms::of(&offer, Some(&eleven), Some(&campaign(json!({})))), sold), "11.00");
    assert_eq!(paid(&Terms::of(&offer, None, Some(&campaign(json!({})))), sold), "24.00");
}

#[test]
fn tests_the_unattributed_and_the_held_back_earn_nothing() {
    let sold =
        LeadFacts { tier_payout: Some(money("20.00")), has_pixel: true, ..ACCEPTED.sold_for(money("30.00")) };
    for kind in ["host_n_post", "hosted"] {
        for standing in [Standing::HeldBack, Standing::Unattributed, Standing::Test] {
            assert_eq!(paid(&terms(json!({ "type": kind })), LeadFacts { standing, ..sold }), "0.00");
        }
    }
}

#[test]
fn only_cpa_and_revshare_pay_for_leads() {
    for (format, expected) in
        [("cpa", "10.00"), ("revshare", "10.00"), ("cpc", "0.00"), ("cpm", "0.00"), ("fixed", "0.00")]
    {
        let terms = terms(json!({ "price_format": format }));
        assert_eq!(paid(&terms, ACCEPTED.sold_for(money("30.00"))), expected, "{format}");
    }
}

#[test]
fn a_lead_answered_as_unsold_earns_nothing_later_unless_the_campaign_pays_late_sales() {
    let late = LeadFacts { is_late_sale: true, ..ACCEPTED.sold_for(money("30.00")) };
    for (keys, pays_late) in [(json!({}), "10.00"), (json!({ "payout_percent": "80" }), "24.00")] {
        let offer = offer(keys);
        let plain = Terms::of(&offer, None, Some(&campaign(json!({}))));
        assert_eq!(paid(&plain, late), "0.00");
        let paying = Terms::of(&offer, None, Some(&campaign(json!({ "pay_late_sales": true }))));
        assert_eq!(paid(&paying, late), pays_late);
    }
}

#[test]
fn a_lead_just_accepted_is_neither_sold_nor_named_by_a_pixel() {
    assert_eq!(LeadFacts::accepted(Standing::Sellable, None), ACCEPTED);
}

#[test]
fn a_share_that_no_amount_can_hold_is_held_at_its_end() {
    let [least, most] = [i64::MIN, i64::MAX].map(Money::from_micros);
    assert_eq!(share(most, most), most);
    assert_eq!(share(most, least), least);
    assert_eq!(share(Money::ZERO, most), Money::ZERO);
}

#[test]
fn a_lead_that_its_pixel_pays_waits_for_it_before_it_is_told_of() {
    let by_pixel = terms(json!({ "pay_on_post": false, "pay_only_when_sold": false }));
    let ten = money("10.00");
    assert_eq!(awaited(&by_pixel, &ACCEPTED, Money::ZERO), Some(Awaited::Pixel));
    assert_eq!(awaited(&by_pixel, &LeadFacts { has_pixel: true, ..ACCEPTED }, ten), None);
    for other in [json!({ "pay_on_post": true }), json!({ "type": "hosted", "pay_on_post": false })] {
        assert_eq!(awaited(&terms(other.clone()), &ACCEPTED, ten), None, "{other}");
    }
}

#[test]
fn a_lead_that_only_a_sale_pays_waits_for_it_before_it_is_told_of() {
    let sold = ACCEPTED.sold_for(money("30.00"));
    let tier = LeadFacts { tier_payout: Some(Money::ZERO), ..ACCEPTED };
    let hosted = |keys: Value| {
        let mut keys = keys;
        keys["type"] = json!("hosted");
        terms(keys)
    };
    let share = hosted(json!({ "payout_percent": "80" }));
    assert_eq!(awaited(&share, &ACCEPTED, Money::ZERO), Some(Awaited::Sale));
    assert_eq!(awaited(&share, &ACCEPTED, money("1.00")), None, "it earns something as it is");
    assert_eq!(awaited(&share, &sold, Money::ZERO), None, "its sale brought nothing");
    assert_eq!(awaited(&share, &tier, Money::ZERO), None, "its tier beats the share");
    assert_eq!(
        awaited(&hosted(json!({})), &ACCEPTED, Money::ZERO),
        None,
        "it is paid whether it is sold or not"
    );
    let by_sale = terms(json!({ "pay_only_when_sold": true }));
    assert_eq!(awaited(&by_sale, &ACCEPTED, Money::ZERO), Some(Awaited::Sale));
    assert_eq!(awaited(&by_sale, &sold, Money::ZERO), None);
    let by_post = terms(json!({ "pay_only_when_sold": false }));
    assert_eq!(awaited(&by_post, &ACCEPTED, Money::ZERO), None);
    for format in ["cpc", "cpm", "fixed"] {
        let terms = hosted(json!({ "payout_percent": "80", "price_format": format }));
        assert_eq!(awaited(&terms, &ACCEPTED, Money::ZERO), None, "{format}: no lead is paid");
    }
}

#[test]
fn a_lead_that_takes_over_a_conversion_waits_only_where_nobody_was_told_of_that() {
    use crate::conversion::{ConversionDisposition, Withheld};
    let share = terms(json!({ "type": "hosted", "payout_percent": "80" }));
    let told = LeadConversion::of(crate::EventId(4));
    let earlier = Conversion::of_lead(&crate::examples::lead(), &told, None);
    let finding = |earlier: Option<&Conversion>| Found {
        earlier: earlier.map(|earlier| Box::new(earlier.clone())),
        cap_is_full: false,
    };
    let become_of = |earlier: Option<&Conversion>| {
        converted(told.clone(), &finding(earlier), &share, &ACCEPTED, |facts| {
            assert_eq!(facts.has_pixel, earlier.is_some(), "a pixel had named what is taken over");
            Money::ZERO
        })
    };
    assert_eq!(become_of(None).0.waits, Some(Awaited::Sale));
    assert_eq!(become_of(Some(&earlier)).0.waits, None);
    assert_eq!(become_of(Some(&earlier.clone().over_cap())).0.waits, Some(Awaited::Sale));
    let rejected = Conversion { disposition: ConversionDisposition::Rejected, ..earlier };
    let (told, earned) = converted(told, &finding(Some(&rejected)), &share, &ACCEPTED, |_| money("7.00"));
    let worth =
        Withheld { payout: money("7.00"), received: Money::ZERO, said: false, told: true, over_cap: false };
    assert_eq!((told.withheld, earned), (Some(worth), Money::ZERO), "kept for later");
}

#[test]
fn a_lead_meets_a_full_cap_unless_it_takes_over_what_was_told_of() {
    use crate::conversion::{ConversionDisposition as D, Withheld};
    let by_post = terms(json!({ "type": "hosted" }));
    let told = LeadConversion::of(crate::EventId(4));
    let earlier = Conversion::of_lead(&crate::examples::lead(), &told, None);
    let become_of = |told: &LeadConversion, earlier: Option<Conversion>| {
        let found = Found { earlier: earlier.map(Box::new), cap_is_full: true };
        let (told, earned) = converted(told.clone(), &found, &by_post, &ACCEPTED, |_| money("7.00"));
        (told.disposition, told.withheld, earned)
    };
    let worth =
        Withheld { payout: money("7.00"), received: Money::ZERO, said: false, told: false, over_cap: false };
    let over = (Some(D::OverCap), Some(worth), Money::ZERO);
    assert_eq!(become_of(&told, None), over);
    assert_eq!(become_of(&told, Some(earlier.clone().over_cap())), over);
    assert_eq!(become_of(&told, Some(earlier.clone())), (None, None, money("7.00")), "it has counted");
    let rejected = Conversion { disposition: D::Rejected, ..earlier.clone() };
    assert_eq!(become_of(&told, Some(rejected)).0, Some(D::Rejected), "what a person said stays");
    let named = LeadConversion { pixel_at: Some(crate::Timestamp::from_micros(7)), ..told };
    assert_eq!(become_of(&named, Some(earlier)), over, "one that a pixel has named takes over nothing");
}

proptest! {
    #[test]
    fn a_share_of_at_most_all_never_exceeds_the_sale_and_never_fails(
        revenue in 0i64..=i64::MAX, percent in 0i64..=100_000_000, wild in any::<i64>(),
    ) {
        let revenue = Money::from_micros(revenue);
        let share_of = |percent| Terms { payout_percent: Some(Money::from_micros(percent)), ..terms(json!({})) }
            .share_of(revenue)
            .unwrap();
        prop_assert!(share_of(percent) <= revenue && !share_of(percent).is_negative());
        prop_assert_eq!(share_of(100_000_000), revenue);
        share_of(wild);
    }

    #[test]
    fn an_amount_is_earned_once_whatever_happens_to_the_lead(
        first in 0i64..1_000_000_000, more in 0i64..1_000_000_000, pixel in any::<bool>(),
    ) {
        let terms = terms(json!({ "type": "hosted" }));
        let once = paid(&terms, ACCEPTED.sold_for(Money::from_micros(first)));
        let sold = ACCEPTED.sold_for(Money::from_micros(first + more));
        prop_assert_eq!(paid(&terms, LeadFacts { has_pixel: pixel, ..sold }), once);
    }
}
