//! A started server, a fake clock, buyers and a small HTTP client for tests.
//!
//! [`Server::start`] runs the real listeners on real sockets over a real store in
//! a directory of its own; only the clock is a fake one, which stands still until
//! a test moves it. Tests read as the specification does: a network file, a
//! request, what must come back.

mod browser;
mod client;
mod clock;
#[cfg(feature = "description")]
pub mod description;
pub mod geo;
pub mod network;
mod server;

pub use browser::Visitor;
pub use client::{Client, Reply, Request};
pub use clock::FakeClock;
pub use server::{Observer, Options, Server, StoreLock};

/// Buyers to sell to, the misbehaving ones too.
pub use crumb_mock_buyer as buyers;
