//! What a call is about: offer, session, event. The first that cannot be told is the
//! reason why it makes nothing, in the dialect's order: offer, signature, address list,
//! request id or cookie, expiry, event.

use super::{Call, Conversions, Found, Stop, Whose, authenticity};
use crumb_domain::network::Event;
use crumb_domain::pixel::{PixelDisposition, SessionLookup};
use crumb_domain::session::Session;
use crumb_domain::{OfferId, RequestId, RowId};
use crumb_network::CompiledOffer;
use crumb_storage::{Store, StoreError};
use crumb_wire::cookie::CookieClaim;
use crumb_wire::input::Given;

/// Sessions of a device that are looked at: its newest on the offers in question.
const MAX_SESSIONS_OF_DEVICE: u32 = 16;

/// What a call is about.
pub(super) struct About<'a> {
    pub offer: &'a CompiledOffer,
    pub session: Session,
    /// By what that was found.
    pub lookup: SessionLookup,
    pub event: &'a Event,
}

/// The offers among which a call's is.
enum Among<'a> {
    /// `o` names it.
    One(&'a CompiledOffer),
    /// `a` names their advertiser.
    Advertisers(Vec<&'a CompiledOffer>),
    /// `r` knows it.
    Any,
}

impl Among<'_> {
    fn ids(&self) -> Vec<OfferId> {
        match self {
            Self::One(offer) => vec![offer.id],
            Self::Advertisers(offers) => offers.iter().map(|offer| offer.id).collect(),
            Self::Any => Vec::new(),
        }
    }

    fn has(&self, id: OfferId) -> bool {
        matches!(self, Self::Any) || self.ids().contains(&id)
    }
}

impl<S: Store + Clone> Conversions<S> {
    pub(super) async fn find<'a>(&self, call: &Call<'a>, found: &mut Found) -> Result<About<'a>, Stop> {
        let among = among(call, found)?;
        let (lookup, session) = self.session(call, &among).await?;
        found.lookup = Some(lookup);
        let offer = match among {
            Among::One(offer) => Some(offer),
            Among::Advertisers(_) | Among::Any => {
                session.as_ref().and_then(|session| call.snapshot.offer(session.offer))
            }
        };
        found.session = session.as_ref().map(Whose::of);
        if let Some(offer) = offer {
            found.offer = Some(offer.id);
            found.advertiser = offer.advertiser.or(found.advertiser);
            authenticity::check(call, offer, found)?;
        }
        let (Some(offer), Some(session)) = (offer, session) else {
            return Err(Stop::Refused(PixelDisposition::InvalidRequestId));
        };
        if call.now >= session.at.plus_days(i64::from(offer.click_cookie_days)) {
            return Err(Stop::Refused(PixelDisposition::ClickExpired));
        }
        let event = match call.request.event.as_deref() {
            None => offer.default_event(),
            Some(named) => offer.event(named),
        };
        let event = event.ok_or(Stop::Refused(PixelDisposition::InvalidEvent))?;
        found.event = Some(event.id);
        Ok(About { offer, session, lookup, event })
    }

    /// The session that a call is about: the one that `r` names and no other, else the
    /// cookie's, else the device's; with by what it was found, or why it was not.
    async fn session(
        &self,
        call: &Call<'_>,
        among: &Among<'_>,
    ) -> Result<(SessionLookup, Option<Session>), StoreError> {
        if let Some(request_id) = &call.request.request_id {
            let named = request_id.parse().ok().and_then(|id: RequestId| self.row(id));
            let Some(row) = named else { return Ok((SessionLookup::MalformedRequestId, None)) };
            return Ok(match self.site.store.session(row).await? {
                None => (SessionLookup::UnknownRequestId, None),
                Some(session) if !among.has(session.offer) => (SessionLookup::OtherOffer, None),
                found => (SessionLookup::RequestId, found),
            });
        }
        let (of_cookies, session) = self.session_of_cookies(call, among).await?;
        if session.is_some() {
            return Ok((of_cookies, session));
        }
        let session = self.session_of_device(call, among).await?;
        let lookup = match (of_cookies, &call.request.reported.device_id) {
            (_, Some(_)) if session.is_some() => SessionLookup::Device,
            (SessionLookup::NothingNamed, Some(_)) => SessionLookup::UnknownDevice,
            (fault, _) => fault,
        };
        Ok((lookup, session))
    }

    fn row(&self, id: RequestId) -> Option<RowId> {
        self.site.keys.request_ids.row_id(id)
    }

    /// Of several the one whose visitor clicked last, further clicks of an earlier session
    /// included; one that still earns credit before one that does not.
    async fn session_of_cookies(
        &self,
        call: &Call<'_>,
        among: &Among<'_>,
    ) -> Result<(SessionLookup, Option<Session>), StoreError> {
        let mut last: Option<((bool, RowId), Session)> = None;
        let mut fault = SessionLookup::NothingNamed;
        for offer in among.ids() {
            let id = match call.client.cookies.offer(offer) {
                CookieClaim::Absent => continue,
                CookieClaim::Malformed => {
                    fault = SessionLookup::UnsignedCookie;
                    continue;
                }
                CookieClaim::Session(id) => id,
            };
            let session = match self.row(id) {
                Some(row) => self.site.store.session(row).await?.filter(|found| found.offer == offer),
                None => None,
            };
            let Some(session) = session else {
                fault = SessionLookup::UnknownCookie;
                continue;
            };
            if let Among::One(_) = among {
                return Ok((SessionLookup::Cookie, Some(session)));
            }
            let rank = (is_alive(call, &session), self.site.store.last_click(session.id).await?);
            if last.as_ref().is_none_or(|(before, _)| *before < rank) {
                last = Some((rank, session));
            }
        }
        let session = last.map(|(_, session)| session);
        Ok((if session.is_some() { SessionLookup::Cookie } else { fault }, session))
    }

    /// The device's session on the offer: by first touch its oldest that still earns
    /// credit, by last touch its newest. Among an advertiser's offers the newest.
    async fn session_of_device(
        &self,
        call: &Call<'_>,
        among: &Among<'_>,
    ) -> Result<Option<Session>, StoreError> {
        let Some(device) = call.request.reported.device_id.clone() else { return Ok(None) };
        let offers = among.ids();
        if offers.is_empty() {
            return Ok(None);
        }
        let newest_first = self.site.store.sessions_of_device(device, offers, MAX_SESSIONS_OF_DEVICE).await?;
        let by_last_touch = match among {
            Among::One(offer) => offer.last_touch,
            Among::Advertisers(_) | Among::Any => true,
        };
        let mut alive = newest_first.iter().filter(|session| is_alive(call, session));
        let chosen = if by_last_touch { alive.next() } else { alive.next_back() };
        Ok(chosen.or(newest_first.first()).cloned())
    }
}

/// Whether a session still earns credit.
fn is_alive(call: &Call<'_>, session: &Session) -> bool {
    let offer = call.snapshot.offer(session.offer);
    offer.is_some_and(|offer| call.now < session.at.plus_days(i64::from(offer.click_cookie_days)))
}

/// The offers among which the call's is, as far as the call says.
fn among<'a>(call: &Call<'a>, found: &mut Found) -> Result<Among<'a>, Stop> {
    let request = call.request;
    let refused = Stop::Refused(PixelDisposition::InvalidOffer);
    if request.offer != Given::Absent {
        let offer = request.offer.value().and_then(|id| call.snapshot.offer(id)).ok_or(refused)?;
        return Ok(Among::One(offer));
    }
    if request.advertiser != Given::Absent {
        let known = request.advertiser.value().filter(|id| call.snapshot.has_advertiser(*id));
        let advertiser = known.ok_or(refused)?;
        found.advertiser = Some(advertiser);
        let mut offers: Vec<&CompiledOffer> =
            call.snapshot.offers().filter(|offer| offer.advertiser == Some(advertiser)).collect();
        offers.sort_unstable_by_key(|offer| offer.id);
        return Ok(Among::Advertisers(offers));
    }
    if request.request_id.is_some() { Ok(Among::Any) } else { Err(refused) }
}
