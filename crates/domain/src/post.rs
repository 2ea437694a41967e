//! Posts: what came in at `d.ashx`, kept with what was answered.

use crate::coded::coded;
use crate::outcome::Problem;
use crate::{AffiliateId, CampaignId, LeadId, OfferId, RowId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

coded! {
    /// How a lead is posted.
    PostKind {
        /// Campaign id and key.
        Server = "server";
        /// Offer id; credited by cookie.
        Browser = "browser";
        /// Offer id and request id; credited without a cookie.
        Session = "session";
    }
}

/// A post as it came, with its answer and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPost {
    /// Its place in the store.
    pub id: RowId,
    /// When.
    pub at: Timestamp,
    /// How it was posted.
    pub kind: PostKind,
    /// The campaign it named or was credited to.
    pub campaign: Option<CampaignId>,
    /// The offer it named, or its campaign's.
    pub offer: Option<OfferId>,
    /// Whose it would have been, where that was known.
    pub affiliate: Option<AffiliateId>,
    /// The poster's address.
    pub ip: Option<IpAddr>,
    /// The query string, as sent but for the post key, which is masked; of a rejected post
    /// the first [`MAX_REJECTED_BODY`] bytes.
    pub query: Vec<u8>,
    /// The body's content type, as sent.
    pub content_type: String,
    /// The body, as sent but for the post key, which is masked; of a rejected post
    /// the first [`MAX_REJECTED_BODY`] bytes.
    pub body: Vec<u8>,
    /// What was answered; none while its lead is being sold, and where the server
    /// ended before that.
    pub answer: Option<StoredAnswer>,
    /// It was not answered, and its poster has been told since, under its idempotency key,
    /// how its lead stood then.
    pub was_told_later: bool,
    /// What became of it.
    pub outcome: PostOutcome,
    /// The texts that were answered, if any.
    pub errors: Vec<String>,
}

/// Bytes kept of a rejected post's body, and as many of its query.
pub const MAX_REJECTED_BODY: usize = 4 * 1024;
/// Rejected posts kept a minute per campaign (or offer) and address; beyond that
/// they are counted.
pub const MAX_REJECTED_PER_MINUTE: u32 = 60;

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostOutcome {
    /// It made or changed a lead.
    Lead(LeadId),
    /// It made no lead.
    Rejected(Problem),
}

/// An answer as it went out, for the record and to be given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, none for a bare redirect.
    pub content_type: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// Content.
    pub body: String,
}
