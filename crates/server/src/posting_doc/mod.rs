//! Posting documents as pages, those on leads and those on pixels, and the signed
//! addresses under which they are given out.
//!
//! What a document says is `crumb_wire`'s; here it is looked up, laid out and
//! shared. A shared address is a capability: whoever has it sees the document (a
//! campaign's with its key) until it ends or is revoked, and nothing else.

mod page;
mod pixels;
mod share;
#[cfg(test)]
mod tests;

pub use crumb_wire::posting_doc::{Method, PostingDoc, UnknownMethod, text};
pub use page::{Shown, page};
pub use pixels::{pixel_document, pixel_page};
pub use share::{SHARE_DAYS, SHARED_HEADERS, SharedPage, create_share, revoke_share, shared_page};

pub use crumb_wire::pixel_doc::{PixelDoc, text as pixel_text};

use crumb_domain::network::{ActiveStatus, Campaign, Offer, OfferStatus, OfferType, Secret};
use crumb_domain::pings::PingLimits;
use crumb_domain::{AffiliateId, CampaignId, OfferId, Timestamp, VerticalId};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_tracking::gate::{Geo, Visit, refuse};
use crumb_wire::posting_doc::DocContext;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a document tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// How leads are posted.
    #[default]
    Leads,
    /// Conversion pixels, direct linking, impressions.
    Pixels,
}

/// What a posting document is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A vertical.
    Vertical(VerticalId),
    /// An offer.
    Offer(OfferId),
    /// A campaign: its document shows the post key.
    Campaign(CampaignId),
}

/// Why a subject has no document on leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoDocument {
    /// The network has no such thing.
    #[error("there is no such thing")]
    Unknown,
    /// The offer runs on pages of others: no lead is posted for it, and each is answered
    /// `Inactive Offer`.
    #[error("offer {0} is a third-party offer, which takes no leads: its conversions are reported by pixels")]
    TakesNoLeads(OfferId),
}

/// The document of a subject.
///
/// # Errors
/// Where there is none.
///
/// `base_url` is the tracking domain of its addresses where the network names
/// none; `now` is for sample dates and for what has ended; `pings` are the server's.
pub fn document(
    snapshot: &Snapshot,
    subject: Subject,
    base_url: &str,
    now: Timestamp,
    pings: PingLimits,
) -> Result<PostingDoc, NoDocument> {
    let takes_leads = |offer: &Offer| match offer.offer_type {
        OfferType::ThirdParty => Err(NoDocument::TakesNoLeads(offer.id)),
        OfferType::Hosted | OfferType::HostNPost => Ok(()),
    };
    let settings = snapshot.settings();
    let context = DocContext {
        base_url: settings.tracking_url.as_deref().unwrap_or(base_url),
        today: snapshot.zone().day_of(now),
        internal_affiliate: settings.internal_affiliate,
        pings,
    };
    match subject {
        Subject::Vertical(id) => {
            let vertical = snapshot.vertical(id).ok_or(NoDocument::Unknown)?;
            Ok(PostingDoc::for_vertical(vertical, &vertical.rules, offer_to_try(snapshot, id), context))
        }
        Subject::Offer(id) => {
            let offer = snapshot.offer(id).ok_or(NoDocument::Unknown)?;
            takes_leads(offer)?;
            let vertical = offer.vertical();
            let doc = PostingDoc::for_offer(offer, vertical, &vertical.rules, context);
            Ok(with_refusal(doc, snapshot, offer, None, now))
        }
        Subject::Campaign(id) => {
            let campaign = snapshot.campaign(id).ok_or(NoDocument::Unknown)?;
            let offer = snapshot.offer(campaign.offer).ok_or(NoDocument::Unknown)?;
            takes_leads(offer)?;
            let vertical = offer.vertical();
            let key = campaign.key.as_ref().and_then(resolved);
            let key = key.as_deref();
            let doc = PostingDoc::for_campaign(campaign, key, offer, vertical, &vertical.rules, context);
            Ok(with_refusal(doc, snapshot, offer, Some(campaign), now))
        }
    }
}

/// Says it in the document where every lead is refused at that moment, whatever it holds.
fn with_refusal(
    doc: PostingDoc,
    snapshot: &Snapshot,
    offer: &CompiledOffer,
    campaign: Option<&Campaign>,
    now: Timestamp,
) -> PostingDoc {
    let visit = Visit {
        now,
        // Without a campaign nobody's standing counts, but the offer's own.
        affiliate: campaign.map_or(AffiliateId::TEST, |campaign| campaign.affiliate),
        sub_affiliate: None,
        offer,
        campaign,
        creative: None,
        addresses: [None, None],
        country: Geo::NotEnforced,
    };
    match refuse(snapshot, &visit) {
        Some(refused) => doc.refused(refused.why.problem()),
        None => doc,
    }
}

/// The offer of a vertical that its examples use: one that anybody may run from anywhere
/// and that does not end, with a creative of that kind; of several the oldest.
fn offer_to_try(snapshot: &Snapshot, vertical: VerticalId) -> Option<&Offer> {
    let offers = snapshot.offers().map(|offer| &offer.offer).filter(|offer| {
        offer.vertical == vertical
            && offer.status == OfferStatus::Public
            && offer.offer_type != OfferType::ThirdParty
            && offer.expires_at.is_none()
            && offer.countries.is_empty()
            && offer.creative.iter().any(|creative| creative.status == ActiveStatus::Active)
    });
    offers.min_by_key(|offer| offer.id)
}

/// The key itself, from the environment where it is kept there.
fn resolved(key: &Secret) -> Option<String> {
    match key.env_name() {
        Some(name) => std::env::var(name).ok(),
        None => Some(key.expose().to_owned()),
    }
}
