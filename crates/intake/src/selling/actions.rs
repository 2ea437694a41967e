//! What people do with leads: accept, throw out, offer again. (What became of a post
//! whose end is not known they say by [`Selling::settle_held`].)
//!
//! | a lead that is … | accept | throw out | resell |
//! |---|---|---|---|
//! | `queued` | refused: nothing holds it back | thrown out | tried at once |
//! | `review` | for sale | thrown out | refused: accept it |
//! | `scrubbed`, thrown out | for sale | refused: it is | refused: accept it |
//! | `scrubbed`, expired | for sale | thrown out | for sale |
//! | `unsold` | refused: nothing holds it back | thrown out | for sale |
//! | `sold` to several, or to one that would share | refused | refused: it is returned | offered to the others |
//! | `sold` to one alone | refused | refused: it is returned | refused: nobody else may have it |
//! | `returned` | refused | refused | refused |
//! | `pending_unknown` | refused | refused | refused: settle it first |
//! | `test` | refused | refused | refused |
//! | in hand, however it stands | refused | refused | refused |
//!
//! *For sale* is where a good lead goes: into the queue, due now, on hosted offers and
//! on host-n-post ones, whose poster waits for nobody any more; a host-n-post lead that
//! nobody buys then is `unsold`, unless its offer lets failures wait. A session post that
//! named no session is offered to nobody where it is good, and so where it is accepted.
//! Hours of waiting are counted from the moment at which a person let the lead through.
//!
//! Money: an accepted lead earns what its offer pays for one that is accepted, at once;
//! what it earns by sales, its run adds. What a thrown-out lead had earned is taken back
//! by an entry of the ledger. Lead counts stay: its poster was answered.

use super::tries::{InHand, Tries};
use super::{Selling, standing};
use crate::acceptance::duplicate_key;
use crate::selling::settle::is_sold_alone;
use crumb_domain::attribution::Attribution;
use crumb_domain::conversion::Found;
use crumb_domain::lead::{Lead, LeadOutcome, LeadStatus};
use crumb_domain::network::{Offer, OfferType};
use crumb_domain::post::{KeptPost, PostKind};
use crumb_domain::{LeadId, Money, Timestamp};
use crumb_network::Snapshot;
use crumb_storage::selling::{Earlier, LeadChange, Then, TimelineEntry};
use crumb_storage::{Store, StoreError};
use crumb_tracking::feed::Recorded;
use std::sync::Arc;

/// Code of a time line's entry: a person let a lead through.
pub(crate) const ACCEPTED: &str = "accepted";
/// Code of a time line's entry: a lead is offered once more.
pub(crate) const OFFERED_AGAIN: &str = "offered_again";

/// The longest note to what a person does: some sentences.
pub const MAX_NOTE_CHARACTERS: usize = 1_000;

/// What a person does with a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lets it through that was held back.
    Accept,
    /// Takes it out of the market.
    ThrowOut,
    /// Offers it again, to those that have not bought it.
    Resell,
}

/// Who does something, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    by: Option<String>,
    note: Option<String>,
}

/// A note is longer than [`MAX_NOTE_CHARACTERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_NOTE_CHARACTERS} characters")]
pub struct NoteTooLong;

impl Said {
    /// By whose key, none for the server; a blank note says nothing.
    ///
    /// # Errors
    /// Where the note is too long.
    pub fn new(by: Option<String>, note: Option<String>) -> Result<Self, NoteTooLong> {
        if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE_CHARACTERS) {
            return Err(NoteTooLong);
        }
        Ok(Self { by, note: note.filter(|note| !note.trim().is_empty()) })
    }

    /// What happened, with the note.
    pub(crate) fn entry(&self, at: Timestamp, code: &str, text: &str) -> TimelineEntry {
        let text = match &self.note {
            Some(note) => format!("{text}: {note}"),
            None => text.to_owned(),
        };
        TimelineEntry { at, code: code.to_owned(), text, by: self.by.clone() }
    }
}

/// Why a lead stays as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It waits, or was offered already.
    #[error("nothing holds it back: it is {}", .0.as_str())]
    NotHeldBack(LeadStatus),
    /// A person must let it through first.
    #[error("it is held back ({}): accept it to offer it", .0.as_str())]
    HeldBack(LeadOutcome),
    /// There is nothing to do.
    #[error("it is thrown out already")]
    ThrownOut,
    /// It is a buyer's.
    #[error("it is sold: a sold lead is returned")]
    Sold,
    /// It is one buyer's alone.
    #[error("No Qualified Buyers Found: it is sold exclusively and is not offered again")]
    SoldAlone,
    /// It was a buyer's.
    #[error("it was sold and returned")]
    Returned,
    /// A buyer may have it.
    #[error("a buyer may have it: settle the post whose end is not known first")]
    Pending,
    /// A test goes nowhere.
    #[error("it is a test")]
    Test,
    /// The network has no such offer any more.
    #[error("its offer is no longer in the network")]
    NoOffer,
}

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no such lead.
    #[error("no lead {0}")]
    NoLead(LeadId),
    /// It cannot be done to the lead as it stands.
    #[error("lead {0}: {1}")]
    Refused(LeadId, Refusal),
    /// Somebody sells it at this moment.
    #[error(transparent)]
    InHand(#[from] InHand),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where an action puts a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// Among those that are offered.
    ForSale,
    /// To rest, as one that nobody is offered.
    Unattributed,
    /// Out.
    Out,
}

/// Whether it can be done, and where the lead goes then.
fn decide(lead: &Lead, action: Action) -> Result<Goes, Refusal> {
    use LeadStatus as S;
    match (lead.status, action) {
        (S::Test, _) => Err(Refusal::Test),
        (S::Returned, _) => Err(Refusal::Returned),
        (S::PendingUnknown, _) => Err(Refusal::Pending),
        (S::Sold, Action::Accept | Action::ThrowOut) => Err(Refusal::Sold),
        (S::Sold, Action::Resell) if is_sold_alone(lead) => Err(Refusal::SoldAlone),
        (S::Sold | S::Unsold | S::Queued, Action::Resell) => Ok(Goes::ForSale),
        (S::Unsold | S::Queued, Action::ThrowOut) => Ok(Goes::Out),
        (S::Unsold | S::Queued, Action::Accept) => Err(Refusal::NotHeldBack(lead.status)),
        (S::Review | S::Scrubbed, Action::Accept) if is_nobodys(lead) => Ok(Goes::Unattributed),
        (S::Review | S::Scrubbed, Action::Accept) => Ok(Goes::ForSale),
        (S::Scrubbed, Action::Resell) if lead.outcome == LeadOutcome::Expired => Ok(Goes::ForSale),
        (S::Review | S::Scrubbed, Action::Resell) => Err(Refusal::HeldBack(lead.outcome)),
        (S::Scrubbed, Action::ThrowOut) if lead.outcome == LeadOutcome::ThrownOut => Err(Refusal::ThrownOut),
        (S::Review | S::Scrubbed, Action::ThrowOut) => Ok(Goes::Out),
    }
}

/// Whether it came by a session post that named no session.
fn is_nobodys(lead: &Lead) -> bool {
    lead.attribution == Attribution::Internal && lead.post == PostKind::Session
}

impl<S: Store + Clone> Selling<S> {
    /// Does something with a lead, and gives it as it stands then. Of two that do so at
    /// the same moment the second meets what the first has made of it.
    ///
    /// # Errors
    /// Where it cannot be done to the lead as it stands; the store's.
    pub async fn act(&self, id: LeadId, action: Action, said: &Said) -> Result<Lead, ActionError> {
        let mut tries = Tries::default();
        loop {
            let Some(lead) = self.site.store.lead(id).await? else { return Err(ActionError::NoLead(id)) };
            let snapshot = self.site.network.snapshot();
            let found = self.found_by(&lead, &snapshot).await?;
            tries.at_rest_with::<ActionError>(&lead, &found)?;
            let goes = decide(&lead, action).map_err(|why| ActionError::Refused(id, why))?;
            let subject = Subject { lead: &lead, snapshot: &snapshot, found: &found };
            let change = self.change_by(subject, action, goes, said).await?;
            let changed = Lead { revision: lead.revision.saturating_add(1), ..change.lead.clone() };
            match self.site.store.act(change).await {
                Ok(()) => {
                    self.wake();
                    self.site.feed.tell(|| Recorded::Lead(Arc::new(changed.clone())));
                    return Ok(changed);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn change_by(
        &self,
        subject: Subject<'_>,
        action: Action,
        goes: Goes,
        said: &Said,
    ) -> Result<LeadChange, ActionError> {
        let now = self.site.clock.now();
        let Subject { lead, snapshot, .. } = subject;
        match goes {
            Goes::ForSale => self.for_sale(subject, action, said, now).await,
            Goes::Unattributed => {
                let mut lead = lead.clone();
                let before = came_from(&lead);
                (lead.status, lead.outcome) = (LeadStatus::Unsold, LeadOutcome::UnattributedSession);
                let mut change = LeadChange::new(lead, now);
                let text =
                    format!("accepted, before {before}; nobody is offered it: its post named no session");
                change.timeline = vec![said.entry(now, ACCEPTED, &text)];
                Ok(change)
            }
            Goes::Out => self.out(snapshot, lead, said, now).await,
        }
    }

    async fn for_sale(
        &self,
        subject: Subject<'_>,
        action: Action,
        said: &Said,
        now: Timestamp,
    ) -> Result<LeadChange, ActionError> {
        let Subject { lead, snapshot, found } = subject;
        let refused = || ActionError::Refused(lead.id, Refusal::NoOffer);
        let offer = snapshot.offer(lead.offer).ok_or_else(refused)?;
        let mut offered = lead.clone();
        if lead.sales.is_empty() {
            (offered.status, offered.outcome) = (LeadStatus::Queued, LeadOutcome::Queued);
        }
        let entry = if action == Action::Accept {
            let is_late = self.is_late(lead, &offer.offer).await?;
            let earning = standing::Earning::of(snapshot, offer, lead, is_late).finding(found);
            let worth = standing::worth(lead);
            let total = |earning: &standing::Earning<'_>| earning.after(None).max(worth);
            if !earning.convert(&mut offered, None, total) {
                standing::now_worth(&mut offered, total(&earning));
            }
            standing::is_told_if_paid(&mut offered);
            let text = format!("accepted, before {}; it earns {} for now", came_from(lead), offered.payout);
            said.entry(now, ACCEPTED, &text)
        } else {
            said.entry(now, OFFERED_AGAIN, "offered again to those that have not bought it")
        };
        let mut change = LeadChange::new(offered, now);
        change.timeline = vec![entry];
        self.follow(&mut change, lead, snapshot, found).await?;
        change.ledger = standing::payout_difference(lead, &change.lead, now).into_iter().collect();
        change.then = Then::Wait(now);
        if !is_nobodys(lead) {
            // Who is queued or bought is the earlier lead of later ones.
            change.earlier = duplicate_key(offer, lead).map_or(Earlier::No, Earlier::Yes);
        }
        Ok(change)
    }

    async fn out(
        &self,
        snapshot: &Snapshot,
        lead: &Lead,
        said: &Said,
        now: Timestamp,
    ) -> Result<LeadChange, ActionError> {
        let mut out = lead.clone();
        (out.status, out.outcome) = (LeadStatus::Scrubbed, LeadOutcome::ThrownOut);
        out.payout = Money::ZERO;
        let text = match lead.payout {
            Money::ZERO => format!("thrown out, before {}", came_from(lead)),
            payout => format!("thrown out, before {}; its payout of {payout} is taken back", came_from(lead)),
        };
        let mut change = LeadChange::new(out, now);
        change.ledger = standing::payout_difference(lead, &change.lead, now).into_iter().collect();
        change.timeline = vec![said.entry(now, LeadOutcome::ThrownOut.as_str(), &text)];
        self.tell_webhooks(snapshot, lead, &mut change);
        if let Some(offer) = snapshot.offer(lead.offer)
            && self.is_late(lead, &offer.offer).await?
        {
            // It was its person's earlier lead only while it waited.
            change.earlier = Earlier::No;
        }
        Ok(change)
    }

    /// Whether a sale of a lead now comes after its poster was answered that nobody
    /// bought it: on host-n-post offers that is how all are answered but those that were
    /// sold, and those held back for bad fields, which were answered with success.
    pub(crate) async fn is_late(&self, lead: &Lead, offer: &Offer) -> Result<bool, StoreError> {
        if offer.offer_type != OfferType::HostNPost || was_sold_in_time(lead, offer) {
            return Ok(false);
        }
        let posts = self.site.store.posts_of_lead(lead.id).await?;
        // Where the server ended before it could answer, nobody was told that it is unsold,
        // unless its poster has asked again under its key since.
        let is_answered = |first: &KeptPost| first.answer.is_some() || first.was_told_later;
        let answered_unsold = |first: &KeptPost| first.errors.is_empty() && is_answered(first);
        Ok(posts.first().is_none_or(answered_unsold))
    }
}

/// What an action is done to.
#[derive(Clone, Copy)]
struct Subject<'a> {
    lead: &'a Lead,
    snapshot: &'a Snapshot,
    /// What it finds if it becomes a conversion.
    found: &'a Found,
}

/// Whether a sale of a lead has paid, or makes it pay once a pixel comes.
fn was_sold_in_time(lead: &Lead, offer: &Offer) -> bool {
    let is_conversion_by_sale = offer.pay_only_when_sold && lead.is_conversion();
    !lead.sales.is_empty() && (lead.payout != Money::ZERO || is_conversion_by_sale)
}

/// Where a lead stood, for people.
fn came_from(lead: &Lead) -> &'static str {
    match lead.outcome {
        LeadOutcome::ThrownOut => "thrown out",
        LeadOutcome::Expired => "expired",
        _ => lead.status.as_str(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
