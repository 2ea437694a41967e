//! What Crumb is about, as pure values and decisions.
//!
//! This crate does no I/O, reads no clock and makes no randomness: time, ids and
//! random numbers come in as arguments. Everything that decides something about
//! money or credit therefore gives the same answer twice, which is what lets a
//! decision be explained and replayed.
//!
//! Where a rule comes from the wire dialect, its comment names the parameter or
//! the text that a partner sees.

pub mod amount;
pub mod attribution;
pub mod caps;
pub mod charge;
pub mod click;
pub mod clock;
mod coded;
pub mod conversion;
pub mod decimal;
pub mod delivery;
pub mod duplicate;
#[cfg(any(test, feature = "examples"))]
pub mod examples;
pub mod fields;
pub mod filter;
pub mod id;
pub mod keyed_hash;
pub mod lead;
pub mod ledger;
pub mod money;
pub mod network;
pub mod outcome;
pub mod payout;
pub mod pings;
pub mod pixel;
pub mod post;
pub mod refusal;
pub mod request_id;
pub mod schedule;
pub mod selling;
pub mod session;
pub mod sub_ids;
pub mod time;
pub mod webhook_key;
pub mod why;

pub use clock::Clock;
pub use id::*;
pub use money::Money;
pub use request_id::{RequestId, RowId};
pub use sub_ids::SubIds;
pub use time::Timestamp;
