//! `POST /conversions/{id}/adjust`, `/approve`, `/reject` and `/return`: what people say of
//! conversions afterwards. What each makes of a conversion, `crumb_tracking::conversion::late`
//! says.

use super::body::{self, Body};
use super::call::OneCall;
use super::conversions::{ConversionRow, visible_conversion};
use super::problem::{ApiError, ChangeProblems, FieldError, KeyProblems};
use axum::Json;
use crumb_domain::Money;
use crumb_storage::Store;
use crumb_tracking::conversion::late::{self, Adjustment, EffectiveDate, Fact, Invalid, LateError, LateFact};
use serde::Deserialize;
use utoipa::ToSchema;

/// What a conversion is worth instead. At least one member beside the note must be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentBody {
    /// What its affiliate earns.
    #[schema(value_type = Option<String>, example = "5.00")]
    payout: Option<Money>,
    /// What the advertiser pays.
    #[schema(value_type = Option<String>, example = "9.00")]
    received: Option<Money>,
    /// The advertiser's own number for it; at most 255 characters.
    transaction_id: Option<String>,
    /// Why, for the ledger; at most 500 characters.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// For which date the ledger counts what it moves: `today`, where it is not said,
    /// `conversion_date`, or a day of the network's zone like `2030-01-31`, not before the
    /// conversion's and not after today.
    #[schema(example = "conversion_date")]
    effective_date: Option<String>,
}

/// Why, and for which date; may be left out, with the whole body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateNote {
    /// For the ledger; at most 500 characters.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// For which date the ledger counts what it moves: `today`, where it is not said,
    /// `conversion_date`, or a day of the network's zone like `2030-01-31`, not before the
    /// conversion's and not after today.
    #[schema(example = "conversion_date")]
    effective_date: Option<String>,
}

/// Corrects what a conversion is worth, or its transaction id.
///
/// The ledger takes in the difference as an `adjustment`. Of one that does not count, what
/// it is worth once it is approved changes, and nothing moves. A lead's conversion too:
/// what its affiliate earns, and what the advertiser pays beside what buyers paid.
#[utoipa::path(
    post,
    path = "/conversions/{id}/adjust",
    tag = "conversions",
    operation_id = "adjust_conversion",
    params(("id" = String, Path, description = "Its id, or the id of the lead that it is.")),
    request_body = AdjustmentBody,
    responses(
        (status = 200, body = ConversionRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn adjust<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<ConversionRow>, ApiError> {
    call.caller.must_be_allowed_to_change("adjust conversions")?;
    let AdjustmentBody { payout, received, transaction_id, note, effective_date } = body::json(bytes)?;
    let fact = Fact::Adjust(Adjustment { payout, received, transaction_id });
    say(call, fact, LateNote { note, effective_date }).await
}

/// Lets a conversion count: one that waits for it, came over a cap, or was rejected or
/// returned.
///
/// What it is worth moves as `payout` and `received` the first time, and back as an
/// `adjustment` where it was taken back. The first time its affiliate's postbacks are told.
#[utoipa::path(
    post,
    path = "/conversions/{id}/approve",
    tag = "conversions",
    operation_id = "approve_conversion",
    params(("id" = String, Path, description = "Its id, or the id of the lead that it is.")),
    request_body(content = Option<LateNote>, content_type = "application/json"),
    responses(
        (status = 200, body = ConversionRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn approve<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<ConversionRow>, ApiError> {
    stands(call, bytes, Fact::Approve).await
}

/// Says that a conversion does not count; what it moved is taken back.
#[utoipa::path(
    post,
    path = "/conversions/{id}/reject",
    tag = "conversions",
    operation_id = "reject_conversion",
    params(("id" = String, Path, description = "Its id, or the id of the lead that it is.")),
    request_body(content = Option<LateNote>, content_type = "application/json"),
    responses(
        (status = 200, body = ConversionRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn reject<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<ConversionRow>, ApiError> {
    stands(call, bytes, Fact::Reject).await
}

/// Takes an approved conversion back, with what its affiliate earned and its advertiser
/// paid. What buyers paid for a lead stays: for that there are returns of leads.
#[utoipa::path(
    post,
    path = "/conversions/{id}/return",
    tag = "conversions",
    operation_id = "return_conversion",
    params(("id" = String, Path, description = "Its id, or the id of the lead that it is.")),
    request_body(content = Option<LateNote>, content_type = "application/json"),
    responses(
        (status = 200, body = ConversionRow),
        ChangeProblems,
        KeyProblems,
    )
)]
pub(crate) async fn give_back<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
) -> Result<Json<ConversionRow>, ApiError> {
    stands(call, bytes, Fact::Return).await
}

async fn stands<S: Store + Clone>(
    call: OneCall<S>,
    bytes: Body,
    fact: Fact,
) -> Result<Json<ConversionRow>, ApiError> {
    let what = match fact {
        Fact::Adjust(_) => "adjust conversions",
        Fact::Approve => "approve conversions",
        Fact::Reject => "reject conversions",
        Fact::Return => "return conversions",
    };
    call.caller.must_be_allowed_to_change(what)?;
    say(call, fact, body::json_or_none(bytes)?).await
}

async fn say<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    fact: Fact,
    LateNote { note, effective_date }: LateNote,
) -> Result<Json<ConversionRow>, ApiError> {
    let effective = effective_date.as_deref().map(EffectiveDate::parse).transpose()?.unwrap_or_default();
    let fact = LateFact::new(fact, note)?.effective(effective);
    let conversion = visible_conversion(&admin, caller, id).await?;
    let site = &admin.installation;
    let by = caller.name(&admin).await?;
    let after = late::say(site, conversion.id, &fact, by.as_deref()).await?;
    let snapshot = site.network.snapshot();
    Ok(Json(ConversionRow::new(after, &site.keys.request_ids, &snapshot)))
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![FieldError::new(invalid.path, invalid.message)])
    }
}

impl From<LateError> for ApiError {
    fn from(error: LateError) -> Self {
        match error {
            LateError::Missing => Self::NotFound("there is no conversion of this id".to_owned()),
            LateError::Refused(_) | LateError::TransactionTaken => Self::Refused(error.to_string()),
            LateError::Invalid(invalid) => invalid.into(),
            LateError::Store(error) => error.into(),
        }
    }
}
