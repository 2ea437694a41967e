//! The servers as processes of their own.

use super::client::Connection;
use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a server may take to say where it listens, and to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(1);
/// How long it may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Where Debian installs nginx, which is in the path of the superuser only.
const NGINX: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// A server that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// This program.
    Crumb,
    /// What appends and syncs.
    Append,
    /// What stores nothing.
    Bare,
    /// nginx, by its executable.
    Nginx(&'static str),
}

impl Server {
    /// The name of the limit of storing.
    pub const APPEND: &'static str = "append + sync";
    /// The name of the limit of not storing.
    pub const BARE: &'static str = "bare hyper";

    /// All that this machine has.
    pub fn all() -> Vec<Self> {
        let installed = |name: &&&str| Command::new(name).arg("-v").stderr(Stdio::null()).status().is_ok();
        let nginx = NGINX.iter().find(installed).map(|name| Self::Nginx(name));
        [Self::Crumb, Self::Append, Self::Bare].into_iter().chain(nginx).collect()
    }

    /// As the table calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crumb => "crumb",
            Self::Append => Self::APPEND,
            Self::Bare => Self::BARE,
            Self::Nginx(_) => "nginx return 302",
        }
    }
}

/// A process that serves; ended when dropped.
pub struct Running {
    child: Child,
    /// Where it takes the load.
    pub address: SocketAddr,
}

/// What a process has taken of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// The most memory that was resident.
    pub peak_kib: u64,
    /// What is resident now.
    pub now_kib: u64,
    /// Time on processors, the kernel's work for it included.
    pub processor: Duration,
}

/// How Linux counts a process's time, on every machine that this runs on.
const TICKS_PER_SECOND: u64 = 100;

impl Running {
    /// Starts a server to compare with, its files in a directory.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn rival(server: &Server, directory: &Path) -> anyhow::Result<Self> {
        match server {
            Server::Nginx(executable) => nginx(executable, directory).await,
            Server::Append => Self::own(&["append"], directory),
            Server::Bare | Server::Crumb => Self::own(&["bare"], directory),
        }
    }

    /// A server to compare with that is this program, by what is typed after
    /// `crumb bench rival`, its files in a directory.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn own(rival: &[&str], directory: &Path) -> anyhow::Result<Self> {
        let mut command = own_executable(directory)?;
        let mut child = command.args(["bench", "rival"]).args(rival).stdout(Stdio::piped()).spawn()?;
        let lines = lines_of(child.stdout.take());
        let mut running = Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        running.address = first_line(&lines)?.parse()?;
        Ok(running)
    }

    /// What it has taken so far, where the system tells it.
    pub fn usage(&self) -> Option<Usage> {
        let read = |name| std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).ok();
        let (status, stat) = (read("status")?, read("stat")?);
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        // After the name, which may hold anything: user and system time are 12th and 13th.
        let times = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let processor = Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND);
        Some(Usage { peak_kib: kib("VmHWM:")?, now_kib: kib("VmRSS:")?, processor })
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(ended) = self.child.try_wait()? {
            return Ok(ended);
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let start = super::now();
        while start.elapsed() < STOP_TIMEOUT {
            if let Some(ended) = self.child.try_wait()? {
                return Ok(ended);
            }
            std::thread::sleep(ASK_AGAIN);
        }
        bail!("the server did not stop")
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // First the gentle way, by which nginx ends its workers too.
        if self.stop().is_err() {
            let _ = self.kill();
        }
    }
}

/// Crumb on a data directory of its own.
pub struct Crumb {
    pub running: Running,
    /// Bytes of the store before anything was asked.
    pub bytes_at_start: u64,
    /// From its start to its readiness.
    pub ready_after: Duration,
    directory: PathBuf,
}

impl Crumb {
    /// Starts it, with a network file where one is given, and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready; with what it said.
    pub async fn start(directory: &Path, network: Option<&str>) -> anyhow::Result<Self> {
        let mut command = own_executable(directory)?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", "data"]);
        // One address stands for all visitors here, as a proxy's does.
        command.env("CRUMB_LISTEN_TRUSTED_PROXIES", "127.0.0.1");
        // Where the buyers of `bench selling` are.
        command.env("CRUMB_OUTBOUND_ALLOW", "127.0.0.0/8");
        if let Some(network) = network {
            std::fs::write(directory.join("network.toml"), network)?;
            command.args(["--network", "network.toml"]);
        }
        let start = super::now();
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let lines = lines_of(child.stderr.take());
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut running = Running { child, address: nowhere };
        let first = first_line(&lines)?;
        let line: serde_json::Value =
            serde_json::from_str(&first).with_context(|| format!("the server said: {first}"))?;
        let address =
            |name: &str| line.get(name).and_then(|address| address.as_str()).unwrap_or_default().parse();
        running.address = address("tracking").with_context(|| format!("the server said: {first}"))?;
        until_ready(address("admin")?).await?;
        let mut crumb = Self {
            running,
            bytes_at_start: 0,
            ready_after: start.elapsed(),
            directory: directory.to_owned(),
        };
        crumb.bytes_at_start = crumb.bytes()?;
        Ok(crumb)
    }

    /// Stops it.
    ///
    /// # Errors
    /// Where it ended otherwise than it should.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let ended = self.running.stop()?;
        if ended.success() { Ok(()) } else { bail!("the server ended: {ended}") }
    }

    /// The store's file.
    pub fn database(&self) -> PathBuf {
        self.directory.join("data/crumb.db")
    }

    /// The key file.
    pub fn key_file(&self) -> PathBuf {
        self.directory.join("data/secret.key")
    }

    /// Bytes of the store, its write-ahead log included.
    pub fn bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for name in ["data/crumb.db", "data/crumb.db-wal"] {
            bytes += match std::fs::metadata(self.directory.join(name)) {
                Ok(file) => file.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(bytes)
    }
}

async fn until_ready(admin: SocketAddr) -> anyhow::Result<()> {
    let start = super::now();
    let mut connection = Connection::open(admin).await?;
    while start.elapsed() < START_TIMEOUT {
        let (status, _) = connection.ask(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        if status == 200 {
            return Ok(());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    bail!("the server did not become ready")
}

/// This executable in a directory, without this process's own settings.
fn own_executable(directory: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CRUMB_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

async fn nginx(executable: &str, directory: &Path) -> anyhow::Result<Running> {
    // Free a moment ago; nginx cannot be asked for any free port.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let place = directory.display();
    let target = super::rivals::TARGET;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {place}/{name};\n"))
        .collect();
    let configuration = format!(
        "daemon off; worker_processes auto; pid {place}/nginx.pid; error_log {place}/error.log;\n\
         events {{ worker_connections 16384; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; {temporary}\n\
         server {{ listen {address}; location / {{ return 302 {target}; }} }} }}\n"
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(executable);
    command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running { child: command.spawn()?, address };
    let start = super::now();
    while start.elapsed() < START_TIMEOUT && running.child.try_wait()?.is_none() {
        if Connection::open(address).await.is_ok() {
            return Ok(running);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    bail!("nginx did not come up")
}

/// The lines of a stream, read to its end so that nobody waits to write it.
fn lines_of(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = channel();
    if let Some(stream) = stream {
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // Only the first lines are waited for.
                let _ = send.send(line);
            }
        });
    }
    receive
}

fn first_line(lines: &Receiver<String>) -> anyhow::Result<String> {
    lines.recv_timeout(START_TIMEOUT).context("the server did not say where it listens")
}
