//! Why something cannot be done after a sale, as the API answers it.

use super::problem::{ApiError, FieldError};
use super::{buyers, leads};
use crumb_intake::selling::after_sale::AfterSaleError;

impl From<AfterSaleError> for ApiError {
    fn from(error: AfterSaleError) -> Self {
        match error {
            AfterSaleError::NoLead(_) => leads::missing(),
            AfterSaleError::NoBuyer(_) => buyers::missing(),
            AfterSaleError::Missing(what) => Self::NotFound(what),
            AfterSaleError::Invalid { path, message } => Self::Invalid(vec![FieldError::new(path, message)]),
            AfterSaleError::Refused(why) => Self::Refused(why),
            AfterSaleError::InHand(_) => Self::Refused(error.to_string()),
            AfterSaleError::Store(error) => error.into(),
        }
    }
}
