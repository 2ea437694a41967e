//! The listeners: tracking, and admin with the API.

pub mod admin;
pub mod api;
pub mod edge;
pub mod metrics;
pub mod posting_doc;
