//! Prices that were told before a lead came.

use crumb_domain::{CampaignId, Money, Timestamp};

/// A price that was told to a poster for a lead that it has not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its public name.
    pub id: String,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// When it was told.
    pub at: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
    /// What the affiliate is paid.
    pub payout: Money,
    /// The fields that were pinged, none of which are personal.
    pub fields: Vec<(String, String)>,
    /// What the machine was given, met and found: JSON.
    pub record: String,
}

/// What there is of a quote that a post names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuoteFound {
    /// It holds.
    Holds(Box<Quote>),
    /// It has passed.
    Expired,
    /// The campaign has no such quote, or has used it.
    Unknown,
}

/// How long after its end a quote is known to have passed, in hours; then it is unknown.
/// What it was made of is forgotten sooner.
pub const QUOTE_KEPT_HOURS: i64 = 24;
