//! What selling a lead leaves behind: how each contract ended, every attempt that
//! was made to ask or tell its buyer, what was given back, and what a person should
//! look at.

mod alert;
mod attempt;
mod reason;
mod returned;

pub use alert::{Alert, AlertCode};
pub use attempt::{
    Attempt, AttemptKind, BuyerAnswer, BuyerReading, MAX_KEPT_BYTES, Milliseconds, Phase, PostFailure,
    PriceRead,
};
pub use reason::ContractResult;
pub use returned::{Redress, ReturnState, ReturnType, SaleReturn};
