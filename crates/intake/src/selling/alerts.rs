//! What a person should look at: raised with the lead's write where a lead brought it up,
//! alone otherwise. The log has each; the store folds what repeats.

use super::Selling;
use super::market::Market;
use super::run::Ran;
use super::standing;
use crumb_domain::lead::Lead;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{BuyerId, LeadId, Money, Timestamp};
use crumb_network::Snapshot;
use crumb_routing::Alert as Found;
use crumb_storage::{Store, StoreError};
use std::collections::BTreeSet;

/// What a run brought up.
pub(crate) fn of_run(ran: &Ran, lead: &Lead, snapshot: &Snapshot, now: Timestamp) -> Vec<Alert> {
    let found = ran.state.alerts().iter().map(|found| of_sale(found, lead, snapshot, now));
    let skipped = ran.skipped.iter().map(|buyer| Alert {
        at: now,
        code: AlertCode::BuyerSkipped,
        contract: None,
        buyer: Some(*buyer),
        lead: Some(lead.id),
        text: format!("buyer {buyer} is skipped for a while: its last answers timed out"),
    });
    found.chain(skipped).collect()
}

/// What routing found in a buyer's answer, or in what the lead's sales bring.
pub(crate) fn of_sale(found: &Found, lead: &Lead, snapshot: &Snapshot, now: Timestamp) -> Alert {
    let contract = match found {
        Found::PriceAbsent { contract }
        | Found::PriceUnreadable { contract }
        | Found::PriceOverMaximum { contract, .. }
        | Found::BadRedirect { contract } => Some(*contract),
        // A lead's margin is its buyer's matter where it has one only.
        Found::MarginUndercut { .. } => match lead.sales.as_slice() {
            [only] => Some(only.contract),
            _ => None,
        },
    };
    let buyer = contract.and_then(|id| snapshot.contract(id)).map(|contract| contract.buyer);
    let text = standing::alert_text(found);
    Alert { at: now, code: code_of(found), contract, buyer, lead: Some(lead.id), text }
}

fn code_of(found: &Found) -> AlertCode {
    match found {
        Found::PriceAbsent { .. } => AlertCode::PriceAbsent,
        Found::PriceUnreadable { .. } => AlertCode::PriceUnreadable,
        Found::PriceOverMaximum { .. } => AlertCode::PriceOverMaximum,
        Found::BadRedirect { .. } => AlertCode::BadRedirect,
        Found::MarginUndercut { .. } => AlertCode::MarginUndercut,
    }
}

impl<S: Store + Clone> Selling<S> {
    /// Counts what routing found, and tells it in the log. Keeping it is for the caller.
    pub(crate) fn tell(&self, found: &Found, lead: LeadId) {
        self.told.alerted(code_of(found));
        tracing::warn!(%lead, alert = %standing::alert_text(found), "a sale needs a look");
    }

    /// Raises an alert for each buyer that an answered price, higher than the reserved
    /// one, took below what its credit allows.
    pub(crate) async fn look_at_credit(
        &self,
        market: &Market,
        snapshot: &Snapshot,
        ran: &Ran,
        lead: &Lead,
    ) -> Result<(), StoreError> {
        let dearer = ran.state.sales().iter().filter(|sale| sale.sold_price > sale.reserved.price);
        let buyers: BTreeSet<BuyerId> = dearer.map(|sale| sale.reserved.buyer).collect();
        let limits: Vec<(BuyerId, Money)> =
            buyers.into_iter().filter_map(|buyer| Some((buyer, market.credit_limit(buyer)?))).collect();
        if limits.is_empty() {
            return Ok(());
        }
        let now = self.site.clock.now();
        let balances = self.site.store.selling_facts(None, snapshot.zone().day_of(now)).await?.balances;
        let alert = |(buyer, limit): (BuyerId, Money)| {
            let balance = *balances.get(&buyer)?;
            // Reservations are granted within the limit: only answered prices go beyond it.
            (balance.micros().saturating_add(limit.micros()) < 0).then(|| Alert {
                at: now,
                code: AlertCode::CreditExceeded,
                contract: None,
                buyer: Some(buyer),
                lead: Some(lead.id),
                text: format!(
                    "buyer {buyer}: an answered price left a balance of {balance}, and its credit limit is {limit}"
                ),
            })
        };
        let alerts: Vec<Alert> = limits.into_iter().filter_map(alert).collect();
        if alerts.is_empty() {
            return Ok(());
        }
        for alert in &alerts {
            self.told.alerted(alert.code);
            tracing::warn!(lead = %lead.id, alert = %alert.text, "a sale needs a look");
        }
        self.site.store.raise(alerts).await
    }
}
