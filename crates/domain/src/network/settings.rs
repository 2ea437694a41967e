//! `[network]`: what holds for the whole of it.

use super::serde_forms::{empty_is_none, ip_networks, zero_is_none};
use crate::AffiliateId;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The `[network]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the network is called.
    pub name: String,
    /// ISO 4217 code of all amounts.
    #[serde(default = "usd")]
    pub currency: String,
    /// IANA name of the zone in which the network's days begin.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Base of generated links; none = the listener's own address.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub tracking_url: Option<String>,
    /// Where traffic goes that goes nowhere else; none = 404.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub global_redirect: Option<String>,
    /// Whose the visitors are that nobody sent.
    #[serde(default, deserialize_with = "zero_is_none")]
    pub internal_affiliate: Option<AffiliateId>,
    /// The contracts' default for unknown outcomes.
    #[serde(default)]
    pub unknown_is: UnknownRule,
    /// Clicks and leads from there are `Blocked IP Address`.
    #[serde(default, deserialize_with = "ip_networks")]
    pub blocked_ips: Vec<IpNet>,
}

impl Default for Settings {
    /// What holds before any `[network]` was applied.
    fn default() -> Self {
        Self {
            name: String::new(),
            currency: usd(),
            time_zone: utc(),
            tracking_url: None,
            global_redirect: None,
            internal_affiliate: None,
            unknown_is: UnknownRule::default(),
            blocked_ips: Vec::new(),
        }
    }
}

/// What a buyer's unknown outcome counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownRule {
    /// Held until it is settled or its time is up.
    #[default]
    Wait,
    /// Settled at once as rejected.
    Rejected,
    /// Settled at once as sold.
    Sold,
}

fn usd() -> String {
    "USD".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}
