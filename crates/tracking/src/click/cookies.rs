//! The cookies that a click's answer sets.

use super::Clicks;
use super::incoming::Incoming;
use crumb_domain::{OfferId, RequestId, RowId};
use crumb_network::CompiledOffer;
use crumb_storage::Store;
use crumb_wire::cookie;

impl<S: Store + Clone> Clicks<S> {
    /// The visitor's cookie, where it brought none. `HEAD` sets no cookie.
    pub(super) fn visitor_cookie(&self, incoming: &Incoming<'_>) -> Vec<String> {
        let client = incoming.client;
        let set = || cookie::set_visitor(&self.site.keys.cookies, incoming.visitor, client.https);
        (incoming.is_new_visitor && !client.head).then(set).into_iter().collect()
    }

    /// The offer's cookie, and an end for the oldest offers' beyond the bound.
    pub(super) fn offer_cookies(
        &self,
        incoming: &Incoming<'_>,
        offer: &CompiledOffer,
        session: RequestId,
    ) -> Vec<String> {
        let client = incoming.client;
        if client.head {
            return Vec::new();
        }
        let keys = &self.site.keys;
        let days = offer.click_cookie_days;
        let mut cookies = vec![cookie::set_offer(&keys.cookies, offer.id, session, days, client.https)];
        // Row ids ascend with time; what does not verify goes first.
        let mut held: Vec<(Option<RowId>, OfferId)> = client
            .cookies
            .offers()
            .into_iter()
            .filter(|(held, _)| *held != offer.id)
            .map(|(held, id)| (id.and_then(|id| keys.request_ids.row_id(id)), held))
            .collect();
        held.sort_unstable();
        let over = (held.len() + 1).saturating_sub(cookie::MAX_OFFER_COOKIES);
        cookies.extend(held.into_iter().take(over).map(|(_, old)| cookie::clear_offer(old, client.https)));
        cookies
    }
}
