//! A click that no offer takes.

use super::incoming::Incoming;
use super::{ClickAnswer, ClickError, ClickReply, Clicks};
use crumb_domain::click::Disposition;
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::Store;
use crumb_wire::link::PixelKind;

/// Where a click ends that reaches no offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeadEnd {
    /// At the Global Redirect, or at a 404 page where there is none.
    Global,
    /// At a 404 page.
    NotFound,
}

impl<S: Store + Clone> Clicks<S> {
    /// Records the click on the offer that was clicked, where there is one.
    pub(super) async fn end(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
        offer: Option<&CompiledOffer>,
        disposition: Disposition,
        end: DeadEnd,
    ) -> Result<ClickAnswer, ClickError> {
        let global = snapshot.settings().global_redirect.as_ref();
        let reply = match (incoming.link.pixel, global.filter(|_| end == DeadEnd::Global)) {
            (Some(PixelKind::Js), _) => ClickReply::Script(Err(disposition)),
            (Some(PixelKind::Image), _) => ClickReply::Image,
            (None, Some(target)) => ClickReply::Redirect(target.clone()),
            (None, None) => ClickReply::NotFound,
        };
        let row = self.site.rows.next(incoming.now);
        let mut click = incoming.row(snapshot, row, offer, disposition);
        if let ClickReply::Redirect(target) = &reply {
            click.redirect = Some(target.clone());
        }
        self.record(snapshot, vec![click]).await?;
        Ok(ClickAnswer { reply, cookies: self.visitor_cookie(incoming), disposition, counted: false })
    }
}
