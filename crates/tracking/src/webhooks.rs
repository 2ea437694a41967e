//! What the network's own systems are told, and the message that each of them gets.
//!
//! A message is small and names nobody: ids and amounts, from which its receiver asks the
//! API for more. It is written with what it tells. Where no webhook asks for an event this
//! makes nothing, so that installations without webhooks pay nothing.

use crate::installation::{Installation, RowIds};
use crumb_domain::caps::{CapCheck, CapScope, first_day};
use crumb_domain::conversion::Conversion;
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::network::{CapInterval, CapOf, CapRule, WebhookEvent};
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::time::Day;
use crumb_domain::{CampaignId, LeadId, OfferId, RowId, Timestamp};
use crumb_network::{Snapshot, SwitchedOff, SwitchedOffTold, Told};
use crumb_storage::Store;
use crumb_storage::outbox::{CapCount, CapTold};
use crumb_storage::selling::PostFailures;
use serde_json::{Value, json};
use std::sync::Arc;

/// By what a message is found among all deliveries. It has no affiliate: it is in no
/// affiliate's log.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    /// On which offer.
    pub offer: Option<OfferId>,
    /// Under which campaign.
    pub campaign: Option<CampaignId>,
    /// About which conversion.
    pub conversion: Option<RowId>,
    /// About which lead.
    pub lead: Option<LeadId>,
}

/// The messages of an event, one for each webhook that is told of it. `data` is asked for
/// only where there is one.
pub fn of<S>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    now: Timestamp,
    event: WebhookEvent,
    about: About,
    data: impl FnOnce() -> Value,
) -> Vec<Delivery> {
    messages(&site.rows, snapshot, now, event, about, data)
}

fn messages(
    rows: &RowIds,
    snapshot: &Snapshot,
    now: Timestamp,
    event: WebhookEvent,
    about: About,
    data: impl FnOnce() -> Value,
) -> Vec<Delivery> {
    let mut told = snapshot.webhooks_told(event).peekable();
    if told.peek().is_none() {
        return Vec::new();
    }
    let body = json!({ "type": event.as_str(), "timestamp": now, "data": data() }).to_string();
    let message = |webhook: &crumb_domain::network::Webhook| {
        let (id, name) = rows.next_named(now);
        Delivery {
            id,
            webhook_id: format!("msg_{name}"),
            at: now,
            kind: DeliveryKind::Webhook,
            destination: destination(webhook.id),
            affiliate: None,
            campaign: about.campaign,
            offer: about.offer,
            conversion: about.conversion,
            lead: about.lead,
            url: webhook.url.clone(),
            shown_url: None,
            body: Some(body.clone()),
            state: DeliveryState::Waits,
            tries: 0,
            due: now,
        }
    };
    told.map(message).collect()
}

/// How a delivery names a webhook.
const DESTINATION: &str = "webhook:";

fn destination(id: crumb_domain::WebhookId) -> String {
    format!("{DESTINATION}{id}")
}

/// Which webhook a delivery names, if it names one.
pub fn of_destination(destination: &str) -> Option<crumb_domain::WebhookId> {
    destination.strip_prefix(DESTINATION)?.parse().ok()
}

/// `conversion.created`. A test is told to nobody.
pub fn conversion_created<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    conversion: &Conversion,
    now: Timestamp,
) -> Vec<Delivery> {
    if conversion.test {
        return Vec::new();
    }
    let about = About {
        offer: Some(conversion.offer),
        campaign: conversion.campaign,
        conversion: Some(conversion.id),
        lead: conversion.lead,
    };
    of(site, snapshot, now, WebhookEvent::ConversionCreated, about, || {
        json!({
            "conversion": site.request_id(conversion.id),
            "request_id": site.request_id(conversion.session),
            "event": conversion.event,
            "offer": conversion.offer,
            "advertiser": conversion.advertiser,
            "affiliate": conversion.affiliate,
            "campaign": conversion.campaign,
            "lead": conversion.lead,
            "payout": conversion.payout,
            "received": conversion.received,
            "disposition": conversion.disposition,
        })
    })
}

/// `contract.switched_off`, and the alert where the server switched it off: a person who
/// does so need not be told.
pub(crate) fn switched_off(rows: Arc<RowIds>) -> SwitchedOffTold {
    Arc::new(move |snapshot, contracts, now| {
        let mut told = Told::default();
        for off in contracts {
            let SwitchedOff { contract, buyer, failures } = *off;
            let event = WebhookEvent::ContractSwitchedOff;
            told.deliveries.extend(messages(&rows, snapshot, now, event, About::default(), || {
                json!({
                    "contract": contract,
                    "buyer": buyer,
                    "by": if failures.is_some() { "server" } else { "person" },
                    "failed_posts": failures.map(|failures| failures.failed),
                    "of_posts": failures.map(|failures| failures.of),
                })
            }));
            told.alerts.extend(failures.map(|PostFailures { failed, of }| Alert {
                at: now,
                code: AlertCode::ContractSwitchedOff,
                contract: Some(contract),
                buyer: Some(buyer),
                lead: None,
                text: format!("contract {contract} is switched off: {failed} of its last {of} posts failed"),
            }));
        }
        told
    })
}

/// `cap.reached` for the caps of an offer and of a campaign on it: whether one is filled by
/// what comes on `day`, the write says that counts it.
pub fn caps_reached<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    now: Timestamp,
    counted: CapOf,
    whose: (OfferId, Option<CampaignId>),
    day: Day,
) -> Vec<CapTold> {
    caps_filled(site, snapshot, now, counted, whose, day, |_| true)
        .into_iter()
        .map(|(check, interval, deliveries)| CapTold { count: CapCount::Of(check, interval), deliveries })
        .collect()
}

/// The same for clicks, which are counted before their write: `is_filled` says of a cap
/// whether they fill it.
pub(crate) fn click_caps_reached<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    now: Timestamp,
    whose: (OfferId, Option<CampaignId>),
    day: Day,
    is_filled: impl Fn(&CapCheck) -> bool,
) -> Vec<CapTold> {
    caps_filled(site, snapshot, now, CapOf::Click, whose, day, is_filled)
        .into_iter()
        .map(|(check, interval, deliveries)| CapTold {
            count: CapCount::Reached(check, interval),
            deliveries,
        })
        .collect()
}

fn caps_filled<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    now: Timestamp,
    counted: CapOf,
    (offer, campaign): (OfferId, Option<CampaignId>),
    day: Day,
    is_filled: impl Fn(&CapCheck) -> bool,
) -> Vec<(CapCheck, CapInterval, Vec<Delivery>)> {
    if snapshot.webhooks_told(WebhookEvent::CapReached).next().is_none() {
        return Vec::new();
    }
    let told = |(scope, rule): (CapScope, &CapRule)| {
        let first_day = first_day(rule.interval, day);
        let check = CapCheck { scope, of: rule.of, first_day, day, limit: rule.limit };
        if !is_filled(&check) {
            return None;
        }
        let campaign = match scope {
            CapScope::Offer(_) => None,
            CapScope::Campaign(id) => Some(id),
        };
        let about = About { offer: Some(offer), campaign, ..About::default() };
        let data = || {
            json!({
                "scope": if campaign.is_some() { "campaign" } else { "offer" },
                "offer": offer,
                "campaign": campaign,
                "of": rule.of,
                "interval": rule.interval,
                "limit": rule.limit,
                "day": day.to_string(),
            })
        };
        let deliveries = of(site, snapshot, now, WebhookEvent::CapReached, about, data);
        Some((check, rule.interval, deliveries))
    };
    let of_offer = snapshot.offer(offer).map(|offer| offer.offer.caps.as_slice()).unwrap_or_default();
    let of_offer = of_offer.iter().map(|rule| (CapScope::Offer(offer), rule));
    let campaign = campaign.and_then(|id| snapshot.campaign(id));
    let of_campaign = campaign
        .into_iter()
        .flat_map(|campaign| campaign.caps.iter().map(move |rule| (CapScope::Campaign(campaign.id), rule)));
    of_offer.chain(of_campaign).filter(|(_, rule)| rule.of == counted).filter_map(told).collect()
}
