//! What a conversion that is no lead is worth, to the affiliate and from the advertiser.
//!
//! | price format | its affiliate earns |
//! |---|---|
//! | CPA | the event's payout, else the campaign's, the contract's, the offer's — where the offer shares (`payout_percent`), its share of what is received |
//! | RevShare | that many percent of what is received |
//! | CPC, CPM, fixed | nothing for conversions, unless the event says so |
//!
//! The internal affiliate earns what its own campaign says and nothing for an event. What
//! is received is the event's, else the contract's or offer's; where the contract or offer
//! is CPC or CPM, that is charged for clicks or impressions already (see [`TrafficTerms`])
//! and conversions bring what their event says alone. A pixel that may says either
//! otherwise.
//!
//! [`TrafficTerms`]: super::TrafficTerms

use super::share;
use crate::Money;
use crate::network::{Campaign, Event, Offer, OfferContract, PriceFormat};

/// What a conversion comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worth {
    /// To the affiliate.
    pub payout: Money,
    /// From the advertiser.
    pub received: Money,
}

/// What a pixel that may says of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `ap`: to the affiliate.
    pub payout: Option<Money>,
    /// `p`: from the advertiser; what a share is of.
    pub received: Option<Money>,
}

/// On what terms a conversion happened.
#[derive(Debug, Clone, Copy)]
pub struct ConversionTerms<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// The offer contract; none for the offer's own terms.
    pub contract: Option<&'a OfferContract>,
    /// The affiliate's campaign; none for test links.
    pub campaign: Option<&'a Campaign>,
    /// The event.
    pub event: &'a Event,
    /// The affiliate is the house.
    pub is_internal: bool,
}

impl ConversionTerms<'_> {
    /// What the conversion is worth.
    pub fn worth(&self, overrides: Overrides) -> Worth {
        let usual = || self.event.received.unwrap_or_else(|| self.received());
        let received = overrides.received.unwrap_or_else(usual);
        let payout = overrides.payout.unwrap_or_else(|| self.payout(received));
        Worth { payout, received }
    }

    /// What the advertiser's own terms say of conversions.
    fn received(&self) -> Money {
        match super::price_format(self.offer, self.contract, None) {
            PriceFormat::Cpc | PriceFormat::Cpm => Money::ZERO,
            PriceFormat::Cpa | PriceFormat::Fixed | PriceFormat::Revshare => {
                super::traffic::received(self.offer, self.contract)
            }
        }
    }

    fn payout(&self, received: Money) -> Money {
        let of_event = self.event.payout.filter(|_| !self.is_internal);
        let written = of_event
            .or_else(|| self.campaign.and_then(|campaign| campaign.payout))
            .or_else(|| self.contract.and_then(|contract| contract.payout));
        match super::price_format(self.offer, self.contract, self.campaign) {
            PriceFormat::Cpa => match (written, self.offer.payout_percent) {
                (Some(amount), _) => amount,
                (None, Some(percent)) => share(received, percent),
                (None, None) => self.offer.payout,
            },
            PriceFormat::Revshare => {
                let percent = written.or(self.offer.payout_percent).unwrap_or(self.offer.payout);
                share(received, percent)
            }
            PriceFormat::Cpc | PriceFormat::Cpm | PriceFormat::Fixed => of_event.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn with(base: Value, keys: &Value) -> Value {
        let mut base = base;
        base.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        base
    }

    struct Case {
        offer: Offer,
        contract: Option<OfferContract>,
        campaign: Campaign,
        event: Event,
        is_internal: bool,
    }

    impl Case {
        fn new(offer: Value, campaign: Value, event: Value) -> Self {
            let base = json!({ "id": 100, "name": "Shop", "vertical": 1, "type": "third_party",
                               "payout": "10.00", "received": "25.00" });
            Self {
                offer: serde_json::from_value(with(base, &offer)).unwrap(),
                contract: None,
                campaign: serde_json::from_value(with(
                    json!({ "id": 57, "affiliate": 12, "offer": 100 }),
                    &campaign,
                ))
                .unwrap(),
                event: serde_json::from_value(with(json!({ "id": 1, "name": "Sale" }), &event)).unwrap(),
                is_internal: false,
            }
        }

        fn under(self, contract: Value) -> Self {
            let contract = serde_json::from_value(with(json!({ "id": 900 }), &contract)).unwrap();
            Self { contract: Some(contract), ..self }
        }

        fn house(self) -> Self {
            Self { is_internal: true, ..self }
        }

        fn worth(&self, overrides: Overrides) -> (String, String) {
            let terms = ConversionTerms {
                offer: &self.offer,
                contract: self.contract.as_ref(),
                campaign: Some(&self.campaign),
                event: &self.event,
                is_internal: self.is_internal,
            };
            let Worth { payout, received } = terms.worth(overrides);
            (payout.to_string(), received.to_string())
        }

        fn usual(&self) -> (String, String) {
            self.worth(Overrides::default())
        }
    }

    fn is(payout: &str, received: &str) -> (String, String) {
        (payout.to_owned(), received.to_owned())
    }

    fn money(text: &str) -> Option<Money> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_events_payout_beats_the_campaigns_that_the_contracts_and_that_the_offers() {
        let none = || json!({});
        assert_eq!(Case::new(none(), none(), none()).usual(), is("10.00", "25.00"));
        let contract = || json!({ "payout": "11.00", "received": "26.00" });
        assert_eq!(Case::new(none(), none(), none()).under(contract()).usual(), is("11.00", "26.00"));
        let campaign = || json!({ "payout": "12.00" });
        assert_eq!(Case::new(none(), campaign(), none()).under(contract()).usual(), is("12.00", "26.00"));
        let event = json!({ "payout": "5.00", "received": "9.00" });
        assert_eq!(Case::new(none(), campaign(), event).under(contract()).usual(), is("5.00", "9.00"));
    }

    #[test]
    fn a_pixel_that_may_says_what_is_received_and_paid() {
        let case = Case::new(json!({}), json!({}), json!({ "payout": "5.00", "received": "9.00" }));
        assert_eq!(case.worth(Overrides { received: money("40.00"), payout: None }), is("5.00", "40.00"));
        let both = Overrides { received: money("40.00"), payout: money("7.00") };
        assert_eq!(case.worth(both), is("7.00", "40.00"));
    }

    #[test]
    fn a_share_is_of_what_is_received() {
        let forty = Overrides { received: money("40.00"), payout: None };
        for format in ["cpa", "revshare"] {
            let offer = json!({ "payout_percent": "80", "price_format": format });
            let case = Case::new(offer, json!({}), json!({}));
            assert_eq!((case.usual(), case.worth(forty)), (is("20.00", "25.00"), is("32.00", "40.00")));
        }
    }

    #[test]
    fn under_revshare_a_written_payout_is_a_percentage() {
        let shared = json!({ "price_format": "revshare", "payout": "50" });
        assert_eq!(Case::new(shared, json!({}), json!({})).usual(), is("12.50", "25.00"));
        let campaign = json!({ "price_format": "revshare", "payout": "60" });
        assert_eq!(Case::new(json!({}), campaign, json!({})).usual(), is("15.00", "25.00"));
    }

    #[test]
    fn clicks_thousands_and_fixed_sums_pay_nothing_for_conversions_unless_the_event_does() {
        for format in ["cpc", "cpm", "fixed"] {
            let campaign = || json!({ "price_format": format, "payout": "0.50" });
            assert_eq!(Case::new(json!({}), campaign(), json!({})).usual(), is("0.00", "25.00"));
            let event = json!({ "payout": "5.00" });
            assert_eq!(Case::new(json!({}), campaign(), event).usual(), is("5.00", "25.00"));
        }
    }

    #[test]
    fn an_advertiser_that_pays_for_traffic_is_not_charged_again_for_a_conversion() {
        for (format, usual) in [("cpc", "0.00"), ("cpm", "0.00"), ("fixed", "25.00")] {
            let offer = || json!({ "price_format": format });
            assert_eq!(Case::new(offer(), json!({}), json!({})).usual(), is("0.00", usual), "{format}");
            let event = json!({ "received": "9.00" });
            assert_eq!(Case::new(offer(), json!({}), event).usual(), is("0.00", "9.00"), "{format}");
            let said = Overrides { received: money("40.00"), payout: None };
            assert_eq!(Case::new(offer(), json!({}), json!({})).worth(said), is("0.00", "40.00"));
        }
    }

    #[test]
    fn the_house_earns_nothing_for_an_event() {
        let case = Case::new(json!({}), json!({ "payout": "0.00" }), json!({ "payout": "5.00" })).house();
        assert_eq!(case.usual(), is("0.00", "25.00"));
    }
}
