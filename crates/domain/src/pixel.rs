//! The pixel log: every call of the conversion pixel, with what became of it.

use crate::coded::coded;
use crate::conversion::ConversionSource;
use crate::{AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, OfferId, RowId, Timestamp};
use serde::Serialize;
use std::net::IpAddr;

/// For how long a signed call may come after its time stamp, and before, in seconds.
pub const SIGNATURE_SECONDS: i64 = 300;

/// One call of `p.ashx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelCall {
    /// Its place in the store: that of the conversion that it made, if it made one.
    pub id: RowId,
    /// When it came.
    pub at: Timestamp,
    /// In which form: never a lead or an import.
    pub form: ConversionSource,
    /// What became of it.
    pub disposition: PixelDisposition,
    /// On which offer, where that was found.
    pub offer: Option<OfferId>,
    /// The offer's advertiser, or the one that was named.
    pub advertiser: Option<AdvertiserId>,
    /// Which event, where that was found.
    pub event: Option<EventId>,
    /// By what its session was found, or why it was not; none where nobody looked.
    pub lookup: Option<SessionLookup>,
    /// Whose session, where that was found.
    pub session: Option<RowId>,
    /// Whose it was.
    pub affiliate: Option<AffiliateId>,
    /// Under which campaign.
    pub campaign: Option<CampaignId>,
    /// The conversion that it made, or that was there before.
    pub conversion: Option<RowId>,
    /// `t`.
    pub transaction_id: Option<String>,
    /// It was signed, or came from an address of the offer's list.
    pub trusted: bool,
    /// What was sent and not used, by parameter, in the order of their names.
    pub ignored: Vec<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// As sent, cut at [`crate::click::MAX_HEADER_CHARS`].
    pub user_agent: String,
    /// As sent, cut at [`crate::click::MAX_HEADER_CHARS`].
    pub referrer: String,
    /// The configuration that decided.
    pub config_version: ConfigVersion,
}

coded! {
    /// By what a call found its session, or why it found none.
    SessionLookup {
        /// `r` names it.
        RequestId = "request_id";
        /// The visitor's cookie of the offer, or of one of the advertiser's.
        Cookie = "cookie";
        /// A click of the device that `udid` names.
        Device = "device";
        /// `r` is no request id of this installation.
        MalformedRequestId = "malformed_request_id";
        /// `r` is of the form, and there is no such session.
        UnknownRequestId = "unknown_request_id";
        /// `r` names a session of another offer.
        OtherOffer = "other_offer";
        /// No `r`, no cookie, no `udid`.
        NothingNamed = "nothing_named";
        /// No `r`, and only cookies that this installation did not sign.
        UnsignedCookie = "unsigned_cookie";
        /// No `r`, and only cookies of sessions that are there no more.
        UnknownCookie = "unknown_cookie";
        /// No `r` and no cookie, and no click that named the device.
        UnknownDevice = "unknown_device";
    }
}

coded! {
    /// What became of a call: what a postback is answered, and what the log says.
    PixelDisposition {
        /// It made a conversion, or was noted with its lead.
        Ok = "ok";
        /// More than the cap allows: recorded at 0.00.
        OverCap = "Over Conversion Cap";
        /// No such offer or advertiser.
        InvalidOffer = "Invalid Offer";
        /// The offer wants signed calls, and this is none, or signed wrongly.
        InvalidSignature = "Invalid Signature";
        /// Not from an address of the offer's list.
        NotWhitelisted = "Not Whitelisted";
        /// No request id and no cookie, or none of a session on this offer.
        InvalidRequestId = "Invalid Request ID";
        /// The session is older than the offer's click cookie days.
        ClickExpired = "Click Expired";
        /// The offer has no such event.
        InvalidEvent = "Invalid Event";
        /// The session has converted, or the transaction id was there before.
        DuplicateConversion = "Duplicate Conversion";
    }
}

impl PixelDisposition {
    /// Whether a postback is answered `SUCCESS`.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Ok | Self::OverCap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_succeeds_where_its_conversion_is_recorded_also_over_a_cap() {
        use PixelDisposition as D;
        for disposition in D::ALL {
            let expected = [D::Ok, D::OverCap].contains(disposition);
            assert_eq!(disposition.is_success(), expected, "{disposition:?}");
        }
    }
}
