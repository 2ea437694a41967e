//! Conditions on a lead's values: inbound filters, lead tiers, buyers' filters.
//!
//! A condition compares by its field's type:
//!
//! | type | equal if | has an order |
//! |---|---|---|
//! | number | the same number, exactly (`18` is `18.0`) | yes |
//! | date | the same day; a wanted day may be `today-21y` | yes |
//! | string | the same text, upper and lower case apart | by code points |
//! | zip | the same text; five wanted digits are held against the first five | by code points |
//! | list, email | the same text without regard to case | no |
//! | phone | the same digits | no |
//! | bool | both true or both false, in any of the bool forms | no |
//! | ip | the same address | no |
//!
//! An absent or blank value, or one that cannot be read by its field's type (a lead
//! that came through review may hold one), equals nothing and is neither more nor
//! less than anything: `ne` and `not_in` hold for it, all else fails. `contains`
//! and `matches` look at the value as it is kept, `exists` only at whether there is
//! one.

mod compile;
#[cfg(test)]
mod tests;
mod value;

pub use compile::FilterError;

use crate::fields::FieldRules;
use crate::network::{Condition, FieldType, FilterOp};
use crate::time::Day;
use regex::Regex;
use std::cmp::Ordering;
use std::fmt;
use value::{Among, Found, Operand, text_for_contains};

/// How a filter looks a value up: by the field's name as the vertical has it.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A compiled list of conditions, all of which must hold.
#[derive(Debug, Clone)]
pub struct Filter {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Compare(Comparison),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

#[derive(Debug, Clone)]
struct Comparison {
    field: String,
    /// The field's place in its vertical.
    place: usize,
    field_type: FieldType,
    op: FilterOp,
    wanted: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Contains(String),
    Matches(Regex),
    Among(Among),
    NotAmong(Among),
    Order(FilterOp, Operand),
    Between(Operand, Operand),
}

/// The first condition that a lead does not fulfil. Its text is one sentence for
/// people; it holds the lead's value, so it belongs to the lead and not into a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The field; of `any` and `not` those within, comma-separated.
    pub field: String,
    /// The op's name in the network file, or `any` or `not`.
    pub op: &'static str,
    /// What it is compared with; of `any` and `not` the conditions within.
    pub wanted: String,
    /// What the lead has; of `any` and `not` by field. `None` = nothing.
    pub found: Option<String>,
}

impl Filter {
    /// Compiles a list of conditions over the fields of a vertical.
    ///
    /// # Errors
    ///
    /// The first condition that cannot hold by its making, with its place: a field
    /// that the vertical does not have, a value that cannot be read by the field's
    /// type, an order where the type has none, a `between` without two ends, a bad
    /// regular expression, an empty `any`, conditions nested too deep.
    pub fn compile(conditions: &[Condition], rules: &FieldRules) -> Result<Filter, FilterError> {
        compile::nodes(conditions, rules, "", 0).map(|nodes| Filter { nodes })
    }

    /// Whether a lead fulfils all conditions. `value` gives its value of a field, by
    /// the field's name as the vertical has it; `today` is the day in the network's
    /// zone.
    ///
    /// # Errors
    ///
    /// The first condition that does not hold.
    pub fn matches(&self, value: &dyn Fn(&str) -> Option<String>, today: Day) -> Result<(), Unmatched> {
        let holds = |node: &&Node| node.holds(&Source::Asked(value), today);
        match self.nodes.iter().find(|node| !holds(node)) {
            None => Ok(()),
            Some(node) => Err(node.unmatched(value, today)),
        }
    }

    /// As [`Filter::matches`], for a lead that is held against many filters: its
    /// values were read once, and nothing says which condition fails.
    ///
    /// The values are read by the field rules that the filter was compiled with.
    pub fn holds(&self, values: &LeadValues, today: Day) -> bool {
        self.nodes.iter().all(|node| node.holds(&Source::Read(values), today))
    }
}

/// A lead's values, read by their fields' types.
#[derive(Debug, Clone)]
pub struct LeadValues {
    /// By the field's place in its vertical.
    found: Vec<Option<Found>>,
}

impl LeadValues {
    /// Reads a lead's values. `value` gives its value of a field, by the field's name
    /// as the vertical has it.
    pub fn read<'v>(rules: &FieldRules, value: &dyn Fn(&str) -> Option<&'v str>) -> Self {
        let found = rules.fields().map(|rule| {
            let field = rule.field();
            Found::read(field.field_type, value(&field.name)?)
        });
        Self { found: found.collect() }
    }
}

/// Where the values of a lead are taken from.
enum Source<'a> {
    Asked(Lookup<'a>),
    Read(&'a LeadValues),
}

impl Node {
    fn holds(&self, source: &Source<'_>, today: Day) -> bool {
        match self {
            Node::Compare(comparison) => match source {
                Source::Read(values) => {
                    let found = values.found.get(comparison.place);
                    comparison.holds(found.and_then(Option::as_ref), today)
                }
                Source::Asked(value) => {
                    let text = value(&comparison.field);
                    let found = text.and_then(|text| Found::read(comparison.field_type, &text));
                    comparison.holds(found.as_ref(), today)
                }
            },
            Node::All(nodes) => nodes.iter().all(|node| node.holds(source, today)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(source, today)),
            Node::Not(node) => !node.holds(source, today),
        }
    }

    /// Why this node, which does not hold, does not.
    fn unmatched(&self, value: Lookup<'_>, today: Day) -> Unmatched {
        let (op, wanted) = match self {
            Node::Compare(comparison) => {
                return Unmatched {
                    field: comparison.field.clone(),
                    op: op_name(comparison.op),
                    wanted: comparison.wanted.clone(),
                    found: found(value, &comparison.field),
                };
            }
            Node::All(nodes) => {
                let failing = nodes.iter().find(|node| !node.holds(&Source::Asked(value), today));
                if let Some(node) = failing {
                    return node.unmatched(value, today);
                }
                ("all", joined(nodes, " and "))
            }
            Node::Any(nodes) => ("any", joined(nodes, " or ")),
            Node::Not(node) => ("not", node.to_string()),
        };
        let mut fields = Vec::new();
        self.collect_fields(&mut fields);
        let given: Vec<String> = fields
            .iter()
            .map(|field| match found(value, field) {
                Some(text) => format!("{field} is {text:?}"),
                None => format!("{field} is not given"),
            })
            .collect();
        Unmatched { field: fields.join(", "), op, wanted, found: Some(given.join(", ")) }
    }

    fn collect_fields<'a>(&'a self, fields: &mut Vec<&'a str>) {
        match self {
            Node::Compare(comparison) if !fields.contains(&comparison.field.as_str()) => {
                fields.push(&comparison.field);
            }
            Node::Compare(_) => {}
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| node.collect_fields(fields)),
            Node::Not(node) => node.collect_fields(fields),
        }
    }
}

impl Comparison {
    fn holds(&self, found: Option<&Found>, today: Day) -> bool {
        let Some(found) = found else {
            return matches!(self.test, Test::NotAmong(_));
        };
        let value = found.value.as_ref();
        let order = |operand: &Operand| operand.order_of(value?, today);
        let is_among = |wanted: &Among| value.is_some_and(|value| wanted.holds(value, today));
        match &self.test {
            Test::Exists => true,
            Test::Contains(part) => text_for_contains(self.field_type, &found.text).contains(part.as_str()),
            Test::Matches(pattern) => pattern.is_match(&found.text),
            Test::Among(wanted) => is_among(wanted),
            Test::NotAmong(wanted) => !is_among(wanted),
            Test::Order(op, bound) => order(bound).is_some_and(|order| match op {
                FilterOp::Lt => order == Ordering::Less,
                FilterOp::Le => order != Ordering::Greater,
                FilterOp::Gt => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }),
            Test::Between(low, high) => {
                order(low).is_some_and(|order| order != Ordering::Less)
                    && order(high).is_some_and(|order| order != Ordering::Greater)
            }
        }
    }
}

/// A field's value, trimmed; a blank one counts as absent.
fn found(value: Lookup<'_>, field: &str) -> Option<String> {
    value(field).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn op_name(op: FilterOp) -> &'static str {
    match op {
        FilterOp::Eq => "eq",
        FilterOp::Ne => "ne",
        FilterOp::In => "in",
        FilterOp::NotIn => "not_in",
        FilterOp::Contains => "contains",
        FilterOp::Lt => "lt",
        FilterOp::Le => "le",
        FilterOp::Gt => "gt",
        FilterOp::Ge => "ge",
        FilterOp::Between => "between",
        FilterOp::Matches => "matches",
        FilterOp::Exists => "exists",
    }
}

fn joined(nodes: &[Node], word: &str) -> String {
    nodes.iter().map(Node::to_string).collect::<Vec<_>>().join(word)
}

/// The condition in few words: `state in "CA|NV"`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Compare(Comparison { field, op: FilterOp::Exists, .. }) => write!(f, "{field} exists"),
            Node::Compare(Comparison { field, op, wanted, .. }) => {
                write!(f, "{field} {} {wanted:?}", op_name(*op))
            }
            Node::All(nodes) => write!(f, "({})", joined(nodes, " and ")),
            Node::Any(nodes) => write!(f, "({})", joined(nodes, " or ")),
            Node::Not(node) => write!(f, "not ({node})"),
        }
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, op, wanted, found } = self;
        let must = match *op {
            "eq" => "must be",
            "ne" => "must not be",
            "in" => "must be one of",
            "not_in" => "must be none of",
            "contains" => "must contain",
            "lt" => "must be less than",
            "le" => "must be at most",
            "gt" => "must be more than",
            "ge" => "must be at least",
            "between" => "must be within",
            "matches" => "must match",
            "exists" => return write!(f, "{field} must be given."),
            group => {
                let found = found.as_deref().unwrap_or("nothing is given");
                let verb = if group == "not" { "must not hold" } else { "must hold" };
                return write!(f, "{wanted} {verb}, but {found}.");
            }
        };
        match found {
            Some(found) => write!(f, "{field} {must} {wanted:?} but is {found:?}."),
            None => write!(f, "{field} {must} {wanted:?} but is not given."),
        }
    }
}
