//! The outbox: who is to be told of something that happened, and until somebody was.
//!
//! A delivery is written in the transaction of what it tells, so that neither is without
//! the other. Workers claim what is due for a while (a *lease*); a worker that dies lets
//! its lease run out and another one goes on. Each attempt is a row. What nobody could
//! deliver is *parked*, never deleted, and can be set going again.

use crate::{Page, PageRequest, Result};
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryKind, DeliveryState};
use crumb_domain::{AffiliateId, CampaignId, LeadId, OfferId, RowId, Timestamp};

/// A delivery to be written.
pub type NewDelivery = Delivery;

/// A delivery that a worker has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// It.
    pub delivery: Delivery,
    /// Counts its leases: an attempt that ends under an older one is not its end.
    pub lease: u32,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAttempt {
    /// It was delivered.
    Delivered,
    /// It is tried again at that moment.
    Again(Timestamp),
    /// It is parked.
    Parked,
    /// Nothing was tried (its destination is paused): it is due again at that moment, and
    /// no attempt is counted.
    Postponed(Timestamp),
}

/// The end of a lease.
#[derive(Debug, Clone, PartialEq)]
pub struct EndLease {
    /// Of which delivery.
    pub id: RowId,
    /// The lease that ends.
    pub lease: u32,
    /// What was tried; none where nothing was.
    pub attempt: Option<DeliveryAttempt>,
    /// What follows.
    pub after: AfterAttempt,
}

/// Which deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Of this kind.
    pub kind: Option<DeliveryKind>,
    /// That stand so.
    pub state: Option<DeliveryState>,
    /// To this destination, as [`Delivery::destination`] writes it.
    pub destination: Option<String>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// About this offer.
    pub offer: Option<OfferId>,
    /// About this conversion.
    pub conversion: Option<RowId>,
    /// About this lead.
    pub lead: Option<LeadId>,
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
}

/// The store of what is to be delivered.
pub trait OutboxStore {
    /// Puts deliveries in that belong to no other write: tests of a destination, mail.
    fn put_deliveries(&self, deliveries: Vec<NewDelivery>) -> impl Future<Output = Result<()>> + Send;

    /// Claims up to `most` deliveries that are due and in nobody's lease, the longest due
    /// first, until `until`. Destinations in `busy` are left out.
    fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
        busy: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Claimed>>> + Send;

    /// Ends leases. One that is no longer the delivery's newest keeps its attempt, and
    /// changes nothing else, but that what was delivered is delivered.
    fn end_leases(&self, ends: Vec<EndLease>) -> impl Future<Output = Result<()>> + Send;

    /// Ends the leases of a process that is gone: called at the start by the only one
    /// that owns the store. How many there were.
    fn release_leases(&self, now: Timestamp) -> impl Future<Output = Result<u64>> + Send;

    /// When the next delivery is due or a lease runs out; none where nothing waits.
    fn next_delivery_due(&self) -> impl Future<Output = Result<Option<Timestamp>>> + Send;

    /// The delivery of that place.
    fn delivery(&self, id: RowId) -> impl Future<Output = Result<Option<Delivery>>> + Send;

    /// Deliveries by filter, ordered by place.
    fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Delivery>>> + Send;

    /// The attempts of a delivery, oldest first.
    fn attempts_of_delivery(&self, id: RowId) -> impl Future<Output = Result<Vec<DeliveryAttempt>>> + Send;

    /// Makes all deliveries of a filter due now that are delivered or parked, with the
    /// same ids and their schedule from its begin. How many.
    fn replay_deliveries(
        &self,
        filter: DeliveryFilter,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64>> + Send;
}
