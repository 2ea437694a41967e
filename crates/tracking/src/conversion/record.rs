//! What a call makes of what was found.

use super::find::About;
use super::{Call, Conversions, Found, Made, Stop};
use crate::installation::Installation;
use crate::postbacks::Telling;
use crate::webhooks;
use crumb_domain::caps::{self, CapScope, DayCount};
use crumb_domain::conversion::{Conversion, ConversionDisposition};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::{CapOf, Event};
use crumb_domain::payout::{ConversionTerms, Overrides, Worth};
use crumb_domain::pixel::PixelDisposition;
use crumb_domain::session::Session;
use crumb_domain::{Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::conversions::{
    NoteCall, PixelEffect, RecordConversion, SessionHad, SessionQuery, SessionRead,
};
use crumb_storage::outbox::CapTold;
use crumb_storage::{Store, StoreError};

impl<S: Store + Clone> Conversions<S> {
    pub(super) async fn made_of(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        overrides: Overrides,
        found: &mut Found,
    ) -> Result<Made, Stop> {
        let (read, had) = self.session_read(call, about).await?;
        if let Some(same) = &read.same_transaction {
            let unshown = Some(same).filter(|same| is_to_be_shown(same));
            return self.duplicate(call, about, same, unshown).await;
        }
        if let Some(noted) = self.noted_with_lead(call, about, &read, overrides, found) {
            return Ok(noted);
        }
        if let Some(oldest) = read.oldest.as_ref().filter(|_| !about.event.allow_duplicates) {
            return self.duplicate(call, about, oldest, read.unshown.as_ref()).await;
        }
        // Somebody tries things out: by a test link, or with leads that are tests, after which
        // the thank-you page fires its pixel like after any other.
        let is_test = about.session.test || read.only_tests;
        let conversion = self.conversion(call, about, overrides, is_test);
        Ok(self.new_conversion(call, about, conversion, found, had))
    }

    /// What of its session a call rests on.
    async fn session_read(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
    ) -> Result<(SessionRead, SessionHad), StoreError> {
        // Tests and what was refused convert nothing and are there all the same: then the
        // store finds that there was more than nothing, and it is read the second time.
        if call.tries == 0 && !about.session.converted {
            return Ok((SessionRead::default(), SessionHad::Nothing));
        }
        let transaction_id = call.request.reported.transaction_id.clone();
        let read = self.site.store.session_read(SessionQuery {
            session: about.session.id,
            event: about.event.id,
            transaction_id: transaction_id.filter(|_| about.event.deduplicate_transaction_id),
        });
        let read = read.await?;
        let leads = read.leads;
        Ok((read, SessionHad::Leads(leads)))
    }

    /// A further call for what the session has. One whose affiliate's own pixels nobody
    /// could show before, as it came from the advertiser's server, is shown now.
    async fn duplicate(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        oldest: &Conversion,
        unshown: Option<&Conversion>,
    ) -> Result<Made, Stop> {
        match unshown {
            Some(unshown) if call.shows_html() => self.shown_late(call, about, unshown).await,
            _ => Ok(Made {
                conversion: Some(oldest.id),
                ..Made::nothing(PixelDisposition::DuplicateConversion)
            }),
        }
    }

    async fn shown_late(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        earlier: &Conversion,
    ) -> Result<Made, Stop> {
        let mut conversion = earlier.clone();
        let lead = match earlier.lead {
            Some(id) => self.site.store.lead(id).await?,
            None => None,
        };
        let fields = lead.as_ref().map(|lead| lead.fields.as_slice()).unwrap_or_default();
        let html = self.telling(call, about, &conversion, fields).html_pixels();
        conversion.pixels_shown = !html.is_empty();
        let noted = NoteCall {
            conversion,
            once_a_transaction: false,
            signature: None,
            ledger: Vec::new(),
            deliveries: Vec::new(),
        };
        Ok(Made {
            effect: if html.is_empty() { PixelEffect::None } else { PixelEffect::Noted(Box::new(noted)) },
            disposition: PixelDisposition::DuplicateConversion,
            conversion: Some(earlier.id),
            html,
        })
    }

    fn new_conversion(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        mut conversion: Conversion,
        found: &Found,
        had: SessionHad,
    ) -> Made {
        let telling = self.telling(call, about, &conversion, &[]);
        let html = if call.shows_html() { telling.html_pixels() } else { Vec::new() };
        let mut deliveries = telling.deliveries(&self.site, call.now);
        deliveries.extend(webhooks::conversion_created(&self.site, call.snapshot, &conversion, call.now));
        conversion.pixels_shown = !html.is_empty();
        let has_transaction = conversion.reported.transaction_id.is_some();
        let record = RecordConversion {
            once_a_session: !about.event.allow_duplicates,
            once_a_transaction: about.event.deduplicate_transaction_id && has_transaction,
            session_had: had,
            shows_html: call.shows_html(),
            caps: cap_checks(call.snapshot, about.offer, &conversion),
            counts: counts(call.snapshot, &conversion),
            ledger: entries(&conversion),
            deliveries,
            caps_told: caps_told(&self.site, call.snapshot, &conversion, call.now),
            timeline: Vec::new(),
            signature: found.signature,
            conversion,
        };
        Made {
            conversion: Some(record.conversion.id),
            effect: PixelEffect::New(Box::new(record)),
            disposition: PixelDisposition::Ok,
            html,
        }
    }

    fn conversion(&self, call: &Call<'_>, about: &About<'_>, overrides: Overrides, test: bool) -> Conversion {
        let (session, offer) = (&about.session, about.offer);
        let worth = if test {
            Worth::default()
        } else {
            worth(call.snapshot, offer, session, about.event, overrides)
        };
        Conversion {
            id: self.site.rows.next(call.now),
            at: call.now,
            source: call.request.form,
            event: about.event.id,
            offer: offer.id,
            advertiser: offer.advertiser,
            affiliate: session.affiliate,
            campaign: session.campaign,
            offer_contract: session.offer_contract,
            session: session.id,
            lookup: Some(about.lookup),
            lead: None,
            sub_ids: session.sub_ids.clone(),
            payout: worth.payout,
            received: worth.received,
            said: overrides.received.is_some() && !test,
            disposition: ConversionDisposition::Approved,
            withheld: None,
            waits: None,
            reported: call.request.reported.clone(),
            has_pixel: true,
            pixels_shown: false,
            test,
            ip: Some(call.client.ip),
            revision: 0,
            config_version: call.snapshot.version(),
        }
    }

    /// What may be told of a conversion, to whom.
    pub(super) fn telling<'t>(
        &'t self,
        call: &'t Call<'_>,
        about: &'t About<'_>,
        conversion: &'t Conversion,
        fields: &'t [(String, String)],
    ) -> Telling<'t> {
        Telling {
            snapshot: call.snapshot,
            conversion,
            session: &about.session,
            names: &self.site.keys.request_ids,
            fields,
        }
    }
}

/// What a conversion of a session is worth; a test nothing.
pub(super) fn worth(
    snapshot: &Snapshot,
    offer: &CompiledOffer,
    session: &Session,
    event: &Event,
    overrides: Overrides,
) -> Worth {
    if session.test {
        return Worth::default();
    }
    let terms = ConversionTerms {
        offer: &offer.offer,
        contract: session.offer_contract.and_then(|id| offer.contract(id)),
        campaign: snapshot.campaign_of(session.campaign, session.affiliate, session.offer),
        event,
        is_internal: snapshot.settings().internal_affiliate == Some(session.affiliate),
    };
    terms.worth(overrides)
}

/// Whether its affiliate's own pixels are still to be shown.
pub(super) fn is_to_be_shown(conversion: &Conversion) -> bool {
    !conversion.pixels_shown && conversion.disposition == ConversionDisposition::Approved
}

/// The offer's conversion caps and the campaign's.
pub(super) fn cap_checks(
    snapshot: &Snapshot,
    offer: &CompiledOffer,
    conversion: &Conversion,
) -> Vec<caps::CapCheck> {
    if conversion.test {
        return Vec::new();
    }
    // It may be brought in later than it came.
    let day = snapshot.zone().day_of(conversion.at);
    let of_offer = caps::late_checks(&offer.caps, CapScope::Offer(offer.id), CapOf::Conversion, day);
    let campaign = conversion.campaign.and_then(|id| snapshot.campaign(id));
    let of_campaign = campaign.into_iter().flat_map(|campaign| {
        caps::late_checks(&campaign.caps, CapScope::Campaign(campaign.id), CapOf::Conversion, day)
    });
    of_offer.chain(of_campaign).collect()
}

/// The counts that it raises, on the day of the network's zone.
pub(super) fn counts(snapshot: &Snapshot, conversion: &Conversion) -> Vec<DayCount> {
    if conversion.test {
        return Vec::new();
    }
    let scopes = [Some(CapScope::Offer(conversion.offer)), conversion.campaign.map(CapScope::Campaign)];
    let day = snapshot.zone().day_of(conversion.at);
    scopes.into_iter().flatten().map(|scope| DayCount { scope, of: CapOf::Conversion, day }).collect()
}

/// Who is told of conversion caps that it fills.
pub(super) fn caps_told<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    conversion: &Conversion,
    now: Timestamp,
) -> Vec<CapTold> {
    if conversion.test {
        return Vec::new();
    }
    let day = snapshot.zone().day_of(conversion.at);
    let whose = (conversion.offer, conversion.campaign);
    webhooks::caps_reached(site, snapshot, now, CapOf::Conversion, whose, day)
}

/// Who owes what by it: what the advertiser pays, and what its affiliate earns.
pub(super) fn entries(conversion: &Conversion) -> Vec<LedgerEntry> {
    let Conversion { id, at, affiliate, payout, received, .. } = *conversion;
    let of_advertiser = conversion.advertiser.filter(|_| received != Money::ZERO);
    let received = of_advertiser.map(|advertiser| LedgerEntry::received(at, id, advertiser, received));
    let payout = (payout != Money::ZERO).then(|| LedgerEntry::conversion_payout(at, id, affiliate, payout));
    received.into_iter().chain(payout).collect()
}
