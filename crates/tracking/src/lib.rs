//! Clicks: from a parsed request to a recorded click and its answer.

pub mod feed;
pub mod geo;
pub mod installation;

pub use installation::Installation;
