//! `crumb config default` and `crumb config check`.

use super::{Command, Context, Reply, Result, findings};
use crate::config::Settings;
use crate::owner::Owner;
use crumb_domain::lead::LeadStatus;
use crumb_network::Snapshot;
use crumb_storage::leads::LeadFilter;
use crumb_storage::{PageRequest, Store};
use crumb_tracking::geo::GeoDatabase;

/// What is wrong with settings that can be read (exit 1), and what to know about
/// them and the network (exit 0).
///
/// # Errors
/// Where the store cannot be read.
pub async fn check(settings: &Settings) -> Result {
    let mut reply = check_settings(settings);
    if !settings.store.directory.exists() {
        // Looking must not make it.
        let directory = settings.store.directory.display();
        reply.stdout.push_str(&format!("warning: the data directory {directory} is not there yet\n"));
        return Ok(reply);
    }
    let network = Command::Check { has_geo: settings.geo_database.is_some() };
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
    if settings.clock_offset_seconds != 0 {
        let offset = settings.clock_offset_seconds;
        reply.stdout.push_str(&format!("warning: the clock is shifted by {offset} s\n"));
    }
    reply
}

/// What to know about the network before traffic comes.
pub async fn check_network<S: Store + Clone>(context: &Context<'_, S>, has_geo: bool) -> Result {
    let snapshot = context.installation.network.snapshot();
    let mut lines = Vec::new();
    if snapshot.settings().global_redirect.is_none() {
        lines.push("warning: no global redirect: traffic that goes nowhere else is answered 404".to_owned());
    }
    lines.extend(countries_not_enforced(&snapshot, has_geo).map(|warning| format!("warning: {warning}")));
    lines.extend(findings::warnings(&snapshot).iter().map(|warning| format!("warning: {warning}")));
    for secret in snapshot.missing_secrets() {
        lines.push(format!("warning: a secret is not in the environment: {secret}"));
    }
    let filter = LeadFilter { status: Some(LeadStatus::PendingUnknown), ..LeadFilter::default() };
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    let held = context.installation.store.leads(filter, page).await?.total;
    lines.push(format!("held leads: {held}"));
    let faults = findings::faults(&snapshot);
    let stderr = faults.iter().map(|fault| format!("{fault}\n")).collect();
    Ok(Reply { stdout: lines.join("\n") + "\n", stderr, exit: u8::from(!faults.is_empty()) })
}

/// What to know where offers name countries that nobody can tell.
pub fn countries_not_enforced(snapshot: &Snapshot, has_geo: bool) -> Option<String> {
    let naming = snapshot.offers().filter(|offer| !offer.offer.countries.is_empty());
    let mut offers: Vec<_> = naming.map(|offer| offer.offer.id).collect();
    if has_geo || offers.is_empty() {
        return None;
    }
    offers.sort_unstable();
    let offers = offers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(format!("no geo database: countries are not enforced (offers {offers})"))
}
