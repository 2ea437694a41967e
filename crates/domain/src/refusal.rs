//! Why traffic is refused before anybody looks at what it brings: the same
//! reasons, in the same order, for clicks and for leads.

use crate::click::Disposition;
use crate::outcome::Problem;

/// A reason to refuse a click or a lead that has nothing to do with its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No campaign where the offer wants one.
    NotAuthorized,
    /// The affiliate may not send traffic.
    InactiveAffiliate,
    /// The sub-affiliate is turned off.
    InactiveSubAffiliate,
    /// The affiliate is on a blacklist.
    BlacklistedAffiliate,
    /// The sub-affiliate is on a blacklist.
    BlacklistedSubAffiliate,
    /// The offer is not run.
    InactiveOffer,
    /// The offer has ended.
    OfferExpired,
    /// The campaign is not used.
    InactiveCampaign,
    /// The campaign has ended.
    CampaignExpired,
    /// The creative is not used.
    InactiveCreative,
    /// The creative has ended.
    CreativeExpired,
    /// The address is blocked.
    BlockedIpAddress,
    /// The country is not wanted.
    GeotargetMismatch,
}

impl Refusal {
    /// All of them, in the order in which they are looked for.
    pub const IN_ORDER: &'static [Refusal] = &[
        Self::NotAuthorized,
        Self::InactiveAffiliate,
        Self::InactiveSubAffiliate,
        Self::BlacklistedAffiliate,
        Self::BlacklistedSubAffiliate,
        Self::InactiveOffer,
        Self::OfferExpired,
        Self::InactiveCampaign,
        Self::CampaignExpired,
        Self::InactiveCreative,
        Self::CreativeExpired,
        Self::BlockedIpAddress,
        Self::GeotargetMismatch,
    ];

    /// As the disposition of a click.
    pub fn disposition(self) -> Disposition {
        match self {
            Self::NotAuthorized => Disposition::NotAuthorized,
            Self::InactiveAffiliate => Disposition::InactiveAffiliate,
            Self::InactiveSubAffiliate => Disposition::InactiveSubAffiliate,
            Self::BlacklistedAffiliate => Disposition::BlacklistedAffiliate,
            Self::BlacklistedSubAffiliate => Disposition::BlacklistedSubAffiliate,
            Self::InactiveOffer => Disposition::InactiveOffer,
            Self::OfferExpired => Disposition::OfferExpired,
            Self::InactiveCampaign => Disposition::InactiveCampaign,
            Self::CampaignExpired => Disposition::CampaignExpired,
            Self::InactiveCreative => Disposition::InactiveCreative,
            Self::CreativeExpired => Disposition::CreativeExpired,
            Self::BlockedIpAddress => Disposition::BlockedIpAddress,
            Self::GeotargetMismatch => Disposition::GeotargetMismatch,
        }
    }

    /// As the problem of a lead.
    pub fn problem(self) -> Problem {
        match self {
            Self::NotAuthorized => Problem::NotAuthorized,
            Self::InactiveAffiliate => Problem::InactiveAffiliate,
            Self::InactiveSubAffiliate => Problem::InactiveSubAffiliate,
            Self::BlacklistedAffiliate => Problem::BlacklistedAffiliate,
            Self::BlacklistedSubAffiliate => Problem::BlacklistedSubAffiliate,
            Self::InactiveOffer => Problem::InactiveOffer,
            Self::OfferExpired => Problem::OfferExpired,
            Self::InactiveCampaign => Problem::InactiveCampaign,
            Self::CampaignExpired => Problem::CampaignExpired,
            Self::InactiveCreative => Problem::InactiveCreative,
            Self::CreativeExpired => Problem::CreativeExpired,
            Self::BlockedIpAddress => Problem::BlockedIpAddress,
            Self::GeotargetMismatch => Problem::GeotargetMismatch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_and_leads_are_told_the_same_text() {
        for refusal in Refusal::IN_ORDER {
            assert_eq!(refusal.disposition().as_str(), refusal.problem().as_str());
        }
    }
}
