//! One attempt: a lead written, sent, and its answer read, as it is kept.

use crate::error::RenderError;
use crate::mail::{Mail, MailOutcome, Mailer};
use crate::outbound::{Budget, Called, Outbound, OutboundRequest};
use crate::plan::{DeliveryPlan, Lookup, Outgoing, Parcel};
use crumb_domain::selling::{
    Attempt, AttemptKind, BuyerAnswer, BuyerReading, Milliseconds, Phase, PostFailure,
};
use crumb_domain::{ContractId, RowId, Timestamp};
use std::future::Future;
use std::sync::Arc;
use tokio::time::Instant;

/// Who takes leads to buyers.
#[derive(Clone)]
pub struct Courier {
    outbound: Arc<Outbound>,
    mailer: Option<Arc<Mailer>>,
}

/// What came of an attempt: all that [`Attempt`] keeps, but for its place and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempted {
    /// What it was for.
    pub kind: AttemptKind,
    /// How far it came.
    pub phase: Phase,
    /// How long each phase took.
    pub ms: Milliseconds,
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// What was sent, masked and cut.
    pub request: Vec<u8>,
    /// What came back, masked and cut.
    pub answer: Vec<u8>,
    /// What that was taken for.
    pub read: BuyerAnswer,
    /// What went wrong, in a sentence without secrets.
    pub error: Option<String>,
}

impl Courier {
    /// With the client, and a relay where one is configured.
    pub fn new(outbound: Arc<Outbound>, mailer: Option<Arc<Mailer>>) -> Self {
        Self { outbound, mailer }
    }

    /// Makes one attempt: the lead is written at once, and sent when the future
    /// runs. It takes at most the plan's own time, and ends by `until`.
    ///
    /// A future that is dropped leaves its connection closed and nothing known of
    /// the outcome: run it to its end wherever it may be a sale.
    pub fn attempt<'a>(
        &'a self,
        plan: &'a DeliveryPlan,
        kind: AttemptKind,
        lookup: Lookup<'_>,
        until: Option<Instant>,
    ) -> impl Future<Output = Attempted> + Send + 'a {
        let outgoing = match kind {
            AttemptKind::Status => plan.render_status(lookup).unwrap_or_else(|| {
                Err(RenderError("the buyer has no address to ask for a lead's status".to_owned()))
            }),
            AttemptKind::Ping | AttemptKind::Post | AttemptKind::Test => plan.render(lookup),
        };
        let budget = Budget { timeout: plan.timeout(), until };
        async move {
            let Outgoing { parcel, kept } = match outgoing {
                Ok(outgoing) => outgoing,
                Err(error) => return Attempted::unsent(kind, Vec::new(), error.to_string()),
            };
            match parcel {
                Parcel::Http(request) => self.call(plan, kind, request, kept, budget).await,
                Parcel::Mail(mail) => self.mail(plan, kind, &mail, kept, budget).await,
            }
        }
    }

    async fn call(
        &self,
        plan: &DeliveryPlan,
        kind: AttemptKind,
        request: OutboundRequest,
        kept: Vec<u8>,
        budget: Budget,
    ) -> Attempted {
        let Called { phase, ms, status, answer, error, .. } = self.outbound.call(request, budget).await;
        let read = match &error {
            None => plan.reader().read(status, &answer),
            Some(error) => match error.post_failure() {
                Some(failure) => BuyerAnswer::Failed(failure),
                None => BuyerAnswer::Error(BuyerReading::default()),
            },
        };
        Attempted {
            kind,
            phase,
            ms,
            status,
            request: kept,
            answer: plan.masker().kept(&answer),
            read,
            error: error.map(|error| plan.masker().text(&error.to_string())),
        }
    }

    async fn mail(
        &self,
        plan: &DeliveryPlan,
        kind: AttemptKind,
        mail: &Mail,
        kept: Vec<u8>,
        budget: Budget,
    ) -> Attempted {
        let Some(mailer) = &self.mailer else {
            let error = RenderError("no mail relay is configured".to_owned());
            return Attempted::unsent(kind, kept, error.to_string());
        };
        let mailed = mailer.send(mail, budget).await;
        let (read, error) = match mailed.outcome {
            MailOutcome::Taken => (BuyerAnswer::Accepted(BuyerReading::default()), None),
            MailOutcome::Refused(why) => {
                let error = format!("the mail was refused: {why}; nothing was delivered");
                (BuyerAnswer::Error(BuyerReading::default()), Some(error))
            }
            MailOutcome::Failed(error) => {
                let failure = error.post_failure().unwrap_or(PostFailure::Broken { sent: error.is_sent() });
                (BuyerAnswer::Failed(failure), Some(error.to_string()))
            }
        };
        Attempted {
            kind,
            phase: mailed.phase,
            ms: mailed.ms,
            status: None,
            request: kept,
            answer: plan.masker().kept(mailed.answer.as_bytes()),
            read,
            error,
        }
    }
}

impl Attempted {
    /// Ended before anything was looked up.
    fn unsent(kind: AttemptKind, request: Vec<u8>, error: String) -> Self {
        Self {
            kind,
            phase: Phase::Resolve,
            ms: Milliseconds::default(),
            status: None,
            request,
            answer: Vec::new(),
            read: BuyerAnswer::Failed(PostFailure::Broken { sent: false }),
            error: Some(error),
        }
    }

    /// The row that is kept.
    pub fn into_attempt(self, id: RowId, at: Timestamp, contract: ContractId) -> Attempt {
        let Self { kind, phase, ms, status, request, answer, read, error } = self;
        Attempt { id, at, contract, kind, phase, ms, status, request, answer, read, error }
    }
}

#[cfg(test)]
mod tests;
