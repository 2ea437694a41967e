//! How a conversion is reported: which form to choose, and the forms to paste.

use super::{Section, Subject};
use crate::conversion_code::{ConversionCode, PixelOf, conversion_code};
use crate::posting_doc::{Example, Language};
use crumb_domain::network::Event;

/// Which form, and what to do where one may fail.
pub(super) fn which(subject: &Subject<'_>) -> Section {
    let mut words = vec![
        "Best is the call from your server: it needs no cookie, no browser loses it, and it is answered. Your \
         landing page gets the request id in its address (the offer's link carries it as `#reqid#`) or from the \
         click pixel; keep it with the visit, and name it as `r`."
            .to_owned(),
        "A pixel in the thank-you page is credited by the cookie of the click. Browsers that keep no cookies of \
         other sites send none: where the page knows the request id, add `r=` to the pixel and no cookie is needed."
            .to_owned(),
    ];
    if let Some(link) = subject.offer.link.as_deref().filter(|link| !link.to_lowercase().contains("#reqid#"))
    {
        words.push(format!(
            "The offer's link ({link}) does not carry the request id yet: have `reqid=#reqid#` added to it."
        ));
    }
    if subject.events.iter().any(|event| event.allow_duplicates && !event.deduplicate_transaction_id) {
        words.push(
            "This offer has an event that counts each time it is reported: report that one in one way only, or \
             have its transaction ids deduplicated."
                .to_owned(),
        );
    }
    Section {
        title: "Which form",
        words,
        steps: vec![
            "Call from your server as soon as the order stands, with your order's id as `t`.".to_owned(),
            "Leave the iframe pixel on the thank-you page as well, with the same `t`. It finds the conversion reported already, \
             makes no second one, and shows the affiliate's own HTML pixels, which a server's call can show \
             nobody. Where the call from the server was lost, it reports the conversion."
                .to_owned(),
            "Take the script where frames are not allowed, and the image where neither is: the image shows no \
             further pixels."
                .to_owned(),
        ],
        ..Section::default()
    }
}

/// The offer's pixel for each of its events.
pub(super) fn pixels(subject: &Subject<'_>) -> Section {
    let mut examples = Vec::new();
    for event in &subject.events {
        let code = conversion_code(&subject.base, subject.pixel_of(), subject.named(event));
        examples.extend(forms(&named(event, subject.events.len()), code));
    }
    Section {
        title: "The conversion pixel",
        words: vec![
            "Put your own order's id where `TRANSACTION_ID` stands, or leave `t` out; a server puts the visit's \
             request id where `REQUEST_ID` stands."
                .to_owned(),
        ],
        examples,
        ..Section::default()
    }
}

/// The pixel of all the advertiser's offers; an affiliate has no use for it.
pub(super) fn global(subject: &Subject<'_>) -> Option<Section> {
    let advertiser = subject.offer.advertiser.filter(|_| !subject.is_campaign)?;
    let code = conversion_code(&subject.base, PixelOf::Advertiser(advertiser), None);
    Some(Section {
        title: "One pixel for all your offers",
        words: vec![
            "On a thank-you page that several offers share: it goes to the offer that the visitor clicked last, \
             or to that of the request id."
                .to_owned(),
        ],
        examples: forms("Any offer", code),
        ..Section::default()
    })
}

fn forms(of: &str, code: ConversionCode) -> Vec<Example> {
    let ConversionCode { iframe, script, image, postback } = code;
    let example = |form: &str, language, code: String| Example::new(&format!("{of}: {form}"), language, code);
    vec![
        example("iframe", Language::Html, iframe),
        example("script", Language::Html, script),
        example("image", Language::Html, image),
        example("address for your server", Language::Address, postback),
    ]
}

fn named(event: &Event, events: usize) -> String {
    let default = if event.default && events > 1 { ", the default" } else { "" };
    let short = event.short.as_ref().map(|short| format!(", short name {short}")).unwrap_or_default();
    format!("{} (event {}{short}{default})", event.name, event.id)
}
