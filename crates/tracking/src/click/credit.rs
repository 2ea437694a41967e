//! Whose session a click is of: its own, or an earlier one of which it is a
//! duplicate.

use super::Clicks;
use super::incoming::Incoming;
use crate::double_tap::{DoubleTaps, Opening, Tap};
use crumb_domain::attribution::{Claim, judge};
use crumb_domain::click::VisitorId;
use crumb_domain::session::{Session, Touch, touch};
use crumb_domain::{AffiliateId, RequestId};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::{Store, StoreError};
use crumb_wire::cookie::CookieClaim;
use std::sync::Arc;

/// A live session that the click itself names.
pub(super) struct Live {
    session: Session,
    /// A page's own request id named it, not the cookie.
    by_page: bool,
    /// The visitor's cookie names a live session of the offer: this or another.
    cookie_stands: bool,
}

/// What a click is credited to.
pub(super) struct Credit<'a> {
    pub session: Arc<Session>,
    /// The session is its own and may be that of equal clicks: to be told once it
    /// is stored.
    pub opening: Option<Opening<'a>>,
    /// The session is another click's.
    pub duplicate: bool,
    /// The session's visitor has converted.
    pub converted: bool,
    /// The offer's cookie stays as it is.
    pub cookie_stands: bool,
}

impl<S: Store + Clone> Clicks<S> {
    /// The visitor's live session on an offer: as the page's own request id says,
    /// else as the offer's cookie says.
    pub(super) async fn live_session(
        &self,
        incoming: &Incoming<'_>,
        offer: &CompiledOffer,
    ) -> Result<Option<Live>, StoreError> {
        let by_cookie = match incoming.client.cookies.offer(offer.id) {
            CookieClaim::Session(id) => Some(id),
            CookieClaim::Absent | CookieClaim::Malformed => None,
        };
        let passed = incoming.link.request_id.as_deref().filter(|_| incoming.link.pixel.is_some());
        let by_page = passed.and_then(|text| text.parse::<RequestId>().ok());
        if let Some(id) = by_page
            && let Some(session) = self.session_if_alive(incoming, offer, id).await?
        {
            let cookie_stands = match by_cookie {
                None => false,
                Some(other) => other == id || self.session_if_alive(incoming, offer, other).await?.is_some(),
            };
            return Ok(Some(Live { session, by_page: true, cookie_stands }));
        }
        let Some(id) = by_cookie else { return Ok(None) };
        let session = self.session_if_alive(incoming, offer, id).await?;
        Ok(session.map(|session| Live { session, by_page: false, cookie_stands: true }))
    }

    async fn session_if_alive(
        &self,
        incoming: &Incoming<'_>,
        offer: &CompiledOffer,
        id: RequestId,
    ) -> Result<Option<Session>, StoreError> {
        let Some(row) = self.site.keys.request_ids.row_id(id) else { return Ok(None) };
        let session = self.site.store.session(row).await?;
        let claim = judge(session.as_ref(), offer.id, offer.click_cookie_days, incoming.now);
        Ok(session.filter(|_| claim == Claim::Credited))
    }

    /// Decides between a click's own session and the live or equal click's one. `brought` is
    /// the visitor whose cookie came with it.
    pub(super) async fn credit<'a>(
        &self,
        snapshot: &Snapshot,
        offer: &CompiledOffer,
        own: &Arc<Session>,
        live: Option<Live>,
        tap: Option<(&'a DoubleTaps, Tap)>,
        brought: Option<VisitorId>,
    ) -> Result<Credit<'a>, StoreError> {
        if let Some(live) = live {
            return Ok(credit_live(live, own, offer, snapshot.settings().internal_affiliate));
        }
        let Some((taps, tap)) = tap else { return Ok(Credit::own(own)) };
        let first = match taps.first_or(tap, offer.throw_out_seconds, own, brought).await {
            Ok(first) => first,
            Err(opening) => return Ok(Credit { opening: Some(opening), ..Credit::own(own) }),
        };
        // What is remembered of the first says nothing of what came after it.
        let stored = self.site.store.session(first.id).await?;
        let converted = stored.is_some_and(|session| session.converted);
        Ok(Credit { session: first, duplicate: true, converted, ..Credit::own(own) })
    }
}

impl Credit<'_> {
    fn own(own: &Arc<Session>) -> Self {
        let session = Arc::clone(own);
        Self { session, opening: None, duplicate: false, converted: false, cookie_stands: false }
    }
}

/// A converted visitor's session is closed to takers, and so is one that the page
/// itself names: its visitor is that session's, whoever's pixel is on the page.
fn credit_live(
    live: Live,
    own: &Arc<Session>,
    offer: &CompiledOffer,
    internal: Option<AffiliateId>,
) -> Credit<'static> {
    let Live { session, by_page, cookie_stands } = live;
    let converted = session.converted;
    let duplicates = || touch(Some(&session), own.affiliate, offer.last_touch, internal) == Touch::Duplicates;
    if converted || by_page || duplicates() {
        Credit { session: Arc::new(session), opening: None, duplicate: true, converted, cookie_stands }
    } else {
        Credit::own(own)
    }
}
