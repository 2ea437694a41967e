//! `crumb serve`: the server, from its lock to its last answer.

use super::apply::NetworkFile;
use super::config::{Means, unmet};
use super::ports::Port;
use super::{Command, Context, Reply, execute};
use crate::cli::ServeArguments;
use crate::config::Settings;
use crate::descriptors;
use crate::handoff::Socket;
use crate::logging;
use crate::owner::{Owner, base_url, open};
use anyhow::{Context as _, anyhow};
use crumb_delivery::mail::Mailer;
use crumb_delivery::{Courier, Outbound, OutboundOptions, Postman};
use crumb_intake::selling::{Selling, SellingObserver};
use crumb_outbox::{Outbox, OutboxObserver};
use crumb_server::Threads;
use crumb_server::admin::{AdminOptions, admin_router};
use crumb_server::edge::Edge;
use crumb_server::metrics::Metrics;
use crumb_storage::AlertStore as _;
use crumb_storage_sqlite::SqliteStore;
use crumb_tracking::{Installation, alerts_by_mail};
use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often another process's or node's change of the network is looked for: half
/// of the second within which it must be taken up.
const REFRESH: Duration = Duration::from_millis(500);

/// How long threads that block may take to end, after everything else has.
const LAST_THREADS: Duration = Duration::from_secs(5);

/// How long a part rests that panicked: it may do so again at once.
const AFTER_PANIC: Duration = Duration::from_millis(200);

/// Runs the server until a signal ends it.
///
/// # Errors
/// Why it could not start, or which part of it failed.
pub fn run(settings: &Settings, arguments: &ServeArguments) -> anyhow::Result<()> {
    let file = arguments.network.as_deref().map(NetworkFile::read).transpose()?;
    run_with(settings, async |starting| match file {
        Some(file) => starting.done(Command::Apply { file, prune: false }).await.map(|_| String::new()),
        None => Ok(String::new()),
    })
}

/// Runs the server, prepared by the caller before anybody can connect to it; what the caller
/// says then is printed as soon as everybody can.
///
/// # Errors
/// Why it could not start, or which part of it failed.
pub fn run_with<P>(settings: &Settings, prepare: P) -> anyhow::Result<()>
where
    P: AsyncFnOnce(&mut Starting) -> anyhow::Result<String>,
{
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The lock is held until the store is closed, which the runtime's end sees to.
    let ended = runtime.block_on(async {
        let owner = Owner::of(settings)?;
        let lock = owner.take().await?;
        anyhow::Ok((lock, serve(settings, &owner, prepare).await))
    });
    runtime.shutdown_timeout(LAST_THREADS);
    ended.and_then(|(_lock, served)| served)
}

async fn serve<P>(settings: &Settings, owner: &Owner<'_>, prepare: P) -> anyhow::Result<()>
where
    P: AsyncFnOnce(&mut Starting) -> anyhow::Result<String>,
{
    let mut signals = Signals::listen()?;
    // Before anything is written: where another server listens already, nothing is changed. One
    // that starts at this same moment may be the first to listen all the same: then this ends
    // there, with its network file applied to its own store, and has served nobody.
    let tracking = Port::take("tracking", "--listen", settings.tracking)?;
    let admin = Port::take("admin", "--admin-listen", settings.admin)?;
    let opened = open(settings, owner.directory()).await?;
    let installation = Arc::new(opened.installation);
    let metrics = Arc::new(Metrics::new()?);
    let observer: Arc<dyn SellingObserver> = Arc::clone(&metrics) as Arc<dyn SellingObserver>;
    let selling = Selling::new(Arc::clone(&installation), courier(settings)?).observed_by(observer);
    let selling = Arc::new(selling);
    let outbox = outbox(settings, &installation, &metrics)?;
    if !settings.alerts_to.is_empty() {
        let rows = Arc::clone(&installation.rows);
        installation.store.tell_alerts(alerts_by_mail(rows, settings.alerts_to.clone()));
    }
    let mut starting = Starting {
        carrier: Carrier { installation, selling: Arc::clone(&selling), url: base_url(tracking.address()) },
        admin_url: base_url(admin.address()),
        parts: Parts { running: JoinSet::new(), stop: CancellationToken::new() },
    };
    let guide = prepare(&mut starting).await?;
    let Starting { carrier, mut parts, .. } = starting;
    let (tracking, admin) = (tracking.listen()?, admin.listen()?);
    // Whoever closed our output wants no guide.
    let _ = std::io::stdout().write_all(guide.as_bytes());
    let _ = std::io::stdout().flush();
    logging::start(settings);
    let mut warnings = opened.warnings;
    let snapshot = carrier.installation.network.snapshot();
    warnings.extend(unmet(&snapshot, Means::of(settings)));
    announce(settings, &carrier.installation, &tracking, &admin, &warnings);
    let (stop, closed) = (parts.stop.clone(), carrier.installation.store.closed());
    let socket = Socket::bind(owner.directory().socket())?;
    selling.recover().await?;
    parts.start_listeners(settings, &carrier, &metrics, (tracking, admin), warnings)?;
    parts.start("queue", Arc::clone(&selling).run_queue(stop.clone()));
    parts.start("held", selling.run_held(stop.clone()));
    let outbox_stop = stop.clone();
    parts.start_again("outbox", move || Arc::clone(&outbox).run(outbox_stop.clone()));
    let (retention, kept) = (settings.retention, Arc::clone(&carrier.installation));
    let stopped = stop.clone();
    parts.start_again("retention", move || {
        let (stopped, kept) = (stopped.clone(), Arc::clone(&kept));
        async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = retention.run(kept) => {}
            }
        }
    });
    parts.start("refresh", refresh(Arc::clone(&carrier.installation), stop.clone()));
    let database = owner.directory().database_name();
    parts.start(
        "handoff",
        socket.serve(database, stop, move |command| {
            let carrier = carrier.clone();
            async move { carrier.execute(command).await }
        }),
    );
    parts.run_until(&mut signals, closed, settings.drain).await
}

/// A server whose ports are taken and whose store is open, and to which nobody can
/// connect yet.
pub struct Starting {
    carrier: Carrier,
    admin_url: String,
    parts: Parts,
}

impl Starting {
    /// The installation that will be served.
    pub fn installation(&self) -> &Arc<Installation<SqliteStore>> {
        &self.carrier.installation
    }

    /// The tracking listener's own address, as a URL without a path.
    pub fn tracking_url(&self) -> &str {
        &self.carrier.url
    }

    /// The admin listener's address, as a URL without a path.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Carries a command out, and gives what it printed.
    ///
    /// # Errors
    /// Where it was not done, with its reasons.
    pub async fn done(&self, command: Command) -> anyhow::Result<String> {
        let reply = self.carrier.execute(command).await;
        if reply.exit == 0 { Ok(reply.stdout) } else { Err(anyhow!(reply.stderr.trim_end().to_owned())) }
    }

    /// What tells further parts to end.
    pub fn stop(&self) -> CancellationToken {
        self.parts.stop.clone()
    }

    /// Starts a further part of the process, which ends when [`Self::stop`] says so.
    pub fn start(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        self.parts.start(name, part);
    }
}

/// What takes leads to buyers, as the settings allow it.
///
/// # Errors
/// Where the client or the mail relay cannot be set up.
pub fn courier(settings: &Settings) -> anyhow::Result<Courier> {
    Ok(Courier::new(outbound(settings)?, mailer(settings)?))
}

/// What hands mails to the relay, where there is one.
fn mailer(settings: &Settings) -> anyhow::Result<Option<Arc<Mailer>>> {
    Ok(settings.mail.clone().map(Mailer::new).transpose()?.map(Arc::new))
}

/// What calls out, as the settings allow it.
fn outbound(settings: &Settings) -> anyhow::Result<Arc<Outbound>> {
    Ok(Arc::new(Outbound::new(outbound_options(settings))?))
}

fn outbound_options(settings: &Settings) -> OutboundOptions {
    OutboundOptions {
        allow: settings.outbound_allow.clone(),
        max_in_flight: settings.outbound_calls,
        ..OutboundOptions::default()
    }
}

/// What delivers postbacks and webhooks. It has a client of its own, so that receivers
/// which are slow never take a buyer's place.
fn outbox(
    settings: &Settings,
    installation: &Arc<Installation<SqliteStore>>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Arc<Outbox<SqliteStore, Postman>>> {
    let counts: Arc<dyn OutboxObserver> = Arc::clone(metrics) as Arc<dyn OutboxObserver>;
    let (store, clock) = (installation.store.clone(), Arc::clone(&installation.clock));
    let keys = crumb_intake::webhook_keys(installation);
    let postman = Postman::new(outbound(settings)?, keys, Arc::clone(&clock)).mailing(mailer(settings)?);
    Ok(Arc::new(Outbox::new(store, postman, clock, counts, chance)))
}

/// By how much an attempt is put off beyond its schedule, in per mille of the most: what
/// failed together must not come back together.
#[expect(clippy::disallowed_methods, reason = "when a delivery is tried again is nobody's decision")]
fn chance() -> u16 {
    rand::random_range(0..1_000)
}

/// The first lines of the log: where it listens, and what an operator must know.
fn announce(
    settings: &Settings,
    installation: &Installation<SqliteStore>,
    tracking: &TcpListener,
    admin: &TcpListener,
    warnings: &[String],
) {
    let address = |listener: &TcpListener| listener.local_addr().map(|a| a.to_string()).unwrap_or_default();
    tracing::info!(
        tracking = address(tracking),
        admin = address(admin),
        data = %settings.store.directory.display(),
        version = env!("CARGO_PKG_VERSION"),
        config_version = installation.network.snapshot().version().0,
        "listening"
    );
    if settings.clock_offset_seconds != 0 {
        tracing::warn!(
            offset_seconds = settings.clock_offset_seconds,
            "the clock is shifted by {} seconds",
            settings.clock_offset_seconds
        );
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    for secret in installation.network.snapshot().missing_secrets() {
        tracing::warn!(secret, "a secret is not in the environment");
    }
}

/// Carries out the commands that come over the socket, and the network file's.
#[derive(Clone)]
struct Carrier {
    installation: Arc<Installation<SqliteStore>>,
    selling: Arc<Selling<SqliteStore>>,
    url: String,
}

impl Carrier {
    async fn execute(&self, command: Command) -> Reply {
        let context =
            Context { installation: &self.installation, selling: &self.selling, listener_url: &self.url };
        execute(command, &context).await
    }
}

/// The parts of the server, which run until it stops.
struct Parts {
    running: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Parts {
    fn start(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(async move {
            part.await;
            name
        });
    }

    /// The same for a part that keeps nothing which the store does not have: where it
    /// panics it is begun again.
    fn start_again<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        part: impl Fn() -> F + Send + 'static,
    ) {
        self.start(name, async move {
            while let Err(error) = tokio::spawn(part()).await {
                tracing::error!(%error, part = name, "a part of the server panicked; it is begun again");
                tokio::time::sleep(AFTER_PANIC).await;
            }
        });
    }

    fn start_listeners(
        &mut self,
        settings: &Settings,
        Carrier { installation, selling, .. }: &Carrier,
        metrics: &Arc<Metrics>,
        (tracking, admin): (TcpListener, TcpListener),
        warnings: Vec<String>,
    ) -> anyhow::Result<()> {
        let stop = &self.stop;
        let listener_url = base_url(tracking.local_addr()?);
        let options = AdminOptions { warnings, stop: stop.clone(), listener_url };
        let routes =
            admin_router(Arc::clone(installation), Arc::clone(selling), Arc::clone(metrics), options);
        let edge = Arc::new(Edge::new(
            Arc::clone(installation),
            Arc::clone(selling),
            Arc::clone(metrics),
            settings.trusted_proxies.clone(),
        ));
        let threads = Threads::start().context("the threads that serve connections cannot be started")?;
        let (stop_tracking, stop_admin) = (stop.clone(), stop.clone());
        self.start("tracking", edge.serve(tracking, threads, stop_tracking));
        self.start("admin", crumb_server::admin::serve(admin, routes, stop_admin));
        Ok(())
    }

    /// Waits for a signal, or for the end of the store or of a part, tells the parts to
    /// stop, and lets them finish for as long as they may. A second signal ends the wait.
    async fn run_until(
        mut self,
        signals: &mut Signals,
        store_closed: impl Future<Output = ()>,
        drain: Duration,
    ) -> anyhow::Result<()> {
        let failed = tokio::select! {
            name = signals.next() => {
                tracing::info!(signal = name, "stopping");
                None
            }
            // It would answer 503 for ever: a fresh process can do better.
            () = store_closed => {
                let error = "the store's writing thread has ended: nothing can be recorded until a restart";
                tracing::error!("{error}");
                Some(anyhow!(error))
            }
            // No part ends by itself: one that does has failed, and half a server helps nobody.
            ended = self.running.join_next() => Some(match ended {
                Some(Ok(name)) => anyhow!("the {name} part ended"),
                Some(Err(error)) => anyhow!("a part failed: {error}"),
                None => anyhow!("nothing runs"),
            }),
        };
        self.stop.cancel();
        let running = &mut self.running;
        let finished = async { while running.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => tracing::info!("stopped"),
            () = tokio::time::sleep(drain) => tracing::warn!("stopped while requests were under way: the time to drain is up"),
            _ = signals.next() => tracing::warn!("stopped while requests were under way: a second signal came"),
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Takes up versions of the network that other processes and nodes make.
async fn refresh(installation: Arc<Installation<SqliteStore>>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match installation.network.refresh().await {
            Ok(true) => {
                let version = installation.network.snapshot().version().0;
                tracing::info!(config_version = version, "took up the network's new version");
                failing = false;
            }
            Ok(false) => failing = false,
            // Once for each trouble, not twice a second.
            Err(error) if !failing => {
                tracing::error!(%error, "the network's version cannot be read");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

/// The signals that stop a server.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens for them from now on.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next that comes.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ended(
        store_closed: impl Future<Output = ()>,
        part: impl Future<Output = ()> + Send + 'static,
    ) -> String {
        let mut parts = Parts { running: JoinSet::new(), stop: CancellationToken::new() };
        let stop = parts.stop.clone();
        parts.start("tracking", part);
        let mut signals = Signals::listen().unwrap();
        let ended = parts.run_until(&mut signals, store_closed, Duration::from_secs(60)).await;
        assert!(stop.is_cancelled(), "the other parts are told");
        ended.unwrap_err().to_string()
    }

    #[test]
    fn calls_go_out_as_the_settings_allow_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("crumb.toml");
        std::fs::write(&file, "[outbound]\nallow = [\"10.1.0.0/16\"]\nmax_calls = 7\n").unwrap();
        let flags = crate::config::Flags { config: Some(file), ..Default::default() };
        let options = outbound_options(&Settings::read(&flags).unwrap());
        assert_eq!((options.allow, options.max_in_flight), (vec!["10.1.0.0/16".parse().unwrap()], 7));
    }

    #[test]
    fn nobody_can_connect_before_the_server_is_prepared() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("crumb.toml");
        let data = directory.path().join("data");
        let any = "127.0.0.1:0";
        let text = format!("[store]\ndata = {data:?}\n[listen]\ntracking = {any:?}\nadmin = {any:?}\n");
        std::fs::write(&file, text).unwrap();
        let flags = crate::config::Flags { config: Some(file), ..Default::default() };
        let ended = run_with(&Settings::read(&flags).unwrap(), async |starting| {
            for url in [starting.tracking_url(), starting.admin_url()] {
                let address = url.trim_start_matches("http://");
                let error = tokio::net::TcpStream::connect(address).await.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{address}");
            }
            Err(anyhow!("the network file is faulty"))
        });
        assert_eq!(ended.unwrap_err().to_string(), "the network file is faulty");
    }

    #[tokio::test]
    async fn a_server_whose_store_takes_no_more_writes_ends_with_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let options = crumb_storage_sqlite::SqliteOptions::default();
        let store = SqliteStore::open(&directory.path().join("crumb.db"), options).unwrap();
        let closed = store.closed();
        let (end, ending) = tokio::sync::oneshot::channel::<()>();
        let part = async {
            drop(store);
            let _ = ending.await;
        };
        // The part goes on until it is told.
        let closed = async {
            closed.await;
            drop(end);
        };
        let error = ended(closed, part).await;
        assert_eq!(error, "the store's writing thread has ended: nothing can be recorded until a restart");
    }

    #[tokio::test]
    async fn a_part_that_panics_and_keeps_nothing_is_begun_again() {
        let begun = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (mut parts, count) =
            (Parts { running: JoinSet::new(), stop: CancellationToken::new() }, begun.clone());
        parts.start_again("outbox", move || {
            let nth = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move { assert_ne!(nth, 0, "a fault of the program") }
        });
        assert_eq!(parts.running.join_next().await.unwrap().unwrap(), "outbox");
        assert_eq!(begun.load(std::sync::atomic::Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_server_of_which_a_part_ends_ends_with_an_error() {
        assert_eq!(ended(std::future::pending(), async {}).await, "the tracking part ended");
    }
}
