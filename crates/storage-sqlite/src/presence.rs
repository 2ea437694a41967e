//! Whether the store's files are still there.
//!
//! A file that is removed under a running program, or has another one put in its place, can
//! be written as before, and all of it is gone once the program ends. So nothing is
//! acknowledged before somebody has looked.

use crumb_storage::{Result, StoreError};
use rustix::fs::{Mode, OFlags, fstat, open};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The file and its write-ahead log, as they were opened.
pub(crate) struct Presence {
    files: [(PathBuf, OwnedFd); 2],
}

impl Presence {
    /// Of a file that is open, and has its log.
    pub(crate) fn of(file: &Path) -> Result<Self> {
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self { files: [held(file.to_owned())?, held(log.into())?] })
    }

    /// Fails where one of them has no name any more: then it never has one again.
    pub(crate) fn check(&self) -> Result<()> {
        for (path, file) in &self.files {
            if fstat(file).map_err(|error| unavailable(path, error.into()))?.st_nlink == 0 {
                return Err(StoreError::Unavailable(format!(
                    "{} was removed or replaced while it was in use: start again",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

/// A name of the file without opening it, where the system knows such: to close what is open
/// lets go of SQLite's locks on it, which does no harm only where the writer ends.
#[cfg(target_os = "linux")]
const ACCESS: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const ACCESS: OFlags = OFlags::RDONLY;

fn held(path: PathBuf) -> Result<(PathBuf, OwnedFd)> {
    match open(&path, ACCESS | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(unavailable(&path, error.into())),
    }
}

fn unavailable(path: &Path, error: io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{SqliteOptions, open_writer};
    use std::fs;

    #[test]
    fn a_file_is_missed_once_it_is_removed_or_another_is_in_its_place() {
        let ends: [fn(&Path, &Path); 2] = [
            |path, _| fs::remove_file(path).unwrap(),
            |path, other| {
                fs::copy(path, other).unwrap();
                fs::rename(other, path).unwrap();
            },
        ];
        for (name, end) in [("crumb.db", ends[0]), ("crumb.db-wal", ends[0]), ("crumb.db", ends[1])] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("crumb.db");
            let _writer = open_writer(&file, &SqliteOptions::default()).unwrap();
            let presence = Presence::of(&file).unwrap();
            presence.check().unwrap();
            end(&folder.path().join(name), &folder.path().join("other"));
            let missed = presence.check().unwrap_err().to_string();
            assert!(missed.contains(&format!("{name} was removed or replaced")), "{missed}");
        }
    }

    #[test]
    fn a_file_that_is_only_called_otherwise_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let (place, other) = (folder.path().join("data"), folder.path().join("other"));
        fs::create_dir(&place).unwrap();
        let _writer = open_writer(&place.join("crumb.db"), &SqliteOptions::default()).unwrap();
        let presence = Presence::of(&place.join("crumb.db")).unwrap();
        fs::rename(&place, &other).unwrap();
        presence.check().unwrap();
    }
}
