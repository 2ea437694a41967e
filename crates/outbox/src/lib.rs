//! Telling others what happened, until they have heard it; and the worker of whatever
//! waits in the store until it is due, as leads that wait for a buyer do.
//!
//! Deliveries are written by whoever writes what they tell; here they are taken up. The
//! worker, [`Outbox::run`], claims what is due by a lease, has a [`Job`] make one attempt
//! of each, and ends the lease with what follows: delivered, again later, or parked. It
//! keeps no delivery in memory that the store does not have: a process that dies loses
//! nothing, and its leases run out.
//!
//! * `job`: what makes an attempt; `verdict`: what follows from it; `retry_after`: how
//!   long a receiver asks to be left alone.
//! * `breaker`: receivers that failed too often in a row.
//! * `carry`: the loop; `worker`: deliveries as what it carries; `works`: those under way.
//! * `observer`: whoever counts.

mod breaker;
mod carry;
mod job;
mod observer;
mod retry_after;
#[cfg(test)]
mod tests;
mod verdict;
mod worker;
mod works;

pub use breaker::{FAILURES_TO_OPEN, PAUSE_SECONDS};
pub use carry::{AFTER_TROUBLE, Carried, LONGEST_SLEEP, carry, until};
pub use job::{ATTEMPT_SECONDS, Attempted, Job};
pub use observer::{AttemptEnd, NobodyCounts, OutboxObserver};
pub use worker::{AT_ONCE, AT_ONCE_EACH, LEASE_SECONDS, Outbox};
