//! `/leads/{leadid}/statuses`: what buyers say of the leads that they bought.

use super::body::{self, Body};
use super::call::OneCall;
use super::leads::visible_lead;
use super::problem::{ApiError, ChangeProblems, KeyProblems, OneProblems};
use super::query::Listing;
use super::role::Role;
use axum::Json;
use axum::http::StatusCode;
use crumb_domain::{BuyerId, ContractId, Timestamp};
use crumb_intake::selling::after_sale::WhichSale;
use crumb_intake::selling::statuses::StatusRequest;
use crumb_storage::Store;
use crumb_storage::after_sale::BuyerStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a buyer says of a lead now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatusRow {
    /// Under which contract it bought.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// Who bought.
    #[schema(value_type = i64)]
    pub buyer: BuyerId,
    /// When it said so.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How the lead stands with it, in its own words.
    pub status: String,
    /// More exactly.
    pub sub_status: Option<String>,
    /// In a sentence.
    pub note: Option<String>,
}

impl From<BuyerStatus> for StatusRow {
    fn from(said: BuyerStatus) -> Self {
        let BuyerStatus { contract, buyer, at, status, sub_status, note, by: _ } = said;
        Self { contract, buyer, at, status, sub_status, note }
    }
}

/// What a buyer says of a lead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusBody {
    /// Under which contract it bought; needed where the lead was sold more than once, to
    /// whoever may speak for each.
    #[schema(value_type = Option<i64>)]
    contract: Option<ContractId>,
    /// How the lead stands with it; at most 64 characters.
    #[serde(default)]
    #[schema(required)]
    status: String,
    /// More exactly; at most 64 characters.
    sub_status: Option<String>,
    /// In a sentence; at most 500 characters.
    note: Option<String>,
}

/// Keeps what a buyer says of a lead that it bought, in place of what it said before,
/// which stays in the lead's time line.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/statuses",
    tag = "after the sale",
    operation_id = "put_buyer_status",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    request_body = StatusBody,
    responses(
        (status = 201, body = StatusRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn create<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    bytes: Body,
) -> Result<(StatusCode, Json<StatusRow>), ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    let buyer = match caller.role {
        Role::Admin | Role::Manager => None,
        Role::Buyer(own) => Some(own),
        Role::Reader | Role::Affiliate(_) => {
            let why = format!("the role {} may not speak for a buyer", caller.role);
            return Err(ApiError::Forbidden(why));
        }
    };
    let told: StatusBody = body::json(bytes)?;
    let said = StatusRequest {
        lead: lead.id,
        sale: WhichSale { contract: told.contract, buyer },
        status: told.status,
        sub_status: told.sub_status,
        note: told.note,
        by: caller.name(&admin).await?,
    };
    let kept = admin.selling.say(said).await?;
    Ok((StatusCode::CREATED, Json(kept.into())))
}

/// What a lead's buyers say of it now, on one page. A buyer sees what it said.
#[utoipa::path(
    get,
    path = "/leads/{leadid}/statuses",
    tag = "after the sale",
    operation_id = "list_buyer_statuses",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    responses(
        (status = 200, body = Listing<StatusRow>),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn of_lead<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<Listing<StatusRow>>, ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    let own = match caller.role {
        Role::Admin | Role::Manager | Role::Reader => None,
        Role::Buyer(own) => Some(own),
        Role::Affiliate(_) => {
            return Err(ApiError::Forbidden("an affiliate is not told what a buyer says".to_owned()));
        }
    };
    let said = admin.installation.store.statuses_of(lead.row).await?;
    let seen = said.into_iter().filter(|one| own.is_none_or(|own| own == one.buyer));
    Ok(Json(Listing::whole(seen.map(StatusRow::from).collect())))
}
