//! `GET /conversions` and `GET /conversions/{id}`.

use super::call::{OneCall, QueryCall};
use super::key::Caller;
use super::problem::{ApiError, KeyProblems, ListProblems, OneProblems};
use super::query::{Listing, PageParameters};
use crate::admin::Admin;
use axum::Json;
use crumb_domain::conversion::{Conversion, ConversionDisposition, ConversionSource, Order};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::why::explain_conversion;
use crumb_domain::{
    AdvertiserId, AffiliateId, CampaignId, ConfigVersion, EventId, LeadId, Money, OfferId, RequestId, RowId,
    SubIds, Timestamp,
};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_storage::conversions::ConversionFilter;
use serde::Serialize;
use std::net::IpAddr;
use utoipa::ToSchema;

/// A conversion.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConversionRow {
    /// Its id.
    #[schema(value_type = Option<String>, example = "4503599627370495")]
    pub id: Option<RequestId>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened: an event of the offer.
    #[schema(value_type = i64)]
    pub event: EventId,
    /// On what.
    #[schema(value_type = i64)]
    pub offer: OfferId,
    /// Whose offer that is; null for affiliates.
    #[schema(value_type = Option<i64>)]
    pub advertiser: Option<AdvertiserId>,
    /// Whose it is; -1 for test links.
    #[schema(value_type = i64)]
    pub affiliate: AffiliateId,
    /// The affiliate's campaign on the offer.
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<CampaignId>,
    /// The session that it is credited to.
    #[schema(value_type = Option<String>, example = "4503599627370495")]
    pub request_id: Option<RequestId>,
    /// The lead that it is, where it is one.
    #[schema(value_type = Option<String>, example = "C8097F17")]
    pub lead: Option<LeadId>,
    /// The advertiser's own number for it.
    pub transaction_id: Option<String>,
    /// What its affiliate earns.
    #[schema(value_type = String, example = "5.00")]
    pub payout: Money,
    /// What the advertiser pays; null for affiliates.
    #[schema(value_type = Option<String>, example = "9.00")]
    pub received: Option<Money>,
    /// `approved`, `pending`, `rejected`, `returned` or `Over Conversion Cap`.
    #[schema(value_type = String, example = "approved")]
    pub disposition: ConversionDisposition,
    /// How it came: `iframe`, `js`, `img`, `pb`, `lead` or `import`.
    #[schema(value_type = String)]
    pub source: ConversionSource,
    /// `s1` to `s5` of its session.
    #[schema(value_type = Vec<String>, min_items = 5, max_items = 5)]
    pub sub_ids: SubIds,
    /// The currency that the pixel named.
    pub currency: Option<String>,
    /// What was bought, as the pixel said it; null for affiliates.
    #[schema(value_type = Option<Object>)]
    pub order: Option<Order>,
    /// The advertiser's name for the visitor; null for affiliates.
    pub user_id: Option<String>,
    /// The device that the pixel named; null for affiliates.
    pub device_id: Option<String>,
    /// The address that reported it; null for affiliates.
    #[schema(value_type = Option<String>)]
    pub ip: Option<IpAddr>,
    /// Of a test link: never paid, never counted.
    pub test: bool,
    /// The configuration that decided.
    #[schema(value_type = i64)]
    pub config_version: ConfigVersion,
    /// Why it is its affiliate's, as a sentence.
    pub why: String,
}

impl ConversionRow {
    /// As the network's own people see it.
    pub fn new(conversion: Conversion, names: &RequestIdKey, snapshot: &Snapshot) -> Self {
        let of_offer = || snapshot.offer(conversion.offer).and_then(|offer| offer.advertiser);
        let request_id = names.request_id(conversion.session);
        let why = explain_conversion(&conversion, request_id);
        let reported = conversion.reported;
        Self {
            id: names.request_id(conversion.id),
            at: conversion.at,
            event: conversion.event,
            offer: conversion.offer,
            advertiser: conversion.advertiser.or_else(of_offer),
            affiliate: conversion.affiliate,
            campaign: conversion.campaign,
            request_id,
            lead: conversion.lead,
            transaction_id: reported.transaction_id,
            payout: conversion.payout,
            received: Some(conversion.received),
            disposition: conversion.disposition,
            source: conversion.source,
            sub_ids: conversion.sub_ids,
            currency: reported.currency,
            order: reported.order.map(|order| *order),
            user_id: reported.user_id,
            device_id: reported.device_id,
            ip: conversion.ip,
            test: conversion.test,
            config_version: conversion.config_version,
            why,
        }
    }

    /// As its affiliate sees it: without the advertiser's money and what it knows of its
    /// customers.
    fn for_affiliate(self) -> Self {
        Self {
            advertiser: None,
            received: None,
            order: None,
            user_id: None,
            device_id: None,
            ip: None,
            ..self
        }
    }

    /// As the caller sees it.
    pub(super) fn seen_by(self, caller: Caller) -> Self {
        if caller.role.is_of_the_network() { self } else { self.for_affiliate() }
    }
}

/// Conversions by filter, leads among them.
#[utoipa::path(
    get,
    path = "/conversions",
    tag = "conversions",
    operation_id = "list_conversions",
    params(
        ("offer" = Option<i64>, Query, description = "On this offer."),
        ("advertiser" = Option<i64>, Query, description = "Of this advertiser's offers."),
        ("affiliate" = Option<i64>, Query, description = "Of this affiliate."),
        ("campaign" = Option<i64>, Query, description = "Of this campaign."),
        ("event" = Option<i64>, Query, description = "Of this event."),
        ("disposition" = Option<String>, Query, description = "That stand so."),
        ("request_id" = Option<String>, Query, description = "Of this session."),
        ("transaction_id" = Option<String>, Query, description = "With this number of the advertiser's."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<ConversionRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<ConversionRow>>, ApiError> {
    let site = &admin.installation;
    let names = &site.keys.request_ids;
    let snapshot = site.network.snapshot();
    let mut filter = ConversionFilter {
        advertiser_offers: Vec::new(),
        offer: query.id("offer"),
        advertiser: query.id("advertiser"),
        affiliate: query.affiliate("affiliate"),
        campaign: query.id("campaign"),
        event: query.id("event"),
        disposition: query.one_of("disposition", ConversionDisposition::ALL, ConversionDisposition::as_str),
        session: query.session("request_id", names),
        transaction_id: query.text("transaction_id"),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    if let Some(own) = caller.affiliate_or_network()? {
        super::only_its_own(&mut filter.affiliate, own)?;
        // Its rows do not say whose the offers are, and no filter does.
        if filter.advertiser.is_some() {
            return Err(ApiError::Forbidden("this key may not ask by advertiser".to_owned()));
        }
    }
    if let Some(advertiser) = filter.advertiser {
        let offers = snapshot.offers().filter(|offer| offer.advertiser == Some(advertiser));
        filter.advertiser_offers = offers.map(|offer| offer.id).collect();
    }
    let page = site.store.conversions(filter, page).await?;
    Ok(Json(Listing::of(page, |conversion| {
        Some(ConversionRow::new(conversion, names, &snapshot).seen_by(caller))
    })))
}

/// A conversion by its id, or by its lead's.
#[utoipa::path(
    get,
    path = "/conversions/{id}",
    tag = "conversions",
    operation_id = "get_conversion",
    params(("id" = String, Path, description = "Its id, or the id of the lead that it is.")),
    responses(
        (status = 200, body = ConversionRow),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn get<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<ConversionRow>, ApiError> {
    let conversion = visible_conversion(&admin, caller, id).await?;
    let site = &admin.installation;
    let snapshot = site.network.snapshot();
    Ok(Json(ConversionRow::new(conversion, &site.keys.request_ids, &snapshot).seen_by(caller)))
}

/// The conversion of an address, if the caller may see it.
pub(super) async fn visible_conversion<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    id: Option<String>,
) -> Result<Conversion, ApiError> {
    visible_at(admin, caller, id).await.map(|(_, conversion)| conversion)
}

/// The same with the place that the address names: another one where a lead has taken the
/// conversion over.
pub(super) async fn visible_at<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    id: Option<String>,
) -> Result<(RowId, Conversion), ApiError> {
    let own = caller.affiliate_or_network()?;
    let missing = || ApiError::NotFound("there is no conversion of this id".to_owned());
    let id = id.ok_or_else(missing)?;
    let row = row_of(admin, &id).await?.ok_or_else(missing)?;
    let found = admin.installation.store.conversion(row).await?;
    let seen = found.filter(|conversion| own.is_none_or(|own| conversion.affiliate == own));
    seen.map(|conversion| (row, conversion)).ok_or_else(missing)
}

/// The place that an id names: a conversion's own, or that of the lead that it is.
async fn row_of<S: Store + Clone>(admin: &Admin<S>, id: &str) -> Result<Option<RowId>, ApiError> {
    let site = &admin.installation;
    if let Ok(own) = id.parse::<RequestId>()
        && let Some(row) = site.keys.request_ids.row_id(own)
        && site.store.conversion(row).await?.is_some()
    {
        return Ok(Some(row));
    }
    let Ok(lead) = id.to_uppercase().parse::<LeadId>() else { return Ok(None) };
    Ok(site.store.lead(lead).await?.map(|lead| lead.row))
}
