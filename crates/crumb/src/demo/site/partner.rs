//! A partner's script: it has leads of its own, no visitor and no cookie, and
//! posts them with the id and key of its campaign.

use super::Site;
use super::layout::{Page, document, sample_person};
use super::request::{first, pairs};
use super::tracker::{Answer, Wanted};
use crate::demo::scenarios::partner_post;
use axum::body::Bytes;
use axum::extract::State;
use maud::html;
use std::sync::Arc;

/// Shows the script.
pub async fn page(State(site): State<Arc<Site>>) -> Page {
    shown(&site, None)
}

/// Runs it, with the right key or a wrong one.
pub async fn run(State(site): State<Arc<Site>>, body: Bytes) -> Page {
    let (_, mut post) = partner_post(&site.addresses, &sample_person().email);
    if first(&pairs(&body), "key") == Some("wrong") {
        post = post.replace(&site.addresses.partner_key, "not-the-key");
    }
    let answered = site.tracker.post(post.clone(), None, Wanted::Xml).await;
    shown(&site, Some((post, answered)))
}

fn shown(site: &Site, run: Option<(String, Result<Answer, String>)>) -> Page {
    let (d_ashx, body) = partner_post(&site.addresses, &sample_person().email);
    let page = html! {
        main.own-lead {
            h1 { "A partner's script" }
            p { "Lead Partner has leads of its own. Its server posts them with the id and the key of its campaign, \
                 which say whose they are." }
            pre { "curl " (d_ashx) @for pair in body.split('&') { " \\\n  -d '" (pair) "'" } }
            form.again method="post" action="/partner" {
                button #run name="key" value="right" { "Run it" } span { "As it stands here." }
                button #run-wrong name="key" value="wrong" { "Run it with a wrong key" } span { "Refused, whatever else it says." }
            }
            @if let Some((body, answered)) = run {
                section {
                    h2 { "Sent, and answered" }
                    article.exchange {
                        pre { "POST /d.ashx\n\n" (body.replace('&', "\n&")) }
                        pre.answer {
                            @match answered {
                                Ok(answer) => { "HTTP " (answer.status) "\n\n" (answer.body) }
                                Err(reason) => { (reason) }
                            }
                        }
                    }
                }
            }
            p { "How to post, for printing or giving out: " a href=(site.addresses.posting_document) { "its posting document" }
                " · " a href="/live" target="crumb-live" { "Watch what arrives" } }
        }
    };
    document("A partner's script", &html! {}, &page)
}
