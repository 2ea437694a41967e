//! A lead becomes a conversion: what is written together with that, and only then, so that
//! it counts and is told of once.

use super::Selling;
use crate::acceptance::{consumer_ip, conversion_counts};
use crumb_domain::Timestamp;
use crumb_domain::conversion::Conversion;
use crumb_domain::lead::Lead;
use crumb_domain::payout::pays_by_pixel;
use crumb_domain::session::{Session, SessionOrigin};
use crumb_network::Snapshot;
use crumb_storage::outbox::NewDelivery;
use crumb_storage::selling::LeadChange;
use crumb_storage::{Store, StoreError};
use crumb_tracking::postbacks::{self, Telling};
use crumb_tracking::{Installation, webhooks};

/// Whether a lead is a conversion now that was none before.
fn is_new(before: &Lead, after: &Lead) -> bool {
    !before.is_conversion() && after.is_conversion()
}

/// Who is told of a lead that is a conversion from now on; nobody where it is none. The
/// postbacks of a lead that its offer pays by the pixel are fired when that comes, and here
/// only if it has come before.
pub(crate) fn deliveries<S: Store + Clone>(
    site: &Installation<S>,
    snapshot: &Snapshot,
    lead: &Lead,
    session: Option<&Session>,
    now: Timestamp,
) -> Vec<NewDelivery> {
    let (Some(told), Some(offer)) = (&lead.conversion, snapshot.offer(lead.offer)) else { return Vec::new() };
    if told.only_named || !postbacks::is_told(snapshot, lead) {
        return Vec::new();
    }
    let conversion = Conversion::of_lead(lead, told, offer.offer.advertiser);
    let mut all = webhooks::conversion_created(site, snapshot, &conversion, now);
    if pays_by_pixel(&offer.offer) && told.pixel_at.is_none() {
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

/// Adds to the change of a lead what follows where the change makes it a conversion.
pub(super) fn follow<S: Store + Clone>(
    site: &Installation<S>,
    change: &mut LeadChange,
    before: &Lead,
    snapshot: &Snapshot,
    session: Option<&Session>,
) {
    if is_new(before, &change.lead) {
        change.count = conversion_counts(snapshot, &change.lead);
        change.caps_told.extend(super::webhooks::conversion_caps(site, snapshot, &change.lead, change.at));
        change.deliveries.extend(deliveries(site, snapshot, &change.lead, session, change.at));
    }
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
    ) -> Result<(), StoreError> {
        if is_new(before, &change.lead) {
            let session = self.site.store.session(before.session).await?;
            follow(&self.site, change, before, snapshot, session.as_ref());
        }
        Ok(())
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
