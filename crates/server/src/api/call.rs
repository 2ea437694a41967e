//! What handlers are called with. What nearly all of them need is taken from a request
//! here, once: who asks, and for what.

use super::key::Caller;
use super::problem::ApiError;
use super::query::QueryString;
use crate::admin::Admin;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use crumb_storage::Store;
use std::sync::Arc;

/// A call that says by its query what it wants: most often a list.
pub(crate) struct QueryCall<S> {
    pub(crate) admin: Arc<Admin<S>>,
    pub(crate) caller: Caller,
    pub(crate) query: QueryString,
}

/// A call about the one thing that its address names.
pub(crate) struct OneCall<S> {
    pub(crate) admin: Arc<Admin<S>>,
    pub(crate) caller: Caller,
    /// As it stands in the address; none where that cannot be read, and names nothing.
    pub(crate) id: Option<String>,
}

impl<S: Store + Clone> FromRequestParts<Arc<Admin<S>>> for QueryCall<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, admin: &Arc<Admin<S>>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, admin).await?;
        Ok(Self { admin: Arc::clone(admin), caller, query: QueryString::of(&parts.uri) })
    }
}

impl<S: Store + Clone> FromRequestParts<Arc<Admin<S>>> for OneCall<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, admin: &Arc<Admin<S>>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, admin).await?;
        let path = Path::<String>::from_request_parts(parts, admin).await;
        Ok(Self { admin: Arc::clone(admin), caller, id: path.ok().map(|Path(id)| id) })
    }
}
