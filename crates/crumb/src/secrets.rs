//! The key file: the one secret of an installation, from which all others derive.

use anyhow::{Context as _, bail};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Bytes of the secret: as many as the hash that derives from it gives.
const SECRET_BYTES: usize = 32;

/// The secret and what is to be said about its file.
pub struct InstallationSecret {
    /// The bytes.
    pub bytes: [u8; SECRET_BYTES],
    /// A warning where others than the owner may read the file.
    pub warning: Option<String>,
}

/// Reads the key file, and makes it first where there is none.
///
/// # Errors
/// Where it can be neither read nor made, or is not 32 bytes long: a file cut
/// short would silently orphan every cookie and request id.
pub fn read_or_make(path: &Path) -> anyhow::Result<InstallationSecret> {
    if !path.exists() {
        make(path).with_context(|| format!("the key file {} cannot be made", path.display()))?;
    }
    read(path)
}

fn read(path: &Path) -> anyhow::Result<InstallationSecret> {
    let unreadable = || format!("the key file {} cannot be read", path.display());
    let file = File::open(path).with_context(unreadable)?;
    let mode = file.metadata().with_context(unreadable)?.permissions().mode();
    let mut content = Vec::with_capacity(SECRET_BYTES);
    // One byte more than is right tells a file that is too long.
    file.take(SECRET_BYTES as u64 + 1).read_to_end(&mut content).with_context(unreadable)?;
    let Ok(bytes) = <[u8; SECRET_BYTES]>::try_from(content) else {
        bail!("the key file {} must be {SECRET_BYTES} bytes long", path.display());
    };
    let warning = (mode & 0o077 != 0).then(|| {
        format!(
            "the key file {} is open to others (mode {:04o}); make it 0600",
            path.display(),
            mode & 0o7777
        )
    });
    Ok(InstallationSecret { bytes, warning })
}

/// Written aside and linked into place: a crash leaves no half a key, and of two
/// processes that start at once one makes it and both read the same.
fn make(path: &Path) -> anyhow::Result<()> {
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let _ = std::fs::remove_file(&aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes the key")]
    let bytes: [u8; SECRET_BYTES] = rand::random();
    file.write_all(&bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&aside, path);
    std::fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_is_made_once_for_its_owner_alone_and_then_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        let first = read_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(first.warning, None);
        assert_eq!(read_or_make(&path).unwrap().bytes, first.bytes);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let other = read_or_make(&directory.path().join("other.key")).unwrap();
        assert_ne!(other.bytes, first.bytes);
    }

    #[test]
    fn a_key_file_that_others_may_read_is_warned_about() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        read_or_make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let warning = read_or_make(&path).unwrap().warning.unwrap();
        assert!(warning.contains("mode 0640"), "{warning}");
    }

    #[test]
    fn a_key_file_of_another_length_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        for wrong in [0, 31, 33] {
            std::fs::write(&path, vec![7; wrong]).unwrap();
            let error = read_or_make(&path).err().unwrap().to_string();
            assert!(error.ends_with("must be 32 bytes long"), "{error}");
        }
    }
}
