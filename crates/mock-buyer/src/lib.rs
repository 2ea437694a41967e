//! Buyers to try a ping tree against.
//!
//! [`MockBuyers`] is a small HTTP server that plays buyers of leads: some accept
//! at a price, some refuse, and some do what real ones do on a bad day — answer
//! slowly, without end, with something that is no HTTP, or not at all. Which of
//! them is meant is said by the path (`/accept?price=30.00`, see [`listed`]), or
//! set by name in code and changed while it runs.
//!
//! It speaks HTTP/1.1 with a reader and a writer of its own, because most of the
//! misbehaviours are what an HTTP library exists to prevent. There is no TLS.
//! Whatever is asked is recorded before it is answered, so that who has the answer
//! finds the request. Everything is bounded: what it reads, what it remembers, how
//! long it plays dead, and how many it serves at once.
//!
//! * `behaviour`, `answer`: what a buyer does, and what it says.
//! * `catalogue`: paths and their parameters.
//! * `request`: the bounded reader. `connection`: one client.
//! * `record`: what was asked. `server`: all of them together.

mod answer;
mod behaviour;
mod catalogue;
mod connection;
mod record;
mod request;
mod server;

pub use answer::{Answer, Cents, Format, Pace, Price, Token, Verdict};
pub use behaviour::Behaviour;
pub use catalogue::{ANSWER_PARAMETERS, Listed, listed};
pub use record::{MAX_RECORDED, MAX_RECORDED_BYTES, NeverCame, Seen};
pub use request::{MAX_BODY_BYTES, MAX_HEAD_BYTES, Request};
pub use server::{MAX_CONNECTIONS, MockBuyer, MockBuyers, NobodyThere, Options};
