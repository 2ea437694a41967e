//! Who buys a lead: a pure state machine.
//!
//! A [`Tree`] holds the contracts of a vertical; a [`Run`] is one attempt to sell one
//! lead to them, with everything that was read when it began. [`step`] takes what
//! happened to a [`State`] and says what to do. It does no I/O, reads no clock and
//! draws no random number but from the run's seed: the caller carries the commands
//! out and comes back with their ends. What it was given and what it said are values
//! that can be kept, so that each decision can be explained ([`State::results`]) and
//! made again ([`replay()`]).
//!
//! A run goes through these stages:
//!
//! 1. `candidate`: each contract is held against the reasons not to buy, in their
//!    order, by what the run was given.
//! 2. `machine::pings`: where the offer's distribution is `async_ping`, all candidates
//!    that have a ping are asked for a price at once.
//! 3. `order` and `group`: the next turn goes to one buyer alone or to a group.
//! 4. `machine::posts`: where the distribution is `ping`, the buyer is asked for a price
//!    first; then cap and credit are reserved, and only then it is posted to. One
//!    post is under way at a time.
//! 5. `machine::ending`: when nobody is left, the lead has as many buyers as it may,
//!    or time is up, each candidate that had no turn is told why.
//!
//! A run that asks for prices only ([`State::quoting`]) goes through the same stages up to
//! the first reservation, and ends there with the best offer (`machine::quotes`).
//!
//! What holds always, whatever buyers answer and in whatever order events come:
//!
//! * A buyer that may have read a byte of the lead is never sent it again, in this
//!   run or in later ones, by whichever contract.
//! * A lead that is sold to one buyer alone is sold to nobody else, and while a
//!   buyer's answer is unknown nobody gets it alone.
//! * At most as many buyers share a lead as the resell limit says, those that may
//!   have it included.
//! * Each reservation ends in [`State::sales`], [`State::held`] or
//!   [`State::releases`].
//! * Each contract has exactly one result, and equal inputs give equal ones.
//!
//! What the caller owes: the answer to each ping and post by its `until`, a result
//! of each reservation, [`Event::DeadlineReached`] at the run's deadline, and the
//! order in which it handed the events in, kept with the run.

mod candidate;
mod exclusions;
mod group;
mod machine;
mod order;
mod outcome;
mod random;
mod reason;
pub mod replay;
mod run;
mod tree;
mod wake;

pub use exclusions::exclusions;
pub use machine::{Command, Event, LEAST_POST_TIME_MS, MOST_BELIEVED, Refusal, State, step};
pub use outcome::{Alert, ContractOutcome, Ending, Held, Offered, Reservation, Sold};
pub use reason::{Answered, Reason};
pub use replay::{replay, replay_changed};
pub use run::{ContractFacts, Earlier, Had, Payout, QuotedPing, Run};
pub use tree::{DEFAULT_PING_TIMEOUT_MS, DEFAULT_POST_TIMEOUT_MS, Tree, TreeError};
