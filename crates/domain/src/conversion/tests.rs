use super::*;
use crate::examples::lead;
use serde_json::json;

const PIXEL_AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn dollars(whole: i64) -> Money {
    Money::from_micros(whole * Money::MICROS_PER_UNIT)
}

/// A conversion that a pixel reported, of an offer that pays 10.00 and receives 25.00.
fn reported() -> Conversion {
    let order_7 = Some("order 7".to_owned());
    Conversion {
        at: PIXEL_AT,
        source: ConversionSource::Postback,
        lead: None,
        payout: dollars(10),
        received: dollars(25),
        reported: Reported { transaction_id: order_7, ..Reported::default() },
        has_pixel: true,
        pixels_shown: true,
        ..Conversion::of_lead(&lead(), &LeadConversion::of(EventId(4)), Some(AdvertiserId(9)))
    }
}

#[test]
fn a_lead_that_is_accepted_keeps_what_a_person_said_and_loses_what_a_pixel_alone_made_of_it() {
    use ConversionDisposition as D;
    for (only_named, said, expected) in [
        (true, Some(D::Rejected), None),
        (true, None, None),
        (true, Some(D::Pending), Some(D::Pending)),
        (false, Some(D::Rejected), Some(D::Rejected)),
        (false, None, None),
    ] {
        let pixel_at = Some(Timestamp::from_micros(3));
        let told =
            LeadConversion { only_named, disposition: said, pixel_at, ..LeadConversion::of(EventId(4)) };
        let accepted = LeadConversion { only_named: false, disposition: expected, ..told.clone() };
        assert_eq!(told.accepted(), accepted);
    }
}

#[test]
fn what_a_pixel_said_is_received_waits_until_the_lead_is_accepted() {
    let received = Money::from_micros(40_000_000);
    let withheld = Some(Withheld { payout: Money::ZERO, received, said: true, told: false, over_cap: false });
    let disposition = Some(ConversionDisposition::Rejected);
    let named = LeadConversion { only_named: true, disposition, withheld, ..LeadConversion::of(EventId(4)) };
    assert_eq!(named.advertisers_part(Money::ZERO), Money::ZERO);
    let accepted = named.accepted();
    assert_eq!((accepted.received, accepted.withheld), (Some(received), None));
    assert_eq!(accepted.advertisers_part(Money::from_micros(30_000_000)), Money::from_micros(10_000_000));
}

#[test]
fn what_waits_for_a_person_is_not_received_because_the_lead_is_accepted() {
    let withheld = Some(Withheld {
        payout: dollars(10),
        received: dollars(40),
        said: true,
        told: false,
        over_cap: false,
    });
    let disposition = Some(ConversionDisposition::Pending);
    let waiting =
        LeadConversion { only_named: true, disposition, withheld, ..LeadConversion::of(EventId(4)) };
    assert_eq!(waiting.clone().accepted(), LeadConversion { only_named: false, ..waiting });
}

#[test]
fn a_lead_that_takes_over_a_conversion_says_what_its_pixel_said() {
    let told = LeadConversion::of(EventId(4));
    let taken_over = LeadConversion {
        pixel_at: Some(PIXEL_AT),
        reported: reported().reported,
        advertiser: Some(AdvertiserId(9)),
        pixels_shown: true,
        ..told.clone()
    };
    assert_eq!(told.clone().taking_over(&reported()), taken_over, "what sales bring is received");
    let said = Conversion { said: true, ..reported() };
    let received = Some(dollars(25));
    assert_eq!(told.taking_over(&said), LeadConversion { received, ..taken_over }, "the pixel said how much");
}

#[test]
fn a_lead_that_takes_over_a_conversion_that_does_not_count_keeps_what_a_person_said() {
    use ConversionDisposition as D;
    for disposition in [D::Pending, D::Rejected, D::Returned] {
        let earlier = Conversion { disposition, said: true, ..reported() };
        let told = LeadConversion::of(EventId(4)).taking_over(&earlier);
        assert_eq!((told.disposition, told.received), (Some(disposition), None));
        // It stood at 25.00 and was told of; what it is worth to the affiliate is the lead's to say.
        let worth =
            Withheld { payout: Money::ZERO, received: dollars(25), said: true, told: true, over_cap: false };
        assert_eq!(told.withheld, Some(worth));
        let withheld = Some(Withheld {
            payout: dollars(3),
            received: dollars(8),
            said: false,
            told: false,
            over_cap: false,
        });
        let told = LeadConversion::of(EventId(4)).taking_over(&Conversion { withheld, ..earlier });
        let worth =
            Withheld { payout: Money::ZERO, received: dollars(8), said: true, told: false, over_cap: false };
        assert_eq!(told.withheld, Some(worth), "never counted, worth what was withheld");
    }
    let over_cap = LeadConversion::of(EventId(4)).taking_over(&reported().over_cap());
    assert_eq!((over_cap.disposition, over_cap.withheld), (None, None), "the lead counts by itself");
}

#[test]
fn a_lead_over_a_cap_keeps_what_its_pixel_said_until_a_person_lets_it_count() {
    let told = LeadConversion::of(EventId(4));
    let over = told.clone().over_cap();
    let worth =
        Withheld { payout: Money::ZERO, received: Money::ZERO, said: false, told: false, over_cap: false };
    assert_eq!((over.disposition, over.withheld), (Some(ConversionDisposition::OverCap), Some(worth)));
    assert!(over.is_over_cap() && !told.is_over_cap());
    let said = told.taking_over(&Conversion { said: true, ..reported() }.over_cap()).over_cap();
    let worth = Withheld { received: dollars(25), said: true, ..worth };
    assert_eq!((said.received, said.withheld, said.pixel_at), (None, Some(worth), Some(PIXEL_AT)));
}

#[test]
fn a_conversion_may_count_unless_a_person_has_yet_to_say_so_or_said_no_or_a_cap_is_full() {
    use ConversionDisposition as D;
    let may_count =
        |disposition| LeadConversion { disposition, ..LeadConversion::of(EventId(4)) }.may_count();
    for (disposition, expected) in [
        (None, true),
        (Some(D::Approved), true),
        (Some(D::Pending), false),
        (Some(D::Rejected), false),
        (Some(D::Returned), false),
        (Some(D::OverCap), false),
    ] {
        assert_eq!(may_count(disposition), expected, "{disposition:?}");
    }
}

#[test]
fn only_what_was_said_is_kept_with_a_lead() {
    let told = LeadConversion::of(EventId(4));
    assert_eq!(serde_json::to_value(&told).unwrap(), json!({ "event": 4 }));
    let told = LeadConversion { pixels_shown: true, only_named: true, ..told.taking_over(&reported()) };
    let kept = serde_json::to_value(&told).unwrap();
    assert_eq!(kept["reported"], json!({ "transaction_id": "order 7" }));
    assert_eq!((&kept["pixels_shown"], &kept["only_named"]), (&json!(true), &json!(true)));
    assert_eq!(serde_json::from_value::<LeadConversion>(kept).unwrap(), told);
}

#[test]
fn a_leads_conversion_stands_as_the_lead_does_unless_a_person_said_otherwise() {
    use ConversionDisposition as D;
    for (status, outcome, expected) in [
        (LeadStatus::Sold, LeadOutcome::Sold, D::Approved),
        (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers, D::Approved),
        (LeadStatus::Returned, LeadOutcome::Returned, D::Returned),
        (LeadStatus::Review, LeadOutcome::Review, D::Pending),
        (LeadStatus::Scrubbed, LeadOutcome::ThrownOut, D::Rejected),
        (LeadStatus::Scrubbed, LeadOutcome::Expired, D::Approved),
    ] {
        let lead = Lead { status, outcome, ..lead() };
        let told = LeadConversion::of(EventId(4));
        assert_eq!(Conversion::of_lead(&lead, &told, None).disposition, expected, "{status:?} {outcome:?}");
        let told = LeadConversion { disposition: Some(D::Rejected), ..told };
        assert_eq!(Conversion::of_lead(&lead, &told, None).disposition, D::Rejected);
    }
}

#[test]
fn a_conversion_over_its_cap_is_at_nothing_and_was_told_to_nobody() {
    let over_cap = reported().over_cap();
    assert_eq!((over_cap.payout, over_cap.received), (Money::ZERO, Money::ZERO));
    let worth =
        Withheld { payout: dollars(10), received: dollars(25), said: false, told: false, over_cap: false };
    assert_eq!(over_cap.withheld, Some(worth));
    assert!(!over_cap.was_told() && reported().was_told());
    assert!(!over_cap.converts(), "it makes no session a converted one");
}

#[test]
fn only_an_approved_conversion_that_is_no_test_converts_its_session() {
    use ConversionDisposition as D;
    assert!(reported().converts());
    assert!(!Conversion { test: true, ..reported() }.converts());
    for disposition in [D::Pending, D::Rejected, D::Returned, D::OverCap] {
        assert!(!Conversion { disposition, ..reported() }.converts(), "{disposition:?}");
    }
}
