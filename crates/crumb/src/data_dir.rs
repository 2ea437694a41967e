//! The data directory, and the lock that says who owns it.
//!
//! One process writes: a server holds the lock for its life, a command for its
//! duration. The lock is the operating system's and ends with the process, however
//! it ends.

use crate::config::StorePlace;
use anyhow::{Context as _, ensure};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A data directory that exists.
#[derive(Debug, Clone)]
pub struct DataDirectory {
    directory: PathBuf,
    file: PathBuf,
}

/// The lock; given back when dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataDirectory {
    /// The directory, made for its owner alone where there is none.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(place: &StorePlace) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&place.directory)
            .with_context(|| format!("the data directory {} cannot be made", place.directory.display()))?;
        Ok(Self { directory: place.directory.clone(), file: place.file.clone() })
    }

    /// Takes the lock; `None` where another process has it.
    ///
    /// # Errors
    /// Where the directory cannot be written.
    pub fn lock(&self) -> anyhow::Result<Option<DataLock>> {
        let path = self.directory.join("lock");
        let fault = || format!("the lock {} cannot be taken", path.display());
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).with_context(fault),
        }
        // For people who wonder who it is. Nothing reads it, and a full disk must not
        // keep anybody from looking into the store.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Some(DataLock { _file: file }))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The embedded store's file, made for its owner alone where there is none: it
    /// holds people's data, and the directory need not be ours.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn database(&self) -> anyhow::Result<PathBuf> {
        let path = self.directory.join(&self.file);
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("the store {} cannot be written", path.display()))?;
        Ok(path)
    }

    /// The name of that file, by which a command and a server make sure that they
    /// mean the same store.
    pub fn database_name(&self) -> String {
        self.file.to_string_lossy().into_owned()
    }

    /// Where a server takes commands.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("crumb.sock")
    }

    /// The key file, where no other is configured.
    pub fn key_file(&self) -> PathBuf {
        self.directory.join("secret.key")
    }
}

/// The embedded store's file, where there is one. Whoever asks what is there in a directory
/// without one is in the wrong place; making an empty one there, with a key of its own,
/// would hide that.
///
/// # Errors
/// Where there is none, with what to do.
pub fn present_store(place: &StorePlace) -> anyhow::Result<PathBuf> {
    let path = place.directory.join(&place.file);
    ensure!(
        path.exists(),
        "there is no store {}: `crumb apply` or `crumb serve` makes one, and --data says where it is",
        path.display()
    );
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn place(directory: PathBuf) -> StorePlace {
        StorePlace { directory, file: "crumb.db".into() }
    }

    #[test]
    fn a_data_directory_is_made_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        DataDirectory::open(&place(directory.clone())).unwrap();
        assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_store_is_its_owners_alone_whatever_the_directory_is() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let database = DataDirectory::open(&place(parent.path().to_owned())).unwrap().database().unwrap();
        assert_eq!(std::fs::metadata(database).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_one_has_the_lock_and_it_is_given_back() {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(&place(parent.path().to_owned())).unwrap();
        let lock = directory.lock().unwrap();
        assert!(lock.is_some());
        assert!(directory.lock().unwrap().is_none());
        drop(lock);
        assert!(directory.lock().unwrap().is_some());
    }
}
