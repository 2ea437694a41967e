//! The fields of a vertical: which inputs a post may send, what their values must
//! look like, how they are kept, and what is said about the bad ones.
//!
//! White space around a value means nothing: it is trimmed before anything else,
//! and a value of nothing else counts as absent. A value longer than its field's
//! `max_length` is wrong and never cut.
//!
//! | type | right | kept as |
//! |---|---|---|
//! | string | anything | posted |
//! | email | an address at a domain with a dot, without a display name | posted |
//! | phone | 7–15 digits once punctuation is gone | posted |
//! | zip | `12345` or `12345-6789`; with a pattern, what the pattern says | posted |
//! | date | `YYYY-MM-DD` or `M/D/YYYY`, in the calendar and the bounds | `YYYY-MM-DD` |
//! | number | a plain decimal within the bounds | posted |
//! | list | a listed value, without regard to case | listed |
//! | bool | `1 0 true false yes no on off`, without regard to case | `1` or `0` |
//! | ip | an IPv4 or IPv6 address | posted |
//!
//! A pattern holds besides the type and is looked for anywhere in the value.

mod checked;
pub(crate) mod date;
pub(crate) mod pattern;
mod rule;
#[cfg(test)]
mod tests;
pub(crate) mod value;

pub use checked::{Checked, FieldProblem, FieldVerdict};
pub use date::day_of_bound;
pub use rule::FieldRule;
pub use value::normalised_for_comparison;

use crate::FieldId;
use crate::network::Vertical;
use crate::time::Day;
use std::collections::{HashMap, HashSet};

/// The compiled rules of one vertical's fields.
#[derive(Debug, Clone)]
pub struct FieldRules {
    rules: Vec<FieldRule>,
    /// Lower-cased field name to its place in `rules`.
    by_name: HashMap<String, usize>,
    /// Lower-cased names of fields and group inputs.
    inputs: HashSet<String>,
}

/// A field that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct FieldRuleError {
    /// The key within the vertical, counted from 0: `field[2].pattern`.
    pub place: String,
    /// What is wrong with it.
    pub message: String,
}

impl FieldRules {
    /// Compiles a vertical's fields.
    ///
    /// # Errors
    ///
    /// The first bad key: a pattern that is no regular expression, a minimum or
    /// maximum that is no number or date of the field's type or that leaves nothing
    /// between them, a list without values, a name that is blank or another field's
    /// (names of posts are read without regard to case).
    pub fn compile(vertical: &Vertical) -> Result<FieldRules, FieldRuleError> {
        let mut compiled = FieldRules { rules: Vec::new(), by_name: HashMap::new(), inputs: HashSet::new() };
        for (index, field) in vertical.field.iter().enumerate() {
            let place = format!("field[{index}]");
            let wrong_name = |message: String| FieldRuleError { place: format!("{place}.name"), message };
            if field.name.trim().is_empty() {
                return Err(wrong_name("a field needs a name".to_owned()));
            }
            let rule = FieldRule::compile(field, &place)?;
            if compiled.by_name.insert(field.name.to_lowercase(), index).is_some() {
                return Err(wrong_name(format!("another field is named {:?}", field.name)));
            }
            compiled.inputs.extend(rule.inputs().map(str::to_owned));
            compiled.rules.push(rule);
        }
        Ok(compiled)
    }

    /// Checks a post's fields.
    ///
    /// `given` gives the posted value of a lower-cased name, `None` where it was
    /// not sent. `today` is the day in the network's zone, for bounds like
    /// `today-21y`.
    pub fn check(&self, given: &dyn Fn(&str) -> Option<String>, today: Day) -> Checked {
        self.check_structured(given, &|_| false, today)
    }

    /// As [`FieldRules::check`], for bodies in which a value may be no text:
    /// `nested` tells of a lower-cased name whether the post sent an object or a
    /// list for it, which fails every field's validator.
    pub fn check_structured(
        &self,
        given: &dyn Fn(&str) -> Option<String>,
        nested: &dyn Fn(&str) -> bool,
        today: Day,
    ) -> Checked {
        let mut checked = Checked::default();
        checked.values.reserve(self.rules.len());
        for rule in &self.rules {
            let name = || rule.field().name.clone();
            match rule.posted(given) {
                Some(posted) => match rule.read(posted, today) {
                    Ok(kept) => checked.values.push((name(), kept)),
                    Err(posted) => {
                        checked.wrong.push(rule.problem(rule.wrong_text()));
                        checked.values.push((name(), posted));
                    }
                },
                None if rule.inputs().any(nested) => checked.wrong.push(rule.problem(rule.wrong_text())),
                None if rule.field().required => checked.missing.push(rule.problem(rule.required_text())),
                None => {}
            }
        }
        checked
    }

    /// Checks one value by the field's id, as a form does while it is filled in.
    /// An id that is no field's is right.
    ///
    /// # Errors
    ///
    /// The field's error text.
    pub fn check_one(&self, id: FieldId, value: &str, today: Day) -> Result<(), String> {
        let Some(rule) = self.rules.iter().find(|rule| rule.field().id == Some(id)) else {
            return Ok(());
        };
        match value.trim() {
            "" if rule.field().required => Err(rule.required_text().to_owned()),
            "" => Ok(()),
            value if rule.read(value.to_owned(), today).is_ok() => Ok(()),
            _ => Err(rule.wrong_text().to_owned()),
        }
    }

    /// The fields, in the vertical's order.
    pub fn fields(&self) -> impl Iterator<Item = &FieldRule> {
        self.rules.iter()
    }

    /// The field of a name, without regard to case.
    pub fn field(&self, name: &str) -> Option<&FieldRule> {
        self.rules.get(*self.by_name.get(&name.to_lowercase())?)
    }

    /// Whether a post may send this name, without regard to case: a field's, or
    /// one of the inputs that are joined into a field.
    pub fn is_input(&self, name: &str) -> bool {
        self.inputs.contains(&name.to_lowercase())
    }

    /// Whether what is sent under this name, without regard to case, is personal data or a part of it.
    pub fn is_personal_input(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        // Most names that are asked for are no field's.
        self.inputs.contains(&name)
            && self.rules.iter().any(|rule| rule.is_pii() && rule.inputs().any(|input| input == name))
    }
}
