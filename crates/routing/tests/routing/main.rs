//! Who buys a lead, sentence by sentence.

mod candidates;
mod groups;
mod invariants;
mod market;
mod order;
mod pings;
mod posts;
