//! What webhooks are told of leads, their sales and their returns, and of caps; and
//! what they are signed with when it is sent.
//!
//! A lead is *rejected* where its post was refused by a check, and where it comes to rest
//! with nobody having bought it: unsold, thrown out, expired. One that waits, is held for
//! a person or may be with a buyer is neither sold nor rejected yet. Tests are told to
//! nobody.

use super::Selling;
use crate::refused::About;
use crumb_delivery::{NoKey, WebhookKeys};
use crumb_domain::delivery::Delivery;
use crumb_domain::lead::{Lead, LeadOutcome, Sale};
use crumb_domain::network::{CapOf, WebhookEvent};
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use crumb_domain::selling::ContractResult;
use crumb_domain::time::Day;
use crumb_domain::{BuyerId, ContractId, RowId, Timestamp};
use crumb_network::{NotSigned, Snapshot};
use crumb_routing::State;
use crumb_storage::Store;
use crumb_storage::after_sale::LeadReturn;
use crumb_storage::outbox::{CapCount, CapTold};
use crumb_storage::selling::{EarlierSend, LeadChange, RunRecord};
use crumb_tracking::{Installation, webhooks};
use serde_json::json;
use std::sync::Arc;

/// What messages to webhooks are signed with: as the network is when they are sent.
pub fn webhook_keys<S: Store + Clone + 'static>(site: &Arc<Installation<S>>) -> WebhookKeys {
    let site = Arc::clone(site);
    Arc::new(move |destination| {
        let gone = || NoKey::Hopeless(format!("the network has no {destination}"));
        let id = webhooks::of_destination(destination).ok_or_else(gone)?;
        site.network.snapshot().webhook_key(id).cloned().map_err(|why| match why {
            NotSigned::Gone(_) | NotSigned::Inactive(_) => NoKey::Hopeless(why.to_string()),
            NotSigned::NoSecret(_) => NoKey::NotNow(why.to_string()),
        })
    })
}

/// What is told of a lead that was one thing before a change and is another after it.
pub(crate) fn of_lead<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    before: &Lead,
    after: &Lead,
    now: Timestamp,
) -> Vec<Delivery> {
    if after.test {
        return Vec::new();
    }
    let sales: Vec<&Sale> = after.sales.iter().filter(|sale| is_new(before, sale)).collect();
    if !sales.is_empty() {
        return sold(site, snapshot, after, &sales, now);
    }
    if is_rejected(after.outcome) && before.outcome != after.outcome {
        return rejected(site, snapshot, after, now);
    }
    Vec::new()
}

/// What is told of a lead as it is accepted.
pub(crate) fn of_new_lead<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    lead: &Lead,
) -> Vec<Delivery> {
    if lead.test || !is_rejected(lead.outcome) {
        return Vec::new();
    }
    rejected(site, snapshot, lead, lead.at)
}

/// What is told of a post that was refused. Its lead is none, so it is known by the post.
pub(crate) fn of_refused<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    (post, kind): (RowId, PostKind),
    about: About,
    problem: Problem,
    now: Timestamp,
) -> Vec<Delivery> {
    let found = webhooks::About { offer: about.offer, campaign: about.campaign, ..Default::default() };
    webhooks::of(site, snapshot, now, WebhookEvent::LeadRejected, found, || {
        json!({
            "lead": null,
            "post": site.request_id(post),
            "kind": kind,
            "outcome": problem.code(),
            "offer": about.offer,
            "affiliate": about.affiliate,
            "campaign": about.campaign,
        })
    })
}

/// A lead as it was known before a run that a crash broke off: its sales stand with the lead
/// already, and nobody was told of them.
pub(crate) fn before_run(mut before: Lead, run: Option<&RunRecord>) -> Lead {
    let sold = |sale: &Sale| {
        let summary = run.into_iter().flat_map(|run| &run.summary);
        summary.into_iter().any(|(of, result, _)| *of == sale.contract && *result == ContractResult::Sold)
    };
    before.sales.retain(|sale| !sold(sale));
    before
}

fn is_new(before: &Lead, sale: &Sale) -> bool {
    !before.sales.iter().any(|old| old.contract == sale.contract)
}

fn is_rejected(outcome: LeadOutcome) -> bool {
    matches!(outcome, LeadOutcome::NoQualifiedBuyers | LeadOutcome::ThrownOut | LeadOutcome::Expired)
}

fn about(lead: &Lead) -> webhooks::About {
    webhooks::About {
        offer: Some(lead.offer),
        campaign: lead.campaign,
        lead: Some(lead.id),
        ..Default::default()
    }
}

fn sold<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    lead: &Lead,
    sales: &[&Sale],
    now: Timestamp,
) -> Vec<Delivery> {
    webhooks::of(site, snapshot, now, WebhookEvent::LeadSold, about(lead), || {
        let sales: Vec<_> = sales
            .iter()
            .map(|sale| {
                json!({
                    "contract": sale.contract,
                    "buyer": sale.buyer,
                    "price": sale.price,
                    "type": sale.sale_type,
                    "replaces": sale.replaces,
                })
            })
            .collect();
        json!({
            "lead": lead.id,
            "request_id": site.request_id(lead.session),
            "offer": lead.offer,
            "vertical": lead.vertical,
            "affiliate": lead.affiliate,
            "campaign": lead.campaign,
            "payout": lead.payout,
            "revenue": lead.revenue,
            "sales": sales,
        })
    })
}

fn rejected<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    lead: &Lead,
    now: Timestamp,
) -> Vec<Delivery> {
    webhooks::of(site, snapshot, now, WebhookEvent::LeadRejected, about(lead), || {
        json!({
            "lead": lead.id,
            "post": null,
            "kind": lead.post,
            "outcome": lead.outcome.as_str(),
            "offer": lead.offer,
            "affiliate": lead.affiliate,
            "campaign": lead.campaign,
        })
    })
}

impl<S: Store + Clone> Selling<S> {
    /// Adds to a change what is told of it.
    pub(crate) fn tell_webhooks(&self, snapshot: &Snapshot, before: &Lead, change: &mut LeadChange) {
        change.deliveries.extend(of_lead(&self.site, snapshot, before, &change.lead, change.at));
    }

    /// The caps that a run may have filled: its contracts', and those of leads where the
    /// lead goes on counting. A lead in hand counts before it is known whether it stays, so
    /// only its settling tells.
    pub(crate) fn caps_of_run(
        &self,
        snapshot: &Snapshot,
        state: &State,
        lead: &Lead,
        counts: bool,
        now: Timestamp,
    ) -> Vec<CapTold> {
        let of_contract = state.sales().iter().filter_map(|sale| {
            let reserved = &sale.reserved;
            Some(SoldUnder {
                contract: reserved.contract,
                buyer: reserved.buyer,
                day: reserved.day,
                limit: reserved.cap?,
            })
        });
        let mut told = self.contract_caps(snapshot, of_contract, now);
        if counts {
            told.extend(caps_filled(&self.site, snapshot, CapOf::Lead, lead, now));
        }
        told
    }

    /// The caps that a lead may fill which is settled after its run: by what was sold of it
    /// since `before`, as it met its buyers.
    pub(super) fn caps_at_rest(
        &self,
        snapshot: &Snapshot,
        (before, after): (&Lead, &Lead),
        met: &[EarlierSend],
        now: Timestamp,
    ) -> Vec<CapTold> {
        let new: Vec<&Sale> = after.sales.iter().filter(|sale| is_new(before, sale)).collect();
        let of_contract = new.iter().filter_map(|sale| {
            let sent = met.iter().find(|sent| sent.contract == sale.contract)?;
            Some(SoldUnder { contract: sale.contract, buyer: sale.buyer, day: sent.day, limit: sent.cap? })
        });
        let mut told = self.contract_caps(snapshot, of_contract, now);
        if !new.is_empty() && !after.test {
            // Where a crash broke its run off it has counted, and its sale keeps it.
            told.extend(caps_filled(&self.site, snapshot, CapOf::Lead, after, now));
        }
        told
    }

    fn contract_caps(
        &self,
        snapshot: &Snapshot,
        sold: impl Iterator<Item = SoldUnder>,
        now: Timestamp,
    ) -> Vec<CapTold> {
        if snapshot.webhooks_told(WebhookEvent::CapReached).next().is_none() {
            return Vec::new();
        }
        let told = sold.map(|SoldUnder { contract, buyer, day, limit }| {
            let data = || {
                json!({
                    "scope": "contract",
                    "contract": contract,
                    "buyer": buyer,
                    "of": "sale",
                    "interval": "day",
                    "limit": limit,
                    "day": day.to_string(),
                })
            };
            let (event, about) = (WebhookEvent::CapReached, webhooks::About::default());
            let deliveries = webhooks::of(&self.site, snapshot, now, event, about, data);
            CapTold { count: CapCount::Contract { contract, day, limit }, deliveries }
        });
        told.collect()
    }

    /// What is told of a return that a buyer makes or asks for. Its reason is not: it is
    /// free text.
    pub(super) fn return_created(
        &self,
        snapshot: &Snapshot,
        lead: &Lead,
        returned: &LeadReturn,
    ) -> Vec<Delivery> {
        webhooks::of(&self.site, snapshot, returned.at, WebhookEvent::ReturnCreated, about(lead), || {
            json!({
                "lead": lead.id,
                "contract": returned.contract,
                "buyer": returned.buyer,
                "price": returned.price,
                "state": returned.state,
                "offer": lead.offer,
                "affiliate": lead.affiliate,
                "campaign": lead.campaign,
            })
        })
    }
}

/// A sale under a contract that takes so many leads of an opening day.
struct SoldUnder {
    contract: ContractId,
    buyer: BuyerId,
    day: Day,
    limit: u32,
}

/// The lead or conversion caps that a lead may fill. It counts as either on the day on which
/// it came.
pub(crate) fn caps_filled<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    of: CapOf,
    lead: &Lead,
    now: Timestamp,
) -> Vec<CapTold> {
    let day = snapshot.zone().day_of(lead.at);
    webhooks::caps_reached(site, snapshot, now, of, (lead.offer, lead.campaign), day)
}
