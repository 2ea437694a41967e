//! `/buyers/{id}/balance` and `/buyers/{id}/credit`: what a buyer has, and what it pays in.

use super::body::{self, Body};
use super::call::OneCall;
use super::idempotency;
use super::problem::{ApiError, KeyProblems, OneProblems, Problem};
use super::role::Role;
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use crumb_domain::post::StoredAnswer;
use crumb_domain::{BuyerId, ContractId, Money};
use crumb_intake::selling::credit::{BuyerBalance, Credit, Credited};
use crumb_storage::Store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a buyer has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BalanceRow {
    /// Which one.
    #[schema(value_type = i64)]
    pub buyer: BuyerId,
    /// The sum of its entries in the ledger; below zero it owes.
    #[schema(value_type = String, example = "12.00")]
    pub balance: Money,
    /// What is kept for leads that are being sent to it, or whose end is not known.
    #[schema(value_type = String, example = "30.00")]
    pub reserved: Money,
    /// How far below zero its balance may go; null for unlimited credit.
    #[schema(value_type = Option<String>, example = "100.00")]
    pub limit: Option<Money>,
    /// What it may buy for: balance less reserved, and the limit; null for unlimited credit.
    #[schema(value_type = Option<String>, example = "82.00")]
    pub available: Option<Money>,
    /// Leads that it is owed for those that were taken back to be replaced, and that were not
    /// delivered yet.
    pub returns_owed: Vec<OwedRow>,
}

/// Leads that a buyer is owed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwedRow {
    /// Under which contract.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// How many.
    pub leads: u32,
}

impl From<BuyerBalance> for BalanceRow {
    fn from(has: BuyerBalance) -> Self {
        let owed = has.returns_owed.into_iter().map(|(contract, leads)| OwedRow { contract, leads });
        Self {
            buyer: has.buyer,
            balance: has.balance,
            reserved: has.reserved,
            limit: has.limit,
            available: has.available,
            returns_owed: owed.collect(),
        }
    }
}

/// A payment of a buyer's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditBody {
    /// How much; below zero it is a correction, which takes it out again.
    #[schema(value_type = String, example = "500.00")]
    amount: Money,
    /// What for; at most 500 characters.
    note: Option<String>,
}

/// What a buyer has. The buyer may see it too.
#[utoipa::path(
    get,
    path = "/buyers/{id}/balance",
    tag = "money",
    operation_id = "get_buyer_balance",
    params(("id" = i64, Path, description = "The buyer's id.")),
    responses(
        (status = 200, body = BalanceRow),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn balance<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<BalanceRow>, ApiError> {
    let id = id_of(id)?;
    match caller.role {
        Role::Admin | Role::Manager | Role::Reader => {}
        Role::Buyer(own) if own == id => {}
        Role::Buyer(_) => return Err(missing()),
        Role::Affiliate(_) => {
            return Err(ApiError::Forbidden("an affiliate is not told what buyers have".to_owned()));
        }
    }
    Ok(Json(admin.selling.buyer_balance(id).await?.into()))
}

/// Puts money into a buyer's account. Leads that wait are tried again.
///
/// Under an `Idempotency-Key` that is done once: whoever asks again is answered as the
/// first time.
#[utoipa::path(
    post,
    path = "/buyers/{id}/credit",
    tag = "money",
    operation_id = "credit_buyer",
    params(
        ("id" = i64, Path, description = "The buyer's id."),
        (
            "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128,
            description = "1 to 128 visible ASCII characters, kept for 72 hours with what was paid and \
                           answered: the same payment again by the same API key is answered the same and \
                           not made, another one under the key is refused. A request that was refused does \
                           not use its key up.",
        ),
    ),
    request_body = CreditBody,
    responses(
        (
            status = 200, body = BalanceRow, description = "What the buyer has now.",
            headers(("Idempotency-Replayed" = String, description = "`true` where this was answered before.")),
        ),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (
            status = 422, body = Problem, content_type = "application/problem+json",
            description = "The key was used for another payment.",
        ),
        KeyProblems,
    )
)]
pub(crate) async fn credit<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Response, ApiError> {
    caller.must_be_allowed_to_change("give credit")?;
    let id = id_of(id)?;
    let paid: CreditBody = body::json(bytes)?;
    let once = idempotency::once(caller, &headers)?;
    let by = caller.name(&admin).await?;
    let credit = Credit { buyer: id, amount: paid.amount, note: paid.note, by, once };
    match admin.selling.credit(credit, told).await? {
        Credited::Now(answer) => idempotency::answered(answer, false),
        Credited::Before(answer) => idempotency::answered(answer, true),
        Credited::KeyUsed => Err(ApiError::KeyUsed),
    }
}

fn told(has: &BuyerBalance) -> StoredAnswer {
    let json = serde_json::to_string(&BalanceRow::from(has.clone())).unwrap_or_else(|error| {
        tracing::error!(%error, "a balance cannot be written as JSON");
        "null".to_owned()
    });
    idempotency::kept(StatusCode::OK, json)
}

fn id_of(id: Option<String>) -> Result<BuyerId, ApiError> {
    id.and_then(|id| id.parse().ok()).ok_or_else(missing)
}

pub(super) fn missing() -> ApiError {
    ApiError::NotFound("there is no buyer of this id".to_owned())
}
