//! The click service: decides where a click goes, records it, and only then
//! says so.

use crate::click_caps::ClickCaps;
use crate::client::{Client, non_human};
use crate::double_tap::{DoubleTaps, Tap};
use crate::feed::Recorded;
use crate::gate::{self, Geo, Visit, Way};
use crate::installation::Installation;
use crate::links::{self, MASK, TokenValues};
use crumb_domain::attribution::{Claim, judge};
use crumb_domain::caps::{CapScope, DayCount};
use crumb_domain::click::{Click, ClickSource, Disposition, VisitorId};
use crumb_domain::network::{Campaign, CapOf, Creative};
use crumb_domain::session::{Session, SessionOrigin, Touch, touch};
use crumb_domain::{AffiliateId, OfferId, RequestId, RowId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_network::{Made, NetworkError};
use crumb_storage::clicks::ClickBatch;
use crumb_storage::{Store, StoreError};
use crumb_wire::cookie::{self, CookieClaim};
use crumb_wire::link::{LinkRequest, PixelKind};
use std::sync::Arc;

/// Redirect offers that a diverted click follows at most; `apply` refuses loops,
/// so only a longer chain than anybody means is cut here.
const MAX_HOPS: usize = 5;

/// The click service.
pub struct Clicks<S> {
    site: Arc<Installation<S>>,
    caps: ClickCaps,
    taps: DoubleTaps,
}

/// The answer to a click, after it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickAnswer {
    /// What to send.
    pub reply: ClickReply,
    /// `Set-Cookie` values.
    pub cookies: Vec<String>,
    /// Why it went where it went.
    pub disposition: Disposition,
    /// Whether it counts.
    pub counted: bool,
}

/// What a click is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClickReply {
    /// 302 to a target.
    Redirect(String),
    /// The 404 page.
    NotFound,
    /// The script of a click pixel: the session's request id, or why there is none.
    Script(Result<RequestId, Disposition>),
    /// The image of a click pixel.
    Image,
}

/// A click that could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum ClickError {
    /// The store took no write or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A campaign that was needed could not be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Where a click arrived after following the chain of redirect offers.
struct Arrival<'a> {
    offer: &'a CompiledOffer,
    campaign: Option<&'a Campaign>,
    /// Of the offer that was clicked, where that was not this one.
    diverted: Option<Disposition>,
}

/// Where a click ends that reaches no offer.
enum DeadEnd {
    Global,
    NotFound,
}

/// The click as far as it is the same for each of its rows.
struct Incoming<'a> {
    link: &'a LinkRequest,
    client: &'a Client,
    now: Timestamp,
    affiliate: AffiliateId,
    visitor: VisitorId,
    country: Option<String>,
}

impl<S: Store + Clone> Clicks<S> {
    /// A service on an installation.
    pub fn new(site: Arc<Installation<S>>) -> Self {
        Self { site, caps: ClickCaps::default(), taps: DoubleTaps::default() }
    }

    /// Records a click and answers it.
    ///
    /// # Errors
    /// Where it could not be stored; then nothing of it was kept.
    pub async fn click(&self, link: &LinkRequest, client: &Client) -> Result<ClickAnswer, ClickError> {
        let now = self.site.clock.now();
        let snapshot = self.site.network.snapshot();
        let country = self.site.geo.as_ref().and_then(|geo| geo.country(client.ip));
        let known = |id: &AffiliateId| *id == AffiliateId::TEST || snapshot.affiliate(*id).is_some();
        let (visitor, visitor_cookie) = self.visitor(client);
        let target = link.creative.and_then(|creative| snapshot.creative(creative));
        let (Some(affiliate), Some((offer, creative))) = (link.affiliate.filter(known), target) else {
            let affiliate = link.affiliate.unwrap_or(AffiliateId(0));
            let incoming = Incoming { link, client, now, affiliate, visitor, country };
            return self.invalid(&snapshot, incoming, visitor_cookie).await;
        };
        let incoming = Incoming { link, client, now, affiliate, visitor, country };
        let offer_id = offer.offer.id;
        let snapshot =
            self.with_campaign(snapshot.clone(), affiliate, offer_id, Made::RunAtOnce, now).await?;
        // The snapshot may be a newer one now: everything below reads that one.
        let Some((offer, creative)) = snapshot.creative(creative.id) else {
            return self.invalid(&snapshot, incoming, visitor_cookie).await;
        };
        self.valid(&snapshot, incoming, offer, creative, visitor_cookie).await
    }

    async fn valid(
        &self,
        snapshot: &Snapshot,
        incoming: Incoming<'_>,
        offer: &CompiledOffer,
        creative: &Creative,
        visitor_cookie: Option<String>,
    ) -> Result<ClickAnswer, ClickError> {
        match self.follow(snapshot, &incoming, offer, creative).await? {
            Ok(arrival) if arrival.diverted.is_some() => {
                // The campaign on a chain's target is made when it is first needed.
                let target = arrival.offer.offer.id;
                let affiliate = incoming.affiliate;
                let newer = self.with_redirected_campaign(snapshot, affiliate, target, incoming.now).await?;
                let snapshot = newer.as_deref().unwrap_or(snapshot);
                let Some(offer) = snapshot.offer(target) else {
                    return self
                        .dead_end(
                            snapshot,
                            &incoming,
                            Disposition::InactiveOffer,
                            None,
                            DeadEnd::Global,
                            visitor_cookie,
                        )
                        .await;
                };
                let campaign = snapshot.choose_campaign(affiliate, target, incoming.link.price_format, None);
                let arrival = Arrival { offer, campaign, diverted: arrival.diverted };
                self.arrive(snapshot, incoming, arrival, creative, visitor_cookie).await
            }
            Ok(arrival) => self.arrive(snapshot, incoming, arrival, creative, visitor_cookie).await,
            Err((disposition, end)) => {
                self.dead_end(snapshot, &incoming, disposition, Some(offer), end, visitor_cookie).await
            }
        }
    }

    /// Follows the chain of redirect offers until one takes the click.
    async fn follow<'a>(
        &self,
        snapshot: &'a Snapshot,
        incoming: &Incoming<'_>,
        clicked: &'a CompiledOffer,
        creative: &Creative,
    ) -> Result<Result<Arrival<'a>, (Disposition, DeadEnd)>, ClickError> {
        let mut offer = clicked;
        let mut diverted = None;
        for hop in 0..=MAX_HOPS {
            let link = incoming.link;
            let contract = link.offer_contract.filter(|_| hop == 0);
            let campaign =
                snapshot.choose_campaign(incoming.affiliate, offer.offer.id, link.price_format, contract);
            let refused =
                self.refuse(snapshot, incoming, offer, campaign, (hop == 0).then_some(creative)).await?;
            let Some((why, way)) = refused else {
                return Ok(Ok(Arrival { offer, campaign, diverted }));
            };
            let first = *diverted.get_or_insert(why);
            let contract = contract.or(campaign.and_then(|c| c.offer_contract));
            let next = campaign
                .and_then(|c| c.redirect_offer)
                .or_else(|| contract.and_then(|id| offer.contract(id)).and_then(|c| c.redirect_offer))
                .or(offer.offer.redirect_offer)
                .or(offer.vertical().vertical.redirect_offer)
                .filter(|next| *next != offer.offer.id)
                .and_then(|next| snapshot.offer(next));
            let redirects_nobody = incoming.link.pixel.is_some();
            match (way, next) {
                (Way::Global, _) => return Ok(Err((first, DeadEnd::Global))),
                (Way::NotFound, _) => return Ok(Err((first, DeadEnd::NotFound))),
                (Way::Chain, Some(next)) if hop < MAX_HOPS && !redirects_nobody => offer = next,
                (Way::Chain, _) => {
                    let not_found = offer.offer.redirect_404 || campaign.is_some_and(|c| c.redirect_404);
                    return Ok(Err((first, if not_found { DeadEnd::NotFound } else { DeadEnd::Global })));
                }
            }
        }
        Ok(Err((diverted.unwrap_or(Disposition::InactiveOffer), DeadEnd::Global)))
    }

    /// The first reason to refuse the click on an offer: the shared checks, then
    /// the click caps.
    async fn refuse(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        offer: &CompiledOffer,
        campaign: Option<&Campaign>,
        creative: Option<&Creative>,
    ) -> Result<Option<(Disposition, Way)>, ClickError> {
        let visit = Visit {
            now: incoming.now,
            affiliate: incoming.affiliate,
            sub_affiliate: incoming.link.sub_ids.sub_affiliate(),
            offer,
            campaign,
            creative,
            addresses: [Some(incoming.client.ip), None],
            country: match (&self.site.geo, &incoming.country) {
                (None, _) => Geo::NotEnforced,
                (Some(_), None) => Geo::Unknown,
                (Some(_), Some(code)) => Geo::Country(code),
            },
        };
        // A redirect offer takes diverted traffic whether or not its affiliate
        // has a campaign on it yet: that is what it is for.
        let redirected = creative.is_none();
        if let Some(refused) = gate::refuse(snapshot, &visit) {
            let not_authorized = refused.why == crumb_domain::refusal::Refusal::NotAuthorized;
            if !(redirected && not_authorized) {
                return Ok(Some((refused.why.disposition(), refused.way)));
            }
        }
        if incoming.affiliate == AffiliateId::TEST {
            return Ok(None);
        }
        let day = snapshot.zone().day_of(incoming.now);
        let scope = CapScope::Offer(offer.offer.id);
        if self.caps.is_reached(&self.site.store, &offer.offer.caps, scope, day).await? {
            return Ok(Some((Disposition::OfferOverClickCap, Way::Chain)));
        }
        if let Some(campaign) = campaign {
            let scope = CapScope::Campaign(campaign.id);
            if self.caps.is_reached(&self.site.store, &campaign.caps, scope, day).await? {
                return Ok(Some((Disposition::CampaignOverClickCap, Way::Chain)));
            }
        }
        Ok(None)
    }

    /// Records a click that an offer takes.
    async fn arrive(
        &self,
        snapshot: &Snapshot,
        incoming: Incoming<'_>,
        arrival: Arrival<'_>,
        creative: &Creative,
        visitor_cookie: Option<String>,
    ) -> Result<ClickAnswer, ClickError> {
        let offer = &arrival.offer.offer;
        let live = self.live_session(&incoming, arrival.offer, arrival.diverted.is_none()).await?;
        // A diverted click takes its row first, so that rows lie in the order of the way.
        let diverted_row = arrival.diverted.map(|why| (why, self.site.rows.next(incoming.now).0));
        let (row, own_id) = self.site.rows.next(incoming.now);
        let own = Arc::new(self.new_session(&incoming, &arrival, creative, row));
        let tap = (offer.throw_out_seconds > 0 && live.is_none())
            .then(|| Tap::of(incoming.link, incoming.client.ip, &incoming.client.user_agent));
        let live = match (live, tap) {
            (Some(live), _) => Some(Arc::new(live)),
            (None, Some(tap)) => self.taps.first_or(tap, offer.throw_out_seconds, incoming.now, &own),
            (None, None) => None,
        };
        let converted = live.as_deref().is_some_and(|session| session.converted);
        let internal = snapshot.settings().internal_affiliate;
        let duplicate = converted
            || touch(live.as_deref(), incoming.affiliate, offer.last_touch, internal) == Touch::Duplicates;
        let credited = live.as_ref().filter(|_| duplicate).unwrap_or(&own);
        let request_id = self.site.request_id(credited.id).unwrap_or(own_id);
        let disposition = if converted { Disposition::AlreadyConverted } else { Disposition::Ok };
        let values = TokenValues { session: credited, request_id };
        let prefill = prefill(arrival.offer, incoming.link);
        let (reply, kept_redirect) =
            reply(snapshot, &incoming, &arrival, creative, &values, &prefill, disposition);
        let mut click = self.row(snapshot, &incoming, Some(arrival.offer), disposition, row);
        click.session = Some(credited.id);
        click.campaign = own.campaign;
        click.offer_contract = own.offer_contract;
        click.duplicate = duplicate;
        click.redirect = kept_redirect.clone();
        click.prefill = prefill;
        let counted = click.is_counted();
        let mut clicks = Vec::with_capacity(2);
        if let Some((why, row)) = diverted_row {
            let clicked = snapshot.creative(creative.id).map(|(offer, _)| offer);
            let mut diverted = self.row(snapshot, &incoming, clicked, why, row);
            diverted.redirect = kept_redirect;
            clicks.push(diverted);
        }
        clicks.push(click);
        if let Err(error) = self.record(snapshot, clicks).await {
            if let Some(tap) = tap {
                self.taps.forget(tap, &own);
            }
            return Err(error.into());
        }
        let cookies = self.cookies(&incoming, offer.id, offer.click_cookie_days, request_id, visitor_cookie);
        Ok(ClickAnswer { reply, cookies, disposition: arrival.diverted.unwrap_or(disposition), counted })
    }

    /// The visitor's live session on an offer: as the page's own request id says,
    /// else as the offer's cookie says.
    async fn live_session(
        &self,
        incoming: &Incoming<'_>,
        offer: &CompiledOffer,
        by_request_id: bool,
    ) -> Result<Option<Session>, StoreError> {
        let claimed =
            incoming.link.request_id.as_deref().filter(|_| by_request_id && incoming.link.pixel.is_some());
        let claimed = claimed.and_then(|text| text.parse::<RequestId>().ok());
        let cookie = match incoming.client.cookies.offer(offer.offer.id) {
            CookieClaim::Session(id) => Some(id),
            CookieClaim::Absent | CookieClaim::Malformed => None,
        };
        for id in [claimed, cookie].into_iter().flatten() {
            let Some(row) = self.site.keys.request_ids.row_id(id) else { continue };
            let session = self.site.store.session(row).await?;
            let days = offer.offer.click_cookie_days;
            if judge(session.as_ref(), offer.offer.id, days, incoming.now) == Claim::Credited {
                return Ok(session);
            }
        }
        Ok(None)
    }

    /// Records a click that nobody takes.
    async fn dead_end(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        disposition: Disposition,
        offer: Option<&CompiledOffer>,
        end: DeadEnd,
        visitor_cookie: Option<String>,
    ) -> Result<ClickAnswer, ClickError> {
        let global = snapshot.settings().global_redirect.clone();
        let target = match end {
            DeadEnd::Global => global,
            DeadEnd::NotFound => None,
        };
        let row = self.site.rows.next(incoming.now).0;
        let mut click = self.row(snapshot, incoming, offer, disposition, row);
        click.redirect = target.clone().filter(|_| incoming.link.pixel.is_none());
        self.record(snapshot, vec![click]).await?;
        let reply = match (incoming.link.pixel, target) {
            (Some(PixelKind::Js), _) => ClickReply::Script(Err(disposition)),
            (Some(PixelKind::Image), _) => ClickReply::Image,
            (None, Some(target)) => ClickReply::Redirect(target),
            (None, None) => ClickReply::NotFound,
        };
        let cookies = if incoming.client.head { Vec::new() } else { visitor_cookie.into_iter().collect() };
        Ok(ClickAnswer { reply, cookies, disposition, counted: false })
    }

    async fn invalid(
        &self,
        snapshot: &Snapshot,
        incoming: Incoming<'_>,
        visitor_cookie: Option<String>,
    ) -> Result<ClickAnswer, ClickError> {
        let disposition = Disposition::InvalidLink;
        self.dead_end(snapshot, &incoming, disposition, None, DeadEnd::Global, visitor_cookie).await
    }

    /// The snapshot in which the affiliate has a campaign on the offer, if it is
    /// one that may be made: a public offer is run at once, the internal
    /// affiliate runs any.
    async fn with_campaign(
        &self,
        snapshot: Arc<Snapshot>,
        affiliate: AffiliateId,
        offer: OfferId,
        made: Made,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, ClickError> {
        use crumb_domain::network::{AffiliateStatus, OfferStatus};
        if affiliate == AffiliateId::TEST || snapshot.choose_campaign(affiliate, offer, None, None).is_some()
        {
            return Ok(snapshot);
        }
        let internal = snapshot.settings().internal_affiliate == Some(affiliate);
        let active = snapshot.affiliate(affiliate).is_some_and(|a| a.status == AffiliateStatus::Active);
        let public = snapshot.offer(offer).is_some_and(|o| o.offer.status == OfferStatus::Public);
        let made = match made {
            _ if internal => Made::Internal,
            Made::RunAtOnce if !(active && public) => return Ok(snapshot),
            made => made,
        };
        let making = self.site.network.ensure_campaign(affiliate, offer, None, made, now, &mut self.site.random());
        making.await?;
        Ok(self.site.network.snapshot())
    }

    async fn with_redirected_campaign(
        &self,
        snapshot: &Snapshot,
        affiliate: AffiliateId,
        offer: OfferId,
        now: Timestamp,
    ) -> Result<Option<Arc<Snapshot>>, ClickError> {
        if affiliate == AffiliateId::TEST || snapshot.choose_campaign(affiliate, offer, None, None).is_some()
        {
            return Ok(None);
        }
        let current = self.site.network.snapshot();
        self.with_campaign(current, affiliate, offer, Made::Redirected, now).await.map(Some)
    }

    fn new_session(
        &self,
        incoming: &Incoming<'_>,
        arrival: &Arrival<'_>,
        creative: &Creative,
        row: RowId,
    ) -> Session {
        let asked = incoming.link.offer_contract.filter(|id| arrival.offer.contract(*id).is_some());
        Session {
            id: row,
            at: incoming.now,
            origin: SessionOrigin::Click,
            affiliate: incoming.affiliate,
            offer: arrival.offer.offer.id,
            campaign: arrival.campaign.map(|c| c.id),
            creative: Some(creative.id),
            offer_contract: asked.or(arrival.campaign.and_then(|c| c.offer_contract)),
            sub_ids: incoming.link.sub_ids.clone(),
            device_id: incoming.link.device_id.clone(),
            visitor: Some(incoming.visitor),
            test: incoming.affiliate == AffiliateId::TEST,
            ip: Some(incoming.client.ip),
            country: incoming.country.clone(),
            converted: false,
        }
    }

    /// A row of the click, not credited to a session yet.
    fn row(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        offer: Option<&CompiledOffer>,
        disposition: Disposition,
        id: RowId,
    ) -> Click {
        let Incoming { link, client, now, affiliate, visitor, country } = incoming;
        let offer_id = offer.map(|o| o.offer.id);
        let campaign = offer_id
            .and_then(|o| snapshot.choose_campaign(*affiliate, o, link.price_format, link.offer_contract));
        Click {
            id,
            at: *now,
            source: match link.pixel {
                None => ClickSource::Link,
                Some(PixelKind::Js) => ClickSource::JsPixel,
                Some(PixelKind::Image) => ClickSource::ImagePixel,
            },
            session: None,
            visitor: Some(*visitor),
            affiliate: Some(*affiliate).filter(|a| a.0 != 0),
            offer: offer_id,
            campaign: campaign.map(|c| c.id),
            creative: link.creative,
            offer_contract: link.offer_contract,
            media_type: link.media_type,
            price_format: link.price_format,
            sub_ids: link.sub_ids.clone(),
            device_id: link.device_id.clone(),
            disposition,
            duplicate: false,
            non_human: non_human(&client.user_agent, client.head),
            test: *affiliate == AffiliateId::TEST,
            ip: Some(client.ip),
            country: country.clone(),
            user_agent: client.user_agent.clone(),
            referrer: client.referrer.clone(),
            redirect: None,
            prefill: Vec::new(),
            config_version: snapshot.version(),
        }
    }

    async fn record(&self, snapshot: &Snapshot, clicks: Vec<Click>) -> Result<(), StoreError> {
        let mut counts = Vec::new();
        for click in clicks.iter().filter(|click| click.is_counted()) {
            let day = snapshot.zone().day_of(click.at);
            let scopes = [click.offer.map(CapScope::Offer), click.campaign.map(CapScope::Campaign)];
            counts.extend(scopes.into_iter().flatten().map(|scope| DayCount {
                scope,
                of: CapOf::Click,
                day,
            }));
        }
        let told = if self.site.feed.is_heard() { clicks.clone() } else { Vec::new() };
        self.site.store.record_clicks(ClickBatch { clicks, counts: counts.clone() }).await?;
        for count in counts {
            self.caps.add(count.scope, count.day);
        }
        for click in told {
            self.site.feed.tell(|| Recorded::Click(Arc::new(click)));
        }
        Ok(())
    }

    /// The visitor's number, with the cookie to set where it brought none.
    fn visitor(&self, client: &Client) -> (VisitorId, Option<String>) {
        match client.cookies.visitor() {
            Some(visitor) => (visitor, None),
            None => {
                use rand::RngExt as _;
                // Below 2^53, like request ids, since pages get it as #vstid#.
                let visitor = VisitorId(self.site.random().random_range(1..1 << 53));
                (visitor, Some(cookie::set_visitor(&self.site.keys.cookies, visitor, client.https)))
            }
        }
    }

    /// The cookies of an answer: the offer's where it does not stand already, the
    /// visitor's where it brought none, and an end for the oldest offers' beyond
    /// the bound.
    fn cookies(
        &self,
        incoming: &Incoming<'_>,
        offer: OfferId,
        days: u32,
        request_id: RequestId,
        visitor_cookie: Option<String>,
    ) -> Vec<String> {
        let client = incoming.client;
        if client.head {
            return Vec::new();
        }
        let mut cookies: Vec<String> = visitor_cookie.into_iter().collect();
        if client.cookies.offer(offer) == CookieClaim::Session(request_id) {
            return cookies;
        }
        cookies.push(cookie::set_offer(&self.site.keys.cookies, offer, request_id, days, client.https));
        let mut held: Vec<(Option<RowId>, OfferId)> = client
            .cookies
            .offers()
            .into_iter()
            .filter(|(held, _)| *held != offer)
            .map(|(held, id)| (id.and_then(|id| self.site.keys.request_ids.row_id(id)), held))
            .collect();
        held.sort();
        let over = (held.len() + 1).saturating_sub(cookie::MAX_OFFER_COOKIES);
        cookies
            .extend(held.into_iter().take(over).map(|(_, offer)| cookie::clear_offer(offer, client.https)));
        cookies
    }
}

/// The link's parameters that are fields of the offer's vertical.
fn prefill(offer: &CompiledOffer, link: &LinkRequest) -> Vec<(String, String)> {
    let rules = &offer.vertical().rules;
    link.others.iter().filter(|(name, value)| !value.is_empty() && rules.is_input(name)).cloned().collect()
}

/// What is sent, and what is kept of where it leads.
fn reply(
    snapshot: &Snapshot,
    incoming: &Incoming<'_>,
    arrival: &Arrival<'_>,
    creative: &Creative,
    values: &TokenValues<'_>,
    prefill: &[(String, String)],
    disposition: Disposition,
) -> (ClickReply, Option<String>) {
    match incoming.link.pixel {
        Some(PixelKind::Js) => {
            let told = arrival.diverted.map_or(Ok(values.request_id), Err);
            return (ClickReply::Script(told), None);
        }
        Some(PixelKind::Image) => return (ClickReply::Image, None),
        None => {}
    }
    let offer = &arrival.offer.offer;
    if disposition == Disposition::AlreadyConverted {
        let global = snapshot.settings().global_redirect.clone();
        let target = offer.thank_you_link.as_deref().map(|link| values.fill(link)).or(global);
        return match target {
            Some(target) => (ClickReply::Redirect(target.clone()), Some(target)),
            None => (ClickReply::NotFound, None),
        };
    }
    let direct = arrival.diverted.is_none();
    let deep = incoming.link.deep_link.as_deref().filter(|_| direct);
    if let Some(target) = deep.and_then(|target| links::deep_link(target, creative, offer, values)) {
        return (ClickReply::Redirect(target.clone()), Some(target));
    }
    let terms = arrival.offer.terms(values.session.offer_contract);
    let link = creative.link.as_deref().filter(|_| direct).or(terms.link);
    let Some(link) = link else { return (ClickReply::NotFound, None) };
    let filled = values.fill(link);
    if prefill.is_empty() || !offer.append_prefill {
        return (ClickReply::Redirect(filled.clone()), Some(filled));
    }
    let masked: Vec<(String, String)> =
        prefill.iter().map(|(name, _)| (name.clone(), MASK.to_owned())).collect();
    let kept = links::append_prefill(&filled, &masked);
    (ClickReply::Redirect(links::append_prefill(&filled, prefill)), Some(kept))
}
