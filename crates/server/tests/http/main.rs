//! The listeners over real sockets, sentence by sentence of the dialect.

mod any_post;
mod form_endpoints;
mod idempotency;
mod lead_answers;
mod lead_bodies;
mod lead_checks;
mod lead_credit;
mod lead_duplicates;
mod lead_fields;
mod lead_payout;
mod lead_update;
mod posts;
mod smoke;
