//! `GET /held`: posts whose end is not known.

use super::call::QueryCall;
use super::problem::{ApiError, KeyProblems, ListProblems};
use super::query::Listing;
use axum::Json;
use crumb_domain::network::{SaleType, UnknownRule};
use crumb_domain::{BuyerId, ContractId, LeadId, Money, Timestamp};
use crumb_storage::Store;
use crumb_storage::selling::Held;
use serde::Serialize;
use utoipa::ToSchema;

/// A post whose end is not known: its buyer may have the lead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeldRow {
    /// Of which lead.
    #[schema(value_type = String, example = "C8097F17")]
    pub lead: LeadId,
    /// To whom.
    #[schema(value_type = i64)]
    pub buyer: BuyerId,
    /// Under which contract.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// What is reserved.
    #[schema(value_type = String, example = "30.00")]
    pub price: Money,
    /// The lead, given back, in whose place it would be delivered free.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "C8097F17")]
    pub replaces: Option<LeadId>,
    /// As what it would be sold: `exclusive`, `multisell` or `hybrid`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub sale_type: SaleType,
    /// When it was about to be sent.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// As what it counts once the wait is over: `sold` or `rejected`; `wait` is rejected.
    #[schema(value_type = String)]
    pub rule: UnknownRule,
    /// When that is.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

impl From<Held> for HeldRow {
    fn from(held: Held) -> Self {
        Self {
            lead: held.lead,
            buyer: held.buyer,
            contract: held.contract,
            price: held.price,
            replaces: held.replaces,
            sale_type: held.sale_type,
            at: held.at,
            rule: held.hold.rule,
            until: held.hold.until,
        }
    }
}

/// Posts whose end is not known; `total` says how many there are.
#[utoipa::path(
    get,
    path = "/held",
    tag = "leads",
    operation_id = "list_held",
    params(
        ("sort" = Option<String>, Query, description = "`-id` (newest first, the default) or `id`."),
        ("limit" = Option<i32>, Query, description = "1 to 1000; 100 by default.", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = Listing<HeldRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, query }: QueryCall<S>,
) -> Result<Json<Listing<HeldRow>>, ApiError> {
    caller.must_be_of_the_network()?;
    let page = query.finish_list()?;
    let held = admin.installation.store.held(page).await?;
    Ok(Json(Listing::of(held, |held| Some(held.into()))))
}
