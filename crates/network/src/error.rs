//! What can be wrong with a network file, and what can go wrong with a change.

use crumb_storage::StoreError;
use std::fmt;

/// A fault of a network file, with its place: `campaign[2].offer: no offer 999`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileError {
    /// Where, counted from 0: `campaign[2].offer`. Of an entity that the file does
    /// not mention: `campaign 57.offer`. Empty for the file as a whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl FileError {
    /// A fault at a place.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for FileError {}

/// Why the network could not be read or changed. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The file is faulty: the writer's to mend. One line for each fault.
    #[error("{}", lines(.0))]
    Invalid(Vec<FileError>),
    /// There is no such version.
    #[error("no version {0}")]
    NoVersion(crumb_domain::ConfigVersion),
    /// There is no such contract.
    #[error("no contract {0}")]
    NoContract(crumb_domain::ContractId),
    /// A campaign was asked for of an affiliate or offer that the network no longer has.
    #[error("no campaign can be made: no {0}")]
    NoCampaign(String),
    /// The store failed, or another node changed the network again and again meanwhile.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lines(errors: &[FileError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
