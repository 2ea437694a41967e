//! Who carries a command out: this process, if the data directory is free, or else
//! the server that owns it.

use crate::clock::SystemClock;
use crate::commands::serve::courier;
use crate::commands::{Command, Context, Reply, execute};
use crate::config::Settings;
use crate::data_dir::{DataDirectory, DataLock};
use crate::{handoff, secrets};
use anyhow::{Context as _, bail};
use crumb_intake::selling::{Selling, contract_faults};
use crumb_network::live::LiveNetwork;
use crumb_storage_sqlite::{SqliteOptions, SqliteStore};
use crumb_tracking::Installation;
use crumb_tracking::geo::GeoDatabase;
use crumb_tracking::installation::Keys;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How often a lock that is held is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// How many times: 15 s, longer than a server takes from its lock to its socket and
/// than most commands take.
const RETRIES: u32 = 300;

/// The way to an installation.
pub struct Owner<'s> {
    settings: &'s Settings,
    directory: DataDirectory,
}

impl<'s> Owner<'s> {
    /// Of the configured data directory, made where there is none.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn of(settings: &'s Settings) -> anyhow::Result<Self> {
        Ok(Self { settings, directory: DataDirectory::open(&settings.store)? })
    }

    /// Has a command carried out.
    ///
    /// # Errors
    /// Where the store cannot be opened, or its owner does not answer.
    pub async fn carry_out(&self, command: Command) -> anyhow::Result<Reply> {
        for _ in 0..RETRIES {
            if let Some(lock) = self.directory.lock()? {
                let reply = self.carry_out_here(command).await;
                drop(lock);
                return reply;
            }
            let name = self.directory.database_name();
            if let Some(reply) = handoff::hand_over(&self.directory.socket(), name, &command).await? {
                return Ok(reply);
            }
            tokio::time::sleep(RETRY).await;
        }
        bail!(
            "the data directory {} is in use by a process that does not answer",
            self.directory.path().display()
        )
    }

    async fn carry_out_here(&self, command: Command) -> anyhow::Result<Reply> {
        let opened = open(self.settings, &self.directory).await?;
        let listener_url = base_url(self.settings.tracking);
        let installation = Arc::new(opened.installation);
        let selling = Selling::new(Arc::clone(&installation), courier(self.settings)?);
        let context = Context { installation: &installation, selling: &selling, listener_url: &listener_url };
        Ok(execute(command, &context).await)
    }

    /// Takes the directory for a server. A command that has it is waited for, a
    /// server is not.
    ///
    /// # Errors
    /// Where somebody has it and keeps it.
    pub async fn take(&self) -> anyhow::Result<DataLock> {
        for _ in 0..RETRIES {
            if let Some(lock) = self.directory.lock()? {
                return Ok(lock);
            }
            if handoff::connect(&self.directory.socket()).await.is_ok() {
                break;
            }
            tokio::time::sleep(RETRY).await;
        }
        bail!("the data directory {} is in use by another crumb", self.directory.path().display())
    }

    /// The directory.
    pub fn directory(&self) -> &DataDirectory {
        &self.directory
    }
}

/// An installation of this process, and what is to be said about it.
pub struct Opened {
    /// It.
    pub installation: Installation<SqliteStore>,
    /// For the log.
    pub warnings: Vec<String>,
}

/// Opens the store and joins the parts. Whoever calls this has the lock.
///
/// # Errors
/// Where a part cannot be read.
pub async fn open(settings: &Settings, directory: &DataDirectory) -> anyhow::Result<Opened> {
    let key_file = settings.key_file.clone().unwrap_or_else(|| directory.key_file());
    let database = directory.database()?;
    let is_used = std::fs::metadata(&database)?.len() > 0;
    if is_used && !key_file.exists() {
        bail!(
            "the key file {} is missing, but the store {} is there: without its own key, no request id and \
             no cookie that is out in the world means anything; restore the file from a backup",
            key_file.display(),
            database.display()
        );
    }
    let secret = secrets::read_or_make(&key_file)?;
    let geo = settings.geo_database.as_deref().map(GeoDatabase::open).transpose()?;
    let path = database.clone();
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(&path, SqliteOptions::default()))
        .await?
        .with_context(|| format!("the store {} cannot be opened", database.display()))?;
    let network = LiveNetwork::load(store.clone()).await?.checking_contracts(contract_faults);
    let clock = Arc::new(SystemClock::shifted_by(settings.clock_offset_seconds));
    let keys = Keys::derive(&secret.bytes);
    let installation = Installation::new(store, network, clock, keys, settings.node, geo).await?;
    let installation = installation.limiting_pings(settings.pings);
    Ok(Opened { installation, warnings: secret.warning.into_iter().collect() })
}

/// The base of links where the network names none: the listener's address, or this
/// machine's own where it listens on all.
pub fn base_url(listener: SocketAddr) -> String {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listener.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_an_address_that_can_be_opened() {
        assert_eq!(base_url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
        assert_eq!(base_url("[::]:8080".parse().unwrap()), "http://[::1]:8080");
        assert_eq!(base_url("10.1.2.3:80".parse().unwrap()), "http://10.1.2.3:80");
    }
}
