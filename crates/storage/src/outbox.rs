//! The outbox: who is to be told of something that happened, and until somebody was.
//!
//! A delivery is written in the transaction of what it tells, so that neither is without
//! the other. Workers claim what is due for a while (a *lease*); a worker that dies lets
//! its lease run out and another one goes on. Each attempt is a row. What nobody could
//! deliver is *parked*, never deleted, and can be set going again.

use crate::{Page, PageRequest, Result};
use crumb_domain::caps::CapCheck;
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryKind, DeliveryState};
use crumb_domain::network::CapInterval;
use crumb_domain::outcome::Problem;
use crumb_domain::selling::Alert;
use crumb_domain::time::Day;
use crumb_domain::{AffiliateId, CampaignId, ContractId, LeadId, OfferId, RowId, Timestamp};
use std::collections::{HashMap, HashSet};

/// A delivery to be written.
pub type NewDelivery = Delivery;

/// Who is to be told of a post that is refused inside the write: by its problem. Of what is
/// not kept nobody is told.
pub type RefusedFn = Box<dyn Fn(Problem) -> Vec<NewDelivery> + Send + Sync>;

/// Who is to be told that a cap has as many as it allows. Whether it has is seen in the
/// write that may have made it so, once that has counted: where the limit then is reached,
/// and this was not told of the cap in its present interval, these are written with it.
#[derive(Debug, Clone, PartialEq)]
pub struct CapTold {
    /// What is counted.
    pub count: CapCount,
    /// Who is told.
    pub deliveries: Vec<NewDelivery>,
}

/// A count with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapCount {
    /// An offer's or a campaign's. What posts in hand have counted that may not stay is
    /// left out: whichever of them stays tells.
    Of(CapCheck, CapInterval),
    /// The same where whoever writes has counted himself: with this write the limit is
    /// reached.
    Reached(CapCheck, CapInterval),
    /// A contract's sold leads of an opening day: one that is reserved or held may yet come
    /// to nothing.
    Contract {
        /// Which.
        contract: ContractId,
        /// The day.
        day: Day,
        /// How many it takes.
        limit: u32,
    },
}

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

/// How many deliveries a worker has room for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimRoom {
    /// At most, all together.
    pub most: u32,
    /// Of one destination at most, those that are under way included.
    pub each: u32,
    /// How many are under way, by destination.
    pub under_way: HashMap<String, u32>,
    /// Destinations that are left out: they are paused.
    pub paused: HashSet<String>,
}

impl ClaimRoom {
    /// How many more a destination may have.
    pub fn left_for(&self, destination: &str) -> u32 {
        if self.paused.contains(destination) {
            return 0;
        }
        self.each.saturating_sub(self.under_way.get(destination).copied().unwrap_or_default())
    }
}

/// What waits in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingDeliveries {
    /// How many, those that a worker has included.
    pub count: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
}

/// Which deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

impl DeliveryFilter {
    /// Whether it says nothing: all deliveries are meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// The store of what is to be delivered.
pub trait OutboxStore {
    /// Puts deliveries in that belong to no other write: tests of a destination, mail.
    fn put_deliveries(&self, deliveries: Vec<NewDelivery>) -> impl Future<Output = Result<()>> + Send;

    /// Claims deliveries that are due and in nobody's lease, until `until`: as many as there
    /// is room for, the longest due first. Each is claimed by one.
    ///
    /// What [falls due](crumb_domain::delivery::is_due) only beyond all that the schedule
    /// knows, and a lease that ends later than `until`, are of a clock that was put back
    /// since: they hold nothing up.
    fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        room: ClaimRoom,
    ) -> impl Future<Output = Result<Vec<Claimed>>> + Send;

    /// Ends leases, and raises alerts about that. One that is no longer the delivery's
    /// newest keeps its attempt, and changes nothing else, but that what was delivered is
    /// delivered. A delivery that nobody waits for any more stays as it is.
    fn end_leases(&self, ends: Vec<EndLease>, alerts: Vec<Alert>) -> impl Future<Output = Result<()>> + Send;

    /// Ends the leases of a process that is gone: called at the start by the only one
    /// that owns the store. How many there were.
    fn release_leases(&self, now: Timestamp) -> impl Future<Output = Result<u64>> + Send;

    /// When, after that moment, the next delivery is due or a lease runs out; none where
    /// nothing waits longer.
    fn next_delivery_due(&self, after: Timestamp) -> impl Future<Output = Result<Option<Timestamp>>> + Send;

    /// Ends when this process has written deliveries, or set some going again, since it
    /// ended last: so that the one worker need not be told by each of those who write.
    fn deliveries_written(&self) -> impl Future<Output = ()> + Send;

    /// How many wait, and since when.
    fn waiting_deliveries(&self) -> impl Future<Output = Result<WaitingDeliveries>> + Send;

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
