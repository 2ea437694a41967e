//! The buyers as a client meets them: over real sockets, byte by byte.

mod answers;
mod client;
mod misbehaviours;
mod server;
mod turns;
