//! Redirect offers: a diverted click must not come back to where it was.
//!
//! A diverted click goes to the redirect offer of its campaign, else of the offer
//! contract, else of the offer, else of the vertical; at the target the same rule
//! applies to the same affiliate. So each affiliate has a graph of its own: that
//! of the offers, with the edges of its campaigns instead.

use super::Check;
use crumb_domain::network::{Campaign, Offer};
use crumb_domain::{AffiliateId, OfferId};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A way that a diverted click can go, and the key that says so.
#[derive(Debug, Clone)]
struct Edge {
    to: OfferId,
    place: String,
}

type Campaigns<'a> = HashMap<OfferId, Vec<&'a Campaign>>;

impl Check<'_> {
    pub(super) fn redirects(&mut self) {
        let base: HashMap<OfferId, Vec<Edge>> =
            self.network.offer.iter().map(|offer| (offer.id, self.base_edges(offer))).collect();
        let mut reported = HashSet::new();
        for offer in &self.network.offer {
            self.report(offer.id, &base, &Campaigns::new(), &mut reported);
        }
        let mut of_affiliate: BTreeMap<AffiliateId, Campaigns<'_>> = BTreeMap::new();
        for campaign in &self.network.campaign {
            of_affiliate
                .entry(campaign.affiliate)
                .or_default()
                .entry(campaign.offer)
                .or_default()
                .push(campaign);
        }
        for campaigns in of_affiliate.values() {
            let redirecting = |campaigns: &[&Campaign]| campaigns.iter().any(|c| c.redirect_offer.is_some());
            let starts: BTreeSet<OfferId> =
                campaigns.iter().filter(|(_, c)| redirecting(c)).map(|(offer, _)| *offer).collect();
            for start in starts {
                self.report(start, &base, campaigns, &mut reported);
            }
        }
    }

    fn report(
        &mut self,
        start: OfferId,
        base: &HashMap<OfferId, Vec<Edge>>,
        campaigns: &Campaigns<'_>,
        reported: &mut HashSet<BTreeSet<OfferId>>,
    ) {
        let Some(cycle) = self.cycle_through(start, base, campaigns) else { return };
        let offers: BTreeSet<OfferId> = cycle.iter().map(|edge| edge.to).collect();
        if !reported.insert(offers) {
            return;
        }
        let way: Vec<String> =
            std::iter::once(start).chain(cycle.iter().map(|edge| edge.to)).map(|id| id.to_string()).collect();
        let place = cycle.first().map(|edge| edge.place.clone()).unwrap_or_default();
        self.fault(place, format!("redirect loop: offer {}", way.join(" → ")));
    }

    /// The edges that lead from `start` back to it, if any do.
    fn cycle_through(
        &self,
        start: OfferId,
        base: &HashMap<OfferId, Vec<Edge>>,
        campaigns: &Campaigns<'_>,
    ) -> Option<Vec<Edge>> {
        // How each offer was reached first; each is looked at once, however many ways lead there.
        let mut reached: HashMap<OfferId, (OfferId, Edge)> = HashMap::new();
        let mut open = vec![start];
        while let Some(here) = open.pop() {
            for edge in self.edges(here, base, campaigns) {
                let to = edge.to;
                if to == start {
                    return Some(way_back(here, edge, &reached));
                }
                if let Entry::Vacant(first) = reached.entry(to) {
                    first.insert((here, edge));
                    open.push(to);
                }
            }
        }
        None
    }

    fn edges(
        &self,
        offer: OfferId,
        base: &HashMap<OfferId, Vec<Edge>>,
        campaigns: &Campaigns<'_>,
    ) -> Vec<Edge> {
        let own = campaigns.get(&offer).map(Vec::as_slice).unwrap_or_default();
        let mut edges: Vec<Edge> = own
            .iter()
            .filter_map(|campaign| {
                let place = format!("{}.redirect_offer", self.places.at(*campaign));
                Some(Edge { to: campaign.redirect_offer?, place })
            })
            .collect();
        if own.is_empty() || own.iter().any(|campaign| campaign.redirect_offer.is_none()) {
            edges.extend(base.get(&offer).into_iter().flatten().cloned());
        }
        edges
    }

    /// The edges of an offer for an affiliate whose campaign names no redirect offer.
    fn base_edges(&self, offer: &Offer) -> Vec<Edge> {
        let place = self.places.at(offer);
        let mut edges: Vec<Edge> = offer
            .contract
            .iter()
            .enumerate()
            .filter_map(|(index, contract)| {
                let place = format!("{place}.contract[{index}].redirect_offer");
                Some(Edge { to: contract.redirect_offer?, place })
            })
            .collect();
        // The offer's own terms hold wherever no contract is named.
        edges.extend(self.last_edge(offer, format!("{place}.redirect_offer")));
        edges
    }

    /// The offer's redirect offer, else its vertical's. The latter is as a rule an
    /// offer of the vertical itself, where the chain then ends.
    fn last_edge(&self, offer: &Offer, place: String) -> Option<Edge> {
        if let Some(to) = offer.redirect_offer {
            return Some(Edge { to, place });
        }
        let vertical = self.verticals.get(&offer.vertical)?;
        let to = vertical.redirect_offer.filter(|to| *to != offer.id)?;
        Some(Edge { to, place: format!("{}.redirect_offer", self.places.at(*vertical)) })
    }
}

/// The edges from the start, which nothing reached, to `here`, and the last one.
fn way_back(mut here: OfferId, last: Edge, reached: &HashMap<OfferId, (OfferId, Edge)>) -> Vec<Edge> {
    let mut way = vec![last];
    while let Some((from, edge)) = reached.get(&here) {
        way.push(edge.clone());
        here = *from;
    }
    way.reverse();
    way
}
