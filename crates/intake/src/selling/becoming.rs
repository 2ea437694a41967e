//! A lead becomes a conversion: what is written together with that, and only then, so that
//! it counts and is told of once. A conversion that was reported before the lead was
//! accepted is taken over by it: both are one, which earns what the lead does. Over a
//! conversion cap it counts for nothing, is told to nobody and keeps what it earns for a
//! person to approve.

use super::Selling;
use crate::acceptance::{consumer_ip, conversion_counts};
use crumb_domain::caps::{self, CapCheck, CapScope};
use crumb_domain::conversion::{Conversion, Found, LeadConversion};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::CapOf;
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::{Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::conversions::TakeOver;
use crumb_storage::outbox::NewDelivery;
use crumb_storage::selling::{LeadChange, TimelineEntry};
use crumb_storage::{Store, StoreError};
use crumb_tracking::postbacks::{self, Telling};
use crumb_tracking::{Installation, webhooks};

/// Code of a time line's entry: a lead took over a conversion, or that was taken over.
const TAKEN_OVER: &str = "conversion_taken_over";
/// Code of a time line's entry: a lead became a conversion while a cap was full.
const OVER_CAP: &str = "conversion_over_cap";

/// A lead that may have become a conversion, or have been paid as one for the first time.
#[derive(Clone, Copy)]
pub(crate) struct Becoming<'a> {
    /// As it stood; none where it is new.
    pub before: Option<&'a Lead>,
    /// As it stands.
    pub lead: &'a Lead,
    /// The conversion that it has taken over by becoming one.
    pub earlier: Option<&'a Conversion>,
}

impl Becoming<'_> {
    /// Whether it is a conversion now that was none before.
    fn is_new(self) -> bool {
        self.lead.is_conversion() && !self.before.is_some_and(Lead::is_conversion)
    }

    /// Whether it counts and is told of as a new one: what it has taken over may have done so.
    fn is_news(self) -> bool {
        self.is_new() && !self.earlier.is_some_and(Conversion::was_told)
    }

    /// Whether it counts as one by this: it is news, and its caps allow it.
    pub fn counts(self) -> bool {
        self.is_news() && !self.is_over_cap()
    }

    fn is_over_cap(self) -> bool {
        self.lead.conversion.as_ref().is_some_and(LeadConversion::is_over_cap)
    }

    /// The conversion caps that it meets: its offer's and its campaign's, on the day on which
    /// it came. None where it is no news, or a person has said that it counts.
    pub fn caps(self, snapshot: &Snapshot) -> Vec<CapCheck> {
        let lead = self.lead;
        let said = lead.conversion.as_ref().and_then(|told| told.disposition);
        if !self.is_news() || lead.test || !(said.is_none() || self.is_over_cap()) {
            return Vec::new();
        }
        conversion_caps(snapshot, lead)
    }

    /// What the time line has of one that came over its cap.
    pub fn over_cap_entry(self, now: Timestamp) -> Option<TimelineEntry> {
        let told = self.lead.conversion.as_ref().filter(|_| self.is_new() && self.is_over_cap())?;
        let worth = told.withheld.map_or(Money::ZERO, |withheld| withheld.payout);
        let text = format!(
            "the conversion cap of its offer or campaign is full: its affiliate is paid nothing of {worth} for \
             now, unless its conversion is approved"
        );
        Some(TimelineEntry { at: now, code: OVER_CAP.to_owned(), text, by: None })
    }

    /// Whether its affiliate is told of it: once, when it is paid or nothing else is waited
    /// for.
    fn is_told(self) -> bool {
        let waited = self.before.is_some_and(|before| before.is_conversion() && waits(before));
        (self.is_news() || waited)
            && self.lead.conversion.as_ref().is_some_and(LeadConversion::may_count)
            && !waits(self.lead)
    }

    /// Who is told of it by this; nobody where it stays what it was.
    pub fn deliveries<S: Store + Clone>(
        self,
        site: &Installation<S>,
        snapshot: &Snapshot,
        session: Option<&Session>,
        now: Timestamp,
    ) -> Vec<NewDelivery> {
        let lead = self.lead;
        let (is_news, is_told) = (self.counts(), self.is_told());
        let (Some(told), Some(offer)) = (&lead.conversion, snapshot.offer(lead.offer)) else {
            return Vec::new();
        };
        if !(is_news || is_told) || !postbacks::is_told(snapshot, lead) {
            return Vec::new();
        }
        let conversion = Conversion::of_lead(lead, told, offer.offer.advertiser);
        let mut all = match is_news {
            true => webhooks::conversion_created(site, snapshot, &conversion, now),
            false => Vec::new(),
        };
        if !is_told {
            return all;
        }
        let opened;
        let session = match session {
            Some(session) => session,
            None => {
                opened = opened_by(lead);
                &opened
            }
        };
        let names = &site.keys.request_ids;
        let telling = Telling { snapshot, conversion: &conversion, session, names, fields: &lead.fields };
        all.extend(telling.deliveries(site, now));
        all
    }
}

/// Whether a lead waits for something before its affiliate is told of it.
fn waits(lead: &Lead) -> bool {
    lead.conversion.as_ref().is_some_and(|told| told.waits.is_some())
}

/// Takes a conversion out of the books that a lead has taken over, whose own entries stand
/// in its place, and tells so in the time lines of both.
pub(crate) fn take_over<S: Store + Clone>(
    site: &Installation<S>,
    lead: &Lead,
    earlier: &Conversion,
    now: Timestamp,
) -> TakeOver {
    let Conversion { id, revision, affiliate, payout, received, .. } = *earlier;
    let back = |amount: Money| Money::from_micros(amount.micros().saturating_neg());
    let paid = LedgerEntry::conversion_payout(now, id, affiliate, back(payout));
    let charged =
        earlier.advertiser.map(|advertiser| LedgerEntry::received(now, id, advertiser, back(received)));
    let entries = [Some(paid), charged].into_iter().flatten().filter(|entry| entry.amount != Money::ZERO);
    let note = Some(format!("lead {} is this conversion now", lead.id));
    let ledger = entries.map(|entry| LedgerEntry { note: note.clone(), ..entry }).collect();
    let told = |text| TimelineEntry { at: now, code: TAKEN_OVER.to_owned(), text, by: None };
    let name = site.request_id(id).map(|name| format!(" {name}")).unwrap_or_default();
    let told_of_lead = told(format!(
        "it took over conversion{name}, which was reported before it was accepted: both are one from now on"
    ));
    let told = told(format!("lead {} took it over: both are one from now on", lead.id));
    TakeOver { conversion: id, revision, ledger, told_of_lead, told }
}

/// The conversion caps of a lead's offer and campaign, in the intervals of the day on which
/// it came: there it counts, however late it becomes a conversion.
fn conversion_caps(snapshot: &Snapshot, lead: &Lead) -> Vec<CapCheck> {
    let of_offer = snapshot.offer(lead.offer).map(|offer| offer.offer.caps.as_slice()).unwrap_or_default();
    let campaign = lead.campaign.and_then(|id| snapshot.campaign(id));
    let of_campaign = campaign.map(|campaign| campaign.caps.as_slice()).unwrap_or_default();
    if of_offer.iter().chain(of_campaign).all(|cap| cap.of != CapOf::Conversion) {
        return Vec::new();
    }
    let day = snapshot.zone().day_of(lead.at);
    let checks = |caps, scope| caps::late_checks(caps, scope, CapOf::Conversion, day);
    let of_campaign = lead.campaign.map(|id| checks(of_campaign, CapScope::Campaign(id)));
    checks(of_offer, CapScope::Offer(lead.offer)).chain(of_campaign.into_iter().flatten()).collect()
}

/// Adds to the change of a lead what follows where the change makes it a conversion, or
/// pays it as one for the first time.
pub(super) fn follow<S: Store + Clone>(
    site: &Installation<S>,
    change: &mut LeadChange,
    before: &Lead,
    snapshot: &Snapshot,
    session: Option<&Session>,
    found: &Found,
) {
    let (lead, now) = (&change.lead, change.at);
    let unnamed = Becoming { before: Some(before), lead, earlier: None };
    let earlier = found.earlier.as_deref().filter(|_| unnamed.is_new() && before.conversion.is_none());
    let becoming = Becoming { earlier, ..unnamed };
    let deliveries = becoming.deliveries(site, snapshot, session, now);
    let over_cap = becoming.over_cap_entry(now);
    change.takes_over = earlier.map(|earlier| take_over(site, lead, earlier, now));
    change.conversion_caps = becoming.caps(snapshot);
    change.count = if becoming.counts() { conversion_counts(snapshot, lead) } else { Vec::new() };
    if becoming.counts() {
        change.caps_told.extend(super::webhooks::caps_filled(site, snapshot, CapOf::Conversion, lead, now));
    }
    // A change that is begun again has said this of what it was then.
    let row = lead.row;
    change.deliveries.retain(|delivery| delivery.conversion != Some(row));
    change.deliveries.extend(deliveries);
    change.timeline.retain(|entry| entry.code != OVER_CAP);
    change.timeline.extend(over_cap);
}

/// Takes out of the change of a lead that is in hand and sold to nobody what follows where it
/// becomes a conversion: it does not, after all.
pub(super) fn follows_not(change: LeadChange) -> LeadChange {
    let mut timeline = change.timeline;
    timeline.retain(|entry| entry.code != OVER_CAP);
    // Without a sale there is no other cap that it fills.
    let (deliveries, count, caps_told) = (Vec::new(), Vec::new(), Vec::new());
    let (takes_over, conversion_caps) = (None, Vec::new());
    LeadChange { deliveries, count, caps_told, takes_over, conversion_caps, timeline, ..change }
}

impl<S: Store + Clone> Selling<S> {
    /// The same for a lead whose session is not at hand.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn follow(
        &self,
        change: &mut LeadChange,
        before: &Lead,
        snapshot: &Snapshot,
        found: &Found,
    ) -> Result<(), StoreError> {
        let earlier = found.earlier.as_deref();
        let is_told = Becoming { before: Some(before), lead: &change.lead, earlier }.is_told();
        let session = match is_told {
            true => self.site.store.session(before.session).await?,
            false => None,
        };
        follow(&self.site, change, before, snapshot, session.as_ref(), found);
        Ok(())
    }

    /// What a lead finds if it becomes a conversion now. One that a pixel has named takes
    /// over nothing, and only where there are conversion caps is one looked at.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn found_by(&self, lead: &Lead, snapshot: &Snapshot) -> Result<Found, StoreError> {
        let store = &self.site.store;
        let event = snapshot.offer(lead.offer).and_then(CompiledOffer::default_event);
        let earlier = match event.filter(|_| lead.conversion.is_none() && !lead.test) {
            Some(event) => store.before_lead(lead.session, event.id).await?.map(Box::new),
            None => None,
        };
        let mut cap_is_full = false;
        if !lead.is_conversion() && !lead.test {
            for check in conversion_caps(snapshot, lead) {
                cap_is_full |= store.count(check).await? >= u64::from(check.limit);
            }
        }
        Ok(Found { earlier, cap_is_full })
    }
}

/// The session that a lead without one opens, as the store tells it.
fn opened_by(lead: &Lead) -> Session {
    Session {
        id: lead.session,
        at: lead.at,
        origin: SessionOrigin::Lead,
        affiliate: lead.affiliate,
        offer: lead.offer,
        campaign: lead.campaign,
        creative: None,
        offer_contract: None,
        sub_ids: lead.sub_ids.clone(),
        device_id: None,
        visitor: None,
        test: lead.test,
        ip: consumer_ip(lead).or(lead.ip),
        country: None,
        converted: false,
    }
}
