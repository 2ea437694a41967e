//! A lead: a person's data, whose it is, and what became of it.

use crate::attribution::{Attribution, AttributionTrace};
use crate::coded::coded;
use crate::conversion::LeadConversion;
use crate::network::SaleType;
use crate::post::PostKind;
use crate::selling::{Redress, SaleReturn};
use crate::{
    AffiliateId, BuyerId, CampaignId, ConfigVersion, ContractId, LeadId, Money, OfferContractId, OfferId,
    RowId, SubIds, Timestamp, VerticalId,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Its public name.
    pub id: LeadId,
    /// Its place in the store.
    pub row: RowId,
    /// When it was accepted.
    pub at: Timestamp,
    /// How it was posted.
    pub post: PostKind,
    /// Where it stands.
    pub status: LeadStatus,
    /// What became of it.
    pub outcome: LeadOutcome,
    /// Error texts of a lead that was accepted for review or thrown out.
    pub errors: Vec<String>,
    /// Whose it is.
    pub affiliate: AffiliateId,
    /// On what.
    pub offer: OfferId,
    /// Of which kind.
    pub vertical: VerticalId,
    /// The affiliate's campaign on the offer; none for test links.
    pub campaign: Option<CampaignId>,
    /// The terms it runs under, where not the offer's own.
    pub offer_contract: Option<OfferContractId>,
    /// By what it was credited.
    pub attribution: Attribution,
    /// What was looked at before that.
    pub trace: AttributionTrace,
    /// The session it belongs to: the click's, or one it opened.
    pub session: RowId,
    /// Of the session or the post.
    pub sub_ids: SubIds,
    /// What it says, by field name, normalised, in the vertical's order.
    pub fields: Vec<(String, String)>,
    /// What its affiliate earns.
    pub payout: Money,
    /// What it brought.
    pub revenue: Money,
    /// Who bought it.
    pub sales: Vec<Sale>,
    /// The conversion that it is, once it was accepted: not while it is held back, nor
    /// where its poster was told that nobody bought it. And what a pixel said of a lead that
    /// was not accepted.
    pub conversion: Option<LeadConversion>,
    /// A test: never sold, never paid, never counted.
    pub test: bool,
    /// A further lead of somebody who had just sent one: only contracts that buy upsells
    /// take it.
    pub upsell: bool,
    /// The poster's address.
    pub ip: Option<IpAddr>,
    /// Counts its changes, so that two at once cannot undo each other.
    pub revision: u32,
    /// The configuration that decided.
    pub config_version: ConfigVersion,
}

impl Lead {
    /// A field's value, `None` where absent.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether it is a conversion, and not only named by a pixel.
    pub fn is_conversion(&self) -> bool {
        self.conversion.as_ref().is_some_and(|told| !told.only_named)
    }

    /// Whether every buyer that had it has given it back.
    pub fn is_given_back(&self) -> bool {
        !self.sales.is_empty() && self.sales.iter().all(|sale| sale.returned.is_some())
    }
}

/// A lead bought by a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Under which contract.
    pub contract: ContractId,
    /// By whom.
    pub buyer: BuyerId,
    /// For how much.
    pub price: Money,
    /// Alone or with others.
    #[serde(rename = "type")]
    pub sale_type: SaleType,
    /// When.
    pub at: Timestamp,
    /// It was bought for good: the schedule's row says so.
    #[serde(default)]
    pub no_return: bool,
    /// That it was taken back.
    #[serde(default)]
    pub returned: Option<SaleReturn>,
    /// The lead that its buyer had given back and that this one makes up for: delivered
    /// free, at 0.00.
    #[serde(default)]
    pub replaces: Option<LeadId>,
    /// Where the buyer's answer sent the visitor: absolute http(s), at most 2,048
    /// characters, as it was checked when the answer was read.
    #[serde(default)]
    pub redirect: Option<String>,
}

impl Sale {
    /// What it brings: nothing once its price was given back.
    pub fn brings(&self) -> Money {
        match self.returned {
            Some(SaleReturn { redress: Redress::Credited, .. }) => Money::ZERO,
            Some(SaleReturn { redress: Redress::Replaced, .. }) | None => self.price,
        }
    }
}

coded! {
    /// Where a lead stands.
    LeadStatus {
        /// Bought.
        Sold = "sold";
        /// Nobody bought it.
        Unsold = "unsold";
        /// Waits for a buyer.
        Queued = "queued";
        /// Waits for a person.
        Review = "review";
        /// Thrown out or expired.
        Scrubbed = "scrubbed";
        /// A test.
        Test = "test";
        /// Bought and given back.
        Returned = "returned";
        /// A buyer may have it.
        PendingUnknown = "pending_unknown";
    }
}

coded! {
    /// What became of a lead.
    LeadOutcome {
        /// Bought.
        Sold = "sold";
        /// Waits for a buyer.
        Queued = "queued";
        /// Offered, not bought.
        NoQualifiedBuyers = "no_qualified_buyers";
        /// A session post that named no session: kept, not offered.
        UnattributedSession = "unattributed_session";
        /// Waits for a person.
        Review = "review";
        /// A field's decision threw it out.
        ThrownOut = "thrown_out";
        /// Waited too long.
        Expired = "expired";
        /// A crash came before anything was sent.
        Interrupted = "interrupted";
        /// A buyer may have it.
        PendingUnknown = "pending_unknown";
        /// A test.
        Test = "test";
        /// Bought and given back.
        Returned = "returned";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventId;
    use crate::examples::{began, lead};

    fn sale(redress: Option<Redress>) -> Sale {
        Sale {
            contract: ContractId(1),
            buyer: BuyerId(1),
            price: Money::from_micros(30_000_000),
            sale_type: SaleType::Multisell,
            at: began(),
            no_return: false,
            returned: redress.map(|redress| SaleReturn { redress, payout_taken_back: false }),
            replaces: None,
            redirect: None,
        }
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let fields = [("zip_code", "90210"), ("email_address", "jo@example.com")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let lead = Lead { fields, ..lead() };
        assert_eq!(lead.field("email_address"), Some("jo@example.com"));
        assert_eq!(lead.field("state"), None);
    }

    #[test]
    fn a_lead_that_only_a_pixel_named_is_no_conversion() {
        let conversion = LeadConversion::of(EventId(4));
        let named = LeadConversion { only_named: true, ..conversion.clone() };
        assert!(!lead().is_conversion());
        assert!(Lead { conversion: Some(conversion), ..lead() }.is_conversion());
        assert!(!Lead { conversion: Some(named), ..lead() }.is_conversion());
    }

    #[test]
    fn a_lead_is_given_back_once_all_its_buyers_have_given_it_back() {
        let is_given_back = |sales: &[Option<Redress>]| {
            Lead { sales: sales.iter().map(|redress| sale(*redress)).collect(), ..lead() }.is_given_back()
        };
        assert!(!is_given_back(&[]), "nobody had it");
        assert!(!is_given_back(&[None, Some(Redress::Credited)]));
        assert!(is_given_back(&[Some(Redress::Replaced), Some(Redress::Credited)]));
    }

    #[test]
    fn a_sale_brings_its_price_unless_that_was_given_back() {
        assert_eq!(sale(None).brings().to_string(), "30.00");
        assert_eq!(sale(Some(Redress::Replaced)).brings().to_string(), "30.00", "another lead is owed");
        assert_eq!(sale(Some(Redress::Credited)).brings(), Money::ZERO);
    }
}
