//! A server for one test: real listeners, a real store, a fake clock.

use crate::browser::Visitor;
use crate::client::{Client, Reply, Request, Witness};
use crate::clock::FakeClock;
use crumb_delivery::mail::{MailOptions, Mailer};
use crumb_delivery::{Courier, Outbound, OutboundOptions, Postman};
use crumb_domain::Clock;
use crumb_domain::pings::PingLimits;
use crumb_domain::request_id::Node;
use crumb_intake::selling::{Selling, SellingObserver, contract_faults};
use crumb_network::{FileFormat, LiveNetwork};
use crumb_outbox::{Outbox, OutboxObserver};
use crumb_server::Threads;
use crumb_server::admin::AdminOptions;
use crumb_server::api::key::new_api_key;
use crumb_server::edge::Edge;
use crumb_server::metrics::Metrics;
use crumb_storage::AccessStore as _;
use crumb_storage::access::ApiKey;
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use crumb_tracking::Installation;
use crumb_tracking::geo::GeoDatabase;
use crumb_tracking::installation::Keys;
use rusqlite::Connection;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a test's server is started with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Peers whose forwarded addresses count, as CIDRs.
    pub trusted_proxies: Vec<String>,
    /// A MaxMind-format file.
    pub geo_database: Option<PathBuf>,
    /// Pages beyond which the store's file is full.
    pub max_store_pages: Option<u32>,
    /// How far pings may go.
    pub pings: PingLimits,
    /// How long the store waits for a lock as [`Server::lock_store`] holds it.
    pub store_patience: Option<Duration>,
    /// The relay that takes mails, as `host:port`.
    pub relay: Option<String>,
    /// Who is told of what is sold, in place of the metrics.
    pub observer: Option<Observer>,
}

/// Somebody who is told of what is sold, at the moments at which it happens.
#[derive(Clone)]
pub struct Observer(pub Arc<dyn SellingObserver>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// Holds what the API answers against its description, where a crate's tests ask for that.
#[cfg(feature = "description")]
const WITNESS: Option<Witness> = Some(crate::description::holds);
#[cfg(not(feature = "description"))]
const WITNESS: Option<Witness> = None;

/// A running server.
pub struct Server {
    /// Its clock.
    pub clock: Arc<FakeClock>,
    /// Its parts.
    pub site: Arc<Installation<SqliteStore>>,
    /// What sells its leads.
    pub selling: Arc<Selling<SqliteStore>>,
    /// What delivers its postbacks and webhooks; without any jitter.
    pub outbox: Arc<Outbox<SqliteStore, Postman>>,
    /// A client of the tracking listener.
    pub tracking: Client,
    /// A client of the admin listener.
    pub admin: Client,
    /// Where the tracking listener is.
    pub tracking_address: SocketAddr,
    key: String,
    options: Options,
    stop: CancellationToken,
    tasks: TaskTracker,
    directory: Arc<TempDir>,
}

impl Server {
    /// Starts a server with a network file's text (TOML).
    ///
    /// # Panics
    /// Where it cannot be started: the test cannot go on.
    pub async fn start(network: &str) -> Self {
        Self::start_with(network, Options::default()).await
    }

    /// Starts a server with options.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub async fn start_with(network: &str, options: Options) -> Self {
        let directory = Arc::new(TempDir::new().expect("a directory for the test"));
        let mut server = Self::serve(directory, Arc::new(FakeClock::new()), options).await;
        server.key = server.api_key("admin").await;
        server.apply(network).await;
        server
    }

    /// Stops it as a signal does, and starts another on the same data at the same
    /// moment (but other ports).
    ///
    /// # Panics
    /// Where it cannot be started.
    pub async fn restart(mut self) -> Self {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let (clock, directory) = (Arc::clone(&self.clock), Arc::clone(&self.directory));
        let (key, options) = (std::mem::take(&mut self.key), std::mem::take(&mut self.options));
        drop(self);
        let mut server = Self::serve(directory, clock, options).await;
        server.key = key;
        server
    }

    /// Starts another on a copy of the data as it lies on disk now, at the same moment:
    /// what there is after a crash. This one goes on, without the other's knowledge.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub async fn crashed(&self) -> Self {
        let directory = TempDir::new().expect("a directory for the test");
        for file in std::fs::read_dir(self.directory.path()).expect("the data can be listed") {
            let file = file.expect("the data can be listed");
            // The store's index of its log is made anew, as after a loss of power.
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), directory.path().join(file.file_name())).expect("a copy");
            }
        }
        let mut server =
            Self::serve(Arc::new(directory), Arc::clone(&self.clock), self.options.clone()).await;
        server.key.clone_from(&self.key);
        server
    }

    async fn serve(directory: Arc<TempDir>, clock: Arc<FakeClock>, options: Options) -> Self {
        let defaults = SqliteOptions::default();
        let busy_timeout = options.store_patience.unwrap_or(defaults.busy_timeout);
        let store_options = SqliteOptions { max_pages: options.max_store_pages, busy_timeout, ..defaults };
        let store =
            SqliteStore::open(&directory.path().join("crumb.db"), store_options).expect("the store opens");
        let live = LiveNetwork::load(store.clone()).await.expect("the network loads");
        let live = live.checking_contracts(contract_faults);
        let geo = options
            .geo_database
            .as_ref()
            .map(|path| GeoDatabase::open(path).expect("the geo database opens"));
        let keys = Keys::derive(&[7; 32]);
        let node = Node::new(0).expect("0 is a node");
        let shared_clock: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let site = Installation::new(store, live, shared_clock, keys, node, geo)
            .await
            .expect("the store can be read");
        let site = Arc::new(site.limiting_pings(options.pings));
        let metrics = Arc::new(Metrics::new().expect("each series has its own name"));
        let trusted = options.trusted_proxies.iter().map(|text| text.parse().expect("a CIDR")).collect();
        let allow = vec!["127.0.0.0/8".parse().expect("a CIDR")];
        let outbound = Outbound::new(OutboundOptions { allow, ..OutboundOptions::default() });
        let outbound = Arc::new(outbound.expect("the client starts"));
        let mailer = options.relay.as_ref().map(|relay| {
            let from = "Leads <leads@crumb.example>".to_owned();
            let relay = MailOptions { relay: relay.clone(), from, credentials: None };
            Arc::new(Mailer::new(relay).expect("a relay"))
        });
        let courier = Courier::new(Arc::clone(&outbound), mailer);
        let counts: Arc<dyn OutboxObserver> = Arc::clone(&metrics) as Arc<dyn OutboxObserver>;
        let keys = crumb_intake::webhook_keys(&site);
        let postman = Postman::new(outbound, keys, Arc::clone(&clock) as Arc<dyn Clock>);
        let outbox =
            Outbox::new(site.store.clone(), postman, Arc::clone(&clock) as Arc<dyn Clock>, counts, || 0);
        let outbox = Arc::new(outbox);
        let observer = match &options.observer {
            Some(Observer(observer)) => Arc::clone(observer),
            None => Arc::clone(&metrics) as Arc<dyn SellingObserver>,
        };
        let selling = Arc::new(Selling::new(Arc::clone(&site), courier).observed_by(observer));
        selling.recover().await.expect("what was left in hand is settled");
        let edge =
            Arc::new(Edge::new(Arc::clone(&site), Arc::clone(&selling), Arc::clone(&metrics), trusted));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(Arc::clone(&selling).run_queue(stop.clone()));
        tasks.spawn(Arc::clone(&selling).run_held(stop.clone()));
        tasks.spawn(Arc::clone(&outbox).run(stop.clone()));
        let tracking = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let tracking_address = tracking.local_addr().expect("a bound socket has an address");
        let threads = Threads::start().expect("threads");
        tasks.spawn(edge.serve(tracking, threads, stop.clone()));
        let admin = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let admin_address = admin.local_addr().expect("a bound socket has an address");
        let admin_options =
            AdminOptions { listener_url: format!("http://{tracking_address}"), ..AdminOptions::default() };
        let router = crumb_server::admin::admin_router(
            Arc::clone(&site),
            Arc::clone(&selling),
            metrics,
            admin_options,
        );
        tasks.spawn(crumb_server::admin::serve(admin, router, stop.clone()));
        Self {
            clock,
            site,
            selling,
            outbox,
            tracking: Client::new(tracking_address),
            admin: Client::new(admin_address).witnessed(WITNESS),
            tracking_address,
            key: String::new(),
            options,
            stop,
            tasks,
            directory,
        }
    }

    /// Takes the store's lock, as another process may: until the guard is dropped no write
    /// is taken.
    ///
    /// # Panics
    /// Where it cannot be had.
    pub fn lock_store(&self) -> StoreLock {
        let connection = Connection::open(self.directory.path().join("crumb.db")).expect("the store's file");
        connection.busy_timeout(Duration::from_secs(60)).expect("a time to wait");
        connection.execute_batch("BEGIN IMMEDIATE").expect("the store's lock");
        StoreLock(connection)
    }

    /// Changes the store's file by SQL, as only a fault of the disk or another program would.
    ///
    /// # Panics
    /// Where it cannot be changed.
    pub fn edit_store(&self, sql: &str) {
        let connection = Connection::open(self.directory.path().join("crumb.db")).expect("the store's file");
        connection.busy_timeout(Duration::from_secs(60)).expect("a time to wait");
        connection.execute_batch(sql).expect("SQL that can be run");
    }

    /// Applies a further network file.
    ///
    /// # Panics
    /// Where it is faulty.
    #[expect(clippy::disallowed_methods, reason = "tests need random post keys, not the same ones")]
    pub async fn apply(&self, network: &str) {
        let file =
            crumb_network::parse(network, FileFormat::Toml).unwrap_or_else(|errors| panic!("{errors:?}"));
        let now = self.clock.now();
        self.site
            .network
            .apply(file, false, now, &mut rand::rng())
            .await
            .unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// All bytes of its store's files, to look for what must not be in them.
    ///
    /// # Panics
    /// Where they cannot be read.
    pub fn stored_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).expect("the directory can be read");
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            std::fs::read(file.expect("an entry").path()).expect("a file of the store can be read")
        };
        files.flat_map(read).collect()
    }

    /// A new API key of a role.
    #[expect(clippy::disallowed_methods, reason = "tests need a random key, not the same one")]
    pub async fn api_key(&self, role: &str) -> String {
        let (key, hash) = new_api_key(&mut rand::rng());
        let kept = ApiKey {
            hash,
            name: format!("{role} {}", &key[key.len() - 6..]),
            role: role.to_owned(),
            created_at: self.clock.now(),
            revoked_at: None,
        };
        self.site.store.create_api_key(kept).await.expect("the key is stored");
        key
    }

    /// A visitor of the tracking domain, with cookies of its own.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(self.tracking.clone())
    }

    /// `GET` of the API with an admin's key; `target` begins after `/api/v1`.
    pub async fn api(&self, target: &str) -> Reply {
        self.admin.send(Request::get(&format!("/api/v1{target}")).bearer(&self.key)).await
    }

    /// `POST` of JSON to the API with an admin's key; `target` begins after `/api/v1`.
    pub async fn api_post(&self, target: &str, body: &serde_json::Value) -> Reply {
        let request = Request::post(&format!("/api/v1{target}"), "application/json", &body.to_string());
        self.admin.send(request.bearer(&self.key)).await
    }

    /// The API's JSON, where it answers 200.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn api_json(&self, target: &str) -> serde_json::Value {
        let reply = self.api(target).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        reply.json()
    }
}

/// The store's lock, held by somebody else.
pub struct StoreLock(Connection);

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Its end closes the connection, which gives the lock back as well.
        let _ = self.0.execute_batch("ROLLBACK");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
