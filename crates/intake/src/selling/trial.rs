//! *Send test post*: a lead that was never one, written and sent as a real one is, so that
//! a person sees what a buyer is sent and how its answer is read.
//!
//! It goes the way of every other question, with the same time, the same limits and the
//! same care about whom it may reach. What comes of it goes to the person and nowhere
//! else: no lead, sale or attempt is kept, no reservation made, and neither the buyer's
//! breaker nor the count of the contract's failed posts hears of it.

use super::Selling;
use super::asking::Question;
use super::market::ContractPlans;
use super::soundness::methods;
use crumb_delivery::plan::DeliveryPlan;
use crumb_domain::network::{Contract, OfferType};
use crumb_domain::selling::{Attempt, AttemptKind};
use crumb_domain::{AffiliateId, ContractId, LeadId, OfferId, RequestId, Timestamp};
use crumb_network::{CompiledVertical, FileError, Snapshot};
use crumb_storage::Store;
use crumb_tracking::links::source_time;
use crumb_wire::posting_doc::sample;

/// The visitor's address in a test lead: one that documents use and nobody has.
const SAMPLE_ADDRESS: &str = "198.51.100.7";

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trial {
    /// The contract's ping instead of its post.
    pub is_ping: bool,
    /// Values by field name; the vertical's others have samples. An empty one leaves its
    /// field out.
    pub fields: Vec<(String, String)>,
    /// What `#session#` says, for buyers that want the token of a ping.
    pub session: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The fields of the lead, as it would be kept.
    pub fields: Vec<(String, String)>,
    /// What was sent, with masks for secrets, what was answered, and how that is read.
    pub attempt: Attempt,
}

/// Why nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// There is no such contract.
    #[error("no contract {0}")]
    NoContract(ContractId),
    /// It asks nobody for a price.
    #[error("contract {0} has no ping")]
    NoPing(ContractId),
    /// Fields that are none, or whose values are wrong: name and message of each.
    #[error("{}", .0.iter().map(|(name, message)| format!("{name}: {message}")).collect::<Vec<_>>().join("\n"))]
    Fields(Vec<(String, String)>),
    /// Its method cannot be used.
    #[error("contract {0}: {1}")]
    Unsound(ContractId, FileError),
}

impl<S: Store + Clone> Selling<S> {
    /// Sends a test lead under a contract, whether it is active or not.
    ///
    /// # Errors
    /// Where nothing could be sent. A buyer that cannot be reached or does not answer is
    /// no error: the attempt says so.
    pub async fn try_contract(&self, id: ContractId, trial: &Trial) -> Result<Tried, TrialError> {
        let snapshot = self.site.network.snapshot();
        let contract = snapshot.contract(id).ok_or(TrialError::NoContract(id))?;
        let vertical = snapshot.vertical(contract.vertical).ok_or(TrialError::NoContract(id))?;
        if trial.is_ping && contract.ping.is_none() {
            return Err(TrialError::NoPing(id));
        }
        let now = self.site.clock.now();
        let fields = fields(&snapshot, vertical, &trial.fields, now)?;
        let market = self.markets.of(&snapshot);
        let plans = market.plans(id).ok_or_else(|| unsound(contract, vertical))?;
        let tokens = TestTokens {
            lead: LeadId::random(&mut self.site.random()),
            request_id: self.site.request_id(self.site.rows.next(now)),
            affiliate: snapshot.settings().internal_affiliate.unwrap_or(AffiliateId::TEST),
            offer: offer_of(&snapshot, contract),
            fields: &fields,
            now,
        };
        let question = Question {
            contract: id,
            kind: if trial.is_ping { AttemptKind::Ping } else { AttemptKind::Test },
            value: &|name| tokens.lookup(name),
            session: trial.session.as_deref(),
            price: contract.schedule.first().map(|row| row.price),
            until: until(plans, trial.is_ping, now),
        };
        let attempt = self.ask(Some(plans), question).await;
        Ok(Tried { fields, attempt })
    }
}

/// The end of the time that the method itself allows.
fn until(plans: &ContractPlans, is_ping: bool, now: Timestamp) -> Timestamp {
    let plan = plans.ping.as_ref().filter(|_| is_ping).unwrap_or(&plans.post);
    let allowed = i64::try_from(plan.timeout().as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_add(allowed))
}

/// The test lead's fields: what was given, and samples for the rest.
fn fields(
    snapshot: &Snapshot,
    vertical: &CompiledVertical,
    given: &[(String, String)],
    now: Timestamp,
) -> Result<Vec<(String, String)>, TrialError> {
    let (rules, today) = (&vertical.rules, snapshot.zone().day_of(now));
    let unknown = given.iter().filter(|(name, _)| rules.field(name).is_none());
    let mut wrong: Vec<(String, String)> = unknown
        .map(|(name, _)| (name.clone(), format!("vertical {} has no such field", vertical.id)))
        .collect();
    let value =
        |name: &str| given.iter().find(|(given, _)| given.to_lowercase() == name).map(|(_, v)| v.clone());
    let lead = |name: &str| {
        value(name).or_else(|| rules.field(name).and_then(|rule| sample(rules, rule.field(), today)))
    };
    let checked = rules.check(&lead, today);
    // Where no sample is found the field is absent; what a person gave can be put right.
    let is_given = |name: &str| value(&name.to_lowercase()).is_some();
    let refused = checked.wrong.iter().filter(|problem| is_given(&problem.name));
    wrong.extend(refused.map(|problem| (problem.name.clone(), problem.text.clone())));
    if wrong.is_empty() { Ok(checked.values) } else { Err(TrialError::Fields(wrong)) }
}

/// Why a contract was left out of the market.
fn unsound(contract: &Contract, vertical: &CompiledVertical) -> TrialError {
    let first = methods(contract).find_map(|(key, purpose, method)| {
        let fault = DeliveryPlan::compile(method, &vertical.rules, purpose, &|name| std::env::var(name).ok());
        fault.err().map(|fault| FileError::new(format!("{key}.{}", fault.place), fault.message))
    });
    TrialError::Unsound(contract.id, first.unwrap_or_else(|| FileError::new("", "it cannot be used")))
}

/// The offer that a lead of the contract would be of.
fn offer_of(snapshot: &Snapshot, contract: &Contract) -> Option<OfferId> {
    let of_vertical = snapshot.network().offer.iter().filter(|offer| offer.vertical == contract.vertical);
    let taking_leads = of_vertical.filter(|offer| offer.offer_type != OfferType::ThirdParty);
    contract.offer.or_else(|| taking_leads.map(|offer| offer.id).min())
}

/// What tokens say of a lead that was never one.
struct TestTokens<'a> {
    lead: LeadId,
    request_id: Option<RequestId>,
    affiliate: AffiliateId,
    offer: Option<OfferId>,
    fields: &'a [(String, String)],
    now: Timestamp,
}

impl TestTokens<'_> {
    fn lookup(&self, name: &str) -> Option<String> {
        match name {
            "affid" => Some(self.affiliate.to_string()),
            "oid" => self.offer.as_ref().map(OfferId::to_string),
            "leadid" => Some(self.lead.to_string()),
            "reqid" | "oreqid" => self.request_id.as_ref().map(RequestId::to_string),
            "ip" | "sourceip" => Some(SAMPLE_ADDRESS.to_owned()),
            "utcunixtime" => Some(self.now.unix_seconds().to_string()),
            "sourcedate" | "sourcetime" => Some(source_time(self.now)),
            field => {
                let mut found = self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(field));
                found.next().map(|(_, value)| value.clone())
            }
        }
    }
}
