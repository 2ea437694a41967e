//! Whether the store's files are still where they were opened.
//!
//! A file that is removed under a running program, or has another one put in its place, can
//! be written as before, and all of it is gone once the program ends. So somebody looks
//! before each commit, that nothing is kept which is then refused, and after it, that nothing
//! is acknowledged which is gone.

use crumb_storage::{Result, StoreError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file and its write-ahead log, as they were when they were opened.
pub(crate) struct Presence {
    files: [(PathBuf, Identity); 2],
}

/// The device, and the number on it.
type Identity = (u64, u64);

impl Presence {
    /// Of a file that is open, and has its log.
    pub(crate) fn of(file: &Path) -> Result<Self> {
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let known = |path: PathBuf| match identity(&path) {
            Ok(identity) => Ok((path, identity)),
            Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        };
        Ok(Self { files: [known(file.to_owned())?, known(log.into())?] })
    }

    /// Fails where one of them is not there, or another one is.
    pub(crate) fn check(&self) -> Result<()> {
        for (path, known) in &self.files {
            if !identity(path).is_ok_and(|found| found == *known) {
                return Err(StoreError::Unavailable(format!(
                    "{} was removed or replaced while it was in use: put it back, or start again",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    let found = std::fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};
    use std::fs;

    #[test]
    fn each_file_is_missed_while_it_is_gone_or_another_is_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crumb.db");
        let _writer = open_writer(&file, &SqliteOptions::default()).unwrap();
        let presence = Presence::of(&file).unwrap();
        presence.check().unwrap();
        let aside = folder.path().join("aside");
        for name in ["crumb.db", "crumb.db-wal"] {
            let path = folder.path().join(name);
            let missed = || presence.check().unwrap_err().to_string();
            fs::rename(&path, &aside).unwrap();
            assert!(missed().contains(&format!("{name} was removed or replaced")), "{}", missed());
            fs::copy(&aside, &path).unwrap();
            assert!(missed().contains(name), "a copy of {name} is another file");
            fs::rename(&aside, &path).unwrap();
            presence.check().unwrap();
        }
    }
}
