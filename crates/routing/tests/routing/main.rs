//! Who buys a lead, sentence by sentence; then all small markets, random trees, and
//! many leads at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it stands")]

mod candidates;
mod groups;
mod invariants;
mod market;
mod model;
mod order;
mod overlapping;
mod pings;
mod posts;
mod quotes;
mod random_trees;
mod reasons;
mod replacements;
mod replays;
mod simulation;
mod trees;
