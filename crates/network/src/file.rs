//! The network file's text: TOML or JSON of one structure, the ending tells which.

use crate::error::FileError;
use crate::secrets::is_secret;
use crate::tables::Tables;
use crate::tree::Tree;
use crumb_domain::network::{
    Affiliate, Blacklist, Buyer, Campaign, Contract, Creative, DeliveryMethod, Event, Field, Network, Offer,
    OfferContract, ScheduleRow, Settings, Vertical, Webhook,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The notation of a network file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// `.toml`, and every other ending.
    Toml,
    /// `.json`.
    Json,
}

impl FileFormat {
    /// By a file's ending.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("json") => Self::Json,
            _ => Self::Toml,
        }
    }
}

/// Reads a network file. What it says is not checked against anything yet.
///
/// # Errors
/// The first fault of the notation, or the first fault of each entity.
pub fn parse(text: &str, format: FileFormat) -> Result<Network, Vec<FileError>> {
    // Some editors put a mark before the first letter, which JSON does not know.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree: Tree = match format {
        FileFormat::Toml => toml::from_str(text).map_err(|error| vec![toml_fault(text, &error)])?,
        FileFormat::Json => serde_json::from_str(text)
            .map_err(|error| vec![FileError::new("", format!("not valid JSON: {error}"))])?,
    };
    let not_finite = tree.not_finite();
    if !not_finite.is_empty() {
        return Err(not_finite.into_iter().map(|place| FileError::new(place, "is no number")).collect());
    }
    let Tree::Table(pairs) = tree else {
        return Err(vec![FileError::new("", "a network file is one table")]);
    };
    let mut network = Network::default();
    let mut errors = Vec::new();
    for (key, value) in pairs {
        match key.as_str() {
            "network" => match entity(value, "network") {
                Ok(settings) => network.network = Some(settings),
                Err(error) => errors.push(error),
            },
            "blacklist" => network.blacklist = entities(value, &key, &mut errors),
            "vertical" => network.vertical = entities(value, &key, &mut errors),
            "advertiser" => network.advertiser = entities(value, &key, &mut errors),
            "offer" => network.offer = entities(value, &key, &mut errors),
            "affiliate" => network.affiliate = entities(value, &key, &mut errors),
            "campaign" => network.campaign = entities(value, &key, &mut errors),
            "buyer" => network.buyer = entities(value, &key, &mut errors),
            "contract" => network.contract = entities(value, &key, &mut errors),
            "webhook" => network.webhook = entities(value, &key, &mut errors),
            _ => errors.push(FileError::new(key, "unknown key")),
        }
    }
    if errors.is_empty() { Ok(network) } else { Err(errors) }
}

fn toml_fault(text: &str, error: &toml::de::Error) -> FileError {
    let place = error.span().and_then(|span| text.get(..span.start)).map(|before| {
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!(" at line {line} column {column}")
    });
    FileError::new("", format!("not valid TOML: {}{}", error.message().trim(), place.unwrap_or_default()))
}

fn entities<T: DeserializeOwned>(list: Tree, key: &str, errors: &mut Vec<FileError>) -> Vec<T> {
    let Tree::List(items) = list else {
        errors.push(FileError::new(key, format!("must be a list of tables: [[{key}]]")));
        return Vec::new();
    };
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match entity(item, &format!("{key}[{index}]")) {
            Ok(entity) => read.push(entity),
            Err(error) => errors.push(error),
        }
    }
    read
}

/// One entity of a file (or of a request body of the same structure), its faults
/// named from `place` on.
///
/// # Errors
/// The first fault.
pub fn parse_entity<T: DeserializeOwned>(value: serde_json::Value, place: &str) -> Result<T, FileError> {
    serde_path_to_error::deserialize(Tables(value)).map_err(|error| {
        let inner = error.path().to_string();
        fault(place, if inner == "." { "" } else { &inner }, &error.into_inner().to_string())
    })
}

fn entity<T: DeserializeOwned>(tree: Tree, place: &str) -> Result<T, FileError> {
    parse_entity(tree.into_value(), place)
}

/// Turns a message of the reader into one for the writer of the file.
fn fault(place: &str, inner: &str, message: &str) -> FileError {
    let path = if inner.is_empty() { place.to_owned() } else { format!("{place}.{inner}") };
    let quoted = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    let below =
        |key: String| if path.ends_with(&format!(".{key}")) { path.clone() } else { format!("{path}.{key}") };
    if let Some(rest) = message.strip_prefix("missing field `") {
        return FileError::new(format!("{path}.{}", quoted(rest)), "required");
    }
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return FileError::new(below(quoted(rest)), "unknown key");
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (value, expected) = rest.split_once("`, expected ").unwrap_or((rest, "another"));
        return FileError::new(
            path,
            format!("unknown value \"{value}\", expected {}", expected.replace('`', "\"")),
        );
    }
    let kind = place.split('[').next().unwrap_or_default();
    if message.starts_with("invalid ") && is_secret(kind, inner) {
        return FileError::new(path, "is not in the expected form; it is not shown, because it is a secret");
    }
    FileError::new(path, in_words(&message.replace('`', "")))
}

/// Says what was expected in the words of the file instead of the program's types.
fn in_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let expected = match expected {
        "i32" | "i64" => "a whole number",
        "u16" | "u32" | "u64" => "a whole number, not negative",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{found}, expected {expected}")
}

/// The network as a TOML file, keys at their defaults left out.
pub fn to_toml(network: &Network) -> String {
    // A tree without nulls whose root is a table is always TOML.
    toml::to_string(&tree_of(network)).unwrap_or_default()
}

/// The network as a JSON file, keys at their defaults left out.
pub fn to_json(network: &Network) -> String {
    serde_json::to_string_pretty(&tree_of(network)).unwrap_or_default() + "\n"
}

fn tree_of(network: &Network) -> Tree {
    let mut pairs = Vec::new();
    if let Some(settings) = &network.network {
        pairs.push(("network".to_owned(), brief::<Settings>(Tree::of(settings), &["name"])));
    }
    let mut list = |key: &str, items: Vec<Tree>| {
        if !items.is_empty() {
            pairs.push((key.to_owned(), Tree::List(items)));
        }
    };
    list("blacklist", plain::<Blacklist>(&network.blacklist, &["affiliate"]));
    list("vertical", network.vertical.iter().map(vertical).collect());
    list("advertiser", network.advertiser.iter().map(Tree::of).collect());
    list("offer", network.offer.iter().map(offer).collect());
    list("affiliate", plain::<Affiliate>(&network.affiliate, &["id", "name"]));
    list("campaign", plain::<Campaign>(&network.campaign, &["id", "affiliate", "offer"]));
    list("buyer", plain::<Buyer>(&network.buyer, &["id", "name"]));
    list("contract", network.contract.iter().map(contract).collect());
    list("webhook", plain::<Webhook>(&network.webhook, &["id", "name", "url", "secret"]));
    Tree::Table(pairs)
}

fn plain<T: Serialize + DeserializeOwned>(items: &[T], required: &[&str]) -> Vec<Tree> {
    items.iter().map(|item| brief::<T>(Tree::of(item), required)).collect()
}

fn vertical(vertical: &Vertical) -> Tree {
    let tree = brief::<Vertical>(Tree::of(vertical), &["id", "name"]);
    nested(tree, "field", |field| brief::<Field>(field, &["name", "type"]))
}

fn offer(offer: &Offer) -> Tree {
    let tree = brief::<Offer>(Tree::of(offer), &["id", "name", "vertical", "type"]);
    let tree = nested(tree, "creative", |creative| brief::<Creative>(creative, &["id", "name"]));
    let tree = nested(tree, "contract", |contract| brief::<OfferContract>(contract, &["id"]));
    nested(tree, "event", |event| brief::<Event>(event, &["id", "name"]))
}

fn contract(contract: &Contract) -> Tree {
    let required = ["id", "buyer", "vertical", "name", "schedule", "post"];
    let tree = brief::<Contract>(Tree::of(contract), &required);
    let method = |method| brief::<DeliveryMethod>(method, &["method"]);
    let tree = nested(nested(tree, "ping", method), "post", method);
    nested(tree, "schedule", |row| brief::<ScheduleRow>(row, &["days", "open", "close", "price", "type"]))
}

/// A table without the keys that are at their defaults: those that an entity made
/// of its required keys alone has too.
fn brief<T: Serialize + DeserializeOwned>(tree: Tree, required: &[&str]) -> Tree {
    let Tree::Table(pairs) = tree else { return tree };
    let least = pairs.iter().filter(|(key, _)| required.contains(&key.as_str())).cloned().collect();
    let defaults =
        serde_json::from_value::<T>(Tree::Table(least).into_value()).map(|entity| Tree::of(&entity));
    let is_default = |key: &str, value: &Tree| match &defaults {
        Ok(defaults) => !required.contains(&key) && defaults.get(key) == Some(value),
        Err(_) => false,
    };
    let kept = pairs.into_iter().filter(|(key, value)| !is_default(key, value));
    Tree::Table(
        kept.map(|(key, value)| (key, without_nulls(value))).filter(|(_, v)| *v != Tree::Null).collect(),
    )
}

/// Neither notation needs "none" written, and TOML cannot.
fn without_nulls(tree: Tree) -> Tree {
    match tree {
        Tree::List(items) => Tree::List(items.into_iter().map(without_nulls).collect()),
        Tree::Table(pairs) => {
            let kept = pairs.into_iter().filter(|(_, value)| *value != Tree::Null);
            Tree::Table(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        other => other,
    }
}

/// Applies a change to what stands under a key: a table, or each table of a list.
fn nested(tree: Tree, key: &str, change: impl Fn(Tree) -> Tree) -> Tree {
    let Tree::Table(pairs) = tree else { return tree };
    let changed = pairs.into_iter().map(|(name, value)| {
        let value = match value {
            Tree::List(items) if name == key => Tree::List(items.into_iter().map(&change).collect()),
            Tree::Table(_) if name == key => change(value),
            other => other,
        };
        (name, value)
    });
    Tree::Table(changed.collect())
}
