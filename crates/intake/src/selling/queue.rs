//! The queue: leads that wait for a buyer, and the worker that takes them in hand.

use super::actions::{ACCEPTED, OFFERED_AGAIN};
use super::settle::InHand;
use super::standing;
use super::supervised::surviving;
use super::unsettled::{self, InHandBy, is_away};
use super::{Selling, concerned};
use crate::acceptance::consumer_ip;
use crate::replies::ReplyTokens;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::{RowId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_outbox::{AFTER_TROUBLE, Carried, LONGEST_SLEEP, carry, until};
use crumb_storage::selling::{Earlier, LeadChange, SellingFacts, Then, TimelineEntry};
use crumb_storage::{Store, StoreError};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Leads of the queue that are sold at the same time.
const AT_ONCE: usize = 64;
/// How long one of them may take: buyers that answer slowly are no visitor's trouble
/// here, but a lead in hand is kept from its next chance.
const RUN_SECONDS: i64 = 120;
/// A lead that the queue sold, with how that went.
type Sold = (RowId, Result<(), StoreError>);

/// What the queue works on.
#[derive(Default)]
struct Works {
    in_hand: JoinSet<Sold>,
    /// Leads that fail by themselves: left until the next start, so that they neither keep
    /// others from their places nor are tried again and again.
    aside: HashSet<RowId>,
    /// Why the store could not be worked with since it was last asked.
    trouble: Option<StoreError>,
    /// Whether it failed the last of them that ended.
    is_in_doubt: bool,
}

impl Works {
    fn ended(&mut self, ended: Result<Sold, JoinError>) {
        if let Ok((_, sold)) = &ended {
            self.is_in_doubt = sold.as_ref().is_err_and(is_away);
        }
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((_, Err(error))) if is_away(&error) => self.trouble = Some(error),
            Ok((lead, Err(error))) => {
                tracing::error!(lead = lead.as_i64(), %error, "a waiting lead could not be settled");
                self.aside.insert(lead);
            }
            Err(error) => tracing::error!(%error, "the sale of a waiting lead ended early"),
        }
    }

    /// Hears of all that have ended.
    fn take_ended(&mut self) -> Result<(), StoreError> {
        while let Some(ended) = self.in_hand.try_join_next() {
            self.ended(ended);
        }
        self.trouble.take().map_or(Ok(()), Err)
    }
}

/// The queue of a selling service, and what it has in hand of it.
struct Queue<S> {
    selling: Arc<Selling<S>>,
    works: Works,
    /// The network that what waits was last offered under.
    network: Arc<Snapshot>,
}

impl<S: Store + Clone> Queue<S> {
    async fn begin_due(&mut self) -> Result<Duration, StoreError> {
        let site = &self.selling.site;
        let now = site.clock.now();
        self.works.take_ended()?;
        self.selling.settle_left().await?;
        let newest = site.network.snapshot();
        if newest.version() != self.network.version() {
            // What kept a lead from a buyer may be gone with the old version.
            match concerned::by_change(&self.network, &newest) {
                None => site.store.wake(now).await?,
                Some(verticals) => site.store.wake_of(now, verticals.into_iter().collect()).await?,
            };
            self.network = newest;
        }
        self.selling.begin_due(now, &mut self.works).await
    }
}

impl<S: Store + Clone> Carried for Queue<S> {
    const NAME: &'static str = "leads that wait";

    async fn turn(&mut self) -> Result<Duration, StoreError> {
        // It may panic again: it is not tried as fast as it fails.
        surviving("a turn of the queue", self.begin_due()).await.unwrap_or(Ok(AFTER_TROUBLE))
    }

    async fn stirred(&mut self) {
        tokio::select! {
            () = self.selling.queued.notified() => {}
            Some(ended) = self.works.in_hand.join_next() => self.works.ended(ended),
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.works.is_in_doubt
    }

    async fn ended(&mut self) -> Result<(), StoreError> {
        while self.works.in_hand.join_next().await.is_some() {}
        self.selling.settle_left().await
    }
}

impl<S: Store + Clone> Selling<S> {
    /// Something waits that did not before.
    pub fn wake(&self) {
        self.queued.notify_one();
    }

    /// Sells what waits, until told to stop; then lets what is in hand end.
    pub async fn run_queue(self: Arc<Self>, stop: CancellationToken) {
        let network = self.site.network.snapshot();
        carry(Queue { selling: self, works: Works::default(), network }, stop).await;
    }

    /// Takes leads whose turn has come in hand, as many as there are places; says how
    /// long there is nothing more to do.
    async fn begin_due(self: &Arc<Self>, now: Timestamp, works: &mut Works) -> Result<Duration, StoreError> {
        let places = AT_ONCE.saturating_sub(works.in_hand.len());
        if places == 0 {
            return Ok(LONGEST_SLEEP);
        }
        // Those set aside are due as well, and are the first.
        let wanted = places.saturating_add(works.aside.len());
        let due = self.site.store.due(now, u32::try_from(wanted).unwrap_or(u32::MAX)).await?;
        let is_full = due.len() == wanted;
        let due = due.into_iter().filter(|waiting| !works.aside.contains(&waiting.lead));
        for waiting in due.collect::<Vec<_>>() {
            let selling = Arc::clone(self);
            let sold = async move {
                let sold = surviving("a waiting lead's turn", selling.sell_waiting(waiting.lead)).await;
                // It is set aside as one that cannot be read is: it would panic again at once.
                let sold = sold.unwrap_or_else(|| Err(StoreError::Corrupt("its turn panicked".to_owned())));
                (waiting.lead, sold)
            };
            works.in_hand.spawn(sold);
        }
        if is_full || !works.aside.is_empty() {
            return Ok(LONGEST_SLEEP);
        }
        let next = self.site.store.next_due().await?;
        Ok(until(now, next))
    }

    /// Takes one lead in hand, and sells it or says that its time is over.
    pub(crate) async fn sell_waiting(&self, row: RowId) -> Result<(), StoreError> {
        let now = self.site.clock.now();
        let snapshot = self.site.network.snapshot();
        let days_from = self.days_from(&snapshot, now);
        let Some((lead, facts)) = self.site.store.begin_run(row, days_from).await? else { return Ok(()) };
        let sale = self.sell_of_queue(&snapshot, lead.clone(), facts, now);
        // One that broke off is ended, and keeps no other lead from its turn.
        let sold = self.supervised(&lead, sale).await.unwrap_or(Ok(()));
        // What is told later is not to be set aside: it goes on then.
        sold.or_else(
            |error| if self.unsettled.is_of(lead.id) && !is_away(&error) { Ok(()) } else { Err(error) },
        )
    }

    async fn sell_of_queue(
        &self,
        snapshot: &Arc<Snapshot>,
        lead: Lead,
        facts: SellingFacts,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(offer) = snapshot.offer(lead.offer) else {
            return self.wait_on(lead, now, "its offer is gone").await;
        };
        let known = async {
            let expires = self.expires(offer, &lead, now).await?;
            let is_late = self.is_late(&lead, &offer.offer).await?;
            Ok((expires, is_late, self.site.store.session(lead.session).await?))
        };
        let (expires, is_late, session) = match known.await {
            Ok(known) => known,
            Err(error) => {
                self.let_go(unsettled::as_it_was(&lead, InHandBy::Queue, now)).await?;
                return Err(error);
            }
        };
        if expires <= now {
            return self.expire(lead, now).await;
        }
        if !self.has_contracts(snapshot, offer) {
            if !standing::waits(offer) || !lead.sales.is_empty() {
                return self.end_wait(lead, now).await;
            }
            return self.wait_on(lead, expires, "no contract buys such leads").await;
        }
        let tokens = ReplyTokens {
            lead: &lead,
            is_kept: true,
            names: Some(&self.site.keys.request_ids),
            session: session.as_ref(),
            rules: &offer.vertical().rules,
            ip: consumer_ip(&lead).or(lead.ip),
            now,
        };
        let hand = InHand {
            facts,
            is_late,
            expires,
            is_counted: false,
            // From here on: what was read of the store took its own time.
            deadline: self.site.clock.now().plus_seconds(RUN_SECONDS),
            snapshot,
            offer,
            value: &|name| tokens.lookup(name),
            answer: None,
            quoted: None,
            session: session.as_ref(),
            lead: lead.clone(),
        };
        self.sell(hand).await.map(drop)
    }

    /// Until when a lead may wait: its hours are counted from its acceptance, and anew
    /// from each time at which it was let through or offered again.
    async fn expires(
        &self,
        offer: &CompiledOffer,
        lead: &Lead,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let expires = standing::expiry(offer, lead.at);
        if expires > now {
            return Ok(expires);
        }
        let timeline = self.site.store.timeline_of(lead.row).await?;
        let begun = timeline.iter().filter(|entry| [ACCEPTED, OFFERED_AGAIN].contains(&entry.code.as_str()));
        let last = begun.map(|entry| entry.at).max();
        Ok(last.map_or(expires, |began| standing::expiry(offer, began).max(expires)))
    }

    /// Nobody buys such leads, and those of its offer do not wait.
    async fn end_wait(&self, mut lead: Lead, now: Timestamp) -> Result<(), StoreError> {
        let before = lead.clone();
        let outcome = LeadOutcome::NoQualifiedBuyers;
        let is_unsold = lead.sales.is_empty();
        if is_unsold {
            (lead.status, lead.outcome) = (LeadStatus::Unsold, outcome);
        }
        let mut change = LeadChange::new(lead.clone(), now);
        if is_unsold {
            change.earlier = Earlier::No;
        }
        change.timeline.push(TimelineEntry {
            at: now,
            code: outcome.as_str().to_owned(),
            text: "no contract buys such leads".to_owned(),
            by: None,
        });
        self.tell_webhooks(&self.site.network.snapshot(), &before, &mut change);
        self.let_go(change).await?;
        self.site.feed.tell(|| crumb_tracking::feed::Recorded::Lead(Arc::new(lead)));
        Ok(())
    }

    async fn wait_on(&self, lead: Lead, until: Timestamp, why: &str) -> Result<(), StoreError> {
        let now = self.site.clock.now();
        tracing::debug!(lead = %lead.id, why, "a lead waits on");
        // A little later at the least: what is missing does not come within the moment.
        let until = until.max(now.plus_seconds(60));
        let mut change = LeadChange::new(lead, now);
        change.then = Then::Wait(until);
        self.let_go(change).await
    }

    async fn expire(&self, mut lead: Lead, now: Timestamp) -> Result<(), StoreError> {
        let before = lead.clone();
        if lead.sales.is_empty() {
            (lead.status, lead.outcome) = (LeadStatus::Scrubbed, LeadOutcome::Expired);
        }
        let mut change = LeadChange::new(lead.clone(), now);
        change.timeline.push(TimelineEntry {
            at: now,
            code: "expired".to_owned(),
            text: "it waited as long as its vertical lets leads wait".to_owned(),
            by: None,
        });
        self.tell_webhooks(&self.site.network.snapshot(), &before, &mut change);
        self.let_go(change).await?;
        self.site.feed.tell(|| crumb_tracking::feed::Recorded::Lead(Arc::new(lead)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_in_doubt_from_a_lead_that_it_failed_until_one_that_it_did_not() {
        let (lead, mut works) = (RowId::at_or_after(Timestamp::from_micros(0)), Works::default());
        let away = || Err(StoreError::Unavailable("the disk is full".to_owned()));
        for (ended, is_in_doubt) in [
            (Ok(()), false),
            (away(), true),
            (away(), true),
            (Ok(()), false),
            (Err(StoreError::Conflict), false),
        ] {
            works.ended(Ok((lead, ended)));
            assert_eq!(works.is_in_doubt, is_in_doubt);
        }
    }
}
