//! What a call makes of what was found.

use super::find::About;
use super::{Call, Conversions, Found, Made, Stop};
use crate::postbacks::Telling;
use crumb_domain::Money;
use crumb_domain::caps::{self, CapScope, DayCount};
use crumb_domain::conversion::{Conversion, ConversionDisposition};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::CapOf;
use crumb_domain::payout::{ConversionTerms, Overrides, Worth};
use crumb_domain::pixel::PixelDisposition;
use crumb_storage::conversions::{NoteCall, PixelEffect, RecordConversion};
use crumb_storage::{Store, StoreError};

impl<S: Store + Clone> Conversions<S> {
    pub(super) async fn made_of(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        overrides: Overrides,
        found: &mut Found,
    ) -> Result<Made, Stop> {
        let (before, leads) = self.had_by_session(call, about).await?;
        if let Some(noted) = self.noted_with_lead(call, about, &leads, overrides, found)? {
            return Ok(noted);
        }
        let of_event: Vec<&Conversion> =
            before.iter().filter(|earlier| earlier.event == about.event.id).collect();
        if !about.event.allow_duplicates
            && let Some(earliest) = of_event.first()
        {
            let unshown = of_event.iter().find(|earlier| is_to_be_shown(earlier));
            return Ok(match unshown {
                Some(earlier) if call.shows_html() => self.shown_late(call, about, earlier),
                _ => Made {
                    conversion: Some(earliest.id),
                    ..Made::nothing(PixelDisposition::DuplicateConversion)
                },
            });
        }
        let had = leads.len() + before.iter().filter(|earlier| earlier.lead.is_none()).count();
        Ok(self.new_conversion(call, about, overrides, found, had))
    }

    /// The session's conversions and leads.
    async fn had_by_session(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
    ) -> Result<(Vec<Conversion>, Vec<Lead>), StoreError> {
        let session = about.session.id;
        // Tests and what was refused convert nothing and are there all the same. Then the
        // store finds that the session had more than this, and it is read the second time.
        if call.tries == 0 && !about.session.converted {
            return Ok((Vec::new(), Vec::new()));
        }
        let before = self.site.store.conversions_of(session).await?;
        Ok((before, self.site.store.leads_of_session(session).await?))
    }

    /// A further call for a conversion whose affiliate's own pixels nobody could show
    /// before: it came from the advertiser's server.
    fn shown_late(&self, call: &Call<'_>, about: &About<'_>, earlier: &Conversion) -> Made {
        let mut conversion = earlier.clone();
        let html = self.telling(call, about, &conversion, &[]).html_pixels();
        conversion.pixels_shown = !html.is_empty();
        let noted = NoteCall {
            conversion,
            once_a_transaction: false,
            signature: None,
            ledger: Vec::new(),
            deliveries: Vec::new(),
        };
        Made {
            effect: if html.is_empty() { PixelEffect::None } else { PixelEffect::Noted(Box::new(noted)) },
            disposition: PixelDisposition::DuplicateConversion,
            conversion: Some(earlier.id),
            html,
        }
    }

    fn new_conversion(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        overrides: Overrides,
        found: &Found,
        had: usize,
    ) -> Made {
        let mut conversion = self.conversion(call, about, overrides);
        let telling = self.telling(call, about, &conversion, &[]);
        let html = if call.shows_html() { telling.html_pixels() } else { Vec::new() };
        let deliveries = telling.deliveries(&self.site, call.now);
        conversion.pixels_shown = !html.is_empty();
        let has_transaction = conversion.reported.transaction_id.is_some();
        let record = RecordConversion {
            once_a_session: !about.event.allow_duplicates,
            once_a_transaction: about.event.deduplicate_transaction_id && has_transaction,
            session_had: had,
            caps: cap_checks(call, about, &conversion),
            counts: counts(call, &conversion),
            ledger: entries(&conversion),
            deliveries,
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

    fn conversion(&self, call: &Call<'_>, about: &About<'_>, overrides: Overrides) -> Conversion {
        let (session, offer) = (&about.session, about.offer);
        let worth = if session.test { Worth::default() } else { terms(call, about).worth(overrides) };
        Conversion {
            id: self.site.rows.next(call.now).0,
            at: call.now,
            source: call.request.form,
            event: about.event.id,
            offer: offer.id,
            advertiser: offer.advertiser,
            affiliate: session.affiliate,
            campaign: session.campaign,
            offer_contract: session.offer_contract,
            session: session.id,
            lead: None,
            sub_ids: session.sub_ids.clone(),
            payout: worth.payout,
            received: worth.received,
            disposition: ConversionDisposition::Approved,
            reported: call.request.reported.clone(),
            has_pixel: true,
            pixels_shown: false,
            test: session.test,
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

fn terms<'t>(call: &'t Call<'_>, about: &'t About<'_>) -> ConversionTerms<'t> {
    let session = &about.session;
    ConversionTerms {
        offer: &about.offer.offer,
        contract: session.offer_contract.and_then(|id| about.offer.contract(id)),
        campaign: session.campaign.and_then(|id| call.snapshot.campaign(id)),
        event: about.event,
        is_internal: call.snapshot.settings().internal_affiliate == Some(session.affiliate),
    }
}

/// Whether its affiliate's own pixels are still to be shown.
pub(super) fn is_to_be_shown(conversion: &Conversion) -> bool {
    !conversion.pixels_shown && conversion.disposition == ConversionDisposition::Approved
}

/// The offer's conversion caps and the campaign's.
fn cap_checks(call: &Call<'_>, about: &About<'_>, conversion: &Conversion) -> Vec<caps::CapCheck> {
    if conversion.test {
        return Vec::new();
    }
    let day = call.snapshot.zone().day_of(call.now);
    let offer = &about.offer.offer;
    let of_offer = caps::checks(&offer.caps, CapScope::Offer(offer.id), CapOf::Conversion, day);
    let campaign = conversion.campaign.and_then(|id| call.snapshot.campaign(id));
    let of_campaign = campaign.into_iter().flat_map(|campaign| {
        caps::checks(&campaign.caps, CapScope::Campaign(campaign.id), CapOf::Conversion, day)
    });
    of_offer.chain(of_campaign).collect()
}

/// The counts that it raises, on the day of the network's zone.
fn counts(call: &Call<'_>, conversion: &Conversion) -> Vec<DayCount> {
    if conversion.test {
        return Vec::new();
    }
    let scopes = [Some(CapScope::Offer(conversion.offer)), conversion.campaign.map(CapScope::Campaign)];
    let day = call.snapshot.zone().day_of(call.now);
    scopes.into_iter().flatten().map(|scope| DayCount { scope, of: CapOf::Conversion, day }).collect()
}

/// Who owes what by it: what the advertiser pays, and what its affiliate earns.
fn entries(conversion: &Conversion) -> Vec<LedgerEntry> {
    let Conversion { id, at, affiliate, payout, received, .. } = *conversion;
    let of_advertiser = conversion.advertiser.filter(|_| received != Money::ZERO);
    let received = of_advertiser.map(|advertiser| LedgerEntry::received(at, id, advertiser, received));
    let payout = (payout != Money::ZERO).then(|| LedgerEntry::conversion_payout(at, id, affiliate, payout));
    received.into_iter().chain(payout).collect()
}
