//! `crumb demo`: a small network, the server, an advertiser's own site, and buyers, to
//! watch a lead's way in a browser.
//!
//! The server is the one that `crumb serve` runs. The advertiser's site stands
//! beside it on a port of its own, and speaks with it as any site would: by links,
//! forms, pixels and posts. Only the page that shows what arrives looks inside. The
//! buyers have a port of their own as well, and are asked as any buyer is.

mod buyers;
mod journal;
mod pasted;
mod scenarios;
mod site;
mod stored;
#[cfg(test)]
mod tests;

use crate::cli::DemoArguments;
use crate::commands::ports::cannot_listen;
use crate::commands::serve::{self, Starting};
use crate::commands::{Command, NetworkFile};
use crate::config::{Flags, LogFormat, Settings};
use crate::owner::base_url;
use anyhow::{Context as _, ensure};
use crumb_domain::CampaignId;
use crumb_mock_buyer::{MockBuyers, Options};
use crumb_server::posting_doc::{Kind, Method, Subject, create_share};
use ipnet::{IpNet, Ipv4Net};
use journal::Journal;
use pasted::Commands;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use scenarios::{Addresses, PARTNER_CAMPAIGN};
use site::Site;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

/// The network, as a person would write it.
const NETWORK: &str = include_str!("network.toml");

/// A change of it, to replay leads with; it is written beside the demo's data.
const WHAT_IF: &str = include_str!("what-if.toml");

/// The commands in it, which are about the demo's data where nothing else was said.
const WRITTEN_COMMANDS: [&str; 2] = [
    "crumb replay --network data/demo/what-if.toml --data data/demo",
    "crumb plan data/demo/what-if.toml --data data/demo",
];

/// What the file is called there.
const WHAT_IF_NAME: &str = "what-if.toml";

/// What the network file calls the network.
const NETWORK_NAME: &str = "Crumb demo";

/// Where the network file has the advertiser's site, and the same site under a name
/// that a browser takes for another one.
const WRITTEN_SITE: (&str, &str) = ("http://127.0.0.1:8090/", "http://localhost:8090/");

/// Where the network file has the buyers.
const WRITTEN_BUYERS: &str = "http://127.0.0.1:8095/";

/// How many bits the networks of this machine have in common: `127.0.0.0/8`.
const LOOPBACK_BITS: u8 = 8;

/// Where the demo keeps its data, apart from any other, where nothing else is said.
const DATA: &str = "data/demo";

/// The file of the advertiser's own database.
const SITE_DATABASE: &str = "sunny-auto-quotes.db";

/// The name of the API key that each start makes anew.
const KEY_NAME: &str = "demo";

/// Runs the demo until a signal ends it.
///
/// # Errors
/// Why it could not start, or which part of it failed.
pub fn run(mut flags: Flags, arguments: &DemoArguments) -> anyhow::Result<()> {
    if flags.data.is_none() && flags.database.is_none() {
        // Whatever the environment or a file names is not the demo's to change.
        flags.data = Some(DATA.to_owned());
    }
    let mut settings = Settings::read(&flags)?;
    if settings.log_level == "info" {
        // The terminal is for what to open; trouble is still told.
        settings.log_level = "warn".to_owned();
        settings.log_format = LogFormat::Text;
    }
    // For this process only: no file says that buyers may be on this machine.
    settings.outbound_allow.push(Ipv4Net::new(Ipv4Addr::LOCALHOST, LOOPBACK_BITS)?.into());
    settings.outbound_allow.push(IpNet::from(arguments.buyers_listen.ip()));
    settings.outbound_allow.push(IpNet::from(arguments.landing_listen.ip()));
    let address = arguments.landing_listen;
    let listener = TcpListener::bind(address)
        .map_err(|error| cannot_listen("landing page", "--landing-listen", address, &error))?;
    let database = settings.store.directory.join(SITE_DATABASE);
    let what_if = settings.store.directory.join(WHAT_IF_NAME);
    let commands = Commands::of(&settings.store.directory, flags.database.as_deref(), &what_if);
    serve::run_with(&settings, async |starting| {
        check_network(starting)?;
        let landing = listener.local_addr()?;
        let buyers = start_buyers(arguments.buyers_listen).await?;
        let written = |text| network_file(text, landing, buyers.address());
        if !what_if.exists() {
            // People may have changed it since.
            std::fs::write(&what_if, with_commands(&written(WHAT_IF), &commands))
                .with_context(|| format!("the file {} cannot be written", what_if.display()))?;
        }
        let file = NetworkFile::embedded("network.toml", written(NETWORK));
        starting.done(Command::Apply { file, prune: false }).await?;
        buyers.set("/", buyers::list(starting.installation().network.snapshot().network()));
        let addresses = addresses(starting, landing, buyers.address(), commands).await?;
        let stop = starting.stop();
        let journal = Arc::new(Journal::default());
        stored::recall(&journal, starting.installation()).await?;
        let recording = Arc::clone(&journal).record(Arc::clone(starting.installation()), stop.clone());
        let site = Site::open(&database, addresses.clone(), Arc::clone(starting.installation()), journal)
            .with_context(|| format!("the advertiser's database {} cannot be opened", database.display()))?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        starting.start("journal", recording);
        starting.start("landing pages", site.serve(listener, stop.clone()));
        starting.start("buyers", async move {
            stop.cancelled().await;
            buyers.stop().await;
        });
        Ok(scenarios::guide(&addresses))
    })
}

/// Refuses a data directory that is somebody's real one.
fn check_network(starting: &Starting) -> anyhow::Result<()> {
    let snapshot = starting.installation().network.snapshot();
    let name = &snapshot.settings().name;
    ensure!(
        snapshot.version().0 == 0 || name == NETWORK_NAME,
        "the data directory holds the network {name:?}; the demo wants one of its own (--data)"
    );
    Ok(())
}

/// Starts who buys.
async fn start_buyers(address: SocketAddr) -> anyhow::Result<MockBuyers> {
    let started = MockBuyers::start_with(Options::default().listen(address)).await;
    started.map_err(|error| cannot_listen("buyers'", "--buyers-listen", address, &error))
}

/// A network file, with the advertiser's site and the buyers where they really are.
fn network_file(text: &str, landing: SocketAddr, buyers: SocketAddr) -> String {
    let (here, elsewhere) = WRITTEN_SITE;
    // The buyers last: wherever the site really is, its addresses hold none of theirs.
    text.replace(here, &format!("{}/", base_url(landing)))
        .replace(elsewhere, &format!("{}/", scenarios::other_site(landing)))
        .replace(WRITTEN_BUYERS, &format!("{}/", base_url(buyers)))
}

/// The change to replay with, with its commands as they can be pasted.
fn with_commands(text: &str, commands: &Commands) -> String {
    let [replay, plan] = WRITTEN_COMMANDS;
    text.replace(replay, &commands.replay()).replace(plan, &commands.plan())
}

/// Where everything is, keys and signed addresses made.
async fn addresses(
    starting: &Starting,
    landing: SocketAddr,
    buyers: SocketAddr,
    commands: Commands,
) -> anyhow::Result<Addresses> {
    // The last start's key is nobody's any more; the first start has none to revoke.
    let _ = starting.done(Command::KeyRevoke { name: KEY_NAME.to_owned() }).await;
    let key = Command::KeyCreate { role: "admin".to_owned(), name: KEY_NAME.to_owned() };
    let snapshot = starting.installation().network.snapshot();
    let campaign = snapshot.campaign(CampaignId(PARTNER_CAMPAIGN));
    let campaign_key =
        campaign.and_then(|campaign| campaign.key.as_ref()).context("the network has no partner")?;
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes the address")]
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let (subject, method) = (Subject::Campaign(CampaignId(PARTNER_CAMPAIGN)), Some(Method::Server));
    let share = create_share(
        starting.installation(),
        starting.tracking_url(),
        (Kind::Leads, subject),
        method,
        &mut rng,
    );
    Ok(Addresses {
        tracking: starting.tracking_url().to_owned(),
        admin: starting.admin_url().to_owned(),
        landing: base_url(landing),
        buyers: base_url(buyers),
        partner_key: campaign_key.expose().to_owned(),
        api_key: starting.done(key).await?.trim_end().to_owned(),
        posting_document: share.await?,
        commands,
    })
}
