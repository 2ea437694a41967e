//! `GET /rejections`: posts that made no lead.

use super::call::QueryCall;
use super::problem::{ApiError, KeyProblems, ListProblems};
use super::query::{Listing, PageParameters};
use axum::Json;
use crumb_domain::outcome::Problem;
use crumb_domain::post::{KeptPost, PostKind, PostOutcome};
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::why::explain_rejection;
use crumb_domain::{AffiliateId, CampaignId, OfferId, RequestId, RowId, Timestamp};
use crumb_storage::Store;
use crumb_storage::leads::RejectionFilter;
use serde::Serialize;
use std::net::IpAddr;
use utoipa::ToSchema;

/// A post that made no lead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RejectionRow {
    /// Its id.
    #[schema(value_type = Option<String>, example = "4503599627370495")]
    pub id: Option<RequestId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `server`, `browser` or `session`.
    #[schema(value_type = String)]
    pub post: PostKind,
    /// Why: the first of its fixed texts, in snake_case.
    #[schema(value_type = String, example = "duplicate_lead")]
    pub outcome: Problem,
    /// The texts that were answered.
    pub errors: Vec<String>,
    /// Whose it would have been, where that was known.
    #[schema(value_type = Option<i64>)]
    pub affiliate: Option<AffiliateId>,
    /// The offer it named, or its campaign's.
    #[schema(value_type = Option<i64>)]
    pub offer: Option<OfferId>,
    /// The campaign it named or would have been credited to.
    #[schema(value_type = Option<i64>)]
    pub campaign: Option<CampaignId>,
    /// The poster's address.
    #[schema(value_type = Option<String>)]
    pub ip: Option<IpAddr>,
    /// What came and what was answered; only for roles that may change things,
    /// since it holds post keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// Why, for people.
    pub why: String,
}

/// A post as it came, and its answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Exchange {
    /// The query string, as sent; bytes that are not UTF-8 are replaced.
    pub query: String,
    /// The body's content type, as sent.
    pub content_type: String,
    /// The first 4 KiB of the body, as sent; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's `Location`.
    pub location: Option<String>,
    /// The answer's content.
    pub answer: String,
}

impl RejectionRow {
    /// Without what is known only of a stored post: as it is told when it happens.
    pub fn new(
        id: RowId,
        at: Timestamp,
        post: PostKind,
        problem: Problem,
        errors: Vec<String>,
        names: &RequestIdKey,
    ) -> Self {
        Self {
            id: names.request_id(id),
            at,
            post,
            outcome: problem,
            errors,
            affiliate: None,
            offer: None,
            campaign: None,
            ip: None,
            exchange: None,
            why: explain_rejection(problem),
        }
    }

    /// Of a stored post; none where it did make a lead.
    fn of_post(post: KeptPost, names: &RequestIdKey, with_exchange: bool) -> Option<Self> {
        let (PostOutcome::Rejected(problem), Some(answer)) = (post.outcome, post.answer) else { return None };
        let exchange = with_exchange.then(|| Exchange {
            query: String::from_utf8_lossy(&post.query).into_owned(),
            content_type: post.content_type,
            body: String::from_utf8_lossy(&post.body).into_owned(),
            status: answer.status,
            location: answer.location,
            answer: answer.body,
        });
        Some(Self {
            affiliate: post.affiliate,
            offer: post.offer,
            campaign: post.campaign,
            ip: post.ip,
            exchange,
            ..Self::new(post.id, post.at, post.kind, problem, post.errors, names)
        })
    }
}

/// A page of rejections.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RejectionListing {
    /// The page.
    #[serde(flatten)]
    pub listing: Listing<RejectionRow>,
    /// How many were counted but not kept, because too many came in a minute.
    pub not_kept: u64,
}

/// Posts that made no lead, by filter.
#[utoipa::path(
    get,
    path = "/rejections",
    tag = "leads",
    operation_id = "list_rejections",
    params(
        ("offer" = Option<i64>, Query, description = "Of this offer."),
        ("affiliate" = Option<i64>, Query, description = "Of this affiliate."),
        ("campaign" = Option<i64>, Query, description = "Of this campaign."),
        ("outcome" = Option<String>, Query, description = "For this reason."),
        PageParameters,
    ),
    responses(
        (status = 200, body = RejectionListing),
        ListProblems,
        KeyProblems,
    )
)]
pub(crate) async fn list<S: Store + Clone>(
    QueryCall { admin, caller, mut query }: QueryCall<S>,
) -> Result<Json<RejectionListing>, ApiError> {
    caller.must_be_of_the_network()?;
    let store = &admin.installation.store;
    let names = &admin.installation.keys.request_ids;
    let filter = RejectionFilter {
        offer: query.id("offer"),
        affiliate: query.affiliate("affiliate"),
        campaign: query.id("campaign"),
        problem: query.one_of("outcome", Problem::ALL, Problem::code),
        from: query.time("from"),
        to: query.time("to"),
    };
    let page = query.finish_list()?;
    let page = store.rejections(filter, page).await?;
    let with_exchange = caller.role.may_change();
    let listing = Listing::of(page, |post| RejectionRow::of_post(post, names, with_exchange));
    Ok(Json(RejectionListing { listing, not_kept: store.rejections_not_kept().await? }))
}
