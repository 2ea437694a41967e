//! Leads: accept, route, settle.
//!
//! The way of a post: [`service::Leads::post`] takes what `crumb_wire` parsed,
//! finds whose lead it is ([`credit`]), refuses it for the reasons it shares with
//! clicks, checks the fields, and hands it to the store, which decides about
//! duplicates and caps where writes are serialised and keeps lead, post and
//! answer as one. The answer goes out only after that.

pub mod credit;
pub mod judgement;
pub mod rejections;
pub mod replies;
pub mod service;
pub mod settlement;
pub mod update;

pub use service::{Answered, Leads, PostAnswer, PostError, RawPost};
