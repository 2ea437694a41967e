//! `POST /posting-docs`: how leads are posted, or conversions reported, to read or to give
//! out.

use super::body::{self, Body};
use super::key::Caller;
use super::problem::{ApiError, FieldError, KeyProblems, Problem};
use super::role::Role;
use crate::admin::Admin;
use crate::posting_doc::{
    Kind, Method, NoDocument, Subject, create_share, document, page, pixel_document, pixel_page, pixel_text,
    text,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use crumb_domain::{AffiliateId, CampaignId, OfferId, VerticalId};
use crumb_network::Snapshot;
use crumb_storage::Store;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Which document; exactly one of campaign, offer and vertical.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostingDocRequest {
    /// Of this campaign, with its post key.
    #[schema(value_type = Option<i64>)]
    campaign: Option<CampaignId>,
    /// Of this offer.
    #[schema(value_type = Option<i64>)]
    offer: Option<OfferId>,
    /// Of this vertical.
    #[schema(value_type = Option<i64>)]
    vertical: Option<VerticalId>,
    /// What it tells: `leads`, how they are posted (the default), which third-party offers
    /// take none of, or `pixels`, on conversion pixels, direct linking and impressions, which
    /// a vertical has none of.
    #[serde(default)]
    kind: Kind,
    /// The method that is shown: `server` (the default), `browser_http`,
    /// `browser_ajax`, `session`, `server_json`, `session_json` or `xml`.
    #[schema(value_type = Option<String>)]
    method: Option<Method>,
    /// Also makes a signed address that shows it to anybody for 30 days.
    #[serde(default)]
    share: bool,
}

/// A posting document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PostingDocument {
    /// For a terminal or a mail.
    pub text: String,
    /// A whole page.
    pub html: String,
    /// Its signed address, where it is shared.
    pub url: Option<String>,
}

/// A posting document; 201 where it is shared.
#[utoipa::path(
    post,
    path = "/posting-docs",
    tag = "links",
    operation_id = "make_posting_doc",
    request_body = PostingDocRequest,
    responses(
        (status = 200, body = PostingDocument),
        (status = 201, body = PostingDocument),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        KeyProblems,
    )
)]
pub(crate) async fn create<S: Store + Clone>(
    State(admin): State<Arc<Admin<S>>>,
    caller: Caller,
    bytes: Body,
) -> Result<(StatusCode, Json<PostingDocument>), ApiError> {
    let request: PostingDocRequest = body::json(bytes)?;
    let (subject, place, id) = subject(&request)?;
    let installation = &admin.installation;
    let network = installation.network.snapshot();
    let missing = || ApiError::NotFound(format!("no {place} {id}"));
    match caller.role {
        // Another's campaign is to it as if there were none.
        Role::Affiliate(own) if campaign_of(subject, &network).is_some_and(|of| of != own) => {
            return Err(missing());
        }
        role => may_see(role, subject)?,
    }
    if request.share {
        caller.must_be_allowed_to_change("share documents")?;
    }
    let base_url = admin.tracking_url(&network);
    let mut answer = match request.kind {
        Kind::Leads => {
            let doc = document(&network, subject, base_url, installation.clock.now(), installation.pings);
            let doc = doc.map_err(|why| match why {
                NoDocument::Unknown => missing(),
                NoDocument::TakesNoLeads(_) => {
                    ApiError::Invalid(vec![FieldError::new("kind", format!("{why}; say \"pixels\""))])
                }
            })?;
            let method = request.method.unwrap_or(Method::Server);
            PostingDocument { text: text(&doc, method), html: page(&doc, method), url: None }
        }
        Kind::Pixels => {
            let doc = pixel_document(&network, subject, base_url).ok_or_else(missing)?;
            PostingDocument { text: pixel_text(&doc), html: pixel_page(&doc), url: None }
        }
    };
    if !request.share {
        return Ok((StatusCode::OK, Json(answer)));
    }
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes the address")]
    let mut rng = StdRng::from_rng(&mut rand::rng());
    answer.url =
        Some(create_share(installation, base_url, (request.kind, subject), request.method, &mut rng).await?);
    Ok((StatusCode::CREATED, Json(answer)))
}

fn subject(request: &PostingDocRequest) -> Result<(Subject, &'static str, i64), ApiError> {
    match *request {
        PostingDocRequest { vertical: Some(_), kind: Kind::Pixels, .. } => {
            Err(ApiError::Invalid(vec![FieldError::new("vertical", "a vertical has no pixels")]))
        }
        PostingDocRequest { method: Some(_), kind: Kind::Pixels, .. } => {
            Err(ApiError::Invalid(vec![FieldError::new("method", "is of documents on leads")]))
        }
        PostingDocRequest { campaign: Some(id), offer: None, vertical: None, .. } => {
            Ok((Subject::Campaign(id), "campaign", id.0))
        }
        PostingDocRequest { campaign: None, offer: Some(id), vertical: None, .. } => {
            Ok((Subject::Offer(id), "offer", id.0))
        }
        PostingDocRequest { campaign: None, offer: None, vertical: Some(id), .. } => {
            Ok((Subject::Vertical(id), "vertical", id.0))
        }
        _ => {
            let message = "exactly one of campaign, offer and vertical is needed";
            Err(ApiError::Invalid(vec![FieldError::new("", message)]))
        }
    }
}

/// Whose campaign a document is of.
fn campaign_of(subject: Subject, network: &Snapshot) -> Option<AffiliateId> {
    match subject {
        Subject::Campaign(id) => network.campaign(id).map(|campaign| campaign.affiliate),
        Subject::Offer(_) | Subject::Vertical(_) => None,
    }
}

/// A campaign's document shows its post key: its affiliate has that, and those
/// who may change campaigns, but not those who only read.
fn may_see(role: Role, subject: Subject) -> Result<(), ApiError> {
    let may = match role {
        Role::Admin | Role::Manager => true,
        Role::Reader => matches!(subject, Subject::Offer(_) | Subject::Vertical(_)),
        Role::Affiliate(_) => matches!(subject, Subject::Campaign(_)),
        Role::Buyer(_) => false,
    };
    if may { Ok(()) } else { Err(ApiError::Forbidden(format!("the role {role} may not see this document"))) }
}
