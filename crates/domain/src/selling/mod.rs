//! What selling a lead leaves behind: how each contract ended, and every attempt
//! that was made to ask or tell its buyer.

mod attempt;
mod reason;

pub use attempt::{
    Attempt, AttemptKind, BuyerAnswer, BuyerReading, MAX_KEPT_BYTES, Milliseconds, Phase, PostFailure,
    PriceRead,
};
pub use reason::ContractResult;
