//! `POST /leads/{leadid}/accept`, `/throw-out`, `/resell` and `/settle`: what people do
//! with leads. What can be done to which lead, `crumb_intake::selling::actions` says.

use super::body::{self, Body};
use super::call::OneCall;
use super::key::Caller;
use super::leads::{LeadRow, missing, sight, visible_lead};
use super::problem::{ApiError, ChangeProblems, FieldError, KeyProblems};
use crate::admin::Admin;
use axum::Json;
use crumb_domain::lead::Lead;
use crumb_domain::{ContractId, Money};
use crumb_intake::selling::actions::{Action, ActionError, Said};
use crumb_intake::selling::held::{HeldEnd, HeldError};
use crumb_storage::Store;
use serde::Deserialize;
use utoipa::ToSchema;

/// Why something is done; may be left out, with the whole body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For the lead's time line, at most 1,000 characters.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

/// How a post ended of which nobody knew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// To which contract.
    #[schema(value_type = i64)]
    contract: ContractId,
    /// Whether its buyer bought the lead.
    sold: bool,
    /// For how much, at most the contract's maximum price; what is reserved where this is
    /// left out.
    #[schema(value_type = Option<String>, example = "30.00")]
    price: Option<Money>,
    /// For the lead's time line, at most 1,000 characters.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

/// Lets a lead through that is held back, or has expired: it goes where a good lead goes.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/accept",
    tag = "leads",
    operation_id = "accept_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    request_body(content = Option<Reason>, content_type = "application/json"),
    responses(
        (status = 200, body = LeadRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn accept<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<LeadRow>, ApiError> {
    act(call, bytes, Action::Accept).await
}

/// Takes a lead out of the market that is not sold; a payout that it had earned is taken
/// back.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/throw-out",
    tag = "leads",
    operation_id = "throw_lead_out",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    request_body(content = Option<Reason>, content_type = "application/json"),
    responses(
        (status = 200, body = LeadRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn throw_out<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<LeadRow>, ApiError> {
    act(call, bytes, Action::ThrowOut).await
}

/// Offers a lead again, to those that have not bought it; not one that is sold exclusively.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/resell",
    tag = "leads",
    operation_id = "resell_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    request_body(content = Option<Reason>, content_type = "application/json"),
    responses(
        (status = 200, body = LeadRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn resell<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<LeadRow>, ApiError> {
    act(call, bytes, Action::Resell).await
}

/// Says how a post ended whose end is not known.
#[utoipa::path(
    post,
    path = "/leads/{leadid}/settle",
    tag = "leads",
    operation_id = "settle_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    request_body = Settlement,
    responses(
        (status = 200, body = LeadRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn settle<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    bytes: Body,
) -> Result<Json<LeadRow>, ApiError> {
    caller.must_be_allowed_to_change("settle leads")?;
    let settlement: Settlement = body::json(bytes)?;
    let end = settlement.end()?;
    let lead = visible_lead(&admin, caller, id).await?;
    let said = said(&admin, caller, settlement.note).await?;
    let settled = admin.selling.settle_held(lead.id, settlement.contract, end, &said).await;
    answer(&admin, caller, &settled?)
}

impl Settlement {
    fn end(&self) -> Result<HeldEnd, ApiError> {
        let wrong = |message: &str| Err(ApiError::Invalid(vec![FieldError::new("price", message)]));
        match (self.sold, self.price) {
            (true, price) => Ok(HeldEnd::Sold(price)),
            (false, Some(_)) => wrong("a lead that was not sold has no price"),
            (false, None) => Ok(HeldEnd::Refused),
        }
    }
}

async fn act<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    bytes: Body,
    action: Action,
) -> Result<Json<LeadRow>, ApiError> {
    let what = match action {
        Action::Accept => "accept leads",
        Action::ThrowOut => "throw leads out",
        Action::Resell => "offer leads again",
    };
    caller.must_be_allowed_to_change(what)?;
    let reason: Reason = body::json_or_none(bytes)?;
    let said = said(&admin, caller, reason.note).await?;
    let lead = visible_lead(&admin, caller, id).await?;
    answer(&admin, caller, &admin.selling.act(lead.id, action, &said).await?)
}

/// Who does something, by the name of the key, and why.
async fn said<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    note: Option<String>,
) -> Result<Said, ApiError> {
    Said::new(caller.name(admin).await?, note)
        .map_err(|error| ApiError::Invalid(vec![FieldError::new("note", error.to_string())]))
}

fn answer<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
    lead: &Lead,
) -> Result<Json<LeadRow>, ApiError> {
    let installation = &admin.installation;
    let network = installation.network.snapshot();
    let row = LeadRow::new(lead, &installation.keys.request_ids, sight(caller.role, &network));
    row.map(Json).ok_or_else(missing)
}

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NoLead(_) => missing(),
            ActionError::Refused(..) | ActionError::InHand(_) => Self::Refused(error.to_string()),
            ActionError::Store(error) => error.into(),
        }
    }
}

impl From<HeldError> for ApiError {
    fn from(error: HeldError) -> Self {
        match error {
            HeldError::Price(wrong) => Self::Invalid(vec![FieldError::new("price", wrong.to_string())]),
            HeldError::None(..) | HeldError::InHand(_) => Self::Refused(error.to_string()),
            HeldError::Store(error) => error.into(),
        }
    }
}
