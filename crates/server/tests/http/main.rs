//! The listeners over real sockets, sentence by sentence of the dialect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it stands")]

mod any_post;
mod chain;
mod click_caps;
mod clicks_api;
mod clients;
mod contracts;
mod cookies;
mod deep_links;
mod dispositions;
mod explain;
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
mod links;
mod listener;
mod ping_post;
mod pings;
mod pixels;
mod posting_docs;
mod posts;
mod prefill;
mod request_ids;
mod selling;
mod selling_answers;
mod selling_caps;
mod selling_order;
mod selling_ping;
mod selling_queue;
mod selling_together;
mod selling_unknown;
mod smoke;
mod tokens;
mod touch;
mod traffic;
