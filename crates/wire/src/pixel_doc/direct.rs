//! Leading visitors to an offer without a tracking link, and telling that advertisements
//! were shown.

use super::{Section, Subject};
use crate::conversion_code::{impression_code, landing_page_script, thank_you_page_script};
use crate::percent::encode;
use crate::posting_doc::{Example, Language};

/// The two scripts, and the address that advertisements have.
pub(super) fn linking(subject: &Subject<'_>) -> Section {
    let offer = subject.offer;
    let head = landing_page_script(&subject.base, offer.id, offer.click_cookie_days, offer.last_touch);
    let thanks = thank_you_page_script(&subject.base, subject.pixel_of(), subject.first_event());
    let parameters = format!("a={}&c={}", encode(&subject.affiliate), encode(&subject.creative));
    let touch = offer.last_touch.then(|| {
        "Tracking links may lead to the same page. Another affiliate's click takes a session over here: so that \
         the script can tell it from a further click of the same one, the offer's link then says whose the \
         session is beside its id, as `ckm_request_id=#reqid#&a=#affid#`."
            .to_owned()
    });
    let words = [
            "An advertisement may lead straight to the landing page, without a redirect. A script there reads the \
             tracking parameters from the page's address, makes the click, and keeps its request id in a cookie \
             of the page's own site; the form's empty `ckm_request_id` is filled, too. Its companion on the \
             thank-you page reads that cookie and reports the conversion. Both pages must be of one site. Each offer of \
             it has a cookie of its own; `cv.js?a=ADVERTISER` reports for the last of all of them."
                .to_owned(),
            "The advertisement's address names the affiliate as `a` and the creative as `c`, and may say `p`, `oc`, \
             `m`, `s1` to `s5` and `udid`, as a tracking link may. Nothing else of it is sent to the tracker."
                .to_owned(),
        ];
    Section {
        title: "Direct linking",
        words: words.into_iter().chain(touch).collect(),
        examples: vec![
            Example::new("In the head of the landing page", Language::Html, head),
            Example::new("On the thank-you page", Language::Html, thanks),
            Example::new(
                "What the advertisement adds to the landing page's address",
                Language::Address,
                format!("?{parameters}&s1=YOUR_SUB_ID"),
            ),
        ],
        ..Section::default()
    }
}

/// The impression pixel.
pub(super) fn impressions(subject: &Subject<'_>) -> Section {
    let code = impression_code(&subject.base, &subject.affiliate, &subject.creative);
    Section {
        title: "The impression pixel",
        words: vec![
            "Beside the advertisement, on a page or in a mail: each time it is loaded by a person, an impression \
             is counted for campaign and creative. It sets no cookie and makes no click."
                .to_owned(),
        ],
        examples: vec![Example::new("Beside the advertisement", Language::Html, code)],
        ..Section::default()
    }
}
