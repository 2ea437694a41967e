//! From written conditions to compiled ones.

use super::value::{Among, Operand, has_order, text_for_contains};
use super::{Comparison, Node, Test, op_name};
use crate::fields::{FieldRules, pattern};
use crate::network::{Condition, FieldType, FilterOp};

/// How deep conditions may nest: deeper ones are no longer understood by those who
/// write them, and each level takes stack.
const MAX_DEPTH: usize = 16;

/// A condition that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter{path}: {message}")]
pub struct FilterError {
    /// The place behind the list's own name, counted from 0: `[1].all[0].value`.
    /// The text of the error calls the list `filter`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

pub(super) fn nodes(
    conditions: &[Condition],
    rules: &FieldRules,
    path: &str,
    depth: usize,
) -> Result<Vec<Node>, FilterError> {
    let place = |index| format!("{path}[{index}]");
    conditions
        .iter()
        .enumerate()
        .map(|(index, condition)| node(condition, rules, &place(index), depth))
        .collect()
}

fn node(condition: &Condition, rules: &FieldRules, path: &str, depth: usize) -> Result<Node, FilterError> {
    if depth >= MAX_DEPTH {
        let message = format!("conditions nest deeper than {MAX_DEPTH}");
        return Err(FilterError { path: path.to_owned(), message });
    }
    match condition {
        Condition::Compare { field, op, value } => {
            comparison(field, *op, value.as_deref(), rules, path).map(Node::Compare)
        }
        Condition::All(all) => nodes(all, rules, &format!("{path}.all"), depth + 1).map(Node::All),
        Condition::Any(any) if any.is_empty() => Err(FilterError {
            path: format!("{path}.any"),
            message: "needs at least one condition".to_owned(),
        }),
        Condition::Any(any) => nodes(any, rules, &format!("{path}.any"), depth + 1).map(Node::Any),
        Condition::Not(not) => {
            node(not, rules, &format!("{path}.not"), depth + 1).map(|node| Node::Not(Box::new(node)))
        }
    }
}

fn comparison(
    field: &str,
    op: FilterOp,
    value: Option<&str>,
    rules: &FieldRules,
    path: &str,
) -> Result<Comparison, FilterError> {
    let error = |key: &str, message| FilterError { path: format!("{path}.{key}"), message };
    let Some(rule) = rules.field(field) else {
        return Err(error("field", format!("no field {field:?} in the vertical")));
    };
    let field_type = rule.field().field_type;
    if is_ordering(op) && !has_order(field_type) {
        let message = format!("{} compares numbers, dates, strings and zips only", op_name(op));
        return Err(error("op", message));
    }
    let wanted = value.unwrap_or_default();
    let test = test(op, field_type, wanted).map_err(|message| error("value", message))?;
    let name = &rule.field().name;
    let place = rules.fields().take_while(|other| other.field().name != *name).count();
    Ok(Comparison { field: name.clone(), place, field_type, op, wanted: wanted.to_owned(), test })
}

fn is_ordering(op: FilterOp) -> bool {
    matches!(op, FilterOp::Lt | FilterOp::Le | FilterOp::Gt | FilterOp::Ge | FilterOp::Between)
}

fn test(op: FilterOp, field_type: FieldType, wanted: &str) -> Result<Test, String> {
    let one = |text: &str| match text.trim() {
        "" => Err("needs a value".to_owned()),
        text => Operand::read(field_type, text),
    };
    let single = || one(wanted).map(|operand| Among::from_iter([operand]));
    let list = || {
        let texts = wanted.split('|').filter(|text| !text.trim().is_empty());
        let among = texts.map(one).collect::<Result<Among, _>>()?;
        if among.is_empty() { Err("needs a value".to_owned()) } else { Ok(among) }
    };
    match op {
        FilterOp::Exists => Ok(Test::Exists),
        FilterOp::Eq => single().map(Test::Among),
        FilterOp::Ne => single().map(Test::NotAmong),
        FilterOp::In => list().map(Test::Among),
        FilterOp::NotIn => list().map(Test::NotAmong),
        FilterOp::Contains => match text_for_contains(field_type, wanted) {
            part if part.trim().is_empty() => Err("needs a value".to_owned()),
            part => Ok(Test::Contains(part)),
        },
        FilterOp::Matches => pattern::compile(wanted).map(Test::Matches),
        FilterOp::Lt | FilterOp::Le | FilterOp::Gt | FilterOp::Ge => Ok(Test::Order(op, one(wanted)?)),
        FilterOp::Between => {
            let ends: Vec<&str> = wanted.split('|').collect();
            let [low, high] = ends.as_slice() else {
                return Err(format!("{wanted:?} is no range like \"18|65\""));
            };
            let (low, high) = (one(low)?, one(high)?);
            if low.is_above(&high) {
                return Err(format!("nothing lies within {wanted:?}"));
            }
            Ok(Test::Between(low, high))
        }
    }
}
