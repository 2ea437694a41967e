//! `GET /leads/{leadid}/timeline`: everything that happened to a lead.

use super::key::Caller;
use super::leads::visible_lead;
use super::problem::{ApiError, KeyProblems, OneProblems};
use crate::admin::Admin;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use crumb_domain::Timestamp;
use crumb_intake::selling::timeline;
use crumb_storage::Store;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What happened to a lead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Timeline {
    /// Oldest first: its receipt, and the last 1,000 things since.
    pub data: Vec<TimelineRow>,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TimelineRow {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What, as a stable code.
    #[schema(example = "sold")]
    pub code: String,
    /// For people.
    pub text: String,
    /// The name of the key by which somebody did it; null where the server did.
    pub by: Option<String>,
}

/// What happened to a lead, for the network's own people: it names buyers and money.
#[utoipa::path(
    get,
    path = "/leads/{leadid}/timeline",
    tag = "leads",
    operation_id = "get_timeline",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    responses(
        (status = 200, body = Timeline),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn get<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Timeline>, ApiError> {
    caller.must_be_of_the_network()?;
    let lead = visible_lead(&admin, caller, id).await?;
    let entries = timeline::of(&admin.installation.store, &lead).await?;
    let row = |entry: crumb_storage::selling::TimelineEntry| TimelineRow {
        at: entry.at,
        code: entry.code,
        text: entry.text,
        by: entry.by,
    };
    Ok(Json(Timeline { data: entries.into_iter().map(row).collect() }))
}
