//! `/leads/{leadid}/returns` and `/returns`: leads that buyers give back, or ask to.

use super::body::{self, Body};
use super::call::{OneCall, QueryCall};
use super::key::Caller;
use super::leads::visible_lead;
use super::problem::{ApiError, ChangeProblems, FieldError, KeyProblems, ListProblems, OneProblems, Problem};
use super::query::{Listing, PageParameters};
use super::role::Role;
use crate::admin::Admin;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use crumb_domain::selling::{ReturnState, ReturnType};
use crumb_domain::{BuyerId, ContractId, LeadId, Money, Timestamp};
use crumb_intake::selling::after_sale::WhichSale;
use crumb_intake::selling::returns::{Decision, ReturnRequest, redress_of};
use crumb_storage::Store;
use crumb_storage::after_sale::{LeadReturn, ReturnFilter};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A return of a lead's sale.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReturnRow {
    /// Of which lead.
    #[schema(value_type = String, example = "C8097F17")]
    pub lead: LeadId,
    /// Under which contract it was sold.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// To whom.
    #[schema(value_type = i64)]
    pub buyer: BuyerId,
    /// For how much.
    #[schema(value_type = String, example = "30.00")]
    pub price: Money,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Where it stands: `submitted`, `credited`, `replaced` or `refused`.
    #[schema(value_type = String)]
    pub state: ReturnState,
    /// Why.
    pub reason: String,
    /// More of it.
    pub notes: String,
    /// When it was decided; null while it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    /// The lead that was delivered free in its place, once one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "C8097F17")]
    pub replaced_by: Option<LeadId>,
    /// Whose key asked; only for the network's own people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Whose key decided; only for the network's own people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

impl ReturnRow {
    fn new(lead: LeadId, returned: LeadReturn, caller: Caller) -> Self {
        let names = caller.role.is_of_the_network();
        Self {
            lead,
            contract: returned.contract,
            buyer: returned.buyer,
            price: returned.price,
            at: returned.at,
            state: returned.state,
            reason: returned.reason,
            notes: returned.notes,
            decided_at: returned.decided_at,
            replaced_by: returned.replaced_by.filter(|_| returned.replaced_at.is_some()),
            by: returned.by.filter(|_| names),
            decided_by: returned.decided_by.filter(|_| names),
        }
    }
}

/// A return that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnBody {
    /// Under which contract the lead was sold; needed where it was sold more than once.
    #[schema(value_type = Option<i64>)]
    contract: Option<ContractId>,
    /// Why; at most 200 characters.
    #[serde(default)]
    #[schema(required)]
    reason: String,
    /// More of it; at most 2,000 characters.
    #[serde(default)]
    notes: String,
    /// `approve_for_credit`: the price is given back; `approve_to_replace`: the buyer is
    /// owed another lead; `submit_for_approval`: it waits for a person, and all that a
    /// buyer may ask.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    return_type: ReturnType,
    /// The affiliate's payout too is taken back: a share of the price, or a fixed payout
    /// once no sale of the lead is left.
    #[serde(default)]
    take_back_payout: bool,
    /// Also after the contract's `max_return_days`. A lead that was sold for good
    /// (`no_return`) is not taken back all the same.
    #[serde(default)]
    force: bool,
}

/// How a return is approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalBody {
    /// `approve_for_credit` or `approve_to_replace`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    return_type: ReturnType,
    /// The affiliate's payout too is taken back.
    #[serde(default)]
    take_back_payout: bool,
}

/// Gives a lead back, or asks to. A sale is returned once.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/returns",
    tag = "after the sale",
    operation_id = "return_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    request_body = ReturnBody,
    responses(
        (status = 201, body = ReturnRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn create<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    bytes: Body,
) -> Result<(StatusCode, Json<ReturnRow>), ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    let buyer = returner(caller)?;
    let asked: ReturnBody = body::json(bytes)?;
    if buyer.is_some() {
        may_ask(&asked)?;
    }
    let request = ReturnRequest {
        lead: lead.id,
        sale: WhichSale { contract: asked.contract, buyer },
        reason: asked.reason,
        notes: asked.notes,
        return_type: asked.return_type,
        force: asked.force,
        take_back_payout: asked.take_back_payout,
        by: caller.name(&admin).await?,
    };
    let returned = admin.selling.return_sale(request).await?.returned;
    Ok((StatusCode::CREATED, Json(ReturnRow::new(lead.id, returned, caller))))
}

/// Who may return leads: those who may change things, and buyers, each its own.
fn returner(caller: Caller) -> Result<Option<BuyerId>, ApiError> {
    match caller.role {
        Role::Admin | Role::Manager => Ok(None),
        Role::Buyer(own) => Ok(Some(own)),
        Role::Reader | Role::Affiliate(_) => {
            Err(ApiError::Forbidden(format!("the role {} may not return leads", caller.role)))
        }
    }
}

/// What a buyer may ask.
fn may_ask(asked: &ReturnBody) -> Result<(), ApiError> {
    let forbidden = |why: &str| Err(ApiError::Forbidden(why.to_owned()));
    match asked {
        ReturnBody { return_type, .. } if *return_type != ReturnType::SubmitForApproval => {
            forbidden("a buyer may submit_for_approval; the network decides")
        }
        ReturnBody { force: true, .. } => forbidden("a buyer may not force a return"),
        ReturnBody { take_back_payout: true, .. } => forbidden("a buyer has no say in payouts"),
        _ => Ok(()),
    }
}

/// Approves a return that was submitted, or one that was refused.
///
/// Where a buyer is owed another lead, `approve_for_credit` gives the price back instead.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/returns/{contract}/approve",
    tag = "after the sale",
    operation_id = "approve_return",
    params(
        ("leadid" = String, Path, description = "As the post's answer gave it."),
        ("contract" = i64, Path, description = "Under which it was sold."),
    ),
    request_body = ApprovalBody,
    responses(
        (status = 200, body = ReturnRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn approve<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    place: Result<Path<(String, String)>, PathRejection>,
    bytes: Body,
) -> Result<Json<ReturnRow>, ApiError> {
    let (lead, contract) = place_of(place)?;
    let lead = visible_lead(&admin, caller, Some(lead)).await?.id;
    caller.must_be_allowed_to_change("decide returns")?;
    let approval: ApprovalBody = body::json(bytes)?;
    let Some(redress) = redress_of(approval.return_type) else {
        let message = "expected \"approve_for_credit\" or \"approve_to_replace\"";
        return Err(ApiError::Invalid(vec![FieldError::new("type", message)]));
    };
    let decision = Decision::Approve { redress, take_back_payout: approval.take_back_payout };
    decide(&admin, caller, lead, contract, decision).await
}

/// Refuses a return that was submitted. It needs no body.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/returns/{contract}/refuse",
    tag = "after the sale",
    operation_id = "refuse_return",
    params(
        ("leadid" = String, Path, description = "As the post's answer gave it."),
        ("contract" = i64, Path, description = "Under which it was sold."),
    ),
    responses(
        (status = 200, body = ReturnRow),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn refuse<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    place: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<ReturnRow>, ApiError> {
    let (lead, contract) = place_of(place)?;
    let lead = visible_lead(&admin, caller, Some(lead)).await?.id;
    caller.must_be_allowed_to_change("decide returns")?;
    decide(&admin, caller, lead, contract, Decision::Refuse).await
}

fn place_of(place: Result<Path<(String, String)>, PathRejection>) -> Result<(String, ContractId), ApiError> {
    let missing = || ApiError::NotFound("there is no such return".to_owned());
    let Path((lead, contract)) = place.map_err(|_| missing())?;
    Ok((lead, contract.parse().map_err(|_| missing())?))
}

async fn decide<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    lead: LeadId,
    contract: ContractId,
    decision: Decision,
) -> Result<Json<ReturnRow>, ApiError> {
    let by = caller.name(admin).await?;
    let returned = admin.selling.decide_return(lead, Some(contract), decision, by).await?.returned;
    Ok(Json(ReturnRow::new(lead, returned, caller)))
}

/// A lead's returns, on one page: it has few sales. A buyer sees its own.
#[utoipa::path(
    get,
    path = "/leads/{leadid}/returns",
    tag = "after the sale",
    operation_id = "list_returns_of_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    responses(
        (status = 200, body = Listing<ReturnRow>),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn of_lead<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<Listing<ReturnRow>>, ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    let own = reader(caller)?;
    let returns = admin.installation.store.returns_of(lead.row).await?;
    let seen = returns.into_iter().filter(|one| own.is_none_or(|own| own == one.buyer));
    Ok(Json(Listing::whole(seen.map(|returned| ReturnRow::new(lead.id, returned, caller)).collect())))
}

/// Who may see returns: the network's people all, a buyer its own.
fn reader(caller: Caller) -> Result<Option<BuyerId>, ApiError> {
    match caller.role {
        Role::Admin | Role::Manager | Role::Reader => Ok(None),
        Role::Buyer(own) => Ok(Some(own)),
        Role::Affiliate(_) => {
            Err(ApiError::Forbidden("an affiliate is not told who gave a lead back".to_owned()))
        }
    }
}

/// Returns by filter, in the order in which they were asked for.
#[utoipa::path(
    get,
    path = "/returns",
    tag = "after the sale",
    operation_id = "list_returns",
    params(
        ("state" = Option<String>, Query, description = "That stand so: `submitted`, `credited`, `replaced` or `refused`."),
        ("buyer" = Option<i64>, Query, description = "Of this buyer."),
        PageParameters,
    ),
    responses(
        (status = 200, body = Listing<ReturnRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<ReturnRow>>, ApiError> {
    let own = reader(caller)?;
    let mut filter = ReturnFilter {
        state: query.one_of("state", ReturnState::ALL, ReturnState::as_str),
        buyer: query.id("buyer"),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    if let Some(own) = own {
        super::only_its_own(&mut filter.buyer, own)?;
    }
    let page = admin.installation.store.returns(filter, page).await?;
    Ok(Json(Listing::of(page, |stored| Some(ReturnRow::new(stored.lead, stored.returned, caller)))))
}
