//! `/deliveries`: postbacks and webhooks on their way, and what became of them.
//!
//! An affiliate sees the postbacks that are its own: its log.

use super::body::{self, Body};
use super::call::{OneCall, QueryCall};
use super::key::Caller;
use super::only_its_own;
use super::problem::{ApiError, ChangeProblems, FieldError, KeyProblems, ListProblems, OneProblems};
use super::query::{Listing, PageParameters};
use super::role::Role;
use crate::admin::Admin;
use axum::Json;
use axum::extract::State;
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryKind, DeliveryState};
use crumb_domain::network::credentials_in;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{AffiliateId, CampaignId, Clock as _, LeadId, OfferId, RequestId, RowId, Timestamp};
use crumb_storage::Store;
use crumb_storage::outbox::DeliveryFilter;
use crumb_tracking::links::MASK;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A postback, webhook or mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryRow {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Option<RequestId>,
    /// What the receiver knows it by: the `Webhook-Id` header, the same at each attempt.
    pub webhook_id: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `postback`, `webhook` or `mail`.
    #[schema(value_type = String)]
    pub kind: DeliveryKind,
    /// Where it stands: `waiting`, `delivered` (answered with 2xx) or `parked` (nobody took
    /// it at its last attempt; it can be sent again).
    #[schema(value_type = String)]
    pub state: DeliveryState,
    /// How often it was tried since it was made or sent again.
    pub tries: u32,
    /// When it is tried next; null where it does not wait. Now where it is due already: then
    /// it goes out as soon as there is room, and to a destination that failed many times in a
    /// row 5 seconds after it was tried last, or when that took one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// To whom, as `affiliate:12`, `campaign:57`, `webhook:1` or `mail:ops@example.com`.
    pub destination: String,
    /// Whose log shows it.
    #[schema(value_type = Option<i64>)]
    pub affiliate: Option<AffiliateId>,
    /// Under which campaign.
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<CampaignId>,
    /// On which offer.
    #[schema(value_type = Option<i64>)]
    pub offer: Option<OfferId>,
    /// About which conversion.
    #[schema(value_type = Option<String>)]
    pub conversion: Option<RequestId>,
    /// About which lead.
    #[schema(value_type = Option<String>)]
    pub lead: Option<LeadId>,
    /// Where to, without the password before its host. An affiliate sees it without
    /// people's data, as it sees leads.
    pub url: String,
}

impl DeliveryRow {
    /// As it stands now, with public names in place of its own and its conversion's place.
    pub fn new(delivery: Delivery, names: &RequestIdKey, role: Role, now: Timestamp) -> Self {
        let mut url = match delivery.shown_url {
            Some(shown) if !role.is_of_the_network() => shown,
            _ => delivery.url,
        };
        if let Some(password) = credentials_in(&url) {
            url.replace_range(password, MASK);
        }
        let waits = delivery.state == DeliveryState::Waits;
        Self {
            id: names.request_id(delivery.id),
            webhook_id: delivery.webhook_id,
            at: delivery.at,
            kind: delivery.kind,
            state: delivery.state,
            tries: delivery.tries,
            due: waits.then_some(delivery.due.max(now)),
            destination: delivery.destination,
            affiliate: delivery.affiliate,
            campaign: delivery.campaign,
            offer: delivery.offer,
            conversion: delivery.conversion.and_then(|row| names.request_id(row)),
            lead: delivery.lead,
            url,
        }
    }
}

/// An attempt to deliver.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryAttemptRow {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How far it came: `resolve`, `connect`, `tls`, `write`, `head`, `body` or `done`.
    pub phase: String,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// The answer's status, where there was one.
    pub status: Option<u16>,
    /// The first 500 characters of the answer.
    pub answer: String,
    /// Why there was none, or not all of it.
    pub error: Option<String>,
}

impl From<DeliveryAttempt> for DeliveryAttemptRow {
    fn from(attempt: DeliveryAttempt) -> Self {
        let DeliveryAttempt { at, phase, took_ms, status, answer, error } = attempt;
        Self { at, phase, took_ms, status, answer, error }
    }
}

/// A postback, webhook or mail with its attempts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryWithAttempts {
    /// It.
    #[serde(flatten)]
    pub delivery: DeliveryRow,
    /// What is posted; null for a GET.
    pub body: Option<String>,
    /// Its attempts, oldest first; those before it was sent again too.
    pub attempts: Vec<DeliveryAttemptRow>,
}

/// Which deliveries are sent again. At least one of these must be said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayBody {
    /// `postback`, `webhook` or `mail`.
    #[schema(value_type = Option<String>)]
    kind: Option<DeliveryKind>,
    /// `parked`, or `delivered`: the receiver lost them. Both where this is left out.
    #[schema(value_type = Option<String>)]
    state: Option<DeliveryState>,
    /// To this destination.
    destination: Option<String>,
    /// Of this affiliate.
    #[schema(value_type = Option<i64>)]
    affiliate: Option<AffiliateId>,
    /// Of this campaign.
    #[schema(value_type = Option<i64>)]
    campaign: Option<CampaignId>,
    /// About this offer.
    #[schema(value_type = Option<i64>)]
    offer: Option<OfferId>,
    /// About this conversion.
    conversion: Option<String>,
    /// About this lead.
    #[schema(value_type = Option<String>)]
    lead: Option<LeadId>,
    /// Made at or after.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Made before.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

impl ReplayBody {
    fn filter(self, names: &RequestIdKey) -> Result<DeliveryFilter, ApiError> {
        let conversion = self.conversion.as_deref().map(|text| {
            let row = text.parse().ok().and_then(|id| names.row_id(id));
            row.ok_or_else(|| {
                ApiError::Invalid(vec![FieldError::new("conversion", "expected a conversion's id")])
            })
        });
        let filter = DeliveryFilter {
            kind: self.kind,
            state: self.state,
            destination: self.destination,
            affiliate: self.affiliate,
            campaign: self.campaign,
            offer: self.offer,
            conversion: conversion.transpose()?,
            lead: self.lead,
            from: self.from,
            to: self.to,
        };
        if filter.is_everything() {
            let which =
                "say which: a state, kind, destination, affiliate, campaign, offer, conversion, lead or time";
            return Err(ApiError::Invalid(vec![FieldError::new("", which)]));
        }
        Ok(filter)
    }
}

/// How many are sent again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Replayed {
    /// Those that are due now, under their ids and with their schedule from its begin.
    pub replayed: u64,
}

/// Postbacks, webhooks and mails, by filter. An affiliate's key sees its postbacks.
#[utoipa::path(
    get,
    path = "/deliveries",
    tag = "deliveries",
    operation_id = "list_deliveries",
    params(
        ("kind" = Option<String>, Query, description = "`postback`, `webhook` or `mail`."),
        ("state" = Option<String>, Query, description = "`waiting`, `delivered` or `parked`."),
        ("destination" = Option<String>, Query, description = "To this, as `campaign:57`."),
        ("affiliate" = Option<i64>, Query, description = "Of this affiliate."),
        ("campaign" = Option<i64>, Query, description = "Of this campaign."),
        ("offer" = Option<i64>, Query, description = "About this offer."),
        ("conversion" = Option<String>, Query, description = "About this conversion."),
        ("lead" = Option<String>, Query, description = "About this lead."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<DeliveryRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<DeliveryRow>>, ApiError> {
    let names = &admin.installation.keys.request_ids;
    let mut filter = DeliveryFilter {
        kind: query.read("kind", "\"postback\", \"webhook\" or \"mail\"", DeliveryKind::from_code),
        state: query.read("state", "\"waiting\", \"delivered\" or \"parked\"", DeliveryState::from_code),
        destination: query.text("destination"),
        affiliate: query.affiliate("affiliate"),
        campaign: query.id("campaign"),
        offer: query.id("offer"),
        conversion: query.read("conversion", "a conversion's id", |text| {
            text.parse().ok().and_then(|id| names.row_id(id))
        }),
        lead: query.read("lead", "a lead's id", |text| text.parse().ok()),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    if let Some(own) = caller.affiliate_or_network()? {
        only_its_own(&mut filter.affiliate, own)?;
        if filter.kind.replace(DeliveryKind::Postback).is_some_and(|kind| kind != DeliveryKind::Postback) {
            return Err(ApiError::Forbidden("this key may see postbacks only".to_owned()));
        }
    }
    let page = admin.installation.store.deliveries(filter, page).await?;
    let now = admin.installation.clock.now();
    Ok(Json(Listing::of(page, |delivery| Some(DeliveryRow::new(delivery, names, caller.role, now)))))
}

/// A postback, webhook or mail, with its attempts.
#[utoipa::path(
    get,
    path = "/deliveries/{id}",
    tag = "deliveries",
    operation_id = "get_delivery",
    params(("id" = String, Path, description = "As the list tells it.")),
    responses(
        (status = 200, body = DeliveryWithAttempts),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn get<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<DeliveryWithAttempts>, ApiError> {
    let names = &admin.installation.keys.request_ids;
    let id = id.and_then(|id| id.parse().ok());
    let row: RowId = id.and_then(|id| names.row_id(id)).ok_or_else(missing)?;
    let store = &admin.installation.store;
    let mut delivery = store.delivery(row).await?.ok_or_else(missing)?;
    let may_see = match caller.role {
        Role::Affiliate(own) => delivery.affiliate == Some(own) && delivery.kind == DeliveryKind::Postback,
        role => role.is_of_the_network(),
    };
    if !may_see {
        return Err(missing());
    }
    let attempts = store.attempts_of_delivery(row).await?;
    let body = delivery.body.take();
    let attempts = attempts.into_iter().map(DeliveryAttemptRow::from).collect();
    Ok(Json(DeliveryWithAttempts {
        delivery: DeliveryRow::new(delivery, names, caller.role, admin.installation.clock.now()),
        body,
        attempts,
    }))
}

/// Sends delivered and parked ones again, under their ids: what waits goes on waiting.
#[utoipa::path(
    post,
    path = "/deliveries/replay",
    tag = "deliveries",
    operation_id = "replay_deliveries",
    request_body = ReplayBody,
    responses(
        (status = 200, body = Replayed),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn replay<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    bytes: Body,
) -> Result<Json<Replayed>, ApiError> {
    caller.must_be_allowed_to_change("send deliveries again")?;
    let installation = &admin.installation;
    let filter = body::json::<ReplayBody>(bytes)?.filter(&installation.keys.request_ids)?;
    let replayed = installation.store.replay_deliveries(filter, installation.clock.now()).await?;
    Ok(Json(Replayed { replayed }))
}

fn missing() -> ApiError {
    ApiError::NotFound("there is no delivery of this id".to_owned())
}
