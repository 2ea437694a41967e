//! `GET /keys`: which keys there are. Never the keys themselves, which nobody
//! has but their holders.

use super::call::QueryCall;
use super::problem::{ApiError, KeyProblems, Problem};
use super::query::Listing;
use axum::Json;
use crumb_domain::Timestamp;
use crumb_storage::Store;
use crumb_storage::access::ApiKey;
use serde::Serialize;
use utoipa::ToSchema;

/// An API key, without the key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyRow {
    /// What its maker calls it.
    pub name: String,
    /// `admin`, `manager`, `reader`, `affiliate:ID` or `buyer:ID`.
    pub role: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended; null where it has not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// All keys, oldest first, on one page: an installation has few. For admins.
#[utoipa::path(
    get,
    path = "/keys",
    tag = "access",
    operation_id = "list_keys",
    responses(
        (status = 200, body = Listing<KeyRow>),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, query }: QueryCall<S>,
) -> Result<Json<Listing<KeyRow>>, ApiError> {
    caller.must_be_admin()?;
    query.finish()?;
    let keys = admin.installation.store.api_keys().await?;
    let row = |key: ApiKey| KeyRow {
        name: key.name,
        role: key.role,
        created_at: key.created_at,
        revoked_at: key.revoked_at,
    };
    Ok(Json(Listing::whole(keys.into_iter().map(row).collect())))
}
