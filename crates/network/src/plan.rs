//! What applying a file would change, line by line and without secrets unless asked for.

use crate::entity::Entity;
use crate::secrets::{MASK, is_secret, masked_body, masked_link, masked_parameter, masked_postback};
use crumb_domain::ConfigVersion;
use crumb_domain::network::Network;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// Values longer than this are cut where a plan shows them: a line stays a line.
const MAX_SHOWN_CHARACTERS: usize = 60;

/// Lists of tables whose rows are compared one by one, as a row is longer than a line. None
/// of their keys is a secret.
const ROWS: [&str; 2] = ["schedule", "caps"];

/// The end of a value that was cut.
const CUT: char = '…';

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The version on which it was planned.
    pub base: ConfigVersion,
    /// The changes, in the order of the file's tables.
    pub lines: Vec<PlanLine>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanLine {
    /// What happens.
    pub sign: PlanSign,
    /// To what, and how: `offer 100: payout 10.00 → 12.00`.
    pub text: String,
}

/// What happens to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanSign {
    /// It is made: `+`.
    Made,
    /// It is changed: `~`.
    Changed,
    /// It goes, or is made inactive instead: `-`.
    Gone,
}

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// `1 made, 2 changed, 0 gone`.
    pub fn summary(&self) -> String {
        let count = |sign| self.lines.iter().filter(|line| line.sign == sign).count();
        let (made, changed) = (count(PlanSign::Made), count(PlanSign::Changed));
        format!("{made} made, {changed} changed, {} gone", count(PlanSign::Gone))
    }
}

impl fmt::Display for Plan {
    /// One line for each change; nothing where nothing changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for PlanLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            PlanSign::Made => '+',
            PlanSign::Changed => '~',
            PlanSign::Gone => '-',
        };
        write!(f, "{sign} {}", self.text)
    }
}

/// The plan that leads from one network to another. `made_inactive` says by label
/// why something is inactive instead of gone.
pub(crate) fn plan(
    base: ConfigVersion,
    before: &Network,
    after: &Network,
    made_inactive: &BTreeMap<String, &'static str>,
    secrets: Secrets,
) -> Plan {
    let mut lines = Lines { made_inactive, secrets, lines: Vec::new() };
    lines.of(before.network.as_slice(), after.network.as_slice());
    lines.of(&before.blacklist, &after.blacklist);
    lines.of(&before.vertical, &after.vertical);
    lines.of(&before.advertiser, &after.advertiser);
    lines.of(&before.offer, &after.offer);
    lines.of(&before.affiliate, &after.affiliate);
    lines.of(&before.campaign, &after.campaign);
    lines.of(&before.buyer, &after.buyer);
    lines.of(&before.contract, &after.contract);
    lines.of(&before.webhook, &after.webhook);
    Plan { base, lines: lines.lines }
}

/// Whether a plan's lines hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// They show as [`MASK`].
    Masked,
    /// They show as they are.
    Shown,
}

struct Lines<'a> {
    made_inactive: &'a BTreeMap<String, &'static str>,
    secrets: Secrets,
    lines: Vec<PlanLine>,
}

/// The lists of an entity whose members are told apart by an id: the key in the
/// entity, the key of the id, and what a member is called.
fn members(kind: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    match kind {
        "offer" => {
            &[("creative", "id", "creative"), ("contract", "id", "offer contract"), ("event", "id", "event")]
        }
        "vertical" => &[("field", "name", "field")],
        _ => &[],
    }
}

impl Lines<'_> {
    fn of<T: Entity>(&mut self, before: &[T], after: &[T]) {
        let present: HashMap<_, &T> = before.iter().map(|entity| (entity.key(), entity)).collect();
        let next: HashMap<_, &T> = after.iter().map(|entity| (entity.key(), entity)).collect();
        let mut all: Vec<&T> = after.iter().collect();
        all.extend(before.iter().filter(|entity| !next.contains_key(&entity.key())));
        all.sort_by_cached_key(|entity| entity.order());
        for entity in all {
            let key = entity.key();
            match (present.get(&key), next.get(&key)) {
                (None, Some(_)) => self.push(PlanSign::Made, entity.label()),
                (Some(_), None) => self.push(PlanSign::Gone, entity.label()),
                (Some(old), Some(new)) if old != new => self.changed(*old, *new),
                _ => {}
            }
        }
    }

    /// A name may hold anything, and a line stays a line.
    fn push(&mut self, sign: PlanSign, text: String) {
        self.lines.push(PlanLine { sign, text: text.replace(char::is_control, " ") });
    }

    fn changed<T: Entity>(&mut self, before: &T, after: &T) {
        let label = after.label();
        if let Some(why) = self.made_inactive.get(&label) {
            return self.push(PlanSign::Gone, format!("{label} (made inactive: {why})"));
        }
        let (before, after) = (table(before), table(after));
        let members = members(T::KIND);
        let own = |table: &Map<String, Value>| -> Map<String, Value> {
            let own = table.iter().filter(|(key, _)| members.iter().all(|(list, _, _)| list != key));
            own.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let mut changes = Vec::new();
        let (old, new) = (Value::Object(own(&before)), Value::Object(own(&after)));
        compare((T::KIND, self.secrets), "", &old, &new, &mut changes);
        let mut inner = Lines { made_inactive: self.made_inactive, secrets: self.secrets, lines: Vec::new() };
        for (list, id, name) in members {
            let (old, new) = (list_of(&before, list), list_of(&after, list));
            inner.members(&label, id, name, old, new);
            let kept = |these: &[Value], those: &[Value]| -> Vec<String> {
                let ids: Vec<String> = those.iter().map(|member| shown(member.get(*id))).collect();
                these.iter().map(|member| shown(member.get(*id))).filter(|id| ids.contains(id)).collect()
            };
            if kept(old, new) != kept(new, old) {
                changes.push(format!("order of {name}s"));
            }
        }
        if !changes.is_empty() {
            self.push(PlanSign::Changed, format!("{label}: {}", changes.join(", ")));
        }
        self.lines.append(&mut inner.lines);
    }

    fn members(&mut self, of: &str, id: &str, name: &str, before: &[Value], after: &[Value]) {
        // Creatives and offer contracts are known by their id alone.
        let label = |member: &Value| match name {
            "creative" | "offer contract" => format!("{name} {}", shown(member.get(id))),
            _ => format!("{name} {} of {of}", shown(member.get(id))),
        };
        let same = |of: &str, one: &Value, other: &Value| one.get(of) == other.get(of);
        let find = |members: &[Value], wanted: &Value| members.iter().any(|member| same(id, member, wanted));
        // A field that has the id of one that is there no more is that one under a new name.
        let renamed = |old: &Value, new: &Value| {
            name == "field" && same("id", old, new) && !find(before, new) && !find(after, old)
        };
        let was = |member: &Value| {
            let known = before.iter().find(|old| same(id, old, member));
            known.or_else(|| before.iter().find(|old| renamed(old, member)))
        };
        for member in after {
            match was(member) {
                None => self.push(PlanSign::Made, label(member)),
                Some(old) if old == member => {}
                Some(old) => match self.made_inactive.get(&label(member)) {
                    Some(why) => {
                        self.push(PlanSign::Gone, format!("{} (made inactive: {why})", label(member)));
                    }
                    None => {
                        let mut changes = Vec::new();
                        compare((name, self.secrets), "", old, member, &mut changes);
                        self.push(PlanSign::Changed, format!("{}: {}", label(old), changes.join(", ")));
                    }
                },
            }
        }
        let is_renamed = |old: &Value| after.iter().any(|new| renamed(old, new));
        for member in before.iter().filter(|member| !find(after, member) && !is_renamed(member)) {
            self.push(PlanSign::Gone, label(member));
        }
    }
}

fn table<T: Entity>(entity: &T) -> Map<String, Value> {
    match serde_json::to_value(entity) {
        Ok(Value::Object(table)) => table,
        _ => Map::new(),
    }
}

fn list_of<'a>(table: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    table.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Adds `key old → new` for each difference, tables key by key.
fn compare(of: (&str, Secrets), path: &str, before: &Value, after: &Value, changes: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = |table: &Map<String, Value>| table.get(key).cloned().unwrap_or(Value::Null);
                compare(of, &path, &value(old), &value(new), changes);
            }
        }
        _ if before == after => {}
        (Value::Array(old), Value::Array(new)) if ROWS.contains(&path) => {
            for place in 0..old.len().max(new.len()) {
                let row = |rows: &[Value]| rows.get(place).cloned().unwrap_or(Value::Null);
                compare(of, &format!("{path}[{place}]"), &row(old), &row(new), changes);
            }
        }
        _ => {
            let show = |value: &Value| match of {
                (kind, Secrets::Masked) => masked(kind, path, value),
                (_, Secrets::Shown) => shown(Some(value)),
            };
            changes.push(format!("{path} {} → {}", show(before), show(after)));
        }
    }
}

fn masked(kind: &str, path: &str, value: &Value) -> String {
    match value {
        // The whole of a ping method may come or go, secrets included.
        Value::Object(_) if kind == "contract" && !is_row(path) => "{…}".to_owned(),
        Value::String(text) if is_secret(kind, path) && !text.starts_with("env:") => MASK.to_owned(),
        Value::String(link) if kind == "webhook" && path == "url" => shown(Some(&masked_link(link).into())),
        Value::String(link) if path == "postback_url" => shown(Some(&masked_postback(link).into())),
        _ if kind == "contract" => shown(Some(&masked_within(path, value))),
        _ => shown(Some(value)),
    }
}

fn is_row(path: &str) -> bool {
    path.split_once('[').is_some_and(|(list, _)| ROWS.contains(&list))
}

/// A link, a body or parameters of a buyer's method, without the secrets within.
fn masked_within(path: &str, value: &Value) -> Value {
    match (path.rsplit('.').next(), value) {
        (Some("url" | "status_url"), Value::String(link)) => masked_link(link).into(),
        (Some("body"), Value::String(body)) => masked_body(body).into(),
        (Some("params"), Value::Array(pairs)) => pairs
            .iter()
            .map(|pair| match (pair.get(0).and_then(Value::as_str), pair.get(1).and_then(Value::as_str)) {
                (Some(name), Some(value)) => serde_json::json!([name, masked_parameter(name, value)]),
                _ => pair.clone(),
            })
            .collect(),
        _ => value.clone(),
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "none".to_owned(),
        Some(Value::String(text)) if text.is_empty() => return "\"\"".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let cut: String = text.chars().take(MAX_SHOWN_CHARACTERS).collect();
    if cut.len() < text.len() { cut + &CUT.to_string() } else { cut }
}
