//! Leads: accept, route, settle.
//!
//! The way of a post: [`Leads::post`] takes what `crumb_wire` parsed, finds whose
//! lead it is (`credit`), refuses it for the reasons it shares with clicks
//! (`case`), checks the fields (`judgement`), settles what becomes of it
//! (`settlement`) and hands it to the store (`acceptance`; `update` where it
//! changes a lead), which decides about duplicates and caps where writes are
//! serialised and keeps lead, post and answer as one. The answer (`replies`) goes
//! out only after that. What makes no lead is kept too (`refused`).
//!
//! [`Leads::ping`] tells what a lead would earn before it is posted (`pings`), and a post
//! that names such a ping is held against it (`quoted`).

mod acceptance;
mod case;
mod credit;
mod idempotency;
mod judgement;
mod onward;
pub mod pings;
mod quoted;
mod refused;
mod rejections;
mod replies;
mod sale;
pub mod selling;
mod service;
mod settlement;
mod update;

pub use idempotency::{IdempotencyKey, is_idempotency_key};
pub use selling::webhooks::webhook_keys;
pub use service::{Answered, Leads, PostAnswer, PostError, RawPost};
