//! The network as code: parse, validate, plan, apply, export, and the compiled
//! snapshot that all paths read.
//!
//! A network file is parsed, merged over what is stored, checked as a whole,
//! compared (the plan) and committed as one version. Compiling is pure but for
//! secrets that are kept in the environment; time and randomness are handed in.

mod change;
mod check;
pub mod compiled;
mod documents;
mod entity;
pub mod error;
pub mod file;
pub mod live;
mod merge;
pub mod plan;
mod prune;
pub mod secrets;
pub mod snapshot;
mod switched_off;
mod tables;
mod tree;

pub use check::ContractCheck;
pub use compiled::{CompiledOffer, CompiledVertical, Terms};
pub use error::{FileError, NetworkError};
pub use file::{FileFormat, parse, parse_entity, to_json, to_toml};
pub use live::{Applied, LiveNetwork, Made};
pub use plan::{Plan, PlanLine, PlanSign, Secrets};
pub use secrets::MASK;
pub use snapshot::{Blacklisted, FIRST_SERVER_CAMPAIGN, NotSigned, Snapshot};
pub use switched_off::{SwitchedOff, SwitchedOffTold, Told};

#[cfg(test)]
mod tests;
