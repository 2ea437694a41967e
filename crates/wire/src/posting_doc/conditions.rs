//! The conditions that leads of a vertical must meet: in words, and by the examples.

use super::field::date_in_words;
use super::sample::{Sample, kept, of_pattern, usual};
use crumb_domain::fields::{FieldRule, FieldRules, day_of_bound};
use crumb_domain::filter::Filter;
use crumb_domain::network::{Condition, Field, FieldType, FilterOp};
use crumb_domain::time::Day;
use std::collections::HashMap;
use std::rc::Rc;

/// How many values of a list are told: lists of zip codes have thousands.
const MAX_TOLD: usize = 50;
/// How many values of one field are tried.
const MAX_CANDIDATES: usize = 500;
/// How many conditions the search for values looks at in all; filters have a handful, and
/// each is looked at again with each that follows.
const MAX_STEPS: usize = 2_000;

/// Each condition as a clause, with names between back quotes.
pub(super) fn clauses(conditions: &[Condition], rules: &FieldRules) -> Vec<String> {
    conditions.iter().map(|condition| clause(condition, rules)).collect()
}

fn clause(condition: &Condition, rules: &FieldRules) -> String {
    let within = |parts: &[Condition], joint: &str| {
        let parts = parts.iter().map(|part| match part {
            Condition::All(_) | Condition::Any(_) => format!("({})", clause(part, rules)),
            Condition::Compare { .. } | Condition::Not(_) => clause(part, rules),
        });
        parts.collect::<Vec<_>>().join(joint)
    };
    match condition {
        Condition::Compare { field, op, value } => {
            let wanted = value.as_deref().unwrap_or_default();
            match rules.field(field) {
                Some(rule) if rule.is_pii() => format!("`{}` {}", rule.field().name, discreet(*op, wanted)),
                Some(rule) => {
                    let Field { name, field_type, .. } = rule.field();
                    format!("`{name}` {}", predicate(*field_type, *op, wanted))
                }
                None => format!("`{field}` {}", predicate(FieldType::String, *op, wanted)),
            }
        }
        Condition::All(parts) => within(parts, " and "),
        Condition::Any(parts) => within(parts, " or "),
        Condition::Not(part) => format!("it is not so that {}", within(std::slice::from_ref(part), "")),
    }
}

/// What of a person is compared with may be of persons: those who asked not to be called, say.
fn discreet(op: FilterOp, wanted: &str) -> String {
    let count = wanted.split('|').filter(|value| !value.trim().is_empty()).count();
    match op {
        FilterOp::Exists => "is given".to_owned(),
        FilterOp::In => format!("is one of {count} values not shown here"),
        FilterOp::NotIn => format!("is none of {count} values not shown here"),
        _ => "meets a condition not shown here".to_owned(),
    }
}

fn predicate(field_type: FieldType, op: FilterOp, wanted: &str) -> String {
    let is_date = field_type == FieldType::Date;
    let one = |value: &str| match field_type {
        FieldType::Date => date_in_words(value.trim()),
        FieldType::Number => value.trim().to_owned(),
        _ => format!("\"{}\"", value.trim()),
    };
    let listed = || {
        let mut values = wanted.split('|').filter(|value| !value.trim().is_empty()).map(one);
        let told = values.by_ref().take(MAX_TOLD).collect::<Vec<_>>().join(", ");
        match values.count() {
            0 => told,
            more => format!("{told} and {more} more"),
        }
    };
    let value = || one(wanted);
    match op {
        FilterOp::Eq => format!("is {}", value()),
        FilterOp::Ne => format!("is not {}", value()),
        FilterOp::In => format!("is one of {}", listed()),
        FilterOp::NotIn => format!("is none of {}", listed()),
        FilterOp::Contains => format!("contains \"{wanted}\""),
        FilterOp::Lt if is_date => format!("is before {}", value()),
        FilterOp::Le if is_date => format!("is not after {}", value()),
        FilterOp::Gt if is_date => format!("is after {}", value()),
        FilterOp::Ge if is_date => format!("is not before {}", value()),
        FilterOp::Lt => format!("is less than {}", value()),
        FilterOp::Le => format!("is at most {}", value()),
        FilterOp::Gt => format!("is more than {}", value()),
        FilterOp::Ge => format!("is at least {}", value()),
        FilterOp::Between => {
            let (low, high) = wanted.split_once('|').unwrap_or((wanted, wanted));
            format!("is from {} to {}", one(low), one(high))
        }
        FilterOp::Matches => format!("matches the regular expression {wanted}"),
        FilterOp::Exists => "is given".to_owned(),
    }
}

/// Samples that meet the conditions, for the fields that they name. One that cannot be met
/// together with those before it leaves its field to the reader.
pub(super) fn samples(conditions: &[Condition], rules: &FieldRules, today: Day) -> HashMap<String, Sample> {
    let mut named = Vec::new();
    conditions.iter().for_each(|condition| compared(condition, &mut named));
    let mut search =
        Search { rules, today, candidates: HashMap::new(), compiled: HashMap::new(), steps: MAX_STEPS };
    for (name, ..) in &named {
        if let Some(rule) = rules.field(name) {
            let candidates = || candidates(rules, rule, &named, today);
            search.candidates.entry(rule.field().name.clone()).or_insert_with(candidates);
        }
    }
    let (mut met, mut unmet, mut goals) = (Vec::new(), Vec::new(), Vec::new());
    for condition in conditions {
        met.push((condition, true));
        let mut tried = Vec::new();
        if search.meet(met.clone(), &mut tried) {
            goals = tried;
        } else {
            met.pop();
            let mut named = Vec::new();
            compared(condition, &mut named);
            unmet.extend(named.first().and_then(|(name, ..)| rules.field(name)));
        }
    }
    let chosen = search.candidates.keys().filter_map(|name| {
        let sample = match search.first(name, &goals)? {
            Candidate { posted, kept: Some(_) } => Sample::Value(posted.clone()),
            Candidate { kept: None, .. } => Sample::LeftOut,
        };
        Some((name.clone(), sample))
    });
    let mut samples: HashMap<String, Sample> = chosen.collect();
    samples.extend(unmet.into_iter().map(|rule| (rule.field().name.clone(), Sample::ToReplace)));
    samples
}

/// What the conditions compare: field, how, and with what.
fn compared<'c>(condition: &'c Condition, all: &mut Vec<(&'c str, FilterOp, &'c str)>) {
    match condition {
        Condition::Compare { field, op, value } => {
            all.push((field, *op, value.as_deref().unwrap_or_default()));
        }
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| compared(part, all)),
        Condition::Not(part) => compared(part, all),
    }
}

/// A value that an example may have for a field.
struct Candidate {
    posted: String,
    /// As filters see it; none where the field is left out.
    kept: Option<String>,
}

/// What a field may be in an example by its own rules, likeliest first.
fn candidates(
    rules: &FieldRules,
    rule: &FieldRule,
    named: &[(&str, FilterOp, &str)],
    today: Day,
) -> Vec<Candidate> {
    let field = rule.field();
    // What a filter says of persons is no example's.
    let of_field =
        named.iter().filter(|(name, ..)| !rule.is_pii() && name.to_lowercase() == field.name.to_lowercase());
    let wanted = of_field.flat_map(|(_, op, wanted)| hints(field, *op, wanted, today));
    let right = usual(field, today).chain(wanted).filter_map(|posted| {
        let kept = kept(rules, field, &posted, today)?;
        Some(Candidate { posted, kept: Some(kept) })
    });
    let absent = (!field.required).then(|| Candidate { posted: String::new(), kept: None });
    right.take(MAX_CANDIDATES).chain(absent).collect()
}

/// Values that a comparison may hold for, or not hold for where it is turned round.
fn hints(field: &Field, op: FilterOp, wanted: &str, today: Day) -> Vec<String> {
    match op {
        FilterOp::Exists => Vec::new(),
        FilterOp::Matches => of_pattern(field.field_type, wanted).collect(),
        FilterOp::Contains => around(field.field_type, wanted),
        FilterOp::In | FilterOp::NotIn | FilterOp::Between => {
            wanted.split('|').take(MAX_TOLD).flat_map(|value| near(field, value.trim(), today)).collect()
        }
        _ => near(field, wanted.trim(), today),
    }
}

/// Values that contain a part.
fn around(field_type: FieldType, part: &str) -> Vec<String> {
    const NUMBER: &str = "4155550132";
    match field_type {
        FieldType::Phone => {
            let digits: String = part.chars().filter(char::is_ascii_digit).collect();
            let rest = NUMBER.get(digits.len()..).unwrap_or_default();
            vec![format!("{digits}{rest}")]
        }
        FieldType::Email => ["", "ann.miller"]
            .into_iter()
            .flat_map(|start| {
                ["", "example.com", "@example.com", "com"].map(|end| format!("{start}{part}{end}"))
            })
            .collect(),
        _ => vec![
            part.to_owned(),
            format!("{part}A"),
            format!("A{part}A"),
            format!("{part}1"),
            format!("1{part}1"),
        ],
    }
}

/// A value, and those just below and above it.
fn near(field: &Field, value: &str, today: Day) -> Vec<String> {
    let mut values = vec![value.to_owned()];
    match field.field_type {
        FieldType::Date => {
            let day = day_of_bound(value, today);
            let days = day.into_iter().flat_map(|day| [0, 1, -1].map(|far| Day(day.0.saturating_add(far))));
            values.extend(days.map(|day| day.to_string()));
        }
        FieldType::Number => {
            let number = value.parse::<f64>().into_iter();
            values.extend(number.flat_map(|number| {
                [number.floor() + 1.0, number.ceil() - 1.0, number + 0.01, number - 0.01]
                    .map(|n| format!("{n:.2}"))
            }));
        }
        FieldType::Zip => {
            let area = value.parse::<u32>().into_iter();
            values.extend(
                area.flat_map(|area| [area.saturating_add(1), area.saturating_sub(1)])
                    .map(|area| format!("{area:05}")),
            );
        }
        FieldType::String => values.extend([format!("{value}A"), "0".to_owned(), "z".to_owned()]),
        FieldType::List | FieldType::Email | FieldType::Phone | FieldType::Bool | FieldType::Ip => {}
    }
    values
}

/// A comparison that must hold, or not, of a field's value.
struct Goal {
    field: String,
    filter: Rc<Filter>,
    holds: bool,
}

/// A search for values that meet conditions, by what each field may be.
struct Search<'a> {
    rules: &'a FieldRules,
    today: Day,
    candidates: HashMap<String, Vec<Candidate>>,
    /// Comparisons, by where they stand: a list may have thousands of values.
    compiled: HashMap<*const Condition, Option<(String, Rc<Filter>)>>,
    steps: usize,
}

impl Search<'_> {
    /// Whether all conditions can hold, or not hold, as they are to; `goals` then are the
    /// comparisons that make them.
    fn meet(&mut self, mut open: Vec<(&Condition, bool)>, goals: &mut Vec<Goal>) -> bool {
        while let Some((condition, holds)) = open.pop() {
            let Some(steps) = self.steps.checked_sub(1) else { return false };
            self.steps = steps;
            match (condition, holds) {
                (Condition::Compare { .. }, holds) => {
                    let Some(goal) = self.goal(condition, holds) else { return false };
                    let field = goal.field.clone();
                    goals.push(goal);
                    if self.first(&field, goals).is_none() {
                        return false;
                    }
                }
                (Condition::Not(part), holds) => open.push((part, !holds)),
                (Condition::All(parts), true) | (Condition::Any(parts), false) => {
                    open.extend(parts.iter().map(|part| (part, holds)));
                }
                (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                    let so_far = goals.len();
                    return parts.iter().any(|part| {
                        goals.truncate(so_far);
                        let with_part = open.iter().copied().chain([(part, holds)]).collect();
                        self.meet(with_part, goals)
                    });
                }
            }
        }
        true
    }

    fn goal(&mut self, condition: &Condition, holds: bool) -> Option<Goal> {
        let rules = self.rules;
        let compile = || {
            let Condition::Compare { field, .. } = condition else { return None };
            let filter = Filter::compile(std::slice::from_ref(condition), rules).ok()?;
            Some((rules.field(field)?.field().name.clone(), Rc::new(filter)))
        };
        let (field, filter) = self.compiled.entry(condition).or_insert_with(compile).clone()?;
        Some(Goal { field, filter, holds })
    }

    /// The first value of a field that all goals on it are met by.
    fn first(&self, field: &str, goals: &[Goal]) -> Option<&Candidate> {
        let meets = |candidate: &Candidate, goal: &Goal| {
            goal.filter.matches(&|_| candidate.kept.clone(), self.today).is_ok() == goal.holds
        };
        let of_field = || goals.iter().filter(|goal| goal.field == field);
        self.candidates.get(field)?.iter().find(|candidate| of_field().all(|goal| meets(candidate, goal)))
    }
}
