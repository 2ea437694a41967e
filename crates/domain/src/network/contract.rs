//! `[[contract]]`: what a buyer buys, when, for how much, and how it is told.

use super::serde_forms::{Secret, empty_is_none, zero_is_none};
use super::{ActiveStatus, Condition, UnknownRule};
use crate::{AffiliateId, BuyerId, ContractId, Money, OfferId, VerticalId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `[[contract]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Its id.
    pub id: ContractId,
    /// Whose.
    pub buyer: BuyerId,
    /// Leads of which vertical.
    pub vertical: VerticalId,
    /// Only of this offer.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub offer: Option<OfferId>,
    /// Its name.
    pub name: String,
    /// Whether it buys.
    #[serde(default)]
    pub status: ActiveStatus,
    /// Lower first.
    #[serde(default)]
    pub rank: i32,
    /// Weight of the random choice among equals; none = not part of it.
    #[serde(default)]
    pub weight: Option<u32>,
    /// A higher answered price is taken as this; 10 × the row's price where
    /// absent, none if that is 0.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub maximum_price: Option<Money>,
    /// IANA name; the network's where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub time_zone: Option<String>,
    /// How many of its last 10 posts may fail before it is switched off; 11 = never.
    #[serde(default = "ten")]
    pub max_post_errors: u32,
    /// What an unknown outcome counts as; the network's where absent.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub unknown_is: Option<UnknownRule>,
    /// How long an unknown outcome is held, in minutes.
    #[serde(default = "a_day")]
    pub unknown_wait_minutes: u32,
    /// Days after a sale within which its buyer may give the lead back; 0 = never.
    #[serde(default = "thirty_days")]
    pub max_return_days: u32,
    /// Whether leads that its buyer is owed for those given back are delivered free.
    #[serde(default = "yes")]
    pub replace_returns: bool,
    /// Whether such a free lead is bought for good.
    #[serde(default)]
    pub replacements_non_returnable: bool,
    /// Whose leads it does not want.
    #[serde(default)]
    pub exclude_affiliates: Vec<AffiliateId>,
    /// Whether it buys upsells.
    #[serde(default)]
    pub buy_upsells: bool,
    /// In minutes.
    #[serde(default)]
    pub min_lead_age_minutes: u32,
    /// In minutes.
    #[serde(default = "five_days")]
    pub max_lead_age_minutes: u32,
    /// How old a lead must be when posted, in seconds.
    #[serde(default)]
    pub posting_wait_seconds: u32,
    /// Where its leads' visitors go.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub thank_you_link: Option<String>,
    /// When it buys, how many, for how much.
    pub schedule: Vec<ScheduleRow>,
    /// All must hold.
    #[serde(default)]
    pub filter: Vec<Condition>,
    /// How it is asked for a price.
    #[serde(default)]
    pub ping: Option<DeliveryMethod>,
    /// How it is sent a lead.
    pub post: DeliveryMethod,
}

/// A row of a contract's schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRow {
    /// On which days it opens.
    pub days: Vec<ScheduleDay>,
    /// `HH:MM` in the contract's zone.
    pub open: String,
    /// `HH:MM`; `24:00` = to the end of the day; before `open` = past midnight.
    pub close: String,
    /// Leads a day; none = no cap.
    #[serde(default)]
    pub cap: Option<u32>,
    /// What it pays.
    pub price: Money,
    /// How it shares.
    #[serde(rename = "type")]
    pub sale_type: SaleType,
    /// Joins a lead that has buyers already.
    #[serde(default)]
    pub sweeper: bool,
    /// Comes first whatever it pays.
    #[serde(default)]
    pub priority: bool,
    /// Its leads cannot be returned.
    #[serde(default)]
    pub no_return: bool,
}

/// A day of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleDay {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
    /// Each of them.
    All,
}

/// How a buyer shares a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleType {
    /// Alone.
    Exclusive,
    /// Only with others.
    Multisell,
    /// With others, else alone.
    Hybrid,
}

/// `[contract.post]` and `[contract.ping]`: how a buyer is told, and how its
/// answer is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryMethod {
    /// In what form.
    pub method: BodyMethod,
    /// Where to; not for `email`.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub url: Option<String>,
    /// For the connection, head and body together, in milliseconds; 10000 for a
    /// post and 2000 for a ping where absent.
    #[serde(default)]
    pub timeout_ms: Option<u32>,
    /// `email`: to whom.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub to: Option<String>,
    /// `email`: about what.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub subject: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Credentials.
    #[serde(default)]
    pub auth: Option<DeliveryAuth>,
    /// Value to value, per lead field.
    #[serde(default)]
    pub maps: BTreeMap<String, BTreeMap<String, String>>,
    /// How a lead field is written: `digits`, `e164`, `lower`, `md5`, `sha256`,
    /// `date:%m/%d/%Y`, `bool:Y/N`.
    #[serde(default)]
    pub formats: BTreeMap<String, String>,
    /// Asked to settle an unknown outcome.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub status_url: Option<String>,
    /// The buyer's names and the templates of their values, in order.
    #[serde(default, deserialize_with = "params")]
    pub params: Vec<(String, String)>,
    /// A template, instead of params.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub body: Option<String>,
    /// Patterns of a sale; needed but for `email`, where acceptance is the relay's.
    #[serde(default)]
    pub accepted: Vec<String>,
    /// Patterns of a refusal.
    #[serde(default)]
    pub rejected: Vec<String>,
    /// Patterns of a lead that the buyer has.
    #[serde(default)]
    pub duplicate: Vec<String>,
    /// Patterns of a failure.
    #[serde(default)]
    pub error: Vec<String>,
    /// Where the price stands; none = the schedule's price.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub price: Option<String>,
    /// Where the redirect stands.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub redirect: Option<String>,
    /// Where the buyer's lead id stands.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub lead_id: Option<String>,
    /// Ping only: where the session token stands.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub session: Option<String>,
}

/// In what form a buyer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyMethod {
    /// In the query.
    Get,
    /// As a form.
    Post,
    /// As JSON.
    Json,
    /// As XML.
    Xml,
    /// As a SOAP envelope.
    Soap,
    /// By mail.
    Email,
}

/// Credentials of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryAuth {
    /// `user:password`.
    Basic(Secret),
    /// A token.
    Bearer(Secret),
}

/// A table, or pairs to repeat a name or fix the order.
fn params<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a table of texts or a list of pairs of texts")]
    enum Form {
        Table(BTreeMap<String, String>),
        Pairs(Vec<(String, String)>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Table(table) => table.into_iter().collect(),
        Form::Pairs(pairs) => pairs,
    })
}

fn yes() -> bool {
    true
}

fn ten() -> u32 {
    10
}

fn a_day() -> u32 {
    1_440
}

/// As CAKE's `max_return_age_days`.
fn thirty_days() -> u32 {
    30
}

fn five_days() -> u32 {
    7_200
}
