//! Whose lead it is: the key's, the request id's, the cookie's, or the house's.

use crumb_domain::attribution::{Attribution, AttributionTrace, Claim, judge};
use crumb_domain::lead::Lead;
use crumb_domain::network::OfferType;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::{AffiliateId, CampaignId, OfferContractId, OfferId, RequestId, SubIds, Timestamp};
use crumb_network::Snapshot;
use crumb_network::{Made, NetworkError};
use crumb_storage::{Store, StoreError};
use crumb_tracking::Installation;
use crumb_tracking::client::Client;
use crumb_wire::cookie::CookieClaim;
use crumb_wire::post::{Given, PostRequest};
use std::sync::Arc;

/// Whose a lead is, and by what.
#[derive(Debug, Clone)]
pub struct Credit {
    /// The affiliate; [`AffiliateId::TEST`] for a test session.
    pub affiliate: AffiliateId,
    /// Its campaign on the offer; none for a test session.
    pub campaign: Option<CampaignId>,
    /// The terms, where not the offer's own.
    pub offer_contract: Option<OfferContractId>,
    /// On what.
    pub offer: OfferId,
    /// By what it is credited.
    pub attribution: Attribution,
    /// What was looked at before that.
    pub trace: AttributionTrace,
    /// The session it belongs to; none where it opens one of its own.
    pub session: Option<Session>,
    /// Of the session, or of a server post.
    pub sub_ids: SubIds,
    /// False for a session post that named no session: kept, never offered.
    pub for_sale: bool,
}

impl Credit {
    /// That of a lead which is there already, with its session.
    pub fn of_lead(lead: &Lead, session: Option<Session>) -> Self {
        Self {
            affiliate: lead.affiliate,
            campaign: lead.campaign,
            offer_contract: lead.offer_contract,
            offer: lead.offer,
            attribution: lead.attribution,
            trace: lead.trace,
            session,
            sub_ids: lead.sub_ids.clone(),
            for_sale: true,
        }
    }
}

/// Why nobody can be credited.
#[derive(Debug)]
pub struct Uncredited {
    /// The problem to answer.
    pub problem: Problem,
    /// The campaign that was named, if there is one of that id.
    pub campaign: Option<CampaignId>,
    /// The offer that was named, if there is one of that id.
    pub offer: Option<OfferId>,
    /// Whether the poster may be believed to be the campaign's: false for a
    /// wrong key, under which nothing may be stored for the right one.
    pub authentic: bool,
}

/// A failure on the way.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The internal affiliate's campaign could not be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// The kind of a post, by what it names.
pub fn kind(request: &PostRequest) -> PostKind {
    match (&request.campaign, &request.offer, &request.request_id) {
        (Given::Absent, Given::Absent, _) => PostKind::Server,
        (Given::Absent, _, Some(_)) => PostKind::Session,
        (Given::Absent, _, None) => PostKind::Browser,
        _ => PostKind::Server,
    }
}

/// Whether a browser is at the other end, whatever the post names.
pub fn is_browsers(request: &PostRequest) -> bool {
    match request.browser_post {
        Some(asked) => asked || request.callback.is_some() || request.iframe,
        None => request.callback.is_some() || request.iframe || kind(request) == PostKind::Browser,
    }
}

/// Finds whose lead a post is.
///
/// # Errors
/// The outer error is a failure of store or configuration, the inner one a post
/// that names nobody.
pub async fn credit<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Arc<Snapshot>,
    request: &PostRequest,
    client: &Client,
    now: Timestamp,
) -> Result<Result<Credit, Uncredited>, CreditError> {
    match kind(request) {
        PostKind::Server => by_key(site, snapshot, request).await,
        PostKind::Session | PostKind::Browser => by_session(site, snapshot, request, client, now).await,
    }
}

/// The offer that a post names itself, where there is such a one.
fn known_offer(snapshot: &Snapshot, request: &PostRequest) -> Option<OfferId> {
    match request.offer {
        Given::Value(id) => snapshot.offer(id).map(|offer| offer.id),
        Given::Absent | Given::Malformed => None,
    }
}

/// Whose a post is that names a campaign with its key.
///
/// # Errors
/// As [`credit`].
pub async fn by_key<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    request: &PostRequest,
) -> Result<Result<Credit, Uncredited>, CreditError> {
    let named = match request.campaign {
        Given::Value(id) => snapshot.campaign(id),
        Given::Absent | Given::Malformed => None,
    };
    let given = request.key.as_deref().unwrap_or_default();
    let Some(campaign) = named.filter(|campaign| snapshot.key_matches(campaign, given)) else {
        return Ok(Err(Uncredited {
            problem: Problem::InvalidPostKey,
            campaign: named.map(|c| c.id),
            offer: named.map(|c| c.offer).or_else(|| known_offer(snapshot, request)),
            authentic: false,
        }));
    };
    let mut trace = AttributionTrace::default();
    let mut session = None;
    if let Some(text) = &request.request_id {
        let (found, claim) = look_up(site, text).await?;
        trace.request_id = match &found {
            Some(found) if found.offer != campaign.offer => Claim::OtherOffer,
            Some(found) if found.campaign != Some(campaign.id) => Claim::OtherCampaign,
            Some(found) if found.origin == SessionOrigin::Lead => Claim::OfLead,
            Some(_) => Claim::Credited,
            None => claim,
        };
        session = found.filter(|_| trace.request_id.is_credited());
    }
    Ok(Ok(Credit {
        affiliate: campaign.affiliate,
        campaign: Some(campaign.id),
        offer_contract: campaign.offer_contract,
        offer: campaign.offer,
        attribution: Attribution::Key,
        trace,
        session,
        sub_ids: request.sub_ids.clone(),
        for_sale: true,
    }))
}

async fn by_session<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Arc<Snapshot>,
    request: &PostRequest,
    client: &Client,
    now: Timestamp,
) -> Result<Result<Credit, Uncredited>, CreditError> {
    let offer = match request.offer {
        Given::Value(id) => snapshot.offer(id),
        Given::Absent | Given::Malformed => None,
    };
    // Third-party offers take no leads: for a poster they are not run.
    let Some(offer) = offer.filter(|offer| offer.offer.offer_type != OfferType::ThirdParty) else {
        return Ok(Err(Uncredited {
            problem: Problem::InactiveOffer,
            campaign: None,
            offer: offer.map(|o| o.offer.id),
            authentic: true,
        }));
    };
    let (id, days) = (offer.offer.id, offer.offer.click_cookie_days);
    let mut trace = AttributionTrace::default();
    if let Some(text) = &request.request_id {
        let (session, claim) = look_up(site, text).await?;
        trace.request_id = if session.is_some() { judge(session.as_ref(), id, days, now) } else { claim };
        if let Some(session) = session.filter(|_| trace.request_id == Claim::Credited) {
            return Ok(Ok(of_session(session, Attribution::RequestId, trace)));
        }
    }
    match client.cookies.offer(id) {
        CookieClaim::Absent => trace.cookie = Claim::Absent,
        CookieClaim::Malformed => trace.cookie = Claim::Malformed,
        CookieClaim::Session(request_id) => {
            let session = session_of(site, request_id).await?;
            trace.cookie = judge(session.as_ref(), id, days, now);
            if let Some(session) = session.filter(|_| trace.cookie == Claim::Credited) {
                return Ok(Ok(of_session(session, Attribution::Cookie, trace)));
            }
        }
    }
    let for_sale = kind(request) == PostKind::Browser || is_browsers(request);
    internal(site, snapshot, id, trace, for_sale, now).await
}

fn of_session(session: Session, attribution: Attribution, trace: AttributionTrace) -> Credit {
    Credit {
        affiliate: session.affiliate,
        campaign: session.campaign,
        offer_contract: session.offer_contract,
        offer: session.offer,
        attribution,
        trace,
        sub_ids: session.sub_ids.clone(),
        session: Some(session),
        for_sale: true,
    }
}

async fn internal<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    offer: OfferId,
    trace: AttributionTrace,
    for_sale: bool,
    now: Timestamp,
) -> Result<Result<Credit, Uncredited>, CreditError> {
    let Some(affiliate) = snapshot.settings().internal_affiliate else {
        return Ok(Err(Uncredited {
            problem: Problem::NotAuthorized,
            campaign: None,
            offer: Some(offer),
            authentic: true,
        }));
    };
    let campaign = match snapshot.choose_campaign(affiliate, offer, None, None) {
        Some(campaign) => campaign.id,
        None => {
            let made =
                site.network.ensure_campaign(affiliate, offer, None, Made::Internal, now, &mut site.random());
            made.await?
        }
    };
    Ok(Ok(Credit {
        affiliate,
        campaign: Some(campaign),
        offer_contract: None,
        offer,
        attribution: Attribution::Internal,
        trace,
        session: None,
        sub_ids: SubIds::default(),
        for_sale,
    }))
}

/// The session that a posted request id names, or why it names none.
async fn look_up<S: Store + Clone>(
    site: &Installation<S>,
    text: &str,
) -> Result<(Option<Session>, Claim), StoreError> {
    if text.trim().is_empty() {
        return Ok((None, Claim::Empty));
    }
    let Ok(request_id) = text.parse::<RequestId>() else {
        return Ok((None, Claim::Malformed));
    };
    Ok((session_of(site, request_id).await?, Claim::Unknown))
}

async fn session_of<S: Store + Clone>(
    site: &Installation<S>,
    request_id: RequestId,
) -> Result<Option<Session>, StoreError> {
    match site.keys.request_ids.row_id(request_id) {
        Some(row) => site.store.session(row).await,
        None => Ok(None),
    }
}
