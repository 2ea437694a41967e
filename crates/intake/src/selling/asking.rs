//! One question to a buyer: a ping, a post, or what became of a post.

use super::Selling;
use super::market::ContractPlans;
use crumb_domain::selling::{Attempt, AttemptKind, BuyerAnswer, Milliseconds, Phase, PostFailure};
use crumb_domain::{ContractId, Money, Timestamp};
use crumb_storage::Store;
use std::time::Duration;
use tokio::time::Instant;

/// What a question needs to know of the lead.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub contract: ContractId,
    pub kind: AttemptKind,
    /// Gives a token's value by its name.
    pub value: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// The token that the ping was answered with.
    pub session: Option<&'a str>,
    /// What is reserved.
    pub price: Option<Money>,
    pub until: Timestamp,
}

impl<S: Store + Clone> Selling<S> {
    /// Asks, and keeps what came of it.
    #[expect(clippy::disallowed_methods, reason = "time runs on while a buyer is waited for")]
    pub(crate) async fn ask(&self, plans: Option<&ContractPlans>, question: Question<'_>) -> Attempt {
        let now = self.site.clock.now();
        let id = self.site.rows.next(now);
        let plan = plans.and_then(|plans| match question.kind {
            AttemptKind::Ping => plans.ping.as_ref(),
            AttemptKind::Post | AttemptKind::Status | AttemptKind::Test => Some(&plans.post),
        });
        let Some(plan) = plan else { return not_asked(&question, id, now) };
        let left = question.until.micros().saturating_sub(now.micros());
        let until = Instant::now() + Duration::from_micros(u64::try_from(left).unwrap_or(0));
        let lookup = |name: &str| match name {
            "session" => question.session.map(str::to_owned),
            // What the buyer pays, not what the affiliate is paid.
            "price" => question.price.map(|price| price.to_string()),
            name => (question.value)(name),
        };
        let attempted = self.courier.attempt(plan, question.kind, &lookup, Some(until));
        let asking = self.told.asks(question.kind);
        let attempted = attempted.await;
        asking.answered(&attempted.read);
        attempted.into_attempt(id, now, question.contract)
    }
}

/// The contract went while the lead was under way.
fn not_asked(question: &Question<'_>, id: crumb_domain::RowId, at: Timestamp) -> Attempt {
    Attempt {
        id,
        at,
        contract: question.contract,
        kind: question.kind,
        phase: Phase::Resolve,
        ms: Milliseconds::default(),
        status: None,
        request: Vec::new(),
        answer: Vec::new(),
        read: BuyerAnswer::Failed(PostFailure::Broken { sent: false }),
        error: Some("the contract has no such delivery method".to_owned()),
    }
}
