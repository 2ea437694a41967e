//! Whose lead it is.

use crate::coded::coded;
use crate::session::Session;
use crate::{OfferId, Timestamp};
use serde::{Deserialize, Serialize};

coded! {
    /// By what a lead was credited.
    Attribution {
        /// A campaign's id and key.
        Key = "key";
        /// A request id.
        RequestId = "request_id";
        /// The offer's cookie.
        Cookie = "cookie";
        /// Nothing: the internal affiliate's.
        Internal = "internal";
    }
}

/// What became of one way of naming a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The post did not bring it.
    #[default]
    Absent,
    /// Brought, but blank.
    Empty,
    /// Not of the form, or not signed by this installation.
    Malformed,
    /// Of the form, but there is no such session.
    Unknown,
    /// A session of another offer.
    OtherOffer,
    /// A session of another campaign than the post's.
    OtherCampaign,
    /// Older than the offer's click cookie days.
    Expired,
    /// Opened by a lead, not by a click.
    NotAClick,
    /// It names the session that is credited.
    Credited,
    /// It names the session that is credited, which an earlier lead opened: by a campaign's key
    /// a lead may belong to such a one.
    OfLead,
}

impl Claim {
    /// Whether the session that it names is the lead's.
    pub fn is_credited(self) -> bool {
        matches!(self, Self::Credited | Self::OfLead)
    }
}

/// What was looked at before a lead was credited: enough to say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttributionTrace {
    /// `ckm_request_id`.
    pub request_id: Claim,
    /// The offer's cookie.
    pub cookie: Claim,
}

/// Judges one way of naming a session on `offer`.
pub fn judge(session: Option<&Session>, offer: OfferId, click_cookie_days: u32, now: Timestamp) -> Claim {
    match session {
        None => Claim::Unknown,
        Some(session) if session.offer != offer => Claim::OtherOffer,
        Some(session) if session.origin != crate::session::SessionOrigin::Click => Claim::NotAClick,
        Some(session) if !session.attributes(offer, click_cookie_days, now) => Claim::Expired,
        Some(_) => Claim::Credited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{began, session};
    use crate::session::SessionOrigin;

    #[test]
    fn a_session_is_credited_on_its_own_offer_where_a_click_opened_it_within_the_days() {
        const OFFER: OfferId = OfferId(100);
        let (session, at) = (session(), began());
        let by_lead = Session { origin: SessionOrigin::Lead, ..session.clone() };
        let (soon, late) = (at.plus_seconds(60), at.plus_days(30));
        assert_eq!(judge(Some(&session), OFFER, 30, soon), Claim::Credited);
        assert_eq!(judge(None, OFFER, 30, soon), Claim::Unknown);
        assert_eq!(judge(Some(&session), OFFER, 30, late), Claim::Expired);
        assert_eq!(judge(Some(&by_lead), OFFER, 30, soon), Claim::NotAClick);
        assert_eq!(judge(Some(&by_lead), OFFER, 30, late), Claim::NotAClick, "how old it is says less");
        assert_eq!(judge(Some(&by_lead), OfferId(101), 30, late), Claim::OtherOffer);
    }
}
