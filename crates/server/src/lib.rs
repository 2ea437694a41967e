//! The listeners: tracking, and admin with the API.

mod accept;
pub mod admin;
pub mod api;
pub mod edge;
mod idempotency;
pub mod metrics;
pub mod posting_doc;
mod shares;
mod threads;

pub use threads::Threads;
