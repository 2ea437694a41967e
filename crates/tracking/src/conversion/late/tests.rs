use super::decision::{Books, decide};
use super::*;
use crumb_domain::conversion::{ConversionDisposition, ConversionSource, Reported, Withheld};
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, OfferId, SubIds};
use proptest::prelude::*;

const ADVERTISER: AdvertiserId = AdvertiserId(1);

fn conversion(payout: i64, received: i64) -> Conversion {
    Conversion {
        id: RowId::from_i64(6).unwrap(),
        at: Timestamp::from_micros(1),
        source: ConversionSource::Postback,
        event: EventId(1),
        offer: OfferId(400),
        advertiser: Some(ADVERTISER),
        affiliate: AffiliateId(12),
        campaign: Some(CampaignId(60)),
        offer_contract: None,
        session: RowId::from_i64(5).unwrap(),
        lookup: None,
        lead: None,
        sub_ids: SubIds::default(),
        payout: Money::from_micros(payout),
        received: Money::from_micros(received),
        said: false,
        disposition: ConversionDisposition::Approved,
        withheld: None,
        waits: None,
        reported: Reported::default(),
        has_pixel: true,
        pixels_shown: false,
        test: false,
        ip: None,
        revision: 0,
        config_version: ConfigVersion(1),
    }
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let amount = || proptest::option::of((0_i64..50_000_000).prop_map(Money::from_micros));
    prop_oneof![
        Just(Fact::Approve),
        Just(Fact::Reject),
        Just(Fact::Return),
        (amount(), amount()).prop_map(|(payout, received)| {
            Fact::Adjust(Adjustment { payout, received, transaction_id: None })
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_the_books_hold_what_the_conversion_says_and_it_is_told_once(
        facts in proptest::collection::vec(any_fact(), 0..12),
        waits in any::<bool>(),
    ) {
        let mut stands = conversion(0, 0);
        let worth = Withheld {
            payout: Money::from_micros(12_000_000),
            received: Money::from_micros(25_000_000),
            said: false,
            told: !waits, over_cap: false,
        };
        if waits {
            (stands.withheld, stands.disposition) = (Some(worth), ConversionDisposition::Pending);
        } else {
            (stands.payout, stands.received) = (worth.payout, worth.received);
        }
        let (mut earned, mut owed) = (stands.payout.micros(), stands.received.micros());
        let mut told = usize::from(!waits);
        for fact in facts {
            let books = Books { advertiser: Some(ADVERTISER), charged: stands.received, by_its_lead: false, only_named: false };
            let Ok(Some(decided)) = decide(&stands, books, &fact, Some("why"), Timestamp::from_micros(2)) else {
                continue;
            };
            for entry in &decided.ledger {
                earned += entry.change_of(Account::Affiliate(AffiliateId(12))).micros();
                owed -= entry.change_of(Account::Advertiser(ADVERTISER)).micros();
                prop_assert_eq!(entry.note.as_deref(), Some("why"));
            }
            told += usize::from(decided.tells);
            stands = decided.conversion;
            let counts = stands.disposition == ConversionDisposition::Approved;
            prop_assert_eq!(stands.withheld.is_none(), counts);
            prop_assert!(counts || (stands.payout, stands.received) == (Money::ZERO, Money::ZERO));
            prop_assert_eq!((stands.payout.micros(), stands.received.micros()), (earned, owed));
            prop_assert!(told <= 1);
        }
    }
}

#[test]
fn what_buyers_paid_for_a_lead_stays_when_its_conversion_is_taken_back() {
    let lead = Conversion {
        lead: Some("C8097F17".parse().unwrap()),
        said: true,
        ..conversion(12_000_000, 39_000_000)
    };
    // Buyers paid 30.00, and a pixel said 39.00.
    let books = Books {
        advertiser: Some(ADVERTISER),
        charged: Money::from_micros(9_000_000),
        by_its_lead: true,
        only_named: false,
    };
    let now = Timestamp::from_micros(2);
    let back = decide(&lead, books, &Fact::Reject, None, now).unwrap().unwrap();
    assert_eq!((back.conversion.payout, back.conversion.received.micros()), (Money::ZERO, 30_000_000));
    let owed = back.ledger.iter().map(|entry| entry.change_of(Account::Advertiser(ADVERTISER)).micros());
    assert_eq!(owed.sum::<i64>(), 9_000_000);
    let books = Books { charged: Money::ZERO, by_its_lead: false, ..books };
    let again = decide(&back.conversion, books, &Fact::Approve, None, now).unwrap().unwrap();
    assert_eq!((again.conversion.payout, again.conversion.received), (lead.payout, lead.received));
    assert!(!again.tells);
}

#[test]
fn what_a_leads_own_status_says_is_said_of_the_lead() {
    for (disposition, facts) in [
        (ConversionDisposition::Pending, vec![Fact::Approve, Fact::Reject, Fact::Return]),
        (ConversionDisposition::Returned, vec![Fact::Approve, Fact::Reject]),
    ] {
        let lead = Some("C8097F17".parse().unwrap());
        let stands = Conversion { lead, disposition, ..conversion(0, 0) };
        let books = Books { advertiser: None, charged: Money::ZERO, by_its_lead: true, only_named: false };
        for fact in facts {
            let refused = decide(&stands, books, &fact, None, Timestamp::from_micros(2));
            assert_eq!(refused, Err(Refusal::ByItsLead(disposition)));
        }
    }
}
