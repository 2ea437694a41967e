//! "Pixels and direct linking": what somebody must know to report conversions of an offer,
//! or to lead visitors to it without a tracking link, and examples that work when they are
//! pasted.
//!
//! An offer's document is for its advertiser; a campaign's for its affiliate, and says
//! nothing of what the advertiser's server shows to be believed. No secret is in either.
//! All of it is plain data, of which pages and texts are made.

mod calls;
mod direct;
mod parameters;
mod reporting;
#[cfg(test)]
mod tests;
mod text;

pub use text::text;

use crate::conversion_code::PixelOf;
use crate::posting_doc::{Example, Parameter, quote};
use crumb_domain::network::{ActiveStatus, Campaign, Event, Offer};
use crumb_domain::{EventId, SubIds};

/// A document on pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelDoc {
    /// `Offer 400: Shop`.
    pub title: String,
    /// What a reader should have at hand, by name.
    pub facts: Vec<(&'static str, String)>,
    /// Its parts, in the order in which they are read.
    pub sections: Vec<Section>,
}

/// A part of a document: words, parameters, examples, in that order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// What there is to know.
    pub words: Vec<String>,
    /// What is to be done, step by step.
    pub steps: Vec<String>,
    /// What a call can say.
    pub parameters: Vec<Parameter>,
    /// Something to paste.
    pub examples: Vec<Example>,
}

/// What a document is made of.
struct Subject<'a> {
    base: String,
    offer: &'a Offer,
    /// The offer's events, the default one first.
    events: Vec<&'a Event>,
    /// Whose advertisements are spoken of; a placeholder in an offer's document.
    affiliate: String,
    creative: String,
    /// The document is for an affiliate.
    is_campaign: bool,
}

impl PixelDoc {
    /// Of an offer, for its advertiser. `base_url` is the tracking domain, `events` are the
    /// offer's, the one that it has without listed ones too.
    pub fn for_offer(offer: &Offer, events: &[Event], base_url: &str) -> Self {
        let subject = Subject::of(offer, events, base_url);
        let mut facts = vec![("Offer", format!("{} ({})", offer.name, offer.id))];
        facts.extend(offer.advertiser.map(|id| ("Advertiser id", id.to_string())));
        Self::new(format!("Offer {}: {}", offer.id, offer.name), facts, &subject)
    }

    /// Of a campaign, for its affiliate.
    pub fn for_campaign(campaign: &Campaign, offer: &Offer, events: &[Event], base_url: &str) -> Self {
        let mut subject = Subject::of(offer, events, base_url);
        (subject.affiliate, subject.is_campaign) = (campaign.affiliate.to_string(), true);
        let facts = vec![
            ("Campaign id", campaign.id.to_string()),
            ("Affiliate id", campaign.affiliate.to_string()),
            ("Offer", format!("{} ({})", offer.name, offer.id)),
        ];
        Self::new(format!("Campaign {}: {}", campaign.id, offer.name), facts, &subject)
    }

    fn new(title: String, mut facts: Vec<(&'static str, String)>, subject: &Subject<'_>) -> Self {
        facts.push(("Tracking domain", subject.base.clone()));
        let days = subject.offer.click_cookie_days;
        facts.push(("Clicks earn credit for", format!("{days} day{}", if days == 1 { "" } else { "s" })));
        let mut sections = vec![reporting::which(subject), reporting::pixels(subject)];
        sections.extend(reporting::global(subject));
        sections.push(parameters::section());
        if !subject.is_campaign {
            sections.extend([calls::authenticity(subject), calls::answers()]);
        }
        sections.extend([direct::linking(subject), direct::impressions(subject), calls::testing(subject)]);
        Self { title, facts, sections }
    }

    /// All of its examples.
    pub fn examples(&self) -> impl Iterator<Item = &Example> {
        self.sections.iter().flat_map(|section| &section.examples)
    }
}

impl<'a> Subject<'a> {
    fn of(offer: &'a Offer, events: &'a [Event], base_url: &str) -> Self {
        let creatives = &offer.creative;
        let usable = creatives.iter().find(|creative| creative.status == ActiveStatus::Active);
        let creative = usable.or(creatives.first()).map(|creative| creative.id.to_string());
        let mut events: Vec<&Event> = events.iter().collect();
        // Sorting is stable: the others stay as they are written.
        events.sort_by_key(|event| !event.default);
        Self {
            base: quote::base(base_url),
            offer,
            events,
            affiliate: "YOUR_AFFILIATE_ID".to_owned(),
            creative: creative.unwrap_or_else(|| "YOUR_CREATIVE_ID".to_owned()),
            is_campaign: false,
        }
    }

    fn pixel_of(&self) -> PixelOf {
        PixelOf::Offer(self.offer.id)
    }

    /// What a pixel of an event says as `e`: nothing where the offer lists none that is
    /// active, as old pixels do.
    fn named(&self, event: &Event) -> Option<EventId> {
        let is_listed = |listed: &Event| listed.status == ActiveStatus::Active;
        self.offer.event.iter().any(is_listed).then_some(event.id)
    }

    /// The event that examples report: the default one.
    fn first_event(&self) -> Option<EventId> {
        self.events.first().and_then(|event| self.named(event))
    }

    /// A tracking link; `-1` as the affiliate makes it a test.
    fn link(&self, affiliate: &str) -> String {
        crate::generate::link(&self.base, affiliate, &self.creative, &SubIds::default(), Default::default())
    }
}
