//! Sessions: a visitor on an offer, and what a further click does to one.

use crate::click::VisitorId;
use crate::{AffiliateId, CampaignId, CreativeId, OfferContractId, OfferId, RowId, SubIds, Timestamp};
use std::net::IpAddr;

/// One session, as attribution sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id: its first click's row.
    pub id: RowId,
    /// When it began.
    pub at: Timestamp,
    /// What opened it.
    pub origin: SessionOrigin,
    /// Whose it is.
    pub affiliate: AffiliateId,
    /// On what.
    pub offer: OfferId,
    /// The affiliate's campaign on the offer; none for test links.
    pub campaign: Option<CampaignId>,
    /// What was clicked; none where a lead opened it.
    pub creative: Option<CreativeId>,
    /// The terms it runs under, where not the offer's own.
    pub offer_contract: Option<OfferContractId>,
    /// Of the click that opened it.
    pub sub_ids: SubIds,
    /// Of the click that opened it.
    pub device_id: Option<String>,
    /// Of the click that opened it.
    pub visitor: Option<VisitorId>,
    /// Of a test link.
    pub test: bool,
    /// The visitor's address.
    pub ip: Option<IpAddr>,
    /// ISO 3166 code of the address, where it was known.
    pub country: Option<String>,
    /// It has a sold, queued or paid lead or an approved conversion.
    pub converted: bool,
}

/// What opened a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrigin {
    /// A click: it attributes.
    Click,
    /// A lead without a click: it can be named by a later conversion, but
    /// attributes no later posts.
    Lead,
}

impl Session {
    /// Whether it still earns credit: of this offer, opened by a click, and not
    /// older than the offer's click cookie days.
    pub fn attributes(&self, offer: OfferId, click_cookie_days: u32, now: Timestamp) -> bool {
        self.offer == offer
            && self.origin == SessionOrigin::Click
            && now < self.at.plus_days(i64::from(click_cookie_days))
    }
}

/// What a click does to the visitor's session on the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It opens a session of its own.
    Opens,
    /// It is a further click of the live session.
    Duplicates,
}

/// First or last touch, for a click of `affiliate` where a live session exists.
///
/// First touch: any later click is a duplicate. Last touch: a different
/// affiliate takes over, except the internal one, which never does.
pub fn touch(
    live: Option<&Session>,
    affiliate: AffiliateId,
    last_touch: bool,
    internal: Option<AffiliateId>,
) -> Touch {
    match live {
        None => Touch::Opens,
        Some(session) => {
            let takes_over = last_touch && session.affiliate != affiliate && internal != Some(affiliate);
            if takes_over { Touch::Opens } else { Touch::Duplicates }
        }
    }
}
