//! The click service: decides where a click goes, records it, and only then
//! says so.
//!
//! `route` finds the offer that takes the click, `credit` whose session it is
//! of, `arrive` puts both together for an offer that takes it, `end` for a click
//! that none takes; `record` is the one place that writes.

mod arrive;
mod caps;
mod cookies;
mod credit;
mod end;
mod incoming;
mod record;
mod reply;
mod route;

use crate::client::{Client, UserAgents};
use crate::installation::Installation;
use caps::ClickCaps;
use crumb_domain::click::Disposition;
use crumb_domain::{AffiliateId, OfferId, RequestId, Timestamp};
use crumb_network::{Made, NetworkError, Snapshot};
use crumb_storage::{Store, StoreError};
use crumb_wire::link::LinkRequest;
use end::DeadEnd;
use incoming::{Incoming, Target};
use route::Route;
use std::sync::Arc;

/// The click service.
pub struct Clicks<S> {
    site: Arc<Installation<S>>,
    caps: ClickCaps,
    agents: UserAgents,
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

impl<S: Store + Clone> Clicks<S> {
    /// A service on an installation.
    pub fn new(site: Arc<Installation<S>>) -> Self {
        Self { site, caps: ClickCaps::default(), agents: UserAgents::new() }
    }

    /// Records a click and answers it.
    ///
    /// # Errors
    /// Where it could not be stored; then nothing of it was kept.
    pub async fn click(&self, link: &LinkRequest, client: &Client) -> Result<ClickAnswer, ClickError> {
        let snapshot = self.site.network.snapshot();
        let incoming = Incoming::new(&self.site, &self.agents, link, client);
        let Some(target) = Target::of(link, &snapshot) else {
            return self.end_invalid(&snapshot, &incoming).await;
        };
        let (offer, diverted) = match self.route(&snapshot, &incoming, &target).await? {
            Route::Takes { offer, diverted } => (offer, diverted),
            Route::Ends { why, end } => {
                return self.end(&snapshot, &incoming, Some(target.offer), why, end).await;
            }
        };
        let affiliate = target.affiliate;
        let snapshot = self.with_campaign(snapshot, affiliate, offer, diverted, incoming.now).await?;
        // The snapshot may be a newer one now: everything below reads that one.
        let (Some(target), Some(offer)) = (Target::of(link, &snapshot), snapshot.offer(offer)) else {
            return self.end_invalid(&snapshot, &incoming).await;
        };
        self.arrive(&snapshot, &incoming, &target, offer, diverted).await
    }

    async fn end_invalid(
        &self,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
    ) -> Result<ClickAnswer, ClickError> {
        self.end(snapshot, incoming, None, Disposition::InvalidLink, DeadEnd::Global).await
    }

    /// The snapshot in which the affiliate has a campaign on the offer that takes
    /// its click. Test links need none.
    async fn with_campaign(
        &self,
        snapshot: Arc<Snapshot>,
        affiliate: AffiliateId,
        offer: OfferId,
        diverted: Option<Disposition>,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, ClickError> {
        if affiliate == AffiliateId::TEST || snapshot.choose_campaign(affiliate, offer, None, None).is_some()
        {
            return Ok(snapshot);
        }
        let made = if snapshot.settings().internal_affiliate == Some(affiliate) {
            Made::Internal
        } else if diverted.is_some() {
            Made::Redirected
        } else {
            Made::RunAtOnce
        };
        let network = &self.site.network;
        let making = network.ensure_campaign(affiliate, offer, None, made, now, &mut self.site.random());
        making.await?;
        Ok(network.snapshot())
    }
}
