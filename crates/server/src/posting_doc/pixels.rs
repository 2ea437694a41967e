//! Documents on pixels and direct linking, as pages that stand alone like those on leads.

use super::Subject;
use super::page::{boxes, headed, parameters, prose};
use crumb_network::Snapshot;
use crumb_wire::pixel_doc::{PixelDoc, Section};
use maud::{Markup, html};

/// The document on pixels of an offer or campaign; `None` where the network has no such
/// thing, and of a vertical, which has no pixels.
///
/// `base_url` is the tracking domain of its addresses where the network names none.
pub fn pixel_document(snapshot: &Snapshot, subject: Subject, base_url: &str) -> Option<PixelDoc> {
    let base_url = snapshot.settings().tracking_url.as_deref().unwrap_or(base_url);
    match subject {
        Subject::Vertical(_) => None,
        Subject::Offer(id) => {
            let offer = snapshot.offer(id)?;
            Some(PixelDoc::for_offer(&offer.offer, offer.events(), base_url))
        }
        Subject::Campaign(id) => {
            let campaign = snapshot.campaign(id)?;
            let offer = snapshot.offer(campaign.offer)?;
            Some(PixelDoc::for_campaign(campaign, &offer.offer, offer.events(), base_url))
        }
    }
}

/// The page.
pub fn pixel_page(doc: &PixelDoc) -> String {
    let body = html! {
        header {
            div { p { "Pixels and direct linking" } h1 { (doc.title) } }
            // Without a choice: the script puts its button to print here.
            form id="choice" {}
        }
        dl { @for (name, value) in &doc.facts { dt { (name) } dd { (value) } } }
        @for part in &doc.sections { (section(part)) }
    };
    headed(&format!("Pixels and direct linking: {}", doc.title), &body)
}

fn section(part: &Section) -> Markup {
    html! {
        section {
            h2 { (part.title) }
            @for words in &part.words { p { (prose(words)) } }
            @if !part.steps.is_empty() { ol { @for step in &part.steps { li { (prose(step)) } } } }
            @if !part.parameters.is_empty() { (parameters(&part.parameters)) }
            (boxes(&part.examples))
        }
    }
}
