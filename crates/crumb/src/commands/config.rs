//! `crumb config default` and `crumb config check`.

use super::terminal::one_line;
use super::{Command, Context, Reply, Result, findings};
use crate::config::Settings;
use crate::data_dir::present_store;
use crate::owner::Owner;
use crumb_delivery::outbound::AddressPolicy;
use crumb_domain::lead::LeadStatus;
use crumb_intake::selling::findings::{mailing, refused_addresses};
use crumb_network::Snapshot;
use crumb_storage::leads::LeadFilter;
use crumb_storage::{PageRequest, Store};
use crumb_tracking::geo::GeoDatabase;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What is wrong with settings that can be read (exit 1), and what to know about
/// them and the network (exit 0).
///
/// # Errors
/// Where the store cannot be read.
pub async fn check(settings: &Settings) -> Result {
    let mut reply = check_settings(settings);
    if present_store(&settings.store).is_err() {
        // Looking must not make it.
        let directory = &settings.store.directory;
        let what = if directory.exists() { "has no store yet" } else { "is not there yet" };
        let warning = format!("warning: the data directory {} {what}\n", directory.display());
        reply.stdout.push_str(&warning);
        return Ok(reply);
    }
    let network = Command::Check { means: Means::of(settings) };
    let of_network = Owner::of(settings)?.carry_out(network).await?;
    reply.stdout.push_str(&of_network.stdout);
    reply.stderr.push_str(&of_network.stderr);
    reply.exit = reply.exit.max(of_network.exit);
    Ok(reply)
}

fn check_settings(settings: &Settings) -> Reply {
    let mut reply = Reply::default();
    if let Some(path) = &settings.geo_database
        && let Err(error) = GeoDatabase::open(path)
    {
        reply.stderr.push_str(&format!("geo.database: {error}\n"));
        reply.exit = 1;
    }
    if settings.admin == settings.tracking && settings.admin.port() != 0 {
        let address = settings.admin;
        reply.stderr.push_str(&format!("listen.admin: {address} is the tracking listener's address, too\n"));
        reply.exit = 1;
    }
    if settings.clock_offset_seconds != 0 {
        let offset = settings.clock_offset_seconds;
        reply.stdout.push_str(&format!("warning: the clock is shifted by {offset} s\n"));
    }
    reply
}

/// What to know about the network before traffic comes.
pub async fn check_network<S: Store + Clone>(context: &Context<'_, S>, means: Means) -> Result {
    let snapshot = context.installation.network.snapshot();
    let mut lines = Vec::new();
    if snapshot.settings().global_redirect.is_none() {
        lines.push("warning: no global redirect: traffic that goes nowhere else is answered 404".to_owned());
    }
    lines.extend(unmet(&snapshot, means).iter().map(|warning| format!("warning: {warning}")));
    lines.extend(findings::warnings(&snapshot).iter().map(|warning| format!("warning: {warning}")));
    for secret in snapshot.missing_secrets() {
        lines.push(format!("warning: a secret is not in the environment: {}", one_line(&secret)));
    }
    let filter = LeadFilter { status: Some(LeadStatus::PendingUnknown), ..LeadFilter::default() };
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    let held = context.installation.store.leads(filter, page).await?.total;
    lines.push(format!("held leads: {held}"));
    let faults = findings::faults(&snapshot);
    let stderr = faults.iter().map(|fault| format!("{fault}\n")).collect();
    Ok(Reply { stdout: lines.join("\n") + "\n", stderr, exit: u8::from(!faults.is_empty()) })
}

/// What of the server's settings a network may count on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Means {
    /// Countries can be told.
    has_geo: bool,
    /// Mails can be sent.
    has_mail: bool,
    /// Networks that may be called although they are not public.
    outbound_allow: Vec<IpNet>,
}

impl Means {
    /// Those of some settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            has_geo: settings.geo_database.is_some(),
            has_mail: settings.mail.is_some(),
            outbound_allow: settings.outbound_allow.clone(),
        }
    }
}

/// What the network asks for and the settings do not give.
pub fn unmet(snapshot: &Snapshot, means: Means) -> Vec<String> {
    let naming = snapshot.offers().filter(|offer| !offer.offer.countries.is_empty());
    let mut offers: Vec<_> = naming.map(|offer| offer.offer.id).collect();
    offers.sort_unstable();
    let countries = (!means.has_geo && !offers.is_empty())
        .then(|| format!("no geo database: countries are not enforced (offers {})", listed(&offers)));
    let mailing = mailing(snapshot);
    let mails = (!means.has_mail && !mailing.is_empty()).then(|| {
        format!("no mail relay (mail.relay): contracts {} cannot be sent their mails", listed(&mailing))
    });
    let policy = AddressPolicy::new(means.outbound_allow);
    let refused = refused_addresses(snapshot, &policy).into_iter();
    let refused = refused.map(|found| format!("{found}, and outbound.allow names no such network"));
    countries.into_iter().chain(mails).chain(refused).collect()
}

fn listed<T: ToString>(ids: &[T]) -> String {
    ids.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
