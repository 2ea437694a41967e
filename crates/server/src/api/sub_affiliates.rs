//! `GET /sub-affiliates`: the distinct `s1` values that an affiliate's people sent.

use super::call::QueryCall;
use super::only_its_own;
use super::problem::{ApiError, FieldError, KeyProblems, ListProblems};
use super::query::Listing;
use axum::Json;
use crumb_domain::Timestamp;
use crumb_storage::Store;
use crumb_storage::clicks::SubAffiliate;
use serde::Serialize;
use utoipa::ToSchema;

/// A sub-affiliate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubAffiliateRow {
    /// Its name: an `s1`, as it was sent, within its limits.
    #[schema(example = "newsletter-7")]
    pub s1: String,
    /// When the first click or lead with it came.
    #[schema(value_type = String, format = DateTime)]
    pub first_at: Timestamp,
}

impl From<SubAffiliate> for SubAffiliateRow {
    fn from(sub_affiliate: SubAffiliate) -> Self {
        Self { s1: sub_affiliate.s1, first_at: sub_affiliate.first_at }
    }
}

/// The sub-affiliates of an affiliate.
#[utoipa::path(
    get,
    path = "/sub-affiliates",
    tag = "clicks",
    operation_id = "list_sub_affiliates",
    params(
        ("affiliate" = i64, Query, description = "Whose. A key of an affiliate need not say."),
        ("sort" = Option<String>, Query, description = "`-id` (newest first, the default) or `id`."),
        ("limit" = Option<i32>, Query, description = "1 to 1000; 100 by default."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = Listing<SubAffiliateRow>),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<Listing<SubAffiliateRow>>, ApiError> {
    let mut affiliate = query.affiliate("affiliate");
    let page = query.finish_list()?;
    if let Some(own) = caller.affiliate_or_network()? {
        only_its_own(&mut affiliate, own)?;
    }
    let Some(affiliate) = affiliate else {
        return Err(ApiError::Invalid(vec![FieldError::new("affiliate", "which affiliate's?")]));
    };
    let page = admin.installation.store.sub_affiliates(affiliate, page).await?;
    Ok(Json(Listing::of(page, |sub_affiliate| Some(sub_affiliate.into()))))
}
