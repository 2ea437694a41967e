//! `[[vertical]]`: a kind of lead, its fields, filters and routing.

use super::serde_forms::empty_is_none;
use super::yes;
use crate::{FieldId, Money, OfferId, VerticalId};
use serde::{Deserialize, Serialize};

/// The `[[vertical]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vertical {
    /// Its id.
    pub id: VerticalId,
    /// Its name.
    pub name: String,
    /// Fields whose equality makes two leads duplicates; empty = no check.
    #[serde(default = "email_address")]
    pub duplicate_fields: Vec<String>,
    /// How far back a duplicate counts, in days.
    #[serde(default = "thirty")]
    pub duplicate_window_days: u32,
    /// How long an unsold hosted lead waits, in hours.
    #[serde(default = "seventy_two")]
    pub expiration_hours: u32,
    /// The last of the redirect offers that a diverted click tries.
    #[serde(default, deserialize_with = "super::serde_forms::zero_is_none")]
    pub redirect_offer: Option<OfferId>,
    /// How its leads are sold.
    #[serde(default)]
    pub router: Router,
    /// All must hold; what fails is `Unmatched Filter`.
    #[serde(default)]
    pub inbound_filter: Vec<Condition>,
    /// The first tier whose filter holds sets the payout.
    #[serde(default)]
    pub lead_tier: Vec<LeadTier>,
    /// What its leads say, in the order in which errors are reported.
    #[serde(default)]
    pub field: Vec<Field>,
}

/// The `router` table of a vertical.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// Off: nothing is offered for sale.
    #[serde(default = "yes")]
    pub on: bool,
    /// The least margin of a sale.
    #[serde(default)]
    pub minimum_margin: Money,
    /// At equal money, one exclusive buyer is preferred to a group.
    #[serde(default)]
    pub tie_favors_exclusive: bool,
    /// How many non-exclusive buyers a lead may have.
    #[serde(default = "three")]
    pub resell_limit: u32,
    /// How many buyers a lead must have before a sweeper may join.
    #[serde(default = "one")]
    pub sweeper_partners: u32,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            on: true,
            minimum_margin: Money::ZERO,
            tie_favors_exclusive: false,
            resell_limit: 3,
            sweeper_partners: 1,
        }
    }
}

/// A lead tier: a payout for leads that match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadTier {
    /// Its name.
    pub name: String,
    /// What the affiliate is paid for such a lead.
    pub payout: Money,
    /// All must hold.
    #[serde(default)]
    pub filter: Vec<Condition>,
}

/// The `[[vertical.field]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// What posts send.
    pub name: String,
    /// What `v.ashx?f=` says; given on first sight, then kept with the name.
    #[serde(default)]
    pub id: Option<FieldId>,
    /// Inputs that are joined into this field when it is absent.
    #[serde(default)]
    pub group: Vec<String>,
    /// For people; the name made readable where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub label: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether a lead must have it.
    #[serde(default)]
    pub required: bool,
    /// In characters; a longer value is wrong, not cut.
    #[serde(default = "default_max_length")]
    pub max_length: u32,
    /// What a list may hold, as it is kept.
    #[serde(default)]
    pub values: Vec<String>,
    /// Least number or date (`YYYY-MM-DD`, `today`, `today-21y`).
    #[serde(default, deserialize_with = "empty_is_none")]
    pub minimum: Option<String>,
    /// Greatest number or date.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub maximum: Option<String>,
    /// A regular expression that the value must match.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub pattern: Option<String>,
    /// What the visitor is told; `<label> is required.` or `<label> is not
    /// valid.` where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub error_text: Option<String>,
    /// What a browser post with a wrong value does.
    #[serde(default)]
    pub client_decision: ClientDecision,
    /// What a server post with a wrong value does.
    #[serde(default)]
    pub server_decision: ServerDecision,
    /// Whether it is personal data; by its type and name where absent.
    #[serde(default)]
    pub pii: Option<bool>,
}

impl Field {
    /// The longest value of a field that says nothing of it.
    pub const DEFAULT_MAX_LENGTH: u32 = 255;
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Any text.
    String,
    /// An address for electronic mail.
    Email,
    /// 7 to 15 digits once punctuation is gone.
    Phone,
    /// US 5 or 5+4 unless a pattern says otherwise.
    Zip,
    /// `YYYY-MM-DD` or `M/D/YYYY`.
    Date,
    /// A decimal number.
    Number,
    /// One of `values`, without regard to case.
    List,
    /// `1 0 true false yes no on off`.
    Bool,
    /// An IPv4 or IPv6 address.
    Ip,
}

/// What a wrong value does to a browser's post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientDecision {
    /// The visitor is asked to mend it.
    #[default]
    ForceClientReview,
    /// The lead goes to the review queue, the visitor on.
    Review,
    /// The lead goes to the scrub queue, the visitor on.
    ThrowOut,
}

/// What a wrong value does to a server's post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerDecision {
    /// The post is answered with the error texts and makes no lead.
    #[default]
    Reject,
    /// The lead goes to the review queue.
    Review,
    /// The lead goes to the scrub queue.
    ThrowOut,
}

/// A condition on a lead's fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ConditionTable", into = "ConditionTable")]
pub enum Condition {
    /// A field against a value; compared by the field's type.
    Compare {
        /// The field's name.
        field: String,
        /// How.
        op: FilterOp,
        /// `CA|NV` for lists, `18|65` for between; none for exists.
        value: Option<String>,
    },
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// How a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// One of a `|`-separated list.
    In,
    /// None of a `|`-separated list.
    NotIn,
    /// Holds the text.
    Contains,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Within `low|high`, both ends in.
    Between,
    /// Matches a regular expression.
    Matches,
    /// Is there and not blank.
    Exists,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionTable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    op: Option<FilterOp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all: Option<Vec<Condition>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    any: Option<Vec<Condition>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not: Option<Box<Condition>>,
}

impl TryFrom<ConditionTable> for Condition {
    type Error = &'static str;

    fn try_from(table: ConditionTable) -> Result<Self, Self::Error> {
        const FORMS: &str = "a filter is { field, op, value } or one of all = [..], any = [..], not = {..}";
        match table {
            ConditionTable { field: Some(field), op: Some(op), value, all: None, any: None, not: None } => {
                match (op, &value) {
                    (FilterOp::Exists, Some(_)) => Err("exists takes no value"),
                    (FilterOp::Exists, None) | (_, Some(_)) => Ok(Condition::Compare { field, op, value }),
                    (_, None) => Err("this op needs a value"),
                }
            }
            ConditionTable { field: None, op: None, value: None, all: Some(all), any: None, not: None } => {
                Ok(Condition::All(all))
            }
            ConditionTable { field: None, op: None, value: None, all: None, any: Some(any), not: None } => {
                Ok(Condition::Any(any))
            }
            ConditionTable { field: None, op: None, value: None, all: None, any: None, not: Some(not) } => {
                Ok(Condition::Not(not))
            }
            _ => Err(FORMS),
        }
    }
}

impl From<Condition> for ConditionTable {
    fn from(condition: Condition) -> Self {
        let empty = Self::default();
        match condition {
            Condition::Compare { field, op, value } => {
                Self { field: Some(field), op: Some(op), value, ..empty }
            }
            Condition::All(all) => Self { all: Some(all), ..empty },
            Condition::Any(any) => Self { any: Some(any), ..empty },
            Condition::Not(not) => Self { not: Some(not), ..empty },
        }
    }
}

fn email_address() -> Vec<String> {
    vec!["email_address".to_owned()]
}

fn thirty() -> u32 {
    30
}

fn seventy_two() -> u32 {
    72
}

fn three() -> u32 {
    3
}

fn one() -> u32 {
    1
}

fn default_max_length() -> u32 {
    Field::DEFAULT_MAX_LENGTH
}
