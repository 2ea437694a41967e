//! A post, with what it is held against: the same at each step of its way.

use crate::credit::{Credit, is_browsers};
use crate::judgement::IP_FIELD;
use crate::service::{Leads, RawPost};
use crumb_domain::Timestamp;
use crumb_domain::network::Campaign;
use crumb_domain::outcome::Problem;
use crumb_domain::post::PostKind;
use crumb_domain::time::Day;
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::Store;
use crumb_tracking::client::Client;
use crumb_tracking::gate::{self, Geo, Visit};
use crumb_wire::answer::AnswerForm;
use crumb_wire::post::PostRequest;
use std::net::IpAddr;
use std::sync::Arc;

/// One post on its way, before anything is known about it.
pub(crate) struct IncomingPost<'a> {
    pub request: &'a PostRequest,
    pub raw: &'a RawPost,
    pub client: &'a Client,
    pub now: Timestamp,
    pub kind: PostKind,
    pub form: AnswerForm,
}

/// A post that is somebody's, on an offer that is known.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub incoming: &'a IncomingPost<'a>,
    pub snapshot: &'a Arc<Snapshot>,
    pub offer: &'a CompiledOffer,
    pub campaign: Option<&'a Campaign>,
    pub credit: &'a Credit,
    /// Whether anybody may buy its lead: the vertical has contracts.
    pub has_contracts: bool,
}

impl Case<'_> {
    /// The day it is, in the network's time zone.
    pub fn today(&self) -> Day {
        self.snapshot.zone().day_of(self.incoming.now)
    }
}

impl<S: Store + Clone> Leads<S> {
    /// The first of the checks that need no fields but the consumer's address.
    pub(crate) fn refusal(&self, case: &Case<'_>) -> Option<Problem> {
        let Case { incoming, snapshot, offer, campaign, credit, has_contracts: _ } = *case;
        let consumer =
            incoming.request.fields.get(IP_FIELD).and_then(|text| text.trim().parse::<IpAddr>().ok());
        let session = credit.session.as_ref();
        let creative = session
            .and_then(|session| session.creative)
            .and_then(|id| snapshot.creative(id))
            .filter(|(of, _)| of.offer.id == offer.offer.id)
            .map(|(_, creative)| creative);
        let located = self.site.geo.as_ref().map(|geo| {
            let address = consumer.or((is_browsers(incoming.request)).then_some(incoming.client.ip));
            match (address, session) {
                (Some(address), _) => Some(geo.country(address)),
                (None, Some(session)) if session.ip.is_some() => {
                    Some(session.country.clone().or_else(|| session.ip.and_then(|ip| geo.country(ip))))
                }
                (None, _) => None,
            }
        });
        let visit = Visit {
            now: incoming.now,
            affiliate: credit.affiliate,
            sub_affiliate: credit.sub_ids.sub_affiliate(),
            offer,
            campaign,
            creative,
            addresses: [Some(incoming.client.ip), consumer],
            country: match &located {
                None | Some(None) => Geo::NotEnforced,
                Some(Some(None)) => Geo::Unknown,
                Some(Some(Some(code))) => Geo::Country(code),
            },
        };
        gate::refuse(snapshot, &visit).map(|refused| refused.why.problem())
    }
}
