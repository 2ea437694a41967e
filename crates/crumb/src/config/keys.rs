//! Every key that `crumb.toml` knows, with its default and what it means: the one
//! table from which the file and the environment are checked and the documented
//! defaults are printed.

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// `listen` of `[listen]`.
    pub section: &'static str,
    /// `tracking`.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The default, as it would stand in the file.
    pub default: &'static str,
    /// What it means, as comment lines of the documented defaults.
    pub about: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text; `""` is none where the key may be absent.
    Text,
    /// A list of texts; separated by commas in the environment.
    List,
    /// A whole number.
    Integer,
}

impl Key {
    /// `listen.tracking`, as messages name it.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `CRUMB_LISTEN_TRACKING`.
    pub fn variable(&self) -> String {
        format!("CRUMB_{}_{}", self.section, self.name).to_ascii_uppercase()
    }
}

/// The key of that section and name.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// Whether there is such a section.
pub fn is_section(section: &str) -> bool {
    KEYS.iter().any(|key| key.section == section)
}

/// All keys, section by section, in the order of the documented defaults.
pub const KEYS: &[Key] = &[
    Key {
        section: "listen",
        name: "tracking",
        kind: Kind::Text,
        default: "\"127.0.0.1:8080\"",
        about: "Where visitors, affiliates and advertisers come. It serves nothing else, so that\n\
                it can face the internet alone. `serve --listen` says it too.",
    },
    Key {
        section: "listen",
        name: "admin",
        kind: Kind::Text,
        default: "\"127.0.0.1:8081\"",
        about: "Where /healthz, /readyz, /metrics and the API answer: for the network's own\n\
                people only. `serve --admin-listen` says it too.",
    },
    Key {
        section: "listen",
        name: "trusted_proxies",
        kind: Kind::List,
        default: "[]",
        about: "Networks whose X-Forwarded-For and X-Forwarded-Proto are believed, and who may\n\
                have any number of connections; any other address may have 2,048 at a time.",
    },
    Key {
        section: "store",
        name: "data",
        kind: Kind::Text,
        default: "\"./data\"",
        about: "The data directory: the embedded store, its lock, its socket, the key file.\n\
                `--data` says it too.",
    },
    Key {
        section: "store",
        name: "url",
        kind: Kind::Text,
        default: "\"\"",
        about: "The database instead of a data directory: \"sqlite:/var/lib/crumb/crumb.db\";\n\
                lock, socket and key file then stand beside it. `--database` says it too.",
    },
    Key {
        section: "store",
        name: "node",
        kind: Kind::Integer,
        default: "0",
        about: "This server's number, 0 to 127, part of every id it makes. Two servers of one\n\
                network never have the same.",
    },
    Key {
        section: "outbound",
        name: "allow",
        kind: Kind::List,
        default: "[]",
        about: "Networks that buyers and postbacks may be in although they are private, as\n\
                \"10.1.0.0/16\".",
    },
    Key {
        section: "outbound",
        name: "max_calls",
        kind: Kind::Integer,
        default: "4096",
        about: "How many calls to buyers may be under way at once, 1 to 65536; as many more to those\n\
                who get postbacks and webhooks. What is over waits within its own time.",
    },
    Key {
        section: "geo",
        name: "database",
        kind: Kind::Text,
        default: "\"\"",
        about: "A country database in MaxMind's format. Without one, countries are not enforced.",
    },
    Key {
        section: "secrets",
        name: "key_file",
        kind: Kind::Text,
        default: "\"\"",
        about: "32 bytes from which every key is derived; secret.key of the data directory where\n\
                empty. Made on the first start. Whoever loses it loses every cookie and request\n\
                id; all servers of one network have the same.",
    },
    Key {
        section: "mail",
        name: "relay",
        kind: Kind::Text,
        default: "\"\"",
        about: "The mail relay, as \"mail.example:587\".",
    },
    Key { section: "mail", name: "from", kind: Kind::Text, default: "\"\"", about: "The sender's address." },
    Key {
        section: "mail",
        name: "user",
        kind: Kind::Text,
        default: "\"\"",
        about: "Who signs in to the relay; nobody where empty.",
    },
    Key {
        section: "mail",
        name: "password",
        kind: Kind::Text,
        default: "\"\"",
        about: "The password for it. CRUMB_MAIL_PASSWORD keeps it out of this file.",
    },
    Key {
        section: "mail",
        name: "alerts_to",
        kind: Kind::List,
        default: "[]",
        about: "Who gets each new alert by mail, as \"ops@example.com\". A mail that no relay takes is\n\
                tried again over three days and a half, and then parked: see crumb deliveries.",
    },
    Key {
        section: "limits",
        name: "drain_seconds",
        kind: Kind::Integer,
        default: "25",
        about: "How long a stopping server lets open requests finish, in seconds, 0 to 600. The\n\
                default is more than a sale's usual deadline and less than the 30 s after\n\
                which many a supervisor kills.",
    },
    Key {
        section: "limits",
        name: "ping_deadline_ms",
        kind: Kind::Integer,
        default: "5000",
        about: "How long a seller's ping may take until its answer, in milliseconds, 500 to 60000.\n\
                Buyers that are slower are left out. The seller may shorten it (ckm_max_seconds).",
    },
    Key {
        section: "limits",
        name: "ping_life_seconds",
        kind: Kind::Integer,
        default: "30",
        about: "How long the price that a ping was told holds, in seconds, 1 to 3600.",
    },
    Key {
        section: "limits",
        name: "pings_per_second",
        kind: Kind::Integer,
        default: "50",
        about: "How many pings a campaign may send a second, 1 to 10000, and twice as many at once\n\
                after a pause. What is over is answered with HTTP 429.",
    },
    Key {
        section: "limits",
        name: "pixel_log_days",
        kind: Kind::Integer,
        default: "92",
        about: "For how many days calls of the conversion pixel are kept in its log, up to 36500;\n\
                0 is for ever, here and below. What they made (conversions, money) stays.",
    },
    Key {
        section: "limits",
        name: "deliveries_days",
        kind: Kind::Integer,
        default: "92",
        about: "For how many days postbacks, webhooks and mails are kept that were delivered.\n\
                Parked ones are kept for ever.",
    },
    Key {
        section: "limits",
        name: "attempts_days",
        kind: Kind::Integer,
        default: "92",
        about: "For how many days it is kept what buyers were sent and answered, word for word.\n\
                What was decided, and why, stays.",
    },
    Key {
        section: "log",
        name: "level",
        kind: Kind::Text,
        default: "\"info\"",
        about: "error, warn, info, debug or trace, also per part of the program:\n\
                \"info,crumb_server=debug\".",
    },
    Key {
        section: "log",
        name: "format",
        kind: Kind::Text,
        default: "\"json\"",
        about: "json (a line each) or text, on standard error.",
    },
];

/// The documented defaults, as a file that changes nothing.
pub fn documented_defaults() -> String {
    let mut text = String::from(
        "# Crumb's own settings, with their defaults. A file like this is read from\n\
         # ./crumb.toml or from where --config says. Every key is also an environment\n\
         # variable, CRUMB_LISTEN_TRACKING for tracking of [listen], lists separated by\n\
         # commas; the command line wins over the environment, and that over the file.\n\
         # An empty text is none. CRUMB_CLOCK_OFFSET_SECONDS shifts the server's clock, for\n\
         # rehearsals. A variable that is no key, but begins as a section does or is a letter\n\
         # or two away from a key, is refused.\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            text.push_str(&format!("\n[{section}]\n"));
        }
        for line in key.about.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("{} = {}\n", key.name, key.default));
    }
    text
}
