//! Who buys a lead, sentence by sentence.

mod candidates;
mod invariants;
mod market;
