//! The network as code: parse, validate, plan, apply, export, and the compiled
//! snapshot that all paths read.
//!
//! A network file is parsed, merged over what is stored, checked as a whole,
//! compared (the plan) and committed as one version. Compiling is pure but for
//! secrets that are kept in the environment; time and randomness are handed in.

pub mod compiled;
pub mod error;
pub mod snapshot;

pub use compiled::{CompiledOffer, CompiledVertical, Terms};
pub use error::{FileError, NetworkError};
pub use snapshot::{Blacklisted, FIRST_SERVER_CAMPAIGN, Snapshot};
