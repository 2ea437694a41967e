//! A partner's script: it has leads of its own, no visitor and no cookie, and
//! posts them with the id and key of its campaign.

use super::Site;
use super::layout::{Page, document, sample_person, words};
use super::request::{first, pairs};
use super::switches::panel;
use super::tracker::{Answer, Wanted};
use crate::demo::scenarios::partner_post;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs kept, to be looked at again: more than anybody makes in a sitting.
const KEPT: usize = 50;

/// The most characters of an e-mail address that are taken from a form.
const MAX_EMAIL_CHARS: usize = 254;

/// The latest runs of the script, for their pages.
#[derive(Default)]
pub struct Runs(Mutex<VecDeque<Arc<Run>>>);

/// What was sent, and what came back.
struct Run {
    /// Its name in addresses.
    token: String,
    /// Of the person.
    email: String,
    /// The body, urlencoded.
    body: String,
    answered: Result<Answer, String>,
}

impl Runs {
    fn keep(&self, run: Run) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() == KEPT {
            runs.pop_front();
        }
        runs.push_back(Arc::new(run));
    }

    fn of(&self, token: &str) -> Option<Arc<Run>> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().find(|run| run.token == token).map(Arc::clone)
    }
}

/// Shows the script, for a person whom it has not posted yet.
pub async fn page(State(site): State<Arc<Site>>) -> Page {
    shown(&site, &sample_person().email, None)
}

/// Runs it as it was shown, with the right key or a wrong one.
pub async fn run(State(site): State<Arc<Site>>, body: Bytes) -> Redirect {
    let form = pairs(&body);
    let person = sample_person();
    let named = first(&form, "email").filter(|email| !email.is_empty());
    let email = named.map_or(person.email, |email| email.chars().take(MAX_EMAIL_CHARS).collect());
    let (_, mut body) = partner_post(&site.addresses, &email);
    if first(&form, "key") == Some("wrong") {
        body = body.replace(&site.addresses.partner_key, "not-the-key");
    }
    let answered = site.tracker.post(body.clone(), None, Wanted::Xml).await;
    let address = format!("/partner/runs/{}", person.token);
    site.partner.keep(Run { token: person.token, email, body, answered });
    // So that reloading the page sends nothing.
    Redirect::to(&address)
}

/// Shows what was sent and what came back.
pub async fn result(State(site): State<Arc<Site>>, Path(token): Path<String>) -> Response {
    match site.partner.of(&token) {
        Some(run) => shown(&site, &run.email, Some(&run)).into_response(),
        None => {
            let text = format!(
                "The latest {KEPT} runs of the partner's script are shown, until the demo is stopped."
            );
            (StatusCode::NOT_FOUND, words("No such run", &text)).into_response()
        }
    }
}

fn shown(site: &Site, email: &str, run: Option<&Run>) -> Page {
    let (d_ashx, body) = partner_post(&site.addresses, email);
    let behind = html! {
        "Server post: the script runs on the partner's server. It brings neither a cookie nor a request id, so that there \
         is none to lose or break here; what can be wrong is the key."
    };
    let page = html! {
        main.own-lead {
            h1 { "A partner's script" }
            p { "Lead Partner has leads of its own. Its server posts them with the id and the key of its campaign, \
                 which say whose they are." }
            pre #script { "curl " (d_ashx) @for pair in body.split('&') { " \\\n  -d '" (pair) "'" } }
            form.again method="post" action="/partner" {
                input type="hidden" name="email" value=(email);
                button #run name="key" value="right" { "Run it" } span { "As it stands here." }
                button #run-wrong name="key" value="wrong" { "Run it with a wrong key" } span { "Refused, whatever else it says." }
            }
            @if let Some(run) = run {
                section {
                    h2 { "Sent, and answered" }
                    article.exchange {
                        pre.sent { "POST /d.ashx\n\n" (run.body.replace('&', "\n&")) }
                        pre.answer {
                            @match &run.answered {
                                Ok(answer) => { "HTTP " (answer.status) "\n\n" (answer.body) }
                                Err(reason) => { (reason) }
                            }
                        }
                    }
                    p { "Run as it stands it sends the same person again. " a #another href="/partner" { "Take another person" } }
                }
            }
            p { "How to post, for printing or giving out: " a href=(site.addresses.posting_document) { "its posting document" } }
        }
        (panel(&behind, &html! {}))
    };
    document("A partner's script", &html! {}, &page)
}
