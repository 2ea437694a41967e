//! The checks that clicks and leads share, in their order.

use crumb_domain::click::Disposition;
use crumb_domain::network::{
    ActiveStatus, AffiliateStatus, BlacklistRedirect, Campaign, Creative, OfferStatus,
};
use crumb_domain::refusal::Refusal;
use crumb_domain::{AffiliateId, CreativeId, SubIds, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_wire::generate::LinkOptions;
use std::net::IpAddr;

/// What is known of a click or lead before its fields are looked at.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The moment.
    pub now: Timestamp,
    /// Who sends it; [`AffiliateId::TEST`] for test links.
    pub affiliate: AffiliateId,
    /// Its sub-affiliate.
    pub sub_affiliate: Option<&'a str>,
    /// On what.
    pub offer: &'a CompiledOffer,
    /// The affiliate's campaign on the offer, where there is one.
    pub campaign: Option<&'a Campaign>,
    /// The creative, where one is known.
    pub creative: Option<&'a Creative>,
    /// Addresses that must not be blocked: the client's, and the consumer's
    /// where the poster names it.
    pub addresses: [Option<IpAddr>; 2],
    /// Whether the offer's countries are enforced, and the visitor's.
    pub country: Geo<'a>,
}

/// What is known of a visitor's country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geo<'a> {
    /// There is no geo database, or no address to look up: nothing is enforced.
    NotEnforced,
    /// The database knows no country for the address: a mismatch where the offer
    /// names countries.
    Unknown,
    /// ISO 3166 code.
    Country(&'a str),
}

/// A refusal, with where a refused click goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// Where a click goes.
    pub diversion: Diversion,
}

/// Where a refused click goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diversion {
    /// To the Global Redirect.
    Global,
    /// Along the chain of redirect offers.
    Chain,
    /// To a 404 page.
    NotFound,
}

/// The first reason to refuse a visit, or `None`.
///
/// Status checks of affiliate and campaign do not apply to the internal affiliate
/// and to test links: neither is a partner that could be switched off.
pub fn refuse(snapshot: &Snapshot, visit: &Visit<'_>) -> Option<Refused> {
    let house = is_house(snapshot, visit.affiliate);
    let is_theirs =
        |campaign: &Campaign| (campaign.affiliate, campaign.offer) == (visit.affiliate, visit.offer.offer.id);
    let is_authorized = visit.campaign.map_or_else(|| !needs_campaign(visit.offer.offer.status), is_theirs);
    if !house && !is_authorized {
        return chain(Refusal::NotAuthorized);
    }
    if !house && let Some(refused) = refuse_affiliate(snapshot, visit) {
        return Some(refused);
    }
    refuse_offer(snapshot, visit, house)
}

/// How a click through a link ends at a moment on the link's own offer, as far as that is the
/// network's to say: the visitor's address and country, and caps, aside.
pub fn of_link(
    snapshot: &Snapshot,
    now: Timestamp,
    affiliate: AffiliateId,
    creative: CreativeId,
    sub_ids: &SubIds,
    options: LinkOptions,
) -> Disposition {
    let Some((offer, creative)) = snapshot.creative(creative) else { return Disposition::InvalidLink };
    let (format, contract) = (options.price_format, options.offer_contract);
    let visit = Visit {
        now,
        affiliate,
        sub_affiliate: sub_ids.sub_affiliate(),
        offer,
        campaign: snapshot.choose_campaign(affiliate, offer.offer.id, format, contract),
        creative: Some(creative),
        addresses: [None, None],
        country: Geo::NotEnforced,
    };
    refuse(snapshot, &visit).map_or(Disposition::Ok, |refused| refused.why.disposition())
}

/// As [`refuse`], at a redirect offer.
///
/// It takes diverted traffic whether or not the affiliate has a campaign on it
/// yet: that is what it is for. And what sent the click along the chain because of
/// who its affiliate is would send it on from every further offer: it has had its
/// effect. Reasons that end the way hold here as anywhere.
pub fn refuse_diverted(snapshot: &Snapshot, visit: &Visit<'_>) -> Option<Refused> {
    let house = is_house(snapshot, visit.affiliate);
    let ends = |refused: &Refused| refused.diversion != Diversion::Chain;
    if !house && let Some(refused) = refuse_source(snapshot, visit).filter(ends) {
        return Some(refused);
    }
    refuse_offer(snapshot, visit, house)
}

fn chain(why: Refusal) -> Option<Refused> {
    Some(Refused { why, diversion: Diversion::Chain })
}

/// What is refused of an offer, campaign or creative, and of where the visitor is.
fn refuse_offer(snapshot: &Snapshot, visit: &Visit<'_>, house: bool) -> Option<Refused> {
    let offer = &visit.offer.offer;
    if offer.status == OfferStatus::Inactive {
        return chain(Refusal::InactiveOffer);
    }
    if is_over(offer.expires_at, visit.now) {
        return chain(Refusal::OfferExpired);
    }
    if let Some(campaign) = visit.campaign.filter(|_| !house) {
        if campaign.status == ActiveStatus::Inactive {
            return chain(Refusal::InactiveCampaign);
        }
        if is_over(campaign.expires_at, visit.now) {
            return chain(Refusal::CampaignExpired);
        }
    }
    if let Some(creative) = visit.creative {
        if creative.status == ActiveStatus::Inactive {
            return chain(Refusal::InactiveCreative);
        }
        if is_over(creative.expires_at, visit.now) {
            return chain(Refusal::CreativeExpired);
        }
    }
    if visit.addresses.iter().flatten().any(|ip| snapshot.is_blocked_ip(*ip)) {
        return Some(Refused { why: Refusal::BlockedIpAddress, diversion: Diversion::Global });
    }
    let wanted = match visit.country {
        Geo::NotEnforced => true,
        Geo::Unknown => offer.countries.is_empty(),
        Geo::Country(code) => {
            offer.countries.is_empty() || offer.countries.iter().any(|c| c.eq_ignore_ascii_case(code))
        }
    };
    (!wanted).then_some(Refused { why: Refusal::GeotargetMismatch, diversion: Diversion::Global })
}

/// The house's own affiliates: the internal one, and that of test links.
pub fn is_house(snapshot: &Snapshot, affiliate: AffiliateId) -> bool {
    affiliate == AffiliateId::TEST || snapshot.settings().internal_affiliate == Some(affiliate)
}

/// An inactive offer is not "not public": its own reason is told.
fn needs_campaign(status: OfferStatus) -> bool {
    matches!(status, OfferStatus::Private | OfferStatus::ApplyToRun)
}

fn refuse_affiliate(snapshot: &Snapshot, visit: &Visit<'_>) -> Option<Refused> {
    let active = snapshot.affiliate(visit.affiliate).is_some_and(|a| a.status == AffiliateStatus::Active);
    if !active {
        return chain(Refusal::InactiveAffiliate);
    }
    refuse_source(snapshot, visit)
}

/// What is refused of a sub-affiliate, and by the blacklists.
fn refuse_source(snapshot: &Snapshot, visit: &Visit<'_>) -> Option<Refused> {
    if visit.sub_affiliate.is_some_and(|sub| snapshot.is_sub_id_off(visit.affiliate, sub)) {
        return Some(Refused { why: Refusal::InactiveSubAffiliate, diversion: Diversion::Global });
    }
    let listed = snapshot.blacklisted(visit.affiliate, visit.sub_affiliate, visit.offer)?;
    let why = if listed.sub_id { Refusal::BlacklistedSubAffiliate } else { Refusal::BlacklistedAffiliate };
    let diversion = match listed.redirect {
        BlacklistRedirect::Global => Diversion::Global,
        BlacklistRedirect::Offer => Diversion::Chain,
        BlacklistRedirect::NotFound => Diversion::NotFound,
    };
    Some(Refused { why, diversion })
}

fn is_over(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| now >= end)
}
