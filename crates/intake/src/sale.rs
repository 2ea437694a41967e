//! The sale within the request: a host-n-post lead that the store has put into our
//! hands is sold before its post is answered.

use crate::acceptance::{LeadEffect, consumer_ip, lead_counts};
use crate::case::{Case, IncomingPost};
use crate::idempotency::differs;
use crate::replies::ReplyTokens;
use crate::selling::quote::Quoted;
use crate::selling::settle::InHand;
use crate::selling::standing;
use crate::selling::unsettled::{self, InHandBy};
use crate::service::{Answered, Leads, PostAnswer, PostError};
use crumb_domain::Timestamp;
use crumb_domain::lead::Lead;
use crumb_storage::leads::Verdict;
use crumb_storage::selling::SellingFacts;
use crumb_storage::{Store, StoreError};
use std::time::Duration;

/// Milliseconds that the sale of a browser's post may take where it does not say: as
/// long as a visitor waits.
const BROWSER_DEADLINE_MS: i64 = 7_000;
/// How often the end of a sale is looked for that another post waits for.
const KEY_POLL: Duration = Duration::from_millis(100);
/// How often at most: longer than any sale takes.
const MAX_KEY_WAITS: u32 = 1_800;

/// How often a post has waited for a sale: that of the first one under its idempotency key,
/// or that of the lead which it changes.
#[derive(Debug, Default)]
pub(crate) struct Waits(u32);

impl Waits {
    /// Waits a moment. By the clock and not until some lead is settled: with hundreds of
    /// these a second each would have every waiting post ask the store again.
    ///
    /// # Errors
    /// After longer than any sale takes.
    pub async fn a_moment(&mut self) -> Result<(), StoreError> {
        self.0 += 1;
        if self.0 > MAX_KEY_WAITS {
            return Err(StoreError::Conflict);
        }
        tokio::time::sleep(KEY_POLL).await;
        Ok(())
    }
}

impl<S: Store + Clone> Leads<S> {
    /// Sells a lead that is in hand, and answers its post.
    ///
    /// # Errors
    /// The store's; [`PostError::BrokenOff`] where the sale panicked.
    pub(crate) async fn sell_now(
        &self,
        case: &Case<'_>,
        lead: Lead,
        effect: LeadEffect,
        quoted: Option<&Quoted>,
    ) -> Result<PostAnswer, PostError> {
        let sale = self.sell_in_hand(case, &lead, effect, quoted);
        self.selling.supervised(&lead, sale).await?
    }

    async fn sell_in_hand(
        &self,
        case: &Case<'_>,
        lead: &Lead,
        effect: LeadEffect,
        quoted: Option<&Quoted>,
    ) -> Result<PostAnswer, PostError> {
        let incoming = case.incoming;
        let answering = self.answering(case, case.credit.session.clone(), effect);
        let tokens = ReplyTokens {
            lead,
            is_kept: true,
            names: Some(&self.site.keys.request_ids),
            session: case.credit.session.as_ref(),
            rules: &case.offer.vertical().rules,
            ip: consumer_ip(lead).or(lead.ip),
            now: incoming.now,
        };
        let bought_before = lead.sales.len();
        let answer = |lead: &Lead, onward: crate::onward::Onward| {
            // Offered again and bought by nobody new: the poster asked for a sale.
            let is_refused = effect == LeadEffect::Changed && lead.sales.len() == bought_before;
            answering.answer(lead, &Verdict::Accepted, &onward, is_refused)
        };
        let (facts, is_late) = match self.known(case, lead, effect).await {
            Ok(known) => known,
            Err(error) => {
                let counted = match effect {
                    LeadEffect::Made => lead_counts(case.snapshot, lead),
                    LeadEffect::Changed => Vec::new(),
                };
                let put_back = unsettled::as_it_was(lead, InHandBy::Post { counted }, incoming.now);
                self.selling.let_go(put_back).await?;
                return Err(error.into());
            }
        };
        let hand = InHand {
            facts,
            snapshot: case.snapshot,
            offer: case.offer,
            deadline: deadline(case),
            is_late,
            expires: standing::expiry(case.offer, incoming.now),
            is_counted: effect == LeadEffect::Made,
            value: &|name| tokens.lookup(name),
            answer: Some(&answer),
            quoted,
            session: case.credit.session.as_ref(),
            lead: lead.clone(),
        };
        let settled = self.selling.sell(hand).await?;
        let answer = settled.answer.ok_or(PostError::Store(StoreError::Conflict))?;
        let outcome = Answered::Lead(settled.lead.outcome);
        Ok(PostAnswer { answer, replayed: false, kind: incoming.kind, outcome })
    }

    /// What a sale depends on beside the network, and whether it would be a late one.
    async fn known(
        &self,
        case: &Case<'_>,
        lead: &Lead,
        effect: LeadEffect,
    ) -> Result<(SellingFacts, bool), StoreError> {
        let days_from = self.selling.days_from(case.snapshot, case.incoming.now);
        let facts = self.site.store.selling_facts(Some(lead.row), days_from).await?;
        let is_late = effect == LeadEffect::Changed && self.selling.is_late(lead, &case.offer.offer).await?;
        Ok((facts, is_late))
    }

    /// Waits a moment for the first post under an idempotency key; tells at once where
    /// this one is another post. `None`: ask again.
    pub(crate) async fn wait_for_key(
        &self,
        incoming: &IncomingPost<'_>,
        body_hash: [u8; 32],
        waits: &mut Waits,
    ) -> Result<Option<PostAnswer>, PostError> {
        if body_hash != incoming.request.said.hash() {
            return Ok(Some(differs(incoming)));
        }
        waits.a_moment().await?;
        Ok(None)
    }
}

/// Until when a post's lead must be sold: as its offer says, or sooner as the post does.
fn deadline(case: &Case<'_>) -> Timestamp {
    let request = case.incoming.request;
    let offers = i64::from(case.offer.offer.deadline_ms);
    let asked = match request.max_seconds {
        Some(seconds) => Some(i64::from(seconds).saturating_mul(1_000)),
        None => (request.callback.is_some() || request.iframe).then_some(BROWSER_DEADLINE_MS),
    };
    let milliseconds = asked.map_or(offers, |asked| asked.min(offers));
    Timestamp::from_micros(case.incoming.now.micros().saturating_add(milliseconds.saturating_mul(1_000)))
}
