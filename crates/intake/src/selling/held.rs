//! Posts whose end is not known: settled by the buyer's status address, by a person, or
//! by the contract's rule once the wait is over.

use super::actions::Said;
use super::asking::Question;
use super::settled_posts::{self, SettledBy};
use super::standing::{self, Earning};
use super::supervised::surviving;
use super::tries::{InHand, Meets, Tries};
use super::unsettled::is_away;
use super::{Selling, alerts, timeline, webhooks};
use crate::acceptance::{Answering, consumer_ip};
use crate::onward::Onward;
use crate::replies::ReplyTokens;
use crumb_domain::conversion::Found;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus, Sale};
use crumb_domain::network::UnknownRule;
use crumb_domain::post::{KeptPost, StoredAnswer};
use crumb_domain::selling::{Attempt, AttemptKind, BuyerAnswer, PostFailure};
use crumb_domain::{BuyerId, ContractId, LeadId, Money, Timestamp};
use crumb_network::Snapshot;
use crumb_routing::MOST_BELIEVED;
use crumb_storage::leads::Verdict;
use crumb_storage::selling::{
    Earlier, EarlierSend, EndedReservation, Held, Hold, HoldFn, LeadChange, ReservationEnd, ReservationState,
    RunRecord, Then, TimelineEntry,
};
use crumb_storage::{PageRequest, Store, StoreError};
use crumb_tracking::feed::Recorded;
use futures_util::StreamExt as _;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often held posts are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How many are looked at in one go.
const AT_ONCE: u32 = 200;
/// How many buyers are asked at the same time.
const ASKED_AT_ONCE: usize = 16;
/// A buyer is asked for a lead's status that long after it was sent, in seconds, and then
/// after twice as long each time.
const FIRST_QUESTION_SECONDS: i64 = 5;
/// Seconds that a question may take.
const QUESTION_SECONDS: i64 = 10;

/// How a held post ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldEnd {
    /// The buyer bought; at the reserved price where none is said.
    Sold(Option<Money>),
    /// It did not.
    Refused,
}

/// Why a price is none that a held post can be settled at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongPrice {
    /// It is negative.
    #[error("a price is not below zero")]
    BelowZero,
    /// The lead is one in place of another that the buyer gave back.
    #[error("under contract {0} it is delivered in place of lead {1}, which was given back: it is free")]
    Free(ContractId, LeadId),
    /// It is over the contract's maximum price; where it names none, over the most that is
    /// believed of anybody.
    #[error("a price under contract {0} is at most {1}")]
    OverMaximum(ContractId, Money),
}

/// Why a held post cannot be settled.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// There is none of that lead and contract.
    #[error("lead {0} has no post to contract {1} whose end is unknown")]
    None(LeadId, ContractId),
    /// The price is below zero, or more than is believed of the buyer itself.
    #[error(transparent)]
    Price(#[from] WrongPrice),
    /// The lead is being sold to others at this moment.
    #[error(transparent)]
    InHand(#[from] InHand),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Buyers whose status address let a question time out: each is left alone until the next
/// look, so that its many leads do not keep others' from theirs.
#[derive(Default)]
struct Silent(Mutex<HashSet<BuyerId>>);

impl Silent {
    fn is_one(&self, buyer: BuyerId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&buyer)
    }

    fn note(&self, buyer: BuyerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(buyer);
    }
}

/// What puts a lead to rest.
struct Resting {
    ended: Vec<EndedReservation>,
    attempts: Vec<Attempt>,
    /// The run that broke off.
    run: Option<RunRecord>,
    entry: TimelineEntry,
    /// What the lead finds if it becomes a conversion.
    found: Found,
}

impl<S: Store + Clone> Selling<S> {
    /// Tells of a lead whose run broke off, and of which something was sold or may have
    /// been: what it has earned, what its post is answered, and what became of each
    /// contract.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn tell_recovered(&self, id: LeadId, text: &str) -> Result<(), StoreError> {
        let snapshot = self.site.network.snapshot();
        let mut tries = Tries::default();
        loop {
            let Some(lead) = self.site.store.lead(id).await? else { return Ok(()) };
            let found = self.found_by(&lead, &snapshot).await?;
            if tries.with(&lead, &found)? == Meets::TheSame {
                // In hand again: its new run tells.
                return Ok(());
            }
            let now = self.site.clock.now();
            let entry = Said::default().entry(now, lead.outcome.as_str(), text);
            let run = self.broken_off(&snapshot, &lead, now).await?;
            let resting = Resting { ended: Vec::new(), attempts: Vec::new(), run, entry, found };
            match self.rest(&snapshot, lead, resting, now).await {
                Err(StoreError::Conflict) => {}
                told => return told.map(drop),
            }
        }
    }

    /// Looks after held posts until told to stop.
    pub async fn run_held(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            // A look may wait for many buyers, and the end of the server for none of them.
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = surviving("a look at held posts", self.look_at_held()) => looked,
            };
            match looked.unwrap_or(Ok(())) {
                Ok(()) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "posts of unknown end cannot be settled");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Looks once: asks buyers whose turn to be asked came since the last look, and
    /// ends what waited long enough.
    ///
    /// # Errors
    /// The store's; what was not looked at then is looked at the next time.
    pub async fn look_at_held(&self) -> Result<(), StoreError> {
        let mut looked_at = self.held_looked_at.lock().await;
        let now = self.site.clock.now();
        self.look_after_held(*looked_at, now).await?;
        *looked_at = now;
        Ok(())
    }

    async fn look_after_held(&self, before: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let silent = &Silent::default();
        let mut page = PageRequest { limit: AT_ONCE, ascending: true, cursor: None };
        loop {
            let found = self.site.store.held(page.clone()).await?;
            let asked = found.data.into_iter().map(|held| self.look_after_one(held, before, now, silent));
            let mut looking = futures_util::stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
            while let Some((held, looked)) = looking.next().await {
                match looked {
                    Ok(()) => {}
                    Err(error) if is_away(&error) => return Err(error),
                    // One that cannot be settled keeps no other from it.
                    Err(error) => {
                        tracing::error!(lead = %held.lead, %error, "its post of unknown end cannot be settled");
                    }
                }
            }
            match found.next {
                Some(next) => page = PageRequest { cursor: Some(next), ..page },
                None => return Ok(()),
            }
        }
    }

    async fn look_after_one(
        &self,
        held: Held,
        before: Timestamp,
        now: Timestamp,
        silent: &Silent,
    ) -> (Held, Result<(), StoreError>) {
        let looking = self.look_after(&held, before, now, silent);
        // One that panics keeps no other from being settled, at this look and at the next.
        let looked = surviving("the settling of a held post", looking).await.unwrap_or(Ok(()));
        (held, looked)
    }

    async fn look_after(
        &self,
        held: &Held,
        before: Timestamp,
        now: Timestamp,
        silent: &Silent,
    ) -> Result<(), StoreError> {
        let is_asked = is_question_due(held.at, before, now) && !silent.is_one(held.buyer);
        let settled = if is_asked { self.question(held, now, silent).await? } else { None };
        let (end, attempts, how) = match settled {
            Some((end, attempt)) => (end, vec![attempt], SettledBy::StatusUrl),
            None if held.hold.until <= now => match held.hold.rule {
                UnknownRule::Sold => (HeldEnd::Sold(None), Vec::new(), SettledBy::Rule),
                UnknownRule::Wait | UnknownRule::Rejected => (HeldEnd::Refused, Vec::new(), SettledBy::Rule),
            },
            None => return Ok(()),
        };
        match self.end_held(held, end, attempts, how, &Said::default()).await {
            // Somebody else was faster, or the next look finds it. (An answered price is
            // within its bounds.)
            Err(HeldError::None(..) | HeldError::InHand(_) | HeldError::Price(_)) | Ok(_) => Ok(()),
            Err(HeldError::Store(error)) => Err(error),
        }
    }

    /// Asks the buyer what became of a lead, where it has an address for that.
    async fn question(
        &self,
        held: &Held,
        now: Timestamp,
        silent: &Silent,
    ) -> Result<Option<(HeldEnd, Attempt)>, StoreError> {
        let snapshot = self.site.network.snapshot();
        let market = self.markets.of(&snapshot);
        let Some(plans) = market.plans(held.contract).filter(|plans| plans.post.has_status_url()) else {
            return Ok(None);
        };
        let Some(lead) = self.site.store.lead(held.lead).await? else { return Ok(None) };
        let Some(offer) = snapshot.offer(lead.offer) else { return Ok(None) };
        let session = self.site.store.session(lead.session).await?;
        let tokens = ReplyTokens {
            lead: &lead,
            is_kept: true,
            names: Some(&self.site.keys.request_ids),
            session: session.as_ref(),
            rules: &offer.vertical().rules,
            ip: consumer_ip(&lead).or(lead.ip),
            now,
        };
        let question = Question {
            contract: held.contract,
            kind: AttemptKind::Status,
            value: &|name| tokens.lookup(name),
            session: None,
            price: Some(held.price),
            until: now.plus_seconds(QUESTION_SECONDS),
        };
        let attempt = self.ask(Some(plans.as_ref()), question).await;
        let end = match &attempt.read {
            BuyerAnswer::Accepted(reading) => {
                let tree = market.tree(offer.vertical());
                // Whatever it says of the price of a lead that it is owed.
                let read = reading.price.filter(|_| held.replaces.is_none());
                let (price, alert) = tree.late_price(held.contract, read, held.price);
                if let Some(alert) = alert {
                    self.tell(&alert, lead.id);
                    // What the buyer said is settled all the same.
                    let kept = alerts::of_sale(&alert, &lead, &snapshot, now);
                    if let Err(error) = self.site.store.raise(vec![kept]).await {
                        tracing::error!(lead = %lead.id, %error, "an alert could not be kept");
                    }
                }
                HeldEnd::Sold(Some(price))
            }
            BuyerAnswer::Rejected(_) | BuyerAnswer::Duplicate(_) => HeldEnd::Refused,
            BuyerAnswer::Failed(PostFailure::TimedOut { .. }) => {
                silent.note(held.buyer);
                return Ok(None);
            }
            BuyerAnswer::Error(_) | BuyerAnswer::UnknownAnswer(_) | BuyerAnswer::Failed(_) => {
                return Ok(None);
            }
        };
        Ok(Some((end, attempt)))
    }

    /// Settles a post whose end was not known. Where the buyer bought, for no more than
    /// its own answer could have said.
    ///
    /// # Errors
    /// Where there is none, or the price is none; the store's.
    pub async fn settle_held(
        &self,
        lead: LeadId,
        contract: ContractId,
        end: HeldEnd,
        said: &Said,
    ) -> Result<Lead, HeldError> {
        if let HeldEnd::Sold(Some(price)) = end {
            let snapshot = self.site.network.snapshot();
            let maximum = snapshot.contract(contract).and_then(|contract| contract.maximum_price);
            check_price(price, contract, maximum.unwrap_or(MOST_BELIEVED))?;
        }
        let mut page = PageRequest { limit: AT_ONCE, ascending: true, cursor: None };
        loop {
            let found = self.site.store.held(page.clone()).await?;
            if let Some(held) = found.data.iter().find(|held| held.lead == lead && held.contract == contract)
            {
                return self.end_held(held, end, Vec::new(), SettledBy::Hand, said).await;
            }
            match found.next {
                Some(next) => page = PageRequest { cursor: Some(next), ..page },
                None => return Err(HeldError::None(lead, contract)),
            }
        }
    }

    async fn end_held(
        &self,
        held: &Held,
        end: HeldEnd,
        attempts: Vec<Attempt>,
        how: SettledBy,
        said: &Said,
    ) -> Result<Lead, HeldError> {
        if let (HeldEnd::Sold(Some(price)), Some(given_back)) = (end, held.replaces)
            && price != Money::ZERO
        {
            return Err(WrongPrice::Free(held.contract, given_back).into());
        }
        let snapshot = self.site.network.snapshot();
        let mut tries = Tries::default();
        loop {
            let now = self.site.clock.now();
            let missing = || HeldError::None(held.lead, held.contract);
            let mut lead = self.site.store.lead(held.lead).await?.ok_or_else(missing)?;
            let is_settled = lead.sales.iter().any(|sale| sale.contract == held.contract);
            if is_settled {
                return Err(missing());
            }
            let facts = self.site.store.selling_facts(Some(lead.row), self.days_from(&snapshot, now)).await?;
            let is_held =
                |sent: &EarlierSend| sent.contract == held.contract && sent.state == ReservationState::Held;
            if !facts.earlier.iter().any(is_held) {
                // Somebody was faster, and said that it was not bought.
                return Err(missing());
            }
            let found = self.found_by(&lead, &snapshot).await?;
            tries.at_rest_with::<HeldError>(&lead, &found)?;
            let (ended, price) = match end {
                HeldEnd::Sold(price) => {
                    let price = price.unwrap_or(held.price);
                    lead.sales.push(Sale {
                        contract: held.contract,
                        buyer: held.buyer,
                        price,
                        sale_type: held.sale_type,
                        at: now,
                        no_return: held.no_return,
                        returned: None,
                        replaces: held.replaces,
                        // Where it was asked what became of the lead, it may say that too.
                        redirect: attempts.iter().find_map(|asked| asked.read.redirect()).map(str::to_owned),
                    });
                    (ReservationEnd::Sold(price), Some(price))
                }
                HeldEnd::Refused => (ReservationEnd::Refused, None),
            };
            let (code, text) = settled_posts::told(how, held.buyer, held.contract, price, held.replaces);
            let ended = vec![EndedReservation { contract: held.contract, end: ended }];
            let entry = said.entry(now, code, &text);
            let resting = Resting { ended, attempts: attempts.clone(), run: None, entry, found };
            match self.rest(&snapshot, lead, resting, now).await {
                Ok(lead) => return Ok(lead),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts a lead where it belongs by the sales that it has and the posts that are
    /// still held.
    async fn rest(
        &self,
        snapshot: &Arc<Snapshot>,
        mut lead: Lead,
        resting: Resting,
        now: Timestamp,
    ) -> Result<Lead, StoreError> {
        let Resting { ended, attempts, run, entry, found } = resting;
        let before_payout = lead.payout;
        let Some(offer) = snapshot.offer(lead.offer) else {
            tracing::error!(lead = %lead.id, "its offer is gone: it stays as it is");
            return Ok(lead);
        };
        let bought_before: Vec<_> = lead.sales.iter().filter(|sale| !is_new(&ended, sale)).cloned().collect();
        let before = Lead { sales: bought_before, ..lead.clone() };
        let is_late = self.is_late(&before, &offer.offer).await?;
        let earning = Earning::of(snapshot, offer, &lead, is_late).finding(&found);
        let facts = self.site.store.selling_facts(Some(lead.row), self.days_from(snapshot, now)).await?;
        let is_ended = |contract| ended.iter().any(|end: &EndedReservation| end.contract == contract);
        let still_held =
            facts.earlier.iter().any(|sent| sent.state == ReservationState::Held && !is_ended(sent.contract));
        let waits = standing::waits(offer);
        let held_back = match lead.sales.is_empty() {
            true => timeline::holds_back(&self.site.store.timeline_of(lead.row).await?),
            false => None,
        };
        (lead.status, lead.outcome) = match () {
            () if lead.is_given_back() => (LeadStatus::Returned, LeadOutcome::Returned),
            () if !lead.sales.is_empty() => (LeadStatus::Sold, LeadOutcome::Sold),
            () if still_held => (LeadStatus::PendingUnknown, LeadOutcome::PendingUnknown),
            () if let Some(held_back) = held_back => held_back,
            () if waits => (LeadStatus::Queued, LeadOutcome::Queued),
            () => (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers),
        };
        match held_back {
            None => standing::earned(&mut lead, &earning),
            // What it had earned before stays until its buyer's end is known.
            Some(_) if still_held => {}
            Some(_) => lead.payout = Money::ZERO,
        }
        let mut change = LeadChange::new(lead.clone(), now);
        change.timeline = vec![entry];
        self.follow(&mut change, &before, snapshot, &found).await?;
        change.ended = ended;
        change.attempts = attempts;
        change.run = run;
        change.ledger = standing::payout_entry(&lead, before_payout, now).into_iter().collect();
        let known = webhooks::before_run(before, change.run.as_ref());
        self.tell_webhooks(snapshot, &known, &mut change);
        let caps = self.caps_at_rest(snapshot, (&known, &change.lead), &facts.earlier, now);
        change.caps_told.extend(caps);
        change.answer = self.answer_at_rest(snapshot, &lead).await?;
        if lead.outcome == LeadOutcome::NoQualifiedBuyers {
            change.earlier = Earlier::No;
        }
        change.then = match lead.status {
            LeadStatus::Queued => Then::Wait(now),
            // It may be on its way to others.
            LeadStatus::Sold | LeadStatus::Returned => Then::WaitOn,
            _ => Then::Rest,
        };
        self.site.store.act(change).await?;
        self.wake();
        self.site.feed.tell(|| Recorded::Lead(Arc::new(lead.clone())));
        Ok(lead)
    }

    /// What the post of a lead that is settled after its time is answered from now on, in
    /// the form of a server's or session's post: where a crash kept it from its answer.
    /// What was answered once is given again as it was.
    async fn answer_at_rest(
        &self,
        snapshot: &Arc<Snapshot>,
        lead: &Lead,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let posts = self.site.store.posts_of_lead(lead.id).await?;
        let Some(first) = posts.first().filter(|post| post.answer.is_none()) else { return Ok(None) };
        self.answer_to(first, snapshot, lead, false).await.map(Some)
    }

    /// What a post that has no answer is answered, by how its lead stands. `is_refused`: it
    /// asked that a lead be sold again, and nobody new has bought it.
    pub(super) async fn answer_to(
        &self,
        post: &KeptPost,
        snapshot: &Arc<Snapshot>,
        lead: &Lead,
        is_refused: bool,
    ) -> Result<StoredAnswer, StoreError> {
        let session = self.site.store.session(lead.session).await?;
        let names = self.site.keys.request_ids.clone();
        let answering = Answering::at_rest(post, names, Arc::clone(snapshot), session);
        let onward = Onward::of_sales(lead, snapshot);
        let mut lead = lead.clone();
        if standing::is_held_back_meanwhile(&lead) {
            // Its poster asked for a sale.
            (lead.status, lead.outcome) = (LeadStatus::Unsold, LeadOutcome::NoQualifiedBuyers);
        }
        Ok(answering.answer(&lead, &Verdict::Accepted, &onward, is_refused))
    }
}

fn check_price(price: Money, contract: ContractId, maximum: Money) -> Result<(), WrongPrice> {
    match price {
        price if price < Money::ZERO => Err(WrongPrice::BelowZero),
        price if price > maximum => Err(WrongPrice::OverMaximum(contract, maximum)),
        _ => Ok(()),
    }
}

/// Whether a sale is one of those that are told now.
fn is_new(ended: &[EndedReservation], sale: &Sale) -> bool {
    ended.iter().any(|end| end.contract == sale.contract)
}

/// How whatever may have been sent is held.
pub(super) fn holding(snapshot: Arc<Snapshot>, now: Timestamp) -> HoldFn {
    Box::new(move |contract| hold_of(&snapshot, contract, now))
}

/// What a contract's posts of unknown end count as, and when.
pub(crate) fn hold_of(snapshot: &Snapshot, contract: ContractId, now: Timestamp) -> Hold {
    let contract = snapshot.contract(contract);
    let network = snapshot.settings().unknown_is;
    let minutes = contract.map_or(1_440, |contract| contract.unknown_wait_minutes);
    let rule = contract.and_then(|contract| contract.unknown_is).unwrap_or(network);
    match rule {
        UnknownRule::Wait => Hold { rule, until: now.plus_seconds(i64::from(minutes) * 60) },
        UnknownRule::Sold | UnknownRule::Rejected => Hold { rule, until: now },
    }
}

/// Whether one of the moments at which a buyer is asked lies between two looks: some
/// seconds after the post, and after twice as long each time.
fn is_question_due(posted: Timestamp, before: Timestamp, now: Timestamp) -> bool {
    let age = |at: Timestamp| at.micros().saturating_sub(posted.micros()).div_euclid(1_000_000);
    let step = |age: i64| u64::try_from(age / FIRST_QUESTION_SECONDS).unwrap_or(0).checked_ilog2();
    age(now) >= FIRST_QUESTION_SECONDS && step(age(now)) != step(age(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyer_is_asked_less_and_less_often() {
        let posted = Timestamp::from_micros(0);
        let asked = (1..=240).filter(|look| {
            is_question_due(posted, posted.plus_seconds((look - 1) * 5), posted.plus_seconds(look * 5))
        });
        let seconds: Vec<i64> = asked.map(|look| look * 5).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640]);
    }

    #[test]
    fn what_fell_due_while_nobody_looked_is_asked_at_the_first_look() {
        let (posted, never) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MIN));
        assert!(is_question_due(posted, never, posted.plus_seconds(50)));
        assert!(!is_question_due(posted, never, posted.plus_seconds(4)));
    }
}
