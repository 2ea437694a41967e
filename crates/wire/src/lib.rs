//! The tracking domain's dialect: requests to typed values, outcomes to replies.

pub mod answer;
pub mod script;
