//! Whole-lead problems: the fixed texts that a poster sees, and the stable codes
//! under which the same thing is recorded.

use serde::Serialize;
use std::fmt;

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:literal;)*) => {
        /// Why a post made no lead, or a lead found no buyer: the fixed texts of
        /// the dialect. Its code is the text in snake_case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Problem {
            $($(#[$doc])* $name,)*
        }

        impl Problem {
            /// All of them.
            pub const ALL: &'static [Problem] = &[$(Problem::$name,)*];

            /// The text that posters see.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The stable code in the API and the store.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

problems! {
    /// Wrong, unknown or missing key, or neither campaign nor offer.
    InvalidPostKey = "Invalid Post Key", "invalid_post_key";
    /// No campaign where the offer wants one.
    NotAuthorized = "Affiliate Not Authorized for Campaign", "affiliate_not_authorized_for_campaign";
    /// The affiliate may not send leads.
    InactiveAffiliate = "Inactive Affiliate", "inactive_affiliate";
    /// The sub-affiliate is turned off.
    InactiveSubAffiliate = "Inactive Sub Affiliate", "inactive_sub_affiliate";
    /// The affiliate is on a blacklist.
    BlacklistedAffiliate = "Blacklisted Affiliate", "blacklisted_affiliate";
    /// The sub-affiliate is on a blacklist.
    BlacklistedSubAffiliate = "Blacklisted Sub Affiliate", "blacklisted_sub_affiliate";
    /// The offer is not run, or there is none of that id.
    InactiveOffer = "Inactive Offer", "inactive_offer";
    /// The offer has ended.
    OfferExpired = "Offer Expired", "offer_expired";
    /// The campaign is not used.
    InactiveCampaign = "Inactive Campaign", "inactive_campaign";
    /// The campaign has ended.
    CampaignExpired = "Campaign Expired", "campaign_expired";
    /// The session's creative is not used.
    InactiveCreative = "Inactive Creative", "inactive_creative";
    /// The session's creative has ended.
    CreativeExpired = "Creative Expired", "creative_expired";
    /// The poster's or the consumer's address is blocked.
    BlockedIpAddress = "Blocked IP Address", "blocked_ip_address";
    /// The consumer's country is not wanted.
    GeotargetMismatch = "Geotarget Mismatch", "geotarget_mismatch";
    /// The XML cannot be read.
    InvalidXml = "Invalid XML Format", "invalid_xml_format";
    /// The JSON cannot be read.
    InvalidJson = "Invalid JSON Format", "invalid_json_format";
    /// A required field is absent or blank.
    LeadMissingData = "Lead Missing Data", "lead_missing_data";
    /// A value fails its validator.
    ValidationFailed = "Validation Failed", "validation_failed";
    /// The network has this person already.
    DuplicateLead = "Duplicate Lead", "duplicate_lead";
    /// The vertical's inbound filters do not want it.
    UnmatchedFilter = "Unmatched Filter", "unmatched_filter";
    /// The offer has its leads.
    OfferOverLeadCap = "Offer Over Lead Cap", "offer_over_lead_cap";
    /// The campaign has its leads.
    CampaignOverLeadCap = "Campaign Over Lead Cap", "campaign_over_lead_cap";
    /// Nobody bought it.
    NoQualifiedBuyers = "No Qualified Buyers Found", "no_qualified_buyers_found";
    /// `ckm_lead_id` names no lead that the poster may change.
    InvalidLeadId = "Invalid Lead ID", "invalid_lead_id";
    /// `ckm_ping_id` names no price of this campaign, for these fields, that is unused.
    InvalidPingId = "Invalid Ping ID", "invalid_ping_id";
    /// The price that `ckm_ping_id` names has passed.
    PingExpired = "Ping Expired", "ping_expired";
    /// The campaign asks for prices faster than it may.
    TooManyPings = "Too Many Pings", "too_many_pings";
}

impl Problem {
    /// By its stable code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.code() == code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_its_text_in_snake_case() {
        for problem in Problem::ALL {
            assert_eq!(problem.as_str().to_lowercase().replace(' ', "_"), problem.code());
            assert_eq!(Problem::from_code(problem.code()), Some(*problem));
            assert_eq!(problem.to_string(), problem.as_str());
        }
    }
}
