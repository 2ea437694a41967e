//! What the advertiser knows of a lead: what it kept, what it sent, what it was
//! told. From here it can be sent again.

use super::Site;
use super::database::{OwnLead, OwnPost};
use super::intake::{post_anew, post_kept};
use super::layout::{Page, document, failed, not_found};
use super::request::{first, pairs};
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use crumb_domain::outcome::Problem;
use crumb_storage::leads::IDEMPOTENCY_HOURS;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use url::form_urlencoded;

/// Shows a lead.
pub async fn page(State(site): State<Arc<Site>>, id: Result<Path<i64>, PathRejection>) -> Response {
    // What is no number names no lead.
    let Ok(Path(id)) = id else { return not_found() };
    let read = site.own.lead(id).and_then(|lead| Ok((lead, site.own.posts(id)?)));
    match read {
        Ok((Some(lead), posts)) => shown(&lead, &posts).into_response(),
        Ok((None, _)) => not_found(),
        Err(error) => failed(&error.to_string()),
    }
}

/// Sends a lead again: as before, or as if for the first time.
pub async fn resend(
    State(site): State<Arc<Site>>,
    id: Result<Path<i64>, PathRejection>,
    body: Bytes,
) -> Response {
    let Ok(Path(id)) = id else { return not_found() };
    let lead = match site.own.lead(id) {
        Ok(Some(lead)) => lead,
        Ok(None) => return not_found(),
        Err(error) => return failed(&error.to_string()),
    };
    let sent = match first(&pairs(&body), "as") {
        Some("new") => post_anew(&site.own, &site.tracker, &lead, &site.now()).await,
        _ => post_kept(&site.own, &site.tracker, &lead, &site.now()).await,
    };
    match sent {
        Ok(()) => Redirect::to(&format!("/leads/{id}")).into_response(),
        Err(error) => failed(&error.to_string()),
    }
}

fn shown(lead: &OwnLead, posts: &[OwnPost]) -> Page {
    let title = format!("Application {}", lead.id);
    // Where the tracker sends the visitor: to the buyer, where one has a page for them.
    let onward = posts.iter().find_map(|post| told(post)?.redirect);
    let body = html! {
        main.own-lead {
            h1 { (title) }
            section {
                h2 { "1. Kept in our own database" }
                p { "Before anything else, at " time datetime=(lead.at) { (to_the_second(&lead.at)) } "." }
                dl {
                    dt { "Form" } dd { (lead.page) }
                    dt { "Request id" } dd { @if lead.request_id.is_empty() { em { "empty" } } @else { code { (lead.request_id) } } }
                    @for (name, value) in pairs(lead.form.as_bytes()) { dt { (name) } dd { (value) } }
                }
            }
            section {
                h2 { "2. Posted to the tracker, from server to server" }
                @for post in posts { (exchange(post, lead)) }
            }
            section {
                h2 { "3. And if it is sent again?" }
                form.again method="post" action={ "/leads/" (lead.id) "/resend" } {
                    button #resend name="as" value="again" { "Send it again, with the same key" }
                    span #same-key { (same_key()) }
                    button #send-new name="as" value="new" { "Send it as a new one" }
                    span { "Without the key it is another post, decided anew: a Duplicate Lead while a lead of this person \
                            stands. One that named no live session, or that no buyer took at once, does not count as \
                            that, and then there is another lead." }
                }
            }
            p { a #another href=(lead.page) { "Another application" } " · " a #onward href=(onward.as_deref().unwrap_or("/thanks")) { "What the visitor would see" } " · "
                a href="/live" target="crumb-live" { "Watch what arrives" } }
        }
    };
    document(&title, &html! { script src="/times.js" defer {} }, &body)
}

/// What comes of the same post under the same key.
fn same_key() -> String {
    format!(
        "By the Idempotency-Key the tracker knows the same post for {IDEMPOTENCY_HOURS} hours: no further lead \
         comes of it, and the answer is repeated."
    )
}

/// What the tracker answers in JSON.
#[derive(Deserialize)]
struct Told {
    code: u8,
    leadid: Option<String>,
    price: Option<String>,
    redirect: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

impl Told {
    /// Whether the lead was taken, and no buyer was found at once.
    fn is_unsold(&self) -> bool {
        self.errors.iter().any(|error| error == Problem::NoQualifiedBuyers.as_str())
    }
}

/// Where the page that shows what arrives has a lead: whoever is told of no lead has no id of
/// it, and names the person.
fn card_of(lead: &OwnLead) -> String {
    let form = pairs(lead.form.as_bytes());
    let email = first(&form, "email_address").unwrap_or_default();
    let fragment = form_urlencoded::Serializer::new(String::new()).append_pair("email", email).finish();
    format!("/live#{fragment}")
}

/// A time where no script can tell it by the browser's clock.
fn to_the_second(at: &str) -> String {
    let seconds = at.split(['.', 'Z']).next().unwrap_or_default();
    format!("{} UTC", seconds.replace('T', " "))
}

/// What a post was told, where its answer can be read.
fn told(post: &OwnPost) -> Option<Told> {
    serde_json::from_str(&post.answer).ok()
}

fn exchange(post: &OwnPost, lead: &OwnLead) -> Markup {
    let told = told(post);
    let is_unsold = told.as_ref().is_some_and(Told::is_unsold);
    html! {
        article.exchange {
            div.verdict {
                @match &told {
                    Some(Told { code: 0, leadid, price, .. }) => {
                        b.yes { "Accepted" } " as lead " code.leadid { (leadid.as_deref().unwrap_or("?")) }
                        ", the affiliate earns " (price.as_deref().unwrap_or("0.00"))
                    }
                    Some(told) => {
                        b.no { "Answered with errors" }
                        ul.errors { @for error in &told.errors { li { (error) } } }
                    }
                    None => { b.no { "No answer to read" } }
                }
                @if post.replayed { " " b.replayed { "the same answer again" } }
                @if is_unsold {
                    p { "The answer says no more, but the tracker has kept the lead: "
                        a.why href=(card_of(lead)) target="crumb-live" { "its card among what arrives" }
                        " says whose it is, who was asked, and why nobody has bought it so far." }
                }
            }
            pre {
                "POST /d.ashx\n"
                @if let Some(key) = &post.key { "Idempotency-Key: " (key) "\n" }
                "\n" (post.body.replace('&', "\n&"))
            }
            pre.answer {
                @if let Some(status) = post.status { "HTTP " (status) @if post.replayed { " · Idempotency-Replayed: true" } "\n\n" }
                (post.answer)
            }
        }
    }
}
