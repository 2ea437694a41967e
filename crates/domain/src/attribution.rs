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
