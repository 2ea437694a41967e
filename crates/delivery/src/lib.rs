//! Talking to buyers: what they are sent, how their answers are read, and the
//! client that goes out.

pub mod outbound;
