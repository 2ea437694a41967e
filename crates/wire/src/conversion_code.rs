//! Conversion pixels as they are pasted into thank-you pages, and the address that an
//! advertiser's server calls.

use crate::percent::encode;
use crate::posting_doc::quote;
use crumb_domain::{AdvertiserId, EventId, OfferId};
use std::fmt;

/// What stands where the page or server puts its own transaction id.
pub const TRANSACTION_ID: &str = "TRANSACTION_ID";

/// What stands where a server puts the request id of the visit.
pub const REQUEST_ID: &str = "REQUEST_ID";

/// Whose conversions a pixel reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelOf {
    /// An offer's.
    Offer(OfferId),
    /// Those of all offers of an advertiser: of the visitor's last click on any of them.
    Advertiser(AdvertiserId),
}

impl fmt::Display for PixelOf {
    /// As a pixel's address says it: `o=100`, `a=1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer(id) => write!(f, "o={id}"),
            Self::Advertiser(id) => write!(f, "a={id}"),
        }
    }
}

/// A conversion pixel in its four forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionCode {
    /// HTML: a frame, which can show the affiliates' own pixels.
    pub iframe: String,
    /// HTML: a script, which can as well.
    pub script: String,
    /// HTML: an image, which shows nobody anything else.
    pub image: String,
    /// The address that a server calls.
    pub postback: String,
}

/// The pixel of an event; without one, of the default event of whichever offer it is.
pub fn conversion_code(base_url: &str, of: PixelOf, event: Option<EventId>) -> ConversionCode {
    let base = quote::base(base_url);
    let event = event.map(|event| format!("&e={event}")).unwrap_or_default();
    let address = |form: &str| format!("{base}/p.ashx?{of}{event}{form}&t={TRANSACTION_ID}");
    let attribute = |form: &str| quote::html(&address(form));
    ConversionCode {
        iframe: format!(
            "<iframe src=\"{}\" height=\"1\" width=\"1\" frameborder=\"0\"></iframe>",
            attribute("")
        ),
        script: format!("<script src=\"{}\"></script>", attribute("&f=js")),
        image: format!(
            "<img src=\"{}\" width=\"1\" height=\"1\" border=\"0\" alt=\"\">",
            attribute("&f=img")
        ),
        postback: address(&format!("&f=pb&r={REQUEST_ID}")),
    }
}

/// The impression pixel of an affiliate's advertisement; the ids may be placeholders.
pub fn impression_code(base_url: &str, affiliate: &str, creative: &str) -> String {
    let address = format!("{}/i.ashx?a={}&c={}", quote::base(base_url), encode(affiliate), encode(creative));
    format!("<img src=\"{}\" width=\"1\" height=\"1\" border=\"0\" alt=\"\">", quote::html(&address))
}

/// For the head of a landing page that advertisements lead to directly: makes the click,
/// and keeps its request id in the page's own cookie for as long as the offer's clicks
/// earn credit.
pub fn landing_page_script(
    base_url: &str,
    offer: OfferId,
    click_cookie_days: u32,
    last_touch: bool,
) -> String {
    let touch = if last_touch { "&amp;touch=last" } else { "" };
    let base = quote::base(base_url);
    format!("<script src=\"{base}/dl.js?o={offer}&amp;days={click_cookie_days}{touch}\"></script>")
}

/// Its companion for the thank-you page.
pub fn thank_you_page_script(base_url: &str, of: PixelOf, event: Option<EventId>) -> String {
    let event = event.map(|event| format!("&e={event}")).unwrap_or_default();
    let address = format!("{}/cv.js?{of}{event}&t={TRANSACTION_ID}", quote::base(base_url));
    format!("<script src=\"{}\"></script>", quote::html(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "https://trk.example/";

    #[test]
    fn a_pixel_has_the_four_forms_that_cake_gives_out() {
        let code = conversion_code(BASE, PixelOf::Offer(OfferId(400)), Some(EventId(344)));
        let expected = ConversionCode {
            iframe: "<iframe src=\"https://trk.example/p.ashx?o=400&amp;e=344&amp;t=TRANSACTION_ID\" \
                     height=\"1\" width=\"1\" frameborder=\"0\"></iframe>"
                .to_owned(),
            script:
                "<script src=\"https://trk.example/p.ashx?o=400&amp;e=344&amp;f=js&amp;t=TRANSACTION_ID\">\
                     </script>"
                    .to_owned(),
            image: "<img src=\"https://trk.example/p.ashx?o=400&amp;e=344&amp;f=img&amp;t=TRANSACTION_ID\" \
                    width=\"1\" height=\"1\" border=\"0\" alt=\"\">"
                .to_owned(),
            postback: "https://trk.example/p.ashx?o=400&e=344&f=pb&r=REQUEST_ID&t=TRANSACTION_ID".to_owned(),
        };
        assert_eq!(code, expected);
    }

    #[test]
    fn a_global_pixel_names_the_advertiser_and_one_without_event_none() {
        let code = conversion_code(BASE, PixelOf::Advertiser(AdvertiserId(7)), None);
        assert_eq!(code.postback, "https://trk.example/p.ashx?a=7&f=pb&r=REQUEST_ID&t=TRANSACTION_ID");
        assert!(code.iframe.contains("p.ashx?a=7&amp;t=TRANSACTION_ID\""), "{}", code.iframe);
    }

    #[test]
    fn the_scripts_of_direct_linking_say_what_the_offer_wants() {
        let shop = PixelOf::Offer(OfferId(400));
        assert_eq!(
            landing_page_script(BASE, OfferId(400), 30, false),
            "<script src=\"https://trk.example/dl.js?o=400&amp;days=30\"></script>"
        );
        assert_eq!(
            landing_page_script(BASE, OfferId(400), 7, true),
            "<script src=\"https://trk.example/dl.js?o=400&amp;days=7&amp;touch=last\"></script>"
        );
        assert_eq!(
            thank_you_page_script(BASE, shop, Some(EventId(2))),
            "<script src=\"https://trk.example/cv.js?o=400&amp;e=2&amp;t=TRANSACTION_ID\"></script>"
        );
        assert_eq!(
            impression_code(BASE, "12", "4001"),
            "<img src=\"https://trk.example/i.ashx?a=12&amp;c=4001\" width=\"1\" height=\"1\" border=\"0\" alt=\"\">"
        );
    }

    proptest! {
        #[test]
        fn no_base_breaks_out_of_a_pixel(base in any::<String>()) {
            let of = PixelOf::Offer(OfferId(1));
            let (wild, tame) = (conversion_code(&base, of, None), conversion_code(BASE, of, None));
            let markup = |code: &str| code.chars().filter(|c| "<>\"'".contains(*c)).collect::<String>();
            for (wild, tame) in [(&wild.iframe, &tame.iframe), (&wild.script, &tame.script), (&wild.image, &tame.image)] {
                prop_assert_eq!(markup(wild), markup(tame));
            }
        }
    }
}
