//! Leads that the store failed while they were in hand.
//!
//! What a run came to is known here, whatever the store can take at that moment. It is
//! remembered, and told by the queue's worker until the store takes it, also where it
//! refuses this lead alone, which is an alert; until then the lead stays in hand, so that nobody else sells it. Where the server ends before that,
//! the next start ends it by what was written. So is it remembered which runs broke off and
//! could not be ended so at once.
//!
//! A run that could not go on, because a reservation could not be written, comes to what
//! it had come to by then: its sales stand, and where it had none the lead goes back to
//! where a crash would have left it.

use super::supervised::{BrokenRun, panicked, surviving};
use super::tries::{Meets, Met, Tries};
use super::{Selling, becoming, standing};
use crumb_domain::caps::DayCount;
use crumb_domain::conversion::LeadConversion;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::post::KeptPost;
use crumb_domain::selling::{Alert, AlertCode};
use crumb_domain::{LeadId, RowId, Timestamp};
use crumb_storage::selling::{Earlier, LeadChange, Then, TimelineEntry};
use crumb_storage::{Store, StoreError};
use crumb_tracking::feed::Recorded;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A waiting lead that could not be sold for the store's sake is tried again after so many
/// seconds.
const TRY_AGAIN_SECONDS: i64 = 1;

/// What the store refuses for something about that lead alone, as a row that cannot be read,
/// is tried again after so many seconds: a person must mend it, and nobody else waits for it.
const REFUSED_AGAIN_SECONDS: i64 = 60;

/// What is still to be told. Never more than there were leads in hand at one moment.
#[derive(Default)]
pub(crate) struct Unsettled(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// In the order in which they came.
    left: Vec<Entry>,
    /// Numbers them.
    came: u64,
}

#[derive(Clone)]
struct Entry {
    number: u64,
    untold: Untold,
    /// When it is tried again.
    due: Timestamp,
    /// A person was told that the store refuses it.
    is_alerted: bool,
}

#[derive(Clone)]
enum Untold {
    /// What a run came to.
    Came(Box<LeadChange>),
    /// That one broke off.
    Broke(BrokenRun),
}

impl Untold {
    fn lead(&self) -> LeadId {
        match self {
            Self::Came(change) => change.lead.id,
            Self::Broke(run) => run.lead(),
        }
    }
}

impl Unsettled {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, untold: Untold, due: Timestamp, is_alerted: bool) {
        let mut entries = self.entries();
        let number = entries.came;
        entries.came += 1;
        entries.left.push(Entry { number, untold, due, is_alerted });
    }

    fn next(&self, now: Timestamp) -> Option<Entry> {
        self.entries().left.iter().find(|entry| entry.due <= now).cloned()
    }

    /// Puts an entry in the place of itself as it was.
    fn put_back(&self, by: Entry) {
        if let Some(entry) = self.entries().left.iter_mut().find(|entry| entry.number == by.number) {
            *entry = by;
        }
    }

    fn forget(&self, number: u64) {
        self.entries().left.retain(|entry| entry.number != number);
    }

    /// Whether something of a lead is still to be told.
    pub fn is_of(&self, lead: LeadId) -> bool {
        self.entries().left.iter().any(|entry| entry.untold.lead() == lead)
    }
}

impl<S: Store + Clone> Selling<S> {
    /// Ends the run of a lead in hand. What the store does not take is told later.
    ///
    /// # Errors
    /// As [`crumb_storage::SellingStore::settle`]; after [`StoreError::Conflict`] the lead
    /// is still the caller's.
    pub(crate) async fn settle(&self, change: &LeadChange) -> Result<(), StoreError> {
        let settled = self.site.store.settle(change.clone()).await;
        let now = self.site.clock.now();
        let untold = || Untold::Came(Box::new(change.clone()));
        match &settled {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) if is_away(error) => {
                tracing::error!(lead = %change.lead.id, %error, "what its run came to is told later");
                self.unsettled.remember(untold(), now, false);
            }
            Err(error) => {
                self.unsettled.remember(untold(), now.plus_seconds(REFUSED_AGAIN_SECONDS), true);
                self.alert_refused(change.lead.id, error).await;
            }
        }
        settled
    }

    /// The same for a change that stands whatever becomes of the lead meanwhile.
    ///
    /// # Errors
    /// The store's; what it could not take for the moment is told later.
    pub(crate) async fn let_go(&self, change: LeadChange) -> Result<(), StoreError> {
        match self.settle(&change).await {
            Err(StoreError::Conflict) => {
                self.tell_later(change);
                Ok(())
            }
            settled => settled,
        }
    }

    /// Leaves a change to the queue's worker.
    pub(crate) fn tell_later(&self, change: LeadChange) {
        self.unsettled.remember(Untold::Came(Box::new(change)), self.site.clock.now(), false);
        self.wake();
    }

    /// The same for a run that broke off.
    pub(super) fn end_later(&self, run: BrokenRun) {
        self.unsettled.remember(Untold::Broke(run), self.site.clock.now(), false);
        self.wake();
    }

    /// The same for one that the store refuses to end for something about its lead alone.
    pub(super) async fn leave_aside(&self, run: BrokenRun, error: &StoreError) {
        let due = self.site.clock.now().plus_seconds(REFUSED_AGAIN_SECONDS);
        self.unsettled.remember(Untold::Broke(run), due, true);
        self.alert_refused(run.lead(), error).await;
        self.wake();
    }

    /// Tells a person of a lead in hand whose name cannot be read; the next start tries
    /// it again.
    pub(super) async fn alert_nameless(&self, row: RowId, error: &StoreError) {
        let row = row.as_i64();
        tracing::error!(row, %error, "a lead in hand cannot be read; the next start tries it again");
        let text = format!("a lead in hand, row {row}, cannot be read; the next start tries it again");
        self.alert_unsettled(None, text).await;
    }

    /// How many leads stay in hand until the store takes what their runs came to.
    pub fn unsettled(&self) -> usize {
        self.unsettled.entries().left.len()
    }

    /// Tells what could not be told, in the order in which it came. What the store refuses
    /// for something about one lead keeps no other from it.
    ///
    /// # Errors
    /// The store's where it is away; what was not told is still remembered.
    pub(crate) async fn settle_left(&self) -> Result<(), StoreError> {
        let now = self.site.clock.now();
        // One at a time, so that what is left is counted meanwhile.
        while let Some(mut entry) = self.unsettled.next(now) {
            let telling = async {
                match &mut entry.untold {
                    Untold::Came(change) => self.settle_rebased(LeadChange::clone(change)).await,
                    Untold::Broke(run) => self.end_broken(run).await.map(|()| None),
                }
            };
            // One that panics keeps no other from being told.
            let told = surviving("what a run came to", telling).await.unwrap_or_else(panicked);
            let lead = entry.untold.lead();
            match told {
                Ok(told) => {
                    self.unsettled.forget(entry.number);
                    tracing::info!(%lead, "what its run came to is told now");
                    if let Some(told) = told {
                        self.site.feed.tell(|| Recorded::Lead(Arc::new(told)));
                    }
                }
                Err(error) if is_away(&error) => {
                    self.unsettled.put_back(entry);
                    return Err(error);
                }
                Err(error) => {
                    let was_alerted = std::mem::replace(&mut entry.is_alerted, true);
                    entry.due = now.plus_seconds(REFUSED_AGAIN_SECONDS);
                    self.unsettled.put_back(entry);
                    if !was_alerted {
                        self.alert_refused(lead, &error).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells a person, once for each, of a lead whose run the store refuses to end.
    async fn alert_refused(&self, lead: LeadId, error: &StoreError) {
        tracing::error!(%lead, %error, "what its run came to cannot be written; it is tried every minute");
        let text =
            format!("lead {lead}: what became of it cannot be written; it is tried again every minute");
        self.alert_unsettled(Some(lead), text).await;
    }

    async fn alert_unsettled(&self, lead: Option<LeadId>, text: String) {
        self.told.alerted(AlertCode::LeadUnsettled);
        let at = self.site.clock.now();
        let alert = Alert { at, code: AlertCode::LeadUnsettled, contract: None, buyer: None, lead, text };
        if let Err(error) = self.site.store.raise(vec![alert]).await {
            tracing::error!(%error, "an alert could not be kept");
        }
    }

    /// Settles a change on the lead as it stands now. `None` where it is not in hand any
    /// more: it was told after all.
    async fn settle_rebased(&self, mut change: LeadChange) -> Result<Option<Lead>, StoreError> {
        let mut tries = Tries::default();
        loop {
            let earlier = change.takes_over.as_ref().map(|taken| (taken.conversion, taken.revision));
            let cap_is_full = change.lead.conversion.as_ref().is_some_and(LeadConversion::is_over_cap);
            if tries.at(Met { lead: change.lead.revision, earlier, cap_is_full })? == Meets::TheSame {
                return Ok(None);
            }
            match self.site.store.settle(change.clone()).await {
                Ok(()) => return Ok(Some(change.lead)),
                Err(StoreError::Conflict) => {
                    let Some(stands) = self.site.store.lead(change.lead.id).await? else { return Ok(None) };
                    let told = change.lead.payout;
                    change = self.with_what_it_finds(rebased(change, stands.clone()), &stands).await?;
                    if change.lead.payout != told {
                        self.answer_anew(&mut change, &stands).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The post that waits was to be told of another payout than the lead has by now; whoever
    /// asks for its answer again is told of this one.
    async fn answer_anew(&self, change: &mut LeadChange, stands: &Lead) -> Result<(), StoreError> {
        if change.answer.is_none() {
            return Ok(());
        }
        let posts = self.site.store.posts_of_lead(change.lead.id).await?;
        let waits = |post: &&KeptPost| post.answer.is_none();
        let Some((at, post)) = posts.iter().enumerate().rfind(|(_, post)| waits(post)) else { return Ok(()) };
        // A later post than the first asked for a sale to somebody new.
        let is_refused = at > 0 && change.lead.sales.len() == stands.sales.len();
        let snapshot = self.site.network.snapshot();
        change.answer = Some(self.answer_to(post, &snapshot, &change.lead, is_refused).await?);
        Ok(())
    }

    /// What a pixel that came before the lead or meanwhile makes of what it has earned, or a
    /// conversion cap that is full by now, its run's sales included.
    async fn with_what_it_finds(&self, change: LeadChange, stands: &Lead) -> Result<LeadChange, StoreError> {
        let snapshot = self.site.network.snapshot();
        let Some(offer) = snapshot.offer(stands.offer) else { return Ok(change) };
        let found = self.found_by(stands, &snapshot).await?;
        let is_reported =
            standing::has_pixel(stands) || found.earlier.is_some() || change.takes_over.is_some();
        let meets_caps = !change.conversion_caps.is_empty();
        if !(is_reported || meets_caps) || standing::is_held_back_meanwhile(&change.lead) {
            return Ok(LeadChange { takes_over: None, conversion_caps: Vec::new(), ..change });
        }
        let is_late = self.is_late(stands, &offer.offer).await?;
        let told = standing::worth(&change.lead);
        let (conversion, payout) = match stands.is_conversion() {
            true => (change.lead.conversion, change.lead.payout.max(stands.payout)),
            // It becomes one by this, of what is known now.
            false => (stands.conversion.clone(), stands.payout),
        };
        let mut lead = Lead { conversion, payout, ..change.lead };
        let earning = standing::Earning::of(&snapshot, offer, stands, is_late);
        standing::earned(&mut lead, &earning.finding(&found));
        // Its seller may have been promised more.
        let worth = standing::worth(&lead).max(told);
        standing::now_worth(&mut lead, worth);
        standing::is_told_if_paid(&mut lead);
        let ledger = standing::payout_difference(stands, &lead, change.at).into_iter().collect();
        let mut change = LeadChange { lead, ledger, ..change };
        self.follow(&mut change, stands, &snapshot, &found).await?;
        Ok(change)
    }
}

/// Whether it may be there again in a moment. Anything else fails until somebody mends it.
pub(super) fn is_away(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::Overloaded(_))
}

/// The same change on a lead that was changed meanwhile: what the run came to stands, and
/// its fields are the newer ones.
fn rebased(change: LeadChange, stands: Lead) -> LeadChange {
    let LeadChange { lead: told, at, .. } = &change;
    if told.sales.is_empty() && standing::is_held_back_meanwhile(&stands) {
        let mut lead = stands;
        if told.status == LeadStatus::PendingUnknown {
            (lead.status, lead.outcome) = (told.status, told.outcome);
        }
        let (ledger, earlier) = (Vec::new(), Earlier::AsBefore);
        return becoming::follows_not(LeadChange { lead, ledger, then: Then::Rest, earlier, ..change });
    }
    let lead = Lead {
        status: told.status,
        outcome: told.outcome,
        payout: told.payout,
        revenue: told.revenue,
        sales: told.sales.clone(),
        // None but its run makes it one; what a pixel has said since is the newer.
        conversion: match (&stands.conversion, told.is_conversion()) {
            (Some(named), true) => Some(named.clone().accepted()),
            (None, true) => told.conversion.clone(),
            (stands, false) => stands.clone(),
        },
        ..stands.clone()
    };
    let ledger = standing::payout_difference(&stands, &lead, *at).into_iter().collect();
    LeadChange { lead, ledger, ..change }
}

/// A lead in hand that is put back as it was: one of the queue waits, any other stands as
/// a crash would leave it, with the counts that it raised taken back, and its poster may
/// send it again.
pub(crate) fn as_it_was(lead: &Lead, by: InHandBy, now: Timestamp) -> LeadChange {
    let mut change = LeadChange::new(lead.clone(), now);
    change.timeline = vec![TimelineEntry {
        at: now,
        code: LeadOutcome::Interrupted.as_str().to_owned(),
        text: "it could not be sold: the store failed".to_owned(),
        by: None,
    }];
    match by {
        InHandBy::Queue => change.then = Then::Wait(now.plus_seconds(TRY_AGAIN_SECONDS)),
        InHandBy::Post { counted } => {
            change.uncount = counted;
            if lead.outcome == LeadOutcome::Interrupted {
                change.earlier = Earlier::No;
            }
        }
    }
    change
}

/// How a lead came into hand.
pub(crate) enum InHandBy {
    /// It waited.
    Queue,
    /// It was posted, and raised these counts for an answer that does not come.
    Post { counted: Vec<DayCount> },
}
