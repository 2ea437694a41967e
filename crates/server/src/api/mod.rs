//! The REST API under `/api/v1/`.
//!
//! JSON; amounts are decimal strings, times RFC 3339 in UTC, entity ids numbers
//! and request ids strings. Each file is one collection: its rows, its filters,
//! its routes. What a role may see is decided where rows are made, so that no
//! route can forget it.

mod after_sale;
pub mod alerts;
mod body;
pub mod buyers;
mod call;
pub mod clicks;
pub mod conversion_import;
pub mod conversion_pixels;
pub mod conversions;
pub mod deliveries;
pub mod events;
pub mod explain;
pub mod held;
mod idempotency;
pub mod impressions;
mod in_time;
pub mod key;
pub mod keys;
pub mod late_facts;
pub mod lead_actions;
pub mod leads;
pub mod ledger;
pub mod links;
pub mod openapi;
pub mod pixels;
pub mod posting_docs;
pub mod problem;
pub mod query;
pub mod rejections;
pub mod returns;
pub mod role;
pub mod statuses;
pub mod sub_affiliates;
pub mod test_post;
pub mod timeline;

use crate::admin::Admin;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use crumb_storage::Store;
use problem::ApiError;
use std::fmt::Display;
use std::sync::Arc;

/// The routes that need a key, with paths relative to `/api/v1`.
pub(crate) fn router<S: Store + Clone>(admin: Arc<Admin<S>>) -> Router<Arc<Admin<S>>> {
    Router::new()
        .route("/alerts", get(alerts::list::<S>))
        .route("/clicks", get(clicks::list::<S>))
        .route("/clicks/{request_id}", get(clicks::get::<S>))
        .route(
            "/conversions",
            get(conversions::list::<S>)
                .post(conversion_import::create::<S>)
                .layer(DefaultBodyLimit::max(conversion_import::MAX_BODY_BYTES)),
        )
        .route("/conversions/{id}", get(conversions::get::<S>))
        .route("/conversions/{id}/adjust", post(late_facts::adjust::<S>))
        .route("/conversions/{id}/approve", post(late_facts::approve::<S>))
        .route("/conversions/{id}/reject", post(late_facts::reject::<S>))
        .route("/conversions/{id}/return", post(late_facts::give_back::<S>))
        .route("/conversions/{id}/timeline", get(timeline::of_conversion::<S>))
        .route("/pixels", get(pixels::list::<S>))
        .route("/deliveries", get(deliveries::list::<S>))
        .route("/deliveries/replay", post(deliveries::replay::<S>))
        .route("/deliveries/{id}", get(deliveries::get::<S>))
        .route("/leads", get(leads::list::<S>))
        .route("/leads/{leadid}", get(leads::get::<S>))
        .route("/leads/{leadid}/explain", get(explain::get::<S>))
        .route("/leads/{leadid}/timeline", get(timeline::get::<S>))
        .route("/leads/{leadid}/accept", post(lead_actions::accept::<S>))
        .route("/leads/{leadid}/throw-out", post(lead_actions::throw_out::<S>))
        .route("/leads/{leadid}/resell", post(lead_actions::resell::<S>))
        .route("/leads/{leadid}/settle", post(lead_actions::settle::<S>))
        .route("/held", get(held::list::<S>))
        .route("/contracts/{id}/test-post", post(test_post::send::<S>))
        .route("/leads/{leadid}/returns", get(returns::of_lead::<S>).post(returns::create::<S>))
        .route("/leads/{leadid}/returns/{contract}/approve", post(returns::approve::<S>))
        .route("/leads/{leadid}/returns/{contract}/refuse", post(returns::refuse::<S>))
        .route("/leads/{leadid}/statuses", get(statuses::of_lead::<S>).post(statuses::create::<S>))
        .route("/returns", get(returns::list::<S>))
        .route("/buyers/{id}/balance", get(buyers::balance::<S>))
        .route("/buyers/{id}/credit", post(buyers::credit::<S>))
        .route("/ledger", get(ledger::list::<S>))
        .route("/rejections", get(rejections::list::<S>))
        .route("/sub-affiliates", get(sub_affiliates::list::<S>))
        .route("/impressions", get(impressions::count::<S>))
        .route("/events", get(events::stream::<S>))
        .route("/keys", get(keys::list::<S>))
        .route("/links", get(links::link::<S>))
        .route("/pixel-code", get(links::pixel_code::<S>))
        .route("/conversion-pixels", get(conversion_pixels::list::<S>))
        .route("/posting-docs", post(posting_docs::create::<S>))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(admin, key::authenticate::<S>))
}

pub(crate) async fn not_found() -> ApiError {
    ApiError::NotFound("there is nothing at this address".to_owned())
}

pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

/// Narrows a filter to the key's owner; asking for another's is refused.
fn only_its_own<Id: Copy + PartialEq + Display>(asked: &mut Option<Id>, own: Id) -> Result<(), ApiError> {
    match asked.replace(own) {
        Some(other) if other != own => {
            Err(ApiError::Forbidden(format!("this key may see what is of {own}, not of {other}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::World;
