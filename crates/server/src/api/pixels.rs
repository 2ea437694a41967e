//! `GET /pixels`: the log of the conversion pixel.

use super::call::QueryCall;
use super::problem::{ApiError, KeyProblems, ListProblems};
use super::query::{Listing, PageParameters};
use axum::Json;
use crumb_domain::conversion::ConversionSource;
use crumb_domain::pixel::{PixelCall, PixelDisposition, SessionLookup};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::why::explain_pixel;
use crumb_domain::{
    AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, OfferId, RequestId, Timestamp,
};
use crumb_storage::Store;
use crumb_storage::conversions::PixelFilter;
use serde::Serialize;
use std::net::IpAddr;
use utoipa::ToSchema;

/// A call of the conversion pixel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PixelRow {
    /// Its id: that of the conversion that it made, if it made one.
    #[schema(value_type = Option<String>, example = "4503599627370495")]
    pub id: Option<RequestId>,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `iframe`, `js`, `img` or `pb`.
    #[schema(value_type = String)]
    pub form: ConversionSource,
    /// `ok`, `Over Conversion Cap`, or why it made nothing.
    #[schema(value_type = String, example = "ok")]
    pub disposition: PixelDisposition,
    /// On which offer, where that was found.
    #[schema(value_type = Option<i64>)]
    pub offer: Option<OfferId>,
    /// The offer's advertiser, or the one that was named.
    #[schema(value_type = Option<i64>)]
    pub advertiser: Option<AdvertiserId>,
    /// Which event, where that was found.
    #[schema(value_type = Option<i64>)]
    pub event: Option<EventId>,
    /// By what its session was found: `request_id`, `cookie` or `device`; else why it was not;
    /// null where nobody looked.
    #[schema(value_type = Option<String>, example = "cookie")]
    pub lookup: Option<SessionLookup>,
    /// Whose session, where that was found.
    #[schema(value_type = Option<String>)]
    pub request_id: Option<RequestId>,
    /// Whose it was.
    #[schema(value_type = Option<i64>)]
    pub affiliate: Option<AffiliateId>,
    /// Under which campaign.
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<CampaignId>,
    /// The conversion that it made, or that was there before.
    #[schema(value_type = Option<String>)]
    pub conversion: Option<RequestId>,
    /// `t`.
    pub transaction_id: Option<String>,
    /// It was signed, or came from an address of the offer's list.
    pub trusted: bool,
    /// Parameters that were sent and not used.
    pub ignored: Vec<String>,
    /// The client's address; null for affiliates.
    #[schema(value_type = Option<String>)]
    pub ip: Option<IpAddr>,
    /// As sent; null for affiliates.
    pub user_agent: Option<String>,
    /// As sent; null for affiliates.
    pub referrer: Option<String>,
    /// The configuration that decided.
    #[schema(value_type = i64)]
    pub config_version: ConfigVersion,
    /// What it made and for whom, or why it made nothing, as a sentence. What that is worth,
    /// and whether it is a test, is for its conversion to say.
    pub why: String,
}

impl PixelRow {
    /// As the network's own people see it.
    pub fn new(call: PixelCall, names: &RequestIdKey) -> Self {
        let request_id = call.session.and_then(|session| names.request_id(session));
        Self {
            why: explain_pixel(&call, request_id),
            id: names.request_id(call.id),
            at: call.at,
            form: call.form,
            disposition: call.disposition,
            offer: call.offer,
            advertiser: call.advertiser,
            event: call.event,
            lookup: call.lookup,
            request_id,
            affiliate: call.affiliate,
            campaign: call.campaign,
            conversion: call.conversion.and_then(|conversion| names.request_id(conversion)),
            transaction_id: call.transaction_id,
            trusted: call.trusted,
            ignored: call.ignored,
            ip: call.ip,
            user_agent: Some(call.user_agent),
            referrer: Some(call.referrer),
            config_version: call.config_version,
        }
    }

    /// As the affiliate sees it to whose session it belongs: without what is the
    /// visitor's or the advertiser's.
    fn for_affiliate(self) -> Self {
        Self { advertiser: None, ignored: Vec::new(), ip: None, user_agent: None, referrer: None, ..self }
    }
}

/// Calls of the conversion pixel by filter, those that made nothing too.
#[utoipa::path(
    get,
    path = "/pixels",
    tag = "conversions",
    operation_id = "list_pixels",
    params(
        ("offer" = Option<i64>, Query, description = "On this offer."),
        ("affiliate" = Option<i64>, Query, description = "For a session of this affiliate."),
        ("request_id" = Option<String>, Query, description = "For this session."),
        ("disposition" = Option<String>, Query, description = "With this end."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<PixelRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<PixelRow>>, ApiError> {
    let names = &admin.installation.keys.request_ids;
    let own = caller.affiliate_or_network()?;
    let mut filter = PixelFilter {
        offer: query.id("offer"),
        affiliate: query.affiliate("affiliate"),
        session: query.session("request_id", names),
        disposition: query.one_of("disposition", PixelDisposition::ALL, PixelDisposition::as_str),
        hides_others: own.is_some(),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    if let Some(own) = own {
        super::only_its_own(&mut filter.affiliate, own)?;
    }
    let page = admin.installation.store.pixels(filter, page).await?;
    Ok(Json(Listing::of(page, |call| {
        let row = PixelRow::new(call, names);
        Some(if own.is_some() { row.for_affiliate() } else { row })
    })))
}
