//! What the network's own systems are told, and the message that each of them gets.
//!
//! A message is small and names nobody: ids and amounts, from which its receiver asks the
//! API for more. It is written with what it tells. Where no webhook asks for an event this
//! makes nothing, so that installations without webhooks pay nothing.

use crate::installation::Installation;
use crumb_domain::caps::{CapCheck, CapScope, first_day};
use crumb_domain::conversion::Conversion;
use crumb_domain::delivery::{Delivery, DeliveryKind, DeliveryState};
use crumb_domain::network::{CapOf, CapRule, WebhookEvent};
use crumb_domain::time::Day;
use crumb_domain::{CampaignId, LeadId, OfferId, RowId, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::Store;
use crumb_storage::outbox::{CapCount, CapTold};
use serde_json::{Value, json};

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
    let mut told = snapshot.webhooks_told(event).peekable();
    if told.peek().is_none() {
        return Vec::new();
    }
    let body = json!({ "type": event.as_str(), "timestamp": now, "data": data() }).to_string();
    let message = |webhook: &crumb_domain::network::Webhook| {
        let (id, name) = site.rows.next(now);
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

/// `cap.reached` for the caps of an offer and of a campaign on it: whether one is filled by
/// what comes on `day`, the write says that counts it.
pub fn caps_reached<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    now: Timestamp,
    counted: CapOf,
    (offer, campaign): (OfferId, Option<CampaignId>),
    day: Day,
) -> Vec<CapTold> {
    if snapshot.webhooks_told(WebhookEvent::CapReached).next().is_none() {
        return Vec::new();
    }
    let told = |scope: CapScope, rule: &CapRule| {
        let check =
            CapCheck { scope, of: rule.of, first_day: first_day(rule.interval, day), day, limit: rule.limit };
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
        CapTold { count: CapCount::Of(check), deliveries }
    };
    let of_offer = snapshot.offer(offer).map(|offer| offer.offer.caps.as_slice()).unwrap_or_default();
    let of_offer = of_offer.iter().map(|rule| (CapScope::Offer(offer), rule));
    let campaign = campaign.and_then(|id| snapshot.campaign(id));
    let of_campaign = campaign
        .into_iter()
        .flat_map(|campaign| campaign.caps.iter().map(move |rule| (CapScope::Campaign(campaign.id), rule)));
    let rules = of_offer.chain(of_campaign).filter(|(_, rule)| rule.of == counted);
    rules.map(|(scope, rule)| told(scope, rule)).collect()
}
