//! Buyers together: a listener, who is there, and what was asked of them.

use crate::behaviour::Behaviour;
use crate::catalogue::{self, Fault};
use crate::connection;
use crate::record::{NeverCame, Records, Seen};
use crate::request::Request;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many connections are served at once; further ones are closed.
pub const MAX_CONNECTIONS: u64 = 10_000;
/// Connections that wait to be taken: a benchmark opens thousands in one go.
const BACKLOG: u32 = 4_096;
/// How long it rests where no connection can be taken, as when descriptors run out.
const REST: Duration = Duration::from_millis(50);
/// How many paths take turns apart: strangers choose them.
const MAX_TURNING_PATHS: usize = 4_096;

/// What is done with each request that is recorded.
type Watcher = Arc<dyn Fn(&Request) + Send + Sync>;

/// With what buyers are started.
#[derive(Clone)]
pub struct Options {
    listen: SocketAddr,
    max_connections: u64,
    watcher: Option<Watcher>,
}

impl Default for Options {
    /// Loopback, on a free port.
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen, max_connections: MAX_CONNECTIONS, watcher: None }
    }
}

impl Options {
    /// Where to listen.
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    /// How many connections to serve at once, at most [`MAX_CONNECTIONS`].
    pub fn max_connections(self, max_connections: u64) -> Self {
        Self { max_connections: max_connections.min(MAX_CONNECTIONS), ..self }
    }

    /// What to do with each request, before it is answered; it must be quick.
    pub fn watcher(self, watcher: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self { watcher: Some(Arc::new(watcher)), ..self }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// A running server with all buyers. It ends when dropped.
#[derive(Debug)]
pub struct MockBuyers {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl MockBuyers {
    /// Starts on a free port of this machine, within a Tokio runtime.
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts with options, within a Tokio runtime.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    #[expect(clippy::unused_async, reason = "it needs a runtime, and whoever can await has one")]
    pub async fn start_with(options: Options) -> io::Result<Self> {
        let socket = if options.listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // So that it can be started again at once.
        socket.set_reuseaddr(true)?;
        socket.bind(options.listen)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, Arc::clone(&shared), stop.clone(), tasks.clone()));
        Ok(Self { address, shared, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a buyer by its path, as `/accept?price=30.00`, or by its name.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{}", self.address, path_of(path))
    }

    /// Lets the buyer of a name (a path, with or without its slash) do this from the
    /// next request on, whatever the query. It goes before any other buyer with that
    /// path.
    pub fn set(&self, name: &str, behaviour: impl Into<Behaviour>) {
        self.shared.set(bare_path_of(name), behaviour.into());
    }

    /// The requests that are still kept, in their order.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.shared.records.requests()
    }

    /// The requests on a path, whatever their query, that are still kept.
    pub fn requests_at(&self, path: &str) -> Vec<Arc<Request>> {
        let path = bare_path_of(path);
        self.requests().into_iter().filter(|request| request.path == path).collect()
    }

    /// How many requests there were on a path, whatever their query.
    pub fn count(&self, path: &str) -> u64 {
        self.shared.records.count(&bare_path_of(path))
    }

    /// What was seen so far: requests, and connections.
    pub fn seen(&self) -> Seen {
        self.shared.records.seen()
    }

    /// Waits until there were that many requests, and gives those that are kept.
    ///
    /// # Errors
    /// Where they do not come within a minute.
    pub async fn wait_for(&self, requests: u64) -> Result<Vec<Arc<Request>>, NeverCame> {
        self.until(|seen| seen.requests >= requests).await?;
        Ok(self.requests())
    }

    /// Waits until what was seen is enough.
    ///
    /// # Errors
    /// Where it is not within a minute.
    pub async fn until(&self, is_enough: impl Fn(&Seen) -> bool) -> Result<Seen, NeverCame> {
        self.shared.records.until(is_enough).await
    }

    /// Ends it, and waits until the port is free and every connection is closed.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for MockBuyers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A server with one buyer. It ends when dropped.
#[derive(Debug)]
pub struct MockBuyer(MockBuyers);

impl MockBuyer {
    const NAME: &str = "/buyer";

    /// Starts on a free port of this machine, within a Tokio runtime.
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub async fn start(behaviour: impl Into<Behaviour>) -> io::Result<Self> {
        let buyers = MockBuyers::start().await?;
        buyers.set(Self::NAME, behaviour);
        Ok(Self(buyers))
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.0.url(Self::NAME)
    }

    /// Lets it do this from the next request on.
    pub fn set(&self, behaviour: impl Into<Behaviour>) {
        self.0.set(Self::NAME, behaviour);
    }

    /// How many requests it had.
    pub fn count(&self) -> u64 {
        self.0.count(Self::NAME)
    }
}

impl std::ops::Deref for MockBuyer {
    type Target = MockBuyers;

    fn deref(&self) -> &MockBuyers {
        &self.0
    }
}

/// A port of this machine on which nobody listens: connections to it are refused,
/// and nobody else is given it as long as this lives.
#[derive(Debug)]
pub struct NobodyThere {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl NobodyThere {
    /// Takes a free port, within a Tokio runtime.
    ///
    /// # Errors
    /// Where there is none.
    pub fn bind() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    /// The address of nobody.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{}", self.address, path_of(path))
    }
}

fn path_of(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}

fn bare_path_of(name: &str) -> String {
    path_of(name.split('?').next().unwrap_or_default())
}

/// What connections share.
pub(crate) struct Shared {
    pub records: Records,
    table: Mutex<Table>,
    max_connections: u64,
    watcher: Option<Watcher>,
    started: Instant,
}

/// Buyers by path, and how often those were asked that take turns.
#[derive(Debug, Default)]
struct Table {
    named: HashMap<String, Behaviour>,
    turns: HashMap<String, usize>,
}

impl Shared {
    #[expect(clippy::disallowed_methods, reason = "requests are told by the time since the start")]
    fn new(options: Options) -> Self {
        let Options { max_connections, watcher, .. } = options;
        let records = Records::new();
        Self { records, table: Mutex::default(), max_connections, watcher, started: Instant::now() }
    }

    fn set(&self, path: String, behaviour: Behaviour) {
        let mut table = self.table();
        table.turns.remove(&path);
        table.named.insert(path, behaviour);
    }

    /// What the buyer of a path does now, and after which delay.
    pub fn decide(&self, path: &str, query: &str) -> Result<(Duration, Behaviour), Fault> {
        let named = self.table().named.get(path).cloned();
        let behaviour = named.map_or_else(|| catalogue::behaviour(path, query), Ok)?;
        let turn = if takes_turns(&behaviour) { self.table().turn(path) } else { 0 };
        let (delay, settled) = behaviour.at_turn(turn);
        Ok((delay, settled.clone()))
    }

    /// Records a request.
    pub fn keep(&self, request: Request) {
        let request = self.records.keep(request);
        if let Some(watcher) = &self.watcher {
            watcher(&request);
        }
    }

    pub fn since_start(&self) -> Duration {
        self.started.elapsed()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("records", &self.records).finish_non_exhaustive()
    }
}

impl Table {
    /// How often a path had its turn before. Beyond the bound, paths begin anew each
    /// time.
    fn turn(&mut self, path: &str) -> usize {
        if let Some(turn) = self.turns.get_mut(path) {
            *turn = turn.saturating_add(1);
            return *turn;
        }
        if self.turns.len() < MAX_TURNING_PATHS {
            self.turns.insert(path.to_owned(), 0);
        }
        0
    }
}

fn takes_turns(behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::InTurn(_) => true,
        Behaviour::After { then, .. } => takes_turns(then),
        _ => false,
    }
}

/// Takes connections until it is told to stop, and then closes them all.
async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => take(stream, &shared, &stop, &tasks),
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

fn take(stream: TcpStream, shared: &Arc<Shared>, stop: &CancellationToken, tasks: &TaskTracker) {
    let is_full = shared.records.seen().open >= shared.max_connections;
    shared.records.saw(|seen| {
        if is_full {
            seen.refused += 1;
        } else {
            seen.opened += 1;
            seen.silent += 1;
            seen.open += 1;
        }
    });
    if !is_full {
        let serving = connection::serve(stream, Arc::clone(shared));
        tasks.spawn(stop.clone().run_until_cancelled_owned(serving));
    }
}
