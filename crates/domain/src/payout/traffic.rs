//! What clicks and impressions are worth by themselves.
//!
//! The affiliate is paid for what its campaign's price format says: CPC, each counted
//! click; CPM, each thousand counted impressions; all others, neither. How much is what
//! the campaign says, else its offer contract, else the offer; the internal affiliate
//! earns what its own campaign says.
//!
//! The advertiser pays for what its own terms say, the contract's or the offer's: a
//! network may buy clicks for an offer that pays it for sales, and must then not charge a
//! sale's price for each click.

use super::{Worth, campaign_payout, price_format};
use crate::Money;
use crate::charge::Priced;
use crate::network::{Campaign, Offer, OfferContract, PriceFormat};

/// On what terms a campaign's traffic comes.
#[derive(Debug, Clone, Copy)]
pub struct TrafficTerms<'a> {
    /// The offer.
    pub offer: &'a Offer,
    /// The offer contract; none for the offer's own terms.
    pub contract: Option<&'a OfferContract>,
    /// The affiliate's campaign.
    pub campaign: &'a Campaign,
    /// The affiliate is the house.
    pub is_internal: bool,
}

impl TrafficTerms<'_> {
    /// What a click, or a thousand impressions, comes to.
    pub fn worth(&self, priced: Priced) -> Worth {
        let Self { offer, contract, campaign, is_internal } = *self;
        let format = match priced {
            Priced::Click => PriceFormat::Cpc,
            Priced::ThousandImpressions => PriceFormat::Cpm,
        };
        let mut worth = Worth::default();
        if price_format(offer, contract, Some(campaign)) == format {
            worth.payout = match is_internal {
                true => campaign.payout.unwrap_or_default(),
                false => campaign_payout(offer, contract, Some(campaign)),
            };
        }
        if price_format(offer, contract, None) == format {
            worth.received = received(offer, contract);
        }
        worth
    }
}

/// What the advertiser pays, for whatever its price format names.
pub(super) fn received(offer: &Offer, contract: Option<&OfferContract>) -> Money {
    contract.and_then(|contract| contract.received).unwrap_or(offer.received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    struct Case {
        offer: Value,
        contract: Option<Value>,
        campaign: Value,
        is_internal: bool,
    }

    fn with(mut base: Value, keys: Value) -> Value {
        let Value::Object(keys) = keys else { unreachable!() };
        base.as_object_mut().unwrap().extend(keys);
        base
    }

    fn case(offer: Value, campaign: Value) -> Case {
        let base = json!({ "id": 100, "name": "Shop", "vertical": 1, "type": "third_party",
                           "payout": "0.50", "received": "0.80" });
        let of = json!({ "id": 57, "affiliate": 12, "offer": 100 });
        Case { offer: with(base, offer), contract: None, campaign: with(of, campaign), is_internal: false }
    }

    impl Case {
        fn under(self, contract: Value) -> Self {
            Self { contract: Some(with(json!({ "id": 900 }), contract)), ..self }
        }

        fn house(self) -> Self {
            Self { is_internal: true, ..self }
        }

        fn worth(&self, priced: Priced) -> (String, String) {
            let offer = serde_json::from_value(self.offer.clone()).unwrap();
            let contract: Option<OfferContract> =
                self.contract.clone().map(|contract| serde_json::from_value(contract).unwrap());
            let campaign = serde_json::from_value(self.campaign.clone()).unwrap();
            let terms = TrafficTerms {
                offer: &offer,
                contract: contract.as_ref(),
                campaign: &campaign,
                is_internal: self.is_internal,
            };
            let Worth { payout, received } = terms.worth(priced);
            (payout.to_string(), received.to_string())
        }

        fn click(&self) -> (String, String) {
            self.worth(Priced::Click)
        }

        fn thousand(&self) -> (String, String) {
            self.worth(Priced::ThousandImpressions)
        }
    }

    fn is(payout: &str, received: &str) -> (String, String) {
        (payout.to_owned(), received.to_owned())
    }

    #[test]
    fn cpc_pays_clicks_and_cpm_impressions_and_the_others_neither() {
        let none = is("0.00", "0.00");
        let worth = |format: &str| {
            let case = case(json!({ "price_format": format }), json!({}));
            (case.click(), case.thousand())
        };
        assert_eq!(worth("cpc"), (is("0.50", "0.80"), none.clone()));
        assert_eq!(worth("cpm"), (none.clone(), is("0.50", "0.80")));
        for format in ["cpa", "fixed", "revshare"] {
            assert_eq!(worth(format), (none.clone(), none.clone()), "{format}");
        }
    }

    #[test]
    fn the_campaigns_price_beats_the_contracts_and_that_the_offers() {
        let cpc = || json!({ "price_format": "cpc" });
        let contract = || json!({ "payout": "0.60", "received": "0.90" });
        assert_eq!(case(cpc(), json!({})).under(contract()).click(), is("0.60", "0.90"));
        assert_eq!(case(cpc(), json!({ "payout": "0.70" })).under(contract()).click(), is("0.70", "0.90"));
    }

    #[test]
    fn the_advertiser_pays_by_its_own_price_format() {
        assert_eq!(case(json!({}), json!({ "price_format": "cpc" })).click(), is("0.50", "0.00"));
        let sells_clicks = case(json!({ "price_format": "cpc" }), json!({ "price_format": "cpa" }));
        assert_eq!(sells_clicks.click(), is("0.00", "0.80"));
        let by_contract = case(json!({}), json!({})).under(json!({ "price_format": "cpm" }));
        assert_eq!(by_contract.thousand(), is("0.50", "0.80"));
    }

    #[test]
    fn the_house_earns_what_its_own_campaign_says() {
        let cpc = || json!({ "price_format": "cpc" });
        assert_eq!(case(cpc(), json!({})).house().click(), is("0.00", "0.80"));
        assert_eq!(case(cpc(), json!({ "payout": "0.10" })).house().click(), is("0.10", "0.80"));
    }
}
