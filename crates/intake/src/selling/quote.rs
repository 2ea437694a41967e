//! What a lead would be sold for, before it is posted; and what is kept of that for the
//! lead that follows.

use super::run::Told;
use super::settle::InHand;
use super::standing::{self, Earning};
use super::{Selling, alerts};
use crumb_domain::lead::Lead;
use crumb_domain::network::OfferType;
use crumb_domain::selling::{Alert, Attempt, AttemptKind, BuyerAnswer, Milliseconds, Phase};
use crumb_domain::{ConfigVersion, ContractId, LeadId, Money, RowId, Timestamp};
use crumb_network::{CompiledOffer, Snapshot};
use crumb_routing::replay::Recorded;
use crumb_routing::{Event, Offered, QuotedPing, Run, State};
use crumb_storage::selling::Quote;
use crumb_storage::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes kept of what each buyer was sent and answered, until the quote has passed or its
/// lead has come: whole pings, and not what a buyer makes of the limit.
const KEPT_BYTES: usize = 4 * 1024;

/// A lead to come, with what its price depends on.
pub(crate) struct Asked<'a> {
    pub lead: &'a Lead,
    pub snapshot: &'a Arc<Snapshot>,
    pub offer: &'a CompiledOffer,
    pub deadline: Timestamp,
    /// Gives a token's value by its name, for what buyers are told.
    pub value: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// What a quote was made of: enough to decide it again, and for its lead to go on from it.
#[derive(Serialize, Deserialize)]
struct QuoteRecord {
    config_version: ConfigVersion,
    inputs: Run,
    events: Vec<Recorded>,
    /// Of each contract that is not in the offer.
    results: serde_json::Value,
    offered: Vec<Offered>,
    attempts: Vec<KeptPing>,
}

/// An attempt at a ping; its texts are cut.
#[derive(Serialize, Deserialize)]
struct KeptPing {
    id: RowId,
    at: Timestamp,
    contract: ContractId,
    phase: Phase,
    ms: Milliseconds,
    status: Option<u16>,
    request: String,
    answer: String,
    read: BuyerAnswer,
    error: Option<String>,
}

impl KeptPing {
    fn of(attempt: &Attempt) -> Self {
        let cut = |bytes: &[u8]| {
            let kept = bytes.get(..KEPT_BYTES).unwrap_or(bytes);
            String::from_utf8_lossy(kept).into_owned()
        };
        Self {
            id: attempt.id,
            at: attempt.at,
            contract: attempt.contract,
            phase: attempt.phase,
            ms: attempt.ms,
            status: attempt.status,
            request: cut(&attempt.request),
            answer: cut(&attempt.answer),
            read: attempt.read.clone(),
            error: attempt.error.clone(),
        }
    }

    fn into_attempt(self) -> Attempt {
        Attempt {
            id: self.id,
            at: self.at,
            contract: self.contract,
            kind: AttemptKind::Ping,
            phase: self.phase,
            ms: self.ms,
            status: self.status,
            request: self.request.into_bytes(),
            answer: self.answer.into_bytes(),
            read: self.read,
            error: self.error,
        }
    }
}

/// What a lead that names a quote goes on from.
pub(crate) struct Quoted {
    /// Its name, and of which campaign.
    pub quote: Quote,
    /// The id by which buyers were told of the lead; none for a test.
    pub lead: Option<LeadId>,
    /// Whether the ping said that the lead is an upsell.
    pub is_upsell: Option<bool>,
    /// Decides between equals as it did.
    pub seed: Option<u64>,
    /// What buyers answered.
    pub pings: Vec<QuotedPing>,
    /// How they were asked.
    pub attempts: Vec<Attempt>,
}

impl Quoted {
    /// Reads what was kept. Of a record that this program cannot read, and of a test's,
    /// the price alone is left.
    pub fn read(quote: Quote) -> Self {
        let record = match serde_json::from_str::<QuoteRecord>(&quote.record) {
            Ok(record) => record,
            Err(error) => {
                if !quote.record.is_empty() {
                    tracing::warn!(%error, "a quote's record cannot be read: its buyers are asked again");
                }
                let (pings, attempts) = (Vec::new(), Vec::new());
                return Self { quote, lead: None, is_upsell: None, seed: None, pings, attempts };
            }
        };
        let pings = record.events.into_iter().filter_map(|recorded| match recorded.event {
            Event::Pinged { contract, answer } => Some(QuotedPing { contract, answer }),
            _ => None,
        });
        Self {
            lead: Some(record.inputs.lead),
            is_upsell: Some(record.inputs.is_upsell),
            seed: Some(record.inputs.seed),
            pings: pings.collect(),
            attempts: record.attempts.into_iter().map(KeptPing::into_attempt).collect(),
            quote,
        }
    }
}

impl<S: Store + Clone> Selling<S> {
    /// Asks what a lead would be sold for: what its affiliate would be paid, and the
    /// record of how that was found. `None` where nobody would buy it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn quote(&self, asked: Asked<'_>) -> Result<Option<(Money, String)>, StoreError> {
        let Asked { lead, snapshot, offer, deadline, value } = asked;
        let market = self.markets.of(snapshot);
        let tree = market.tree(offer.vertical());
        let earning = Earning::of(snapshot, offer, lead, false);
        let days_from = self.days_from(snapshot, lead.at);
        let hand = InHand {
            lead: lead.clone(),
            facts: self.site.store.selling_facts(None, days_from).await?,
            snapshot,
            offer,
            deadline,
            expires: standing::expiry(offer, lead.at),
            is_late: false,
            is_counted: false,
            value,
            answer: None,
            quoted: None,
            session: None,
        };
        let run = self.inputs(&hand, &market, &tree, &earning);
        let told = Told { lead, value };
        let ran = self.run(&market, State::quoting(tree, run), &told, Vec::new()).await;
        ran.state.alerts().iter().for_each(|found| self.tell(found, lead.id));
        // There is no such lead, and there may never be one.
        let found = alerts::of_run(&ran, lead, snapshot, self.site.clock.now()).into_iter();
        let found: Vec<Alert> = found.map(|alert| Alert { lead: None, ..alert }).collect();
        if !found.is_empty() {
            self.site.store.raise(found).await?;
        }
        let Some(sum) = ran.state.offered_sum() else { return Ok(None) };
        // A hosted lead is paid, and answered with that, before it is sold.
        let sold = (offer.offer.offer_type != OfferType::Hosted).then_some(sum);
        let record = QuoteRecord {
            config_version: snapshot.version(),
            inputs: ran.state.run().clone(),
            results: serde_json::to_value(ran.state.results()).unwrap_or_default(),
            offered: ran.state.offered().to_vec(),
            attempts: ran.attempts.iter().map(KeptPing::of).collect(),
            events: ran.events,
        };
        let record = serde_json::to_string(&record).unwrap_or_else(|error| {
            tracing::error!(%error, "a quote cannot be written as JSON");
            String::new()
        });
        Ok(Some((earning.after(sold), record)))
    }
}
