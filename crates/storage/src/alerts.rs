//! Alerts: what a person should look at.
//!
//! An alert that a lead brings up is raised with the lead's own write
//! ([`LeadChange::alerts`](crate::selling::LeadChange::alerts)), any other by
//! [`AlertStore::raise`]. They are for people to look at, not books: what repeats is
//! folded, and what is old goes.

use crate::outbox::NewDelivery;
use crate::{Page, PageRequest, Result};
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{BuyerId, ContractId, Timestamp};
use std::sync::Arc;

/// An alert with code, contract and buyer of one that was raised at most so many seconds
/// before is counted with that one: a buyer that fails with each of a thousand leads a
/// minute is one row a minute.
pub const ALERT_FOLDED_SECONDS: i64 = 60;

/// Days after which an alert goes: a quarter, over which people look back.
pub const ALERTS_KEPT_DAYS: i64 = 90;

/// Alerts that are kept at most; beyond them the oldest go. Two months of one a minute,
/// some tens of megabytes.
pub const MAX_ALERTS: u32 = 100_000;

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAlert {
    /// Counts up.
    pub id: i64,
    /// The first of those that are counted here.
    pub alert: Alert,
    /// When the last of them was raised.
    pub last_at: Timestamp,
    /// How many they are.
    pub count: u64,
}

/// Which alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// About this.
    pub code: Option<AlertCode>,
    /// Of this contract.
    pub contract: Option<ContractId>,
    /// Of this buyer.
    pub buyer: Option<BuyerId>,
    /// Raised at or after this moment, the last of those that are counted together.
    pub from: Option<Timestamp>,
    /// Raised before this moment, the first of those that are counted together.
    pub to: Option<Timestamp>,
}

/// Who is told of a new alert. Called inside the write that raises it.
pub type AlertToldFn = Arc<dyn Fn(&Alert) -> Vec<NewDelivery> + Send + Sync>;

/// The store of alerts.
pub trait AlertStore {
    /// Has somebody told of each alert that is raised from now on, whatever raises it: what
    /// the function gives is written with the alert. Not of one that is folded into an
    /// earlier one. At the start; the first call holds.
    fn tell_alerts(&self, told: AlertToldFn);

    /// Raises alerts that no lead's write raises.
    fn raise(&self, alerts: Vec<Alert>) -> impl Future<Output = Result<()>> + Send;

    /// Alerts in the order in which they were raised.
    fn alerts(
        &self,
        filter: AlertFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<StoredAlert>>> + Send;
}
