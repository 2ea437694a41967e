//! What a call means for a lead of its session.
//!
//! An accepted lead is a conversion already: the call is noted with the oldest that has
//! no pixel yet, and pays only where the offer pays on the pixel. A lead that was not
//! accepted is none; but a page that thanks everybody fires its pixel for it too, and
//! that must not make a conversion that pays. So the call is noted with it, as rejected.

use super::find::About;
use super::record::is_to_be_shown;
use super::{Call, Conversions, Found, Made};
use crumb_domain::conversion::{Awaited, Conversion, ConversionDisposition, LeadConversion, Withheld};
use crumb_domain::lead::{Lead, LeadOutcome};
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::OfferType;
use crumb_domain::payout::{LeadFacts, Overrides, Standing, Terms, awaited, lead_payout};
use crumb_domain::pixel::PixelDisposition;
use crumb_domain::{Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::Store;
use crumb_storage::conversions::{NoteCall, PixelEffect, SessionRead};

impl<S: Store + Clone> Conversions<S> {
    /// The note that a call is, where it belongs to a lead.
    pub(super) fn noted_with_lead(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        read: &SessionRead,
        mut overrides: Overrides,
        found: &mut Found,
    ) -> Option<Made> {
        let is_default = about.offer.default_event().is_some_and(|event| event.id == about.event.id);
        let takes_leads = about.offer.offer_type != OfferType::ThirdParty;
        if !is_default || !takes_leads {
            return None;
        }
        let lead = read.open_lead.as_ref()?;
        if read.is_before_lead && !about.event.allow_duplicates && !lead.is_conversion() {
            // A call that came before the lead is its pixel once it is accepted.
            return None;
        }
        if overrides.payout.is_some() {
            // A lead pays what its terms say, whatever a pixel says.
            found.ignored.push("ap".to_owned());
        }
        if overrides.received.is_some() && is_refused(lead) {
            // Nobody owes anything for what does not count.
            found.ignored.push("p".to_owned());
            overrides.received = None;
        }
        Some(self.noted(call, about, lead, overrides, found))
    }

    fn noted(
        &self,
        call: &Call<'_>,
        about: &About<'_>,
        lead: &Lead,
        overrides: Overrides,
        found: &Found,
    ) -> Made {
        let mut conversion = as_conversion(lead, about);
        let is_accepted = lead.is_conversion();
        conversion.has_pixel = true;
        conversion.reported = call.request.reported.clone();
        let is_waited_for = is_accepted && is_waited_for(lead, &conversion);
        if is_waited_for {
            let (payout, waits) = with_pixel(call.snapshot, about.offer, lead);
            conversion.payout = if lead.payout == Money::ZERO { payout } else { lead.payout };
            conversion.waits = waits;
        }
        let counts = is_accepted && conversion.withheld.is_none();
        say_received(&mut conversion, counts, overrides);
        withhold(&mut conversion, lead.payout);
        let tells = is_waited_for && counts && conversion.waits.is_none();
        let telling = self.telling(call, about, &conversion, &lead.fields);
        let shows = call.shows_html() && is_accepted && is_to_be_shown(&conversion);
        let html = if shows { telling.html_pixels() } else { Vec::new() };
        let deliveries = if tells { telling.deliveries(&self.site, call.now) } else { Vec::new() };
        conversion.pixels_shown |= !html.is_empty();
        let ledger = entries(call.now, lead, about, &conversion);
        let note = NoteCall {
            once_a_transaction: about.event.deduplicate_transaction_id
                && conversion.reported.transaction_id.is_some(),
            signature: found.signature,
            conversion,
            ledger,
            deliveries,
        };
        Made {
            conversion: Some(note.conversion.id),
            effect: PixelEffect::Noted(Box::new(note)),
            disposition: PixelDisposition::Ok,
            html,
        }
    }
}

/// What the call says is received: of a conversion that counts it is so now. Otherwise it
/// waits, since nobody owes anything for what does not count, for the lead to be accepted
/// or a person to approve it.
fn say_received(conversion: &mut Conversion, counts: bool, overrides: Overrides) {
    let Some(received) = overrides.received else { return };
    if counts {
        (conversion.received, conversion.said) = (received, true);
        return;
    }
    let nothing = Withheld { payout: Money::ZERO, received, said: true, told: false, over_cap: false };
    let withheld = conversion.withheld.unwrap_or(nothing);
    conversion.withheld = Some(Withheld { received, said: true, ..withheld });
}

/// Where a person said that the lead's conversion does not count, what it has earned by the
/// pixel waits with it.
fn withhold(conversion: &mut Conversion, paid: Money) {
    if let Some(withheld) = &mut conversion.withheld {
        withheld.payout = withheld.payout.max(conversion.payout);
        conversion.payout = paid;
    }
}

/// The conversion that a lead is; one that was not accepted is a rejected one.
fn as_conversion(lead: &Lead, about: &About<'_>) -> Conversion {
    let told = lead.conversion.clone().unwrap_or_else(|| LeadConversion {
        disposition: Some(ConversionDisposition::Rejected),
        ..LeadConversion::of(about.event.id)
    });
    Conversion::of_lead(lead, &told, about.offer.advertiser)
}

/// Whether a lead is at rest without having been accepted. One that is in hand, waits or
/// may be with a buyer may become a conversion yet.
fn is_refused(lead: &Lead) -> bool {
    let is_at_rest = matches!(
        lead.outcome,
        LeadOutcome::NoQualifiedBuyers
            | LeadOutcome::UnattributedSession
            | LeadOutcome::ThrownOut
            | LeadOutcome::Expired
    );
    is_at_rest && !lead.is_conversion()
}

/// Whether a pixel is what a lead's payout, and all word of it, has waited for since it was
/// accepted, whatever its offer says now. What a person has thrown out is not paid; what a
/// person said does not count may be later.
fn is_waited_for(lead: &Lead, conversion: &Conversion) -> bool {
    let may_count = lead.conversion.as_ref().is_some_and(LeadConversion::may_count)
        && conversion.disposition != ConversionDisposition::Rejected;
    conversion.waits == Some(Awaited::Pixel) && (may_count || conversion.withheld.is_some())
}

/// What a lead that has earned nothing yet has earned now that a pixel has named it, and
/// what it waits for still.
fn with_pixel(snapshot: &Snapshot, offer: &CompiledOffer, lead: &Lead) -> (Money, Option<Awaited>) {
    let contract = lead.offer_contract.and_then(|id| offer.contract(id));
    let campaign = snapshot.campaign_of(lead.campaign, lead.affiliate, lead.offer);
    let is_sold = !lead.sales.is_empty() && !lead.is_given_back();
    let facts = LeadFacts {
        sold: is_sold.then_some(lead.revenue),
        has_pixel: true,
        ..LeadFacts::accepted(Standing::Sellable, crate::lead_tier::payout(snapshot, offer, lead))
    };
    let terms = Terms::of(&offer.offer, contract, campaign);
    let payout = lead_payout(&terms, &facts);
    (payout, awaited(&terms, &facts, payout))
}

/// What changes in the books: what the affiliate earns now, and what the advertiser pays
/// beside what the lead's sales brought.
fn entries(now: Timestamp, lead: &Lead, about: &About<'_>, after: &Conversion) -> Vec<LedgerEntry> {
    let before = lead.conversion.as_ref().and_then(|told| told.received).unwrap_or(lead.revenue);
    let (earned, brought) = (difference(after.payout, lead.payout), difference(after.received, before));
    let received = about
        .offer
        .advertiser
        .filter(|_| brought != Money::ZERO)
        .map(|advertiser| LedgerEntry::received(now, after.id, advertiser, brought));
    let payout = (earned != Money::ZERO).then(|| LedgerEntry::payout(now, lead.id, lead.affiliate, earned));
    received.into_iter().chain(payout).collect()
}

fn difference(after: Money, before: Money) -> Money {
    Money::from_micros(after.micros().saturating_sub(before.micros()))
}
