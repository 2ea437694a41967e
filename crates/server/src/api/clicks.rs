//! `GET /clicks` and `GET /clicks/{request_id}`.

use super::call::{OneCall, QueryCall};
use super::conversions::ConversionRow;
use super::key::Caller;
use super::problem::{ApiError, KeyProblems, ListProblems, OneProblems};
use super::query::{Listing, PageParameters};
use crate::admin::Admin;
use axum::Json;
use crumb_domain::click::{Click, ClickSource, Disposition, NonHuman};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::session::Session;
use crumb_domain::why::explain_click;
use crumb_domain::{
    AffiliateId, CampaignId, ConfigVersion, CreativeId, LeadId, MediaTypeId, Money, OfferContractId, OfferId,
    RequestId, RowId, SubIds, Timestamp,
};
use crumb_storage::clicks::ClickFilter;
use crumb_storage::leads::LeadFilter;
use crumb_storage::{PageRequest, Store, StoreError};
use crumb_tracking::links::MASK;
use serde::Serialize;
use std::collections::HashMap;
use std::net::IpAddr;
use utoipa::ToSchema;

/// One recorded click.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClickRow {
    /// The session that it is credited to; a diverted click's own id. Null for an
    /// affiliate whose click is a duplicate of another's session.
    #[schema(value_type = Option<String>, example = "4503599627370495")]
    pub request_id: Option<RequestId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who sent the visitor; null for a malformed link, -1 for a test link.
    #[schema(value_type = Option<i64>)]
    pub affiliate: Option<AffiliateId>,
    /// On what; null for an invalid link.
    #[schema(value_type = Option<i64>)]
    pub offer: Option<OfferId>,
    /// The affiliate's campaign on the offer.
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<CampaignId>,
    /// What was clicked.
    #[schema(value_type = Option<i64>)]
    pub creative: Option<CreativeId>,
    /// `s1` to `s5`, empty where not given.
    #[schema(value_type = Vec<String>, min_items = 5, max_items = 5)]
    pub sub_ids: SubIds,
    /// `ok`, or why it went elsewhere.
    #[schema(value_type = String, example = "ok")]
    pub disposition: Disposition,
    /// A further click of the session: recorded, not counted.
    pub duplicate: bool,
    /// `bot`, `preview` or `head` where it is not a person's.
    #[schema(value_type = Option<String>)]
    pub non_human: Option<NonHuman>,
    /// The client's address; null for affiliates.
    #[schema(value_type = Option<String>)]
    pub ip: Option<IpAddr>,
    /// As sent.
    pub user_agent: String,
    /// The page it came from, values of personal fields in its query masked.
    pub referrer: String,
    /// Where the visitor was sent, its first 2,048 characters, pre-fill values masked; null
    /// for pixels and 404s, and for an affiliate whose click is a duplicate of another's
    /// session.
    pub redirect: Option<String>,
    /// `link`, `js_pixel` or `image_pixel`.
    #[schema(value_type = String)]
    pub source: ClickSource,
    /// The terms it runs under, where not the offer's own.
    #[schema(value_type = Option<i64>)]
    pub offer_contract: Option<OfferContractId>,
    /// `m`.
    #[schema(value_type = Option<i64>)]
    pub media_type: Option<MediaTypeId>,
    /// `udid`.
    pub device_id: Option<String>,
    /// ISO 3166 code of the address, where it is known.
    pub country: Option<String>,
    /// The visitor's number, as a string; null for affiliates.
    pub visitor: Option<String>,
    /// Of a test link.
    pub test: bool,
    /// What it earns its affiliate by itself: of a CPC campaign's clicks those that count.
    #[schema(value_type = String, example = "0.50")]
    pub payout: Money,
    /// What the advertiser pays for it by itself; null for affiliates.
    #[schema(value_type = Option<String>, example = "0.80")]
    pub received: Option<Money>,
    /// The configuration that decided.
    #[schema(value_type = i64)]
    pub config_version: ConfigVersion,
    /// What it did and why, for people.
    pub why: String,
}

impl ClickRow {
    /// As the network's own people see it. `credited` is the affiliate of its
    /// session, where that was looked up.
    pub fn new(click: &Click, names: &RequestIdKey, credited: Option<AffiliateId>) -> Self {
        let request_id = names.request_id(click.session.unwrap_or(click.id));
        Self {
            request_id,
            at: click.at,
            affiliate: click.affiliate,
            offer: click.offer,
            campaign: click.campaign,
            creative: click.creative,
            sub_ids: click.sub_ids.clone(),
            disposition: click.disposition,
            duplicate: click.duplicate,
            non_human: click.non_human,
            ip: click.ip,
            user_agent: click.user_agent.clone(),
            referrer: click.referrer.clone(),
            redirect: click.redirect.clone(),
            source: click.source,
            offer_contract: click.offer_contract,
            media_type: click.media_type,
            device_id: click.device_id.clone(),
            country: click.country.clone(),
            visitor: click.visitor.map(|visitor| visitor.0.to_string()),
            test: click.test,
            payout: click.payout,
            received: Some(click.received),
            config_version: click.config_version,
            why: explain_click(click, request_id, credited),
        }
    }

    /// As the affiliate sees it that made it: an address is personal data, as in its
    /// leads; a visitor's number, in the redirect too, would tell affiliates which
    /// visitors they share; and another's request id would let one claim the other's
    /// lead. The redirect of a duplicate carries that id, too.
    fn for_affiliate(click: &Click, names: &RequestIdKey, session_is_its_own: bool) -> Self {
        let whole = Self::new(click, names, None);
        let redirect = match (&whole.redirect, &whole.visitor) {
            (Some(redirect), Some(visitor)) => Some(redirect.replace(visitor.as_str(), MASK)),
            _ => whole.redirect.clone(),
        };
        let row = Self { ip: None, visitor: None, received: None, redirect, ..whole };
        if session_is_its_own {
            row
        } else {
            Self { request_id: None, redirect: None, why: explain_click(click, None, None), ..row }
        }
    }
}

/// A session: its clicks, and what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionRow {
    /// Its name.
    #[schema(value_type = String, example = "4503599627370495")]
    pub request_id: RequestId,
    /// Its clicks in the order of time, at most 1,000; empty where a lead opened it.
    pub clicks: Vec<ClickRow>,
    /// The ids of its leads in the order of time, at most 1,000.
    #[schema(value_type = Vec<String>)]
    pub leads: Vec<LeadId>,
    /// Its conversions in the order of time, leads among them.
    pub conversions: Vec<ConversionRow>,
}

/// Single clicks by filter.
#[utoipa::path(
    get,
    path = "/clicks",
    tag = "clicks",
    operation_id = "list_clicks",
    params(
        ("affiliate" = Option<i64>, Query, description = "Of this affiliate."),
        ("offer" = Option<i64>, Query, description = "On this offer."),
        ("campaign" = Option<i64>, Query, description = "Of this campaign."),
        ("creative" = Option<i64>, Query, description = "On this creative."),
        ("disposition" = Option<String>, Query, description = "With this disposition."),
        ("request_id" = Option<String>, Query, description = "Credited to this session."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<ClickRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<ClickRow>>, ApiError> {
    let store = &admin.installation.store;
    let names = &admin.installation.keys.request_ids;
    let mut filter = ClickFilter {
        affiliate: query.affiliate("affiliate"),
        offer: query.id("offer"),
        campaign: query.id("campaign"),
        creative: query.id("creative"),
        disposition: query.one_of("disposition", Disposition::ALL, Disposition::as_str),
        session: query.session("request_id", names),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    match caller.affiliate_or_network()? {
        Some(own) => {
            super::only_its_own(&mut filter.affiliate, own)?;
            let page = store.clicks(filter, page).await?;
            let owners = owners(store, &page.data).await?;
            Ok(Json(Listing::of(page, |click| {
                let session = click.session.unwrap_or(click.id);
                let its_own = session == click.id || owners.get(&session) == Some(&own);
                Some(ClickRow::for_affiliate(&click, names, its_own))
            })))
        }
        None => {
            let page = store.clicks(filter, page).await?;
            Ok(Json(Listing::of(page, |click| Some(ClickRow::new(&click, names, None)))))
        }
    }
}

/// Whose the sessions are that these clicks are duplicates of.
async fn owners<S: Store>(store: &S, clicks: &[Click]) -> Result<HashMap<RowId, AffiliateId>, StoreError> {
    let mut owners = HashMap::new();
    for session in clicks.iter().filter_map(|click| click.session.filter(|session| *session != click.id)) {
        if let std::collections::hash_map::Entry::Vacant(entry) = owners.entry(session)
            && let Some(found) = store.session(session).await?
        {
            entry.insert(found.affiliate);
        }
    }
    Ok(owners)
}

/// A session by its request id.
#[utoipa::path(
    get,
    path = "/clicks/{request_id}",
    tag = "clicks",
    operation_id = "get_session",
    params(("request_id" = String, Path, description = "As `#reqid#` and `ckm_request_id` give it.")),
    responses(
        (status = 200, body = SessionRow),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn get<S: Store + Clone>(
    OneCall { admin, caller, id: name }: OneCall<S>,
) -> Result<Json<SessionRow>, ApiError> {
    let own = caller.affiliate_or_network()?;
    let store = &admin.installation.store;
    let names = &admin.installation.keys.request_ids;
    let missing = || ApiError::NotFound("there is no click or session of this request id".to_owned());
    let request_id: RequestId = name.and_then(|name| name.parse().ok()).ok_or_else(missing)?;
    let row = names.row_id(request_id).ok_or_else(missing)?;
    let session = store.session(row).await?;
    let clicks = clicks_of(store, row, session.as_ref()).await?;
    let owner = match &session {
        Some(session) => session.affiliate,
        // A diverted click opens no session and is found by its own id.
        None => clicks.first().ok_or_else(missing)?.affiliate.unwrap_or(AffiliateId::TEST),
    };
    if own.is_some_and(|own| own != owner) {
        return Err(missing());
    }
    let clicks = clicks.iter().filter(|click| own.is_none_or(|own| click.affiliate == Some(own)));
    let clicks = clicks.map(|click| match own {
        Some(_) => ClickRow::for_affiliate(click, names, true),
        None => ClickRow::new(click, names, Some(owner)),
    });
    let leads = LeadFilter { session: Some(row), affiliate: own, ..LeadFilter::default() };
    let leads = store.leads(leads, whole()).await?;
    Ok(Json(SessionRow {
        request_id,
        clicks: clicks.collect(),
        leads: leads.data.iter().map(|lead| lead.id).collect(),
        conversions: conversions(&admin, caller, row).await?,
    }))
}

/// What came of a session, as the caller sees it.
async fn conversions<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    session: RowId,
) -> Result<Vec<ConversionRow>, ApiError> {
    let site = &admin.installation;
    let snapshot = site.network.snapshot();
    let found = site.store.conversions_of(session, PageRequest::MAX_LIMIT).await?;
    let row = |conversion| ConversionRow::new(conversion, &site.keys.request_ids, &snapshot).seen_by(caller);
    Ok(found.into_iter().map(row).collect())
}

/// The clicks of a session in the order of time, or the one diverted click of
/// that id. A duplicate's own id names nothing.
async fn clicks_of<S: Store>(
    store: &S,
    row: RowId,
    session: Option<&Session>,
) -> Result<Vec<Click>, StoreError> {
    let filter = ClickFilter { session: Some(row), ..ClickFilter::default() };
    let mut clicks = store.clicks(filter, whole()).await?.data;
    clicks.retain(|click| match session {
        Some(_) => click.session == Some(row),
        None => click.id == row && click.session.is_none(),
    });
    Ok(clicks)
}

/// One page that holds every session but a robot's: a person clicks a link a few
/// times, and an answer must end somewhere.
fn whole() -> PageRequest {
    PageRequest { limit: PageRequest::MAX_LIMIT, cursor: None, ascending: true }
}
