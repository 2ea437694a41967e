//! Where each value comes from: the command line wins over the environment, that
//! over the file, and the file over the default.

use super::environment;
use super::keys::{self, KEYS, Key, Kind};
use std::collections::BTreeMap;
use std::fmt;

/// The prefix of every variable that is ours.
pub const PREFIX: &str = "CRUMB_";

/// The variable that is no key of the file: it is for rehearsals, and must not stay in one.
pub const CLOCK_OFFSET: &str = "CRUMB_CLOCK_OFFSET_SECONDS";

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Texts.
    List(Vec<String>),
    /// A whole number.
    Integer(i64),
}

/// Where a value was written. The later one wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In the file of that name.
    File(String),
    /// In the key's environment variable.
    Environment,
    /// After that flag.
    CommandLine(&'static str),
}

impl Origin {
    /// A higher rank wins.
    pub fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File(_) => 1,
            Origin::Environment => 2,
            Origin::CommandLine(_) => 3,
        }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its key.
    pub key: &'static Key,
    /// What was written.
    pub value: Value,
    /// Where.
    pub origin: Origin,
}

/// The place as messages name it: `crumb.toml: store.node`, `CRUMB_STORE_NODE`, `--listen`.
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.key.path()),
            Origin::File(file) => write!(f, "{file}: {}", self.key.path()),
            Origin::Environment => f.write_str(&self.key.variable()),
            Origin::CommandLine(flag) => f.write_str(flag),
        }
    }
}

/// The winning value of every key, and what was wrong on the way.
#[derive(Debug, Default)]
pub struct Values {
    given: BTreeMap<String, Given>,
    /// One line each.
    pub errors: Vec<String>,
}

impl Values {
    /// The defaults alone.
    pub fn defaults() -> Self {
        let mut values = Self::default();
        let table: toml::Table = keys::documented_defaults().parse().unwrap_or_default();
        values.take_table(&table, &Origin::Default);
        values
    }

    /// Takes what the file says.
    pub fn take_file(&mut self, file: &str, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.take_table(&table, &Origin::File(file.to_owned())),
            Err(error) => {
                let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                self.errors.push(format!("{file}: line {line}: {}", error.message()));
            }
        }
    }

    fn take_table(&mut self, table: &toml::Table, origin: &Origin) {
        for (section, content) in table {
            let place = Origin::place(origin, section);
            if !keys::is_section(section) {
                self.errors.push(format!("{place}: unknown key"));
                continue;
            }
            let toml::Value::Table(content) = content else {
                self.errors.push(format!("{place}: must be a section, [{section}]"));
                continue;
            };
            for (name, written) in content {
                match keys::find(section, name) {
                    None => self.errors.push(format!("{place}.{name}: unknown key")),
                    Some(key) => match from_toml(key.kind, written) {
                        Ok(value) => self.put(Given { key, value, origin: origin.clone() }),
                        Err(expected) => self.errors.push(format!("{place}.{name}: must be {expected}")),
                    },
                }
            }
        }
    }

    /// Takes the environment's variables that are ours, and refuses those that are nearly so.
    pub fn take_environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        for (variable, text) in variables {
            if !variable.starts_with(PREFIX) || variable == CLOCK_OFFSET {
                continue;
            }
            if let Some(key) = KEYS.iter().find(|key| key.variable() == variable) {
                match from_text(key.kind, &text) {
                    Ok(value) => self.put(Given { key, value, origin: Origin::Environment }),
                    Err(expected) => self.errors.push(format!("{variable}: must be {expected}")),
                }
            } else {
                self.errors.extend(environment::fault(&variable, &text));
            }
        }
    }

    /// Takes what stands after a flag of the command line.
    pub fn take_flag(&mut self, flag: &'static str, section: &str, name: &str, text: Option<String>) {
        if let (Some(key), Some(text)) = (keys::find(section, name), text) {
            self.put(Given { key, value: Value::Text(text), origin: Origin::CommandLine(flag) });
        }
    }

    fn put(&mut self, given: Given) {
        self.given.insert(given.key.path(), given);
    }

    /// The value of a key; every key has one.
    pub fn get(&self, path: &str) -> Option<&Given> {
        self.given.get(path)
    }
}

impl Origin {
    fn place(&self, section: &str) -> String {
        match self {
            Origin::File(file) => format!("{file}: {section}"),
            _ => section.to_owned(),
        }
    }
}

fn from_toml(kind: Kind, written: &toml::Value) -> Result<Value, &'static str> {
    match (kind, written) {
        (Kind::Text, toml::Value::String(text)) => Ok(Value::Text(text.clone())),
        (Kind::Integer, toml::Value::Integer(number)) => Ok(Value::Integer(*number)),
        (Kind::List, toml::Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(Value::List)
            .ok_or("a list of texts"),
        (Kind::Text, _) => Err("a text in quotes"),
        (Kind::Integer, _) => Err("a whole number"),
        (Kind::List, _) => Err("a list of texts"),
    }
}

fn from_text(kind: Kind, text: &str) -> Result<Value, &'static str> {
    Ok(match kind {
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Integer => Value::Integer(text.trim().parse().map_err(|_| "a whole number")?),
        Kind::List => Value::List(
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
        ),
    })
}
