//! `POST /contracts/{id}/test-post`: a test lead to a buyer, of which nothing is kept.

use super::body::{self, Body};
use super::call::OneCall;
use super::explain::ExplainedAttempt;
use super::problem::{ApiError, FieldError, KeyProblems, Problem};
use axum::Json;
use crumb_domain::ContractId;
use crumb_intake::selling::{Trial, TrialError, Tried};
use crumb_storage::Store;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What is sent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPostRequest {
    /// The contract's ping or its post; `post` where absent.
    kind: Option<TestKind>,
    /// Values by field name; the vertical's others have samples. An empty one leaves its
    /// field out.
    fields: Option<BTreeMap<String, String>>,
    /// What `#session#` says, for buyers that want the token of a ping.
    session: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TestKind {
    Post,
    Ping,
}

/// What came of a test post: nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TestPost {
    /// Under which contract.
    #[schema(value_type = i64)]
    pub contract: ContractId,
    /// The fields of the test lead, by name.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// What was sent and answered; its `kind` is `test` for a post.
    #[serde(flatten)]
    pub attempt: ExplainedAttempt,
}

impl TestPost {
    /// As the API shows it.
    pub fn new(tried: Tried) -> Self {
        let fields = tried.fields.into_iter().map(|(name, value)| (name, value.into()));
        Self {
            contract: tried.attempt.contract,
            fields: fields.collect(),
            attempt: ExplainedAttempt::new(tried.attempt),
        }
    }
}

/// Sends a test lead to a contract's buyer, and keeps nothing of it.
#[utoipa::path(
    post,
    path = "/contracts/{id}/test-post",
    tag = "contracts",
    operation_id = "send_test_post",
    params(("id" = i64, Path, description = "The contract's id.")),
    request_body = TestPostRequest,
    responses(
        (status = 200, body = TestPost),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn send<S: Store + Clone>(
    OneCall { admin, caller, id }: OneCall<S>,
    bytes: Body,
) -> Result<Json<TestPost>, ApiError> {
    caller.must_be_allowed_to_change("send test posts")?;
    let missing = || ApiError::NotFound("there is no contract of this id".to_owned());
    let id: ContractId = id.and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let TestPostRequest { kind, fields, session } = body::json_or_none(bytes)?;
    let trial = Trial {
        is_ping: kind == Some(TestKind::Ping),
        fields: fields.unwrap_or_default().into_iter().collect(),
        session,
    };
    let tried = admin.selling.try_contract(id, &trial).await.map_err(|error| match error {
        TrialError::NoContract(_) => missing(),
        TrialError::NoPing(_) => ApiError::Invalid(vec![FieldError::new("kind", error.to_string())]),
        TrialError::Fields(wrong) => {
            let at = |(name, message)| FieldError::new(format!("fields.{name}"), message);
            ApiError::Invalid(wrong.into_iter().map(at).collect())
        }
        TrialError::Unsound(..) => ApiError::Invalid(vec![FieldError::new("", error.to_string())]),
    })?;
    Ok(Json(TestPost::new(tried)))
}
