//! `GET /leads/{leadid}/explain`: who bought a lead, and why the others did not.
//!
//! [`Explanation::of`] joins what each run recorded with what was sent and answered;
//! the command `crumb explain` prints the same.

use super::call::OneCall;
use super::leads::visible_lead;
use super::problem::{ApiError, KeyProblems, OneProblems};
use axum::Json;
use crumb_domain::lead::{Lead, Sale};
use crumb_domain::selling::{
    Attempt, AttemptKind, BuyerAnswer, BuyerReading, ContractResult, Milliseconds, Phase, PostFailure,
    PriceRead,
};
use crumb_domain::{ConfigVersion, ContractId, Money, Timestamp};
use crumb_intake::selling::is_replayable;
use crumb_intake::selling::settled_posts::{SettledBy, SettledPost};
use crumb_storage::selling::RunRecord;
use crumb_storage::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Runs that are shown beside the latest one, newest first: a lead that waits for a month
/// is tried thousands of times, and the last day of that tells what the rest would.
const MAX_EARLIER: usize = 100;

/// Who bought a lead, and why the others did not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// What became of each contract of the lead's vertical in the latest run; none where
    /// the lead was never offered.
    pub contracts: Vec<ExplainedContract>,
    /// How often it was offered.
    pub runs: u32,
    /// Whether the latest run was kept so that it can be decided again.
    pub replayable: bool,
    /// When the latest run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// The configuration that it ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub config_version: Option<ConfigVersion>,
    /// The runs before it, newest first, at most 100.
    pub earlier: Vec<ExplainedRun>,
    /// What was sent in a run that the server's end broke off, which recorded no results.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken_off: Vec<UnrecordedAttempt>,
}

/// An earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainedRun {
    /// Counted from 1.
    pub run: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The configuration that it ran on.
    #[schema(value_type = i64)]
    pub config_version: ConfigVersion,
    /// What became of each contract.
    pub contracts: Vec<ExplainedContract>,
    /// Whether it was kept so that it can be decided again.
    pub replayable: bool,
}

/// A contract's part in a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainedContract {
    /// Which one.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// `sold`, or why not: a stable code.
    #[schema(value_type = String, example = "cap_reached")]
    pub result: ContractResult,
    /// The same for people.
    #[schema(example = "50 of 50 today")]
    pub text: String,
    /// What was compared.
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub values: Value,
    /// What its buyer was asked and sent.
    pub attempts: Vec<ExplainedAttempt>,
}

/// One question to a buyer, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExplainedAttempt {
    /// `ping`, `post`, `status` where it was asked what became of a post, or `test`.
    #[schema(value_type = String)]
    pub kind: AttemptKind,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How far it came: `resolve`, `connect`, `tls`, `write`, `head` or `body`.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Milliseconds of each phase that was reached.
    #[schema(value_type = std::collections::HashMap<String, u32>)]
    pub ms: Milliseconds,
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// What was sent, the first 64 KiB, with masks for secrets.
    pub request: String,
    /// What came back, the first 64 KiB.
    pub answer: String,
    /// What that was taken for: `accepted`, `rejected`, `duplicate`, `error`,
    /// `unknown_answer`, `timed_out` or `broken`; `cut_off` where a crash came before an
    /// answer was kept, of which no more is known than when it began and at which address.
    pub outcome: &'static str,
    /// What was read from it.
    pub read: ReadFromAnswer,
    /// What went wrong, where no answer was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was read from an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ReadFromAnswer {
    /// The price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "30.00")]
    pub price: Option<Money>,
    /// A price was found that is no amount.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bad_price: bool,
    /// Where the visitor goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// A redirect was found to which nobody can be sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bad_redirect: bool,
    /// The buyer's name for the lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<String>,
    /// A ping's token for the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// An attempt of a run that recorded nothing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UnrecordedAttempt {
    /// Under which contract.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// The attempt.
    #[serde(flatten)]
    pub attempt: ExplainedAttempt,
}

/// A contract's result as a run keeps it.
#[derive(Deserialize)]
struct KeptResult {
    contract: ContractId,
    result: ContractResult,
    text: String,
    values: Value,
}

impl Explanation {
    /// Of a lead.
    ///
    /// # Errors
    /// The store's, also where a run's results cannot be read.
    pub async fn of<S: Store>(store: &S, lead: &Lead) -> Result<Self, StoreError> {
        let runs = store.runs_of(lead.row).await?;
        let attempts = store.attempts_of(lead.row).await?;
        let mut explanation = Self::join(&runs, attempts)?;
        let earlier = explanation.earlier.iter_mut().flat_map(|run| &mut run.contracts);
        let contracts = explanation.contracts.iter_mut().chain(earlier);
        let unknown: Vec<_> = contracts.filter(|of| of.result == ContractResult::PostUnknown).collect();
        if !unknown.is_empty() {
            let entries = store.timeline_of(lead.row).await?;
            let settled: Vec<SettledPost> = entries.iter().filter_map(SettledPost::of).collect();
            for contract in unknown {
                contract.settle(&lead.sales, &settled);
            }
        }
        Ok(explanation)
    }

    fn join(runs: &[RunRecord], attempts: Vec<Attempt>) -> Result<Self, StoreError> {
        let mut by_run: Vec<Vec<Attempt>> = vec![Vec::new(); runs.len()];
        let mut broken_off = Vec::new();
        for attempt in attempts {
            match run_of(runs, &attempt).and_then(|index| by_run.get_mut(index)) {
                Some(of_run) => of_run.push(attempt),
                None => broken_off.push(UnrecordedAttempt {
                    contract: attempt.contract,
                    attempt: ExplainedAttempt::new(attempt),
                }),
            }
        }
        let newest_first = runs.iter().zip(by_run).rev().take(1 + MAX_EARLIER);
        let mut explained = newest_first.map(|(run, attempts)| ExplainedRun::new(run, attempts));
        let latest = explained.next().transpose()?;
        let earlier = explained.collect::<Result<_, _>>()?;
        let runs = u32::try_from(runs.len()).unwrap_or(u32::MAX);
        Ok(Self {
            runs,
            replayable: latest.as_ref().is_some_and(|run| run.replayable),
            at: latest.as_ref().map(|run| run.at),
            config_version: latest.as_ref().map(|run| run.config_version),
            contracts: latest.map(|run| run.contracts).unwrap_or_default(),
            earlier,
            broken_off,
        })
    }
}

/// Which run an attempt is of. A run is given its id when it ends, and ids ascend; a
/// buyer is asked what became of a post after its run.
fn run_of(runs: &[RunRecord], attempt: &Attempt) -> Option<usize> {
    match attempt.kind {
        AttemptKind::Status => runs.iter().rposition(|run| run.id < attempt.id),
        AttemptKind::Ping | AttemptKind::Post | AttemptKind::Test => {
            runs.iter().position(|run| attempt.id < run.id)
        }
    }
}

impl ExplainedRun {
    fn new(run: &RunRecord, attempts: Vec<Attempt>) -> Result<Self, StoreError> {
        let kept: Vec<KeptResult> = serde_json::from_str(&run.results)
            .map_err(|error| StoreError::Corrupt(format!("the results of run {:?}: {error}", run.id)))?;
        let mut contracts: Vec<_> = kept.into_iter().map(ExplainedContract::from).collect();
        for attempt in attempts {
            if let Some(of) = contracts.iter_mut().find(|of| of.contract == attempt.contract) {
                of.attempts.push(ExplainedAttempt::new(attempt));
            }
        }
        Ok(Self {
            run: run.number,
            at: run.at,
            config_version: run.config_version,
            contracts,
            replayable: is_replayable(run),
        })
    }
}

impl ExplainedContract {
    /// What a run left unknown may have been settled since: then it is told as that, with
    /// how that was found.
    fn settle(&mut self, sales: &[Sale], settled: &[SettledPost]) {
        let sale = sales.iter().find(|sale| sale.contract == self.contract);
        let settled = settled.iter().find(|settled| settled.contract == self.contract);
        let (result, end) = match (sale, settled) {
            (Some(sale), _) => (ContractResult::Sold, bought(sale)),
            (None, Some(settled)) if !settled.is_sold => {
                (ContractResult::PostRejected, "it did not buy".to_owned())
            }
            _ => return,
        };
        self.text = match settled {
            Some(settled) => {
                let by = settled.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
                let how = match settled.how {
                    SettledBy::Hand => format!("a person{by} settled"),
                    SettledBy::StatusUrl => "its status address told".to_owned(),
                    SettledBy::Rule => "its contract's rule settled".to_owned(),
                };
                format!("Its answer was unknown; {how} at {} that {end}.", settled.at)
            }
            None => format!("Its answer was unknown; it was settled later that {end}."),
        };
        self.result = result;
        if let Value::Object(values) = &mut self.values {
            if let Some(sale) = sale {
                values.insert("price".to_owned(), json!(sale.price));
                if let Some(given_back) = sale.replaces {
                    values.insert("replaces".to_owned(), json!(given_back));
                }
            }
            if let Some(SettledPost { how, at, by, .. }) = settled {
                let how = json!({ "was": "post_unknown", "how": how.as_str(), "at": at, "by": by });
                values.insert("settled".to_owned(), how);
            }
        }
    }
}

fn bought(sale: &Sale) -> String {
    match sale.replaces {
        Some(given_back) => format!("it had the lead free, in place of lead {given_back} that it gave back"),
        None => format!("it bought for {}", sale.price),
    }
}

impl From<KeptResult> for ExplainedContract {
    fn from(kept: KeptResult) -> Self {
        let KeptResult { contract, result, text, values } = kept;
        Self { contract, result, text, values, attempts: Vec::new() }
    }
}

impl ExplainedAttempt {
    /// As it is shown.
    pub fn new(attempt: Attempt) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (outcome, reading) = match attempt.read {
            BuyerAnswer::Accepted(reading) => ("accepted", reading),
            BuyerAnswer::Rejected(reading) => ("rejected", reading),
            BuyerAnswer::Duplicate(reading) => ("duplicate", reading),
            BuyerAnswer::Error(reading) => ("error", reading),
            BuyerAnswer::UnknownAnswer(reading) => ("unknown_answer", reading),
            BuyerAnswer::Failed(PostFailure::TimedOut { .. }) => ("timed_out", BuyerReading::default()),
            BuyerAnswer::Failed(PostFailure::Broken { .. }) => ("broken", BuyerReading::default()),
            BuyerAnswer::Failed(PostFailure::CutOff) => ("cut_off", BuyerReading::default()),
        };
        Self {
            kind: attempt.kind,
            at: attempt.at,
            // Done is the end of the last phase, not one of its own.
            phase: if attempt.phase == Phase::Done { Phase::Body } else { attempt.phase },
            ms: attempt.ms,
            status: attempt.status,
            request: text(&attempt.request),
            answer: text(&attempt.answer),
            outcome,
            read: reading.into(),
            error: attempt.error,
        }
    }
}

impl From<BuyerReading> for ReadFromAnswer {
    fn from(reading: BuyerReading) -> Self {
        let price = match reading.price {
            Some(PriceRead::Amount(price)) => Some(price),
            _ => None,
        };
        Self {
            price,
            bad_price: reading.price == Some(PriceRead::Unreadable),
            redirect: reading.redirect,
            bad_redirect: reading.bad_redirect,
            lead_id: reading.lead_id,
            session: reading.session,
        }
    }
}

/// Who bought a lead, and why the others did not.
#[utoipa::path(
    get,
    path = "/leads/{leadid}/explain",
    tag = "leads",
    operation_id = "explain_lead",
    params(("leadid" = String, Path, description = "As the post's answer gave it.")),
    responses(
        (status = 200, body = Explanation),
        OneProblems,
        KeyProblems,
    )
)]
pub(crate) async fn get<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
) -> Result<Json<Explanation>, ApiError> {
    let lead = visible_lead(&admin, caller, id).await?;
    // Who else was asked, and what each pays, is nobody's but the network's.
    caller.must_be_of_the_network()?;
    Ok(Json(Explanation::of(&admin.installation.store, &lead).await?))
}
