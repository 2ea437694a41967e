//! `GET /leads/{leadid}/timeline`: everything that happened to a lead.
//! `GET /conversions/{id}/timeline`: likewise to a conversion.

use super::call::OneCall;
use super::conversions::visible_at;
use super::leads::visible_lead;
use super::problem::{ApiError, KeyProblems, OneProblems};
use axum::Json;
use crumb_domain::Timestamp;
use crumb_intake::selling::timeline;
use crumb_storage::Store;
use crumb_storage::selling::TimelineEntry;
use serde::Serialize;
use utoipa::ToSchema;

/// What happened to a lead or conversion.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Timeline {
    /// Oldest first: that it came, and at most 1,000 things since; of more, the oldest of the
    /// most frequent kinds are left out.
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
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<Timeline>, ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    caller.must_be_of_the_network()?;
    let entries = timeline::of(&admin.installation.store, &lead).await?;
    Ok(Json(Timeline::of(entries)))
}

/// What happened to a conversion, with what people said of it: of one that is a lead, what
/// happened to the lead, and where that has taken it over, what was said of it before too.
/// For the network's own people.
#[utoipa::path(
    get,
    path = "/conversions/{id}/timeline",
    tag = "conversions",
    operation_id = "get_conversion_timeline",
    params(("id" = String, Path, description = "Its id, or the id of the lead that it is.")),
    responses(
        (status = 200, body = Timeline),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn of_conversion<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<Timeline>, ApiError> {
    let (place, conversion) = visible_at(&admin, caller, id).await?;
    caller.must_be_of_the_network()?;
    let store = &admin.installation.store;
    let lead = match conversion.lead {
        Some(lead) => store.lead(lead).await?,
        None => None,
    };
    let entries = match &lead {
        Some(lead) if place == lead.row => timeline::of(store, lead).await?,
        Some(lead) => {
            let mut entries = store.timeline_of(place).await?;
            entries.extend(timeline::of(store, lead).await?);
            entries.sort_by_key(|entry| entry.at);
            entries
        }
        None => crumb_tracking::conversion::timeline::of(store, &conversion).await?,
    };
    Ok(Json(Timeline::of(entries)))
}

impl Timeline {
    fn of(entries: Vec<TimelineEntry>) -> Self {
        let row = |TimelineEntry { at, code, text, by }| TimelineRow { at, code, text, by };
        Self { data: entries.into_iter().map(row).collect() }
    }
}
