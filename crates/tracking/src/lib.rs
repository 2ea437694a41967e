//! Clicks: from a parsed request to a recorded click and its answer.
//!
//! The way of a click: [`click::Clicks::click`] takes what `crumb_wire` parsed,
//! reads one configuration snapshot, decides ([`gate`] for the checks it shares
//! with leads, [`crumb_domain::session::touch`] for first and last touch,
//! [`links`] for where it leads), records one or two rows in one write, and
//! answers once they are on stable storage. At most one indexed read, and only
//! for a visitor who brings this offer's cookie or a page's own request id (a
//! second where the two differ).

mod alert_mail;
mod charges;
pub mod click;
pub mod client;
pub mod conversion;
pub mod conversion_tokens;
mod crawlers;
mod double_tap;
pub mod feed;
pub mod forgeable;
pub mod gate;
pub mod geo;
pub mod impression;
pub mod installation;
pub mod lead_tier;
pub mod links;
pub mod postbacks;
pub mod retention;
pub mod unknown_tokens;
pub mod webhooks;

pub use alert_mail::alerts_by_mail;
pub use click::Clicks;
pub use conversion::Conversions;
pub use impression::Impressions;
pub use installation::Installation;
pub use retention::Retention;
