//! The page that shows clicks, leads and conversions as they arrive, each with why it
//! is credited as it is. It is the network's view, not the advertiser's.

use super::Site;
use super::request::{OTHER_HOST, Seen};
use crate::demo::scenarios::scenarios;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use crumb_server::api::explain::Explanation;
use crumb_storage::LeadStore as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// Events made for a page that does not read them yet.
const WAITING_EVENTS: usize = 16;

/// The page. It is at one address only: under the site's other name it could not forget
/// the tracker's cookies.
pub async fn page(State(site): State<Arc<Site>>, seen: Seen) -> Response {
    if seen.host == OTHER_HOST {
        return Redirect::to(&site.live()).into_response();
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Crumb · live" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/live.css";
                // Nothing folds the list then, and what is needed must not stand below it.
                noscript {
                    style {
                        "#connection, .counts, #empty { display: none } "
                        "@media (max-width: 52rem) { body { display: flex; flex-direction: column } main { order: -1 } }"
                    }
                }
                script src="/times.js" defer {}
                script src="/live.js" defer {}
            }
            body {
                (side_bar(&site))
                main {
                    header.top {
                        div {
                            h1 { "What arrives" }
                            p { "Clicks, leads and conversions, why each is credited as it is, and who bought it; postbacks." }
                        }
                        p #connection role="status" { "connecting" }
                    }
                    noscript {
                        p { "This page shows what arrives by JavaScript, which is off in this browser: allow it here, \
                             and load the page again. The links work without it, and a terminal shows the newest \
                             leads too: " code { (site.addresses.commands.leads()) } }
                    }
                    div.counts role="group" aria-label="What is shown" {
                        span.shown { "Show" }
                        (count("click", "Clicks")) (count("lead", "Leads")) (count("conversion", "Conversions"))
                        (count("told", "Postbacks, HTML pixels")) (count("rejection", "Refused"))
                    }
                    ol #feed aria-live="polite" {}
                    p #empty { "Nothing yet. Follow a link from the list, and fill in the form that it leads to." }
                }
                script #names type="application/json" { (PreEscaped(names(&site))) }
            }
        }
    };
    Html(page.into_string()).into_response()
}

fn side_bar(site: &Site) -> Markup {
    html! {
        nav aria-label="What to try" {
            p.brand { span.mark aria-hidden="true" {} "Crumb" span.tag { "demo" } }
            // Folded where it would stand before what arrives.
            details #list open {
                summary { "What to try" }
                p.hint { "Each link opens in another tab. Come back here to see what happened." }
                form method="post" action="/cookie" {
                    input type="hidden" name="back" value="/live";
                    button #new-visitor name="do" value="forget" { "Be a new visitor" }
                    span { "forgets the tracker's cookies" }
                }
                ol.scenarios {
                    @for scenario in scenarios(&site.addresses) {
                        li {
                            h2 { (scenario.title) }
                            p { (scenario.how) }
                            ul {
                                @for step in &scenario.steps { li { a href=(step.url) target="sunny" { (step.label) } } }
                            }
                        }
                    }
                }
                p.more { a href=(site.addresses.posting_document) target="sunny" { "The partner's posting document" } }
            }
        }
    }
}

fn count(kind: &str, label: &str) -> Markup {
    html! {
        button type="button" data-kind=(kind) aria-pressed="true" title="Show them, or leave them out" {
            b { "0" } span { (label) }
        }
    }
}

/// What ids are called, for people.
#[derive(Serialize)]
struct Names {
    affiliates: BTreeMap<i64, String>,
    offers: BTreeMap<i64, String>,
    buyers: BTreeMap<i64, String>,
    /// What contracts are called, with their buyers.
    contracts: BTreeMap<i64, String>,
    internal: Option<i64>,
    /// The command that says why a lead was bought by whom, with `LEAD` for its id.
    explain: String,
    /// Where the tracker is: a browser keeps its cookies back on other hosts' pages.
    tracking: String,
}

fn names(site: &Site) -> String {
    let snapshot = site.installation.network.snapshot();
    let affiliates =
        snapshot.network().affiliate.iter().map(|affiliate| (affiliate.id.0, affiliate.name.clone()));
    let buyers = snapshot.network().buyer.iter().map(|buyer| (buyer.id.0, buyer.name.clone()));
    let contracts = snapshot.network().contract.iter().map(|contract| {
        let buyer = snapshot.buyer(contract.buyer).map_or("", |buyer| buyer.name.as_str());
        (contract.id.0, format!("{buyer}: {}", contract.name))
    });
    let names = Names {
        contracts: contracts.collect(),
        explain: site.addresses.commands.explain(),
        tracking: site.addresses.tracking.clone(),
        buyers: buyers.collect(),
        affiliates: affiliates.collect(),
        offers: snapshot.offers().map(|offer| (offer.offer.id.0, offer.offer.name.clone())).collect(),
        internal: snapshot.settings().internal_affiliate.map(|id| id.0),
    };
    // Nothing in a script element may end it.
    serde_json::to_string(&names).unwrap_or_default().replace('<', "\\u003c")
}

/// Who was asked for a lead, and why they bought it or did not: what the API tells.
pub async fn explain(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Response {
    let store = &site.installation.store;
    let explained = async {
        let lead = store.lead(id.parse().ok()?).await.ok()??;
        Explanation::of(store, &lead).await.ok()
    };
    match explained.await {
        Some(explanation) => Json(explanation).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What was recorded since the start, or since the event that the page saw last,
/// and then everything as it comes.
pub async fn events(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let mut number = seen(last, site.run);
    let (sender, receiver) = mpsc::channel(WAITING_EVENTS);
    tokio::spawn(async move {
        let mut newest = site.journal.watch();
        loop {
            newest.mark_unchanged();
            for entry in site.journal.after(number) {
                number = entry.number;
                let event = Event::default()
                    .id(format!("{}-{number}", site.run))
                    .event(entry.event.name)
                    .data(&entry.event.json);
                if sender.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
                () = site.stop.cancelled() => return,
            }
        }
    });
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default())
}

/// The number that an event's id names, 0 where it is of another run.
fn seen(id: &str, run: i64) -> u64 {
    match id.split_once('-') {
        Some((of, number)) if of.parse() == Ok(run) => number.parse().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::seen;

    #[test]
    fn an_event_of_an_earlier_run_counts_for_nothing() {
        assert_eq!(seen("7-12", 7), 12);
        assert_eq!(seen("6-12", 7), 0);
        assert_eq!(seen("", 7), 0);
        assert_eq!(seen("7-x", 7), 0);
    }
}
