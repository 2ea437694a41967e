//! What the worker has under way, and what it has still to tell the store.

use crate::breaker::Breakers;
use crate::job::Attempted;
use crate::observer::AttemptEnd;
use crate::verdict;
use crate::worker::{AT_ONCE, AT_ONCE_EACH};
use crumb_domain::delivery::{Delivery, DeliveryAttempt, DeliveryKind};
use crumb_domain::selling::Alert;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::outbox::{AfterAttempt, ClaimRoom, Claimed, EndLease};
use std::collections::HashMap;
use tokio::task::{self, JoinError, JoinSet};

/// A delivery that is under way: being tried, or with its end still to be stored.
struct UnderWay {
    delivery: Delivery,
    /// The newest of its leases: one may have run out while it was tried.
    lease: u32,
    began: Timestamp,
    is_tried: bool,
}

/// An end that is still to be stored.
struct Ended {
    id: RowId,
    attempt: DeliveryAttempt,
    after: AfterAttempt,
    alert: Option<Alert>,
    kind: DeliveryKind,
}

#[derive(Default)]
pub(crate) struct Works {
    tasks: JoinSet<Attempted>,
    of_task: HashMap<task::Id, RowId>,
    under_way: HashMap<RowId, UnderWay>,
    ended: Vec<Ended>,
    breakers: Breakers,
}

impl Works {
    /// How many more may be claimed.
    pub fn room(&self, now: Timestamp) -> ClaimRoom {
        let mut under_way: HashMap<String, u32> = HashMap::new();
        for one in self.under_way.values() {
            *under_way.entry(one.delivery.destination.clone()).or_default() += 1;
        }
        for (destination, breaker) in self.breakers.on_trial(now) {
            // One at a time, whatever began before the pause and has not ended.
            let of_trial = |one: &&UnderWay| {
                one.delivery.destination == destination && breaker.is_decided_by(one.began, now)
            };
            let trials = self.under_way.values().filter(of_trial).count();
            let trials = u32::try_from(trials).unwrap_or(u32::MAX);
            under_way.insert(destination.to_owned(), trials.saturating_add(AT_ONCE_EACH - 1));
        }
        ClaimRoom {
            most: AT_ONCE.saturating_sub(u32::try_from(self.under_way.len()).unwrap_or(u32::MAX)),
            each: AT_ONCE_EACH,
            under_way,
            paused: self.breakers.paused(now).map(str::to_owned).collect(),
        }
    }

    /// Begins with what was claimed. What is under way already goes on under its new lease:
    /// the old one ran out, as when the clock jumps.
    pub fn begin<F>(&mut self, claimed: Claimed, now: Timestamp, attempt: impl FnOnce(Delivery) -> F)
    where
        F: Future<Output = Attempted> + Send + 'static,
    {
        let Claimed { delivery, lease } = claimed;
        if let Some(under_way) = self.under_way.get_mut(&delivery.id) {
            under_way.lease = lease;
            return;
        }
        let task = self.tasks.spawn(attempt(delivery.clone()));
        self.of_task.insert(task.id(), delivery.id);
        self.under_way.insert(delivery.id, UnderWay { lease, began: now, is_tried: true, delivery });
    }

    /// Whether any attempt is still being made.
    pub fn is_trying(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Waits for an attempt to end; for ever where none is made.
    pub async fn next_ended(&mut self) -> Option<(RowId, Attempted)> {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.id_of(ended),
            None => std::future::pending().await,
        }
    }

    /// An attempt that has ended already.
    pub fn try_next_ended(&mut self) -> Option<(RowId, Attempted)> {
        let ended = self.tasks.try_join_next_with_id()?;
        self.id_of(ended)
    }

    fn id_of(&mut self, ended: Result<(task::Id, Attempted), JoinError>) -> Option<(RowId, Attempted)> {
        let (task, attempted) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "an attempt at a delivery broke off");
                (error.id(), Attempted::broken("the attempt broke off by a fault of the program"))
            }
        };
        self.of_task.remove(&task).map(|id| (id, attempted))
    }

    /// Takes in how an attempt ended, to be stored.
    pub fn ended(&mut self, id: RowId, attempted: Attempted, now: Timestamp, chance: u16) {
        let Some(UnderWay { delivery, began, is_tried, .. }) = self.under_way.get_mut(&id) else { return };
        *is_tried = false;
        self.breakers.ended(&delivery.destination, attempted.is_delivered(), *began, now);
        let after = verdict::after(delivery, &attempted, now, chance);
        let alert = (after == AfterAttempt::Parked).then(|| verdict::parked(delivery, &attempted, now));
        let kind = delivery.kind;
        let attempt = DeliveryAttempt {
            at: *began,
            phase: attempted.phase,
            took_ms: attempted.took_ms,
            status: attempted.status,
            answer: verdict::kept(&attempted.answer),
            error: attempted.error,
        };
        self.ended.push(Ended { id, attempt, after, alert, kind });
    }

    /// What is to be stored: the ends, and the alerts that go with them.
    pub fn to_store(&self) -> (Vec<EndLease>, Vec<Alert>) {
        let end = |ended: &Ended| EndLease {
            id: ended.id,
            lease: self.under_way.get(&ended.id).map_or(0, |under_way| under_way.lease),
            attempt: Some(ended.attempt.clone()),
            after: ended.after,
        };
        let alerts = self.ended.iter().filter_map(|ended| ended.alert.clone());
        (self.ended.iter().map(end).collect(), alerts.collect())
    }

    /// All that was [to be stored](Self::to_store) is; how each ended.
    pub fn stored(&mut self) -> Vec<(DeliveryKind, AttemptEnd)> {
        let ended = std::mem::take(&mut self.ended);
        for one in &ended {
            self.under_way.remove(&one.id);
        }
        ended.into_iter().map(|one| (one.kind, verdict::end_of(one.after))).collect()
    }

    /// When the next pause of a destination is over.
    pub fn next_pause_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.breakers.next_end(now)
    }
}
