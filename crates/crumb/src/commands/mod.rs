//! The commands that read or change the store, checked and complete: what they
//! need of the caller's files is in them, so that they mean the same whoever
//! carries them out, the process they were typed into or the server.

use serde::{Deserialize, Serialize};

/// The largest network file: room for ten thousand campaigns many times over.
pub const MAX_NETWORK_FILE_BYTES: u64 = 16 << 20;

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    KeyList,
}

/// What a command has to say, and how it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// The exit code.
    pub exit: u8,
}

impl Reply {
    /// Not done, and why.
    pub fn failed(reason: &str) -> Self {
        Self { stdout: String::new(), stderr: format!("{reason}\n"), exit: 1 }
    }
}
