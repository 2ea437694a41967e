//! A form that posts to the site's own server: stored first, posted second.

use super::database::{OwnDatabase, OwnLead, OwnPost};
use super::layout::failed;
use super::request::{Seen, first, pairs};
use super::tracker::{Tracker, Wanted};
use super::{Site, form_page};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use std::sync::Arc;
use url::form_urlencoded;

/// The hidden input that is different each time the form is shown.
pub const TOKEN: &str = "form_token";

/// The hidden input that the tracking link or the click pixel has filled.
pub const REQUEST_ID: &str = "ckm_request_id";

/// Takes a form, and shows what became of it.
pub async fn take(State(site): State<Arc<Site>>, seen: Seen, body: Bytes) -> Response {
    match keep_and_post(&site, &seen, &body).await {
        // So that reloading the page sends nothing.
        Ok(id) => Redirect::to(&format!("/leads/{id}")).into_response(),
        Err(error) => failed(&error.to_string()),
    }
}

async fn keep_and_post(site: &Site, seen: &Seen, body: &[u8]) -> super::database::Result<i64> {
    let form = pairs(body);
    let token = first(&form, TOKEN).unwrap_or_default();
    let request_id = first(&form, REQUEST_ID).unwrap_or_default();
    let fields = form.iter().filter(|(name, _)| name != TOKEN && !name.starts_with("ckm_"));
    let ip_address = ("ip_address".to_owned(), seen.ip.to_string());
    let fields = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields.chain(std::iter::once(&ip_address)))
        .finish();
    // First of all it is the advertiser's: whatever happens now, nothing is lost.
    let id = site.own.keep(token, &site.now(), &seen.target, request_id, &fields)?;
    if let Some(lead) = site.own.lead(id)? {
        post_kept(&site.own, &site.tracker, &lead, &site.now()).await?;
    }
    Ok(id)
}

/// Posts a kept lead, or posts it again: the same body and the same key, so that
/// the tracker makes one lead of it however often it comes.
pub async fn post_kept(
    own: &OwnDatabase,
    tracker: &Tracker,
    lead: &OwnLead,
    at: &str,
) -> super::database::Result<()> {
    let key = format!("sunny-{}", lead.token);
    post(own, tracker, lead, at, Some(key)).await
}

/// Posts a kept lead as if it had never been posted.
pub async fn post_anew(
    own: &OwnDatabase,
    tracker: &Tracker,
    lead: &OwnLead,
    at: &str,
) -> super::database::Result<()> {
    post(own, tracker, lead, at, None).await
}

async fn post(
    own: &OwnDatabase,
    tracker: &Tracker,
    lead: &OwnLead,
    at: &str,
    key: Option<String>,
) -> super::database::Result<()> {
    let body = session_post(lead);
    let answered = tracker.post(body.clone(), key.as_deref(), Wanted::Json).await;
    let (status, answer, replayed) = match answered {
        Ok(answer) => (Some(answer.status), answer.body, answer.replayed),
        Err(reason) => (None, reason, false),
    };
    own.keep_post(lead.id, &OwnPost { at: at.to_owned(), key, body, status, answer, replayed })
}

/// The body of a session post: the offer, the request id, and what the visitor said.
fn session_post(lead: &OwnLead) -> String {
    let offer = form_page(&lead.page).map(|page| page.offer).unwrap_or_default();
    form_urlencoded::Serializer::new(String::new())
        .append_pair("ckm_offer_id", &offer.to_string())
        .append_pair(REQUEST_ID, &lead.request_id)
        .extend_pairs(pairs(lead.form.as_bytes()))
        .finish()
}
