//! `GET /impressions`: how often a campaign's or a creative's advertisements were shown, by day.

use super::call::QueryCall;
use super::problem::{ApiError, FieldError, KeyProblems, ListProblems, Problem};
use super::role::Role;
use axum::Json;
use crumb_domain::time::Day;
use crumb_domain::{CampaignId, CreativeId};
use crumb_storage::Store;
use crumb_storage::clicks::ImpressionsOf;
use serde::Serialize;
use utoipa::ToSchema;

/// The impressions of one day.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImpressionRow {
    /// The day, in the network's time zone.
    #[schema(example = "2026-11-22")]
    pub day: String,
    /// How many.
    pub impressions: u64,
}

/// Impressions by day.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Impressions {
    /// The days that have any, in their order.
    pub data: Vec<ImpressionRow>,
    /// Of all of them.
    pub total: u64,
}

/// How often advertisements were shown; of a campaign or of a creative.
#[utoipa::path(
    get,
    path = "/impressions",
    tag = "clicks",
    operation_id = "count_impressions",
    params(
        ("campaign" = Option<i64>, Query, description = "Of this campaign."),
        ("creative" = Option<i64>, Query, description = "Of this creative, whoever shows it."),
        ("from" = Option<String>, Query, description = "From the day of this moment on."),
        ("to" = Option<String>, Query, description = "To the day of this moment, which is counted whole."),
    ),
    responses(
        (status = 200, body = Impressions),
        (
            status = 404,
            body = Problem,
            content_type = "application/problem+json",
            description = "There is no such campaign, or the key's owner may not see it."
        ),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn count<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Impressions>, ApiError> {
    let (campaign, creative) = (query.id::<CampaignId>("campaign"), query.id::<CreativeId>("creative"));
    let (from, to) = (query.time("from"), query.time("to"));
    query.finish()?;
    let of = match (campaign, creative) {
        (Some(id), None) => ImpressionsOf::Campaign(id),
        (None, Some(id)) => ImpressionsOf::Creative(id),
        _ => {
            let message = "exactly one of campaign and creative is needed";
            return Err(ApiError::Invalid(vec![FieldError::new("", message)]));
        }
    };
    let network = admin.installation.network.snapshot();
    match (caller.role, of) {
        (Role::Admin | Role::Manager | Role::Reader, _) => {}
        (Role::Affiliate(own), ImpressionsOf::Campaign(id)) => {
            // Another's campaign is to it as if there were none.
            if network.campaign(id).is_none_or(|campaign| campaign.affiliate != own) {
                return Err(ApiError::NotFound(format!("no campaign {id}")));
            }
        }
        (Role::Affiliate(_) | Role::Buyer(_), _) => {
            return Err(ApiError::Forbidden(format!("the role {} may not see these counts", caller.role)));
        }
    }
    let day = |moment| network.zone().day_of(moment);
    let (first, last) = (from.map_or(Day(i32::MIN), day), to.map_or(Day(i32::MAX), day));
    let days = admin.installation.store.impressions(of, first, last).await?;
    let total = days.iter().map(|(_, n)| n).sum();
    let data = days.into_iter().map(|(day, impressions)| ImpressionRow { day: day.to_string(), impressions });
    Ok(Json(Impressions { data: data.collect(), total }))
}
