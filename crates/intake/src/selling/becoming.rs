//! A lead becomes a conversion: what is written together with that, and only then, so that
//! it counts and is told of once. A conversion that was reported before the lead was
//! accepted is taken over by it: both are one, which earns what the lead does.

use super::Selling;
use crate::acceptance::{consumer_ip, conversion_counts};
use crumb_domain::conversion::{Conversion, LeadConversion};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::network::CapOf;
use crumb_domain::session::{Session, SessionOrigin};
use crumb_domain::{Money, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_storage::conversions::TakeOver;
use crumb_storage::outbox::NewDelivery;
use crumb_storage::selling::LeadChange;
use crumb_storage::{Store, StoreError};
use crumb_tracking::postbacks::{self, Telling};
use crumb_tracking::{Installation, webhooks};

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
        let (is_news, is_told) = (self.is_news(), self.is_told());
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
/// in its place.
pub(crate) fn take_over(lead: &Lead, earlier: &Conversion, now: Timestamp) -> TakeOver {
    let Conversion { id, revision, affiliate, payout, received, .. } = *earlier;
    let back = |amount: Money| Money::from_micros(amount.micros().saturating_neg());
    let paid = LedgerEntry::conversion_payout(now, id, affiliate, back(payout));
    let charged =
        earlier.advertiser.map(|advertiser| LedgerEntry::received(now, id, advertiser, back(received)));
    let entries = [Some(paid), charged].into_iter().flatten().filter(|entry| entry.amount != Money::ZERO);
    let note = Some(format!("lead {} is this conversion now", lead.id));
    let ledger = entries.map(|entry| LedgerEntry { note: note.clone(), ..entry }).collect();
    TakeOver { conversion: id, revision, ledger }
}

/// Adds to the change of a lead what follows where the change makes it a conversion, or
/// pays it as one for the first time.
pub(super) fn follow<S: Store + Clone>(
    site: &Installation<S>,
    change: &mut LeadChange,
    before: &Lead,
    snapshot: &Snapshot,
    session: Option<&Session>,
    earlier: Option<&Conversion>,
) {
    let (lead, now) = (&change.lead, change.at);
    let unnamed = Becoming { before: Some(before), lead, earlier: None };
    let earlier = earlier.filter(|_| unnamed.is_new() && before.conversion.is_none());
    let becoming = Becoming { earlier, ..unnamed };
    let deliveries = becoming.deliveries(site, snapshot, session, now);
    change.takes_over = earlier.map(|earlier| take_over(lead, earlier, now));
    change.count = if becoming.is_news() { conversion_counts(snapshot, lead) } else { Vec::new() };
    if becoming.is_news() {
        change.caps_told.extend(super::webhooks::caps_filled(site, snapshot, CapOf::Conversion, lead, now));
    }
    // A change that is begun again has said this of what it was then.
    let row = lead.row;
    change.deliveries.retain(|delivery| delivery.conversion != Some(row));
    change.deliveries.extend(deliveries);
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
        earlier: Option<&Conversion>,
    ) -> Result<(), StoreError> {
        let is_told = Becoming { before: Some(before), lead: &change.lead, earlier }.is_told();
        let session = match is_told {
            true => self.site.store.session(before.session).await?,
            false => None,
        };
        follow(&self.site, change, before, snapshot, session.as_ref(), earlier);
        Ok(())
    }

    /// What a lead takes over if it becomes a conversion now. One that a pixel has named
    /// takes over nothing.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn before_lead(
        &self,
        lead: &Lead,
        snapshot: &Snapshot,
    ) -> Result<Option<Conversion>, StoreError> {
        let event = snapshot.offer(lead.offer).and_then(CompiledOffer::default_event);
        match event.filter(|_| lead.conversion.is_none() && !lead.test) {
            Some(event) => self.site.store.before_lead(lead.session, event.id).await,
            None => Ok(None),
        }
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
