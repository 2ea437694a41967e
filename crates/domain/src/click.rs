//! A click: what happened when somebody followed a link or loaded a click pixel.

use crate::network::PriceFormat;
use crate::{
    AffiliateId, CampaignId, ConfigVersion, CreativeId, MediaTypeId, Money, OfferContractId, OfferId, RowId,
    SubIds, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// One recorded click.
#[derive(Debug, Clone, PartialEq)]
pub struct Click {
    /// Its place in the store; the session's id where it opens one.
    pub id: RowId,
    /// When.
    pub at: Timestamp,
    /// How it came.
    pub source: ClickSource,
    /// The session it is credited to: its own id where it opened it, another's
    /// where it is a duplicate, none where it was diverted.
    pub session: Option<RowId>,
    /// The visitor, by cookie; none where cookies cannot be set.
    pub visitor: Option<VisitorId>,
    /// `a`; none where malformed. [`AffiliateId::TEST`] for test links.
    pub affiliate: Option<AffiliateId>,
    /// Where it was sent or counted; none for an invalid link.
    pub offer: Option<OfferId>,
    /// The affiliate's campaign on the offer, where there is one.
    pub campaign: Option<CampaignId>,
    /// `c`: the creative that was clicked, also on a chain's target.
    pub creative: Option<CreativeId>,
    /// The terms it runs under, where not the offer's own.
    pub offer_contract: Option<OfferContractId>,
    /// `oc`, whether or not the offer has it.
    pub asked_contract: Option<OfferContractId>,
    /// `m`.
    pub media_type: Option<MediaTypeId>,
    /// `p`, as its meaning.
    pub price_format: Option<PriceFormat>,
    /// `s1`…`s5`.
    pub sub_ids: SubIds,
    /// `udid`.
    pub device_id: Option<String>,
    /// Why it went where it went.
    pub disposition: Disposition,
    /// A further click of a session: recorded, not counted.
    pub duplicate: bool,
    /// Why it is not a person's, where it is not.
    pub non_human: Option<NonHuman>,
    /// Of a test link.
    pub test: bool,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// ISO 3166 code of the address, where a geo database is configured.
    pub country: Option<String>,
    /// As sent, cut at [`MAX_HEADER_CHARS`].
    pub user_agent: String,
    /// The page's address, cut at [`MAX_HEADER_CHARS`], values of the vertical's personal fields masked.
    pub referrer: String,
    /// Where the visitor was sent, cut at [`MAX_REDIRECT_CHARS`], pre-fill values masked;
    /// none for a pixel or a 404.
    pub redirect: Option<String>,
    /// Pre-fill values kept for the session, as sent: personal data.
    pub prefill: Vec<(String, String)>,
    /// What it earns its affiliate: nothing where it does not count, or clicks are not
    /// what its campaign is paid for.
    pub payout: Money,
    /// What its advertiser pays for it.
    pub received: Money,
    /// The configuration that decided.
    pub config_version: ConfigVersion,
}

/// Characters kept of where a visitor was sent: what every browser takes of an address.
pub const MAX_REDIRECT_CHARS: usize = 2_048;

/// Characters kept of a user agent or referrer.
pub const MAX_HEADER_CHARS: usize = 1_000;

impl Click {
    /// Whether it counts: for caps, reports and bills.
    pub fn is_counted(&self) -> bool {
        self.disposition == Disposition::Ok && !self.duplicate && self.non_human.is_none() && !self.test
    }
}

/// A visitor's random number, from its cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VisitorId(pub u64);

/// How a click came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClickSource {
    /// A followed link.
    Link,
    /// `cp=js` or any other value but `img`.
    JsPixel,
    /// `cp=img`.
    ImagePixel,
}

/// Why a click is not a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonHuman {
    /// A known crawler's user agent.
    Bot,
    /// A link preview's user agent.
    Preview,
    /// A `HEAD` request.
    Head,
}

impl NonHuman {
    /// The API's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Preview => "preview",
            Self::Head => "head",
        }
    }
}

macro_rules! dispositions {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a click went where it went: a stable text, and a stable number
        /// for stores.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Disposition {
            $($(#[$doc])* $name,)*
        }

        impl Disposition {
            /// All of them.
            pub const ALL: &'static [Disposition] = &[$(Disposition::$name,)*];

            /// The text that partners see.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The number that stores keep.
            pub fn code(self) -> i64 {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

dispositions! {
    /// To the offer.
    Ok = 0, "ok";
    /// The visitor's session has converted.
    AlreadyConverted = 1, "Already Converted";
    /// No such affiliate, creative or offer.
    InvalidLink = 2, "Invalid Link";
    /// The affiliate may not send traffic.
    InactiveAffiliate = 3, "Inactive Affiliate";
    /// The sub-affiliate is turned off.
    InactiveSubAffiliate = 4, "Inactive Sub Affiliate";
    /// The affiliate is on a blacklist.
    BlacklistedAffiliate = 5, "Blacklisted Affiliate";
    /// The sub-affiliate is on a blacklist.
    BlacklistedSubAffiliate = 6, "Blacklisted Sub Affiliate";
    /// The creative is not used.
    InactiveCreative = 7, "Inactive Creative";
    /// The creative has ended.
    CreativeExpired = 8, "Creative Expired";
    /// The offer is not run.
    InactiveOffer = 9, "Inactive Offer";
    /// The offer has ended.
    OfferExpired = 10, "Offer Expired";
    /// The campaign is not used.
    InactiveCampaign = 11, "Inactive Campaign";
    /// The campaign has ended.
    CampaignExpired = 12, "Campaign Expired";
    /// The affiliate has no campaign on an offer that wants one.
    NotAuthorized = 13, "Affiliate Not Authorized for Campaign";
    /// The visitor's country is not wanted.
    GeotargetMismatch = 14, "Geotarget Mismatch";
    /// The offer has its clicks.
    OfferOverClickCap = 15, "Offer Over Click Cap";
    /// The campaign has its clicks.
    CampaignOverClickCap = 16, "Campaign Over Click Cap";
    /// The visitor's address is blocked.
    BlockedIpAddress = 17, "Blocked IP Address";
}

impl Disposition {
    /// By the number that stores keep.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|d| d.code() == code)
    }

    /// By its text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|d| d.as_str() == text)
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Disposition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_counts_unless_it_is_diverted_repeated_a_machines_or_a_test() {
        let click = crate::examples::click();
        assert!(click.is_counted());
        for other in [
            Click { disposition: Disposition::OfferExpired, ..click.clone() },
            Click { duplicate: true, ..click.clone() },
            Click { non_human: Some(NonHuman::Bot), ..click.clone() },
            Click { test: true, ..click.clone() },
        ] {
            assert!(!other.is_counted(), "{other:?}");
        }
    }

    #[test]
    fn the_apis_word_for_a_machine_is_its_name_in_json() {
        for machine in [NonHuman::Bot, NonHuman::Preview, NonHuman::Head] {
            assert_eq!(serde_json::to_value(machine).unwrap(), machine.as_str());
        }
    }

    #[test]
    fn codes_and_texts_of_dispositions_are_unambiguous() {
        for (index, disposition) in Disposition::ALL.iter().enumerate() {
            assert_eq!(disposition.code(), index as i64);
            assert_eq!(Disposition::from_code(disposition.code()), Some(*disposition));
            assert_eq!(Disposition::from_text(disposition.as_str()), Some(*disposition));
        }
    }
}
