//! The server's own settings: read from the command line, the environment and
//! `crumb.toml`, and checked before anything is done with them.

mod environment;
mod keys;
#[cfg(test)]
mod tests;
mod values;

pub use keys::documented_defaults;

use crumb_delivery::mail::{MailOptions, Mailer, is_bare_address};
use crumb_domain::pings::PingLimits;
use crumb_domain::request_id::Node;
use crumb_tracking::Retention;
use ipnet::IpNet;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use values::{CLOCK_OFFSET, Given, PREFIX, Value, Values};

/// The file that is read where `--config` names none.
const DEFAULT_FILE: &str = "crumb.toml";

/// The largest configuration file: a hundred times the documented defaults.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The most calls at once that may be asked for: each takes a file, of which few systems let
/// a process open more.
const MAX_OUTBOUND_CALLS: i64 = 65_536;

/// The longest drain that may be asked for, in seconds.
const MAX_DRAIN_SECONDS: i64 = 600;

/// The shortest time for a ping, in milliseconds: half of it is the buyers'. And the longest:
/// nobody's connection waits for more than a minute.
const PING_DEADLINE_MS: RangeInclusive<i64> = 500..=60_000;

/// The longest life of a quote, in seconds: its buyers are to stand by what they said.
const MAX_PING_LIFE_SECONDS: i64 = 3_600;

/// The most pings a second of one campaign: more than the store takes in from all.
const MAX_PINGS_PER_SECOND: i64 = 10_000;

/// The most days for which a log may be kept: a century, beyond which nobody means a number.
const MAX_KEPT_DAYS: i64 = 36_500;

/// The furthest that the clock may be shifted, in seconds: ten years. Row ids can
/// say no time beyond 2058.
const MAX_CLOCK_OFFSET_SECONDS: i64 = 10 * 366 * 86_400;

/// What may stand for a level in `log.level`.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The settings, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the tracking listener listens.
    pub tracking: SocketAddr,
    /// Where the admin listener listens.
    pub admin: SocketAddr,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the store is.
    pub store: StorePlace,
    /// This server's number.
    pub node: Node,
    /// The country database.
    pub geo_database: Option<PathBuf>,
    /// The key file, where it is not the data directory's.
    pub key_file: Option<PathBuf>,
    /// Networks that may be called although they are not public.
    pub outbound_allow: Vec<IpNet>,
    /// Calls to buyers in flight at most, and as many to receivers.
    pub outbound_calls: usize,
    /// The mail relay.
    pub mail: Option<MailOptions>,
    /// Who gets alerts by mail.
    pub alerts_to: Vec<String>,
    /// How long open requests may take after a signal to stop.
    pub drain: Duration,
    /// How far sellers may go with pings.
    pub pings: PingLimits,
    /// For how long logs are kept.
    pub retention: Retention,
    /// What is logged: `tracing`'s filter syntax.
    pub log_level: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// By how much the clock is shifted.
    pub clock_offset_seconds: i64,
}

/// Where the embedded store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePlace {
    /// The directory of the lock, the socket and the key file.
    pub directory: PathBuf,
    /// The database's file name in it.
    pub file: PathBuf,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<String>,
    /// `--database`.
    pub database: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--admin-listen`.
    pub admin_listen: Option<String>,
}

/// What is wrong with the configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Settings {
    /// Reads the file and the environment of this process.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn read(flags: &Flags) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => Some(read_file(path)?),
            None if Path::new(DEFAULT_FILE).exists() => Some(read_file(Path::new(DEFAULT_FILE))?),
            None => None,
        };
        Self::resolve(flags, file, &variables(std::env::vars_os())?)
    }

    /// Decides every key: command line, environment, file, default.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    fn resolve(
        flags: &Flags,
        file: Option<(String, String)>,
        variables: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let mut values = Values::defaults();
        if let Some((name, text)) = file {
            values.take_file(&name, &text);
        }
        values.take_environment(variables.iter().cloned());
        values.take_flag("--data", "store", "data", flags.data.clone());
        values.take_flag("--database", "store", "url", flags.database.clone());
        values.take_flag("--listen", "listen", "tracking", flags.listen.clone());
        values.take_flag("--admin-listen", "listen", "admin", flags.admin_listen.clone());
        let clock_offset = variables.iter().find(|(name, _)| name == CLOCK_OFFSET).map(|(_, text)| text);
        Checker { errors: std::mem::take(&mut values.errors), values }.settings(clock_offset)
    }
}

/// The variables that may be ours. One of them that is no text is refused: left
/// out, its default would hold unnoticed.
fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError(vec![format!("{name}: is not UTF-8")])),
        })
        .collect()
}

fn read_file(path: &Path) -> Result<(String, String), ConfigError> {
    let fault = |reason: String| ConfigError(vec![format!("{}: {reason}", path.display())]);
    let length = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if length > MAX_FILE_BYTES {
        return Err(fault(format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Ok((path.display().to_string(), text))
}

/// Turns written values into settings and gathers what is wrong with them.
struct Checker {
    values: Values,
    errors: Vec<String>,
}

impl Checker {
    fn settings(mut self, clock_offset: Option<&String>) -> Result<Settings, ConfigError> {
        let tracking = self.address("listen.tracking");
        let admin = self.address("listen.admin");
        let trusted_proxies = self.networks("listen.trusted_proxies");
        let store = self.store();
        let node = self.integer("store.node", 0, 127).and_then(|n| Node::new(u8::try_from(n).ok()?));
        let outbound_allow = self.networks("outbound.allow");
        let outbound_calls = self.integer("outbound.max_calls", 1, MAX_OUTBOUND_CALLS);
        let geo_database = self.path("geo.database");
        let key_file = self.path("secrets.key_file");
        let mail = self.mail();
        let alerts_to = self.alerts_to(mail.is_some());
        let drain = self.integer("limits.drain_seconds", 0, MAX_DRAIN_SECONDS);
        let pings = self.pings();
        let retention = self.retention();
        let log_level = self.log_level();
        let log_format = self.log_format();
        let clock_offset_seconds = self.clock_offset(clock_offset);
        match (tracking, admin, store, node, outbound_calls, drain, pings, retention, log_format) {
            (
                Some(tracking),
                Some(admin),
                Some(store),
                Some(node),
                Some(outbound_calls),
                Some(drain),
                Some(pings),
                Some(retention),
                Some(log_format),
            ) if self.errors.is_empty() => Ok(Settings {
                tracking,
                admin,
                trusted_proxies,
                store,
                node,
                geo_database,
                key_file,
                outbound_allow,
                outbound_calls: usize::try_from(outbound_calls).unwrap_or_default(),
                mail,
                alerts_to,
                drain: Duration::from_secs(u64::try_from(drain).unwrap_or_default()),
                pings,
                retention,
                log_level,
                log_format,
                clock_offset_seconds,
            }),
            _ => Err(ConfigError(self.errors)),
        }
    }

    fn given(&self, path: &str) -> Option<Given> {
        self.values.get(path).cloned()
    }

    fn text(&self, path: &str) -> String {
        match self.given(path).map(|given| given.value) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    }

    fn fault(&mut self, path: &str, reason: impl std::fmt::Display) {
        if let Some(given) = self.given(path) {
            self.errors.push(format!("{given}: {reason}"));
        }
    }

    fn address(&mut self, path: &str) -> Option<SocketAddr> {
        let text = self.text(path);
        let address = text.parse().ok();
        if address.is_none() {
            self.fault(path, format!("{text:?} is no address like \"127.0.0.1:8080\""));
        }
        address
    }

    fn networks(&mut self, path: &str) -> Vec<IpNet> {
        let Some(Value::List(items)) = self.given(path).map(|given| given.value) else { return Vec::new() };
        let mut networks = Vec::new();
        for item in items {
            match item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)) {
                Ok(network) => networks.push(network),
                Err(_) => self.fault(path, format!("{item:?} is no network like \"10.1.0.0/16\"")),
            }
        }
        networks
    }

    fn integer(&mut self, path: &str, lowest: i64, highest: i64) -> Option<i64> {
        let Some(Value::Integer(number)) = self.given(path).map(|given| given.value) else { return None };
        if !(lowest..=highest).contains(&number) {
            self.fault(path, format!("{number} is not between {lowest} and {highest}"));
            return None;
        }
        Some(number)
    }

    fn path(&mut self, path: &str) -> Option<PathBuf> {
        let text = self.text(path);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    /// A data directory or a database: whichever was said more strongly.
    fn store(&mut self) -> Option<StorePlace> {
        let url = self.given("store.url").filter(|given| given.value != Value::Text(String::new()));
        let data = self.given("store.data")?;
        let url = url.filter(|url| url.origin.rank() >= data.origin.rank());
        let Some(url) = url else {
            let directory = self.text("store.data");
            if directory.is_empty() {
                self.fault("store.data", "the data directory's path is empty");
                return None;
            }
            return Some(StorePlace { directory: directory.into(), file: "crumb.db".into() });
        };
        // A file made of the documented defaults names the default directory, too.
        let is_default =
            Values::defaults().get("store.data").is_some_and(|default| default.value == data.value);
        if url.origin.rank() == data.origin.rank() && !is_default {
            self.fault("store.url", "a database and a data directory are named; only one can be used");
            return None;
        }
        match store_of_url(&self.text("store.url")) {
            Ok(place) => Some(place),
            Err(reason) => {
                self.fault("store.url", reason);
                None
            }
        }
    }

    fn mail(&mut self) -> Option<MailOptions> {
        let relay = self.text("mail.relay");
        if relay.is_empty() {
            for path in ["mail.from", "mail.user", "mail.password"] {
                if !self.text(path).is_empty() {
                    self.fault(path, "needs mail.relay");
                }
            }
            return None;
        }
        let named =
            relay.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if named.is_none() {
            self.fault("mail.relay", format!("{relay:?} is no relay like \"mail.example:587\""));
        }
        if self.text("mail.from").is_empty() {
            self.fault("mail.relay", "needs mail.from");
        }
        let (user, password) = (self.text("mail.user"), self.text("mail.password"));
        if user.is_empty() && !password.is_empty() {
            self.fault("mail.password", "needs mail.user");
        }
        let credentials = (!user.is_empty()).then_some((user, password));
        let options = MailOptions { relay, from: self.text("mail.from"), credentials };
        if self.errors.is_empty()
            && let Err(error) = Mailer::new(options.clone())
        {
            self.fault("mail.from", error);
        }
        Some(options)
    }

    fn alerts_to(&mut self, has_relay: bool) -> Vec<String> {
        let Some(Value::List(to)) = self.given("mail.alerts_to").map(|given| given.value) else {
            return Vec::new();
        };
        if !to.is_empty() && !has_relay {
            self.fault("mail.alerts_to", "needs mail.relay");
        }
        for wrong in to.iter().filter(|to| !is_bare_address(to)) {
            self.fault("mail.alerts_to", format!("{wrong:?} is no e-mail address"));
        }
        to
    }

    fn pings(&mut self) -> Option<PingLimits> {
        let (shortest, longest) = PING_DEADLINE_MS.into_inner();
        let deadline_ms = self.integer("limits.ping_deadline_ms", shortest, longest);
        let life_seconds = self.integer("limits.ping_life_seconds", 1, MAX_PING_LIFE_SECONDS);
        let per_second = self.integer("limits.pings_per_second", 1, MAX_PINGS_PER_SECOND);
        Some(PingLimits {
            deadline_ms: u32::try_from(deadline_ms?).ok()?,
            life_seconds: u32::try_from(life_seconds?).ok()?,
            per_second: u32::try_from(per_second?).ok()?,
        })
    }

    fn retention(&mut self) -> Option<Retention> {
        let mut days = |name: &str| self.integer(&format!("limits.{name}"), 0, MAX_KEPT_DAYS);
        let (pixels, deliveries, attempts) =
            (days("pixel_log_days"), days("deliveries_days"), days("attempts_days"));
        Some(Retention {
            pixel_log_days: u32::try_from(pixels?).ok()?,
            deliveries_days: u32::try_from(deliveries?).ok()?,
            attempts_days: u32::try_from(attempts?).ok()?,
        })
    }

    fn log_level(&mut self) -> String {
        let text = self.text("log.level");
        // The filter itself takes a misspelt level for a part's name, and logs nothing.
        let is_level = |part: &str| {
            let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
            LEVELS.contains(&level.trim())
        };
        if !text.split(',').all(is_level) || EnvFilter::try_new(&text).is_err() {
            self.fault("log.level", format!("{text:?} is no level like \"info\""));
        }
        text
    }

    fn log_format(&mut self) -> Option<LogFormat> {
        match self.text("log.format").as_str() {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            other => {
                self.fault("log.format", format!("{other:?} is neither \"json\" nor \"text\""));
                None
            }
        }
    }

    fn clock_offset(&mut self, text: Option<&String>) -> i64 {
        let Some(text) = text.map(|text| text.trim()).filter(|text| !text.is_empty()) else { return 0 };
        match text.parse::<i64>() {
            Ok(seconds) if (-MAX_CLOCK_OFFSET_SECONDS..=MAX_CLOCK_OFFSET_SECONDS).contains(&seconds) => {
                seconds
            }
            Ok(seconds) => {
                self.errors.push(format!(
                    "{CLOCK_OFFSET}: {seconds} is not between -{MAX_CLOCK_OFFSET_SECONDS} and \
                     {MAX_CLOCK_OFFSET_SECONDS}"
                ));
                0
            }
            Err(_) => {
                self.errors.push(format!("{CLOCK_OFFSET}: must be a whole number"));
                0
            }
        }
    }
}

/// `sqlite:PATH` → where that is. The password of a refused URL is not repeated.
fn store_of_url(url: &str) -> Result<StorePlace, String> {
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Err("PostgreSQL is not in this version; use \"sqlite:PATH\"".to_owned());
    }
    let Some(path) = url.strip_prefix("sqlite:") else {
        return Err("expected \"sqlite:PATH\"".to_owned());
    };
    // sqlite:///srv/crumb.db is what other programs write for sqlite:/srv/crumb.db.
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = Path::new(path);
    let Some(file) = path.file_name().filter(|_| !path.as_os_str().is_empty()) else {
        return Err("names no file; expected \"sqlite:PATH\"".to_owned());
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(StorePlace { directory: directory.to_owned(), file: file.into() })
}
