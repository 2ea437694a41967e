//! A click as it comes in, and the row that is kept of it.

use crate::client::{Client, UserAgents, kept_header};
use crate::installation::Installation;
use crumb_domain::click::{Click, ClickSource, Disposition, NonHuman, VisitorId};
use crumb_domain::network::Creative;
use crumb_domain::{AffiliateId, Money, RowId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::Store;
use crumb_wire::link::{LinkRequest, PixelKind};
use crumb_wire::referrer::mask_referrer;

/// The click as far as it is the same for each of its rows.
pub(super) struct Incoming<'a> {
    pub link: &'a LinkRequest,
    pub client: &'a Client,
    pub now: Timestamp,
    pub visitor: VisitorId,
    /// It brought no cookie that says who it is.
    pub is_new_visitor: bool,
    pub country: Option<String>,
    pub non_human: Option<NonHuman>,
}

/// What a valid link names.
pub(super) struct Target<'a> {
    pub affiliate: AffiliateId,
    pub offer: &'a CompiledOffer,
    pub creative: &'a Creative,
}

impl<'a> Target<'a> {
    /// `None` where the link names an affiliate or a creative that there is not.
    pub fn of(link: &LinkRequest, snapshot: &'a Snapshot) -> Option<Self> {
        let known = |id: &AffiliateId| *id == AffiliateId::TEST || snapshot.affiliate(*id).is_some();
        let affiliate = link.affiliate.filter(known)?;
        let (offer, creative) = snapshot.creative(link.creative?)?;
        Some(Self { affiliate, offer, creative })
    }
}

impl<'a> Incoming<'a> {
    pub fn new<S: Store + Clone>(
        site: &Installation<S>,
        agents: &UserAgents,
        link: &'a LinkRequest,
        client: &'a Client,
    ) -> Self {
        let known = client.cookies.visitor();
        Self {
            link,
            client,
            now: site.clock.now(),
            visitor: known.unwrap_or_else(|| new_visitor(site)),
            is_new_visitor: known.is_none(),
            country: site.geo.as_ref().and_then(|geo| geo.country(client.ip)),
            non_human: agents.non_human(&client.user_agent, client.head),
        }
    }

    /// The visitor, where its cookie came with the click.
    pub fn brought(&self) -> Option<VisitorId> {
        (!self.is_new_visitor).then_some(self.visitor)
    }

    /// A row of the click, not credited to a session yet.
    pub fn row(
        &self,
        snapshot: &Snapshot,
        id: RowId,
        offer: Option<&CompiledOffer>,
        disposition: Disposition,
    ) -> Click {
        let Self { link, client, .. } = self;
        let campaign = link.affiliate.zip(offer).and_then(|(affiliate, offer)| {
            snapshot.choose_campaign(affiliate, offer.id, link.price_format, link.offer_contract)
        });
        let asked = link.offer_contract.filter(|id| offer.is_none_or(|offer| offer.contract(*id).is_some()));
        Click {
            id,
            at: self.now,
            source: match link.pixel {
                None => ClickSource::Link,
                Some(PixelKind::Js) => ClickSource::JsPixel,
                Some(PixelKind::Image) => ClickSource::ImagePixel,
            },
            session: None,
            visitor: Some(self.visitor),
            affiliate: link.affiliate,
            offer: offer.map(|offer| offer.id),
            campaign: campaign.map(|campaign| campaign.id),
            creative: link.creative,
            offer_contract: campaign.and_then(|campaign| campaign.offer_contract).or(asked),
            asked_contract: link.offer_contract,
            media_type: link.media_type,
            price_format: link.price_format,
            sub_ids: link.sub_ids.clone(),
            device_id: link.device_id.clone(),
            disposition,
            duplicate: false,
            non_human: self.non_human,
            test: link.affiliate == Some(AffiliateId::TEST),
            ip: Some(client.ip),
            country: self.country.clone(),
            user_agent: client.user_agent.clone(),
            referrer: kept_referrer(&client.referrer, offer),
            redirect: None,
            prefill: Vec::new(),
            payout: Money::ZERO,
            received: Money::ZERO,
            config_version: snapshot.version(),
        }
    }
}

/// The page's address without what it says of a person: where a visitor has been sent on with
/// pre-fill values, they are in the address that the page's click pixel comes from.
fn kept_referrer(referrer: &str, offer: Option<&CompiledOffer>) -> String {
    let Some(offer) = offer.filter(|_| referrer.contains('?')) else { return referrer.to_owned() };
    let rules = &offer.vertical().rules;
    match mask_referrer(referrer, &|name| rules.is_personal_input(name)) {
        // A mask may be longer than what it stands for.
        Some(masked) => kept_header(&masked),
        None => referrer.to_owned(),
    }
}

/// Below 2^53, like request ids, since pages get it as `#vstid#`.
fn new_visitor<S: Store + Clone>(site: &Installation<S>) -> VisitorId {
    use rand::RngExt as _;
    VisitorId(site.random().random_range(1..1 << 53))
}
