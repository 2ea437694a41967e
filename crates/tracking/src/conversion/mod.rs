//! The conversion service: decides what a call of the conversion pixel is about and what
//! it makes, records that together with its line of the log, and only then says so.
//!
//! `find` tells offer, session and event, and the first reason why there is nothing to
//! be made; `authenticity` who may say what; `record` what a call makes of what was
//! found; `lead` what it means for a lead. `late` is what people say afterwards. Who is to be told is for
//! [`crate::postbacks`].
//!
//! All is decided on what the store says of the session, and written on the condition
//! that this still holds: of two equal calls, or a call and a lead at the same moment,
//! the second is decided again. Of a session that has not converted it is first taken for
//! granted that it has nothing, which is almost always so and saves the read.

mod authenticity;
mod find;
pub mod import;
pub mod late;
mod lead;
mod record;
pub mod timeline;

use crate::client::Client;
use crate::feed::Recorded;
use crate::installation::Installation;
use crumb_domain::conversion::{Conversion, ConversionSource};
use crumb_domain::pixel::{PixelCall, PixelDisposition, SessionLookup};
use crumb_domain::session::Session;
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, EventId, OfferId, RowId, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::conversions::{self as stored, PixelEffect, PixelWrite};
use crumb_storage::{Store, StoreError};
use crumb_wire::pixel::PixelRequest;
use std::sync::Arc;

/// How often a call is decided again because something came between: each time something
/// else was recorded for its session.
const MAX_TRIES: usize = 128;

/// The conversion service.
pub struct Conversions<S> {
    site: Arc<Installation<S>>,
}

/// What a call is answered, after it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelAnswer {
    /// What became of it.
    pub disposition: PixelDisposition,
    /// The affiliate's own HTML pixels that are to be shown, tokens replaced.
    pub html: Vec<String>,
}

/// A call on its way.
struct Call<'a> {
    request: &'a PixelRequest,
    client: &'a Client,
    snapshot: &'a Snapshot,
    now: Timestamp,
    /// How often it was decided already.
    tries: usize,
}

impl Call<'_> {
    /// Whether its answer can show HTML.
    fn shows_html(&self) -> bool {
        matches!(self.request.form, ConversionSource::Iframe | ConversionSource::Script)
    }
}

/// What was found of a call, also of one that makes nothing: for the log.
#[derive(Default)]
struct Found {
    offer: Option<OfferId>,
    advertiser: Option<AdvertiserId>,
    event: Option<EventId>,
    lookup: Option<SessionLookup>,
    session: Option<Whose>,
    trusted: bool,
    signature: Option<[u8; 32]>,
    ignored: Vec<String>,
}

/// Whose session was found.
#[derive(Clone, Copy)]
struct Whose {
    session: RowId,
    affiliate: AffiliateId,
    campaign: Option<CampaignId>,
}

impl Whose {
    fn of(session: &Session) -> Self {
        Self { session: session.id, affiliate: session.affiliate, campaign: session.campaign }
    }
}

/// Why a call makes nothing.
enum Stop {
    /// For this reason, which it is answered.
    Refused(PixelDisposition),
    /// The store cannot be read.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a call makes, and what is told once it is stored.
struct Made {
    effect: PixelEffect,
    disposition: PixelDisposition,
    conversion: Option<RowId>,
    html: Vec<String>,
}

impl Made {
    fn nothing(disposition: PixelDisposition) -> Self {
        Self { effect: PixelEffect::None, disposition, conversion: None, html: Vec::new() }
    }
}

impl<S: Store + Clone> Conversions<S> {
    /// A service on an installation.
    pub fn new(site: Arc<Installation<S>>) -> Self {
        Self { site }
    }

    /// Records a call and what it makes.
    ///
    /// # Errors
    /// Where it could not be stored; then nothing of it was kept.
    pub async fn pixel(&self, request: &PixelRequest, client: &Client) -> Result<PixelAnswer, StoreError> {
        let mut tries = 0;
        loop {
            let snapshot = self.site.network.snapshot();
            let call = Call { request, client, snapshot: &snapshot, now: self.site.clock.now(), tries };
            tries += 1;
            match self.try_once(&call).await {
                Err(StoreError::Conflict) if tries < MAX_TRIES => {}
                ended => return ended,
            }
        }
    }

    async fn try_once(&self, call: &Call<'_>) -> Result<PixelAnswer, StoreError> {
        let mut found = Found { ignored: call.request.ignored.clone(), ..Found::default() };
        let made = match self.decide(call, &mut found).await {
            Ok(made) => made,
            Err(Stop::Refused(disposition)) => Made::nothing(disposition),
            Err(Stop::Store(error)) => return Err(error),
        };
        let line = self.line(call, found, &made);
        let heard = self.site.feed.is_heard().then(|| (line.clone(), made.effect.conversion().cloned()));
        let recorded = self.site.store.record_pixel(PixelWrite { call: line, effect: made.effect }).await?;
        let disposition = recorded.map_or(made.disposition, |recorded| recorded.disposition());
        if let Some((line, conversion)) = heard {
            self.tell(line, conversion, recorded, disposition);
        }
        // What the store took for a duplicate or found over a cap has nothing to show.
        let html = if disposition == made.disposition { made.html } else { Vec::new() };
        Ok(PixelAnswer { disposition, html })
    }

    /// Tells the feed of a call that was stored, and of the conversion as it stands now.
    fn tell(
        &self,
        line: PixelCall,
        conversion: Option<Conversion>,
        recorded: Option<stored::Recorded>,
        disposition: PixelDisposition,
    ) {
        let of = match recorded {
            Some(stored::Recorded::Duplicate(before)) => Some(before),
            _ => conversion.as_ref().map(|conversion| conversion.id).or(line.conversion),
        };
        let line = PixelCall { disposition, conversion: of, ..line };
        self.site.feed.tell(|| Recorded::Pixel(Arc::new(line)));
        let conversion = match (conversion, recorded) {
            (None, _) | (_, Some(stored::Recorded::Duplicate(_))) => return,
            (Some(over), Some(stored::Recorded::OverCap)) => over.over_cap(),
            (Some(conversion), _) => conversion,
        };
        self.site.feed.tell(|| Recorded::Conversion(Arc::new(conversion)));
    }

    async fn decide(&self, call: &Call<'_>, found: &mut Found) -> Result<Made, Stop> {
        let about = self.find(call, found).await?;
        let overrides = authenticity::overrides(call, about.offer, found);
        self.made_of(call, &about, overrides, found).await
    }

    /// The call's line of the log.
    fn line(&self, call: &Call<'_>, found: Found, made: &Made) -> PixelCall {
        let (request, whose) = (call.request, found.session);
        let mut ignored = found.ignored;
        ignored.sort_unstable();
        ignored.dedup();
        PixelCall {
            // A call and the conversion that it makes are one thing, and have one name.
            id: match &made.effect {
                PixelEffect::New(record) => record.conversion.id,
                PixelEffect::None | PixelEffect::Noted(_) => self.site.rows.next(call.now),
            },
            at: call.now,
            form: request.form,
            disposition: made.disposition,
            offer: found.offer,
            advertiser: found.advertiser,
            event: found.event,
            lookup: found.lookup,
            session: whose.map(|whose| whose.session),
            affiliate: whose.map(|whose| whose.affiliate),
            campaign: whose.and_then(|whose| whose.campaign),
            conversion: made.conversion,
            transaction_id: request.reported.transaction_id.clone(),
            trusted: found.trusted,
            ignored,
            ip: Some(call.client.ip),
            user_agent: call.client.user_agent.clone(),
            referrer: call.client.referrer.clone(),
            config_version: call.snapshot.version(),
        }
    }
}
