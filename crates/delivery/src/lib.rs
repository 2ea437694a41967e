//! Talking to buyers: what they are sent, how their answers are read, and the
//! client that goes out.
//!
//! * [`plan`] compiles a delivery method and writes leads with it.
//! * [`outbound`] makes one HTTP call, and [`mail`] hands one mail to the relay.
//! * [`reading`] tells what an answer means.
//! * [`postman`] takes what the outbox has to receivers of postbacks and webhooks.
//! * [`attempt`] puts them together: one attempt, as it is kept.
//!
//! Nothing here decides whether, to whom or again: each call is made once, and its
//! result says whether the buyer may have the lead.

pub mod attempt;
mod error;
pub mod mail;
pub mod mask;
pub mod outbound;
pub mod plan;
pub mod postman;
pub mod reading;

pub use attempt::{Attempted, Courier};
pub use error::{CompileError, RenderError};
pub use outbound::{Outbound, OutboundOptions};
pub use plan::{DeliveryPlan, Purpose};
pub use postman::{NoKey, Postman, WebhookKeys};
