//! Commands handed to the server that owns the data directory.
//!
//! A command that finds the directory locked sends itself over a Unix socket that
//! only the owner may open, as one line of JSON, and gets one line back: what to
//! print and with which code to end. Both sides bound what they read and how long
//! they wait, so that neither can hold up the other.

use crate::commands::{Command, MAX_NETWORK_FILE_BYTES, Reply};
use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest line either way: a network file of the largest size fits, half of
/// its bytes escaped, and so does its export.
const MAX_LINE_BYTES: u64 = 4 * MAX_NETWORK_FILE_BYTES;

/// How long either side may take to write its line: both are processes of this
/// machine and write at once.
const TRANSFER: Duration = Duration::from_secs(10);

/// How long a command waits for its answer: far longer than the largest network
/// takes to apply, yet a stuck server is noticed.
const ANSWER: Duration = Duration::from_secs(300);

/// Commands carried out at once; more wait their turn.
const MAX_AT_ONCE: usize = 4;

/// The longest path that fits a Unix socket's address on every system.
const MAX_ADDRESS_BYTES: usize = 103;

/// How long to rest after a failed accept, as when no file descriptor is free.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What a command sends.
#[derive(Serialize, Deserialize)]
struct Request {
    /// The database it means: the server refuses another than its own.
    database: String,
    command: Command,
}

/// The server's end; the socket is removed when this is dropped.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Socket {
    /// Listens for the owner alone. A socket that a killed server left is replaced:
    /// whoever holds the directory's lock is the only server.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn bind(path: PathBuf) -> anyhow::Result<Self> {
        let fault = || format!("the socket {} cannot be made", path.display());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(fault),
            _ => {}
        }
        // Made under another name, so that nobody finds it before it is the owner's alone.
        let aside = path.with_extension("sock-new");
        let _ = std::fs::remove_file(&aside);
        let listener =
            reachable(&aside).and_then(|address| UnixListener::bind(&address.path)).with_context(fault)?;
        std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o600)).with_context(fault)?;
        std::fs::rename(&aside, &path).with_context(fault)?;
        Ok(Self { listener, path })
    }

    /// Carries out commands until told to stop, and then lets open ones finish.
    pub async fn serve<H, F>(self, database: String, stop: CancellationToken, execute: H)
    where
        H: Fn(Command) -> F + Clone + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        let open = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            };
            let (places, database) = (Arc::clone(&places), database.clone());
            let (stop, execute) = (stop.clone(), execute.clone());
            open.spawn(async move {
                // Whoever hangs up or sends nonsense gets no answer and needs none.
                let _ = converse(stream, &places, &database, &stop, execute).await;
            });
        }
        open.close();
        open.wait().await;
    }
}

async fn converse<H, F>(
    mut stream: UnixStream,
    places: &Semaphore,
    database: &str,
    stop: &CancellationToken,
    execute: H,
) -> anyhow::Result<()>
where
    H: Fn(Command) -> F,
    F: Future<Output = Reply> + Send + 'static,
{
    let request: Request = tokio::select! {
        request = timeout(TRANSFER, read_line(&mut stream)) => request??,
        // Nothing was promised to whoever has not asked yet.
        () = stop.cancelled() => return Ok(()),
    };
    let reply = if request.database == database {
        // A place is taken only now, so that a silent client keeps nobody waiting.
        let _place = places.acquire().await?;
        apart(execute(request.command)).await?
    } else {
        Reply::failed(&format!(
            "the server that owns this directory uses its database {database}, not {}",
            request.database
        ))
    };
    timeout(TRANSFER, write_line(&mut stream, &reply)).await?
}

/// Carries a command out on a thread of its own: to read, check and compile a large
/// network takes a processor for long, and those that answer visitors must not wait.
async fn apart<F>(work: F) -> anyhow::Result<Reply>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let runtime = Handle::current();
    Ok(tokio::task::spawn_blocking(move || runtime.block_on(work)).await?)
}

/// Hands a command to the server behind the socket; `None` where none listens, or it
/// goes before it has heard the command: without the line's end none is carried out.
///
/// # Errors
/// Where the server breaks off or does not answer: then the command may or may not
/// have been carried out.
pub async fn hand_over(socket: &Path, database: String, command: &Command) -> anyhow::Result<Option<Reply>> {
    #[derive(Serialize)]
    struct Borrowed<'c> {
        database: String,
        command: &'c Command,
    }
    let mut stream = match connect(socket).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => {
            return Err(error).with_context(|| format!("the socket {} cannot be opened", socket.display()));
        }
    };
    let unclear = "the server gave no answer; whether the command was carried out is not known";
    let line = Borrowed { database, command };
    match timeout(TRANSFER, write_line(&mut stream, &line)).await.context(unclear)? {
        Err(error) if is_gone(&error) => return Ok(None),
        written => written?,
    }
    timeout(ANSWER, read_line(&mut stream)).await.context(unclear)?.context(unclear).map(Some)
}

/// Whether the other side has closed the connection.
fn is_gone(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset))
}

/// Connects to the server behind a socket.
///
/// # Errors
/// Where none listens, or the socket is not ours to open.
pub async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let address = reachable(socket)?;
    UnixStream::connect(&address.path).await
}

/// A socket's path in a form short enough for an address.
struct Address {
    path: PathBuf,
    /// The directory by whose descriptor the path goes.
    _directory: Option<File>,
}

/// A path that is too long for a socket's address goes by a descriptor of its
/// directory: data directories may lie as deep as they like.
fn reachable(path: &Path) -> io::Result<Address> {
    if path.as_os_str().len() <= MAX_ADDRESS_BYTES {
        return Ok(Address { path: path.to_owned(), _directory: None });
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let directory = File::open(parent)?;
    let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok(Address { path, _directory: Some(directory) })
}

async fn read_line<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_LINE_BYTES)).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        bail!("the line is cut off or longer than {MAX_LINE_BYTES} bytes");
    }
    Ok(serde_json::from_slice(&line)?)
}

async fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    if line.len() as u64 > MAX_LINE_BYTES {
        bail!("longer than {MAX_LINE_BYTES} bytes");
    }
    stream.write_all(&line).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo(_: Command) -> Reply {
        Reply { stdout: "done\n".to_owned(), ..Reply::default() }
    }

    fn started(directory: &Path) -> (PathBuf, CancellationToken, tokio::task::JoinHandle<()>) {
        let path = directory.join("crumb.sock");
        let socket = Socket::bind(path.clone()).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(socket.serve("crumb.db".to_owned(), stop.clone(), echo));
        (path, stop, task)
    }

    async fn ask(path: &Path, database: &str) -> Option<Reply> {
        hand_over(path, database.to_owned(), &Command::KeyList).await.unwrap()
    }

    #[tokio::test]
    async fn a_command_is_carried_out_by_the_server_that_listens() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(ask(&directory.path().join("crumb.sock"), "crumb.db").await, None);
        let (path, stop, task) = started(directory.path());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ask(&path, "crumb.db").await.unwrap().stdout, "done\n");
        stop.cancel();
        task.await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_command_that_computes_for_long_holds_up_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crumb.sock");
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (release, gate) = std::sync::mpsc::channel();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let compute = move |_: Command| {
            let (begun, gate) = (begun.clone(), Arc::clone(&gate));
            async move {
                begun.send(()).unwrap();
                // Without a thread of its own it would keep this test from letting it go on.
                let released = gate.lock().unwrap().recv_timeout(TRANSFER);
                Reply { exit: u8::from(released.is_err()), ..Reply::default() }
            }
        };
        let socket = Socket::bind(path.clone()).unwrap();
        tokio::spawn(socket.serve("crumb.db".to_owned(), CancellationToken::new(), compute));
        let asking = tokio::spawn(async move { ask(&path, "crumb.db").await });
        begins.recv().await.unwrap();
        release.send(()).unwrap();
        assert_eq!(asking.await.unwrap().unwrap().exit, 0);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crumb.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert_eq!(ask(&path, "crumb.db").await, None);
        let (path, _stop, _task) = started(directory.path());
        assert!(ask(&path, "crumb.db").await.is_some());
    }

    #[tokio::test]
    async fn a_command_that_was_not_heard_to_its_end_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crumb.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream)
            }
        });
        // More than a socket takes in before its other side is heard of.
        let long = directory.path().join("network.toml");
        std::fs::write(&long, " ".repeat(4 << 20)).unwrap();
        let file = crate::commands::NetworkFile::read(&long).unwrap();
        let command = Command::Apply { file, prune: false };
        assert_eq!(hand_over(&path, "crumb.db".to_owned(), &command).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_data_directory_may_lie_deeper_than_a_sockets_address_is_long() {
        let parent = tempfile::tempdir().unwrap();
        let deep = parent.path().join("deep".repeat(30)).join("deeper".repeat(30));
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(ask(&deep.join("crumb.sock"), "crumb.db").await, None);
        let (path, stop, task) = started(&deep);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ask(&path, "crumb.db").await.unwrap().stdout, "done\n");
        stop.cancel();
        task.await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_command_for_another_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (path, _stop, _task) = started(directory.path());
        let reply = ask(&path, "other.db").await.unwrap();
        assert_eq!(reply.exit, 1);
        assert!(reply.stderr.contains("crumb.db, not other.db"), "{}", reply.stderr);
    }

    #[tokio::test]
    async fn clients_that_hang_or_talk_nonsense_keep_nobody_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let (path, _stop, _task) = started(directory.path());
        let mut silent = Vec::new();
        for _ in 0..2 * MAX_AT_ONCE {
            silent.push(UnixStream::connect(&path).await.unwrap());
        }
        let answered = async {
            let mut nonsense = UnixStream::connect(&path).await.unwrap();
            nonsense.write_all(b"{\"database\":1}\n").await.unwrap();
            let mut answer = Vec::new();
            nonsense.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"");
            assert_eq!(ask(&path, "crumb.db").await.unwrap().exit, 0);
        };
        // While the silent are still listened to, not once they are given up.
        timeout(TRANSFER / 2, answered).await.unwrap();
    }
}
