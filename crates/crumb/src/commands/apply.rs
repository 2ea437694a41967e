//! `crumb apply`: makes the network as a file says.

use super::{Context, Reply, Result, findings};
use anyhow::{Context as _, anyhow, bail};
use crumb_domain::network::Network;
use crumb_network::{Applied, FileFormat, NetworkError, parse};
use crumb_storage::Store;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The largest network file: room for ten thousand campaigns many times over.
pub const MAX_NETWORK_FILE_BYTES: u64 = 16 << 20;

/// Prints the version that is in force now, alone on standard output; what changed
/// is for people.
pub async fn apply<S: Store + Clone>(context: &Context<'_, S>, file: &NetworkFile, prune: bool) -> Result {
    let installation = context.installation;
    let network = file.parsed()?;
    let warnings = findings::of_file(&network);
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes post keys")]
    let applying = installation.network.apply(network, prune, installation.clock.now(), &mut rand::rng());
    let mut reply = applied(&applying.await?);
    reply.stderr += &warnings;
    Ok(reply)
}

/// The version, and what led to it.
pub fn applied(applied: &Applied) -> Reply {
    let what =
        if applied.plan.is_empty() { "nothing to change\n".to_owned() } else { applied.plan.to_string() };
    Reply { stdout: format!("{}\n", applied.version), stderr: what, exit: 0 }
}

/// A network file, read where the command was typed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NetworkFile {
    /// What it is called, without its directories.
    name: String,
    /// What it says.
    text: String,
}

impl NetworkFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it cannot be read or is too large.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || path.display().to_string();
        // A pipe has no length to ask for, so the limit is held while reading.
        let file = File::open(path).with_context(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_NETWORK_FILE_BYTES + 1).read_to_end(&mut bytes).with_context(unreadable)?;
        if bytes.len() as u64 > MAX_NETWORK_FILE_BYTES {
            bail!("{}: larger than {MAX_NETWORK_FILE_BYTES} bytes", path.display());
        }
        let text = String::from_utf8(bytes).map_err(|_| anyhow!("{}: is not UTF-8", path.display()))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, text })
    }

    /// A file that comes with the program, named as it would be on disk.
    pub fn embedded(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text }
    }

    /// What it says, taken apart by the notation that its ending tells.
    ///
    /// # Errors
    /// All its faults.
    pub fn parsed(&self) -> std::result::Result<Network, NetworkError> {
        parse(&self.text, FileFormat::of(Path::new(&self.name))).map_err(NetworkError::Invalid)
    }
}
