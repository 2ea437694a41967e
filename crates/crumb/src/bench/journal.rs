//! A file to which requests are appended, and which is synced before they are
//! answered: the least that any server does that promises not to lose them.
//!
//! As with Crumb's own writer, what gathers while one sync runs is the next one's.

use anyhow::Context as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::oneshot;

#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<bool>>,
    /// The writer sleeps: whoever appends wakes it.
    idle: bool,
}

/// The file; clones append to the same one.
#[derive(Clone, Default)]
pub struct Journal {
    shared: Arc<(Mutex<Gathered>, Condvar)>,
}

impl Journal {
    /// Opens the file and starts the thread that writes it, for as long as the
    /// process lives.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
        let journal = Self::default();
        let writing = journal.clone();
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || writing.write_all(file))?;
        Ok(journal)
    }

    /// Appends a record; whether it is on stable storage, once that is known.
    pub async fn append(&self, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        let (done, written) = oneshot::channel();
        {
            let (gathered, wake) = &*self.shared;
            let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
            put(&mut gathered.bytes);
            gathered.waiting.push(done);
            if std::mem::take(&mut gathered.idle) {
                wake.notify_one();
            }
        }
        written.await.unwrap_or(false)
    }

    fn write_all(&self, mut file: File) {
        let mut spare = Vec::new();
        loop {
            let (bytes, waiting) = self.take(spare);
            let stored = file.write_all(&bytes).and_then(|()| file.sync_data()).is_ok();
            for caller in waiting {
                // A client that left needs no answer.
                let _ = caller.send(stored);
            }
            spare = bytes;
        }
    }

    /// Waits for records and takes them, leaving the spare buffer's room behind.
    fn take(&self, mut spare: Vec<u8>) -> (Vec<u8>, Vec<oneshot::Sender<bool>>) {
        spare.clear();
        let (gathered, wake) = &*self.shared;
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        while gathered.waiting.is_empty() {
            gathered.idle = true;
            gathered = wake.wait(gathered).unwrap_or_else(PoisonError::into_inner);
            gathered.idle = false;
        }
        (std::mem::replace(&mut gathered.bytes, spare), std::mem::take(&mut gathered.waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_is_in_the_file_when_append_returns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("requests.log");
        let journal = Journal::open(&path).unwrap();
        for record in [b"one", b"two"] {
            assert!(journal.append(|bytes| bytes.extend_from_slice(record)).await);
            assert!(std::fs::read(&path).unwrap().ends_with(record));
        }
    }
}
