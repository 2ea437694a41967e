//! What the addresses share by which things are done after a sale: bodies, whose key it
//! is, and why something is refused.

use super::key::Caller;
use super::problem::{ApiError, FieldError};
use crate::admin::Admin;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use crumb_intake::selling::after_sale::AfterSaleError;
use crumb_storage::Store;
use serde::de::DeserializeOwned;

impl From<AfterSaleError> for ApiError {
    fn from(error: AfterSaleError) -> Self {
        match error {
            AfterSaleError::NoLead(_) | AfterSaleError::NoBuyer(_) | AfterSaleError::Missing(_) => {
                Self::NotFound(error.to_string())
            }
            AfterSaleError::Invalid { path, message } => Self::Invalid(vec![FieldError::new(path, message)]),
            AfterSaleError::Refused(why) => Self::Refused(why),
            AfterSaleError::Store(error) => error.into(),
        }
    }
}

/// A body of JSON.
pub(super) fn body<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, ApiError> {
    let body = body.map_err(|_| ApiError::TooLarge)?;
    serde_json::from_slice(&body)
        .map_err(|error| ApiError::Invalid(vec![FieldError::new("", error.to_string())]))
}

/// The name of the caller's key, for what is kept of who did it.
pub(super) async fn name_of_key<S: Store + Clone>(
    admin: &Admin<S>,
    caller: Caller,
) -> Result<Option<String>, ApiError> {
    Ok(admin.installation.store.api_key(caller.key_hash).await?.map(|key| key.name))
}
