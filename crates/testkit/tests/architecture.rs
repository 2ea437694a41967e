//! ARCHITECTURE.md's crate table, held against what cargo says.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that the pure ones must not reach, however far down: runtimes, sockets, engines
/// that drive them, databases.
///
/// `http`, which `wire` has, is none of these: names of headers. `getrandom` comes with
/// `rand`, whose traits the pure crates take generators by; that nobody calls it there is
/// clippy's to see (`clippy.toml`).
const IMPURE: &[&str] = &[
    "async-io",
    "async-std",
    "axum",
    "h2",
    "hyper",
    "hyper-util",
    "libsqlite3-sys",
    "mio",
    "polling",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-util",
    "tower",
];
const PURE: &[&str] = &["domain", "routing", "wire"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The platform that this was built on: crates for others need not be fetched.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc prints text");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

fn short(name: &str) -> &str {
    name.strip_prefix("crumb-").unwrap_or(name)
}

/// Each crate of ours with those of ours that it depends on; tests' dependencies
/// aside.
fn arrows(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata["packages"].as_array().expect("packages");
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package["source"].is_null())
        .filter_map(|package| package["name"].as_str())
        .collect();
    let of = |package: &Value| {
        let named = package["dependencies"].as_array().expect("dependencies").iter();
        named
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|name| ours.contains(name))
            .map(|name| short(name).to_owned())
            .collect()
    };
    packages
        .iter()
        .filter_map(|package| package["name"].as_str().map(|name| (name, package)))
        .filter(|(name, _)| ours.contains(name))
        .map(|(name, package)| (short(name).to_owned(), of(package)))
        .collect()
}

/// The table's rows: crate, and what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let lines = text.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    let rows: Vec<Vec<&str>> = lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let name = |cell: &str| cell.trim_matches('`').to_owned();
    let all: BTreeSet<String> = rows.iter().map(|row| name(row[0])).collect();
    rows.iter()
        .map(|row| {
            let may = match row[2] {
                "—" => BTreeSet::new(),
                "all" => all.clone(),
                "all but `crumb`" => all.iter().filter(|name| *name != "crumb").cloned().collect(),
                list => list.split(',').map(|cell| name(cell.trim())).collect(),
            };
            (name(row[0]), may)
        })
        .collect()
}

#[test]
fn the_table_names_each_crate_and_no_other() {
    let (arrows, table) = (arrows(&metadata()), table());
    let crates: Vec<&String> = arrows.keys().collect();
    let rows: Vec<&String> = table.keys().collect();
    assert_eq!(crates, rows);
}

#[test]
fn each_crate_uses_only_what_the_table_allows() {
    let table = table();
    for (name, uses) in arrows(&metadata()) {
        let may = &table[&name];
        let more: Vec<&String> = uses.difference(may).collect();
        assert!(more.is_empty(), "{name} also uses {more:?}");
    }
}

#[test]
fn only_the_binary_and_the_testkit_name_a_store() {
    for (name, uses) in arrows(&metadata()) {
        let names_store = uses.iter().any(|used| used.starts_with("storage-"));
        assert!(!names_store || ["crumb", "testkit"].contains(&name.as_str()), "{name} names a store");
    }
}

#[test]
fn the_pure_crates_reach_no_runtime_database_or_socket() {
    let metadata = metadata();
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a resolved graph");
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let used_by = |id: &str| -> Vec<&str> {
        let node = nodes.iter().find(|node| node["id"] == id).expect("a node of the graph");
        let normal = |dep: &&Value| {
            dep["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k["kind"].is_null()))
        };
        node["deps"]
            .as_array()
            .expect("deps")
            .iter()
            .filter(normal)
            .filter_map(|dep| dep["pkg"].as_str())
            .collect()
    };
    for pure in PURE {
        let wanted = format!("crumb-{pure}");
        let start =
            names.iter().find(|(_, name)| **name == wanted).map(|(id, _)| *id).expect("the crate is there");
        let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(used_by(id));
            }
        }
        let impure: Vec<&str> =
            reached.iter().map(|id| names[id]).filter(|name| IMPURE.contains(name)).collect();
        assert!(impure.is_empty(), "{pure} reaches {impure:?}");
    }
}

/// Crates through whose hands money goes.
const OF_MONEY: &[&str] =
    &["domain", "routing", "storage", "storage-sqlite", "tracking", "outbox", "delivery", "intake"];

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

#[test]
fn no_crate_through_which_money_goes_knows_floating_point() {
    for name in OF_MONEY {
        for path in sources(&root().join("crates").join(name).join("src")) {
            let text = std::fs::read_to_string(&path).expect("a source");
            let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            // Also as the end of a number or of a name: `0.5_f64`, `as_secs_f64`.
            let is_float = |word: &str| ["f32", "f64"].iter().any(|kind| word.ends_with(kind));
            assert!(!words.any(is_float), "{} knows floats", path.display());
        }
    }
}
